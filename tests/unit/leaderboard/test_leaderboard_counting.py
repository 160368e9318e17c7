"""What an order and a book count for: facts about their state, whatever event told of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from bookstore.dynamodb.attributes import instant_text
from bookstore.streams.errors import UnprojectableError
from leaderboard.counting import (
    COUNTED_STATES,
    UNCOUNTED_STATES,
    Sale,
    day_of,
    rating_of,
    removal_of_book,
    removal_of_order,
    sale_of,
)
from orders.states import BOUGHT, Status


def step(status: str, at: datetime) -> dict[str, Any]:
    return {"status": status, "at": instant_text(at), "by": "payment", "reason": ""}


def order(status: str = "placed", **fields: Any) -> dict[str, Any]:
    return {
        "customerId": "c-1",
        "orderId": "o-1",
        "version": Decimal(2),
        "status": status,
        "orderDate": "2026-11-22T17:05:00.000000Z",
        "history": [
            step("awaiting_payment", datetime(2026, 11, 22, 17, 5, tzinfo=UTC)),
            step("placed", datetime(2026, 11, 22, 17, 6, tzinfo=UTC)),
        ],
        "books": [
            {
                "bookId": "b-1",
                "quantity": Decimal(2),
                "price": Decimal("7.99"),
                "category": "fiction",
                "status": "ordered",
            },
            {
                "bookId": "b-2",
                "quantity": Decimal(1),
                "price": Decimal("9.5"),
                "category": "plays",
                "status": "ordered",
            },
        ],
    } | fields


def book(**fields: Any) -> dict[str, Any]:
    return {
        "id": "b-1",
        "revision": Decimal(1795367100000),
        "version": Decimal(1),
        "rating": Decimal("4.25"),
        "ratingCount": Decimal(7),
        "listing": "fiction",
    } | fields


@pytest.mark.parametrize("status", ["placed", "packed", "shipped", "delivered"])
def test_an_order_that_was_paid_for_counts_its_copies_and_what_they_cost(status: str) -> None:
    assert sale_of(order(status)) == Sale(
        "o-1", 2, date(2026, 11, 22), {"b-1": 2, "b-2": 1}, {"fiction": 1598, "plays": 950}
    )


@pytest.mark.parametrize("status", ["awaiting_payment", "cancelled", "returned", "refunded"])
def test_an_order_that_is_no_sale_counts_nothing(status: str) -> None:
    sale = sale_of(order(status))
    assert (sale.copies, sale.cents) == ({}, {})
    assert sale.version == 2


def test_every_state_that_orders_know_is_either_counted_or_not() -> None:
    assert set(Status) == COUNTED_STATES | UNCOUNTED_STATES
    assert set(BOUGHT) == COUNTED_STATES


@pytest.mark.parametrize("line_status", ["cancelled", "returned", "refunded"])
def test_a_line_that_was_cancelled_or_sent_back_does_not_count(line_status: str) -> None:
    lines = order()["books"]
    lines[0]["status"] = line_status
    sale = sale_of(order(books=lines))
    assert (sale.copies, sale.cents) == ({"b-2": 1}, {"plays": 950})


def test_copies_that_were_credited_count_no_longer_and_neither_does_what_they_cost() -> None:
    lines = order()["books"]
    lines[0]["credited"] = Decimal(1)
    sale = sale_of(order(books=lines, refunded=Decimal("7.99")))
    assert (sale.copies, sale.cents) == ({"b-1": 1, "b-2": 1}, {"fiction": 799, "plays": 950})


@pytest.mark.parametrize(
    ("refunded", "cents"),
    [
        ("3", {"fiction": 1298, "plays": 950}),
        ("20", {"fiction": 0, "plays": 548}),
        ("99", {"fiction": 0, "plays": 0}),
    ],
)
def test_money_that_went_back_for_no_copies_is_taken_off(refunded: str, cents: dict[str, int]) -> None:
    sale = sale_of(order(refunded=Decimal(refunded)))
    assert (sale.copies, sale.cents) == ({"b-1": 2, "b-2": 1}, cents)


def test_lines_sold_before_orders_kept_categories_count_under_none() -> None:
    lines = order()["books"]
    del lines[0]["category"]
    lines[1]["category"] = None
    assert sale_of(order(books=lines)).cents == {"": 2548}


def test_two_lines_of_the_same_book_add_up() -> None:
    lines = order()["books"]
    lines[1]["bookId"] = "b-1"
    assert sale_of(order(books=lines)).copies == {"b-1": 3}


def test_an_order_without_books_counts_nothing() -> None:
    without = order()
    del without["books"]
    assert sale_of(without).copies == {}


def test_a_removed_order_counts_nothing_one_version_later() -> None:
    assert removal_of_order(order()) == Sale("o-1", 3, date(2026, 11, 22), {}, removed=True)


def test_a_removal_known_by_number_alone_needs_no_more() -> None:
    known = {"customerId": "c-1", "orderId": "o-1", "version": Decimal(7)}
    assert removal_of_order(known) == Sale("o-1", 8, None, {}, removed=True)


@pytest.mark.parametrize(
    ("placed", "day"),
    [
        (datetime(2026, 7, 1, 22, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 7, 1, 23, 0, tzinfo=UTC), date(2026, 7, 2)),  # midnight of London's summer
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_day_is_the_shops_day_of_placing(placed: datetime, day: date) -> None:
    history = [
        step("awaiting_payment", datetime(2026, 1, 1, tzinfo=UTC)),
        step("placed", placed),
        step("shipped", datetime(2027, 2, 1, tzinfo=UTC)),
    ]
    assert day_of(order(history=history)) == day


def test_an_order_without_a_history_has_the_day_of_its_reservation() -> None:
    assert day_of(order(history=[])) == date(2026, 11, 22)
    assert day_of({"orderId": "o-1"}) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "lost"},
        {"status": None},
        {"version": None},
        {"version": Decimal("1.5")},
        {"version": "2"},
        {"orderId": ""},
        {"books": [{"bookId": "b-1"}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(1)}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(1), "price": Decimal("7.999")}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(1), "price": "7.99"}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(1), "price": Decimal(1), "category": 3}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(1), "price": Decimal(1), "credited": Decimal(2)}]},
        {"refunded": "all"},
        {"books": [{"bookId": "", "quantity": Decimal(1)}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(0)}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal(-3)}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal("0.5")}]},
        {"books": [{"bookId": "b-1", "quantity": Decimal("1e30")}]},
        {"history": [], "orderDate": "yesterday"},
        {"history": [], "orderDate": "2026-11-22T17:05:00"},
        {"history": ["placed"]},
        {"books": "Emma"},
        {"books": ["Emma"]},
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_can_never_be_counted(broken: dict[str, Any]) -> None:
    with pytest.raises(UnprojectableError):
        sale_of(order(**broken))


def score(**fields: Any) -> int:
    found = rating_of(book(**fields)).score
    assert found is not None
    return found


def test_the_better_rating_comes_first_whoever_gave_it() -> None:
    by_booksellers = score(rating=Decimal("4.50"), ratingCount=Decimal(0))
    by_readers = score(rating=Decimal("4.49"), ratingCount=Decimal(100000))
    assert by_booksellers > by_readers


def test_of_equal_ratings_the_one_more_readers_gave_comes_first() -> None:
    assert score(ratingCount=Decimal(8)) > score(ratingCount=Decimal(7))
    assert score(ratingCount=Decimal(10**9)) < score(rating=Decimal("4.26"), ratingCount=Decimal(0))


def test_a_withdrawn_book_and_one_nobody_rated_are_not_on_the_list() -> None:
    withdrawn = book()
    del withdrawn["listing"]
    assert rating_of(withdrawn).score is None
    assert not rating_of(withdrawn).sold
    unrated = rating_of(book(rating=Decimal("0.00")))
    assert unrated.score is None
    assert unrated.sold


def test_a_removed_book_has_no_place_one_revision_later() -> None:
    removal = removal_of_book({"id": "b-1", "revision": Decimal(9)})
    assert (removal.revision, removal.score, removal.sold, removal.removed) == (10, None, False, True)


@pytest.mark.parametrize(
    "broken",
    [{"rating": None}, {"rating": "4"}, {"revision": None}, {"id": None}, {"ratingCount": "many"}],
    ids=str,
)
def test_a_book_that_makes_no_sense_can_never_be_rated(broken: dict[str, Any]) -> None:
    with pytest.raises(UnprojectableError):
        rating_of(book(**broken))
