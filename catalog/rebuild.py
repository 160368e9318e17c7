"""A new search index out of the tables alone, while the shop goes on."""

import logging
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.pieces import Until, never
from catalog import patience, search
from catalog.selectors import book_image, book_images
from catalog.services import mend_derived

logger = logging.getLogger(__name__)

_BOOKS_A_REQUEST = 500  # about a megabyte


@dataclass
class Rebuilt:
    """What a rebuild came to, or how far it has come; see ``bookstore.pieces``."""

    index: str
    books: int = 0
    mended: int = 0  # books whose availability or rating had fallen behind
    tombstones: int = 0
    unindexable: list[str] = field(default_factory=list)  # ids of books that no index takes
    after: str = ""  # the id of the last book read
    finished: bool = False


def rebuild_search(
    *, at: datetime, on_books: Callable[[int], None], resume: Rebuilt | None = None, until: Until = never
) -> Rebuilt:
    """Build a new index, let the alias point at it, delete the old one; nothing is lost or out meanwhile.

    From the moment at which the new index exists every projection writes to both. What was
    projected before that moment was in the table before it, and is read from there,
    consistently; only what was *removed* before it is not: the tombstones are carried over,
    those of the last week. Versions settle every meeting of the two.

    ``on_books`` is told how many more books are done. Availability and ratings that fell behind
    are mended on the way. Killed, it leaves the old index in use; it can be gone on with, or
    the next run clears up.

    ``until`` is asked after each few hundred books; what is returned then is not ``finished``,
    and ``resume`` goes on with it, also when more was done since. Raises ``SupersededError``
    when another rebuild has begun, ``SearchUnavailableError``, and PynamoDB's errors.
    """
    done = deepcopy(resume) if resume else Rebuilt(search.start_building(at=at))
    since = at - timedelta(days=search.TOMBSTONE_DAYS)
    if search.current_indexes() != [done.index]:  # else it was killed while it cleared up
        if not _fill(done, on_books, until):
            return done
        _carry_tombstones(done, since=since)
        search.switch_to(done.index)
    search.clear_up(since=since)
    done.finished = True
    return done


def _fill(done: Rebuilt, on_books: Callable[[int], None], until: Until) -> bool:
    """Index the books behind the last one; tell whether there are no more."""
    for images in book_images(after=done.after):
        for some in batched(images, _BOOKS_A_REQUEST):
            _index([_mended(image, done) for image in some], done)
            done.books += len(some)
            done.after = some[-1]["id"]
            on_books(len(some))
            if until():
                return False
    return True


def _carry_tombstones(done: Rebuilt, *, since: datetime) -> None:
    done.tombstones = 0
    for index in search.current_indexes():
        for tombstones in search.tombstones(index, since=since):
            search.write_building(done.index, tombstones)
            done.tombstones += len(tombstones)


def _mended(image: dict[str, Any], done: Rebuilt) -> dict[str, Any]:
    try:
        wrote = "revision" in image and patience.patiently(
            lambda: through_conflicts(lambda: mend_derived(image))
        )
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        # An attribute is missing or of a wrong kind: whether the index takes the book is its own matter.
        told = f"{type(error).__name__}: {error}"
        logger.error("book %s cannot be mended: %s", image["id"], told)  # noqa: TRY400 - the reason is all
        return image
    if not wrote:
        return image
    done.mended += 1
    return book_image(image["id"]) or image


def _index(images: Iterable[dict[str, Any]], done: Rebuilt) -> None:
    entries: list[search.Entry] = []
    for image in images:
        try:
            entries.append(search.entry_of(image))
        except search.UnindexableError:
            _leave_out(str(image["id"]), done)
    try:
        search.write_building(done.index, entries)
    except search.UnindexableError:
        _index_one_by_one(entries, done)


def _index_one_by_one(entries: Sequence[search.Entry], done: Rebuilt) -> None:
    for entry in entries:
        try:
            search.write_building(done.index, [entry])
        except search.UnindexableError:
            _leave_out(entry.book_id, done)


def _leave_out(book_id: str, done: Rebuilt) -> None:
    logger.error("book %s cannot be indexed and is left out", book_id)
    done.unindexable.append(book_id)
