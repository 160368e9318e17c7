"""The stores, embedded or real, empty at the start of each test, behind proxies that count and break."""

import contextlib
import copy
import functools
import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from django.conf import settings
from django.test import Client
from pytest_socket import enable_socket

from bookstore import aws
from bookstore.accounts.services import session_for
from bookstore.devstack import stores as embedded
from bookstore.dynamodb.tables import Table, all_tables, connection
from bookstore.streams.pump import Pump
from catalog import search, selectors
from leaderboard import selectors as leaderboard
from orders.search import ORDERS
from tests import settings as ports
from tests.engines import stores as engines
from tests.rights import Witness
from tests.wire import Proxy, Wire


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """Start the stores of this test process and the proxies before them."""
    enable_socket()
    with contextlib.ExitStack() as running:
        running.callback(embedded.start_aws(port=ports.AWS_PORT).stop)
        search_port, redis_port = (_start_engines if ports.REAL_ENGINES else _start_embedded)(running)
        tables = re.compile(rf'"({ports.TABLE_PREFIX}\w+)"'.encode())
        lines = Wire(
            dynamodb=Proxy(ports.DYNAMODB_PORT, ports.DYNAMODB_STORE_PORT, notes=tables),
            opensearch=Proxy(ports.SEARCH_PORT, search_port),
            redis=Proxy(ports.REDIS_PORT, redis_port),
        )
        for proxy in (lines.dynamodb, lines.opensearch, lines.redis):
            proxy.start()
        yield lines


def _start_embedded(running: contextlib.ExitStack) -> tuple[int, int]:
    """Start search and Redis and return their ports; DynamoDB is the local AWS's own."""
    search_port, redis_port = embedded.free_port(), embedded.free_port()
    running.callback(embedded.start_search(port=search_port).stop)
    running.callback(embedded.start_redis(port=redis_port).stop)
    return search_port, redis_port


def _start_engines(running: contextlib.ExitStack) -> tuple[int, int]:
    """Start the real DynamoDB, search and Redis, and return the ports of the latter two."""
    search_port, redis_port = engines.search_port(), embedded.free_port()
    running.callback(engines.start_dynamodb(port=ports.DYNAMODB_STORE_PORT).stop)
    running.enter_context(engines.search(port=search_port))
    running.callback(engines.start_redis(port=redis_port).stop)
    return search_port, redis_port


@pytest.fixture
def tables() -> Sequence[type[Table]]:
    """The tables that there are; a room whose tests need others says so."""
    return all_tables()


@pytest.fixture(autouse=True)
def empty_stores(wire: Wire, tables: Sequence[type[Table]]) -> None:
    """Give each test empty tables, an empty bucket, queue and index, and cold caches."""
    reset = urllib.request.Request(f"{settings.AWS_ENDPOINT_URL}/_ministack/reset", method="POST")
    with urllib.request.urlopen(reset, timeout=30):
        pass
    (_fill_beside_engines if ports.REAL_ENGINES else _fill_local_aws)(wire, tuple(tables))
    _redis().flushdb()
    if wire.opensearch.calls != _asked_of_search.get("until now"):
        for index in (search.BOOKS, ORDERS):
            index.forget_everything()
            index.create()
        _asked_of_search["until now"] = wire.opensearch.calls
    selectors.forget_categories()
    leaderboard._kept.clear()


def _fill_local_aws(_: Wire, tables: tuple[type[Table], ...]) -> None:
    # One request makes all: apart they took longer than most tests.
    _cloudformation().create_stack(StackName="shop", TemplateBody=_template(tables))
    made = _cloudformation().get_waiter("stack_create_complete")
    made.wait(StackName="shop", WaiterConfig={"Delay": 1})


def _fill_beside_engines(wire: Wire, tables: tuple[type[Table], ...]) -> None:
    _make_tables_anew(wire.dynamodb, tables)
    here = {"LocationConstraint": settings.AWS_REGION}
    aws.s3().create_bucket(Bucket=settings.COVERS_BUCKET, CreateBucketConfiguration=here)
    aws.sqs().create_queue(QueueName=settings.DEAD_LETTER_QUEUE_URL.rpartition("/")[2])


_asked_of_search: dict[str, int] = {}  # how many requests there had been when the index was last made


@functools.cache
def _redis() -> redis.Redis:
    """Return a client with more patience than the shop's own, which a busy machine would try."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=30)


@functools.cache
def _cloudformation() -> Any:
    return aws.session().client("cloudformation")


@functools.cache
def _template(tables: tuple[type[Table], ...]) -> str:
    """Say in CloudFormation's words what the tables' models ask of DynamoDB, and name bucket and queue.

    Expiry is left out: the local CloudFormation knows none, and no test waits for it.
    """
    resources = {
        "Covers": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": settings.COVERS_BUCKET}},
        "DeadLetters": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": settings.DEAD_LETTER_QUEUE_URL.rpartition("/")[2]},
        },
    }
    for arguments in _requests(tables).values():
        properties = copy.deepcopy(arguments)
        properties.get("StreamSpecification", {}).pop("StreamEnabled", None)
        resources[f"Table{len(resources)}"] = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
    return json.dumps({"Resources": resources})


@functools.cache
def _requests(tables: tuple[type[Table], ...]) -> dict[str, dict[str, Any]]:
    """Return the request that makes each table, by its name, without sending any."""
    requests: dict[str, dict[str, Any]] = {}

    def recorded(operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "CreateTable":
            requests[arguments["TableName"]] = arguments
        return {}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Table, "exists", lambda: False)
        patched.setattr(connection(), "dispatch", recorded)
        for table in tables:
            table.create_table()
    return requests


def _make_tables_anew(line: Proxy, tables: tuple[type[Table], ...]) -> None:
    """Make those tables anew that were written to: DynamoDB Local takes some 20 ms for each."""
    client = _patient_dynamodb()
    made_before = set(client.list_tables()["TableNames"])
    for name, request in _requests(tables).items():
        touched = name.encode() in line.noted
        if touched and name in made_before:
            client.delete_table(TableName=name)
        if touched or name not in made_before:
            client.create_table(**request)
        line.noted.discard(name.encode())


@functools.cache
def _patient_dynamodb() -> Any:
    """Return a client that leads past the proxy and waits for an engine that has only just started."""
    return aws.session().client(
        "dynamodb",
        endpoint_url=f"http://{embedded.LOOPBACK}:{ports.DYNAMODB_STORE_PORT}",
        config=Config(read_timeout=60, retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="session")
def witness() -> Iterator[Witness]:
    with pytest.MonkeyPatch.context() as patched:
        seeing = Witness()
        seeing.watch(patched)
        yield seeing


@pytest.fixture(autouse=True)
def within_its_rights(witness: Witness) -> Iterator[None]:
    """Fail a test in which a function does what its role, in ``infra/roles.yaml``, may not do."""
    witness.refused.clear()
    yield
    assert not witness.refused, "a role lacks a right, or has no business there"


@pytest.fixture(autouse=True)
def admins_scans(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fail a test in which a request to the admin was answered by a Scan; commands and tasks may scan."""
    scanned: list[str] = []
    answer = Client.request

    def watched(client: Client, **request: Any) -> Any:
        before = len(wire.dynamodb.requests)
        try:
            return answer(client, **request)
        finally:
            path = str(request.get("PATH_INFO", ""))
            if path.startswith(settings.ADMIN_PATH) and "Scan" in wire.dynamodb.requests[before:]:
                scanned.append(path)

    monkeypatch.setattr(Client, "request", watched)
    yield scanned
    assert scanned == [], "the admin never scans a table"


@pytest.fixture
def now() -> datetime:
    """A moment to act at; services take the clock from outside."""
    return datetime.now(UTC)


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Return a client with a session, as Cognito's sign-in leaves it."""

    def signed_in(
        client: Client | None = None,
        *,
        customer_id: str = "c-1",
        email: str = "reader@example.com",
        groups: tuple[str, ...] = (),
    ) -> Client:
        client = client or Client(headers={"sec-fetch-site": "same-origin"})
        client.cookies[settings.SESSION_COOKIE_NAME] = session_for(
            customer_id=customer_id, email=email, groups=groups, at=datetime.now(UTC)
        )
        return client

    return signed_in


@pytest.fixture
def client() -> Client:
    """A browser on the shop's own pages."""
    return Client(headers={"sec-fetch-site": "same-origin"})


@pytest.fixture
def pump() -> Callable[[], Any]:
    """Project everything that waits in the streams; return how many records there were."""
    return Pump().drain


@pytest.fixture
def lose_answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what loses the next answer to a DynamoDB operation, after DynamoDB has acted on it."""
    send = URLLib3Session.send

    def lose(operation: str) -> None:
        left = [operation]

        def answered_once_lost(self: Any, request: Any) -> Any:
            answer = send(self, request)
            target = request.headers.get("X-Amz-Target", b"")
            target = target.decode() if isinstance(target, bytes) else target
            if left and target.endswith(f".{operation}"):
                left.clear()
                raise ReadTimeoutError(endpoint_url=request.url)
            return answer

        monkeypatch.setattr(URLLib3Session, "send", answered_once_lost)

    return lose
