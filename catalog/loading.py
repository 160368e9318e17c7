"""Many books at once: the path of imports and of the sample catalogue.

Books go in by transactions of up to 100 actions, some twenty-five books each with their
opening stock, contributions and ISBNs, every book put only if it is absent. A batch is therefore there whole
or not at all: a load that was killed goes on where it stopped when it is started again, and
one that had finished writes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Literal

from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from catalog import patience
from catalog.drafts import BookFacts
from catalog.errors import BadBookError, BookExistsError, DuplicateIsbnError
from catalog.models import Book
from catalog.selectors import BOOKS_A_BATCH, known_ids
from catalog.services import actions_of, new_book, put_new_book, store_new_book

ACTIONS = 100  # DynamoDB's limit for one transaction
# Its other limit, 4 MB, is out of reach: the longest book allowed has some 60 KB.


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A book to be loaded. ``reference`` tells its source where it came from, a line number for one."""

    reference: int
    book_id: str
    facts: BookFacts
    stock: int = 0
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a draft."""

    reference: int
    book_id: str
    result: Literal["added", "present", "refused"]
    reason: str = ""  # why it was refused: a sentence


def load_books(drafts: Iterable[Draft], *, at: datetime, seen: set[str] | None = None) -> Iterator[Outcome]:
    """Add books that are not there yet; tell what became of each, batch by batch, in no set order.

    A book whose id is taken is left as it is, whatever the draft says. A draft is refused when
    another book has its ISBN or another draft its id; the others are loaded. ``seen`` has the ids
    of drafts that came before, and gets these. Raises the store's errors: run it again, and it goes on.
    """
    seen = set() if seen is None else seen
    for batch in batched(drafts, BOOKS_A_BATCH):
        fresh: list[Draft] = []
        for draft in batch:
            if draft.book_id in seen:
                yield Outcome(draft.reference, draft.book_id, "refused", _repeated(draft.book_id))
            else:
                seen.add(draft.book_id)
                fresh.append(draft)
        present = known_ids(draft.book_id for draft in fresh)
        absent: list[tuple[Draft, Book]] = []
        for draft in fresh:
            if draft.book_id in present:
                yield Outcome(draft.reference, draft.book_id, "present")
                continue
            try:
                absent.append((draft, _book_of(draft, at=at)))
            except BadBookError as error:
                yield Outcome(draft.reference, draft.book_id, "refused", str(error))
        for group in _groups(absent):
            yield from _load(group)


def _book_of(draft: Draft, *, at: datetime) -> Book:
    return new_book(
        book_id=draft.book_id, facts=draft.facts, stock=draft.stock, added_at=draft.added_at or at, at=at
    )


def _repeated(book_id: str) -> str:
    return _("Another book of this load has the number %(id)s.") % {"id": book_id}


def _groups(books: Iterable[tuple[Draft, Book]]) -> Iterator[list[tuple[Draft, Book]]]:
    """Divide books into transactions; two that claim one ISBN never stand in the same, which DynamoDB forbids."""
    group: list[tuple[Draft, Book]] = []
    room, isbns = ACTIONS, set[str]()
    for draft, book in books:
        actions = actions_of(book)
        if actions > room or book.isbn13 in isbns:
            yield group
            group, room, isbns = [], ACTIONS, set()
        group.append((draft, book))
        room -= actions
        if book.isbn13:
            isbns.add(book.isbn13)
    if group:
        yield group


def _load(group: list[tuple[Draft, Book]]) -> Iterator[Outcome]:
    """Put a group of books in one transaction; one by one when that is cancelled."""
    try:
        patience.patiently(lambda: _put_all(book for _draft, book in group))
    except TransactWriteError as error:
        if CONDITION_FAILED not in cancellation_codes(error):
            raise
        for draft, book in group:
            yield _load_one(draft, book)
    else:
        for draft, _book in group:
            yield Outcome(draft.reference, draft.book_id, "added")


def _put_all(books: Iterable[Book]) -> None:
    with TransactWrite(connection=patience.connection()) as write:
        for book in books:
            put_new_book(write, book)


def _load_one(draft: Draft, book: Book) -> Outcome:
    try:
        patience.patiently(lambda: store_new_book(book))
    except BookExistsError:
        return Outcome(draft.reference, draft.book_id, "present")  # somebody else has just added it
    except DuplicateIsbnError as error:
        return Outcome(draft.reference, draft.book_id, "refused", str(error))
    return Outcome(draft.reference, draft.book_id, "added")
