"""What may pass and what never will between a stream and a view, decided in one place.

A *transient* error is worth a later try: the record stays in the stream. Anything else that a
projection raises will be raised again by the same record, which is therefore put among the
dead letters, so that it does not block those behind it.
"""

import opensearchpy
import redis
from botocore.exceptions import ClientError

from bookstore.dynamodb import errors as dynamodb
from bookstore.streams.errors import UnprojectableError

# Redis answers that tell of its own state, not of what it was asked.
_REDIS_IN_TROUBLE = (
    redis.ConnectionError,  # BusyLoadingError and MaxConnectionsError are kinds of it
    redis.TimeoutError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
)
_REDIS_TROUBLE_WORDS = ("BUSY ", "LOADING ", "MISCONF ", "NOREPLICAS ", "OOM ", "READONLY ", "UNBLOCKED ")

TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500


def is_transient(error: BaseException) -> bool:
    """Tell whether the same record may be projected at a later try.

    So are: a store out of reach, slow, busy or throttling, its answers 429 and 5xx, and an
    app's own error raised *from* one of these. ``UnprojectableError`` never is.
    """
    if isinstance(error, UnprojectableError):
        return False
    if _is_store_trouble(error):
        return True
    return error.__cause__ is not None and is_transient(error.__cause__)


def _is_store_trouble(error: BaseException) -> bool:
    match error:
        case ConnectionError() | TimeoutError():
            return True
        case redis.RedisError():
            return isinstance(error, _REDIS_IN_TROUBLE) or str(error).startswith(_REDIS_TROUBLE_WORDS)
        case opensearchpy.ConnectionError():
            return True
        case opensearchpy.TransportError(status_code=int(status)):
            # An index that is not there yet is being made: no fault of the record.
            return _may_pass(status) or error.error == "index_not_found_exception"
        case ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return _may_pass(status) or dynamodb.is_transient(error)
        case _:
            return dynamodb.is_transient(error)


def _may_pass(status: int) -> bool:
    return status == TOO_MANY_REQUESTS or status >= SERVER_ERROR
