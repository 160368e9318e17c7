"""How long a new web function takes until its first page, simulated: `python -m benchmarks.cold_start [PACKAGE.zip]`.

The package is unzipped and run by ``python -I -B``, as Lambda runs it from a
folder that cannot be written to: import, set-up and the first page of the shop, against the
embedded stores. Lambda's own part, and the network's, are not in it. A busy machine makes all of it
longer: processor time and a yardstick, the import of boto3 and Django alone, are measured beside it.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command

from benchmarks.stores import running_stores
from infra import package

ROUNDS = 9
MOST_MILLISECONDS, MOST_WARM_MILLISECONDS, MOST_MEGABYTES = 550, 10, 160

# Run in the unzipped package. `sys.argv[1]` is its folder, `sys.argv[2]` the page's path.
SCRIPT = """
import json, sys, time
started, cpu_started = time.perf_counter(), time.process_time()
sys.path.insert(0, sys.argv[1])
from bookstore.functions.web import handler
imported = time.perf_counter()

def ask():
    event = {
        "httpMethod": "GET", "path": sys.argv[2], "headers": {"Host": "localhost"},
        "multiValueHeaders": {"Host": ["localhost"]}, "queryStringParameters": None,
        "multiValueQueryStringParameters": None, "body": None, "isBase64Encoded": False,
        "requestContext": {"apiId": "a", "requestId": "r-00000001", "identity": {"sourceIp": "192.0.2.1"}},
    }
    answer = handler(event, None)
    assert answer["statusCode"] == 200, answer["body"]
    return answer

ask()
first, cpu_first = time.perf_counter(), time.process_time()
warm, cpu_warm = [], []
for _ in range(20):
    before, cpu_before = time.perf_counter(), time.process_time()
    ask()
    warm.append(time.perf_counter() - before)
    cpu_warm.append(time.process_time() - cpu_before)
with open("/proc/self/status") as status:  # getrusage() counts in the process that started this one
    most = dict(line.split(":", 1) for line in status)["VmHWM"]
print("COLD START", json.dumps({
    "import_ms": (imported - started) * 1000, "first_ms": (first - imported) * 1000,
    "total_ms": (first - started) * 1000, "warm_ms": sorted(warm)[10] * 1000,
    "cpu_ms": (cpu_first - cpu_started) * 1000, "warm_cpu_ms": sorted(cpu_warm)[10] * 1000,
    "megabytes": int(most.split()[0]) * 1024 / 1_000_000,
}))
"""
YARDSTICK = """
import json, sys, time
started, cpu_started = time.perf_counter(), time.process_time()
sys.path.insert(0, sys.argv[1])
import boto3, django.core.wsgi
print("COLD START", json.dumps({
    "yardstick_ms": (time.perf_counter() - started) * 1000,
    "yardstick_cpu_ms": (time.process_time() - cpu_started) * 1000,
}))
"""


@dataclass(frozen=True)
class ColdStart:
    """Medians of all rounds."""

    import_ms: float
    first_ms: float
    total_ms: float
    cpu_ms: float
    warm_ms: float
    warm_cpu_ms: float
    megabytes: float
    yardstick_ms: float
    yardstick_cpu_ms: float

    def row(self) -> str:
        """Return one line of the table, with what is allowed."""
        return (
            f"Cold start of the web function: {self.total_ms:.0f} ms (at most {MOST_MILLISECONDS}), of which the first page"
            f" {self.first_ms:.0f} ms, of the processor {self.cpu_ms:.0f} ms; warm {self.warm_ms:.1f} ms"
            f" (at most {MOST_WARM_MILLISECONDS}), of the processor {self.warm_cpu_ms:.1f} ms;"
            f" {self.megabytes:.0f} MB (at most {MOST_MEGABYTES}). boto3 and Django alone:"
            f" {self.yardstick_ms:.0f} ms, of the processor {self.yardstick_cpu_ms:.0f} ms."
        )


def measure(
    built: Path, *, environment: Mapping[str, str], page: str = "/", rounds: int = ROUNDS
) -> ColdStart:
    """Start a package's web function so many times; the stores that ``environment`` names have to run."""
    known = {
        **environment,
        "STAGE": "staging",
        "EDGE_SECRET": "",
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "bookstore.settings",
        "PAYMENT_PROVIDER": "",
        "PUBLIC_ORIGIN": "http://localhost:8000",
        "STATIC_URL": "http://localhost:8000/static/",
        "LOG_LEVEL": "ERROR",
    }
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(built) as archive:  # its bytecode asks for no dates
            archive.extractall(folder)
        runs = [
            _run(SCRIPT, folder, page, known) | _run(YARDSTICK, folder, page, known)
            for _ in range(rounds + 1)
        ][1:]  # the first reads the disk
    return ColdStart(
        *(statistics.median(run[name] for run in runs) for name in ColdStart.__dataclass_fields__)
    )


def _run(script: str, folder: str, page: str, environment: Mapping[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script, folder, page],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The web function did not start:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    told: dict[str, float] = json.loads(done.stdout.rpartition("COLD START ")[2])
    return told


def main() -> None:
    """Start stores with the sample in them, build a package where none is given, measure, print."""
    with running_stores() as running, tempfile.TemporaryDirectory() as folder:
        call_command("load_sample", verbosity=0, stdout=io.StringIO(), stderr=io.StringIO())
        given = Path(sys.argv[1]) if sys.argv[1:] else package.build(stage="dev", folder=Path(folder)).path
        print(measure(given, environment=running.environment).row())


if __name__ == "__main__":
    main()
