"""Install one environment from a file of hashed requirements: install.py FOLDER REQUIREMENTS.

Started by the Makefile through ``requirements/install``, with the standard library alone. It
is quick because the file is complete, so that nothing is resolved (``--no-deps``), and because
Python compiles later what is used (``--no-compile``). When something is in the way it says one
sentence and ends with 1.
"""

import hashlib
import importlib.util
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path

UNREACHABLE = re.compile(
    r"Retrying|ConnectionError|Connection to|No matching distribution|ProxyError|SSLError|timed out"
)
TICK = 1.0 if sys.stdout.isatty() else 10.0  # seconds between two signs of life


class InstallError(Exception):
    """Something is in the way; the message is a sentence that says what to do."""


def main(folder: Path, requirements: Path) -> None:
    """Make the environment; when it is already what the requirements say, do nothing."""
    stamp = folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        stamp.touch()
        return
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise InstallError(
            f"{sys.executable} cannot make environments, because its venv module is missing: install it"
            " (on Debian and Ubuntu: `apt-get install python3-venv`) and run make again."
        )
    # One pip serves both environments: putting it into the second as well would cost seconds.
    pip = Path(".venv/bin/python")
    bare = folder != pip.parent.parent
    log = Path(f"{folder}.log")
    make = [sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if bare else []), str(folder)]
    if _run(make, log=log, saying=f"Making the environment {folder}"):
        raise InstallError(f"The environment {folder} could not be made; {log} says why.")
    python = folder / "bin" / "python"
    command = [str(pip), "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    command += [
        "--no-input",
        "--no-deps",
        "--no-compile",
        "--require-hashes",
        "--retries",
        "2",
        "--progress-bar",
        "off",
    ]
    command += ["--requirement", str(requirements)]
    count = len(re.findall(r"(?m)^[a-z0-9]\S*==", requirements.read_text()))
    if _run(command, log=log, saying=f"Installing up to {count} packages into {folder}"):
        if UNREACHABLE.search(log.read_text(errors="replace")):
            raise InstallError(
                "The packages could not be fetched: check this machine's network, or pip's settings such as"
                f" PIP_INDEX_URL, and run make again (pip's own words are in {log})."
            )
        raise InstallError(f"pip could not install the packages of {requirements}; {log} says why.")
    log.unlink()
    stamp.write_text(wanted)


def _run(command: list[str], *, log: Path, saying: str) -> int:
    """Run a program quietly, show that it is alive, and return its exit code."""
    started = time.monotonic()
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the commands are written above
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            for tick in itertools.count():
                _show(f"{saying} … {time.monotonic() - started:.0f} s" if tick else f"{saying} …", end="")
                try:
                    code = process.wait(TICK)
                    break
                except subprocess.TimeoutExpired:
                    pass
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    if not code:
        _show(f"{saying}: done in {time.monotonic() - started:.0f} s", end="\n")
    elif sys.stdout.isatty():
        print()
    return code


def _show(line: str, *, end: str) -> None:
    if sys.stdout.isatty():
        print(f"\r{line}", end=end, flush=True)
    else:
        print(line, flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except InstallError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; run make again to go on.")
