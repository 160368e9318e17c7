"""The real engines: DynamoDB Local, OpenSearch and Redis, installed for the tests and started by them.

They are AWS's, OpenSearch's and Redis's own programs, where `make run` and `make test` use stand-ins
that need no Java. S3, SQS and Cognito have no engine to be had: the local AWS serves them here too.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from bookstore.devstack import stores
from bookstore.devstack.stores import LOOPBACK, Store, StoreFailedError

POM = Path(__file__).with_name("pom.xml")
JARS = stores.ROOT / ".engines"  # kept, so that a second run installs nothing

# OpenSearch 3 wants Java 21; where there is only 17, as with Debian 12's own, the last 2 that the
# runner packs answers the same requests.
OLDEST_JAVA = 17
JAVA_OF_OPENSEARCH_3 = 21
OPENSEARCH_3, OPENSEARCH_2 = "3.3.0.0", "2.19.1.0"
DYNAMODB = "3.1.0"

# They live for minutes on two cores: what a long-lived server gains by a better compiler and
# collectors that run beside it, these would never earn back.
_SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
# A benchmark writes half a million items, and measures a server that has warmed up.
LONG_LIVED = ("-XX:+UseParallelGC", "-Xmx4g")


@functools.cache
def java() -> tuple[str, int]:
    """Return JAVA_HOME's Java, or else the newest of this machine, and its version; ``("", 0)`` without any."""
    return max(_javas(), key=lambda found: found[1], default=("", 0))


def _javas() -> Iterator[tuple[str, int]]:
    if home := os.environ.get("JAVA_HOME"):
        candidates = [Path(home, "bin", "java")]
    else:
        candidates = [*Path("/usr/lib/jvm").glob("*/bin/java"), Path(shutil.which("java") or "")]
    for candidate in {each.resolve() for each in candidates if each.is_file()}:
        told = subprocess.run([candidate, "-version"], capture_output=True, text=True, check=False).stderr
        if version := re.search(r'version "(\d+)', told):
            yield str(candidate), int(version[1])


def missing() -> list[str]:
    """Return what this machine lacks to run the engines."""
    lacks = [] if java()[1] >= OLDEST_JAVA else [f"Java {OLDEST_JAVA} or newer"]
    return lacks + [program for program in ("mvn", "redis-server") if not shutil.which(program)]


def opensearch() -> str:
    """Return the version that the newest Java here can run."""
    return OPENSEARCH_3 if java()[1] >= JAVA_OF_OPENSEARCH_3 else OPENSEARCH_2


def install() -> None:
    """Let Maven fetch the jars. The second time nothing happens."""
    _jars("dynamodb", DYNAMODB)
    _jars("opensearch", opensearch())


def _jars(engine: str, version: str) -> None:
    folder = JARS / f"{engine}-{version}"
    if folder.exists():
        return
    print(f"Installing {folder.name} …", flush=True)
    JARS.mkdir(exist_ok=True)
    # Into another folder first: one that bears the name is complete.
    with tempfile.TemporaryDirectory(dir=JARS) as unfinished:
        command = ["mvn", "-q", "-B", "-f", str(POM), f"-P{engine}", f"-D{engine}.version={version}"]
        command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        command += [f"-DoutputDirectory={unfinished}/jars"]
        if subprocess.run(command, check=False).returncode:
            raise StoreFailedError(f"Maven could not fetch {folder.name}; what it said stands above.")
        Path(unfinished, "jars").rename(folder)


def start_dynamodb(*, port: int, java_options: Sequence[str] = ("-Xmx512m", *_SHORT_LIVED)) -> Store:
    """Start DynamoDB Local, all in memory.

    It listens on every address of the machine and has no switch for that: take a random port,
    and stop it as soon as the tests are over.
    """
    lib = JARS / f"dynamodb-{DYNAMODB}"
    command = [
        *_die_with_us(),
        java()[0],
        *java_options,
        f"-Djava.library.path={lib}",
        "-cp",
        f"{lib}/*",
    ]
    command += ["software.amazon.dynamodb.services.local.main.ServerRunner"]
    command += ["-inMemory", "-disableTelemetry", "-port", str(port)]
    process = stores.launch(command, log=_log("dynamodb", port))
    address = f"http://{LOOPBACK}:{port}"
    store = Store(
        "DynamoDB Local", process, address, _log("dynamodb", port), lambda: stores.answers_http(address)
    )
    store.wait()
    return store


@contextlib.contextmanager
def search(*, port: int) -> Iterator[None]:
    """Run a node of OpenSearch; ``port`` is one of ``search_port``'s."""
    # In memory where a system has such a place: each write is synced, and nobody needs it again.
    in_memory = Path("/dev/shm")  # noqa: S108 - the folder in it is made for this process alone
    with tempfile.TemporaryDirectory(
        prefix="bookstore-", dir=in_memory if in_memory.is_dir() else None, ignore_cleanup_errors=True
    ) as folder:
        store = _start_search(port, folder)
        try:
            yield
        finally:
            store.stop()


def _start_search(port: int, folder: str) -> Store:
    command = [
        *_die_with_us(),
        java()[0],
        "-Xms768m",
        "-Xmx768m",
        *_SHORT_LIVED,
        "-cp",
        f"{JARS}/opensearch-{opensearch()}/*",
    ]
    command += ["org.codelibs.opensearch.runner.OpenSearchRunner", "-basePath", folder]
    # The runner counts its nodes from one, and adds the number to the port.
    command += ["-numOfNode", "1", "-clusterName", f"tests-{port}", "-baseHttpPort", str(port - 1)]
    process = stores.launch(command, log=_log("opensearch", port))
    address = f"http://{LOOPBACK}:{port}"
    store = Store(
        "OpenSearch", process, address, _log("opensearch", port), lambda: stores.answers_http(address)
    )
    store.wait(seconds=120)
    # On a disk that is nearly full it would refuse every write, however small.
    limits = {"cluster.routing.allocation.disk.threshold_enabled": False}
    _put(f"{address}/_cluster/settings", {"transient": limits})
    return store


def search_port() -> int:
    """Return a free port out of those that OpenSearch's runner accepts, another one for each test process."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for port in range(9201 + worker, 9300, workers):
        if not stores.answers_tcp(port):
            return port
    raise StoreFailedError("OpenSearch found no free port between 9201 and 9299.")


def start_redis(*, port: int) -> Store:
    """Start Redis, all in memory."""
    command = [
        *_die_with_us(),
        "redis-server",
        "--port",
        str(port),
        "--bind",
        LOOPBACK,
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    process = stores.launch(command, log=_log("redis", port))
    store = Store("Redis", process, f"redis://{LOOPBACK}:{port}/0", answers=lambda: stores.answers_tcp(port))
    store.wait()
    return store


def _die_with_us() -> list[str]:
    """Let Linux end a program when the tests were killed before they could: its port is open to others."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _log(name: str, port: int) -> Path:
    folder = JARS / "logs"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}-{port}.log"


def _put(url: str, body: object) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=60):
        pass
