"""The orders that a local shop opens with."""

from django.core.management import call_command
from django.utils import timezone

from bookstore.accounts import signals
from bookstore.devstack.management.commands.prepare_shop import pay_for_sample_orders
from orders import search
from orders.management.commands.load_sample_orders import PURCHASES
from orders.models import Order
from orders.refunds import refund_order
from orders.selectors import queued
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import named, the_order


def test_the_sample_orders_have_come_as_far_as_they_should_and_come_once(capsys, pump, provider):
    for book_id in {book_id for _days, _status, wanted in PURCHASES for book_id in wanted}:
        factories.book(book_id, book_id=book_id, price="7.99", stock=50)
    call_command("load_sample_orders")
    first = {order.customer_id: order.status for order in Order.scan()}
    assert [first[f"sample-customer-{number}"] for number in range(1, len(PURCHASES) + 1)] == [
        str(status) for _days, status, _wanted in PURCHASES
    ]
    waiting = {status: len(list(queued(status))) for status in (Status.PLACED, Status.PACKED, Status.SHIPPED)}
    assert waiting == {Status.PLACED: 2, Status.PACKED: 1, Status.SHIPPED: 1}
    versions = {order.order_id: order.version for order in Order.scan()}
    call_command("load_sample_orders")
    assert {order.order_id: order.version for order in Order.scan()} == versions
    assert capsys.readouterr().out.splitlines() == ["  placed 10 orders", "  every sample order is there"]

    # Their money is at the payment provider, once.
    for _twice in range(2):
        pay_for_sample_orders(provider.ledger)
    shipped = the_order("sample-customer-7")
    refund_order(**named(shipped), refund_id="r-1", reason="Torn.", amount=shipped.total)
    assert the_order("sample-customer-7").status == "refunded"

    # Staff find them as any other, until their customer is forgotten.
    for found in (1, 0):
        pump()
        search.ORDERS.refresh()
        assert search.find("sample-customer-1@example.com").total == found
        signals.customer_erased.send(sender=None, customer_id="sample-customer-1", at=timezone.now())
