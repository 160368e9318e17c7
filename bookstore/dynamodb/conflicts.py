"""Writes that met another transaction on the same item, and deserve another try."""

import random
import time
from collections.abc import Callable

from pynamodb.exceptions import PynamoDBException, TransactWriteError

from bookstore.dynamodb.errors import CONDITION_FAILED, CONFLICT, cancellation_codes, response_code

ATTEMPTS = 8
FIRST_PAUSE = 0.02  # seconds at most; doubles at each attempt
LONGEST_PAUSE = 0.4  # seconds; all attempts together pause for less than 1.5


def through_conflicts[Result](write: Callable[[], Result], *, reads_anew: bool = False) -> Result:
    """Run a write, and again when DynamoDB refused it only because another one was under way.

    ``write`` makes its transaction (or single write) anew each time. One that ``reads_anew``
    what its conditions rest on is tried again as well when a condition failed. The pauses are
    random, so that those who met do not meet again. Every other error, and a conflict that
    lasts, is raised as it came: nothing was written then.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return write()
        except PynamoDBException as error:
            if not (is_conflict(error) or (reads_anew and _is_outdated(error))):
                raise
        time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))  # noqa: S311 - a pause is no secret
    return write()


def _is_outdated(error: PynamoDBException) -> bool:
    if not isinstance(error, TransactWriteError):
        return False
    codes = {code for code in cancellation_codes(error) if code}
    return bool(codes) and codes <= {CONFLICT, CONDITION_FAILED}


def is_conflict(error: PynamoDBException) -> bool:
    """Tell whether a write was refused only because it met another one."""
    if isinstance(error, TransactWriteError):
        return {code for code in cancellation_codes(error) if code} == {CONFLICT}
    return response_code(error) == "TransactionConflictException"
