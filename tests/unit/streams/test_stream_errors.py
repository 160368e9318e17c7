"""What may pass and what never will: the one place that decides it, case by case."""

import opensearchpy
import pytest
import redis
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import GetError, PutError, TransactWriteError, UpdateError, VerboseClientError

from bookstore.streams.errors import MalformedRecordError, UnprojectableError
from bookstore.streams.troubles import is_transient


def aws_error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetItem")  # type: ignore[typeddict-item]


def raised(error: Exception, *, cause: BaseException) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def pynamodb_error(code: str) -> UpdateError:
    cause = VerboseClientError({"Error": {"Code": code, "Message": code}}, "UpdateItem", {})
    return UpdateError(f"Failed to update item: {code}", cause)


class SearchUnavailableError(Exception):
    """Stands for an app's own error around a store's."""


TRANSIENT = [
    ConnectionRefusedError(),
    ConnectionResetError(),
    TimeoutError(),
    redis.ConnectionError("refused"),
    redis.TimeoutError("slow"),
    redis.exceptions.BusyLoadingError("loading"),
    redis.exceptions.ReadOnlyError("a replica"),
    redis.exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    redis.exceptions.OutOfMemoryError("OOM command not allowed"),
    opensearchpy.ConnectionError("N/A", "refused", OSError("refused")),
    opensearchpy.ConnectionTimeout("TIMEOUT", "slow", OSError("slow")),
    opensearchpy.TransportError(429, "circuit_breaking_exception", {}),
    opensearchpy.TransportError(500, "boom", {}),
    opensearchpy.TransportError(503, "unavailable", {}),
    opensearchpy.NotFoundError(404, "index_not_found_exception", {}),
    EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    aws_error("ThrottlingException"),
    aws_error("ProvisionedThroughputExceededException"),
    aws_error("SomethingNew", 500),
    aws_error("SomethingNew", 429),
    pynamodb_error("ThrottlingException"),
    raised(GetError("slow", None), cause=aws_error("InternalFailure", 503)),
    raised(SearchUnavailableError("search is away"), cause=redis.ConnectionError("refused")),
]

LASTING = [
    KeyError("books"),
    ValueError("not a rating"),
    TypeError("None"),
    FileNotFoundError("a template"),
    UnprojectableError("no number"),
    MalformedRecordError("no keys"),
    redis.exceptions.ResponseError("WRONGTYPE Operation against a key"),
    redis.exceptions.ResponseError("ERR user_script:3: attempt to index a nil value"),
    opensearchpy.RequestError(400, "mapper_parsing_exception", {}),
    opensearchpy.NotFoundError(404, "not_found", {}),
    opensearchpy.SerializationError("not JSON"),
    aws_error("ValidationException"),
    aws_error("AccessDeniedException"),
    pynamodb_error("ConditionalCheckFailedException"),
    PutError("no cause", None),
    TransactWriteError("no cause", None),
    raised(UnprojectableError("never"), cause=redis.ConnectionError("refused")),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_a_store_that_is_away_slow_or_busy_is_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_the_record_itself_causes_is_not_tried_again(error: Exception) -> None:
    assert not is_transient(error)
