"""Sign-in with Cognito: what mozilla-django-oidc leaves out.

The package trusts an id token of any audience and issuer, fetches Cognito's keys at every
sign-in, and builds the return address from the request's Host. Here the token is checked
whole, the keys are kept, and every address begins with ``PUBLIC_ORIGIN``.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlencode

import jwt
import requests
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from bookstore.accounts import services
from bookstore.accounts.errors import (
    CognitoUnavailableError,
    EmailNotVerifiedError,
    SignInExpiredError,
    SignInRefusedError,
)
from bookstore.accounts.models import User

log = logging.getLogger(__name__)

ALGORITHM = "RS256"
CLOCK_SKEW_SECONDS = 30  # between Cognito's clock and this machine's
KEYS_REST_SECONDS = 60.0  # an unknown key makes the key set be fetched at most this often


def public_url(path: str) -> str:
    """Return a page's address as the public knows it, whatever the request's Host says."""
    return f"{settings.PUBLIC_ORIGIN}{path}"


def return_url() -> str:
    """Return where Cognito sends the browser after signing in; the user pool's client lists it."""
    return public_url(reverse("oidc_authentication_callback"))


def logout_url(request: HttpRequest | None = None) -> str:  # noqa: ARG001 - mozilla-django-oidc passes it
    """Return where Cognito ends its own session; it comes back to the home page."""
    query = {"client_id": settings.COGNITO_CLIENT_ID, "logout_uri": public_url("/")}
    return f"{settings.OIDC_OP_LOGOUT_ENDPOINT}?{urlencode(query)}"


class SigningKeys:
    """Cognito's public keys by their id, fetched once and kept in the process.

    A key that is not among them makes the set be fetched again, since Cognito changes its
    keys now and then, but not twice within ``KEYS_REST_SECONDS``.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._fetching = threading.Lock()

    def get(self, key_id: str) -> jwt.PyJWK:
        """Return a key.

        Raises ``SignInRefusedError`` when Cognito has no such key, and
        ``CognitoUnavailableError`` when it does not say.
        """
        if (key := self._keys.get(key_id)) is None:
            with self._fetching:  # whoever waited here finds the key another has fetched
                if key_id not in self._keys and self._rested():
                    self._keys = _fetch_keys()
                    self._fetched_at = self._clock()
            key = self._keys.get(key_id)
        if key is None:
            _refuse("it is signed with a key that Cognito does not have")
        return key

    def forget(self) -> None:
        """Drop all keys; the next sign-in fetches them."""
        self._keys, self._fetched_at = {}, None

    def _rested(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= KEYS_REST_SECONDS


def _fetch_keys() -> dict[str, jwt.PyJWK]:
    try:
        answer = requests.get(
            settings.OIDC_OP_JWKS_ENDPOINT, timeout=settings.OIDC_TIMEOUT, allow_redirects=False
        )
        answer.raise_for_status()
        listed = answer.json()["keys"]
        return {each["kid"]: jwt.PyJWK(each, algorithm=ALGORITHM) for each in listed if each["kty"] == "RSA"}
    except (requests.RequestException, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
        raise CognitoUnavailableError(_("Sign-in does not answer at the moment.")) from error


signing_keys = SigningKeys()


class CognitoBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the package ships no types
    """Turns the code that Cognito sent the browser back with into a customer.

    ``authenticate`` is mozilla-django-oidc's. It raises the errors of ``SignInError``.
    """

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange the code for tokens. The tokens are read and dropped, never stored."""
        payload["redirect_uri"] = return_url()  # the package's comes from the Host header
        try:
            tokens: dict[str, Any] = super().get_token(payload)
        except (requests.RequestException, ValueError) as error:
            raise CognitoUnavailableError(_("Sign-in does not answer at the moment.")) from error
        return tokens

    def raise_token_response_error(self, response: requests.Response) -> None:
        """Raise for an answer without tokens. Neither its address nor its body is repeated anywhere."""
        if response.ok:
            return
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CognitoUnavailableError(_("Sign-in does not answer at the moment."))
        try:
            reason = str(response.json()["error"])
        except (ValueError, KeyError, TypeError):
            reason = ""
        if reason == "invalid_grant":  # used before, or five minutes old
            raise SignInExpiredError(_("This sign-in was used already or took too long."))
        log.error("Cognito's token endpoint answered %d %s", response.status_code, reason[:40])
        raise SignInRefusedError(_("Cognito did not accept the sign-in."))

    def verify_token(
        self, token: str | None, *, nonce: str | None = None, **_kwargs: object
    ) -> dict[str, Any]:
        """Return the claims of an id token that is genuine, current, ours, and for this sign-in.

        Raises ``SignInRefusedError``, which says in the log what was wrong, and
        ``CognitoUnavailableError`` when the keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(token or "")
            if header.get("alg") != ALGORITHM:
                _refuse("its algorithm is another")
            claims: dict[str, Any] = jwt.decode(
                token or "",
                signing_keys.get(str(header.get("kid"))),
                algorithms=[ALGORITHM],
                audience=settings.COGNITO_CLIENT_ID,
                issuer=settings.COGNITO_ISSUER,
                leeway=CLOCK_SKEW_SECONDS,
                options={"require": ["aud", "exp", "iat", "iss", "sub", "token_use"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            _refuse(type(error).__name__, error)
        if claims["token_use"] != "id":  # noqa: S105 - the name of a kind of token
            _refuse("it is no id token")
        said = claims.get("nonce")
        if not nonce or not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            _refuse("its nonce is another")
        return claims

    def get_or_create_user(self, access_token: str, id_token: str, payload: Mapping[str, Any]) -> User:  # noqa: ARG002 - the base class's signature
        """Return the customer whom checked claims name, and keep the e-mail address and name.

        Everything is in the id token: Cognito's userInfo lacks the groups and would cost a
        call. Raises ``EmailNotVerifiedError`` and ``AccountDisabledError``.
        """
        now = datetime.now(UTC)
        user = User.of(
            customer_id=payload["sub"],
            email=str(payload.get("email") or ""),
            name=str(payload.get("name") or "")[:200],
            groups=[str(group) for group in payload.get("cognito:groups") or []],
            checked_at=now,
        )
        # A boolean in Cognito's own tokens; text where the address came from another provider.
        if not user.email or payload.get("email_verified") not in (True, "true"):
            raise EmailNotVerifiedError(_("Please confirm your e-mail address first."))
        services.record_sign_in(customer_id=user.customer_id, email=user.email, name=user.name, at=now)
        return user

    def get_user(self, user_id: str) -> None:
        """Return nobody: a user comes from a session's claims, never from an id alone."""

    # ModelBackend would ask SQL tables for permissions; the user knows its own.
    def get_all_permissions(self, user_obj: User, obj: object = None) -> set[str]:
        """Return the single permissions a user holds."""
        return user_obj.get_all_permissions(obj)

    get_user_permissions = get_group_permissions = get_all_permissions

    def has_perm(self, user_obj: User, perm: str, obj: object = None) -> bool:
        """Tell whether a user may do one thing in the admin."""
        return user_obj.has_perm(perm, obj)

    def has_module_perms(self, user_obj: User, app_label: str) -> bool:
        """Tell whether a user may see an app in the admin."""
        return user_obj.has_module_perms(app_label)

    def with_perm(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: no table lists the users; Cognito does."""
        raise NotImplementedError("ask Cognito for the members of a group")


def _refuse(reason: str, cause: Exception | None = None) -> NoReturn:
    log.warning("an id token was refused: %s", reason)
    raise SignInRefusedError(_("Cognito did not accept the sign-in.")) from cause
