"""The local shop as a person has it: started in a clone of its own, from a shell or at a terminal."""

import contextlib
import http.cookiejar
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bookstore.devstack.environment import remembered
from bookstore.devstack.stores import free_port

ROOT = Path(__file__).resolve().parents[2]
OPENING_SECONDS = 150.0
NO_SOURCES = shutil.ignore_patterns(".*", "benchmarks", "docs", "infra", "staticfiles", "tests")


def clone(folder: Path) -> Path:
    """Copy the shop's sources, so that they can be edited; the installed packages are shared."""
    shutil.copytree(ROOT, folder, ignore=NO_SOURCES)
    for installed in (".venv", ".venv-aws"):
        (folder / installed).symlink_to(ROOT / installed)
    return folder


def wait_until(is_so: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Look until something is so; fail when it does not become so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} seconds"
        time.sleep(0.1)


@dataclass
class LocalShop:
    """The shop of one clone: its one run at a time, and what that said."""

    clone: Path
    port: int = field(default_factory=free_port)
    said: str = ""
    seconds: float = 0.0  # from the command until it was open
    process: subprocess.Popen[bytes] | None = None
    _begun: float = 0.0  # on the monotonic clock
    _output: int = -1
    _listener: threading.Thread | None = None
    _deaf: threading.Event = field(default_factory=threading.Event)

    @property
    def folder(self) -> Path:
        return self.clone / ".devstack"

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        return remembered(self.folder / "env")

    # Starting and ending

    def begin(self, *command: str, terminal: bool = False, **variables: str) -> None:
        """Start a command in the clone, from a shell without a terminal or at a terminal of its own."""
        command = command or (sys.executable, "-m", "bookstore.devstack", "run")
        if terminal:
            self._output, its = pty.openpty()
            command = ("setsid", "--ctty", *command)
        else:
            self._output, its = os.pipe()
        self.said = ""
        self._begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=self.clone,
            env=self.environment(**variables),
            stdin=its if terminal else subprocess.DEVNULL,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        self._deaf.clear()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def open(self, *command: str, **how: Any) -> None:
        """Start it, wait until it says that it is open, and tell how long that took."""
        self.begin(*command, **how)
        self.wait_until_open()

    def wait_until_open(self) -> None:
        wait_until(lambda: "to stop" in self.said or not self.is_running, seconds=OPENING_SECONDS)
        assert self.is_running, self.said
        self.seconds = time.monotonic() - self._begun

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _listen(self) -> None:
        while not self._deaf.is_set():
            if select.select([self._output], [], [], 0.1)[0]:
                try:
                    new = os.read(self._output, 65536)
                except OSError:  # nobody is left at the terminal
                    break
                if not new:
                    break
                self.said += new.decode(errors="replace")
        os.close(self._output)

    def press(self, keys: bytes) -> None:
        """Type at its terminal."""
        os.write(self._output, keys)

    def hang_up(self) -> None:
        """Close its terminal's window."""
        self._deaf.set()
        self.listen_to_the_end()

    def listen_to_the_end(self) -> None:
        if self._listener:
            self._listener.join()

    def ended(self) -> int:
        """Wait until it has ended; return its exit code."""
        assert self.process
        code = self.process.wait(60)
        self.listen_to_the_end()
        return code

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        return self.ended()

    def end_whatever_is_left(self) -> None:
        if self.is_running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        for pid in self.processes_left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.hang_up()

    # Beside it

    def environment(self, **others: str) -> dict[str, str]:
        """What a person's shell has, and not the settings of the tests."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in {"HOME", "LANG", "PATH", "TMPDIR", "USER"} or name.startswith(("PYENV", "LC_"))
        }
        return {**kept, "DEVSTACK_FOLDER": str(self.folder), "PORT": str(self.port), **others}

    def command(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as in a second terminal."""
        return subprocess.run(
            command,
            cwd=self.clone,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, code: str) -> Any:
        """Run Python inside the shop; return what it leaves in `answer`."""
        code += "\nimport json; print('answer', json.dumps(answer))"
        done = self.command(sys.executable, "manage.py", "shell", "--no-imports", "-c", code)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.rpartition("answer ")[2])

    def processes(self) -> dict[int, str]:
        """Every process that belongs to this shop, whoever its parent is now."""
        mark = f"DEVSTACK_FOLDER={self.folder}\0".encode()
        # Redis writes its name over its environment; its port tells it apart.
        redis = self.variables.get("REDIS_URL", "").removesuffix("/0").rpartition("/")[2] or "no such process"
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if mark in (entry / "environ").read_bytes() + b"\0" or redis in command:
                    found[int(entry.name)] = command
            except OSError:
                continue  # it has ended
        return found

    def processes_left(self, *, seconds: float = 40.0) -> dict[int, str]:
        """What is still there after it had time to end."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


class Cookies(http.cookiejar.CookieJar):
    """A browser's cookies, which all ports of a host share; remembers every name that was ever set."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def set_cookie(self, cookie: http.cookiejar.Cookie) -> None:
        self.names.add(cookie.name)
        super().set_cookie(cookie)


class Visitor:
    """A browser without a window."""

    def __init__(self, *, patience_seconds: float = 10.0) -> None:
        self.cookies = Cookies()
        self._patience_seconds = patience_seconds
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, address: str) -> str:
        """Return a page, or the error page that came in its place."""
        return self._open(urllib.request.Request(address))[1]

    def post(self, address: str, **form: str) -> tuple[str, str]:
        """Send a form from one of the shop's own pages; return where it led and the page there."""
        request = urllib.request.Request(
            address, data=urllib.parse.urlencode(form).encode(), headers={"Sec-Fetch-Site": "same-origin"}
        )
        return self._open(request)

    def _open(self, request: urllib.request.Request) -> tuple[str, str]:
        try:
            with self._browser.open(request, timeout=self._patience_seconds) as answer:
                return answer.url, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.url, answer.read().decode()

    def go_to_sign_in(self, address: str) -> tuple[str, dict[str, str]]:
        """Open a private page; return Cognito's origin and the hidden fields of its form."""
        where, page = self._open(urllib.request.Request(address))
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        return where.partition("/oauth2/")[0], fields


@dataclass
class Life:
    """Two clones of the shop, each with what happened to it so far."""

    ours: LocalShop
    theirs: LocalShop
    # Of each start after the first: the seconds it took, and how many programs wanted each core meanwhile.
    later_starts: list[tuple[float, float]] = field(default_factory=list)

    def note_later_start(self, shop: LocalShop) -> None:
        self.later_starts.append((shop.seconds, os.getloadavg()[0] / (os.cpu_count() or 1)))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    home = tmp_path_factory.mktemp("home")
    told = Life(LocalShop(clone(home / "ours")), LocalShop(clone(home / "theirs")))
    yield told
    told.ours.end_whatever_is_left()
    told.theirs.end_whatever_is_left()
