"""Place the sample orders: a few customers who bought before, so that the bestsellers have something to tell."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from bookstore.accounts.selectors import PostalAddress
from bookstore.actors import BY_SHOP
from bookstore.commands import LocalCommand
from cart.errors import CartError
from cart.selectors import cart_of
from cart.services import add_to_cart
from orders.errors import OrderError
from orders.fulfilment import deliver_order, pack_order, ship_order
from orders.ids import draw_order_id
from orders.models import Order
from orders.payments.base import Payment, PaymentState
from orders.reserving import reserve
from orders.selectors import get_order, orders_of
from orders.services import confirm
from orders.states import Status, may_become

# How many days ago each customer ordered, how far the order has come, and what: book and copies, all of
# which had come in by then. Fourteen titles in all, so that a newcomer's first purchase finds a place among
# the Top 20; every total is another one, so that the ranks are plain; all within a month and a half, so that
# the week, the month and all time tell different stories. The last are staff's to pack and ship, two of them
# late.
PURCHASES: tuple[tuple[int, Status, dict[str, int]], ...] = (
    (41, Status.DELIVERED, {"bk-2108": 4, "bk-4001": 8}),
    (37, Status.DELIVERED, {"bk-4407": 7, "bk-3204": 3}),
    (30, Status.DELIVERED, {"bk-2001": 6, "bk-3401": 1}),
    (24, Status.DELIVERED, {"bk-3101": 4, "bk-3008": 3, "bk-1104": 1}),
    (19, Status.DELIVERED, {"bk-1001": 6, "bk-2206": 5, "bk-2006": 6, "bk-1007": 1}),
    (12, Status.DELIVERED, {"bk-4202": 11, "bk-2108": 5, "bk-4001": 3}),
    (9, Status.SHIPPED, {"bk-1001": 6, "bk-2206": 5}),
    (5, Status.PACKED, {"bk-2001": 6, "bk-1104": 2, "bk-3204": 2}),
    (3, Status.PLACED, {"bk-4001": 3, "bk-1007": 1, "bk-2006": 2}),
    (1, Status.PLACED, {"bk-1001": 4, "bk-3101": 2, "bk-3008": 1}),
)
STEPS = (Status.PACKED, Status.SHIPPED, Status.DELIVERED)
ADDRESS = PostalAddress(
    name="A sample customer", line1="1 Example Street", city="York", postcode="YO1 7HH", country="GB"
)


def sample_orders() -> Iterator[Order]:
    """Yield the sample orders that there are, as they stand."""
    for number in range(1, len(PURCHASES) + 1):
        yield from orders_of(f"sample-customer-{number}").items


class Command(LocalCommand):
    """Each sample customer orders once, through the cart and the services that everybody uses.

    The second time there is nothing left to do, and what was broken off half-way is finished.
    """

    help = "Place the sample orders, on a local shop alone."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        placed = 0
        for number, (days_ago, status, wanted) in enumerate(PURCHASES, start=1):
            at = now - timedelta(days=days_ago)
            try:
                placed += _order(f"sample-customer-{number}", wanted, at=at)
                _send_on(f"sample-customer-{number}", status, at=at)
            except (CartError, OrderError) as error:
                raise CommandError(f"Sample order {number} could not be placed: {error}") from error
        self.stdout.write(f"  placed {placed} orders" if placed else "  every sample order is there")


def _order(customer_id: str, wanted: dict[str, int], *, at: datetime) -> bool:
    """Order what the customer wants unless it is ordered; tell whether there was something to do."""
    there = orders_of(customer_id).items
    if there and not there[0].may_be_paid:
        return False
    order = there[0] if there else _reserve(customer_id, wanted, at=at)
    payment = Payment(
        order_id=order.order_id,
        customer_id=customer_id,
        state=PaymentState.PAID,
        amount=order.total,
        currency=order.currency,
        reference="sample",  # the buyer's page was never open: these customers are made up
    )
    confirm(customer_id=customer_id, order_id=order.order_id, payment=payment, at=at)
    return True


def _send_on(customer_id: str, status: Status, *, at: datetime) -> None:
    """Take an order as far as it has come, half a day a step; one that has gone another way is left alone."""
    order = get_order(customer_id, orders_of(customer_id).items[0].order_id)
    for number, step in enumerate(STEPS[: STEPS.index(status) + 1] if status in STEPS else (), start=1):
        if not may_become(order.state, step):
            continue
        told: dict[str, Any] = {
            "customer_id": customer_id,
            "order_id": order.order_id,
            "by": BY_SHOP,
            "at": at + timedelta(hours=12 * number),
        }
        match step:
            case Status.PACKED:
                order = pack_order(**told)
            case Status.SHIPPED:
                order = ship_order(**told, carrier="letter", tracking_number="")
            case _:
                order = deliver_order(**told)


def _reserve(customer_id: str, wanted: dict[str, int], *, at: datetime) -> Order:
    in_cart = {line.book_id for line in cart_of(customer_id, at=at).lines}
    for book_id, copies in wanted.items():
        if book_id not in in_cart:
            add_to_cart(
                owner=customer_id, book_id=book_id, quantity=copies, seen_price=None, at=at, guest=False
            )
    return reserve(
        customer_id=customer_id,
        email=f"{customer_id}@example.com",
        order_id=draw_order_id(at=at),
        agreed_total=cart_of(customer_id, at=at).subtotal,
        address=ADDRESS,
        at=at,
    )
