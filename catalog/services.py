"""What may be done to the catalogue. Each service is one transaction: all of it happens, or nothing.

Two counters stand on a book. ``version`` goes up when people edit it, and is what they hold
against one another's edits. ``revision`` goes up at every write, sales included, and is the
search index's external version.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import batched, compress
from typing import Any, Unpack

from django.conf import settings
from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes, is_condition_failure
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog import keys, ledger
from catalog.cover_names import is_drawn
from catalog.drafts import (
    PEOPLE,
    BookFacts,
    SaidOfABook,
    changed_facts,
    check_book_id,
    check_facts,
    check_person,
    check_price,
    check_stock,
    facts_of,
    is_category_slug,
    plain_line,
    plain_text,
)
from catalog.errors import (
    BadBookError,
    BadCategoryError,
    BadReviewError,
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    CatalogError,
    CategoryChangedError,
    CategoryExistsError,
    CategoryNotEmptyError,
    DuplicateIsbnError,
    ReviewNotFoundError,
    StockChangedError,
)
from catalog.ledger import BY_SHOP
from catalog.models import (
    ADJUSTED,
    HIDDEN,
    IN_STOCK,
    OPENING,
    PUBLISHED,
    RECEIVED,
    RETURNED,
    SOLD,
    WITHDRAWN,
    Book,
    Category,
    Contribution,
    Review,
    Unique,
    availability_of,
)
from catalog.selectors import (
    BOOKS_A_BATCH,
    books_by_id,
    books_of_author,
    count_listed,
    forget_categories,
    has_books,
    isbn_claim,
)

MOST_STARS = 5

# Our booksellers' rating counts as much as this many readers' ratings. Until five readers have
# spoken the booksellers' opinion weighs more; one angry or enthusiastic reader moves a book
# that had 4.0 to 3.5 or 4.2, not to 1.0 or 5.0. Twenty readers make it a fifth of the whole.
PRIOR_WEIGHT = 5
# How a new price may be rounded.
CENT, HALF, NINETY_NINE = "cent", "half", "ninety_nine"

# What stands in for our booksellers' rating when readers rate a book that they did not.
NEUTRAL_RATING = Decimal("3.50")

STOCK_REASON_CHARACTERS = 200
CATEGORY_CHARACTERS = 80
REVIEW_TITLE_CHARACTERS = 120
REVIEW_CHARACTERS = 4000


# --- What follows from stock and stars ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Derived:
    """The attributes of a book that follow from others."""

    availability: str  # models.IN_STOCK, LOW or SOLD_OUT
    rating: Decimal  # 2 places; 0.00 for a book that nobody has rated, which sorts last


def derive(*, stock: int, prior_rating: Decimal | None, rating_sum: int, rating_count: int) -> Derived:
    """Return what follows from a book's copies and stars; the only place that knows how.

    The rating is the Bayesian mean: our booksellers' rating counts as ``PRIOR_WEIGHT`` readers.
    """
    availability = availability_of(stock)
    if prior_rating is None and not rating_count:
        return Derived(availability, Decimal("0.00"))
    prior = NEUTRAL_RATING if prior_rating is None else prior_rating
    mean = (prior * PRIOR_WEIGHT + rating_sum) / (PRIOR_WEIGHT + rating_count)
    return Derived(availability, mean.quantize(Decimal("0.01"), ROUND_HALF_UP))


def standing_of(availability: str, *, is_sold: bool) -> str | None:
    """Return on which of the lists that staff look after a book stands; None for a book that needs nothing."""
    if not is_sold:
        return WITHDRAWN
    return None if availability == IN_STOCK else availability


def mend_derived(image: Mapping[str, Any]) -> bool:
    """Set what follows from a book's stock and stars as its stream record showed them; tell whether it wrote.

    Conditional on that stock, those stars and its being sold or not, and only when the value
    changes: an older record does nothing, and the record of this write itself ends the chain.
    """
    stock, rating_sum, rating_count = (
        int(image.get(name, 0)) for name in ("stock", "ratingSum", "ratingCount")
    )
    prior_rating = image.get("priorRating")
    book_id = str(image["id"])
    derived = derive(stock=stock, prior_rating=prior_rating, rating_sum=rating_sum, rating_count=rating_count)
    rating_key = keys.rating_key(derived.rating, book_id=book_id)
    is_sold = "listing" in image
    standing = standing_of(derived.availability, is_sold=is_sold)
    if (image["availability"], image["rating"], image["ratingKey"], image.get("standing")) == (
        derived.availability,
        derived.rating,
        rating_key,
        standing,
    ):
        return False
    shown = (
        (Book.stock == stock)
        & (Book.rating_sum == rating_sum)
        & (Book.rating_count == rating_count)
        & (Book.prior_rating.does_not_exist() if prior_rating is None else Book.prior_rating == prior_rating)
        & (Book.listing.exists() if is_sold else Book.listing.does_not_exist())
    )
    # What is absent is not unlike anything to DynamoDB's "<>" on every engine.
    elsewhere = Book.standing.exists()
    if standing is not None:
        elsewhere = Book.standing.does_not_exist() | (Book.standing != standing)
    differs = (Book.availability != derived.availability) | (Book.rating_key != rating_key) | elsewhere
    try:
        Book(book_id).update(
            actions=[
                Book.availability.set(derived.availability),
                Book.rating.set(derived.rating),
                Book.rating_key.set(rating_key),
                _standing(standing),
                *Book.rewritten(),
            ],
            condition=shown & differs,
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        return False  # the book has moved on, and a later record says how
    return True


def _standing(standing: str | None) -> Action:
    return Book.standing.remove() if standing is None else Book.standing.set(standing)


# --- Adding and editing books ------------------------------------------------------------------------------


def add_book(
    *,
    at: datetime,
    book_id: str,
    stock: int = 0,
    added_at: datetime | None = None,
    on_sale: bool = True,
    beside: Beside = nothing_beside,
    **said: Unpack[SaidOfABook],
) -> Book:
    """Put a new book on sale; or not yet, as a withdrawn one that ``bring_back_book`` puts there.

    ``name``, ``category`` and ``price`` must be said; the category need not exist yet. ``added_at`` is when the book came into the shop, now unless said
    otherwise. ``beside`` adds what belongs into the same transaction, such as a log's entry.
    Raises ``BadBookError``, ``BookExistsError``, ``DuplicateIsbnError``. Category counts are behind until ``recount_categories``.
    """
    book = new_book(
        book_id=book_id,
        facts=check_facts(**said),
        stock=stock,
        added_at=added_at or at,
        on_sale=on_sale,
        at=at,
    )
    store_new_book(book, beside=beside)
    return book


def store_new_book(book: Book, *, beside: Beside = nothing_beside) -> None:
    """Store a book that ``new_book`` made, with its contributions and its ISBN, all or nothing.

    Raises ``BookExistsError``, ``DuplicateIsbnError``.
    """

    def write() -> None:
        with transaction() as open_transaction:
            put_new_book(open_transaction, book)
            beside(open_transaction)

    try:
        through_conflicts(write)
    except TransactWriteError as error:
        codes = cancellation_codes(error)
        if codes and codes[0] == CONDITION_FAILED:
            raise BookExistsError(book.id) from error
        if CONDITION_FAILED in codes and book.isbn13:
            raise DuplicateIsbnError(book.isbn13) from error
        raise


def new_book(
    *, book_id: str, facts: BookFacts, stock: int, added_at: datetime, at: datetime, on_sale: bool = True
) -> Book:
    """Return a book that is not stored yet, with everything that follows from what is said about it.

    Its revision begins with the time in milliseconds: should the id have belonged to a book that
    was removed, this one is newer in the search index than that one's tombstone.
    """
    check_book_id(book_id)
    check_stock(stock)
    derived = derive(stock=stock, prior_rating=facts.prior_rating, rating_sum=0, rating_count=0)
    return Book(
        book_id,
        **_written(facts),
        currency=settings.CURRENCY,
        stock=stock,
        availability=derived.availability,
        rating=derived.rating,
        listing=facts.category if on_sale else None,
        arrival_year=_year(added_at) if on_sale else None,
        standing=standing_of(derived.availability, is_sold=on_sale),
        title_key=keys.title_key(facts.name, language=facts.language, book_id=book_id),
        price_key=keys.price_key(facts.price, book_id=book_id),
        rating_key=keys.rating_key(derived.rating, book_id=book_id),
        added_key=keys.added_key(added_at, book_id=book_id),
        revision=int(at.timestamp() * 1000),
        added_at=added_at,
        updated_at=at,
        withdrawn_at=None if on_sale else at,
    )


def put_new_book(write: TransactWrite, book: Book) -> None:
    """Add a new book to a transaction, with its opening stock, its contributions and its ISBN.

    The book comes first and its ISBN, if it has one, last. Both are put only if absent.
    """
    write.save(book, condition=Book.id.does_not_exist())
    ledger.enter(write, book_id=book.id, kind=OPENING, delta=int(book.stock), by=BY_SHOP, at=book.added_at)
    for contribution in contributions_of(book) if book.is_sold else ():
        write.save(contribution)
    if book.isbn13:
        _claim_isbn(write, book.isbn13, book.id)


def actions_of(book: Book) -> int:
    """Return how many actions ``put_new_book`` adds for a book on sale."""
    return 2 + len(contributions_of(book)) + (1 if book.isbn13 else 0)


def contributions_of(book: Book) -> list[Contribution]:
    """Return a book's entries on author pages: one for each person, whatever their parts in it."""
    entries: dict[str, Contribution] = {}
    for contributor in book.contributors:
        entries.setdefault(
            contributor.slug,
            Contribution(
                contributor.slug,
                keys.contribution_key(book.published_on, book_id=book.id),
                book_id=book.id,
                name=contributor.name,
                role=contributor.role,
            ),
        )
    return list(entries.values())


def revise_book(
    *,
    book_id: str,
    version: int,
    at: datetime,
    beside: Beside = nothing_beside,
    **changes: Unpack[SaidOfABook],
) -> Book:
    """Change what is said about a book.

    ``version`` is the one that the editor saw. Nothing is written when nothing changes. A cover
    that was drawn from a title, author or category that change is drawn anew on demand. ``beside``
    adds what belongs into the same transaction, such as a log's entry. Raises ``BookNotFoundError``, ``BookChangedError``, ``BadBookError``, ``DuplicateIsbnError``.
    """
    before = _read(book_id)
    if int(before.version) != version:
        raise BookChangedError(book_id)
    facts = changed_facts(facts_of(before), **changes)
    if "cover" not in changes and _drawing_is_outdated(before, facts):
        facts = changed_facts(facts, cover=None)
    after = _revised(before, facts)
    actions = _differences(before, after)
    if not actions:
        return before
    actions += [Book.version.set(version + 1), Book.updated_at.set(at), *Book.rewritten()]

    def write() -> None:
        with transaction() as open_transaction:
            _replace_contributions(open_transaction, before, after)
            _replace_isbn(open_transaction, before, after)
            beside(open_transaction)
            open_transaction.update(Book(book_id), actions=actions, condition=Book.version == version)

    try:
        through_conflicts(write)
    except TransactWriteError as error:
        codes = cancellation_codes(error)
        if codes and codes[-1] == CONDITION_FAILED:  # updates come last
            raise BookChangedError(book_id) from error
        if CONDITION_FAILED in codes and after.isbn13:
            raise DuplicateIsbnError(after.isbn13) from error
        raise
    return _read(book_id)


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


def percent_of(price: Decimal, percent: Decimal, rounding: str) -> Decimal:
    """Return a price changed by so many percent, rounded as ``rounding`` says, half up.

    ``CENT``: to whole cents; ``HALF``: to the nearest 0.50; ``NINETY_NINE``: to the nearest price
    that ends in .99. It may be out of a price's bounds: ``reprice_books`` refuses those.
    """
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
    the others. The same prices sent again change nothing: those books cost that already. Cut off
    by the store's errors, which are raised, the same call goes on. ``beside`` makes what belongs
    into the same transaction of each.
    """
    changed: list[str] = []
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
    for some in batched(good, _PRICES_A_TRANSACTION):
        left = list(some)
        while left:
            refusals = _write_prices(left, at=at, beside=beside)
            outdated += compress(left, refusals)
            left = [each for each, was_refused in zip(left, refusals, strict=True) if not was_refused]
            if not any(refusals):
                changed += [each.book_id for each in left]
                break
    there = []
    for some in batched(outdated, BOOKS_A_BATCH):
        books = books_by_id(each.book_id for each in some)
        for each in some:
            book = books.get(each.book_id)
            if book is not None and book.price == each.new:
                there.append(each.book_id)
            else:
                error_of: CatalogError = (BookChangedError if book else BookNotFoundError)(each.book_id)
                refused[each.book_id] = str(error_of)
    return Repriced(tuple(changed), tuple(there), refused)


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
        codes = cancellation_codes(error)
        if CONDITION_FAILED not in codes:
            raise
        return refused_updates(codes, last=len(prices))
    return [False] * len(prices)


_PRICES_A_TRANSACTION = 50  # each with its log's entry: a hundred actions, DynamoDB's limit


@dataclass(frozen=True, slots=True)
class Renamed:
    """What became of an author's books."""

    changed: tuple[str, ...]
    refused: Mapping[str, str]  # by title, why: a sentence
    more: bool  # whether there are books that were not looked at: the same call goes on with them


def rename_author(
    *,
    slug: str,
    name: str,
    at: datetime,
    beside: Callable[[Book, BookFacts], Beside] | None = None,
) -> Renamed:
    """Print an author's name otherwise in all his books on sale, whatever his part in them; a hundred a call.

    Each book is a change of its own, through ``revise_book``: one that somebody changes at this
    moment is refused and does not stop the others. A book that says so already is left alone.
    ``beside`` makes what belongs into the same transaction of each book and what it says then.
    Raises ``BadBookError`` for what is no name.
    """
    person = check_person(name)
    changed, refused = [], {}
    books, more = books_of_author(slug, limit=_BOOKS_RENAMED)
    for book in books:
        before = facts_of(book)
        names: Any = {
            people: tuple(
                person if keys.author_slug(each) == slug else each for each in getattr(before, people)
            )
            for people in PEOPLE
        }
        try:
            after = changed_facts(before, **names)
            if after == before:
                continue
            revise_book(
                book_id=book.id,
                version=int(book.version),
                at=at,
                beside=beside(book, after) if beside else nothing_beside,
                **names,
            )
        except (BookChangedError, BookNotFoundError, BadBookError) as error:
            refused[book.title] = str(error)
        else:
            changed.append(book.id)
    return Renamed(tuple(changed), refused, more)


_BOOKS_RENAMED = 100


def withdraw_book(*, book_id: str, at: datetime, beside: Beside = nothing_beside) -> Book:
    """Take a book off every list, author page and search; orders keep it. The second time nothing happens.

    Raises ``BookNotFoundError``.
    """

    def withdraw(book: Book) -> list[Action] | None:
        if not book.is_sold:
            return None
        return [
            Book.listing.remove(),
            Book.arrival_year.remove(),
            Book.withdrawn_at.set(at),
            _standing(WITHDRAWN),
        ]

    return _list_or_delist(book_id, withdraw, listed=False, at=at, beside=beside)


def bring_back_book(*, book_id: str, at: datetime, beside: Beside = nothing_beside) -> Book:
    """Put a withdrawn book back on sale where it stood. The second time nothing happens.

    Raises ``BookNotFoundError``.
    """

    def bring_back(book: Book) -> list[Action] | None:
        if book.is_sold:
            return None
        return [
            Book.listing.set(book.category),
            Book.arrival_year.set(_year(book.added_at)),
            Book.withdrawn_at.remove(),
            _standing(standing_of(book.availability, is_sold=True)),
        ]

    return _list_or_delist(book_id, bring_back, listed=True, at=at, beside=beside)


# --- Stock -------------------------------------------------------------------------------------------------


def receive_stock(
    *,
    book_id: str,
    copies: int,
    at: datetime,
    by: str = BY_SHOP,
    reason: str = "",
    form_id: str = "",
    beside: Beside = nothing_beside,
) -> bool:
    """Add copies that came in; the availability follows through the stream. Tell whether this call did it.

    ``form_id`` names the form that says so: sent again it changes nothing. Raises
    ``BadBookError`` for what is no delivery, ``BookNotFoundError``.
    """
    problems: dict[str, str] = {}
    said = _check_reason(reason, problems)
    if _check_count("copies", copies, problems) == 0:
        problems["copies"] = _("At least one copy comes in.")
    if problems:
        raise BadBookError(problems)

    def change(write: TransactWrite) -> None:
        ledger.enter(write, book_id=book_id, kind=RECEIVED, delta=copies, by=by, at=at, reason=said)
        beside(write)
        write.update(
            Book(book_id),
            actions=[Book.stock.add(copies), *Book.rewritten()],
            condition=Book.id.exists(),
        )

    try:
        return _once(change, form_id=form_id, book_id=book_id)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error):
            raise BookNotFoundError(book_id) from error
        raise


def adjust_stock(
    *,
    book_id: str,
    seen: int,
    counted: int,
    reason: str,
    at: datetime,
    by: str = BY_SHOP,
    form_id: str = "",
    beside: Beside = nothing_beside,
) -> bool:
    """Set a book's stock to what was counted, where the count was made against ``seen`` copies.

    Told and done as ``receive_stock``. Where the stock is no longer what was seen, nothing is
    written: raises ``StockChangedError``, which says what happened meanwhile. Raises
    ``BadBookError`` without a reason, for a count that is none or says nothing new, and
    ``BookNotFoundError``.
    """
    problems: dict[str, str] = {}
    said = _check_reason(reason, problems)
    if not said and "reason" not in problems:
        problems["reason"] = _("Say why the stock is not what it was.")
    if _check_count("counted", counted, problems) == seen:
        problems["counted"] = _("That is how many copies there are.")
    if problems:
        raise BadBookError(problems)

    def change(write: TransactWrite) -> None:
        ledger.enter(write, book_id=book_id, kind=ADJUSTED, delta=counted - seen, by=by, at=at, reason=said)
        beside(write)
        write.update(
            Book(book_id),
            actions=[Book.stock.set(counted), *Book.rewritten()],
            condition=Book.stock == seen,
        )

    try:
        return _once(change, form_id=form_id, book_id=book_id)
    except TransactWriteError as error:
        if CONDITION_FAILED not in cancellation_codes(error):
            raise
        stock = int(_read(book_id).stock)
        told = ledger.since(book_id, seen=seen, stock=stock)
        raise StockChangedError(book_id, seen=seen, stock=stock, since=told) from error


def state_opening(*, book_id: str, at: datetime) -> bool:
    """Enter what a book came with that was stored before there was a ledger; tell whether that was missing.

    It is what the entries since then leave over of the stock. Safe beside sales: the book is
    read anew when it changes meanwhile. Reads the book's whole ledger, so for commands. Raises
    ``BookNotFoundError``.
    """

    def state() -> bool:
        book = _read(book_id)
        if not ledger.books_without_opening([book_id]):
            return False
        opening = ledger.opening_of(book_id, stock=int(book.stock))
        with transaction() as write:
            ledger.enter(write, book_id=book_id, kind=OPENING, delta=opening, by=BY_SHOP, at=at)
            # Every entry goes with a write of its book: none was made since the book was read.
            write.update(Book(book_id), actions=[*Book.rewritten()], condition=Book.revision == book.revision)
        return True

    return through_conflicts(state, reads_anew=True)


def _once(change: Callable[[TransactWrite], None], *, form_id: str, book_id: str) -> bool:
    """Make a change of stock in one transaction, a form's only once; tell whether this call made it.

    One write would do where there is no form, but botocore may repeat it when its answer was
    lost, and a transaction only happens once.
    """
    if form_id and not _FORM_ID.fullmatch(form_id):
        raise BadBookError({"": _("This form is not one of ours. Open the page again.")})

    def write_it() -> None:
        with transaction() as write:
            if form_id:
                write.save(
                    Unique(f"stock#{form_id}", book_id=book_id), condition=Unique.value.does_not_exist()
                )
            change(write)

    try:
        through_conflicts(write_it)
    except TransactWriteError as error:
        if form_id and cancellation_codes(error)[:1] == [CONDITION_FAILED]:  # the form's claim is put first
            return False
        raise
    return True


_FORM_ID = re.compile(r"[0-9a-f]{16,64}")


def _check_reason(reason: str, problems: dict[str, str]) -> str:
    try:
        return plain_line(reason, most=STOCK_REASON_CHARACTERS)
    except ValueError as error:
        problems["reason"] = str(error)
        return ""


def _check_count(field: str, copies: int, problems: dict[str, str]) -> int:
    try:
        return check_stock(copies)
    except BadBookError as error:
        problems[field] = str(error)
        return -1


# --- Parts of other rooms' transactions --------------------------------------------------------------------


def take_copies(
    write: TransactWrite, *, book_id: str, copies: int, price: Decimal, order_id: str, by: str, at: datetime
) -> None:
    """Add to a transaction: take copies of a book from stock for an order, and enter why.

    Two actions: a put, which is never refused, and an update. The update cancels the transaction
    (``ConditionalCheckFailed`` for this action) when there are not so many copies, when the book
    costs something else by now, or when it is no longer sold. ``by`` is who ordered.
    """
    _check_copies(copies)
    ledger.enter(write, book_id=book_id, kind=SOLD, delta=-copies, by=by, order_id=order_id, at=at)
    write.update(
        Book(book_id),
        actions=[Book.stock.add(-copies), *Book.rewritten()],
        condition=(Book.stock >= copies) & (Book.price == price) & Book.listing.exists(),
    )


def return_copies(
    write: TransactWrite,
    *,
    book_id: str,
    copies: int,
    order_id: str,
    by: str,
    at: datetime,
    reason: str = "",
) -> None:
    """Add to a transaction: put copies of an order back into stock, also of a withdrawn book, and enter why.

    Two actions as ``take_copies``; the update cancels the transaction (``ConditionalCheckFailed``
    for this action) when there is no such book.
    """
    _check_copies(copies)
    ledger.enter(
        write,
        book_id=book_id,
        kind=RETURNED,
        delta=copies,
        by=by,
        reason=reason,
        order_id=order_id,
        at=at,
    )
    write.update(
        Book(book_id),
        actions=[Book.stock.add(copies), *Book.rewritten()],
        condition=Book.id.exists(),
    )


def refused_updates(codes: Sequence[str | None], *, last: int) -> list[bool]:
    """Return which of a cancelled transaction's last updates were refused, such as those of its books' copies.

    A transaction's updates come behind its puts: so behind what was entered into the ledger.
    """
    return [code == CONDITION_FAILED for code in codes[len(codes) - last :]]


def _check_copies(copies: int) -> None:
    if isinstance(copies, bool) or not isinstance(copies, int) or copies < 1:
        raise ValueError(f"copies are a whole number from 1, not {copies!r}")


# --- Reviews -----------------------------------------------------------------------------------------------


def rate_book(
    *,
    book_id: str,
    customer_id: str,
    order_id: str,
    stars: int,
    title: str = "",
    text: str = "",
    at: datetime,
) -> Review:
    """Record what a buyer thinks of a book; a second opinion replaces the first.

    Review and book change in one transaction, so the book's sum and count are always those of
    its published reviews. The caller has made sure that ``order_id`` is this customer's and
    holds the book (else ``NotBoughtError``). A review that staff hid stays hidden. Raises
    ``BadReviewError``, ``BookNotFoundError``.
    """
    said = _check_review(stars=stars, title=title, text=text)

    def write() -> Review:
        before = _read_review(book_id, customer_id)
        status = PUBLISHED if before is None else before.status
        shown = status == PUBLISHED
        review = Review(
            book_id,
            customer_id,
            **said,
            order_id=order_id,
            status=status,
            published=book_id if shown else None,
            reviewed_key=f"{instant_text(at)}#{customer_id}",
            reviewed_at=at,
            version=1 if before is None else int(before.version) + 1,
        )
        unchanged = Review.book_id.does_not_exist() if before is None else Review.version == before.version
        with transaction() as open_transaction:
            open_transaction.save(review, condition=unchanged)
            _count_stars(
                open_transaction,
                book_id,
                stars=(stars - (int(before.stars) if before else 0)) if shown else 0,
                readers=1 if before is None else 0,
            )
        return review

    return _rate(write, book_id)


def hide_review(*, book_id: str, customer_id: str, beside: Beside = nothing_beside) -> Review:
    """Take a review and its stars from the public; the second time nothing happens.

    It stays hidden whatever its customer says later. Raises ``ReviewNotFoundError``, ``BookNotFoundError``.
    """
    return _publish_or_hide(book_id, customer_id, HIDDEN, beside=beside)


def publish_review(*, book_id: str, customer_id: str, beside: Beside = nothing_beside) -> Review:
    """Show a review that was hidden, and count its stars again; the second time nothing happens.

    Raises ``ReviewNotFoundError``, ``BookNotFoundError``.
    """
    return _publish_or_hide(book_id, customer_id, PUBLISHED, beside=beside)


def _publish_or_hide(book_id: str, customer_id: str, status: str, *, beside: Beside) -> Review:
    shown = status == PUBLISHED

    def write() -> Review:
        review = _read_review(book_id, customer_id)
        if review is None:
            raise ReviewNotFoundError
        if review.status == status:
            return review
        sign = 1 if shown else -1
        with transaction() as open_transaction:
            beside(open_transaction)
            open_transaction.update(
                Review(book_id, customer_id),
                actions=[
                    Review.status.set(status),
                    Review.published.set(book_id) if shown else Review.published.remove(),
                    Review.version.add(1),
                ],
                condition=Review.version == review.version,
            )
            _count_stars(open_transaction, book_id, stars=sign * int(review.stars), readers=sign)
        review.status = status
        return review

    return _rate(write, book_id)


def erase_reviews(*, customer_id: str, reviews: Iterable[Review]) -> int:
    """Remove a customer's reviews, with their stars; return how many there were. The second time there are none."""
    erased = 0
    for found in reviews:
        book_id = found.book_id

        def write(book_id: str = book_id) -> bool:
            review = _read_review(book_id, customer_id)
            if review is None:
                return False
            shown = review.status == PUBLISHED
            with transaction() as open_transaction:
                open_transaction.delete(review, condition=Review.version == review.version)
                _count_stars(
                    open_transaction,
                    book_id,
                    stars=-int(review.stars) if shown else 0,
                    readers=-1 if shown else 0,
                )
            return True

        erased += _rate(write, book_id)
    return erased


def _check_review(*, stars: int, title: str, text: str) -> dict[str, Any]:
    problems: dict[str, str] = {}
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= MOST_STARS:
        problems["stars"] = _("Give one to five stars.")
    said: dict[str, Any] = {"stars": stars}
    for name, read, value, most in (
        ("title", plain_line, title, REVIEW_TITLE_CHARACTERS),
        ("text", plain_text, text, REVIEW_CHARACTERS),
    ):
        try:
            said[name] = read(value, most=most)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise BadReviewError(problems)
    return said


def _read_review(book_id: str, customer_id: str) -> Review | None:
    with contextlib.suppress(Review.DoesNotExist):
        return Review.get(book_id, customer_id, consistent_read=True)
    return None


def _count_stars(write: TransactWrite, book_id: str, *, stars: int, readers: int) -> None:
    write.update(
        Book(book_id),
        actions=[Book.rating_sum.add(stars), Book.rating_count.add(readers), *Book.rewritten()],
        condition=Book.id.exists(),
    )


def _rate[Result](write: Callable[[], Result], book_id: str) -> Result:
    """Write a review and its stars; a review that changed meanwhile is read and written again."""

    def write_if_there_is_a_book() -> Result:
        try:
            return write()
        except TransactWriteError as error:
            codes = cancellation_codes(error)
            if codes and codes[-1] == CONDITION_FAILED:  # the book's update comes last
                raise BookNotFoundError(book_id) from error
            raise

    return through_conflicts(write_if_there_is_a_book, reads_anew=True)


# --- Categories --------------------------------------------------------------------------------------------


MOST_POSITION = 1_000_000


def save_category(*, slug: str, name: str, description: str = "", position: int = 0) -> Category:
    """Add a category or change what is said about it, whatever others say; for imports and samples.

    Its count stays. The second time nothing is written. Raises ``BadCategoryError``.
    """
    said = _check_category(slug=slug, name=name, description=description, position=position)
    try:
        category = Category.get(Category.PARTITION, slug, consistent_read=True)
    except Category.DoesNotExist:
        category = Category(Category.PARTITION, slug)
    if all(getattr(category, field) == value for field, value in said.items()):
        return category
    category.update(
        actions=[
            *(getattr(Category, field).set(value) for field, value in said.items()),
            Category.count.set(Category.count | 0),
            Category.version.set((Category.version | 1) + 1),
            Category.schema_version.set(1),
        ]
    )
    forget_categories()
    return category


def add_category(
    *,
    slug: str,
    name: str,
    description: str = "",
    position: int = 0,
    beside: Beside = nothing_beside,
) -> None:
    """Add a category. Raises ``BadCategoryError``, ``CategoryExistsError``."""
    said = _check_category(slug=slug, name=name, description=description, position=position)
    category = Category(Category.PARTITION, slug, **said)
    _write_category(
        lambda write: write.save(category, condition=Category.slug.does_not_exist()),
        beside=beside,
        refused=CategoryExistsError(slug),
    )


def revise_category(
    *,
    slug: str,
    version: int,
    name: str,
    description: str = "",
    position: int = 0,
    beside: Beside = nothing_beside,
) -> None:
    """Change what is said about a category; its address and its books stay.

    ``version`` is the one that the editor saw. Raises ``BadCategoryError``, ``CategoryChangedError``.
    """
    said = _check_category(slug=slug, name=name, description=description, position=position)
    actions = [
        *(getattr(Category, field).set(value) for field, value in said.items()),
        Category.version.set(version + 1),
    ]
    _write_category(
        lambda write: write.update(
            Category(Category.PARTITION, slug), actions=actions, condition=_of_version(version)
        ),
        beside=beside,
        refused=CategoryChangedError(slug),
    )


def delete_category(*, slug: str, version: int, beside: Beside = nothing_beside) -> None:
    """Delete a category that lists no book.

    One that is put there at this moment, or is not on sale, stays for sale without it: a book's
    category need not exist. Raises ``CategoryNotEmptyError``, ``CategoryChangedError``.
    """
    if has_books(slug):
        raise CategoryNotEmptyError(slug)
    _write_category(
        lambda write: write.delete(Category(Category.PARTITION, slug), condition=_of_version(version)),
        beside=beside,
        refused=CategoryChangedError(slug),
    )


def _write_category(
    change: Callable[[TransactWrite], None], *, beside: Beside, refused: CatalogError
) -> None:
    def write() -> None:
        with transaction() as open_transaction:
            beside(open_transaction)
            change(open_transaction)

    try:
        through_conflicts(write)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error):
            raise refused from error
        raise
    forget_categories()


def _of_version(version: int) -> Condition:
    """Return what holds of a category of this version; one of before there were versions is of the first."""
    condition: Condition = Category.version == version
    if version == 1:
        condition = (Category.version.does_not_exist() & Category.slug.exists()) | condition
    return condition


def _check_category(*, slug: str, name: str, description: str, position: int) -> dict[str, Any]:
    problems: dict[str, str] = {}
    said: dict[str, Any] = {"position": position}
    if not is_category_slug(slug):
        problems["slug"] = _(
            "A category's address has lower-case letters and digits, with single hyphens between."
        )
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= MOST_POSITION:
        problems["position"] = _("A position is a whole number from 0 to %(most)d.") % {"most": MOST_POSITION}
    for field, read, value, most in (
        ("name", plain_line, name, CATEGORY_CHARACTERS),
        ("description", plain_text, description, 1000),
    ):
        try:
            said[field] = read(value, most=most)
        except ValueError as error:
            problems[field] = str(error)
    if not problems and not said["name"]:
        problems["name"] = _("A category needs a name.")
    if problems:
        raise BadCategoryError(problems)
    return said


def recount_categories(slugs: Iterable[str] | None = None) -> dict[str, int]:
    """Count the books listed in these categories, or in all, and store what changed; return the counts.

    One paged Query a category, so for staff and commands. The indexes are a moment behind the
    table: a count taken just after an edit may be out by it until the next recount.
    """
    known = {category.slug: category for category in Category.query(Category.PARTITION)}
    counts: dict[str, int] = {}
    for slug in known if slugs is None else dict.fromkeys(slugs):
        if slug in known:
            counts[slug] = count_listed(slug)
            if counts[slug] != int(known[slug].count):
                known[slug].update(
                    actions=[Category.count.set(counts[slug])], condition=Category.slug.exists()
                )
    forget_categories()
    return counts


# --- How books are written ---------------------------------------------------------------------------------


def _claim_isbn(write: TransactWrite, isbn13: str, book_id: str) -> None:
    write.save(
        Unique(isbn_claim(isbn13), book_id=book_id),
        condition=Unique.value.does_not_exist() | (Unique.book_id == book_id),
    )


def _written(facts: BookFacts) -> dict[str, Any]:
    """Return the attributes that say nothing but what people said."""
    return {
        "name": facts.name,
        "author": facts.author,
        "contributors": facts.contributors,
        "category": facts.category,
        "cover": facts.cover,
        "price": facts.price,
        "description": facts.description,
        "isbn13": facts.isbn13,
        "language": facts.language,
        "publisher": facts.publisher,
        "published_on": facts.published_on,
        "pages": facts.pages,
        "format": facts.format,
        "series": facts.series,
        "location": facts.location,
        "prior_rating": facts.prior_rating,
    }


def _drawing_is_outdated(before: Book, facts: BookFacts) -> bool:
    shown = (before.name, before.author, before.category)
    return bool(
        before.cover and is_drawn(before.cover) and (facts.name, facts.author, facts.category) != shown
    )


def _revised(before: Book, facts: BookFacts) -> Book:
    derived = derive(
        stock=int(before.stock),
        prior_rating=facts.prior_rating,
        rating_sum=int(before.rating_sum),
        rating_count=int(before.rating_count),
    )
    return Book(
        before.id,
        **_written(facts),
        listing=facts.category if before.is_sold else None,
        title_key=keys.title_key(facts.name, language=facts.language, book_id=before.id),
        price_key=keys.price_key(facts.price, book_id=before.id),
        # Readers may be rating the book at this moment; the stream mends what they find.
        rating=derived.rating,
        rating_key=keys.rating_key(derived.rating, book_id=before.id),
    )


_REVISED = (
    *("name", "author", "contributors", "category", "cover", "price", "description", "isbn13", "language"),
    *("publisher", "published_on", "pages", "format", "series", "location", "prior_rating"),
    *("listing", "title_key", "price_key", "rating", "rating_key"),
)


def _differences(before: Book, after: Book) -> list[Action]:
    """Return what makes one book of the other; numbers are compared by value, whatever zeros they end in."""
    actions: list[Action] = []
    for name in _REVISED:
        was, becomes = getattr(before, name), getattr(after, name)
        if _comparable(was) != _comparable(becomes):
            attribute = getattr(Book, name)
            actions.append(attribute.remove() if becomes is None else attribute.set(becomes))
    return actions


def _comparable(value: Any) -> Any:
    if isinstance(value, list):  # of contributors, which PynamoDB compares by identity
        return [(each.name, each.slug, each.role) for each in value]
    return value


def _replace_contributions(write: TransactWrite, before: Book, after: Book) -> None:
    if not before.is_sold:
        return  # a withdrawn book stands on no author's page
    old = {(entry.author_slug, entry.book_key): entry for entry in contributions_of(before)}
    new = {(entry.author_slug, entry.book_key): entry for entry in contributions_of(after)}
    for key, entry in old.items():
        if key not in new:
            write.delete(entry)
    for key, entry in new.items():
        if key not in old or entry.serialize() != old[key].serialize():
            write.save(entry)


def _replace_isbn(write: TransactWrite, before: Book, after: Book) -> None:
    if before.isbn13 == after.isbn13:
        return
    if before.isbn13:
        write.delete(
            Unique(isbn_claim(before.isbn13)),
            condition=Unique.value.does_not_exist() | (Unique.book_id == before.id),
        )
    if after.isbn13:
        _claim_isbn(write, after.isbn13, after.id)


def _list_or_delist(
    book_id: str,
    decide: Callable[[Book], list[Action] | None],
    *,
    listed: bool,
    at: datetime,
    beside: Beside,
) -> Book:
    def write() -> None:
        book = _read(book_id)
        actions = decide(book)
        if actions is None:
            return
        with transaction() as open_transaction:
            for entry in contributions_of(book):
                if listed:
                    open_transaction.save(entry)
                else:
                    open_transaction.delete(entry)
            beside(open_transaction)
            open_transaction.update(
                Book(book_id),
                actions=[*actions, Book.updated_at.set(at), Book.version.add(1), *Book.rewritten()],
                condition=Book.version == book.version,
            )

    # Nobody's edit is overwritten: after one that came between, the book is read again.
    through_conflicts(write, reads_anew=True)
    return _read(book_id)


def _read(book_id: str) -> Book:
    try:
        return Book.get(book_id, consistent_read=True)
    except Book.DoesNotExist:
        raise BookNotFoundError(book_id) from None


def _year(instant: datetime) -> str:
    return f"{instant.astimezone(UTC).year:04d}"
