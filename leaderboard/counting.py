"""What counts: from an order or a book, as its stream record or its item shows it, to the leaderboards' terms.

Pure functions. What is counted follows from the *state* that an order is in, never from the
kind of event that told of it, so a record may come twice, late, or in place of another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from bookstore.streams.errors import UnprojectableError

# Sold: paid for, and neither cancelled nor sent back.
COUNTED_STATES = frozenset({"placed", "packed", "shipped", "delivered"})
UNCOUNTED_STATES = frozenset({"awaiting_payment", "cancelled", "returned", "refunded"})
UNCOUNTED_LINES = frozenset({"cancelled", "returned", "refunded"})

LARGEST = 2**53 - 1  # what a Lua number and a sorted set's score hold exactly
MOST_READERS = 999_999  # told apart among books of the same rating


@dataclass(frozen=True, slots=True)
class Sale:
    """What one version of an order counts for: copies by book and cents by category, none when it is no sale."""

    order_id: str
    version: int
    day: date | None  # of placing, in the shop's zone; of reserving before that; None when nobody knows
    copies: Mapping[str, int] = field(default_factory=dict)
    # What its books cost, less what went back, by category; under "" those of none.
    cents: Mapping[str, int] = field(default_factory=dict)
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Rating:
    """Where one revision of a book stands among the top rated."""

    book_id: str
    revision: int
    score: int | None  # orders the list, highest first; None when the book is not on it
    sold: bool  # still on sale: a withdrawn book stands on no list
    removed: bool = False


def sale_of(order: Mapping[str, Any]) -> Sale:
    """Return what an order counts for now.

    Raises ``UnprojectableError`` for an order in a state that nobody has thought of, or with a
    line that names no book, no number of copies or no price. An order without lines counts nothing.
    Lines sold before orders kept their books' categories count under no category. Money that went
    back for no copies is taken off the first line's category, as far as that reaches, then the next one's.
    """
    status = order.get("status")
    if status not in COUNTED_STATES | UNCOUNTED_STATES:
        raise UnprojectableError(f"no state of an order: {status!r}")
    copies: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    credited = 0  # cents, of the copies that are sold no longer
    for line in _maps(order, "books"):
        book_id, quantity, kept = _line(line)
        price = _cents(line, "price")
        credited += (quantity - kept) * price
        if kept and status in COUNTED_STATES:
            copies[book_id] += kept
            cents[_category(line)] += kept * price
    beyond = max(0, _cents({"refunded": Decimal(0), **order}, "refunded") - credited)
    for category, amount in cents.items():
        taken_off = min(beyond, amount)
        cents[category] -= taken_off
        beyond -= taken_off
    return Sale(
        order_id=_text(order, "orderId"),
        version=_whole(order, "version"),
        day=day_of(order),
        copies=dict(copies),
        cents=dict(cents),
    )


def removal_of_order(order: Mapping[str, Any]) -> Sale:
    """Return what remains of an order that was removed: nothing, one version later."""
    return Sale(
        order_id=_text(order, "orderId"),
        version=_whole(order, "version") + 1,
        day=day_of(order),
        removed=True,
    )


def day_of(order: Mapping[str, Any]) -> date | None:
    """Return the day, in the shop's time zone, on which an order was placed.

    That is the day of its history's first entry ``placed``. An order that was never placed,
    or was brought in without a history, has the day of its reservation, ``orderDate``.
    """
    steps = _maps(order, "history")
    placed = (step.get("at") for step in steps if step.get("status") == "placed")
    moment = next(placed, order.get("orderDate"))
    if moment is None:
        return None
    try:
        return timezone.localtime(datetime.fromisoformat(moment), timezone.get_default_timezone()).date()
    except (TypeError, ValueError) as error:
        raise UnprojectableError(f"not an instant: {moment!r}") from error


def rating_of(book: Mapping[str, Any]) -> Rating:
    """Return where a book stands now: by its rating, then by how many readers gave it.

    The rating is the Bayesian mean of readers and booksellers, so one enthusiastic reader lifts
    no book above all others. Withdrawn books and those nobody has rated are not on the list.
    """
    rating = book.get("rating")
    if not isinstance(rating, Decimal):
        raise UnprojectableError(f"not a rating: {rating!r}")
    readers = min(_whole({"ratingCount": Decimal(0), **book}, "ratingCount"), MOST_READERS)
    sold = bool(book.get("listing"))
    return Rating(
        book_id=_text(book, "id"),
        revision=_whole(book, "revision"),
        score=int(rating * 100) * (MOST_READERS + 1) + readers if sold and rating > 0 else None,
        sold=sold,
    )


def removal_of_book(book: Mapping[str, Any]) -> Rating:
    """Return what remains of a book that was removed: no rating, one revision later."""
    return Rating(
        book_id=_text(book, "id"),
        revision=_whole(book, "revision") + 1,
        score=None,
        sold=False,
        removed=True,
    )


def _line(line: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return a line's book, its copies, and how many of them are sold still."""
    quantity = _whole(line, "quantity")
    if quantity < 1:
        raise UnprojectableError(f"a line of {quantity} copies")
    credited = _whole({"credited": Decimal(0), **line}, "credited")
    if not 0 <= credited <= quantity:
        raise UnprojectableError(f"{credited} copies of a line of {quantity} are credited")
    kept = 0 if line.get("status") in UNCOUNTED_LINES else quantity - credited
    return _text(line, "bookId"), quantity, kept


def _category(line: Mapping[str, Any]) -> str:
    return _text(line, "category") if line.get("category") else ""


def _maps(item: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """Return a list of maps in an item; an item without it has none."""
    value = item.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise UnprojectableError(f"{name} is no list of maps")
    return value


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise UnprojectableError(f"{name} is missing or no text: {value!r}")
    return value


def _whole(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name)
    if not isinstance(value, Decimal) or value != value.to_integral_value() or abs(value) > LARGEST:
        raise UnprojectableError(f"{name} is missing or no whole number: {value!r}")
    return int(value)


def _cents(item: Mapping[str, Any], name: str) -> int:
    value = item.get(name)
    if not isinstance(value, Decimal):
        raise UnprojectableError(f"{name} is missing or no amount: {value!r}")
    return _whole({name: value * 100}, name)
