"""Place the sample orders: a few customers who bought before, so that the bestsellers have something to tell."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from bookstore.accounts.selectors import PostalAddress
from bookstore.commands import LocalCommand
from cart.errors import CartError
from cart.selectors import cart_of
from cart.services import add_to_cart
from orders.errors import OrderError
from orders.ids import draw_order_id
from orders.models import Order
from orders.payments.base import Payment, PaymentState
from orders.selectors import orders_of
from orders.services import confirm, reserve

# How many days ago each customer ordered, and what: book and copies. Fourteen titles in all,
# so that a newcomer's first purchase finds a place among the Top 20; every total is another
# one, so that the ranks are plain; all within a month and a half, so that the week, the month
# and all time tell different stories.
PURCHASES: tuple[tuple[int, dict[str, int]], ...] = (
    (41, {"bk-1001": 2, "bk-2108": 4, "bk-3401": 1}),
    (37, {"bk-4202": 11, "bk-2206": 5, "bk-1007": 1}),
    (30, {"bk-4001": 8, "bk-2006": 6}),
    (24, {"bk-3101": 4, "bk-4407": 7, "bk-3008": 3}),
    (19, {"bk-2001": 6, "bk-1001": 4, "bk-1104": 1}),
    (12, {"bk-2108": 5, "bk-4001": 3, "bk-3204": 3}),
    (9, {"bk-1001": 6, "bk-2206": 5}),
    (5, {"bk-2001": 6, "bk-1104": 2, "bk-3204": 2}),
    (3, {"bk-4001": 3, "bk-1007": 1, "bk-2006": 2}),
    (1, {"bk-1001": 4, "bk-3101": 2, "bk-3008": 1}),
)
ADDRESS = PostalAddress(
    name="A sample customer", line1="1 Example Street", city="York", postcode="YO1 7HH", country="GB"
)


class Command(LocalCommand):
    """Each sample customer orders once, through the cart and the services that everybody uses.

    The second time there is nothing left to do, and what was broken off half-way is finished.
    """

    help = "Place the sample orders, on a local shop alone."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        placed = 0
        for number, (days_ago, wanted) in enumerate(PURCHASES, start=1):
            try:
                placed += _order(f"sample-customer-{number}", wanted, at=now - timedelta(days=days_ago))
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
        reference="sample",  # no provider took it: these customers are made up
    )
    confirm(customer_id=customer_id, order_id=order.order_id, payment=payment, at=at)
    return True


def _reserve(customer_id: str, wanted: dict[str, int], *, at: datetime) -> Order:
    in_cart = {line.book_id for line in cart_of(customer_id, at=at).lines}
    for book_id, copies in wanted.items():
        if book_id not in in_cart:
            add_to_cart(
                owner=customer_id, book_id=book_id, quantity=copies, seen_price=None, at=at, guest=False
            )
    return reserve(
        customer_id=customer_id,
        email="",
        order_id=draw_order_id(at=at),
        agreed_total=cart_of(customer_id, at=at).subtotal,
        address=ADDRESS,
        at=at,
    )
