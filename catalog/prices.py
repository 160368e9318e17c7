"""New prices for many books at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import batched, compress

from django.utils.translation import gettext as _
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import cancellation_codes, is_transient, refused_updates
from bookstore.dynamodb.tables import Beside, transaction
from catalog import keys
from catalog.drafts import check_price
from catalog.errors import BadBookError, BookChangedError, BookNotFoundError, CatalogError
from catalog.models import Book
from catalog.selectors import BOOKS_A_BATCH, books_by_id

LEAST_PERCENT, MOST_PERCENT = Decimal(-90), Decimal(400)
# How a new price may be rounded.
CENT, HALF, NINETY_NINE = "cent", "half", "ninety_nine"


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A book's price as somebody saw it, and what it is to become."""

    book_id: str
    version: int
    old: Decimal
    new: Decimal


@dataclass(frozen=True, slots=True)
class Repriced:
    """What became of new prices, by book."""

    changed: tuple[str, ...]
    there: tuple[str, ...]  # they cost that already
    refused: Mapping[str, str]  # why: a sentence
    more: bool  # whether the store cut it off: the same call goes on


def percent_of(price: Decimal, percent: Decimal, rounding: str) -> Decimal:
    """Return a price changed by so many percent, rounded as ``rounding`` says, half up.

    ``CENT``: to whole cents; ``HALF``: to the nearest 0.50; ``NINETY_NINE``: to the nearest price
    that ends in .99. It may be out of a price's bounds: ``reprice_books`` refuses those. Raises
    ``BadBookError`` for a percentage that is none or out of its own bounds, and for another rounding.
    """
    problems: dict[str, str] = {}
    if (
        not isinstance(percent, Decimal)
        or not percent.is_finite()
        or not LEAST_PERCENT <= percent <= MOST_PERCENT
    ):
        problems["percent"] = _("Prices change by %(least)s to %(most)s percent.") % {
            "least": LEAST_PERCENT,
            "most": MOST_PERCENT,
        }
    if rounding not in (CENT, HALF, NINETY_NINE):
        problems["rounding"] = _("Choose one of the roundings in the list.")
    if problems:
        raise BadBookError(problems)
    exact = price * (100 + percent) / 100
    if rounding == NINETY_NINE:
        return _to_step(exact + Decimal("0.01"), Decimal(1)) - Decimal("0.01")
    return _to_step(exact, Decimal("0.50") if rounding == HALF else Decimal("0.01"))


def _to_step(amount: Decimal, step: Decimal) -> Decimal:
    return ((amount / step).quantize(Decimal(1), ROUND_HALF_UP) * step).quantize(Decimal("0.01"))


def reprice_books(
    *, prices: Iterable[NewPrice], at: datetime, beside: Callable[[NewPrice], Beside] | None = None
) -> Repriced:
    """Give books new prices, each whose version and price still are what was seen, fifty in a transaction.

    One that somebody changed meanwhile, or whose new price is none, is refused and does not stop
    the others. The same prices sent again change nothing: those books cost that already. Where
    DynamoDB answers no more, its error is raised as long as no price was changed; afterwards what
    was done is told. ``beside`` makes what belongs into the same transaction of each.
    """
    changed: list[str] = []
    there: list[str] = []
    refused: dict[str, str] = {}
    outdated: list[NewPrice] = []
    good: list[NewPrice] = []
    for each in {each.book_id: each for each in prices}.values():
        try:
            check_price(each.new)
        except BadBookError as error:
            refused[each.book_id] = str(error)
        else:
            good.append(each)
    try:
        for some in batched(good, _PRICES_A_TRANSACTION):
            late = _write_where_unchanged(some, at=at, beside=beside)
            changed += [each.book_id for each in some if each not in late]
            outdated += late
        for each, book in _as_stored(outdated):
            if book is not None and book.price == each.new:
                there.append(each.book_id)
            else:
                error_of: CatalogError = (BookChangedError if book else BookNotFoundError)(each.book_id)
                refused[each.book_id] = str(error_of)
    except PynamoDBException as error:
        if not changed or not is_transient(error):
            raise
        return Repriced(tuple(changed), tuple(there), refused, more=True)
    return Repriced(tuple(changed), tuple(there), refused, more=False)


def _write_where_unchanged(
    prices: Sequence[NewPrice], *, at: datetime, beside: Callable[[NewPrice], Beside] | None
) -> list[NewPrice]:
    """Write some prices, those all or none whose books are what was seen; return the others."""
    left = list(prices)
    late: list[NewPrice] = []
    while left and any(refusals := _write_prices(left, at=at, beside=beside)):
        late += compress(left, refusals)
        left = [each for each, was_refused in zip(left, refusals, strict=True) if not was_refused]
    return late


def _as_stored(prices: Iterable[NewPrice]) -> Iterator[tuple[NewPrice, Book | None]]:
    for some in batched(prices, BOOKS_A_BATCH):
        books = books_by_id(each.book_id for each in some)
        yield from ((each, books.get(each.book_id)) for each in some)


def _write_prices(
    prices: Sequence[NewPrice], *, at: datetime, beside: Callable[[NewPrice], Beside] | None
) -> list[bool]:
    """Write some prices, all or none; return which of them were refused, none when all are written."""

    def write() -> None:
        with transaction() as open_transaction:
            for each in prices:
                if beside:
                    beside(each)(open_transaction)
                open_transaction.update(
                    Book(each.book_id),
                    actions=[
                        Book.price.set(each.new),
                        Book.price_key.set(keys.price_key(each.new, book_id=each.book_id)),
                        Book.version.set(each.version + 1),
                        Book.updated_at.set(at),
                        *Book.rewritten(),
                    ],
                    condition=(Book.version == each.version) & (Book.price == each.old),
                )

    try:
        through_conflicts(write)
    except TransactWriteError as error:
        refusals = refused_updates(cancellation_codes(error), last=len(prices))
        if not any(refusals):
            raise
        return refusals
    return [False] * len(prices)


_PRICES_A_TRANSACTION = 50  # each with its log's entry: a hundred actions, DynamoDB's limit
