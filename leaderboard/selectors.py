"""What the leaderboards can be asked: two store calls each, one to Redis and one to DynamoDB.

When Redis is away there is no answer, ``None``, and one line in the log says so; the page is
shown without it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import redis

from bookstore.streams.registry import projected_tables
from catalog.selectors import Book, books_by_id
from leaderboard import ranking
from leaderboard.ranking import StreamNote, Takings

logger = logging.getLogger(__name__)

# Days that a period looks back over, today among them; None looks back over all of them.
PERIODS: Mapping[str, int | None] = {"week": 7, "month": ranking.LONGEST_PERIOD_DAYS, "all": None}

TAKINGS_DAYS = 30  # that the front page of the admin looks back over, today among them
OVERVIEW_BESTSELLERS = 10
OVERVIEW_TITLES = 30  # that a process keeps for them, so that a sale that swaps two reads none
OVERVIEW_KEPT_SECONDS = 60.0

MOST = 100  # entries that can be asked for: what one BatchGetItem reads
SPARE = 5  # read beyond what was asked, in place of books that were withdrawn a moment ago


@dataclass(frozen=True, slots=True)
class Ranked:
    """A bestseller: its place from 1 and the copies sold in the period."""

    rank: int
    book: Book
    copies: int


@dataclass(frozen=True, slots=True)
class RankedRating:
    """A book among the top rated: its place from 1, its rating, and whose rating that is."""

    rank: int
    book: Book
    rating: Decimal
    by_readers: bool  # else it is our booksellers'


@dataclass(frozen=True, slots=True)
class Overview:
    """What the front page of the admin shows of the sales and of the streams."""

    takings: Sequence[Takings]  # a day each, the oldest first
    bestsellers: Sequence[Ranked]  # of the same days
    streams: Mapping[str, StreamNote]  # by table


def overview(*, today: date) -> Overview | None:
    """Return the sales of the last ``TAKINGS_DAYS`` days and how far the streams have come.

    One request to Redis, and one BatchGetItem where this process has not read the bestsellers'
    titles within the last minute, or where another book has come among them. Returns ``None`` when
    Redis is away.
    """
    days = [today - timedelta(days=back) for back in reversed(range(TAKINGS_DAYS))]
    tables = projected_tables()
    found = _asked(lambda: ranking.overview(days=days, wanted=MOST, lately=days, tables=tables))
    if found is None:
        return None
    copies = dict(found.bestselling)
    books = _kept_titles(list(copies))
    return Overview(
        takings=found.takings,
        bestsellers=[Ranked(rank, book, copies[book.id]) for rank, book in enumerate(books, start=1)],
        streams=dict(zip(tables, found.streams, strict=True)),
    )


def _kept_titles(ids: Sequence[str]) -> list[Book]:
    asked, books, good_until = _kept.get("titles", ([], {}, 0.0))
    first = ids[: OVERVIEW_BESTSELLERS + SPARE]
    if time.monotonic() >= good_until or not set(first).issubset(asked):
        asked = ids[:OVERVIEW_TITLES]
        books = books_by_id(asked)
        _kept["titles"] = (asked, books, time.monotonic() + OVERVIEW_KEPT_SECONDS)
    sold = [books[book_id] for book_id in ids if book_id in books and books[book_id].is_sold]
    return sold[:OVERVIEW_BESTSELLERS]


_kept: dict[str, tuple[Sequence[str], Mapping[str, Book], float]] = {}


def bestsellers(period: str = "all", limit: int = 20, *, today: date) -> list[Ranked] | None:
    """Return the books sold most in a period that ends with ``today``, a day in the shop's zone.

    ``period`` is one of ``PERIODS``, ``limit`` at most ``MOST``. An order counts on the day it was placed, as long as it is
    neither cancelled nor sent back. Withdrawn books are left out and the next move up. Returns
    ``None`` when Redis is away.
    """
    length = PERIODS[period]
    days = [today - timedelta(days=back) for back in range(length or 0)]
    found = _asked(lambda: ranking.bestselling(wanted=MOST, days=days))
    if found is None:
        return None
    copies = dict(found)
    books = _sold_of(list(copies), limit=limit)
    return [Ranked(rank, book, copies[book.id]) for rank, book in enumerate(books, start=1)]


def top_rated(limit: int = 20) -> list[RankedRating] | None:
    """Return the books rated highest: by rating, then by how many readers gave it.

    The rating is the one the book's page shows, our booksellers' until enough readers have
    spoken. Returns ``None`` when Redis is away.
    """
    found = _asked(lambda: ranking.best_rated(wanted=MOST))
    if found is None:
        return None
    return [
        RankedRating(rank, book, book.rating, book.is_rated_by_readers)
        for rank, book in enumerate(_sold_of(found, limit=limit), start=1)
    ]


def _asked[Answer](ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except redis.RedisError as error:
        logger.warning("the leaderboards are out of reach: %s: %s", type(error).__name__, error)
        return None


def _sold_of(ids: Sequence[str], *, limit: int) -> list[Book]:
    """Return the first books that are on sale, in the order asked for.

    One BatchGetItem, and another only when more than ``SPARE`` of the first are unknown to the
    catalogue, or withdrawn so lately that Redis has not heard of it.
    """
    sold: list[Book] = []
    start, end = 0, limit + SPARE
    while start < len(ids) and len(sold) < limit:
        books = books_by_id(ids[start:end])
        sold += [books[book_id] for book_id in ids[start:end] if book_id in books and books[book_id].is_sold]
        start, end = end, end + MOST
    return sold[:limit]
