"""A sign-in under way: what has to be remembered between leaving for Cognito and coming back.

Each attempt has a signed cookie of its own for ten minutes. So two tabs, or a double click,
sign in side by side, each with its own page to go on to; nobody who only looks at the
sign-in page leaves a session behind; and an answer that was begun in another browser is
refused, because its cookie is not here.
"""

import hmac
import secrets
import time
import unicodedata
from dataclasses import asdict, dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from mozilla_django_oidc.utils import generate_code_challenge

LASTS_SECONDS = 10 * 60
NEXT_LENGTH = 500  # characters; five attempts have to fit beside the other cookies into API Gateway's 10 KB
SALT = "bookstore.accounts.attempts"


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way."""

    state: str  # comes back in the address
    nonce: str  # comes back in the id token
    verifier: str  # PKCE: proves to Cognito that the code is used by whom it was asked by
    next: str  # the page to go on to, on this site
    begun_at: float  # seconds since 1970

    @property
    def cookie_name(self) -> str:
        """The name of the attempt's cookie."""
        return cookie_name(self.state)

    @property
    def challenge(self) -> str:
        """What Cognito is told of the verifier at first: its hash."""
        return str(generate_code_challenge(self.verifier, "S256"))

    def keep(self, request: HttpRequest, response: HttpResponse) -> None:
        """Set the attempt's cookie; the oldest attempts give way when there are five already."""
        under_way: list[Attempt] = []
        for name in request.COOKIES:
            if not name.startswith(_prefix()):
                continue
            if attempt := _read(request, name):
                under_way.append(attempt)
            else:
                response.delete_cookie(name, samesite="Lax")
        under_way.sort(key=lambda attempt: attempt.begun_at)
        for attempt in under_way[: max(0, len(under_way) - settings.OIDC_MAX_STATES + 1)]:
            attempt.end(response)
        response.set_cookie(
            self.cookie_name,
            signing.dumps(asdict(self), salt=SALT, compress=True),
            max_age=LASTS_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",  # Strict would keep it away from the way back from Cognito
        )

    def end(self, response: HttpResponse) -> None:
        """Delete the attempt's cookie."""
        response.delete_cookie(self.cookie_name, samesite="Lax")


def begin(*, next_page: str) -> Attempt:
    """Draw the secrets of a new attempt."""
    return Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=safe_next(next_page),
        begun_at=time.time(),
    )


def find(request: HttpRequest, *, state: str) -> Attempt | None:
    """Return this browser's attempt of that state; none when it is over ten minutes old or another's."""
    attempt = _read(request, cookie_name(state))
    return attempt if attempt and hmac.compare_digest(attempt.state.encode(), state.encode()) else None


def _read(request: HttpRequest, name: str) -> Attempt | None:
    try:
        return Attempt(**signing.loads(request.COOKIES.get(name, ""), salt=SALT, max_age=LASTS_SECONDS))
    except (signing.BadSignature, TypeError):
        return None


def safe_next(page: str | None) -> str:
    r"""Return a page of this site to go on to, the home page when the one asked for is none.

    Only a path is good, beginning with exactly one slash: browsers read a backslash as a
    slash and drop tabs and line breaks, so that all of these lead to another site:
    ``//evil``, ``/\evil``, ``/<tab>/evil``. The sign-in's own pages are no place to end up.
    """
    if not page or len(page) > NEXT_LENGTH or not page.startswith("/") or "\\" in page:
        return settings.LOGIN_REDIRECT_URL
    if any(unicodedata.category(character)[0] in "CZ" for character in page):
        return settings.LOGIN_REDIRECT_URL
    if page.startswith("/oidc/") or not url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        return settings.LOGIN_REDIRECT_URL
    return page


def cookie_name(state: str) -> str:
    """Return the name of the cookie of an attempt; the state itself stays inside it."""
    letters = "".join(each for each in state[:12] if each.isascii() and each.isalnum())
    return f"{_prefix()}{letters}"


def _prefix() -> str:
    return f"{settings.COOKIE_PREFIX}sign-in-"
