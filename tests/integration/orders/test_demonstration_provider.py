"""The demonstration provider as a process, as a page, and as an API."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from bookstore.devstack.local_server import NotLocalError
from bookstore.devstack.payment_provider import SIGNATURE_HEADER, Provider
from bookstore.devstack.stores import LOOPBACK, free_port
from orders.models import Order
from orders.payments.base import PaymentRefusedError, PaymentState, PaymentUnavailableError
from orders.payments.demonstration import Demonstration
from tests.integration.orders.buying import DECLINED, PAYS, TAKES_NOTHING_BACK, type_card, wait_until

ROOT = Path(__file__).parent.parent.parent.parent
BACK = "http://127.0.0.1:1/checkout/return/?order=o-1"


@pytest.fixture(autouse=True)
def empty_stores() -> None:
    """Start no stores: the provider knows none."""


@pytest.fixture
def order(provider) -> Order:
    return Order("c-1", "o-1", number="ABCDEFGHJK", total=Decimal("12.98"), currency="GBP")


def start(arguments: list[str], **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "bookstore.devstack.payment_provider", *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Process:
    """The provider as `make run` starts it."""

    def __init__(self, state: Path) -> None:
        self.state, self.port = state, free_port()

    def __enter__(self) -> Self:
        self.process = start(["--port", str(self.port), "--state", str(self.state)])
        assert "listening on" in self.process.stdout.readline()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code


def test_it_starts_at_once_and_ends_when_asked(tmp_path):
    began = time.monotonic()
    process = Process(tmp_path / "payments.json")
    with process:
        took = time.monotonic() - began
        assert process.end(signal.SIGTERM) == 0
    assert took < 1.5  # 0.2 s on a quiet machine


def test_it_imports_nothing_but_the_standard_library():
    program = "import sys, bookstore.devstack.payment_provider; print(*sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    foreign = (
        {name.partition(".")[0] for name in modules}
        - set(sys.stdlib_module_names)
        - {"bookstore", "__main__"}
    )
    assert not {name for name in foreign if not name.startswith("_")}


def test_it_is_found_on_this_machine_alone(tmp_path):
    with Process(tmp_path / "payments.json") as process:
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for address in addresses - {LOOPBACK} - {f"127.0.{n}.1" for n in (0, 1)}:
            with pytest.raises(OSError), socket.create_connection((address, process.port), timeout=1):
                pass
    with pytest.raises(NotLocalError, match=r"127.0.0.1 alone"):
        Provider(port=0, state=None, api_key="k", webhook_secret="s", host="0.0.0.0")  # noqa: S104


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["--host", "0.0.0.0"], {}, 2, "listens on 127.0.0.1 alone"),  # noqa: S104
        ([], {"STAGE": "production"}, 2, "does not start outside development"),
        ([], {"STAGE": "staging"}, 2, "does not start outside development"),
        ([], {"PAYMENT_API_KEY": ""}, 2, "Set PAYMENT_API_KEY"),
        ([], {"PAYMENT_WEBHOOK_SECRET": ""}, 2, "Set PAYMENT_API_KEY and PAYMENT_WEBHOOK_SECRET"),
    ],
)
def test_it_refuses_in_one_sentence(tmp_path, arguments, environment, code, said):
    process = start(["--port", "0", "--state", str(tmp_path / "p.json"), *arguments], **environment)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == code
    assert said in output
    assert "Traceback" not in output


def test_a_taken_port_is_told_in_one_sentence(tmp_path):
    with socket.create_server((LOOPBACK, 0)) as taken:
        process = start(["--port", str(taken.getsockname()[1]), "--state", str(tmp_path / "p.json")])
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "cannot listen on port" in output
    assert "Traceback" not in output


def test_payments_and_webhooks_survive_a_kill(tmp_path, settings, order):
    """The shop is away when the buyer pays; then the provider is killed; then both are back."""
    heard = Shop()
    heard.accepts = False
    settings.PUBLIC_ORIGIN = heard.origin
    with heard, Process(tmp_path / "payments.json") as first:
        settings.PAYMENT_ORIGIN = f"http://{LOOPBACK}:{first.port}"
        page = Demonstration().start(order, BACK)
        assert type_card(page)[0] == 303
        wait_until(lambda: heard.bodies != [])
        first.end(signal.SIGKILL)
        heard.accepts = True
        heard.bodies.clear()
        with Process(tmp_path / "payments.json") as second:
            settings.PAYMENT_ORIGIN = f"http://{LOOPBACK}:{second.port}"
            assert Demonstration().payment_of("o-1").state is PaymentState.PAID
            wait_until(lambda: heard.bodies != [])
    headers, body = heard.requests[-1]
    told = Demonstration().read_webhook(headers, body, at=datetime.now(UTC))
    assert (told.order_id, told.customer_id, told.state, told.amount) == (
        "o-1",
        "c-1",
        PaymentState.PAID,
        Decimal("12.98"),
    )


class Shop:
    """Stands in for the shop's webhook address."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.bodies: list[bytes] = []
        self.accepts = True
        shop = self

        class Desk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.requests.append((dict(self.headers), body))
                shop.bodies.append(body)
                self.send_response(204 if shop.accepts else 503)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = HTTPServer((LOOPBACK, 0), Desk)
        self.origin = f"http://{LOOPBACK}:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def listening(settings: Any) -> Iterator[Shop]:
    with Shop() as shop:
        settings.PUBLIC_ORIGIN = shop.origin
        yield shop


def test_the_webhook_comes_again_until_the_shop_accepts_it(provider, listening, order):
    listening.accepts = False
    page = Demonstration().start(order, BACK)
    type_card(page)
    wait_until(lambda: len(listening.bodies) >= 2)
    listening.accepts = True
    wait_until(lambda: not provider.ledger.due(1e12))
    count = len(listening.bodies)
    time.sleep(0.7)
    assert len(listening.bodies) == count  # and not once it was accepted
    assert len(set(listening.bodies)) == 1  # the same event each time
    assert b"4242" not in listening.bodies[0]
    assert re.fullmatch(r"t=\d+,v1=[0-9a-f]{64}", listening.requests[0][0][SIGNATURE_HEADER])


def test_a_shop_below_localhost_is_told_though_no_resolver_knows_its_name(
    provider, listening, order, settings
):
    """As the local AWS's CloudFront has it: the name says which shop, and leads to this machine."""
    host = listening.origin.removeprefix("http://").replace(LOOPBACK, "d1.cloudfront.localhost")
    settings.PUBLIC_ORIGIN = f"http://{host}"
    type_card(Demonstration().start(order, BACK))
    wait_until(lambda: bool(listening.requests))
    assert listening.requests[0][0]["Host"] == host


def test_a_payment_from_start_to_refund(provider, order):
    shop = Demonstration()
    assert shop.payment_of("o-1").state is PaymentState.UNPAID  # not known yet
    page = shop.start(order, BACK)
    assert shop.start(order, BACK) == page
    assert shop.payment_of("o-1").state is PaymentState.UNPAID
    assert type_card(page, card=PAYS)[:2] == (303, BACK)
    paid = shop.payment_of("o-1")
    assert (paid.state, paid.amount, paid.currency, paid.customer_id) == (
        PaymentState.PAID,
        Decimal("12.98"),
        "GBP",
        "c-1",
    )
    for _twice in range(2):
        assert shop.refund("o-1", Decimal("12.98"), key="o-1").state is PaymentState.REFUNDED
    assert provider.ledger.payment("o-1").refunds == 1
    with pytest.raises(PaymentRefusedError, match="that is refunded cannot be refunded"):
        shop.refund("o-1", Decimal("12.98"), key="another")


def test_a_payment_given_back_in_parts(provider, order):
    shop = Demonstration()
    type_card(shop.start(order, BACK))
    for _twice in range(2):
        told = shop.refund("o-1", Decimal("5.00"), key="o-1.r-1")
        assert (told.state, told.amount, told.refunded) == (
            PaymentState.PAID,
            Decimal("12.98"),
            Decimal("5.00"),
        )
    with pytest.raises(PaymentRefusedError, match=r"Only 7\.98 of this payment is left"):
        shop.refund("o-1", Decimal("8.00"), key="o-1.r-2")
    assert shop.refund("o-1", Decimal("7.98"), key="o-1.r-3").state is PaymentState.REFUNDED
    assert shop.payment_of("o-1").refunded == Decimal("12.98")


def test_the_third_card_pays_and_takes_nothing_back(provider, order):
    shop = Demonstration()
    type_card(shop.start(order, BACK), card=TAKES_NOTHING_BACK)
    assert shop.payment_of("o-1").state is PaymentState.PAID
    with pytest.raises(PaymentRefusedError, match="The buyer's bank takes nothing back"):
        shop.refund("o-1", Decimal("5.00"), key="o-1.r-1")
    assert shop.payment_of("o-1").refunded == 0


def test_a_declined_payment_stays_declined(provider, order):
    shop = Demonstration()
    page = shop.start(order, BACK)
    assert type_card(page, card=DECLINED)[:2] == (303, BACK)
    assert type_card(page, card=PAYS)[:2] == (303, BACK)
    assert shop.payment_of("o-1").state is PaymentState.DECLINED
    with pytest.raises(PaymentRefusedError):
        shop.refund("o-1", Decimal("12.98"), key="o-1")


def test_a_closed_payment_takes_no_money(provider, order):
    shop = Demonstration()
    page = shop.start(order, BACK)
    assert shop.close("o-1").state is PaymentState.UNPAID
    assert type_card(page)[:2] == (303, BACK)
    assert shop.payment_of("o-1").state is PaymentState.UNPAID
    with pytest.raises(PaymentRefusedError, match="closed"):
        shop.start(order, BACK)
    assert shop.close("never-opened").state is PaymentState.UNPAID
    with pytest.raises(PaymentRefusedError, match="closed"):
        shop.start(Order("c-1", "never-opened", number="A", total=Decimal(1), currency="GBP"), BACK)


def test_closing_leaves_what_was_paid(provider, order):
    shop = Demonstration()
    type_card(shop.start(order, BACK))
    assert shop.close("o-1").state is PaymentState.PAID


def test_an_order_is_not_opened_with_another_amount(provider, order):
    shop = Demonstration()
    shop.start(order, BACK)
    order.total = Decimal("0.01")
    with pytest.raises(PaymentRefusedError, match="another amount"):
        shop.start(order, BACK)


def ask(
    provider: Provider, verb: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], str]:
    line = http.client.HTTPConnection(LOOPBACK, provider.server_address[1], timeout=5)
    try:
        line.request(verb, path, body, headers)
        answer = line.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        line.close()


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer wrong", "test-api-kez"])
def test_the_api_wants_its_key(provider, order, key):
    Demonstration().start(order, BACK)
    for verb, path in (
        ("POST", "/v1/payments"),
        ("GET", "/v1/payments/o-1"),
        ("POST", "/v1/payments/o-1/refund"),
        ("POST", "/v1/payments/o-1/close"),
    ):
        assert ask(provider, verb, path, b"{}", Authorization=key)[0] == 401
    assert not provider.ledger.payment("o-1").closed


@pytest.mark.parametrize(
    "wanted",
    [
        b"",
        b"[]",
        b"rubbish",
        b"{}",
        {"amount": "0.00"},
        {"amount": "-1.00"},
        {"amount": "12.987"},
        {"amount": "NaN"},
        {"amount": 12.98},
        {"order_id": ""},
        {"return_url": "https://shop.example/"},
        {"webhook_url": "http://10.0.0.1/"},
    ],
)
def test_a_payment_that_makes_no_sense_is_not_opened(provider, settings, wanted):
    good = {
        "order_id": "o-1",
        "customer_id": "c-1",
        "number": "A",
        "amount": "12.98",
        "currency": "GBP",
        "return_url": BACK,
        "webhook_url": "http://localhost:1/",
    }
    body = wanted if isinstance(wanted, bytes) else json.dumps(good | wanted).encode()
    key = f"Bearer {settings.PAYMENT_API_KEY}"
    assert ask(provider, "POST", "/v1/payments", body, Authorization=key)[0] == 400
    assert provider.ledger._payments == {}


def test_too_much_at_once_is_refused(provider, settings):
    headers = {"Authorization": f"Bearer {settings.PAYMENT_API_KEY}", "Content-Length": "99999999"}
    assert ask(provider, "POST", "/v1/payments", b"", **headers)[0] == 413


def test_the_page_says_what_it_is_and_carries_a_strict_policy(provider, order):
    page = Demonstration().start(order, BACK)
    status, headers, said = ask(provider, "GET", page.removeprefix(provider.origin))
    assert status == 200
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self' http://127.0.0.1:1"
    )
    assert headers["Cache-Control"] == "no-store"
    assert "This is a demonstration" in said
    assert "£12.98" in said
    assert len(re.findall("<form", said)) == 1
    assert re.findall(r'<input[^>]*name="([^"]+)"', said) == ["card_number", "expiry", "cvc"]
    assert not re.search(r"<script|style=|<style|onclick", said)
    assert not re.search(r"<button[^>]*name=", said)
    assert f'href="{BACK}"' in said
    assert ask(provider, "GET", "/style.css")[0] == 200


def test_cards_are_typed_with_or_without_spaces(provider, order):
    for number, card in enumerate(("4242424242424242", " 4242 4242 4242 4242 ", "4242-4242-4242-4242")):
        order.order_id = f"o-{number}"
        assert type_card(Demonstration().start(order, BACK), card=card)[0] == 303
        assert Demonstration().payment_of(order.order_id).state is PaymentState.PAID


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"card": ""}, "Enter a card number."),
        ({"card": "4242 4242 4242 4241"}, "one of its digits is wrong"),
        ({"card": "٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢"}, "one of its digits is wrong"),
        ({"card": "5555 5555 5555 4444"}, "only the test cards"),
        ({"expiry": ""}, "month and year"),
        ({"expiry": "13/30"}, "month and year"),
        ({"expiry": "2030-01"}, "month and year"),
        ({"expiry": "01/20"}, "has expired"),
        ({"cvc": ""}, "three or four digits"),
        ({"cvc": "12"}, "three or four digits"),
        ({"cvc": "abc"}, "three or four digits"),
    ],
)
def test_a_wrong_card_is_explained_and_takes_no_money(provider, order, wrong, said):
    page = Demonstration().start(order, BACK)
    status, _where, text = type_card(page, **wrong)
    assert status == 422
    assert said in text
    assert 'aria-invalid="true"' in text
    assert wrong.get("card") is None or not wrong["card"] or wrong["card"] not in text
    assert Demonstration().payment_of("o-1").state is PaymentState.UNPAID
    assert type_card(page)[0] == 303


def test_what_the_buyer_typed_cannot_become_markup(provider, order):
    order.number = '"><script>1</script>'
    page = Demonstration().start(order, BACK + '&x="><b>')
    _status, _where, text = type_card(page, expiry='"><script>alert(1)</script>')
    assert "<script" not in text
    assert '"><b>' not in text


def test_pages_that_are_none_are_404s(provider):
    for path in ("/", "/pay/", "/pay/guess", "/v1/", "/../etc/passwd", "/pay/%00"):
        assert ask(provider, "GET", path)[0] in (401, 404)


def test_a_paid_page_shows_no_form_any_more(provider, order):
    page = Demonstration().start(order, BACK)
    type_card(page)
    _status, _headers, said = ask(provider, "GET", page.removeprefix(provider.origin))
    assert "<form" not in said
    assert "This payment has been made." in said


def test_a_provider_that_is_away_or_broken_is_unavailable(settings, provider, order, monkeypatch):
    def fail(_order_id: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(provider.ledger, "payment", fail)
    with pytest.raises(PaymentUnavailableError):
        Demonstration().payment_of("o-1")
    settings.PAYMENT_ORIGIN = "http://127.0.0.1:1"
    for call in (
        lambda: Demonstration().start(order, BACK),
        lambda: Demonstration().payment_of("o-1"),
        lambda: Demonstration().close("o-1"),
        lambda: Demonstration().refund("o-1", Decimal(1), key="o-1"),
    ):
        with pytest.raises(PaymentUnavailableError, match="cannot be reached"):
            call()


def test_a_provider_that_hangs_is_given_up(settings, order, monkeypatch):
    monkeypatch.setattr("orders.payments.demonstration.TIMEOUT", 0.2)
    with socket.create_server((LOOPBACK, 0)) as silent:
        settings.PAYMENT_ORIGIN = f"http://{LOOPBACK}:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(PaymentUnavailableError):
            Demonstration().payment_of("o-1")
    assert time.monotonic() - began < 2
