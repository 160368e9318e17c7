"""A customer with a cart and a paid order; the demonstration provider in a thread, and a shop its webhooks reach."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client

from bookstore.devstack.payment_provider import Provider
from bookstore.devstack.stores import LOOPBACK
from orders.models import Order
from tests import factories
from tests import settings as ports
from tests.integration.orders.buying import fill_cart, pay_at, place, reserve


@pytest.fixture
def customer(sign_in: Callable[..., Client]) -> Client:
    return sign_in()


@pytest.fixture
def emma() -> Any:
    """Return a book at £7.99, of whose nine copies the customer has two in the cart."""
    book = factories.book("Emma", price="7.99", stock=9, book_id="b-emma")
    fill_cart(b_emma=2)
    return book


@pytest.fixture
def placed(emma: Any, provider: Provider) -> Order:
    """Return the order of what is in the cart, paid at the provider."""
    order = reserve(total="15.98")
    pay_at(provider, order)
    return place(order)


@pytest.fixture
def provider(settings: Any, tmp_path: Any) -> Iterator[Provider]:
    """Run the demonstration provider. Its webhooks lead nowhere, until a test runs a shop."""
    settings.PUBLIC_ORIGIN = f"http://{LOOPBACK}:1"
    server = Provider(
        port=ports.PROVIDER_PORT,
        state=tmp_path / "payments.json",
        api_key=settings.PAYMENT_API_KEY,
        webhook_secret=settings.PAYMENT_WEBHOOK_SECRET,
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def shop(settings: Any, provider: Provider) -> Iterator[str]:
    """Serve the shop over HTTP, where the provider's webhooks reach it; return its origin."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadedWSGIServer((LOOPBACK, 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.PUBLIC_ORIGIN = f"http://{LOOPBACK}:{server.server_address[1]}"
    yield settings.PUBLIC_ORIGIN
    server.shutdown()
    server.server_close()
    thread.join()
