"""AWS cancels one of two transactions that meet; the local one never does, so here it is made to."""

import contextlib

import pytest
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from bookstore.dynamodb import conflicts
from bookstore.dynamodb.tables import transaction
from catalog import services
from catalog.models import Book
from tests.factories import book


def cancelled(*codes):
    cause = VerboseClientError(
        {"Error": {"Code": "TransactionCanceledException", "Message": "cancelled"}},
        "TransactWriteItems",
        {},
        cancellation_reasons=tuple(CancellationReason(code=code) if code else None for code in codes),
    )
    return TransactWriteError("Failed to write transaction items", cause)


@pytest.fixture
def meetings(monkeypatch):
    """Cancel as many transactions as are told, then let them through; no pauses."""
    waiting: list[TransactWriteError] = []
    tried: list[int] = []

    @contextlib.contextmanager
    def contended():
        tried.append(1)
        if waiting:
            yield from _discard()
            raise waiting.pop(0)
        with transaction() as write:
            yield write

    def _discard():
        with contextlib.suppress(StopIteration), contextlib.suppress(_DiscardedError), transaction() as write:
            yield write
            raise _DiscardedError

    monkeypatch.setattr(services, "transaction", contended)
    monkeypatch.setattr(conflicts.time, "sleep", lambda _: None)
    return waiting, tried


class _DiscardedError(Exception):
    pass


def test_adding_a_book_goes_through_conflicts(meetings):
    waiting, tried = meetings
    waiting += [cancelled("TransactionConflict", None)] * 3
    book("Emma", book_id="b-1")
    assert Book.get("b-1").name == "Emma"
    assert len(tried) == 4


def test_rating_goes_through_conflicts_and_counts_once(meetings, now):
    waiting, _tried = meetings
    book(book_id="b-1")
    waiting += [cancelled(None, "TransactionConflict")] * 2
    services.rate_book(book_id="b-1", customer_id="c-1", order_id="o-1", stars=4, at=now)
    found = Book.get("b-1", consistent_read=True)
    assert (found.rating_sum, found.rating_count) == (4, 1)


def test_revising_and_withdrawing_go_through_conflicts(meetings, now):
    waiting, _tried = meetings
    book(book_id="b-1")
    waiting += [cancelled("TransactionConflict")]
    services.revise_book(book_id="b-1", version=1, name="Pride", at=now)
    waiting += [cancelled("TransactionConflict", None)]
    assert not services.withdraw_book(book_id="b-1", at=now).is_sold


def test_endless_conflicts_are_raised_not_swallowed(meetings):
    waiting, tried = meetings
    waiting += [cancelled("TransactionConflict")] * 99
    with pytest.raises(TransactWriteError):
        book(book_id="b-1")
    assert 2 <= len(tried) <= 10


def test_a_store_that_is_away_is_not_asked_again_and_again(meetings):
    waiting, tried = meetings
    waiting += [TransactWriteError("Failed to write transaction items", None)] * 99
    with pytest.raises(TransactWriteError):
        book(book_id="b-1")
    assert len(tried) == 1
