"""A user pool of the local AWS, and a browser that can use its sign-in page."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings as shop_settings
from django.http import HttpResponse
from django.test import Client
from pytest_socket import enable_socket

from bookstore import aws
from bookstore.accounts import oidc
from bookstore.devstack import cloud
from bookstore.devstack import stores as embedded
from tests import settings as ports


@dataclass
class Pool:
    """The pool as the local shop has it, with its people."""

    id: str
    reader: str = cloud.READER
    staff: str = cloud.STAFF
    password: str = cloud.PASSWORD

    def sub(self, email: str) -> str:
        found = aws.cognito().admin_get_user(UserPoolId=self.id, Username=email)
        return next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub")

    def has(self, email: str) -> bool:
        try:
            self.sub(email)
        except aws.cognito().exceptions.UserNotFoundException:
            return False
        return True


@pytest.fixture(scope="session")
def cognito() -> Iterator[cloud.Cloud]:
    """Start a local AWS for user pools alone, which outlives the tests: a pool's keys take long to make."""
    enable_socket()
    store = embedded.start_aws(port=ports.COGNITO_PORT)
    yield cloud.Cloud(ports.COGNITO_PORT)
    store.stop()


_made: dict[str, str] = {}  # the ids of this process's pool


@pytest.fixture
def pool(cognito: cloud.Cloud, settings: Any) -> Pool:
    """Return the pool with its people as they were on the first day, and let the shop know it."""
    if pool_id := _made.get("COGNITO_USER_POOL_ID"):
        for user in aws.cognito().list_users(UserPoolId=pool_id)["Users"]:
            aws.cognito().admin_delete_user(UserPoolId=pool_id, Username=user["Username"])
    _made.update(cognito.user_pool(origin=settings.PUBLIC_ORIGIN, known=_made))
    pool_id = _made["COGNITO_USER_POOL_ID"]
    for name, value in _made.items():
        setattr(settings, name, value)
    settings.COGNITO_ISSUER = f"https://cognito-idp.{ports.REGION}.amazonaws.com/{pool_id}"
    settings.OIDC_OP_JWKS_ENDPOINT = f"{ports.COGNITO}/{pool_id}/.well-known/jwks.json"
    settings.OIDC_RP_CLIENT_ID = _made["COGNITO_CLIENT_ID"]
    settings.OIDC_RP_CLIENT_SECRET = _made["COGNITO_CLIENT_SECRET"]
    oidc.signing_keys.forget()
    return Pool(pool_id)


@dataclass
class Browser:
    """A person's browser: on the shop's pages by Django's client, on Cognito's over the wire."""

    shop: Client = field(default_factory=Client)

    def leave_for_cognito(self, next_page: str | None = None, **headers: str) -> str:
        """Follow the shop's sign-in link; return Cognito's address."""
        query = {} if next_page is None else {"next": next_page}
        response = self.shop.get("/oidc/authenticate/", query, headers=headers)
        assert response.status_code == 302
        return str(response.headers["Location"])

    def sign_in_at_cognito(self, address: str, email: str, password: str) -> str:
        """Fill in Cognito's page; return the address it sends the browser back to."""
        page = requests.get(address, timeout=10)
        assert page.status_code == 200, page.text
        form = {
            name: html.unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        }
        sent = requests.post(
            f"{ports.COGNITO}/login",
            data={**form, "username": email, "password": password},
            allow_redirects=False,
            timeout=10,
        )
        assert sent.status_code == 302, sent.text
        return sent.headers["Location"]

    def come_back(self, address: str, **headers: str) -> HttpResponse:
        """Follow the way back to the shop."""
        parts = urlsplit(address)
        return self.shop.get(f"{parts.path}?{parts.query}", headers=headers)

    def sign_in(self, email: str, password: str, next_page: str | None = None) -> HttpResponse:
        """Sign in from beginning to end; return the shop's last answer, which leads on."""
        return self.come_back(self.sign_in_at_cognito(self.leave_for_cognito(next_page), email, password))

    @property
    def session(self) -> str:
        """The session cookie's value; empty without one."""
        cookie = self.shop.cookies.get(shop_settings.SESSION_COOKIE_NAME)
        return cookie.value if cookie else ""

    def is_signed_in(self) -> bool:
        return self.shop.get("/account/").status_code == 200

    def send(self, path: str, data: dict[str, str] | None = None) -> HttpResponse:
        """Send a form from one of the shop's pages."""
        return self.shop.post(path, data or {}, headers={"sec-fetch-site": "same-origin"})


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def another_browser() -> Callable[[], Browser]:
    return Browser
