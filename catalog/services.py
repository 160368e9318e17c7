"""What may be done to the catalogue's books. Each service is one transaction: all of it happens, or nothing.

``stock``, ``prices``, ``reviews`` and ``categories`` are services too, each in a file of its own; ``derived``
knows what follows from a book's copies and stars.

Two counters stand on a book. ``version`` goes up when people edit it, and is what they hold
against one another's edits. ``revision`` goes up at every write, sales included, and is the
search index's external version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Unpack

from django.conf import settings
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from bookstore.actors import BY_SHOP
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes, is_transient
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog import keys, ledger
from catalog.cover_names import is_drawn
from catalog.derived import derive, set_standing, standing_of
from catalog.drafts import (
    PEOPLE,
    BookFacts,
    SaidOfABook,
    changed_facts,
    check_book_id,
    check_facts,
    check_person,
    check_stock,
    facts_of,
)
from catalog.errors import (
    BadBookError,
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    DuplicateIsbnError,
)
from catalog.models import OPENING, WITHDRAWN, Book, Contribution, Unique
from catalog.selectors import books_of_author, isbn_claim, stored_book


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

    ``name``, ``category`` and ``price`` must be said; the category need not exist yet. ``added_at``
    is when the book came into the shop, now unless said otherwise. ``beside`` adds what belongs into
    the same transaction, such as a log's entry. Raises ``BadBookError``, ``BookExistsError``,
    ``DuplicateIsbnError``. Its category's count is behind until the next recount.
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
) -> int:
    """Change what is said about a book; return its version now: one GetItem, one transaction.

    ``version`` is the one that the editor saw. Nothing is written when nothing changes. A cover
    that was drawn from a title, author or category that change is drawn anew on demand. ``beside``
    adds what belongs into the same transaction, such as a log's entry. Raises ``BookNotFoundError``,
    ``BookChangedError``, ``BadBookError``, ``DuplicateIsbnError``.
    """
    before = stored_book(book_id)
    if int(before.version) != version:
        return _as_wanted(before, changes)
    facts = changed_facts(facts_of(before), **changes)
    if "cover" not in changes and _drawing_is_outdated(before, facts):
        facts = changed_facts(facts, cover=None)
    after = _revised(before, facts)
    actions = _differences(before, after)
    if not actions:
        return version
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
            return _as_wanted(stored_book(book_id), changes)
        if CONDITION_FAILED in codes and after.isbn13:
            raise DuplicateIsbnError(after.isbn13) from error
        raise
    return version + 1


def _as_wanted(book: Book, changes: SaidOfABook) -> int:
    """Return the version of a book that says all that already, as after the same form; else raise."""
    facts = facts_of(book)
    if changed_facts(facts, **changes) != facts:
        raise BookChangedError(book.id)
    return int(book.version)


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
    Where DynamoDB answers no more once a book was changed, the others are left for the next call.
    ``beside`` makes what belongs into the same transaction of each book and what it says then.
    Raises ``BadBookError`` for what is no name.
    """
    person = check_person(name)
    changed: list[str] = []
    refused: dict[str, str] = {}
    books, more = books_of_author(slug, but_as=person, limit=_BOOKS_RENAMED)
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
        except PynamoDBException as error:
            if not changed or not is_transient(error):
                raise
            more = True
            break
        else:
            changed.append(book.id)
    return Renamed(tuple(changed), refused, more)


_BOOKS_RENAMED = 100


def withdraw_book(*, book_id: str, at: datetime, beside: Beside = nothing_beside) -> None:
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
            set_standing(WITHDRAWN),
        ]

    _list_or_delist(book_id, withdraw, listed=False, at=at, beside=beside)


def bring_back_book(*, book_id: str, at: datetime, beside: Beside = nothing_beside) -> None:
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
            set_standing(standing_of(book.availability, is_sold=True)),
        ]

    _list_or_delist(book_id, bring_back, listed=True, at=at, beside=beside)


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
) -> None:
    def write() -> None:
        book = stored_book(book_id)
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


def _year(instant: datetime) -> str:
    return f"{instant.astimezone(UTC).year:04d}"
