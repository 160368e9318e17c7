"""A process is killed, really, at each point between cart, money and order: nothing is lost or taken twice."""

import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bookstore.devstack.payment_provider import Ledger
from cart.selectors import cart_of
from orders.services import cancel_order, release_unpaid
from tests.integration.orders.buying import (
    pay_at,
    payment_for,
    place,
    reserve,
    send_webhook,
    stock,
    stored_orders,
    the_order,
)

ROOT = Path(__file__).parent.parent.parent.parent
KILLED = 137

# The process sees the same stores and the same provider; `die()` ends it as a power cut does.
PROLOGUE = """
import os, django
django.setup()
from datetime import UTC, datetime
from decimal import Decimal
from django.conf import settings
from orders import payments, refunds, reserving, selectors, services
from orders.payments.base import Payment, PaymentState
from tests import factories
settings.PUBLIC_ORIGIN = "http://127.0.0.1:1"
now = datetime.now(UTC)
def die(*args, **named):
    os._exit(137)
"""


def run_until_killed(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(program)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bookstore.settings"},
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == KILLED, done.stderr.decode()


def later(minutes: int = 31) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


RESERVE = """
order = reserving.reserve(
    customer_id="c-1", email="", order_id={order_id!r}, agreed_total=Decimal("15.98"),
    address=factories.ADDRESS, at=now,
)
"""
ORDER_ID = "0199d000-0000-7000-8000-000000000000"


def test_killed_before_the_reservation_is_written(emma, provider):
    run_until_killed("reserving.transaction = die\n" + RESERVE.format(order_id=ORDER_ID))
    assert stored_orders() == []
    assert stock(emma) == 9


def test_killed_between_reservation_and_payment(emma, provider):
    run_until_killed(RESERVE.format(order_id=ORDER_ID) + "die()")
    assert the_order().status == "awaiting_payment"
    assert stock(emma) == 7
    release_unpaid(at=later())
    assert the_order().status == "cancelled"
    assert stock(emma) == 9
    assert cart_of("c-1").copies == 2


def test_killed_between_reservation_and_payment_and_sent_again(emma, provider):
    """The customer, who saw an error, sends the same form once more."""
    run_until_killed(RESERVE.format(order_id=ORDER_ID) + "die()")
    order = reserve(total="15.98", order_id=ORDER_ID)
    pay_at(provider, order)
    place(order)
    assert the_order().status == "placed"
    assert stock(emma) == 7


CONFIRM = """
order = selectors.get_order("c-1", {order_id!r})
payment = payments.provider().payment_of(order.order_id)
services.receive_payment(payment=payment, at=now)
"""


@pytest.mark.parametrize("news", ["none", "webhook"])
def test_killed_between_payment_and_confirmation(emma, provider, news):
    order = reserve(total="15.98")
    pay_at(provider, order)
    run_until_killed("services._place = die\n" + CONFIRM.format(order_id=order.order_id))
    assert the_order().status == "awaiting_payment"
    if news == "webhook":  # it was not answered, so it comes again
        assert send_webhook(payment_for(order)).status_code == 204
    else:
        release_unpaid(at=later())
    assert the_order().status == "placed"
    assert (stock(emma), cart_of("c-1").copies) == (7, 0)
    assert provider.ledger.payment(order.order_id).state == "paid"


def test_killed_right_after_the_confirmation(emma, provider):
    order = reserve(total="15.98")
    pay_at(provider, order)
    run_until_killed("services.Step.apply = die\n" + CONFIRM.format(order_id=order.order_id))
    assert the_order().status == "placed"
    assert send_webhook(payment_for(order)).status_code == 204
    release_unpaid(at=later())
    stored = the_order()
    assert (stored.status, int(stored.version)) == ("placed", 2)
    assert (stock(emma), cart_of("c-1").copies) == (7, 0)


CANCEL = 'services.cancel_order(customer_id="c-1", order_id={order_id!r}, at=now)'


@pytest.mark.parametrize(
    ("killed_at", "left"),
    [
        ("services._cancel = die", "placed"),
        ("refunds.settle = die", "cancelled"),  # cancelled and owing, before the provider is asked
        ("refunds.take_step = die", "cancelled"),  # the money is back, and the order does not say so
    ],
)
def test_killed_while_cancelling(emma, provider, killed_at, left):
    order = reserve(total="15.98")
    pay_at(provider, order)
    place(order)
    run_until_killed(f"{killed_at}\n" + CANCEL.format(order_id=order.order_id))
    assert the_order().status == left
    if left == "placed":
        cancel_order(customer_id="c-1", order_id=order.order_id, at=datetime.now(UTC))
    else:
        release_unpaid(at=datetime.now(UTC))
    assert (the_order().status, the_order().queue_name) == ("refunded", None)
    assert stock(emma) == 9
    assert provider.ledger.payment(order.order_id).refunds == 1


REFUND = """
refunds.refund_order(
    customer_id="c-1", order_id={order_id!r}, refund_id="r-1", amount=Decimal("5.00"),
    reason="Torn.", by="anna@example.com", at=now,
)
"""


@pytest.mark.parametrize(
    "killed_at",
    [
        "refunds._make = die",  # the refund is pending, and the provider was not asked
        "refunds._say_done = die",  # the money is back, and the order does not say so
    ],
)
def test_killed_while_refunding(emma, provider, killed_at):
    order = reserve(total="15.98")
    pay_at(provider, order)
    place(order)
    run_until_killed(f"{killed_at}\n" + REFUND.format(order_id=order.order_id))
    assert (the_order().status, the_order().queue_name, the_order().refunded) == ("placed", "owed", 0)
    release_unpaid(at=datetime.now(UTC))
    stored = the_order()
    assert (stored.queue_name, stored.refunded, stored.pending_refunds) == ("placed", Decimal("5.00"), [])
    payment = provider.ledger.payment(order.order_id)
    assert (payment.refunded, payment.refunds) == ("5.00", 1)


@pytest.mark.parametrize("killed_at", ["services._release = die", "services.Step.apply = die"])
def test_killed_while_releasing(emma, provider, killed_at):
    reserve(total="15.98")
    run_until_killed(
        f"{killed_at}\nfrom datetime import timedelta\nservices.release_unpaid(at=now + timedelta(minutes=31))"
    )
    release_unpaid(at=later())
    assert the_order().status == "cancelled"
    assert stock(emma) == 9


def test_the_provider_is_killed_and_remembers_what_was_paid(emma, provider, settings, tmp_path):
    order = reserve(total="15.98")
    pay_at(provider, order)
    again: Any = Ledger(tmp_path / "payments.json")
    assert again.payment(order.order_id).state == "paid"
    assert len(again.due(1e12)) == 1  # its webhook still waits
