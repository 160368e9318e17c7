"""A small shop with something on every shelf, and every address it has."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from bookstore.accounts import services as accounts
from bookstore.accounts.selectors import PostalAddress
from bookstore.caching import is_signed_webhook
from cart import services as carts
from orders import reserving
from orders.ids import draw_order_id
from tests import factories

CUSTOMER = "c-1"


@dataclass(frozen=True)
class Address:
    """One address of the shop, with samples in the place of its variables."""

    name: str
    path: str
    is_webhook: bool


@dataclass
class Shop:
    """What stands in the shop, and where."""

    samples: dict[str, dict[str, str]]

    def addresses(self) -> list[Address]:
        """Return every address of the URLconf."""
        return list(self._walk(get_resolver().url_patterns, "/", ""))

    def staff_addresses(self) -> list[Address]:
        """Return every address of the admin, but for the last that takes what no other does."""
        found = self._walk(get_resolver(settings.ADMIN_URLCONF).url_patterns, "/", "")
        return [each for each in found if each.name.startswith("admin:") and "(" not in each.path]

    def path(self, name: str) -> str:
        return next(each.path for each in self.addresses() if each.name == name)

    def _walk(self, patterns: list[Any], before: str, namespace: str) -> Iterator[Address]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                below = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from self._walk(pattern.url_patterns, before + str(pattern.pattern), below)
            else:
                yield self._address(pattern, before, namespace)

    def _address(self, pattern: URLPattern, before: str, namespace: str) -> Address:
        name = f"{namespace}{pattern.name}"
        samples = self.samples[""] | self.samples.get(name, {})
        route = before + str(pattern.pattern)
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda variable: samples.get(variable[1], "1"), route)
        return Address(name, path, is_signed_webhook(pattern.callback))


@pytest.fixture
def shop(empty_stores: None, pump: Callable[[], Any]) -> Shop:
    """Stock the shop, and have one customer with a cart, an address and an order."""
    factories.category("fiction", "Fiction")
    book = factories.book("Pride and Prejudice", stock=10)
    factories.book("Emma", stock=10)
    at = datetime.now(UTC)
    carts.add_to_cart(owner=CUSTOMER, book_id=book.id, quantity=1, seen_price=None, at=at, guest=False)
    order = reserving.reserve(
        customer_id=CUSTOMER,
        email="reader@example.com",
        order_id=draw_order_id(at=at),
        agreed_total=Decimal("7.99"),
        address=factories.ADDRESS,
        at=at,
    )
    address = PostalAddress.of(factories.ADDRESS)
    accounts.add_address(customer_id=CUSTOMER, address=address)
    pump()
    return Shop(
        samples={
            "": {
                "book_id": book.id,
                "order_id": order.order_id,
                "key": address.key,
                "slug": "fiction",
                "part": "1",
            },
            "catalog:book": {"slug": book.slug},
            "catalog:author": {"slug": book.contributors[0].slug},
        }
    )


@pytest.fixture
def stranger() -> Client:
    return Client()


@pytest.fixture
def reader(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id=CUSTOMER)


def with_session_cookie(value: str) -> Client:
    """Return a browser with a session cookie of that value."""
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = value
    return browser


def is_page(response: HttpResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")
