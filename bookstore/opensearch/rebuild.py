"""A new search index out of the rows alone, while they go on changing."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from bookstore.opensearch.errors import UnindexableError
from bookstore.opensearch.index import TOMBSTONE_DAYS, Entry, Index
from bookstore.pieces import Until, never

logger = logging.getLogger(__name__)

DOCUMENTS_A_REQUEST = 500  # about a megabyte

type Image = Mapping[str, Any]  # a row as a stream record would show it


@dataclass
class Rebuilt:
    """What a rebuild came to, or how far it has come; see ``bookstore.pieces``."""

    index: str
    documents: int = 0  # rows read
    tombstones: int = 0
    unindexable: list[str] = field(default_factory=list)  # keys of rows that no index takes
    after: Any = None  # the place of the last row read
    finished: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows that an index is made of."""

    behind: Callable[[Any], Iterator[Sequence[Image]]]  # a place, or None → those behind it, some at a time
    place_of: Callable[[Image], Any]  # where a row stands; survives JSON
    key_of: Callable[[Image], str]  # a row's document's key
    entry_of: Callable[[Image], Entry]  # raises ``UnindexableError``


def rebuild(
    index: Index,
    rows: Rows,
    done: Rebuilt,
    *,
    at: datetime,
    on_documents: Callable[[int], object],
    until: Until = never,
) -> None:
    """Fill the new index ``done.index``, let the alias point at it, delete the old one; go on from ``done``.

    From the moment at which the new index exists (``Index.start_building``) every projection
    writes to both. What was projected before that moment was in the table before it, and is
    read from there, consistently; only what was *removed* before it is not: the tombstones are
    carried over, those of the last week. Versions settle every meeting of the two. So nothing
    is lost, and nothing is out meanwhile.

    ``on_documents`` is told how many more are done. ``until`` is asked after each few hundred;
    what is reached then is not ``finished``. Killed, it leaves the old index in use. Raises
    ``SupersededError`` when another rebuild has begun, ``SearchUnavailableError``, and what ``rows`` raise.
    """
    since = at - timedelta(days=TOMBSTONE_DAYS)
    if index.current() != [done.index]:  # else it was killed while it cleared up
        if not _fill(index, rows, done, on_documents, until):
            return
        _carry_tombstones(index, done, since=since)
        index.switch_to(done.index)
    index.clear_up(since=since)
    done.finished = True


def _fill(
    index: Index, rows: Rows, done: Rebuilt, on_documents: Callable[[int], object], until: Until
) -> bool:
    """Index the rows behind the last one; tell whether there are no more."""
    for images in rows.behind(done.after):
        for some in batched(images, DOCUMENTS_A_REQUEST):
            _index(index, rows, some, done)
            done.documents += len(some)
            done.after = rows.place_of(some[-1])
            on_documents(len(some))
            if until():
                return False
    return True


def _carry_tombstones(index: Index, done: Rebuilt, *, since: datetime) -> None:
    done.tombstones = 0
    for name in index.current():
        for tombstones in index.tombstones(name, since=since):
            index.write_building(done.index, tombstones)
            done.tombstones += len(tombstones)


def _index(index: Index, rows: Rows, images: Iterable[Image], done: Rebuilt) -> None:
    entries: list[Entry] = []
    for image in images:
        try:
            entries.append(rows.entry_of(image))
        except UnindexableError:
            _leave_out(index, rows.key_of(image), done)
    try:
        index.write_building(done.index, entries)
    except UnindexableError:
        _index_one_by_one(index, entries, done)


def _index_one_by_one(index: Index, entries: Sequence[Entry], done: Rebuilt) -> None:
    for entry in entries:
        try:
            index.write_building(done.index, [entry])
        except UnindexableError:
            _leave_out(index, entry.key, done)


def _leave_out(index: Index, key: str, done: Rebuilt) -> None:
    logger.error("%s: %s cannot be indexed and is left out", index.alias, key)
    done.unindexable.append(key)
