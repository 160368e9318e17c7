"""Orders placed through the shop's own services, without the browser and the provider's page."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bookstore.streams.handler import handler
from cart.services import add_to_cart
from leaderboard import ranking
from leaderboard.ranking import Takings
from orders import reserving
from orders import services as ordering
from orders.ids import draw_order_id
from orders.models import Address, Order, OrderLine, StatusChange
from orders.payments.base import Payment, PaymentState
from orders.queues import queue_key, queue_of
from orders.states import Status
from tests import factories

_customers = itertools.count(1)


def reserve(copies: dict[str, int], *, customer_id: str = "", at: datetime | None = None) -> Order:
    at = at or datetime.now(UTC)
    customer_id = customer_id or f"buyer-{next(_customers)}"
    for book_id, quantity in copies.items():
        add_to_cart(
            owner=customer_id, book_id=book_id, quantity=quantity, seen_price=None, at=at, guest=False
        )
    return reserving.reserve(
        customer_id=customer_id,
        email="reader@example.com",
        order_id=draw_order_id(at=at),
        agreed_total=sum(7_99 * quantity for quantity in copies.values()) / factories.Decimal(100),
        address=factories.ADDRESS,
        at=at,
    )


def sell(copies: dict[str, int], *, customer_id: str = "", at: datetime | None = None) -> Order:
    """Place a paid order for books that cost 7.99 each."""
    at = at or datetime.now(UTC)
    order = reserve(copies, customer_id=customer_id, at=at)
    payment = Payment(
        order.order_id, order.customer_id, PaymentState.PAID, order.total, order.currency, "pay-1"
    )
    return ordering.confirm(
        customer_id=order.customer_id, order_id=order.order_id, payment=payment, at=at + timedelta(seconds=1)
    )


def put_order(
    copies: dict[str, int], *, customer_id: str = "", status: str = "placed", at: datetime
) -> Order:
    """Write an order as the services leave it, in one write instead of fifteen; stock and cart are left alone."""
    steps = ["awaiting_payment", "placed"] + ([] if status == "placed" else [status])
    order_id = draw_order_id(at=at)
    queue = queue_of(Status(status), owing=False, refunding=False) if status in set(Status) else None
    order = Order(
        customer_id or f"buyer-{next(_customers)}",
        order_id,
        number="0123456789",
        ordered_at=at,
        lines=[
            OrderLine(book_id=book, name=book, price="7.99", quantity=count) for book, count in copies.items()
        ],
        subtotal="7.99",
        discount="0",
        delivery="0",
        tax="0",
        total="7.99",
        currency="GBP",
        status=status,
        history=[StatusChange(status=step, at=at, by="payment") for step in steps],
        address=Address(**factories.ADDRESS),
        version=len(steps),
        month_name=f"{at:%Y-%m}",
        queue_name=queue_key(queue, order_id) if queue else None,
    )
    order.save()
    return order


def deliver(*records: dict[str, Any]) -> list[str]:
    """Give records to the handler as one batch; return the sequence numbers of those to come again."""
    return [each["itemIdentifier"] for each in handler({"Records": list(records)}, None)["batchItemFailures"]]


def copies_sold() -> dict[str, int]:
    """What Redis has counted of all time, read with more patience than a page has."""
    flat = ranking._run(ranking._patient(), ranking._READ, [ranking.GENERATION], [100, "sold:all"])
    return {book: int(copies) for book, copies in zip(flat[::2], flat[1::2], strict=True)}


def takings(days: Sequence[date]) -> list[Takings]:
    return ranking.overview(days=days, wanted=1, lately=days, tables=[]).takings


def everything_in_redis() -> dict[str, Any]:
    """The generation that is read, whole, under names without its number."""
    client = ranking._patient()
    generation = client.get(ranking.GENERATION) or "0"
    root = f"{{lb}}:{generation}:"
    found: dict[str, Any] = {}
    for key in client.scan_iter(match=root.replace("{", "[{]") + "*"):
        name = key.removeprefix(root)
        kind = client.type(key)
        if kind == "zset":
            found[name] = client.zrange(key, 0, -1, withscores=True)
        elif kind == "hash":
            found[name] = client.hgetall(key)
        elif kind == "set":
            found[name] = client.smembers(key)
        else:
            found[name] = client.get(key)
    return found
