"""How an order is named: its id, the number people read out, and the offer in the checkout form."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import uuid6
from django.core import signing
from django.utils.translation import gettext as _

from orders.errors import OfferError

OFFER_LASTS = timedelta(hours=24)
NUMBER_LENGTH = 10
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # https://www.crockford.com/base32.html: no I, L, O or U
_LOOK_ALIKES = str.maketrans("ILO", "110")
_BITS_A_CHARACTER = 5
_RANDOM_BITS = 74  # of a UUIDv7's 128: 48 are the time, 6 name version and variant
_ORDER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def draw_order_id(*, at: datetime) -> str:
    """Draw the id of an order to come: a UUIDv7, which sorts by the millisecond it was drawn in."""
    random = secrets.randbits(_RANDOM_BITS)
    high, low = random >> 62, random & ((1 << 62) - 1)
    value = _milliseconds(at) << 80 | high << 64 | low
    return str(uuid6.UUID(int=value, version=7))


def is_order_id(text: str) -> bool:
    """Tell whether a text has the form of an order's id."""
    return bool(_ORDER_ID.fullmatch(text))


def drawn_at(order_id: str) -> datetime:
    """Return the moment an id was drawn, to the millisecond."""
    return datetime.fromtimestamp(int(order_id[:8] + order_id[9:13], 16) / 1000, UTC)


def first_id_of(at: datetime) -> str:
    """Return a key that sorts before every id drawn at ``at`` or later, and after every earlier one."""
    digits = f"{_milliseconds(at):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _milliseconds(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def number_of(order_id: str) -> str:
    """Return the order's number: ten base-32 characters of the id's random bits.

    They can be read out on the telephone, and tell nothing of how many orders there are.
    """
    bits = int(order_id.replace("-", ""), 16)
    digits = [
        CROCKFORD[bits >> place * _BITS_A_CHARACTER & (len(CROCKFORD) - 1)] for place in range(NUMBER_LENGTH)
    ]
    return "".join(reversed(digits))


def read_number(text: str) -> str:
    """Return an order's number as it is written, out of what was typed; empty where that is none.

    Small letters, blanks and dashes do no harm, nor do the letters that look like digits.
    """
    typed = "".join(each for each in text.upper() if not each.isspace() and each not in "-#")
    number = typed.translate(_LOOK_ALIKES)
    return number if len(number) == NUMBER_LENGTH and set(number) <= set(CROCKFORD) else ""


@dataclass(frozen=True)
class AgreedLine:
    """Some copies at the unit price that the checkout page showed."""

    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Offer:
    """What a checkout page offered: an order's id, and the lines that stood there."""

    order_id: str
    lines: Mapping[str, AgreedLine]  # by the book's id

    @property
    def total(self) -> Decimal:
        """What the page said the order costs."""
        return sum((line.price * line.quantity for line in self.lines.values()), Decimal("0.00"))


def sign_offer(offer: Offer, *, customer_id: str) -> str:
    """Turn an offer into a token that only this customer's form may carry."""
    lines = [[book_id, line.quantity, str(line.price)] for book_id, line in offer.lines.items()]
    return _signer(customer_id).sign_object([offer.order_id, lines], compress=True)


def read_offer(token: str, *, customer_id: str, at: datetime) -> Offer:
    """Return the offer in a form.

    Raises ``OfferError`` when it was forged, made for another customer, or drawn more than
    24 hours before ``at``.
    """
    try:
        order_id, lines = _signer(customer_id).unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise OfferError(_("We could not read this form. Please check it and send it again.")) from error
    if at - drawn_at(order_id) > OFFER_LASTS:
        raise OfferError(_("This page was open for more than a day. Please check it and send it again."))
    return Offer(
        order_id=order_id,
        lines={book_id: AgreedLine(quantity, Decimal(price)) for book_id, quantity, price in lines},
    )


def _signer(customer_id: str) -> signing.Signer:
    return signing.Signer(salt=f"orders.offer:{customer_id}")
