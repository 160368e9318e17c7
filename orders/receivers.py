"""What orders do when something happens to a customer."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookstore.accounts.selectors import Section
from bookstore.typesetting import money
from orders import services
from orders.models import Order
from orders.selectors import admin_key, all_orders_of, orders_of, timeline


def may_forget(sender: object, customer_id: str, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Refuse to have a customer forgotten whose order is under way."""
    services.check_erasable(all_orders_of(customer_id))


def forget(sender: object, customer_id: str, at: datetime, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Take the person out of the orders of a customer who asks to be forgotten."""
    services.erase_customer(customer_id=customer_id, at=at)


def export(sender: object, customer_id: str, **_kwargs: object) -> dict[str, Any]:  # noqa: ARG001 - a signal's signature
    """Return the orders for the customer's export: all but what staff wrote to themselves."""
    return {
        "orders": [
            {
                "number": order.number,
                "ordered_at": order.ordered_at,
                "status": order.status,
                "email": order.email,
                "address": {name: getattr(order.address, name) for name in order.address.attribute_values},
                "books": [
                    {
                        "book": line.book_id,
                        "title": line.name,
                        "unit_price": line.price,
                        "copies": int(line.quantity),
                        "copies_kept": line.kept,
                        "status": line.status,
                    }
                    for line in order.lines
                ],
                "subtotal": order.subtotal,
                "discount": order.discount,
                "delivery": order.delivery,
                "tax": order.tax,
                "total": order.total,
                "currency": order.currency,
                "carrier": order.carrier_name,
                "tracking_number": order.tracking_number,
                "refunded": order.given_back,
                "refunds": [
                    {
                        "at": refund.at,
                        "amount": refund.amount,
                        "state": refund.state,
                        "books": refund.copies_by_book,
                    }
                    for refund in order.refunds
                ],
                "notes": [{"at": note.at, "text": note.text} for note in order.notes if note.to_customer],
                "history": [
                    {"status": step.label, "at": step.at, "note": step.note} for step in timeline(order)
                ],
            }
            for order in all_orders_of(customer_id)
        ]
    }


def show_staff(sender: object, customer_id: str, **_kwargs: object) -> Section:  # noqa: ARG001 - a signal's signature
    """Return a customer's newest orders, for staff: one Query."""
    page = orders_of(customer_id)
    lines = [(_in_words(order), _in_the_admin(order)) for order in page.items]
    if page.after:
        everything = f"{reverse('admin:orders_order_changelist')}?customer_id={customer_id}"
        lines.append((_("… and older ones"), everything))
    return Section(_("Orders"), lines or [(_("none"), "")])


def _in_words(order: Order) -> str:
    day = date_format(timezone.localtime(order.ordered_at), "j F Y")
    return f"{order.number} · {day} · {money(order.total, order.currency)} · {order.label}"


def _in_the_admin(order: Order) -> str:
    """Return where staff find an order."""
    from django.contrib.admin.utils import quote  # noqa: PLC0415 - imports all of the admin

    key = quote(admin_key(order.customer_id, order.order_id))
    return reverse("admin:orders_order_change", args=[key])
