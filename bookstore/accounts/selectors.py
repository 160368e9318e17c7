"""What the shop knows about a customer."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from bookstore.accounts.models import CustomerItem, SavedAddress
from bookstore.countries import country_name


@dataclass(frozen=True)
class PostalAddress:
    """Where an order goes; ``line2``, ``region`` and ``phone`` may be empty."""

    name: str
    line1: str
    city: str
    postcode: str
    country: str  # ISO 3166-1 alpha-2
    line2: str = ""
    region: str = ""
    phone: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str | None]) -> "PostalAddress":
        """Take an address out of a form's or an item's values, whatever else is there.

        Runs of spaces become one. Raises ``ValueError`` naming what is missing.
        """
        tidy = {field.name: " ".join((values.get(field.name) or "").split()) for field in fields(cls)}
        missing = [name for name in ("name", "line1", "city", "postcode", "country") if not tidy[name]]
        if missing:
            msg = f"an address needs {', '.join(missing)}"
            raise ValueError(msg)
        return cls(**tidy)

    @property
    def key(self) -> str:
        """A short name of this address, made of what it says: the same words, the same key."""
        words = [value.casefold() for value in asdict(self).values()]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]

    @property
    def lines(self) -> list[str]:
        """The address as it is written on an envelope, without the empty lines."""
        town = " ".join(part for part in (self.city, self.postcode) if part)
        country = country_name(self.country)
        return [line for line in (self.name, self.line1, self.line2, town, self.region, country) if line]

    def as_dict(self) -> dict[str, str]:
        """Return the values by the names that the address form uses."""
        return asdict(self)


@dataclass(frozen=True)
class Customer:
    """The profile: what the account page shows."""

    customer_id: str
    email: str
    name: str
    addresses: tuple[PostalAddress, ...]
    first_seen_at: datetime | None = None


def get_customer(customer_id: str) -> Customer:
    """Return a customer's profile with one GetItem; an empty one before the first sign-in."""
    item = find_item(customer_id)
    if item is None:
        return Customer(customer_id=customer_id, email="", name="", addresses=())
    return Customer(
        customer_id=customer_id,
        email=item.email or "",
        name=item.name or "",
        addresses=addresses_of(item),
        first_seen_at=item.first_seen_at,
    )


def saved_addresses(customer_id: str) -> tuple[PostalAddress, ...]:
    """Return the addresses a customer keeps, the one used last first, with one GetItem."""
    return get_customer(customer_id).addresses


def find_item(customer_id: str) -> CustomerItem | None:
    """Return the stored customer, read consistently: what was just written is seen."""
    try:
        return CustomerItem.get(customer_id, consistent_read=True)
    except CustomerItem.DoesNotExist:
        return None


def addresses_of(item: CustomerItem) -> tuple[PostalAddress, ...]:
    """Return the addresses in a stored customer."""
    return tuple(PostalAddress.of(_values(saved)) for saved in item.addresses or [])


def _values(saved: SavedAddress) -> dict[str, str | None]:
    return {field.name: getattr(saved, field.name) for field in fields(PostalAddress)}
