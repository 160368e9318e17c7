"""What the cart does when something happens to a customer."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from cart import services
from cart.errors import CartBusyError
from cart.owner import guest_of
from cart.selectors import cart_of


def merge_at_sign_in(sender: object, request: HttpRequest, customer_id: str, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Bring what was gathered before signing in into the customer's cart, and say so once."""
    guest = guest_of(request)
    if guest is None:
        return
    try:
        merged = services.merge_guest_cart(guest=guest, customer_id=customer_id, at=timezone.now())
    except CartBusyError as error:
        # What was not moved waits for the next sign-in: no reason to keep anyone out.
        messages.warning(request, str(error))
        return
    if merged.sentence:
        messages.info(request, merged.sentence)


def forget(sender: object, customer_id: str, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Delete the cart of a customer who asks to be forgotten."""
    services.forget_cart(customer_id=customer_id)


def export(sender: object, customer_id: str, **_kwargs: object) -> dict[str, Any]:  # noqa: ARG001 - a signal's signature
    """Return the cart for the customer's export."""
    return {
        "cart": [
            {
                "book": line.book_id,
                "title": line.title,
                "copies": line.quantity,
                "price_seen": line.seen_price,
            }
            for line in cart_of(customer_id).lines
        ]
    }
