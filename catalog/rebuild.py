"""A new search index of books out of the tables alone, while the shop goes on."""

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.opensearch import rebuild
from bookstore.pieces import Until, never
from catalog import patience, search
from catalog.derived import mend_derived
from catalog.selectors import book_image, book_images

logger = logging.getLogger(__name__)


@dataclass
class Rebuilt(rebuild.Rebuilt):
    """What a rebuild of the books' index came to, or how far it has come."""

    mended: int = 0  # books whose availability or rating had fallen behind


def rebuild_search(
    *,
    at: datetime,
    on_books: Callable[[int], None],
    if_needed: bool = False,
    resume: Rebuilt | None = None,
    until: Until = never,
) -> Rebuilt:
    """Build a new index, let the alias point at it, delete the old one; nothing is lost or out meanwhile.

    ``on_books`` is told how many more books are done. Availability and ratings that fell behind
    are mended on the way. Killed, it leaves the old index in use; it can be gone on with, or
    the next run clears up.

    ``if_needed`` leaves an index that this code could have made as it is.

    ``until`` is asked after each few hundred books; what is returned then is not ``finished``,
    and ``resume`` goes on with it, also when more was done since. Raises what
    ``bookstore.opensearch.rebuild`` raises, and PynamoDB's errors.
    """
    if if_needed and resume is None and search.BOOKS.is_as_made_today():
        return Rebuilt(search.BOOKS.current()[0], finished=True)
    done = deepcopy(resume) if resume else Rebuilt(search.BOOKS.start_building(at=at))
    rows = rebuild.Rows(
        behind=lambda place: book_images(after=place or ""),
        place_of=lambda image: image["id"],
        key_of=lambda image: str(image["id"]),
        entry_of=lambda image: search.entry_of(_mended(image, done)),
    )
    rebuild.rebuild(search.BOOKS, rows, done, at=at, on_documents=on_books, until=until)
    return done


def _mended(image: Mapping[str, Any], done: Rebuilt) -> Mapping[str, Any]:
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
