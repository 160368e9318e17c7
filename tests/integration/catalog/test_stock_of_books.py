from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pynamodb.exceptions import TransactWriteError

from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes, refused_updates
from bookstore.dynamodb.tables import transaction
from catalog import models, services, stock
from catalog.errors import BadBookError, BookNotFoundError
from catalog.models import Book, StockEntry
from tests.factories import book


def stored(book_id):
    return Book.get(book_id, consistent_read=True)


def ledger_of(book_id):
    """Return a book's entries, oldest first."""
    return [(entry.kind, int(entry.delta)) for entry in StockEntry.query(book_id, consistent_read=True)]


def for_an_order():
    return {"order_id": "order-1", "by": "customer", "at": datetime.now(UTC)}


def take(book_id, copies=1, price="7.99"):
    """Take copies in a transaction of their own; tell whether it went through."""
    try:
        with transaction() as write:
            stock.take_copies(write, book_id=book_id, copies=copies, price=Decimal(price), **for_an_order())
    except TransactWriteError as error:
        if cancellation_codes(error) != [None, CONDITION_FAILED]:  # nothing is wrong with the entry
            raise
        return False
    return True


def give_back(book_id, copies=1):
    with transaction() as write:
        stock.return_copies(write, book_id=book_id, copies=copies, **for_an_order())


def test_copies_are_taken_and_returned(now):
    book(book_id="b-1", stock=3)
    before = stored("b-1")
    assert take("b-1", 2)
    assert stored("b-1").stock == 1
    give_back("b-1", 2)
    after = stored("b-1")
    assert (after.stock, after.revision, after.version) == (3, before.revision + 2, before.version)


def test_no_more_copies_are_taken_than_there_are():
    book(book_id="b-1", stock=2)
    assert not take("b-1", 3)
    assert stored("b-1").stock == 2


def test_fifty_buyers_of_seven_copies_get_seven():
    book(book_id="b-1", stock=7)
    with ThreadPoolExecutor(50) as buyers:
        got = list(buyers.map(lambda _: take("b-1"), range(50)))
    assert got.count(True) == 7
    assert stored("b-1").stock == 0


@pytest.mark.parametrize("price", ["7.98", "8.00", "0.01", "799"])
def test_a_forged_or_outdated_price_takes_nothing(price):
    book(book_id="b-1", price="7.99", stock=5)
    assert not take("b-1", price=price)
    assert stored("b-1").stock == 5


def test_a_price_is_compared_by_value():
    book(book_id="b-1", price="7.90")
    assert take("b-1", price="7.9")


def test_a_withdrawn_book_is_not_sold_but_taken_back(now):
    book(book_id="b-1", stock=5)
    services.withdraw_book(book_id="b-1", at=now)
    assert not take("b-1")
    give_back("b-1")
    assert stored("b-1").stock == 6


def test_a_book_that_does_not_exist_has_no_copies():
    assert not take("nothing")
    with pytest.raises(TransactWriteError):
        give_back("nothing")
    assert list(Book.scan()) == []


@pytest.mark.parametrize("copies", [0, -1, 1.5, True])
def test_taking_no_copies_is_a_mistake_of_the_caller(copies):
    for act in (stock.return_copies, stock.take_copies):
        price = {"price": Decimal(1)} if act is stock.take_copies else {}
        with pytest.raises(ValueError, match="copies"):
            act(None, book_id="b-1", copies=copies, **for_an_order(), **price)


def test_a_transaction_that_fails_elsewhere_takes_nothing():
    book(book_id="b-1", stock=5)
    book(book_id="b-2", stock=0)

    def take_both():
        with transaction() as write:
            stock.take_copies(write, book_id="b-1", copies=1, price=Decimal("7.99"), **for_an_order())
            stock.take_copies(write, book_id="b-2", copies=1, price=Decimal("7.99"), **for_an_order())

    with pytest.raises(TransactWriteError) as caught:
        take_both()
    assert refused_updates(cancellation_codes(caught.value), last=2) == [False, True]
    assert ledger_of("b-1") == [(models.OPENING, 5)]
    assert stored("b-1").stock == 5


def test_deliveries_at_the_same_time_all_count():
    book(book_id="b-1", stock=0)
    with ThreadPoolExecutor(10) as vans:
        list(
            vans.map(lambda _: stock.receive_stock(book_id="b-1", copies=3, at=datetime.now(UTC)), range(10))
        )
    assert stored("b-1").stock == 30


@pytest.mark.parametrize("copies", [0, -5, 2.5])
def test_a_delivery_brings_at_least_one_copy(copies):
    book(book_id="b-1", stock=1)
    with pytest.raises(BadBookError):
        stock.receive_stock(book_id="b-1", copies=copies, at=datetime.now(UTC))
    assert stored("b-1").stock == 1


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_an_answer_that_was_lost_brings_no_copies_twice(lose_answer, operation):
    book(book_id="b-1", stock=3)
    lose_answer(operation)
    stock.receive_stock(book_id="b-1", copies=10, at=datetime.now(UTC))
    assert stored("b-1").stock == 13


def test_no_copies_come_in_for_a_book_that_is_not_there():
    with pytest.raises(BookNotFoundError):
        stock.receive_stock(book_id="b-404", copies=1, at=datetime.now(UTC))
