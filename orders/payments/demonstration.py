"""The demonstration provider's client. The provider itself is a process: ``bookstore.devstack``."""

import hashlib
import hmac
import http.client
import json
import re
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from bookstore.aws import NotLocalError, is_loopback
from bookstore.money import to_cents
from orders.models import Order
from orders.payments.base import (
    Payment,
    PaymentRefusedError,
    PaymentState,
    PaymentUnavailableError,
    WebhookError,
)

TIMEOUT = 3.0  # seconds to connect, and again to answer
TOLERANCE = 5 * 60  # seconds that a webhook's signature is good for
SIGNATURE_HEADER = "Payment-Signature"
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


class Demonstration:
    """Talks to the demonstration provider over HTTP.

    Refuses to be made where real people buy: raises ``NotLocalError`` unless both the shop
    and the provider are on this machine.
    """

    name = "demonstration"

    def __init__(self) -> None:
        for name in ("PUBLIC_ORIGIN", "PAYMENT_ORIGIN"):
            if not is_loopback(getattr(settings, name)):
                raise NotLocalError(
                    f"The demonstration payment provider is for development alone, and {name} is not on this machine."
                )
        self._origin = urlsplit(settings.PAYMENT_ORIGIN)

    def start(self, order: Order, return_url: str) -> str:
        """Open the payment of an order; return the page to send the buyer to."""
        answer = self._ask(
            "POST",
            "/v1/payments",
            {
                "order_id": order.order_id,
                "customer_id": order.customer_id,
                "number": order.number,
                "amount": str(to_cents(order.total)),
                "currency": order.currency,
                "return_url": return_url,
                "webhook_url": settings.PUBLIC_ORIGIN + reverse("orders:payment-webhook"),
            },
        )
        return str(answer["url"])

    def payment_of(self, order_id: str) -> Payment:
        """Return how a payment stands; an order that the provider does not know is unpaid."""
        answer = self._ask("GET", _path(order_id), missing={"state": PaymentState.UNPAID})
        return _told({"order_id": order_id} | answer)

    def close(self, order_id: str) -> Payment:
        """Take no money for this order from now on; return how the payment stands."""
        return _told(self._ask("POST", f"{_path(order_id)}/close"))

    def refund(self, order_id: str, amount: Decimal, key: str) -> Payment:
        """Give some or all of what was paid back. The same ``key`` again has the same answer."""
        return _told(
            self._ask("POST", f"{_path(order_id)}/refund", {"amount": str(to_cents(amount)), "key": key})
        )

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Payment:
        """Return what the provider tells in a webhook; raise ``WebhookError`` for anybody else's."""
        given = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
        if given is None:
            raise WebhookError("The webhook is not signed.")
        if abs(at.timestamp() - int(given[1])) > TOLERANCE:
            raise WebhookError("The webhook's signature is too old.")
        if not hmac.compare_digest(given[2], sign(settings.PAYMENT_WEBHOOK_SECRET, int(given[1]), body)):
            raise WebhookError("The webhook's signature is wrong.")
        try:
            return _payment(json.loads(body)["payment"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookError("The webhook says nothing about a payment.") from error

    def _ask(
        self,
        verb: str,
        path: str,
        wanted: Mapping[str, Any] | None = None,
        *,
        missing: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {settings.PAYMENT_API_KEY}", "Content-Type": "application/json"}
        line = http.client.HTTPConnection(
            self._origin.hostname or "", self._origin.port or 80, timeout=TIMEOUT
        )
        try:
            with closing(line):
                line.request(verb, path, json.dumps(wanted) if wanted else None, headers)
                response = line.getresponse()
                status, body = response.status, response.read()
            answer = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unavailable() from error
        if status == HTTPStatus.NOT_FOUND and missing is not None:
            return dict(missing)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(answer, dict):
            raise _unavailable()
        if status != HTTPStatus.OK:
            raise PaymentRefusedError(
                _("The payment provider refused: %(reason)s") % {"reason": answer.get("error", status)}
            )
        return answer


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return a webhook's signature: HMAC-SHA256 over ``timestamp.body``, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _path(order_id: str) -> str:
    return f"/v1/payments/{quote(order_id, safe='')}"


def _unavailable() -> PaymentUnavailableError:
    return PaymentUnavailableError(
        _("The payment provider cannot be reached just now. Please try again soon.")
    )


def _told(answer: Mapping[str, Any]) -> Payment:
    """Read the provider's answer; one that makes no sense is as good as none."""
    try:
        return _payment(answer)
    except (ValueError, KeyError) as error:
        raise _unavailable() from error


def _payment(answer: Mapping[str, Any]) -> Payment:
    return Payment(
        order_id=str(answer["order_id"]),
        customer_id=str(answer.get("customer_id", "")),
        state=PaymentState(answer["state"]),
        amount=to_cents(str(answer.get("amount", "0"))),
        currency=str(answer.get("currency", "")),
        reference=str(answer.get("reference", "")),
        refunded=to_cents(str(answer.get("refunded", "0"))),
    )
