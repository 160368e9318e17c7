"""The demonstration payment provider: a process of its own, as a real provider is a company of its own.

    python -m bookstore.devstack.payment_provider --port 8100 --state .devstack/payments.json

The shop opens a payment by the API below, sends the buyer to the page, hears of the result by a
signed webhook, and asks again whenever it wants to be sure. No money moves: one test card
pays, another is declined, a third pays and takes no money back, and every other number is
refused, so that nobody types a real one.

====== ============================== =====================================================
verb   address                        does
====== ============================== =====================================================
POST   ``/v1/payments``               opens a payment; the same order again, the same payment
GET    ``/v1/payments/ORDER``         tells how it stands
POST   ``/v1/payments/ORDER/close``   takes no money any more; tells how it stands
POST   ``/v1/payments/ORDER/refund``  gives an amount back; the same key again, once
GET    ``/pay/SECRET``                the page with the form; its POST pays
====== ============================== =====================================================

It stands on the standard library alone, so that it starts at once, and it only listens on this
machine. Payments and undelivered webhooks survive a restart in the state file.
"""

import contextlib
import hashlib
import hmac
import html
import http.client
import ipaddress
import json
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from bookstore.devstack import local_server
from bookstore.devstack.local_server import LOOPBACK

PAYS = "4242424242424242"
DECLINED = "4000000000000002"
TAKES_NOTHING_BACK = "4000000000005126"  # pays; whoever refunds it is refused
CARDS = frozenset({PAYS, DECLINED, TAKES_NOTHING_BACK})
SIGNATURE_HEADER = "Payment-Signature"
MOST_BODY = 64 * 1024  # bytes; the longest honest request is under 2 KB
WEBHOOK_TIMEOUT = 5  # seconds
WEBHOOK_PATIENCE = 60 * 60  # seconds after which an undelivered webhook is given up
WEBHOOK_LONGEST_PAUSE = 60.0  # seconds between two attempts
SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


class ProviderError(Exception):
    """A request that cannot be met; the message says why, the status is HTTP's."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Payment:
    """What one order owes, and what became of it."""

    order_id: str
    customer_id: str
    number: str
    amount: str  # "12.98"
    currency: str  # ISO 4217
    return_url: str
    webhook_url: str
    secret: str = field(
        default_factory=lambda: secrets.token_urlsafe(24)
    )  # names the page, to the buyer alone
    reference: str = field(default_factory=lambda: f"demo_{secrets.token_hex(8)}")
    state: str = "unpaid"  # paid, declined; refunded once all of it went back
    closed: bool = False  # takes no money any more
    takes_nothing_back: bool = False
    refunded: str = "0.00"  # what of the amount went back
    refunds: int = 0  # how often money went back: once for each key
    answers: dict[str, list[str]] = field(default_factory=dict)  # by key: the amount, and why it was refused

    def public(self) -> dict[str, Any]:
        """Return what the shop may know."""
        shown = asdict(self)
        for name in ("secret", "return_url", "webhook_url", "answers", "takes_nothing_back"):
            del shown[name]
        return shown


@dataclass
class Delivery:
    """A webhook on its way."""

    order_id: str
    kind: str  # payment.paid, payment.declined
    event_id: str = field(default_factory=lambda: f"evt_{secrets.token_hex(8)}")
    attempts: int = 0
    first_at: float = field(default_factory=time.time)  # epoch seconds
    due_at: float = 0.0


class Ledger:
    """Every payment, under one lock and in one file that is replaced whole.

    An answer is only given once the file holds it, so that a payment told of is never lost.
    """

    def __init__(self, state: Path | None) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._payments: dict[str, Payment] = {}
        self._deliveries: dict[str, Delivery] = {}
        self.news = threading.Event()  # a webhook waits
        if state and state.exists():
            kept = json.loads(state.read_text())
            self._payments = {each["order_id"]: _kept(each) for each in kept["payments"]}
            self._deliveries = {each["event_id"]: Delivery(**each) for each in kept["deliveries"]}

    def open(self, wanted: Mapping[str, Any]) -> Payment:
        """Open the payment of an order; asked again, the one that is there.

        Raises ``ProviderError`` when the order is closed, or was opened with another amount.
        """
        payment = _payment_from(wanted)
        with self._lock:
            there = self._payments.get(payment.order_id)
            if there is None:
                self._payments[payment.order_id] = payment
                self._write()
                return payment
            if there.closed and there.state == "unpaid":
                raise ProviderError(HTTPStatus.CONFLICT, "This payment is closed.")
            if (there.amount, there.currency) != (payment.amount, payment.currency):
                raise ProviderError(HTTPStatus.CONFLICT, "This order was opened with another amount.")
            return there

    def payment(self, order_id: str) -> Payment:
        """Return an order's payment."""
        with self._lock:
            if order_id not in self._payments:
                raise ProviderError(HTTPStatus.NOT_FOUND, "There is no payment for this order.")
            return self._payments[order_id]

    def page(self, secret: str) -> Payment:
        """Return the payment behind a page's address."""
        with self._lock:
            for payment in self._payments.values():
                if hmac.compare_digest(payment.secret.encode(), secret.encode()):
                    return payment
        raise ProviderError(HTTPStatus.NOT_FOUND, "There is no such payment page.")

    def close(self, order_id: str) -> Payment:
        """Take no money for an order any more, be it known or not; what was paid stays paid."""
        with self._lock:
            payment = self._payments.get(order_id)
            if payment is None:
                payment = Payment(order_id, "", "", "0.00", "", "", "")
                self._payments[order_id] = payment
            if not payment.closed:
                payment.closed = True
                self._write()
            return payment

    def refund(self, order_id: str, *, amount: str, key: str) -> Payment:
        """Give an amount back; the same key again changes nothing and has the same answer."""
        with self._lock:
            payment = self.payment(order_id)
            if not re.fullmatch(r"[0-9A-Za-z._-]{1,128}", key, re.ASCII) or not _is_amount(amount):
                raise ProviderError(
                    HTTPStatus.BAD_REQUEST, "A refund needs a key, and an amount such as 12.98."
                )
            if key not in payment.answers:
                left = Decimal(payment.amount) - Decimal(payment.refunded)
                if payment.state != "paid":
                    raise ProviderError(
                        HTTPStatus.CONFLICT, f"A payment that is {payment.state} cannot be refunded."
                    )
                if Decimal(amount) > left:
                    raise ProviderError(HTTPStatus.CONFLICT, f"Only {left} of this payment is left.")
                refusal = "The buyer's bank takes nothing back." if payment.takes_nothing_back else ""
                payment.answers[key] = [amount, refusal]
                if not refusal:
                    payment.refunded = str(Decimal(payment.refunded) + Decimal(amount))
                    payment.refunds += 1
                    payment.closed = True
                    if payment.refunded == payment.amount:
                        payment.state = "refunded"
                self._write()
            answered, refusal = payment.answers[key]
            if answered != amount:
                raise ProviderError(HTTPStatus.CONFLICT, "This key was used for another amount.")
            if refusal:
                raise ProviderError(HTTPStatus.CONFLICT, refusal)
            return payment

    def pay(self, secret: str, *, declined: bool, takes_nothing_back: bool = False) -> Payment:
        """Take the money, or decline the card; either closes the page.

        A closed payment is left as it is: whoever closed it relies on that.
        """
        with self._lock:
            payment = self.page(secret)
            if not payment.closed:
                payment.state, payment.closed = ("declined" if declined else "paid"), True
                payment.takes_nothing_back = takes_nothing_back
                delivery = Delivery(payment.order_id, f"payment.{payment.state}")
                self._deliveries[delivery.event_id] = delivery
                self._write()
                self.news.set()
            return payment

    def due(self, now: float) -> list[tuple[Delivery, Payment]]:
        """Return the webhooks whose time has come."""
        with self._lock:
            return [
                (each, self._payments[each.order_id])
                for each in self._deliveries.values()
                if each.due_at <= now
            ]

    def delivered(self, delivery: Delivery) -> None:
        """Forget a webhook that arrived, or was given up."""
        with self._lock:
            self._deliveries.pop(delivery.event_id, None)
            self._write()

    def postpone(self, delivery: Delivery, now: float) -> None:
        """Try a webhook again later, each time twice as late."""
        with self._lock:
            delivery.attempts += 1
            delivery.due_at = now + min(2.0 ** (delivery.attempts - 1), WEBHOOK_LONGEST_PAUSE)
            if now - delivery.first_at > WEBHOOK_PATIENCE:
                self._deliveries.pop(delivery.event_id, None)
            self._write()

    def _write(self) -> None:
        if self._state is None:
            return
        kept = {
            "payments": [asdict(each) for each in self._payments.values()],
            "deliveries": [asdict(each) for each in self._deliveries.values()],
        }
        self._state.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._state.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - with a mode
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._state)


def _payment_from(wanted: Mapping[str, Any]) -> Payment:
    names = ("order_id", "customer_id", "number", "amount", "currency", "return_url", "webhook_url")
    values = {name: wanted.get(name) for name in names}
    if wrong := [name for name, value in values.items() if not isinstance(value, str) or not value]:
        raise ProviderError(HTTPStatus.BAD_REQUEST, f"Missing: {', '.join(wrong)}.")
    payment = Payment(**values)  # type: ignore[arg-type]  # each was just found to be a text
    if not _is_amount(payment.amount):
        raise ProviderError(HTTPStatus.BAD_REQUEST, "The amount is not one, such as 12.98.")
    for url in (payment.return_url, payment.webhook_url):
        if not _is_loopback(url):
            raise ProviderError(HTTPStatus.BAD_REQUEST, "This provider only serves shops on this machine.")
    return payment


def _kept(payment: dict[str, Any]) -> Payment:
    """Return a payment out of the state file; an older version's knows whole refunds alone."""
    if key := payment.pop("refund_key", ""):
        payment |= {"answers": {key: [payment["amount"], ""]}, "refunded": payment["amount"]}
    return Payment(**payment)


def _is_amount(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,12}\.[0-9]{2}", text, re.ASCII)) and Decimal(text) > 0


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a webhook: HMAC-SHA256 over ``timestamp.body``, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


class Postman(threading.Thread):
    """Delivers webhooks, again and again until the shop accepts them or an hour has passed."""

    def __init__(self, ledger: Ledger, *, webhook_secret: str) -> None:
        super().__init__(daemon=True, name="webhooks")
        self._ledger = ledger
        self._secret = webhook_secret
        self._stopped = threading.Event()

    def run(self) -> None:
        """Deliver until told to stop."""
        while not self._stopped.is_set():
            self._ledger.news.wait(0.5)
            self._ledger.news.clear()
            for delivery, payment in self._ledger.due(time.time()):
                if self._stopped.is_set():
                    return
                self._deliver(delivery, payment)

    def stop(self) -> None:
        """End after the delivery under way."""
        self._stopped.set()
        self._ledger.news.set()

    def _deliver(self, delivery: Delivery, payment: Payment) -> None:
        body = json.dumps(
            {"id": delivery.event_id, "type": delivery.kind, "payment": payment.public()}
        ).encode()
        try:
            status = self._post(payment.webhook_url, body)
        except (OSError, http.client.HTTPException) as error:
            status = 0
            Provider.say(
                f"webhook {delivery.event_id} for order {payment.order_id}: {error.__class__.__name__}"
            )
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            self._ledger.delivered(delivery)
        else:
            self._ledger.postpone(delivery, time.time())

    def _post(self, url: str, body: bytes) -> int:
        parts = urlsplit(url)
        timestamp = int(time.time())
        # Every name below localhost is this machine's, and not every resolver knows it.
        host = parts.hostname or ""
        address = LOOPBACK if host.endswith(".localhost") else host
        shop = http.client.HTTPConnection(address, parts.port or 80, timeout=WEBHOOK_TIMEOUT)
        with contextlib.closing(shop):
            headers = {
                "Host": parts.netloc,
                "Content-Type": "application/json",
                SIGNATURE_HEADER: f"t={timestamp},v1={signature(self._secret, timestamp, body)}",
            }
            shop.request("POST", parts.path, body, headers)
            return shop.getresponse().status


def mistakes_in(form: Mapping[str, str], *, today: datetime) -> dict[str, str]:
    """Return what is wrong with a card, by field, in sentences."""
    wrong = {}
    number = card_number(form)
    if not number:
        wrong["card_number"] = "Enter a card number."
    elif not re.fullmatch(r"[0-9]{12,19}", number) or not _passes_luhn(number):
        wrong["card_number"] = "This is not a card number: one of its digits is wrong."
    elif number not in CARDS:
        wrong["card_number"] = (
            "This is a demonstration: only the test cards below are accepted, never a real one."
        )
    expiry = re.fullmatch(r"(0[1-9]|1[0-2])\s*/\s*([0-9]{2})", form.get("expiry", "").strip(), re.ASCII)
    if not expiry:
        wrong["expiry"] = "Enter the expiry date as month and year, such as 09/30."
    elif (2000 + int(expiry[2]), int(expiry[1])) < (today.year, today.month):
        wrong["expiry"] = "This card has expired. Enter a date that is still to come."
    if not re.fullmatch(r"[0-9]{3,4}", form.get("cvc", "").strip()):
        wrong["cvc"] = "Enter the three or four digits from the back of the card."
    return wrong


def card_number(form: Mapping[str, str]) -> str:
    """Return the digits of a card number typed with or without spaces."""
    return re.sub(r"[\s-]", "", form.get("card_number", ""))


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - Luhn adds a product's digits
    return total % 10 == 0


class Provider(local_server.LocalServer):
    """The server: the API for the shop, the page for the buyer."""

    name = "payment provider"

    def __init__(
        self, *, port: int, state: Path | None, api_key: str, webhook_secret: str, host: str = LOOPBACK
    ) -> None:
        if not api_key or not webhook_secret:
            raise ValueError(
                "Set PAYMENT_API_KEY and PAYMENT_WEBHOOK_SECRET: the shop and the provider share them."
            )
        self.api_key = api_key
        self.ledger = Ledger(state)
        self.postman = Postman(self.ledger, webhook_secret=webhook_secret)
        super().__init__(Desk, port=port, host=host)
        self.postman.start()

    def server_close(self) -> None:
        """Stop listening and delivering; undelivered webhooks wait in the state file."""
        self.postman.stop()
        super().server_close()
        if self.postman.is_alive():
            self.postman.join(WEBHOOK_TIMEOUT + 1)


class Desk(local_server.Desk):
    """Answers one request."""

    server: Provider
    server_version = "DemonstrationProvider"

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Answer a GET."""
        self._answer(
            {
                r"/healthz": self._health,
                r"/style.css": self._style,
                r"/v1/payments/(?P<order_id>[^/]+)": self._tell,
                r"/pay/(?P<secret>[^/]+)": self._show,
            }
        )

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        """Answer a POST."""
        self._answer(
            {
                r"/v1/payments": self._open,
                r"/v1/payments/(?P<order_id>[^/]+)/close": self._close,
                r"/v1/payments/(?P<order_id>[^/]+)/refund": self._refund,
                r"/pay/(?P<secret>[^/]+)": self._pay,
            }
        )

    def _answer(self, routes: Mapping[str, Callable[..., None]]) -> None:
        path = urlsplit(self.path).path
        try:
            if path.startswith("/v1/"):
                self._check_key()
            for pattern, act in routes.items():
                if match := re.fullmatch(pattern, path):
                    act(**match.groupdict())
                    return
            _refuse_address()
        except ProviderError as error:
            if path.startswith("/v1/"):
                self._json(error.status, {"error": str(error)})
            else:
                self._page(error.status, _closing_page(str(error), link=""))

    def _check_key(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.server.api_key.encode()):
            raise ProviderError(HTTPStatus.UNAUTHORIZED, "The API key is wrong.")

    # The API.

    def _open(self) -> None:
        payment = self.server.ledger.open(self._json_body())
        self._json(HTTPStatus.OK, payment.public() | {"url": f"{self.server.origin}/pay/{payment.secret}"})

    def _tell(self, order_id: str) -> None:
        self._json(HTTPStatus.OK, self.server.ledger.payment(order_id).public())

    def _close(self, order_id: str) -> None:
        self._json(HTTPStatus.OK, self.server.ledger.close(order_id).public())

    def _refund(self, order_id: str) -> None:
        wanted = self._json_body()
        payment = self.server.ledger.refund(
            order_id, amount=str(wanted.get("amount", "")), key=str(wanted.get("key", ""))
        )
        self._json(HTTPStatus.OK, payment.public())

    def _health(self) -> None:
        self._json(HTTPStatus.OK, {"status": "ok"})

    # The page.

    def _show(self, secret: str) -> None:
        payment = self.server.ledger.page(secret)
        if payment.closed:
            self._page(HTTPStatus.OK, _closed(payment))
        else:
            self._page(HTTPStatus.OK, _form_page(payment, {}, {}), forms_lead_to=payment.return_url)

    def _pay(self, secret: str) -> None:
        form = {
            name: values[-1] for name, values in parse_qs(self._body().decode("utf-8", "replace")).items()
        }
        payment = self.server.ledger.page(secret)
        if not payment.closed:
            wrong = mistakes_in(form, today=datetime.now(UTC))
            if wrong:
                page = _form_page(payment, form, wrong)
                self._page(HTTPStatus.UNPROCESSABLE_ENTITY, page, forms_lead_to=payment.return_url)
                return
            number = card_number(form)
            payment = self.server.ledger.pay(
                secret, declined=number == DECLINED, takes_nothing_back=number == TAKES_NOTHING_BACK
            )
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", payment.return_url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _style(self) -> None:
        self.send(HTTPStatus.OK, STYLE.encode(), "text/css; charset=utf-8")

    # Bytes in and out.

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,6}", length) or int(length) > MOST_BODY:
            raise ProviderError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is too much at once.")
        return self.rfile.read(int(length))

    def _json_body(self) -> dict[str, Any]:
        try:
            wanted = json.loads(self._body())
        except ValueError as error:
            raise ProviderError(HTTPStatus.BAD_REQUEST, "This is not JSON.") from error
        if not isinstance(wanted, dict):
            raise ProviderError(HTTPStatus.BAD_REQUEST, "This is not a JSON object.")
        return wanted

    def _json(self, status: HTTPStatus, answer: Mapping[str, Any]) -> None:
        self.send(status, json.dumps(answer).encode(), "application/json")

    def _page(self, status: HTTPStatus, page: str, *, forms_lead_to: str = "") -> None:
        # Chromium holds a form's answer to `form-action` too, and that answer leads back to the shop.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(forms_lead_to)) if forms_lead_to else ""
        policy = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {origin}".strip()
        )
        self.send(status, page.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})


def _refuse_address() -> NoReturn:
    raise ProviderError(HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def _form_page(payment: Payment, form: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    def errors(name: str) -> str:
        return f'<p class="wrong" id="{name}-wrong">{html.escape(wrong[name])}</p>' if name in wrong else ""

    def state(name: str) -> str:
        described = f"{name}-wrong {name}-hint" if name in wrong else f"{name}-hint"
        return f'aria-describedby="{described}"' + (' aria-invalid="true"' if name in wrong else "")

    # Neither the number nor the code is ever sent back: a page may be kept by a browser.
    return FORM.substitute(
        amount=html.escape(
            f"{SYMBOLS.get(payment.currency, payment.currency + ' ')}{Decimal(payment.amount):,}"
        ),
        number=html.escape(payment.number),
        action=html.escape(f"/pay/{payment.secret}"),
        back=html.escape(payment.return_url),
        summary='<p class="wrong summary" role="alert">Nothing was paid. Please look at the marked fields.</p>'
        if wrong
        else "",
        expiry=html.escape(form.get("expiry", "")),
        **{f"{name}_state": state(name) for name in ("card_number", "expiry", "cvc")},
        **{f"{name}_wrong": errors(name) for name in ("card_number", "expiry", "cvc")},
    )


def _closed(payment: Payment) -> str:
    told = {
        "paid": "This payment has been made. You can go back to the shop.",
        "declined": "The card was declined, and nothing was charged. Go back to the shop to try again.",
        "refunded": "This payment was given back.",
    }
    return _closing_page(
        told.get(payment.state, "This payment page has closed, and nothing was charged."),
        link=payment.return_url,
    )


def _closing_page(sentence: str, *, link: str) -> str:
    back = f'<p><a class="button" href="{html.escape(link)}">Back to the shop</a></p>' if link else ""
    return CLOSING.substitute(sentence=html.escape(sentence), back=back)


_HEAD = """<!doctype html>
<html lang="en-GB">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <title>$title</title>
  <link rel="stylesheet" href="/style.css">
</head>
<body>
<header><p class="mark">Demonstration Payments</p><p class="badge">Test mode</p></header>
<main>
"""

FORM = Template(
    _HEAD.replace("$title", "Pay $amount – Demonstration Payments")
    + """  <h1>Pay <strong>$amount</strong></h1>
  <p class="order">Order $number</p>
  $summary
  <form method="post" action="$action" novalidate>
    <div class="field">
      <label for="card_number">Card number</label>
      <input id="card_number" name="card_number" type="text" inputmode="numeric" autocomplete="cc-number"
        maxlength="40" required $card_number_state>
      $card_number_wrong
      <p class="hint" id="card_number-hint">With or without spaces.</p>
    </div>
    <div class="pair">
      <div class="field">
        <label for="expiry">Expiry date</label>
        <input id="expiry" name="expiry" type="text" autocomplete="cc-exp" maxlength="7" value="$expiry"
          required $expiry_state>
        $expiry_wrong
        <p class="hint" id="expiry-hint">Month and year: MM/YY</p>
      </div>
      <div class="field">
        <label for="cvc">Security code</label>
        <input id="cvc" name="cvc" type="text" inputmode="numeric" autocomplete="cc-csc" maxlength="4"
          required $cvc_state>
        $cvc_wrong
        <p class="hint" id="cvc-hint">Any three digits</p>
      </div>
    </div>
    <button type="submit">Pay $amount</button>
  </form>
  <p class="cancel"><a href="$back">Cancel and go back to the shop</a></p>
  <section class="cards" aria-labelledby="cards">
    <h2 id="cards">This is a demonstration</h2>
    <p>There is no bank behind this page. Never type a real card: only these numbers are accepted,
      with any date to come and any security code.</p>
    <dl>
      <div><dt>4242 4242 4242 4242</dt><dd>pays</dd></div>
      <div><dt>4000 0000 0000 0002</dt><dd>is declined</dd></div>
      <div><dt>4000 0000 0000 5126</dt><dd>never refunds</dd></div>
    </dl>
  </section>
</main>
</body>
</html>
"""
)

CLOSING = Template(
    _HEAD.replace("$title", "Demonstration Payments")
    + """  <h1>Demonstration Payments</h1>
  <p>$sentence</p>
  $back
</main>
</body>
</html>
"""
)

STYLE = """
:root { color-scheme: light; --ink: #1d2433; --quiet: #566076; --line: #8a93a6; --paper: #fff; --ground: #eef1f6;
  --accent: #2f4ea1; --wrong: #a3171f; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between;
  max-width: 31rem; margin: 0 auto; padding: 1.5rem 1.25rem 1rem; }
header p { margin: 0; }
.mark { font-weight: 700; letter-spacing: -.01em; }
.badge { padding: .2rem .7rem; border-radius: 2rem; background: #ffe6a8; color: #4b3500; font-size: .875rem; }
main { max-width: 31rem; margin: 0 auto 3rem; padding: 2rem 1.25rem; background: var(--paper);
  border-radius: 1rem; box-shadow: 0 1px 2px #1d24331a, 0 12px 32px #1d24331a; }
h1 { margin: 0; font-size: 1.5rem; font-weight: 500; line-height: 1.25; }
h1 strong { font-size: 2.25rem; font-weight: 700; font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
h2 { margin: 0 0 .25rem; font-size: 1rem; }
.order { margin: .25rem 0 1.5rem; color: var(--quiet); font-variant-numeric: tabular-nums; }
.field { margin-bottom: 1.1rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
label { display: block; margin-bottom: .3rem; font-weight: 600; }
input { width: 100%; padding: .7rem .8rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--paper);
  color: inherit; font: inherit; font-size: 1.0625rem; font-variant-numeric: tabular-nums; }
input[aria-invalid] { border-color: var(--wrong); box-shadow: inset 0 0 0 1px var(--wrong); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.hint { margin: .3rem 0 0; color: var(--quiet); font-size: .875rem; }
.wrong { margin: .3rem 0 0; color: var(--wrong); font-size: .9375rem; font-weight: 600; }
.summary { margin: 0 0 1.25rem; padding: .75rem 1rem; border-radius: .5rem; background: #fdecec; }
button, .button { display: inline-block; width: 100%; padding: .85rem 1rem; border: 0; border-radius: .5rem;
  background: var(--accent); color: #fff; font: inherit; font-weight: 700; text-align: center; text-decoration: none;
  cursor: pointer; }
button:hover, .button:hover { background: #243d80; }
.cancel { margin: 1rem 0 0; text-align: center; }
a { color: var(--accent); }
.cards { margin-top: 2rem; padding: 1rem 1.1rem; border-radius: .75rem; background: var(--ground); font-size: .9375rem; }
.cards p { margin: 0 0 .5rem; }
dl { margin: 0; }
dl div { display: flex; justify-content: space-between; gap: 1rem; }
dt { font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
dd { margin: 0; text-align: right; }
@media (min-width: 32rem) { main { padding: 2.25rem; } }
@media (max-width: 22rem) { .pair { grid-template-columns: 1fr; } }
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    parser = local_server.options("The demonstration payment provider.")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps the payments")
    options = parser.parse_args(arguments)
    return local_server.serve(
        Provider,
        lambda: Provider(
            port=options.port,
            state=options.state,
            host=options.host,
            api_key=os.environ.get("PAYMENT_API_KEY", ""),
            webhook_secret=os.environ.get("PAYMENT_WEBHOOK_SECRET", ""),
        ),
        port=options.port,
    )


if __name__ == "__main__":
    sys.exit(main())
