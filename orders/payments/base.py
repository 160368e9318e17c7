"""What the shop asks of a payment provider, whoever it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from orders.errors import OrderError
from orders.models import Order


class PaymentError(OrderError):
    """Base of what goes wrong between the shop and its payment provider."""


class PaymentUnavailableError(PaymentError):
    """The provider cannot be reached, or there is none; a later try may succeed."""


class PaymentRefusedError(PaymentError):
    """The provider answered, and said no: asking again brings the same answer."""


class WebhookError(PaymentError):
    """A message that claims to come from the provider does not, or is too old."""


class PaymentState(StrEnum):
    """How an order's payment stands at the provider."""

    UNPAID = "unpaid"  # nothing has happened yet
    PAID = "paid"  # and not all of it given back
    DECLINED = "declined"  # for good: another card needs another order
    REFUNDED = "refunded"  # all of it


@dataclass(frozen=True)
class Payment:
    """An order's payment, as the provider tells it."""

    order_id: str
    customer_id: str
    state: PaymentState
    amount: Decimal
    currency: str  # ISO 4217
    reference: str  # the provider's own name for it
    refunded: Decimal = Decimal("0.00")  # what of the amount went back


class Provider(Protocol):
    """A payment provider with a page of its own, where the buyer types the card.

    Every call may raise ``PaymentUnavailableError`` or ``PaymentRefusedError``.
    """

    name: str

    def start(self, order: Order, return_url: str) -> str:
        """Open the payment of an order; return the page to send the buyer to.

        The same order again returns the same payment. Raises ``PaymentRefusedError`` when it
        has been closed.
        """
        ...

    def payment_of(self, order_id: str) -> Payment:
        """Return how a payment stands; an order that the provider does not know is unpaid."""
        ...

    def close(self, order_id: str) -> Payment:
        """Take no money for this order from now on; return how the payment stands.

        What has been paid stays paid. From this answer on it is settled whether money came.
        """
        ...

    def refund(self, order_id: str, amount: Decimal, key: str) -> Payment:
        """Give some or all of what was paid back.

        The same ``key`` again changes nothing and has the same answer, a refusal too: whoever heard no
        answer asks again. Keys are 1 to 128 letters, digits, ``-``, ``_`` and ``.``. Raises
        ``PaymentRefusedError`` for more than is left of the payment.
        """
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Payment:
        """Return what the provider tells in a webhook.

        Raises ``WebhookError`` when its signature is wrong or more than five minutes old.
        """
        ...
