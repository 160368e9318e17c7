from collections.abc import Callable

import pytest
from pynamodb.exceptions import (
    CancellationReason,
    PynamoDBException,
    TransactWriteError,
    UpdateError,
    VerboseClientError,
)

from bookstore.dynamodb import conflicts
from bookstore.dynamodb.conflicts import ATTEMPTS, is_conflict, through_conflicts


def cancelled(*codes: str | None) -> TransactWriteError:
    cause = VerboseClientError(
        {"Error": {"Code": "TransactionCanceledException", "Message": ""}},
        "TransactWriteItems",
        {},
        cancellation_reasons=[CancellationReason(code) if code else None for code in codes],
    )
    return TransactWriteError("Failed", cause)


def refused(code: str) -> UpdateError:
    return UpdateError(
        "Failed", VerboseClientError({"Error": {"Code": code, "Message": ""}}, "UpdateItem", {})
    )


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(conflicts.time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize(
    ("error", "conflict"),
    [
        (cancelled("TransactionConflict", None), True),
        (cancelled(None, "TransactionConflict", "TransactionConflict"), True),
        (cancelled("ConditionalCheckFailed", "TransactionConflict"), False),
        (cancelled("ConditionalCheckFailed"), False),
        (cancelled("ThrottlingError"), False),
        (refused("TransactionConflictException"), True),
        (refused("ConditionalCheckFailedException"), False),
        (PynamoDBException("no cause"), False),
    ],
)
def test_only_a_meeting_with_another_write_is_a_conflict(error: PynamoDBException, conflict: bool) -> None:
    assert is_conflict(error) is conflict


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = iter([error] * times)

    def write() -> str:
        for each in left:
            raise each
        return "written"

    return write


def test_a_write_is_tried_again_until_it_gets_through(pauses: list[float]) -> None:
    assert through_conflicts(failing(ATTEMPTS - 1, cancelled("TransactionConflict"))) == "written"
    assert len(pauses) == ATTEMPTS - 1
    assert sum(pauses) < 1.6


def test_a_conflict_that_lasts_is_raised_as_it_came() -> None:
    with pytest.raises(TransactWriteError):
        through_conflicts(failing(ATTEMPTS, cancelled("TransactionConflict")))


def test_every_other_refusal_is_raised_at_once(pauses: list[float]) -> None:
    for error in (
        cancelled("ConditionalCheckFailed"),
        refused("ConditionalCheckFailedException"),
        ValueError("x"),
    ):
        with pytest.raises(type(error)):
            through_conflicts(failing(1, error))
    assert pauses == []


def test_a_write_that_reads_anew_is_tried_again_when_what_it_read_had_changed(pauses: list[float]) -> None:
    assert through_conflicts(failing(2, cancelled("ConditionalCheckFailed")), reads_anew=True) == "written"
    assert len(pauses) == 2
