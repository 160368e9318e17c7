"""Who is asking: from the session, without a read of its own."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime
from django.utils.functional import SimpleLazyObject

from bookstore.accounts import services
from bookstore.accounts.attempts import safe_next
from bookstore.accounts.errors import CognitoUnavailableError
from bookstore.accounts.models import User
from bookstore.accounts.services import CLAIMS_KEY
from bookstore.dynamodb.admin.middleware import is_for_staff

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class SignedInCustomer(AuthenticationMiddleware):
    """Sets ``request.user``, which is worked out when a view first asks.

    It costs nothing without a session cookie, and one GetItem, the session's, with one.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Promise a user; ask nobody yet."""

        def user() -> User | AnonymousUser:
            return customer_of(request)

        async def auser() -> User | AnonymousUser:
            await request.session.aget(SESSION_KEY)  # loads the session without blocking the loop
            return customer_of(request)

        request.user = SimpleLazyObject(user)  # type: ignore[assignment]  # it acts as what it wraps
        request.auser = auser

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Send a browser that has to sign in first by a way it can go, and back to a page.

        A script cannot follow a redirect to Cognito, which is another origin: htmx is told
        to leave the page instead. And whoever was stopped while sending a form comes back
        to the page with the form, since the form's own address may show nothing.
        """
        location = response.headers.get("Location", "")
        if not location.startswith(f"{settings.LOGIN_URL}?"):
            return response
        by_script = request.headers.get("HX-Request") == "true"
        if by_script or request.method not in SAFE_METHODS:
            page = _page_shown(request)
            location = f"{settings.LOGIN_URL}?{urlencode({'next': page})}"
            response.headers["Location"] = location
        if by_script:
            response = HttpResponse(headers={"HX-Redirect": location})
        return response


def customer_of(request: HttpRequest) -> User | AnonymousUser:
    """Return the person that the request's session belongs to."""
    session = request.session
    customer_id, claims = session.get(SESSION_KEY), session.get(CLAIMS_KEY)
    if not customer_id or not isinstance(claims, dict):
        return AnonymousUser()
    user = User.of(
        customer_id=customer_id,
        email=claims.get("email", ""),
        name=claims.get("name", ""),
        groups=claims.get("groups", ()),
        checked_at=parse_datetime(claims.get("checked_at", "")),
    )
    known = session.get(HASH_SESSION_KEY, "")
    good = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    if not any(constant_time_compare(known, each) for each in good):
        session.flush()
        return AnonymousUser()
    return user


def _page_shown(request: HttpRequest) -> str:
    """Return the page of this site that the browser is on, as far as it says."""
    address = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or ""
    if not address.startswith(f"{settings.PUBLIC_ORIGIN}/"):
        return settings.LOGIN_REDIRECT_URL
    parts = urlsplit(address)
    return safe_next(f"{parts.path}?{parts.query}" if parts.query else parts.path)


class StaffSession:
    """Holds requests for the admin to stricter rules than the shop's: stands behind ``SignedInCustomer``.

    A session is good for it for 30 minutes of rest and 12 hours in all, after which its owner
    signs in again, and stays signed in to the shop meanwhile. What Cognito says about the person
    is at most a minute old: who lost a group, or was disabled, is out by then. When Cognito does
    not answer, nobody is let in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let a member of staff in, or send them to sign in once more."""
        if is_for_staff(request) and request.user.is_authenticated:
            try:
                again = services.keep_staff_fresh(request.session, at=timezone.now())
            except CognitoUnavailableError:
                log.exception("nobody is let into the admin: Cognito does not say who is staff")
                return HttpResponse(
                    render_to_string("503.html", request=request),
                    status=HTTPStatus.SERVICE_UNAVAILABLE,
                    headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
                )
            if again:
                query = urlencode({"next": safe_next(request.get_full_path()), "again": "1"})
                return redirect(f"{settings.LOGIN_URL}?{query}")
            request.user = customer_of(request)  # with the groups that were read just now
        return self._get_response(request)
