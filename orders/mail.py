"""What the shop writes to customers about their orders."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from orders.models import Order

PLACED = "placed"
CANCELLED = "cancelled"


def write_mail(order: Order, kind: str) -> EmailMessage:
    """Write one of the messages, ``placed`` or ``cancelled``, in plain text."""
    subjects = {
        PLACED: _("Your order %(number)s"),
        CANCELLED: _("Your order %(number)s is cancelled"),
    }
    context = {"order": order, "address": f"{settings.PUBLIC_ORIGIN}{order.get_absolute_url()}"}
    return EmailMessage(
        subject=subjects[kind] % {"number": order.number},
        body=render_to_string(f"orders/mail/{kind}.txt", context),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[order.email],
        headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: nobody's out-of-office answers
    )
