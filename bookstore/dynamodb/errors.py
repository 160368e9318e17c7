"""What goes wrong between the shop and DynamoDB, told apart."""

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

CONDITION_FAILED = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"

# Answers that a later try may turn into a success: the store is busy, slow or away.
TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


def response_code(error: PynamoDBException) -> str | None:
    """Return the code of DynamoDB's answer; ``None`` when there was no answer.

    PynamoDB's own ``cause_response_code`` fails on a connection that was cut: botocore then
    has a ``response`` that is ``None``.
    """
    answer = getattr(error.cause, "response", None) or {}
    code: str | None = answer.get("Error", {}).get("Code")
    return code


def is_condition_failure(error: PynamoDBException) -> bool:
    """Tell whether one conditional write was refused because its condition did not hold."""
    return response_code(error) == "ConditionalCheckFailedException"


def cancellation_codes(error: TransactWriteError) -> list[str | None]:
    """Return why each action of a cancelled transaction was refused; ``None`` where it was not.

    The order is PynamoDB's: condition checks, deletes, puts, updates, each in the order
    added. Empty when the whole request failed for another reason, such as a time-out.
    """
    if response_code(error) != "TransactionCanceledException":
        return []
    return [reason.code if reason else None for reason in error.cancellation_reasons]


def refused_updates(codes: Sequence[str | None], *, last: int) -> list[bool]:
    """Return which of a cancelled transaction's last updates were refused, given its ``cancellation_codes``.

    Updates come behind all else: so these are those of its books' copies, say, not of what was put.
    """
    return [code == CONDITION_FAILED for code in codes[len(codes) - last :]]


def is_transient(error: BaseException) -> bool:
    """Tell whether DynamoDB was unreachable, slow or busy, so that a retry may succeed."""
    if isinstance(error, TransactWriteError) and (codes := cancellation_codes(error)):
        reasons = {code for code in codes if code}
        return bool(reasons & TRANSIENT_CODES) and CONDITION_FAILED not in reasons
    if isinstance(error, PynamoDBException):
        code = response_code(error)
        return code in TRANSIENT_CODES if code else isinstance(error.cause, BotoCoreError)
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in TRANSIENT_CODES
    return isinstance(error, BotoCoreError)
