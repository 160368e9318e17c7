"""Reserving: all of the cart or none of it, once, and never more copies than there are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

import pytest
from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from cart.selectors import cart_of
from catalog import services as catalogue
from orders import reserving, services
from orders.errors import (
    BooksUnavailableError,
    CartChangedError,
    CartEmptyError,
    OrderBusyError,
    OrderError,
    PriceChangedError,
    TooManyTitlesError,
)
from orders.ids import AgreedLine, draw_order_id, number_of
from orders.selectors import get_order
from tests import factories
from tests.integration.orders.buying import fill_cart, payment_for, reserve, stock, stored_orders, the_order

NOW = datetime.now(UTC)


def reprice(book: Any, price: str) -> None:
    catalogue.revise_book(book_id=book.id, version=1, price=Decimal(price), at=datetime.now(UTC))


def test_an_order_holds_the_cart_and_the_copies_are_set_aside():
    emma = factories.book("Emma", price="7.99", stock=5, book_id="b-emma")
    persuasion = factories.book("Persuasion", price="5.00", stock=2, book_id="b-persuasion")
    fill_cart(b_emma=3, b_persuasion=1)
    order = reserve(total="28.97")
    stored = the_order()
    assert stored.order_id == order.order_id
    assert (stored.status, stored.queue_name, int(stored.version)) == (
        "awaiting_payment",
        "awaiting_payment",
        1,
    )
    assert [
        (line.book_id, line.name, line.author, line.price, int(line.quantity)) for line in stored.lines
    ] == [
        ("b-emma", "Emma", "Jane Austen", Decimal("7.99"), 3),
        ("b-persuasion", "Persuasion", "Jane Austen", Decimal("5.00"), 1),
    ]
    assert (stored.subtotal, stored.discount, stored.delivery, stored.tax, stored.total) == (
        Decimal("28.97"),
        Decimal("0.00"),
        Decimal("0.00"),
        Decimal("0.00"),
        Decimal("28.97"),
    )
    assert (stored.currency, stored.number, stored.email) == (
        "GBP",
        number_of(order.order_id),
        "reader@example.com",
    )
    assert (stored.address.name, stored.address.postcode, stored.address.line2) == (
        "Ada Reader",
        "YO1 7HH",
        "",
    )
    assert [(step.status, step.by) for step in stored.history] == [("awaiting_payment", "customer")]
    assert (stock(emma), stock(persuasion)) == (2, 1)
    assert cart_of("c-1").copies == 4  # the cart stays until the order is paid


def test_reserving_is_three_store_calls(wire):
    for number in range(30):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    with wire.count() as calls:
        reserve(total="30.00")
    assert calls.total == calls.dynamodb == 3


def test_the_same_submission_twice_is_one_order():
    book = factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=2)
    order_id = draw_order_id(at=NOW)
    first = reserve(total="15.98", order_id=order_id)
    second = reserve(total="15.98", order_id=order_id)
    assert first.order_id == second.order_id == the_order().order_id
    assert stock(book) == 3


def test_twenty_parallel_submissions_are_one_order():
    book = factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=5)  # the last copies: whoever comes second finds none left
    order_id = draw_order_id(at=NOW)
    with ThreadPoolExecutor(20) as pool:
        orders = list(pool.map(lambda _: reserve(total="39.95", order_id=order_id), range(20)))
    assert {order.order_id for order in orders} == {order_id}
    assert len(stored_orders()) == 1
    assert stock(book) == 0


def test_a_submission_after_the_order_was_paid_returns_that_order():
    factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=1)
    order = reserve(total="7.99")
    services.confirm(customer_id="c-1", order_id=order.order_id, payment=payment_for(order), at=NOW)
    assert cart_of("c-1").lines == ()
    again = reserve(total="7.99", order_id=order.order_id)
    assert again.status == "placed"
    assert len(stored_orders()) == 1


def test_fifty_buyers_of_seven_copies_make_seven_orders():
    book = factories.book("Emma", price="7.99", stock=7, book_id="b-1x")
    for number in range(50):
        fill_cart(f"c-{number}", b_1x=1)

    def buy(number: int) -> str:
        try:
            return reserve(f"c-{number}", total="7.99").status
        except OrderError as error:
            return str(error)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(buy, range(50)))
    assert answers.count("awaiting_payment") == 7
    assert set(answers) - {"awaiting_payment"} == {"Emma: This book is sold out."}
    assert stock(book) == 0
    assert sum(len(stored_orders(f"c-{number}")) for number in range(50)) == 7


def test_two_buyers_of_the_last_copy_never_both_win():
    book = factories.book("Emma", price="7.99", stock=1, book_id="b-1x")
    for customer in ("c-1", "c-2"):
        fill_cart(customer, b_1x=1)
    reserve("c-1", total="7.99")
    with pytest.raises(BooksUnavailableError, match=r"Emma: This book is sold out"):
        reserve("c-2", total="7.99")
    assert stock(book) == 0
    assert stored_orders("c-2") == []


def test_one_book_too_few_orders_nothing_and_names_it():
    plenty = factories.book("Plenty", price="1.00", stock=9, book_id="b-plenty")
    few = factories.book("Few", price="1.00", stock=2, book_id="b-few")
    fill_cart(b_plenty=1, b_few=3)
    with pytest.raises(BooksUnavailableError, match=r"Few: Only 2 copies are in stock.$"):
        reserve(total="4.00")
    assert (stock(plenty), stock(few)) == (9, 2)
    assert stored_orders() == []


def test_a_book_sold_between_reading_and_writing_is_named(monkeypatch):
    """The cart's page of today is a moment old when the transaction begins."""
    plenty = factories.book("Plenty", price="1.00", stock=9, book_id="b-plenty")
    last = factories.book("Last", price="1.00", stock=1, book_id="b-last")
    for customer in ("c-1", "c-2"):
        fill_cart(customer, b_plenty=1, b_last=1)
    after_reading(monkeypatch, lambda: reserve("c-2", total="2.00"))
    with pytest.raises(BooksUnavailableError, match=r"Last: This book is sold out.$"):
        reserve("c-1", total="2.00")
    assert (stock(plenty), stock(last)) == (8, 0)
    assert stored_orders("c-1") == []


def test_a_price_changed_between_reading_and_writing_is_named_with_the_new_total(monkeypatch):
    emma = factories.book("Emma", price="7.99", book_id="b-emma")
    other = factories.book("Other", price="1.00", book_id="b-other")
    fill_cart(b_emma=2, b_other=1)
    after_reading(monkeypatch, lambda: reprice(emma, "8.49"))
    told = r"The price of “Emma” has changed. Your order now comes to £17.98."
    with pytest.raises(PriceChangedError, match=f"^{told}$"):
        reserve(total="16.98")
    assert (stock(emma), stock(other)) == (10, 10)


def test_a_book_withdrawn_between_reading_and_writing_is_named(monkeypatch):
    emma = factories.book("Emma", price="7.99", book_id="b-emma")
    fill_cart(b_emma=1)
    after_reading(monkeypatch, lambda: catalogue.withdraw_book(book_id=emma.id, at=datetime.now(UTC)))
    with pytest.raises(BooksUnavailableError, match=r"Emma: We no longer sell this book.$"):
        reserve(total="7.99")


def after_reading(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Do something once, between a reservation's reading of the cart and its transaction."""
    read = reserving.cart_of
    first = iter([True])

    def cart_and_then(owner: str, **fields: Any) -> Any:
        cart = read(owner, **fields)
        if next(first, False):
            act()
        return cart

    monkeypatch.setattr(reserving, "cart_of", cart_and_then)


@pytest.mark.parametrize("agreed", ["0.01", "0.00", "-7.99", "7.98", "999999.00"])
def test_a_forged_total_orders_nothing(agreed):
    book = factories.book("Emma", price="7.99", book_id="b-1x")
    fill_cart(b_1x=1)
    with pytest.raises(PriceChangedError, match=r"Your order now comes to £7.99."):
        reserve(total=agreed)
    assert stock(book) == 10
    assert stored_orders() == []


def test_what_was_agreed_line_by_line_must_be_what_is_in_the_cart():
    factories.book("Emma", price="7.99", book_id="b-emma")
    factories.book("Twin", price="7.99", book_id="b-twin")
    fill_cart(b_twin=1)
    with pytest.raises(CartChangedError, match=r"Your cart has changed since this page was shown."):
        reserving.reserve(
            customer_id="c-1",
            email="",
            order_id=draw_order_id(at=NOW),
            agreed_total=Decimal("7.99"),
            agreed_lines={"b-emma": AgreedLine(1, Decimal("7.99"))},
            address=factories.ADDRESS,
            at=NOW,
        )
    assert stored_orders() == []


def test_an_empty_cart_cannot_be_ordered():
    with pytest.raises(CartEmptyError, match=r"Your cart is empty."):
        reserve(total="0.00")


def test_more_than_thirty_titles_cannot_be_ordered():
    for number in range(31):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    with pytest.raises(TooManyTitlesError, match=r"at most 30 titles, and there are 31"):
        reserve(total="31.00")


def test_a_guests_or_strangers_cart_is_not_ordered():
    factories.book(price="1.00", book_id="b-1x")
    fill_cart("c-2", b_1x=1)
    with pytest.raises(CartEmptyError):
        reserve("c-1", total="1.00")


class Conflicts:
    """DynamoDB under a rush: refuses so many transactions because they met another one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        self.lock = Lock()
        send = Connection.transact_write_items

        def refuse_or_send(connection: Connection, *items: Any, **named: Any) -> Any:
            with self.lock:
                self.left -= 1
                refused = self.left >= 0
            if refused:
                count = sum(len(named[name]) for name in named if name.endswith("_items"))
                reasons = [None] * (count - 1) + [CancellationReason("TransactionConflict", "busy")]
                cause = VerboseClientError(
                    {"Error": {"Code": "TransactionCanceledException", "Message": "busy"}},
                    "TransactWriteItems",
                    {},
                    cancellation_reasons=reasons,
                )
                raise TransactWriteError("Failed", cause)
            return send(connection, *items, **named)

        monkeypatch.setattr(Connection, "transact_write_items", refuse_or_send)
        monkeypatch.setattr("bookstore.dynamodb.conflicts.FIRST_PAUSE", 0.001)


def test_a_few_conflicts_are_waited_out(monkeypatch):
    book = factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=1)
    Conflicts(monkeypatch, 7)
    assert reserve(total="7.99").status == "awaiting_payment"
    assert stock(book) == 4


def test_conflicts_without_end_are_told_and_change_nothing(monkeypatch):
    book = factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=1)
    Conflicts(monkeypatch, 1000)
    with pytest.raises(OrderBusyError, match=r"Many people are buying"):
        reserve(total="7.99")
    assert stock(book) == 5
    assert stored_orders() == []


def test_confirming_and_cancelling_wait_conflicts_out_too(monkeypatch, provider):
    book = factories.book(price="7.99", stock=5, book_id="b-1x")
    fill_cart(b_1x=1)
    order = reserve(total="7.99")
    Conflicts(monkeypatch, 5)
    services.confirm(customer_id="c-1", order_id=order.order_id, payment=payment_for(order), at=NOW)
    Conflicts(monkeypatch, 5)
    services.cancel_order(customer_id="c-1", order_id=order.order_id, at=NOW)
    assert the_order().status == "cancelled"
    assert stock(book) == 5


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-12-31T23:59:59+00:00", "2026-12"),
        ("2027-01-01T00:00:00+00:00", "2027-01"),
        ("2026-01-31T23:30:00+00:00", "2026-01"),
        ("2026-06-30T23:30:00+00:00", "2026-07"),  # half past midnight in London's summer
    ],
)
def test_an_order_belongs_to_the_month_of_the_shops_own_calendar(at, month):
    factories.book(price="7.99", book_id="b-1x")
    fill_cart(b_1x=1)
    order = reserve(total="7.99", at=datetime.fromisoformat(at))
    stored = get_order("c-1", order.order_id)
    assert stored.month_name == month
    assert stored.ordered_at == datetime.fromisoformat(at)


def test_an_id_drawn_earlier_sorts_before_one_drawn_later():
    early, late = draw_order_id(at=NOW), draw_order_id(at=NOW + timedelta(milliseconds=1))
    assert early < late
