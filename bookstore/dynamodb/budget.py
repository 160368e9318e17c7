"""How long one request may wait for DynamoDB altogether, however many answers it needs.

Each answer has a time-out of its own; six slow ones that keep it would still be too much for
the person who waits. Only the time spent waiting for DynamoDB counts: an order that was paid
for is stored however long the payment provider took.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError
from botocore.hooks import BaseEventHooks


@dataclass(slots=True)
class _Waiting:
    left: float  # seconds
    since: float = 0.0  # when the request under way was sent


_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Refuse, inside the block, to ask DynamoDB anything more once it took so long.

    The refusal is botocore's ``ReadTimeoutError``, as if DynamoDB had not answered. The last
    question asked in time may still take its own time-out.
    """
    token = _waiting.set(_Waiting(seconds))
    try:
        yield
    finally:
        _waiting.reset(token)


def watch(events: BaseEventHooks) -> None:
    """Count the time that a client of DynamoDB waits for answers, tries after a failure included."""
    events.register("before-send.dynamodb", _asked)
    events.register("response-received.dynamodb", _answered)


def _asked(request: Any, **_details: Any) -> None:
    if waiting := _waiting.get():
        waiting.since = time.monotonic()
        if waiting.left <= 0:
            raise ReadTimeoutError(endpoint_url=request.url)


def _answered(**_details: Any) -> None:
    if waiting := _waiting.get():
        waiting.left -= time.monotonic() - waiting.since
