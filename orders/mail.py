"""What the shop writes to customers about their orders."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from orders.models import Order

PLACED, SHIPPED, CANCELLED = "placed", "shipped", "cancelled"
REFUNDED, NOTE = "refunded", "note"  # one for each refund and note, whose id follows
_SEPARATOR = ":"


def named(kind: str, which: str) -> str:
    """Return the kind of a mail of which an order may call for several."""
    return f"{kind}{_SEPARATOR}{which}"


def write_mail(order: Order, kind: str) -> EmailMessage:
    """Write one of the messages, in plain text: ``placed``, ``shipped``, ``cancelled``, ``refunded:ID``, ``note:ID``."""
    subjects = {
        PLACED: _("Your order %(number)s"),
        SHIPPED: _("Your order %(number)s is on its way"),
        CANCELLED: _("Your order %(number)s is cancelled"),
        REFUNDED: _("A refund for your order %(number)s"),
        NOTE: _("About your order %(number)s"),
    }
    kind, _separator, which = kind.partition(_SEPARATOR)
    context = {
        "order": order,
        "refund": next((each for each in order.refunds if each.refund_id == which), None),
        "note": next((each for each in order.notes if each.note_id == which), None),
        "address": f"{settings.PUBLIC_ORIGIN}{order.get_absolute_url()}",
    }
    return EmailMessage(
        subject=subjects[kind] % {"number": order.number},
        body=render_to_string(f"orders/mail/{kind}.txt", context),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[order.email],
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: nobody's out-of-office answers
    )
