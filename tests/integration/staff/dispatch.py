"""Orders as staff meet them in the admin: made in one write, opened, and sent back as a browser does."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from bookstore.dynamodb.admin.models import LogItem
from orders.ids import draw_order_id, number_of
from orders.models import Address, Order, OrderLine, StatusChange
from orders.queues import queue_key, queue_of
from orders.states import Status
from tests import factories

ORDERS = "/admin/orders/order/"


def put(*, days_ago: float = 0, status: str = "placed", customer_id: str = "c-1", **fields: Any) -> Order:
    """Write an order as the services leave it, in one write."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    order_id = draw_order_id(at=at)
    queue = queue_of(Status(status), owing=False, refunding=False)
    said = {
        "number": number_of(order_id),
        "ordered_at": at,
        "lines": [
            OrderLine(book_id="b-e", name="Emma", author="Jane Austen", price="7.99", quantity=2),
            OrderLine(book_id="b-p", name="Persuasion", author="Jane Austen", price="5.00", quantity=1),
        ],
        "subtotal": "20.98",
        "discount": "0",
        "delivery": "0",
        "tax": "0",
        "total": "20.98",
        "currency": "GBP",
        "status": status,
        "history": [
            StatusChange(status=step, at=at, by="payment", version=number)
            for number, step in enumerate(dict.fromkeys(["awaiting_payment", "placed", status]), start=1)
        ],
        "address": Address(**factories.ADDRESS),
        "email": "reader@example.com",
        "version": 3,
        "queue_name": queue and queue_key(queue, order_id),
        "month_name": f"{at:%Y-%m}",
        **fields,
    }
    order = Order(customer_id, order_id, **said)
    order.save()
    return order


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return html.unescape(response.content.decode())


def numbers(page: str) -> list[str]:
    return re.findall(r'class="field-number"><a [^>]*>([^<]*)<', page)


def said(page: str) -> str:
    """Return the messages of a page."""
    return " ".join(re.findall(r"<li class=\"(?:success|warning|error|info)\">(.*?)</li>", page, re.DOTALL))


def of(order: Order, tool: str = "") -> str:
    key = f"{order.customer_id}~{order.order_id}"
    return f"{ORDERS}{key}/do/{tool}/" if tool else f"{ORDERS}{key}/change/"


def hidden(page: str) -> dict[str, str]:
    """Return what a tool's form carries along, of its own page or of a button."""
    found = dict(re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)"', page))
    return {name: found[name] for name in ("_seen", "_token")}


def now(order: Order) -> Order:
    return Order.get(order.customer_id, order.order_id, consistent_read=True)


def logged(order: Order) -> list[tuple[str, str]]:
    found = LogItem.query(f"orders.order#{order.customer_id}~{order.order_id}")
    return [(each.user_name, each.message) for each in found]


def use(client: Client, order: Order, tool: str, **fields: Any) -> Any:
    """Open a tool's form, or the button, and send it."""
    page = client.get(of(order, tool), follow=True)
    return client.post(of(order, tool), {**hidden(page.content.decode()), **fields}, follow=True)


def address_form(page: str) -> dict[str, str]:
    """Return an order's own form as a browser would send it back."""
    found = dict(re.findall(r'<input type="(?:text|hidden)" name="([^"]+)"(?: value="([^"]*)")?', page))
    return found | {"country": "GB", "initial-country": "GB"}


def choose(client: Client, action: str, *orders: Order, **fields: Any) -> Any:
    """Tick orders of the list, and run an action on them."""
    keys = [f"{order.customer_id}~{order.order_id}" for order in orders]
    return client.post(
        ORDERS, {"action": action, "_selected_action": keys, "index": "0", **fields}, follow=True
    )
