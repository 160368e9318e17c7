"""An empty local AWS, a copy of the project that tests may edit, and the program that ships it there."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from dotenv import dotenv_values
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from bookstore.devstack import stores
from bookstore.devstack.environment import aws_variables
from infra.smoke import Answer, get

ROOT = Path(__file__).resolve().parents[2]
STAGE = "staging"
EMAIL, PASSWORD = "reader@example.com", "Bookstore-1!"
DEPLOY_SECONDS = 8 * 60
ANSWER_MS = 45_000.0  # for a page, while the local AWS may have to start a function first
expect.set_options(timeout=ANSWER_MS)

# What these tests were started with, but for the shop's settings, which pytest has put there for other tests: the
# local AWS hands its own environment on to the functions that it runs.
_SETTINGS = {*dotenv_values(ROOT / ".env.example"), "ENV_FILE"}
OUTSIDE = {
    name: value
    for name, value in os.environ.items()
    if name not in _SETTINGS and not name.startswith(("AWS_", "DJANGO_", "COGNITO_"))
}


@dataclass
class Rehearsal:
    """A place to deploy to, and what has been deployed there."""

    project: Path  # the copy; edit it, deploy it
    variables: dict[str, str]  # what the program needs to find the local AWS, and nothing else
    said: list[str] = field(default_factory=list)

    def infra(self, verb: str, *arguments: str) -> int:
        """Run the program as `make` does; keep what it says in ``said``."""
        ended = subprocess.run(
            self._command(verb, *arguments),
            cwd=self.project,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEPLOY_SECONDS,
            check=False,
        )
        self.said.append(ended.stdout)
        print(ended.stdout)  # noqa: T201 - pytest shows it when a test fails
        return ended.returncode

    def kill(self, verb: str, *arguments: str, at: str, once: Callable[[], bool] = lambda: True) -> None:
        """Run the program until it says ``at`` and ``once`` is true; then end it, and all that it started, at once."""
        running = subprocess.Popen(
            self._command(verb, *arguments),
            cwd=self.project,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with running:
            try:
                said = ""
                assert running.stdout
                for line in running.stdout:
                    said += line
                    if line.startswith(at):
                        break
                print(said)  # noqa: T201 - pytest shows it when a test fails
                deadline = time.monotonic() + DEPLOY_SECONDS
                while not once():
                    assert running.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                assert running.poll() is None, f"it ended before it said {at!r}"
            finally:
                os.killpg(running.pid, signal.SIGKILL)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "infra", verb, "--stage", STAGE, *arguments]

    def manage(self, *command: str) -> None:
        """Run a management command as if in one of the functions."""
        function = self.client("lambda").get_function_configuration(FunctionName=f"bookstore-{STAGE}")
        variables = {**self.variables, **function["Environment"]["Variables"], "ENV_FILE": os.devnull}
        subprocess.run([sys.executable, "manage.py", *command], cwd=self.project, env=variables, check=True)

    def client(self, service: str):
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=self.variables["AWS_REGION"],
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )

    def output(self, stack: str, name: str) -> str:
        found = self.client("cloudformation").describe_stacks(StackName=f"bookstore-{STAGE}-{stack}")
        return next(o["OutputValue"] for o in found["Stacks"][0]["Outputs"] if o["OutputKey"] == name)

    @property
    def origin(self) -> str:
        """Where CloudFront serves the shop; Chromium knows that every name under localhost is this machine."""
        label = self.output("edge", "DistributionDomain").partition(".")[0]
        return f"http://{label}.cloudfront.localhost:{self.variables['AWS_ENDPOINT_URL'].rpartition(':')[2]}"

    def get(self, path: str) -> Answer:
        return get(path if "://" in path else f"{self.origin}{path}")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.project / file
        text = path.read_text()
        assert old in text, f"{file} does not say {old!r} any more"
        path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsing(tmp_path_factory.mktemp("rehearsal")) as place:
        yield place


@contextmanager
def rehearsing(folder: Path) -> Iterator[Rehearsal]:
    """Run a local AWS with nothing in it, and what the shop needs beside it, while it is looked at."""
    aws, search, redis, payment = (stores.free_port() for _ in range(4))
    shared = {
        "PAYMENT_API_KEY": secrets.token_urlsafe(32),
        "PAYMENT_WEBHOOK_SECRET": secrets.token_urlsafe(32),
    }
    with ExitStack() as running:
        running.callback(stores.start_search(port=search, log=folder / "search.log").stop)
        running.callback(stores.start_redis(port=redis, log=folder / "redis.log").stop)
        local = stores.start_aws(
            port=aws,
            log=folder / "aws.log",
            launch=_launch,
            variables={
                "SERVICES": "",  # all of them
                "MINISTACK_OPENSEARCH_ENDPOINT": f"127.0.0.1:{search}",
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": str(redis),
            },
        )
        running.callback(local.stop)
        provider = stores.launch(
            [
                sys.executable,
                "-m",
                "bookstore.devstack.payment_provider",
                "--port",
                str(payment),
                "--state",
                str(folder / "payments.json"),
            ],
            log=folder / "payment.log",
            environment=shared,
        )
        running.callback(stores.stop, provider, seconds=5)
        place = Rehearsal(
            project=_copy(folder / "project"),
            variables={
                **OUTSIDE,
                **aws_variables(aws),
                "DEPLOY_FOLDER": str(folder / "deploy"),
                "PAYMENT_ORIGIN": f"http://127.0.0.1:{payment}",
            },
        )
        place.client("secretsmanager").create_secret(
            Name=f"bookstore/{STAGE}/payment", SecretString=json.dumps(shared)
        )
        yield place


def _launch(
    command: Sequence[str], *, log: Path | None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    assert log
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**OUTSIDE, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _copy(project: Path) -> Path:
    """Copy what is in the repository, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, project / name)
    return project


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-background-networking", "--no-first-run"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def customer(browser: Browser) -> Iterator[BrowserContext]:
    """One browser for the whole life of the shop: its cookies outlive deployments."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(ANSWER_MS)
    yield context
    context.close()
