import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from pynamodb.exceptions import GetError, PutError, TransactWriteError

from bookstore.dynamodb.errors import cancellation_codes, is_condition_failure, is_transient

URL = "http://store"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")


@pytest.mark.parametrize(
    "cause",
    [
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),  # its `response` is None, which trips PynamoDB
        refused("ProvisionedThroughputExceededException"),
        refused("ThrottlingException"),
        refused("InternalServerError"),
    ],
)
def test_a_store_that_is_away_slow_or_busy_is_told_from_a_refusal(cause: Exception) -> None:
    assert is_transient(cause)
    for error in (GetError("x", cause), PutError("x", cause), TransactWriteError("x", cause)):
        assert is_transient(error)
    assert not is_condition_failure(PutError("x", cause))
    assert cancellation_codes(TransactWriteError("x", cause)) == []


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "AccessDeniedException"]
)
def test_a_refusal_is_no_outage(code: str) -> None:
    assert not is_transient(PutError("x", refused(code)))
    assert is_condition_failure(PutError("x", refused(code))) is (code == "ConditionalCheckFailedException")
