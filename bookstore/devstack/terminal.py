"""How the supervisor speaks to the person who started it."""

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_COLOURS = {"web": "36", "streams": "35", "payment": "33", "sign-up": "34", "unpaid": "32"}
_IS_TERMINAL = sys.stdout is not None and sys.stdout.isatty()
_IN_COLOUR = _IS_TERMINAL and "NO_COLOR" not in os.environ
_SIGN_OF_LIFE_SECONDS = 5.0  # between two lines where no terminal can show one that changes
_MOST_AT_ONCE = 64 * 1024  # bytes of a log shown in one go


def is_terminal() -> bool:
    """Tell whether somebody is watching."""
    return _IS_TERMINAL


def say(text: str = "") -> None:
    """Print a line at once; a terminal that is gone keeps nothing from going on."""
    _print(text, end="\n")


def _print(text: str, *, end: str) -> None:
    try:
        print(text, end=end, flush=True)
    except (OSError, ValueError):  # closed, at our end or at the other
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - stays open until the process ends


class Terminal:
    """The terminal from which the shop was started, if there was one."""

    def __init__(self) -> None:
        self._poll = select.poll()
        for descriptor in (0, 1, 2):
            if os.isatty(descriptor):
                self._poll.register(descriptor, 0)  # a hang-up is always told

    def is_closed(self) -> bool:
        """Tell whether it was closed.

        The kernel sends SIGHUP to the first process on a terminal alone. Where that is make, as
        in `xterm -e make run`, it waits for us instead of passing it on.
        """
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in self._poll.poll(0))


def loudly(text: str) -> str:
    """Return a text as it stands out on a terminal."""
    return f"\033[1m{text}\033[0m" if _IN_COLOUR else text


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and, while it takes longer, that it still is."""
    done = threading.Event()
    ticking = threading.Thread(target=_tick, args=(what, done), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()


def _tick(what: str, done: threading.Event) -> None:
    started = time.monotonic()
    line = f"  {what} …"
    if not _IS_TERMINAL:
        say(line)
        while not done.wait(_SIGN_OF_LIFE_SECONDS):
            say(f"{line} {time.monotonic() - started:.0f} s")
        return
    _print(line, end="")
    while not done.wait(1.0):
        _print(f"\r{line} {time.monotonic() - started:.0f} s", end="")
    say()


class Log:
    """A program's log file, shown line by line as it grows."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.file = file
        self._read = 0
        self._rest = b""

    def show(self) -> None:
        """Print the lines that are new, each with the program's name before it."""
        for line in self._new_lines():
            name = f"{self.name:>8}"
            say(
                f"\033[{_COLOURS.get(self.name, '37')}m{name}\033[0m  {line}"
                if _IN_COLOUR
                else f"{name}  {line}"
            )

    def last_lines(self, count: int = 12) -> list[str]:
        """Return the end of the file."""
        try:
            return self.file.read_text(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def _new_lines(self) -> list[str]:
        try:
            with self.file.open("rb") as file:
                file.seek(self._read)
                new = file.read(_MOST_AT_ONCE)
        except FileNotFoundError:
            return []
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in lines]
