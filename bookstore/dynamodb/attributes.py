"""Attributes that PynamoDB lacks: exact decimals, money, and instants that sort as text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.constants import NUMBER, STRING
from pynamodb.expressions.update import Action

from bookstore.logs import current_request_id
from bookstore.money import to_cents


class DecimalAttribute(Attribute[Decimal]):
    """A ``Decimal`` in DynamoDB's ``N``.

    PynamoDB's ``NumberAttribute`` refuses a Decimal and returns floats
    (https://github.com/pynamodb/PynamoDB/issues/551).
    """

    attr_type = NUMBER

    def serialize(self, value: Any) -> str:
        """Return the number's digits; raise ``TypeError`` for a float."""
        if isinstance(value, float):
            msg = f"{self.attr_name} is Decimal, never float: {value!r}"
            raise TypeError(msg)
        return str(Decimal(value))

    def deserialize(self, value: Any) -> Decimal:
        """Return the number exactly as stored."""
        return Decimal(value)


class MoneyAttribute(DecimalAttribute):
    """An amount in whole cents; DynamoDB drops trailing zeros, reading puts them back."""

    def serialize(self, value: Any) -> str:
        """Return the amount in whole cents; raise as ``to_cents`` does."""
        return str(to_cents(value))

    def deserialize(self, value: Any) -> Decimal:
        """Return the amount with two places."""
        return to_cents(value)


class InstantAttribute(Attribute[datetime]):
    """An aware UTC ``datetime`` as ISO-8601 text of fixed width, which sorts by time.

    ``2026-11-22T17:05:00.000000Z``; microseconds are always written.
    """

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Return the text; raise ``ValueError`` for a naive ``datetime``."""
        return instant_text(value)

    def deserialize(self, value: str) -> datetime:
        """Return the aware ``datetime``."""
        return datetime.fromisoformat(value)


def instant_text(value: datetime) -> str:
    """Write an aware ``datetime`` the way ``InstantAttribute`` stores it."""
    if value.tzinfo is None:
        msg = f"an instant is aware, this one is not: {value!r}"
        raise ValueError(msg)
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class RequestIdAttribute(UnicodeAttribute):
    """The request in which an item was last written, so that the projector's log tells of it too.

    A new item has the id of the request under way. Items of older versions, and those that no
    request wrote, have none.
    """

    def __init__(self) -> None:
        super().__init__(attr_name="requestId", null=True, default_for_new=_or_none)

    def written(self) -> Action:
        """Return what a write of an item that exists says of it."""
        request_id = current_request_id()
        return self.set(request_id) if request_id else self.remove()


def _or_none() -> Any:
    return current_request_id() or None  # which PynamoDB's types leave out, and leaves the attribute out
