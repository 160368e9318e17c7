"""What the catalogue can be asked. Each question costs a fixed number of store calls, said in its docstring."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import batched
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError
from django.urls import reverse
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import GetError, PynamoDBException, QueryError
from pynamodb.indexes import GlobalSecondaryIndex

from bookstore.dynamodb.errors import is_transient
from bookstore.dynamodb.pages import Page, query_page
from bookstore.streams.records import plain_image
from catalog import patience
from catalog.errors import AuthorNotFoundError, BookNotFoundError, CategoryNotFoundError
from catalog.models import Book as Book  # noqa: PLC0414 -- what the rooms above call a book
from catalog.models import ByTitle, Category, Contribution, Review, Unique, availability_of

logger = logging.getLogger(__name__)

BOOKS_A_PAGE = 24
_KEY_CHARACTERS = 100  # no id and no slug is as long; DynamoDB calls a key of 2 KB a mistake of the shop's
BOOKS_A_BATCH = 100  # BatchGetItem's own limit
_BATCH_ATTEMPTS = 4
_BATCH_PAUSE_SECONDS = 0.025
_CATEGORIES = 1000  # more than a menu could show; the Query stays one page
CATEGORIES_KEPT_SECONDS = 60.0
_OUTAGE_KEPT_SECONDS = 1.0  # nobody asks again so soon after DynamoDB did not answer


# --- Categories --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CategorySummary:
    """A category as menus show it."""

    slug: str
    name: str
    description: str
    position: int
    count: int  # books listed, as of the last recount

    def get_absolute_url(self) -> str:
        """Return the path of the category's page."""
        return reverse("catalog:category", args=[self.slug])


class _Kept:
    """The process's copy of the categories, or why there is none, and how long that is good."""

    def __init__(self) -> None:
        self.copy: tuple[CategorySummary, ...] | None = None
        self.outage: PynamoDBException | None = None
        self.good_until = 0.0  # on the monotonic clock
        self.lock = Lock()


_kept = _Kept()


def categories() -> tuple[CategorySummary, ...]:
    """Return all categories as menus order them: one Query, kept for a minute in the process.

    While DynamoDB is away an older copy does. Without one PynamoDB's ``QueryError`` is raised,
    to everybody who waited for the same answer and, for a second, without asking again.
    """
    if (copy := _kept.copy) is not None and time.monotonic() < _kept.good_until:
        return copy
    # One thread asks; the others wait for its answer, rather than all asking at once.
    with _kept.lock:
        if time.monotonic() >= _kept.good_until:
            _ask_for_categories()
        if _kept.copy is None:
            cause = _kept.outage and _kept.outage.cause
            raise QueryError("the categories cannot be read at the moment", cause) from _kept.outage
        return _kept.copy


def _ask_for_categories() -> None:
    try:
        found = Category.query(Category.PARTITION, limit=_CATEGORIES, page_size=_CATEGORIES)
        _kept.copy = tuple(sorted((_summary(each) for each in found), key=lambda it: (it.position, it.name)))
        _kept.good_until = time.monotonic() + CATEGORIES_KEPT_SECONDS
    except PynamoDBException as error:
        if not is_transient(error):
            raise
        logger.warning("the categories cannot be read; %s", "an older copy does" if _kept.copy else error)
        _kept.outage = error
        _kept.good_until = time.monotonic() + _OUTAGE_KEPT_SECONDS


def has_books(slug: str) -> bool:
    """Tell whether any book is listed in a category: one Query of one item, a moment behind the table."""
    return any(True for _book in Book.by_title.query(slug, limit=1, page_size=1))


def forget_categories() -> None:
    """Make the next ``categories()`` ask the store; other processes notice within a minute."""
    with _kept.lock:
        _kept.good_until, _kept.copy, _kept.outage = 0.0, None, None


def get_category(slug: str) -> CategorySummary:
    """Return one category out of the kept ones; raise ``CategoryNotFoundError``."""
    for category in categories():
        if category.slug == slug:
            return category
    raise CategoryNotFoundError(slug)


def _summary(category: Category) -> CategorySummary:
    return CategorySummary(
        slug=category.slug,
        name=category.name,
        description=category.description,
        position=int(category.position),
        count=int(category.count),
    )


# --- Books -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Order:
    """How a list is sorted: an index, its range key, and where the list begins."""

    index: GlobalSecondaryIndex[Book]
    key: UnicodeAttribute
    ascending: bool


_ORDERS = {
    "title": _Order(Book.by_title, Book.title_key, ascending=True),
    "price": _Order(Book.by_price, Book.price_key, ascending=True),
    "rating": _Order(Book.by_rating, Book.rating_key, ascending=False),
    "date": _Order(Book.by_date, Book.added_key, ascending=False),
}
SORTS = frozenset(_ORDERS)


def books_in_category(*, slug: str, sort: str = "title", after: str = "", before: str = "") -> Page[Book]:
    """Return one page of a category's books, with what a card shows: one Query.

    ``sort`` is one of ``SORTS``: titles A to Z, cheapest, best rated or newest first. Raises
    ``dynamodb.pages.BadCursorError``; whether there is such a category is ``get_category``'s to say.
    """
    order = _ORDERS[sort]
    return query_page(
        order.index,
        slug,
        order.key,
        list_name=f"category:{slug}:{sort}",
        size=BOOKS_A_PAGE,
        ascending=order.ascending,
        after=after,
        before=before,
    )


def get_book(book_id: str, *, withdrawn: bool = False) -> Book:
    """Return one book, with the availability that its copies have at this moment: one GetItem.

    Raises ``BookNotFoundError``, also for a book withdrawn from sale unless that is asked for.
    """
    book = _book(book_id)
    if not (book.is_sold or withdrawn):
        raise BookNotFoundError(book_id)
    return _as_its_copies_say(book)


def stored_book(book_id: str) -> Book:
    """Return one book, withdrawn or not, exactly as it is stored, for those who write it: one consistent GetItem.

    Raises ``BookNotFoundError``.
    """
    return _book(book_id, consistent_read=True)


def _book(book_id: str, *, consistent_read: bool = False) -> Book:
    if not 0 < len(book_id) <= _KEY_CHARACTERS:
        raise BookNotFoundError(book_id)
    try:
        return Book.get(book_id, consistent_read=consistent_read)
    except Book.DoesNotExist:
        raise BookNotFoundError(book_id) from None


def _as_its_copies_say(book: Book) -> Book:
    """Correct ``availability``, which follows a sale through the stream, where the copies themselves were read."""
    book.availability = availability_of(int(book.stock))
    return book


def books_by_id(ids: Iterable[str]) -> dict[str, Book]:
    """Return the books with these ids, at most 100, in the order asked for: one BatchGetItem.

    Each has the availability that its copies have at this moment.
    What does not exist is left out; what is withdrawn is there: look at ``is_sold``. Keys that
    DynamoDB left for later are asked for again, a few times. Raises ``ValueError`` for more ids.
    """
    wanted = list(dict.fromkeys(book_id for book_id in ids if book_id))
    found = {
        book.id: _as_its_copies_say(book) for book in map(Book.from_raw_data, _batch(Book, "id", wanted))
    }
    return {book_id: found[book_id] for book_id in wanted if book_id in found}


def holders_of_isbns(isbns: Iterable[str]) -> dict[str, str]:
    """Return which book has each of these ISBNs, of those that one has: a BatchGetItem for each hundred."""
    claims = {isbn_claim(isbn): isbn for isbn in isbns}
    return {
        claims[raw["value"]["S"]]: raw["bookId"]["S"]
        for some in batched(claims, BOOKS_A_BATCH)
        for raw in _batch(Unique, "value", list(some))
    }


def isbn_claim(isbn13: str) -> str:
    """Return the value that an ISBN's book holds in the table of uniques."""
    return f"isbn#{isbn13}"


def _batch(model: type[Book | Unique], key: str, ids: list[str]) -> Iterator[dict[str, dict[str, Any]]]:
    if len(ids) > BOOKS_A_BATCH:
        raise ValueError(f"at most {BOOKS_A_BATCH} books are read at once, not {len(ids)}")
    table = model.Meta.table_name
    connection = model._get_connection()  # noqa: SLF001 -- Model.batch_get asks again for ever, without a pause
    wanted: Any = [{key: {"S": each}} for each in ids]
    for attempt in range(_BATCH_ATTEMPTS):
        if not wanted:
            return
        if attempt:
            time.sleep(_BATCH_PAUSE_SECONDS * 2**attempt)
        answer = connection.batch_get_item(wanted)
        yield from answer["Responses"].get(table, [])
        wanted = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    if wanted:
        # What it means by that, in the words in which it refuses a single key.
        busy: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "left for later"}}
        raise GetError(
            f"DynamoDB left {len(wanted)} of {len(ids)} books for later {_BATCH_ATTEMPTS} times",
            ClientError(busy, "BatchGetItem"),
        )


def new_arrivals(*, limit: int = 12, today: date) -> list[Book]:
    """Return the newest books on sale, with what a card shows: one Query, in a young year two."""
    found: list[Book] = []
    for year in (today.year, today.year - 1):
        if len(found) < limit:
            missing = limit - len(found)
            found += Book.arrivals.query(
                f"{year:04d}", scan_index_forward=False, limit=missing, page_size=missing
            )
    return found


def books_to_look_after(*, standing: str, limit: int) -> list[Book]:
    """Return books that are ``low``, ``sold_out`` or ``withdrawn``, by title, with what a card shows and their copies: one Query.

    The index is a moment behind.
    """
    return list(Book.by_standing.query(standing, limit=limit, page_size=limit))


# --- Authors -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthorPage:
    """One page of the books in which an author had a part, latest publication first."""

    name: str  # as printed
    slug: str
    books: list[Book]
    after: str | None = None
    before: str | None = None


def author_page(slug: str, *, after: str = "", before: str = "") -> AuthorPage:
    """Return an author's books, 24 a page: one Query and one BatchGetItem.

    Raises ``AuthorNotFoundError`` when none of them is on sale, and ``dynamodb.pages.BadCursorError``.
    """
    if len(slug) > _KEY_CHARACTERS:
        raise AuthorNotFoundError(slug)
    page = query_page(
        Contribution,
        slug,
        Contribution.book_key,
        list_name=f"author:{slug}",
        size=BOOKS_A_PAGE,
        ascending=False,
        after=after,
        before=before,
    )
    found = books_by_id(contribution.book_id for contribution in page.items)
    # Contributions go when a book is withdrawn; one that goes at this moment is left out here.
    books = [book for book in found.values() if book.is_sold]
    if not books:
        raise AuthorNotFoundError(slug)
    return AuthorPage(name=page.items[0].name, slug=slug, books=books, after=page.after, before=page.before)


def books_of_author(slug: str, *, but_as: str, limit: int) -> tuple[list[Book], bool]:
    """Return an author's books on sale, whole, at most 100, and whether there are more: two store calls.

    Those that print the name as ``but_as`` come in only where no other is left. A Query of
    more than 1 MB of entries, of some thousand books, costs a call more for each.
    """
    if len(slug) > _KEY_CHARACTERS:
        return [], False
    entries = list(Contribution.query(slug))
    found = [entry for entry in entries if entry.name != but_as] or entries
    books = books_by_id(contribution.book_id for contribution in found[:limit])
    return list(books.values()), found is not entries and len(found) > limit


# --- Reviews -----------------------------------------------------------------------------------------------


def published_reviews(book_id: str, *, limit: int = 10) -> list[Review]:
    """Return a book's latest published reviews: one Query."""
    return list(
        Review.published_reviews.query(book_id, scan_index_forward=False, limit=limit, page_size=limit)
    )


def review_of(book_id: str, customer_id: str) -> Review | None:
    """Return what a customer said about a book, also when it is hidden from the public: one GetItem."""
    try:
        return Review.get(book_id, customer_id)
    except Review.DoesNotExist:
        return None


def reviews_by(customer_id: str) -> Iterator[Review]:
    """Return all of a customer's reviews, for export and erasure; paged, not for a request path."""
    return iter(Review.by_customer.query(customer_id))


# --- The whole catalogue, for commands ---------------------------------------------------------------------


def book_images(*, attributes: Iterable[str] = (), after: str = "") -> Iterator[list[dict[str, Any]]]:
    """Return every book as a stream record would show it, a scanned page at a time, read consistently.

    ``attributes`` are DynamoDB's names of those wanted, all unless told. ``after`` is the id of
    a book that came before, there or not: those behind it come, in the same order. For
    rebuilds and other commands; nothing that a visitor waits for may call it.
    """
    behind = {"id": {"S": after}} if after else None
    for items in _scan(Book, attributes=attributes, behind=behind):
        yield [plain_image(item) for item in items]


def all_books(*, after: str = "") -> Iterator[list[Book]]:
    """Return every book, withdrawn ones too, as ``book_images`` does."""
    for items in _scan(Book, attributes=(), behind={"id": {"S": after}} if after else None):
        if items:
            yield [Book.from_raw_data(item) for item in items]


def book_image(book_id: str) -> dict[str, Any] | None:
    """Return one book as a stream record would show it, read consistently, for commands."""
    answer = patience.ask(
        "GetItem", TableName=Book.Meta.table_name, Key={"id": {"S": book_id}}, ConsistentRead=True
    )
    return plain_image(answer["Item"]) if "Item" in answer else None


def author_slugs() -> Iterator[str]:
    """Return the slug of each author with a book on sale, each once; scans, so for commands only."""
    seen: set[str] = set()
    for items in _scan(Contribution, attributes=["authorSlug"]):
        for item in items:
            slug = item["authorSlug"]["S"]
            if slug not in seen:
                seen.add(slug)
                yield slug


def known_ids(ids: Iterable[str]) -> set[str]:
    """Return which of these books exist, at most 100 of them asked at once; read consistently, for commands."""
    table = Book.Meta.table_name
    found: set[str] = set()
    wanted = [{"id": {"S": book_id}} for book_id in dict.fromkeys(ids)]
    while wanted:
        request = {table: {"Keys": wanted, "ProjectionExpression": "id", "ConsistentRead": True}}
        answer = patience.ask("BatchGetItem", RequestItems=request)
        found |= {item["id"]["S"] for item in answer["Responses"].get(table, [])}
        wanted = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return found


def count_listed(slug: str) -> int:
    """Count the books listed in a category: a paged Query that reads the whole list, so for staff and commands."""
    count, start = 0, None
    while True:
        answer = patience.ask(
            "Query",
            TableName=Book.Meta.table_name,
            IndexName=ByTitle.Meta.index_name,
            Select="COUNT",
            KeyConditionExpression="listing = :slug",
            ExpressionAttributeValues={":slug": {"S": slug}},
            **({"ExclusiveStartKey": start} if start else {}),
        )
        count += int(answer["Count"])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return count


def _scan(
    table: type[Book | Contribution], *, attributes: Iterable[str], behind: dict[str, Any] | None = None
) -> Iterator[list[dict[str, Any]]]:
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    narrowed = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}
    start: dict[str, Any] = {"ExclusiveStartKey": behind} if behind else {}
    while True:
        answer = patience.ask(
            "Scan", TableName=table.Meta.table_name, ConsistentRead=True, **narrowed, **start
        )
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
