"""The embedded stores, empty at the start of each test, behind proxies that count and break."""

import contextlib
import copy
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from pytest_socket import enable_socket

from bookstore import aws
from bookstore.accounts.services import session_for
from bookstore.devstack import stores as embedded
from bookstore.dynamodb.tables import all_tables, connection
from bookstore.streams.pump import Pump
from catalog import search, selectors
from tests import settings as ports
from tests.wire import Proxy, Wire


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """Start the stores of this test process and the proxies before them."""
    enable_socket()
    search_port, redis_port = embedded.free_port(), embedded.free_port()
    with contextlib.ExitStack() as running:
        for store in (
            embedded.start_aws(port=ports.AWS_PORT),
            embedded.start_search(port=search_port),
            embedded.start_redis(port=redis_port),
        ):
            running.callback(store.stop)
        lines = Wire(
            dynamodb=Proxy(ports.DYNAMODB_PORT, ports.AWS_PORT),
            opensearch=Proxy(ports.SEARCH_PORT, search_port),
            redis=Proxy(ports.REDIS_PORT, redis_port),
        )
        for proxy in (lines.dynamodb, lines.opensearch, lines.redis):
            proxy.start()
        yield lines


@pytest.fixture(autouse=True)
def empty_stores(wire: Wire) -> None:
    """Give each test empty tables, an empty bucket, queue and index, and cold caches."""
    reset = urllib.request.Request(f"{settings.AWS_ENDPOINT_URL}/_ministack/reset", method="POST")
    with urllib.request.urlopen(reset, timeout=30):
        pass
    _create_tables()
    aws.s3().create_bucket(
        Bucket=settings.COVERS_BUCKET,
        CreateBucketConfiguration={"LocationConstraint": settings.AWS_REGION},  # type: ignore[typeddict-item]
    )
    aws.sqs().create_queue(QueueName=settings.DEAD_LETTER_QUEUE_URL.rpartition("/")[2])
    cache.clear()
    search.forget_everything()
    search.create_index()
    selectors.forget_categories()


_creations: list[tuple[str, dict[str, Any]]] = []  # the requests that make the tables


def _create_tables() -> None:
    """Create every table; from the second time on without asking first, a third of the requests."""
    shared = connection()
    for operation, arguments in _creations:
        shared.dispatch(operation, arguments)
    if _creations:
        return

    def recorded(operation: str, arguments: dict[str, Any]) -> Any:
        if operation != "DescribeTable":
            _creations.append((operation, copy.deepcopy(arguments)))
        return dispatch(operation, arguments)

    dispatch = shared.dispatch
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shared, "dispatch", recorded)
        for table in all_tables():
            table.create_table()


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
