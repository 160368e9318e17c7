"""AWS refuses one of two writes that meet on an item; no local engine ever does.

So its answer, as AWS sends it, is given here by the HTTP client in place of the store's, as often
as a test says, for whatever write comes next; after that the store is asked.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from pynamodb.exceptions import TransactWriteError

from bookstore.dynamodb import conflicts
from bookstore.dynamodb.conflicts import ATTEMPTS
from cart import services as carts
from cart.models import CartLine
from catalog import reviews
from catalog import services as catalogue
from catalog.models import Book, Review
from catalog.stock import receive_stock
from orders.errors import OrderError
from orders.fulfilment import pack_order
from tests.factories import book
from tests.integration.orders.buying import (
    decline,
    fill_cart,
    named,
    place,
    reserve,
    stock,
    stored_orders,
    the_order,
)

SINGLE_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
TYPE = "com.amazonaws.dynamodb.v20120810#"
ONGOING = "Transaction is ongoing for the item"


class Answer:
    """The body of an answer, as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


def refusal(operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
    """Return what AWS says of a write whose last item another transaction is writing."""
    if operation == "TransactWriteItems":
        codes = ["None"] * (len(request["TransactItems"]) - 1) + ["TransactionConflict"]
        return {
            "__type": f"{TYPE}TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
            f"[{', '.join(codes)}]",
            "CancellationReasons": [
                {"Code": code} if code == "None" else {"Code": code, "Message": ONGOING} for code in codes
            ],
        }
    if operation in SINGLE_WRITES:
        return {"__type": f"{TYPE}TransactionConflictException", "message": ONGOING}
    return None


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Return what refuses the next writes; the list it returns tells which these were. No pauses."""
    send = URLLib3Session.send
    left = [0]
    refused: list[str] = []

    def met(self: Any, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        if left[0] and (said := refusal(operation, json.loads(request.body) if operation else {})):
            left[0] -= 1
            refused.append(operation)
            headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "MET"}
            return AWSResponse(request.url, 400, headers, Answer(json.dumps(said).encode()))
        return send(self, request)

    def next_writes(times: int) -> list[str]:
        left[0] = times
        refused.clear()
        return refused

    monkeypatch.setattr(URLLib3Session, "send", met)
    monkeypatch.setattr(conflicts, "time", SimpleNamespace(sleep=lambda _seconds: None))
    return next_writes


@pytest.fixture
def emma() -> Any:
    return book("Emma", price="7.99", stock=9, book_id="b-1x")


def in_cart() -> dict[str, int]:
    return {line.book_id: int(line.quantity) for line in CartLine.query("c-1", consistent_read=True)}


# --- The catalogue -----------------------------------------------------------------------------------------


def test_adding_a_book_goes_through_conflicts(meet):
    refused = meet(3)
    book("Emma", book_id="b-1")
    assert refused == ["TransactWriteItems"] * 3
    assert Book.get("b-1").name == "Emma"


def test_rating_goes_through_conflicts_and_counts_once(emma, meet, now):
    refused = meet(2)
    reviews.rate_book(book_id=emma.id, customer_id="c-1", order_id="o-1", stars=4, at=now)
    assert len(refused) == 2
    found = Book.get(emma.id, consistent_read=True)
    assert (found.rating_sum, found.rating_count) == (4, 1)
    assert Review.get(emma.id, "c-1").stars == 4


def test_revising_and_withdrawing_go_through_conflicts(emma, meet, now):
    meet(1)
    catalogue.revise_book(book_id=emma.id, version=1, name="Pride", at=now)
    meet(2)
    catalogue.withdraw_book(book_id=emma.id, at=now)
    found = Book.get(emma.id, consistent_read=True)
    assert (found.name, found.is_sold) == ("Pride", False)


def test_a_delivery_goes_through_conflicts_and_counts_once(emma, meet):
    refused = meet(2)
    receive_stock(book_id=emma.id, copies=5, at=datetime.now(UTC))
    assert len(refused) == 2
    assert stock(emma) == 14


def test_endless_conflicts_are_raised_not_swallowed(meet):
    refused = meet(99)
    with pytest.raises(TransactWriteError):
        book(book_id="b-1")
    assert len(refused) == ATTEMPTS


def test_a_store_that_is_away_is_not_asked_again_and_again(wire, monkeypatch):
    pauses = []
    monkeypatch.setattr(conflicts, "time", SimpleNamespace(sleep=pauses.append))
    with wire.dynamodb.refuse(), pytest.raises(TransactWriteError):
        book(book_id="b-1")
    assert pauses == []


# --- The cart ----------------------------------------------------------------------------------------------


def test_adding_to_the_cart_goes_through_conflicts_and_adds_once(emma, meet):
    refused = meet(3)
    fill_cart(b_1x=2)
    assert refused == ["UpdateItem"] * 3
    assert in_cart() == {"b-1x": 2}


def test_changing_and_removing_a_line_go_through_conflicts(emma, meet, now):
    fill_cart(b_1x=2)
    assert meet(2) == []
    carts.change_quantity(owner="c-1", book_id="b-1x", quantity=5, at=now)
    assert in_cart() == {"b-1x": 5}
    refused = meet(2)
    carts.remove_line(owner="c-1", book_id="b-1x", at=now)
    assert len(refused) == 2
    assert in_cart() == {}


# --- Orders ------------------------------------------------------------------------------------------------


def test_reserving_goes_through_conflicts_and_takes_the_copies_once(emma, meet):
    fill_cart(b_1x=2)
    refused = meet(3)
    order = reserve(total="15.98")
    assert refused == ["TransactWriteItems"] * 3
    assert the_order().order_id == order.order_id
    assert stock(emma) == 7


def test_a_reservation_that_meets_others_without_end_sets_nothing_aside(emma, meet):
    fill_cart(b_1x=2)
    refused = meet(99)
    with pytest.raises(OrderError):
        reserve(total="15.98")
    assert len(refused) == ATTEMPTS
    meet(0)
    assert stored_orders() == []
    assert stock(emma) == 9


def test_confirming_goes_through_conflicts_and_empties_the_cart(emma, meet):
    fill_cart(b_1x=2)
    order = reserve(total="15.98")
    refused = meet(3)
    assert place(order).status == "placed"
    assert refused == ["TransactWriteItems"] * 3
    assert [step.status for step in the_order().history] == ["awaiting_payment", "placed"]
    assert in_cart() == {}


def test_releasing_goes_through_conflicts_and_gives_back_once(emma, meet):
    fill_cart(b_1x=2)
    order = reserve(total="15.98")
    refused = meet(3)
    decline(order)
    assert refused == ["TransactWriteItems"] * 3
    assert the_order().status == "cancelled"
    assert stock(emma) == 9


def test_a_step_goes_through_conflicts_and_one_that_meets_others_without_end_is_not_taken(emma, meet, now):
    fill_cart(b_1x=2)
    order = place(reserve(total="15.98"))
    told = named(order, at=now)
    meet(100)
    with pytest.raises(OrderError, match="Others are changing this order"):
        pack_order(**told)
    refused = meet(3)
    assert pack_order(**told).status == "packed"
    assert refused == ["TransactWriteItems"] * 3
    assert [step.status for step in the_order().history].count("packed") == 1
