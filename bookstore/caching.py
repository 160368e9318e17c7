"""What a view declares about its answers: who may keep them, and who may ask for them.

``bookstore.middleware`` holds the views to it.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# CloudFront keeps a public page for a minute, and for one more while it fetches the page anew.
# A browser asks each time, so that whoever has just bought or rated a book sees it.
PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=60"
PRIVATE = "private, no-store"

# Only these answers of a public page are worth keeping: the page, and the way to its right address.
_KEPT = frozenset({HTTPStatus.OK, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.NOT_MODIFIED})

_WEBHOOK_MARK = "bookstore_signed_webhook"

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def public_page[**P](view: View[P]) -> View[P]:
    """Declare a page that is the same for everyone, so that CloudFront may keep it.

    Such a view reads no session, no user and no messages, and sets no cookie: doing so is
    an error in tests, and elsewhere makes the answer private and an error in the log. Other
    answers than the page itself, such as a 404 or a 503, are never kept.
    """

    @wraps(view)
    def public(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code in _KEPT:
            response.headers["Cache-Control"] = PUBLIC
        return response

    return public


def private_page[**P](view: View[P]) -> View[P]:
    """Declare a page that nobody but the reader may keep, and not even the browser for long.

    It is what every view gets that declares nothing.
    """

    @wraps(view)
    def private(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = PRIVATE
        return response

    return private


def signed_webhook[**P](view: View[P]) -> View[P]:
    """Declare a view that other programs call, and which checks their signature itself.

    It alone takes unsafe requests that do not come from the shop's own pages.
    """

    @wraps(view)
    def webhook(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    setattr(webhook, _WEBHOOK_MARK, True)
    return webhook


def is_signed_webhook(view: Callable[..., object]) -> bool:
    """Tell whether a view was declared by ``signed_webhook``."""
    return getattr(view, _WEBHOOK_MARK, False) is True


def is_public(response: HttpResponseBase) -> bool:
    """Tell whether others than the reader may keep an answer."""
    return response.headers.get("Cache-Control", "").startswith("public")
