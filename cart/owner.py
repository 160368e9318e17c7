"""Whose cart it is: a customer's, or that of a guest whom a signed cookie names."""

import re
import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse

GUEST_PREFIX = "guest#"  # no customer's id begins so: Cognito's are UUIDs
_SALT = "cart.guest"
_SECONDS_A_DAY = 24 * 60 * 60
_GUEST = re.compile(r"guest#[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def owner_of(request: HttpRequest) -> str | None:
    """Return whose cart the visitor fills: ``None`` for a guest who has none yet.

    Costs nothing but the session that a signed-in visitor has anyway.
    """
    if request.user.is_authenticated:
        return request.user.customer_id
    return guest_of(request)


def guest_of(request: HttpRequest) -> str | None:
    """Return the guest that the cookie names; ``None`` when it is forged, too old or not there."""
    guest = request.get_signed_cookie(
        settings.CART_COOKIE_NAME, default=None, salt=_SALT, max_age=_cookie_seconds()
    )
    return guest if guest and _GUEST.fullmatch(guest) else None


def is_guest(owner: str) -> bool:
    """Tell whether a cart is a guest's, whose lines expire."""
    return owner.startswith(GUEST_PREFIX)


def new_guest() -> str:
    """Name a guest who has no cart yet."""
    return f"{GUEST_PREFIX}{uuid.uuid4()}"


def remember_guest(response: HttpResponse, guest: str) -> None:
    """Have the browser keep the guest's name for as long as a line lasts, from now on."""
    response.set_signed_cookie(
        settings.CART_COOKIE_NAME,
        guest,
        salt=_SALT,
        max_age=_cookie_seconds(),
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _cookie_seconds() -> int:
    return int(settings.GUEST_CART_DAYS) * _SECONDS_A_DAY
