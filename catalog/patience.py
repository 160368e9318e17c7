"""DynamoDB for commands: nobody waits for a page, so a slow or busy store is waited for.

A hundred actions or a megabyte of scan may take longer than a page may wait.
"""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException

from bookstore.dynamodb.errors import is_transient

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 30.0
_TRIES = 5
_PAUSE_SECONDS = 0.5  # after the first try; longer after each


@cache
def connection() -> Connection:
    """Return the process's second connection to DynamoDB, the one with long time-outs."""
    return Connection(
        region=settings.AWS_REGION,
        connect_timeout_seconds=_TIMEOUT_SECONDS,
        read_timeout_seconds=_TIMEOUT_SECONDS,
        max_retry_attempts=1,
    )


def ask(operation: str, **arguments: Any) -> dict[str, Any]:
    """Send one request in DynamoDB's own words, again while it is slow or away; return its answer.

    Raises botocore's and PynamoDB's errors.
    """
    answer: dict[str, Any] = patiently(lambda: connection().dispatch(operation, arguments))
    return answer


def patiently[Result](attempt: Callable[[], Result]) -> Result:
    """Do something that may safely happen twice, up to five times while DynamoDB is slow or away."""
    for number in range(1, _TRIES):
        try:
            return attempt()
        except (PynamoDBException, BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            logger.warning("DynamoDB is slow or away, try %d of %d failed: %s", number, _TRIES, error)
            time.sleep(_PAUSE_SECONDS * number)
    return attempt()
