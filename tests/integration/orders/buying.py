"""The steps between a cart and an order, for tests that begin further on."""

import http.client
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings as django_settings
from django.test import Client

from bookstore.devstack.payment_provider import SIGNATURE_HEADER, Provider, signature
from cart import services as carts
from catalog.models import Book
from orders import fulfilment, refunds, reserving, services
from orders.ids import draw_order_id
from orders.models import Order, UnpaidOrder
from orders.payments.base import Payment, PaymentState
from orders.states import Status
from tests import factories

PAYS = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
TAKES_NOTHING_BACK = "4000 0000 0000 5126"
NOW = datetime(2026, 11, 28, 12, 3, tzinfo=UTC)
ANNA, BEN = "anna@example.com", "ben@example.com"  # of the staff


def fill_cart(customer_id: str = "c-1", **copies: int) -> None:
    """Put copies of books, by their ids with underscores, into a cart."""
    for book_id, quantity in copies.items():
        carts.add_to_cart(
            owner=customer_id,
            book_id=book_id.replace("_", "-"),
            quantity=quantity,
            seen_price=None,
            at=datetime.now(UTC),
            guest=False,
        )


def reserve(
    customer_id: str = "c-1",
    *,
    total: str,
    order_id: str = "",
    at: datetime | None = None,
    address: dict[str, str] = factories.ADDRESS,
) -> Order:
    at = at or datetime.now(UTC)
    return reserving.reserve(
        customer_id=customer_id,
        email="reader@example.com",
        order_id=order_id or draw_order_id(at=at),
        agreed_total=Decimal(total),
        address=address,
        at=at,
    )


def unmarked(customer_id: str = "c-1", *, total: str, at: datetime | None = None) -> Order:
    """Reserve as the shop did before it marked unpaid orders: one customer may have many."""
    order = reserve(customer_id, total=total, at=at)
    UnpaidOrder(customer_id).delete()
    return order


def payment_for(order: Order, **changes: Any) -> Payment:
    """Make the payment that a provider would tell of."""
    told = {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "state": PaymentState.PAID,
        "amount": order.total,
        "currency": order.currency,
        "reference": "demo_1",
    }
    return Payment(**(told | changes))


def place(order: Order) -> Order:
    return services.confirm(
        customer_id=order.customer_id,
        order_id=order.order_id,
        payment=payment_for(order),
        at=datetime.now(UTC),
    )


def decline(order: Order) -> None:
    """Have the provider tell that the card was declined: an order that is not paid is given up."""
    services.receive_payment(payment=payment_for(order, state=PaymentState.DECLINED), at=datetime.now(UTC))


def named(order: Order, by: str = ANNA, *, at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """Return what a step of staff is told."""
    return {"customer_id": order.customer_id, "order_id": order.order_id, "by": by, "at": at} | fields


def send_on(order: Order, *steps: Status, by: str = ANNA, at: datetime | None = None) -> Order:
    """Let staff take an order through these steps."""
    told = named(order, by, at=at or datetime.now(UTC))
    for step in steps:
        match step:
            case Status.PACKED:
                order = fulfilment.pack_order(**told)
            case Status.SHIPPED:
                order = fulfilment.ship_order(**told, carrier="dpd", tracking_number="1234567890")
            case Status.DELIVERED:
                order = fulfilment.deliver_order(**told)
            case Status.RETURNED:
                order = refunds.return_order(**told, refund_id="r-back", reason="Torn.")
    return order


def stock(book: Any) -> int:
    return int(Book.get(book.id, consistent_read=True).stock)


def stored_orders(customer_id: str = "c-1") -> list[Order]:
    return list(Order.query(customer_id, consistent_read=True))


def the_order(customer_id: str = "c-1") -> Order:
    (order,) = stored_orders(customer_id)
    return order


def checkout_form(client: Client) -> dict[str, str]:
    """Open the checkout page; return what its form would send, with an address typed in."""
    answer = client.get("/checkout/")
    assert answer.status_code == 200, answer.headers
    return {"order": answer.context["order"], **factories.ADDRESS}


def type_card(
    page: str, *, card: str = PAYS, expiry: str = "12/49", cvc: str = "123"
) -> tuple[int, str, str]:
    """Fill in the provider's page; return status, where it leads, and what it says."""
    parts = urlsplit(page)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        line.request(
            "POST",
            parts.path,
            urlencode({"card_number": card, "expiry": expiry, "cvc": cvc}),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        answer = line.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    finally:
        line.close()


def pay_at(provider: Provider, order: Order, *, amount: str = "", takes_nothing_back: bool = False) -> None:
    """Pay an order at the provider without a browser."""
    payment = provider.ledger.open(
        {
            "order_id": order.order_id,
            "customer_id": order.customer_id,
            "number": order.number,
            "amount": amount or str(order.total),
            "currency": order.currency,
            "return_url": f"{django_settings.PUBLIC_ORIGIN}/checkout/return/?order={order.order_id}",
            "webhook_url": f"{django_settings.PUBLIC_ORIGIN}/payments/webhook/",
        }
    )
    provider.ledger.pay(payment.secret, declined=False, takes_nothing_back=takes_nothing_back)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def send_webhook(
    payment: Payment,
    *,
    at: float | None = None,
    secret: str | None = None,
    client: Client | None = None,
    **told: Any,
) -> Any:
    """Send the shop what the provider would send; a real browser never does."""
    at = time.time() if at is None else at
    body = json.dumps(
        {
            "id": "evt_1",
            "type": f"payment.{payment.state}",
            "payment": {
                "order_id": payment.order_id,
                "customer_id": payment.customer_id,
                "state": payment.state,
                "amount": str(payment.amount),
                "currency": payment.currency,
                "reference": payment.reference,
            }
            | told,
        }
    ).encode()
    signed = signature(secret or django_settings.PAYMENT_WEBHOOK_SECRET, int(at), body)
    return (client or Client()).post(
        "/payments/webhook/",
        body,
        content_type="application/json",
        headers={SIGNATURE_HEADER: f"t={int(at)},v1={signed}"},
    )


def wait_until(holds: Callable[[], bool], *, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def sentences(answer: Any) -> str:
    """Return what a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
