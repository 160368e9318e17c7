"""A new search index out of the tables alone, while the shop goes on."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from bookstore.dynamodb.conflicts import through_conflicts
from catalog import patience, search
from catalog.selectors import book_image, book_images
from catalog.services import mend_derived

logger = logging.getLogger(__name__)

_BOOKS_A_REQUEST = 500  # about a megabyte


@dataclass
class Rebuilt:
    """What a rebuild came to."""

    index: str
    books: int = 0
    mended: int = 0  # books whose availability or rating had fallen behind
    tombstones: int = 0
    unindexable: list[str] = field(default_factory=list)  # ids of books that no index takes


def rebuild_search(*, at: datetime, on_books: Callable[[int], None]) -> Rebuilt:
    """Build a new index, let the alias point at it, delete the old one; nothing is lost or out meanwhile.

    From the moment at which the new index exists every projection writes to both. What was
    projected before that moment was in the table before it, and is read from there,
    consistently; only what was *removed* before it is not: the tombstones are carried over,
    those of the last week. Versions settle every meeting of the two.

    ``on_books`` is told how many more books are done. Availability and ratings that fell behind
    are mended on the way. Killed, it leaves the old index in use; the next run clears up.
    Raises ``SearchUnavailableError``, and PynamoDB's errors.
    """
    done = Rebuilt(search.start_building(at=at))
    since = at - timedelta(days=search.TOMBSTONE_DAYS)
    for images in book_images():
        for some in batched(images, _BOOKS_A_REQUEST):
            _index([_mended(image, done) for image in some], done)
            done.books += len(some)
            on_books(len(some))
    for index in search.current_indexes():
        for tombstones in search.tombstones(index, since=since):
            search.write_building(tombstones)
            done.tombstones += len(tombstones)
    outdated = search.switch_to(done.index)
    # Once more, for a removal that was on its way to the old index alone when the new one was made.
    for index in outdated:
        for tombstones in search.tombstones(index, since=since):
            search.write(tombstones)
    search.delete_indexes(outdated)
    return done


def _mended(image: dict[str, Any], done: Rebuilt) -> dict[str, Any]:
    try:
        wrote = "revision" in image and patience.patiently(
            lambda: through_conflicts(lambda: mend_derived(image))
        )
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        # An attribute is missing or of a wrong kind: whether the index takes the book is its own matter.
        logger.error("book %s cannot be mended: %s: %s", image["id"], type(error).__name__, error)  # noqa: TRY400
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
        search.write_building(entries)
    except search.UnindexableError:
        _index_one_by_one(entries, done)


def _index_one_by_one(entries: Sequence[search.Entry], done: Rebuilt) -> None:
    for entry in entries:
        try:
            search.write_building([entry])
        except search.UnindexableError:
            _leave_out(entry.book_id, done)


def _leave_out(book_id: str, done: Rebuilt) -> None:
    logger.error("book %s cannot be indexed and is left out", book_id)
    done.unindexable.append(book_id)
