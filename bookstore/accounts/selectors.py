"""What the shop, and Cognito, know about a customer."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.translation import gettext as _

from bookstore import aws
from bookstore.accounts.errors import BadAddressError, CognitoUnavailableError
from bookstore.accounts.models import CustomerItem, SavedAddress
from bookstore.countries import NAMES, country_name

PEOPLE_FOUND_AT_MOST = 60  # what Cognito answers at once
TERM_CHARACTERS = 100  # of what people are looked for by; Cognito's own limit of a filter is 256
GROUPS_AT_MOST = 60  # Cognito's own limit of an answer
_CUSTOMER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


NEEDED = ("name", "line1", "city", "postcode", "country")  # parts of an address
# Of each part of an address: what a label has room for.
ADDRESS_CHARACTERS: Mapping[str, int] = {
    "name": 100,
    "line1": 100,
    "line2": 100,
    "city": 80,
    "region": 80,
    "postcode": 16,
    "country": 2,
    "phone": 32,
}


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
        missing = [name for name in NEEDED if not tidy[name]]
        if missing:
            msg = f"an address needs {', '.join(missing)}"
            raise ValueError(msg)
        return cls(**tidy)

    def checked(self) -> "PostalAddress":
        """Return the address as it is; raise ``BadAddressError`` where nothing could be sent to it."""
        problems = {
            name: _("This has more than %(most)d characters.") % {"most": most}
            for name, most in ADDRESS_CHARACTERS.items()
            if len(getattr(self, name)) > most
        }
        problems |= {name: _("An address needs this.") for name in NEEDED if not getattr(self, name).strip()}
        if self.country not in NAMES:
            problems["country"] = _("Choose one of the countries in the list.")
        if problems:
            raise BadAddressError(problems)
        return self

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


@dataclass(frozen=True)
class Person:
    """Somebody who has an account, as Cognito tells."""

    customer_id: str  # Cognito's `sub`
    email: str
    name: str
    state: str  # Cognito's word: CONFIRMED, UNCONFIRMED, FORCE_CHANGE_PASSWORD ...
    may_sign_in: bool  # neither Cognito nor the shop has closed the account
    is_open_at_cognito: bool  # which did not answer, perhaps, when the shop closed it
    made_at: datetime
    groups: tuple[str, ...] = ()  # only of a person who was asked for alone
    addresses: tuple[PostalAddress, ...] = ()  # the same
    first_seen_at: datetime | None = None  # the same


@dataclass(frozen=True)
class People:
    """Whom a search found, in order of their addresses; ``more`` when Cognito knows of others."""

    people: Sequence[Person]
    more: bool = False


@dataclass(frozen=True)
class Section:
    """What a room shows staff of a customer: lines of text, each with the address it leads to, or none."""

    title: str
    lines: Sequence[tuple[str, str]] = field(default_factory=tuple)


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


# --- What Cognito knows ------------------------------------------------------------------------------------


def find_people(term: str) -> People:
    """Return whose e-mail address or name begins with a term, whatever its capitals, or whose `sub` it is.

    One ListUsers, or two where the term may be either, and one BatchGetItem. Raises
    ``CognitoUnavailableError``.
    """
    asked = " ".join("".join(each if each.isprintable() else " " for each in term).split())[:TERM_CHARACTERS]
    if not asked:
        return People(())
    if _CUSTOMER_ID.fullmatch(asked):
        filters = [user_filter("sub", "=", asked.lower())]
    else:
        filters = [user_filter("email", "^=", asked)]
        if "@" not in asked:
            filters.append(user_filter("name", "^=", asked))
    found: dict[str, Person] = {}
    more = False
    for each in filters:
        with _cognito():
            answer = aws.cognito().list_users(
                UserPoolId=settings.COGNITO_USER_POOL_ID, Filter=each, Limit=PEOPLE_FOUND_AT_MOST
            )
        more = more or bool(answer.get("PaginationToken"))
        people = [_person(user, user.get("Attributes", ())) for user in answer["Users"]]
        found.update((person.customer_id, person) for person in people)
    closed = _closed_by_the_shop(list(found))
    people = [
        replace(person, may_sign_in=person.may_sign_in and person.customer_id not in closed)
        for person in found.values()
    ]
    people.sort(key=lambda person: (person.email.casefold(), person.customer_id))
    return People(people[:PEOPLE_FOUND_AT_MOST], more=more or len(people) > PEOPLE_FOUND_AT_MOST)


def find_person(customer_id: str) -> Person | None:
    """Return a person with groups and addresses; ``None`` whom Cognito does not know.

    AdminGetUser, AdminListGroupsForUser and one GetItem. Raises ``CognitoUnavailableError``.
    """
    groups = find_groups(customer_id)
    if groups is None:
        return None
    try:
        with _cognito():
            user = aws.cognito().admin_get_user(**_known(customer_id))
    except _UnknownUserError:  # deleted a moment ago
        return None
    person, item = _person(user, user["UserAttributes"]), find_item(customer_id)
    return replace(
        person,
        may_sign_in=person.may_sign_in and not (item and item.disabled),
        groups=groups,
        addresses=addresses_of(item) if item else (),
        first_seen_at=item.first_seen_at if item else None,
    )


def find_groups(customer_id: str) -> tuple[str, ...] | None:
    """Return the groups that somebody is in now, as Cognito says; ``None`` whom it does not know.

    Raises ``CognitoUnavailableError``.
    """
    if not _CUSTOMER_ID.fullmatch(customer_id):
        return None
    try:
        with _cognito():
            found = aws.cognito().admin_list_groups_for_user(**_known(customer_id), Limit=GROUPS_AT_MOST)
    except _UnknownUserError:
        return None
    return tuple(sorted(each["GroupName"] for each in found["Groups"]))


def _known(customer_id: str) -> dict[str, str]:
    return {"UserPoolId": settings.COGNITO_USER_POOL_ID, "Username": customer_id}


def user_filter(attribute: str, operator: str, value: str) -> str:
    """Return a filter of ListUsers; what ends a value is escaped, as Cognito's reference has it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{attribute} {operator} "{escaped}"'


class _UnknownUserError(Exception):
    """Cognito does not know the person."""


@contextmanager
def _cognito() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "UserNotFoundException":
            raise _UnknownUserError from error
        raise CognitoUnavailableError(
            _("Cognito, which keeps the accounts, does not answer at the moment.")
        ) from error
    except BotoCoreError as error:
        raise CognitoUnavailableError(
            _("Cognito, which keeps the accounts, does not answer at the moment.")
        ) from error


def _person(user: Any, attributes: Iterable[Any]) -> Person:
    said = {each["Name"]: each.get("Value", "") for each in attributes}
    return Person(
        customer_id=said.get("sub") or user["Username"],
        email=said.get("email", ""),
        name=said.get("name", ""),
        state=user.get("UserStatus", ""),
        may_sign_in=user.get("Enabled", True),
        is_open_at_cognito=user.get("Enabled", True),
        made_at=user["UserCreateDate"],
    )


def _closed_by_the_shop(customer_ids: Sequence[str]) -> set[str]:
    return (
        {item.customer_id for item in CustomerItem.batch_get(customer_ids) if item.disabled}
        if customer_ids
        else set()
    )
