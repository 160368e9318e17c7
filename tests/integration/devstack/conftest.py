"""The local shop as a person has it: started as a program, in a folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bookstore.devstack.environment import remembered
from bookstore.devstack.stores import free_port

ROOT = Path(__file__).resolve().parents[3]
OPENING_SECONDS = 150


@pytest.fixture(autouse=True)
def empty_stores() -> None:
    """Need no stores of the test process: the shop brings its own."""


def environment(folder: Path, port: int, **others: str) -> dict[str, str]:
    """What a person's shell has, and not the settings of the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"HOME", "LANG", "PATH", "TMPDIR", "USER"} or name.startswith(("PYENV", "LC_"))
    }
    return {**kept, "DEVSTACK_FOLDER": str(folder), "PORT": str(port), **others}


@dataclass
class LocalShop:
    """`python -m bookstore.devstack run`, and what it said."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0  # it took to open

    @property
    def said(self) -> str:
        return "".join(self.lines)

    @property
    def variables(self) -> dict[str, str]:
        return remembered(self.folder / "env")

    def wait_until_open(self) -> "LocalShop":
        started = time.monotonic()
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if "to stop" in line:
                self.seconds = time.monotonic() - started
                return self
        raise AssertionError(f"the shop did not open (exit code {self.process.wait()}):\n{self.said}")

    def wait_until_closed(self) -> int:
        assert self.process.stdout
        with self.process.stdout:
            self.lines += self.process.stdout.readlines()
        return self.process.wait(60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait_until_closed()

    def manage(self, *arguments: str) -> str:
        """Run manage.py as in a second terminal."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(self.folder, self.port, ENV_FILE=str(self.folder / "env")),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, code: str) -> Any:
        """Run Python inside the shop; return what it leaves in `answer`."""
        printed = self.manage(
            "shell", "--no-imports", "-c", f"{code}\nimport json; print('answer', json.dumps(answer))"
        )
        return json.loads(printed.rpartition("answer ")[2])

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

    def processes_left(self, *, seconds: float = 20.0) -> dict[int, str]:
        """What is still there after it had time to end."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


def start(
    folder: Path, *, port: int = 0, wait: bool = True, terminal: int | None = None, **others: str
) -> LocalShop:
    """Start the shop in a folder; wait until it is open, unless told not to."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bookstore.devstack", "run"],
        cwd=ROOT,
        env=environment(folder, port, **others),
        stdin=terminal or subprocess.DEVNULL,
        stdout=terminal or subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shop = LocalShop(folder, port, process)
    return shop if terminal or not wait else shop.wait_until_open()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one shop, which the tests open and close in turn."""
    return tmp_path_factory.mktemp("clone") / ".devstack"


@pytest.fixture
def open_shop() -> Iterator[Callable[..., LocalShop]]:
    """Open shops; whatever is left of them is closed after the test."""
    shops: list[LocalShop] = []

    def opened(folder: Path, **how: Any) -> LocalShop:
        shop = start(folder, **{**how, "wait": False})
        shops.append(shop)
        return shop.wait_until_open() if how.get("wait", True) and not how.get("terminal") else shop

    yield opened
    for shop in shops:
        shop.process.terminate()
        try:
            shop.process.wait(30)
        except subprocess.TimeoutExpired:
            shop.process.kill()
        for pid in shop.processes_left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if shop.process.stdout:
            shop.process.stdout.close()
