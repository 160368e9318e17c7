"""What is done to the leaderboards as a whole."""

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import batched, chain
from typing import Any

import redis

from bookstore.pieces import Until, never
from bookstore.streams.errors import UnprojectableError
from catalog.selectors import book_images
from leaderboard import counting, ranking
from leaderboard.counting import Rating, Sale
from orders.selectors import order_images

logger = logging.getLogger(__name__)


@dataclass
class Rebuilt:
    """What a rebuild found in the tables, or how far it has come; see ``bookstore.pieces``."""

    generation: str
    orders: int = 0
    books: int = 0
    left_out: int = 0  # of both: items that cannot be counted, each told in the log
    last_order: list[str] | None = None  # customer and id of the last order read
    last_book: str | None = None  # the id of the last book read; orders come first
    finished: bool = False


def rebuild(
    *, progress: Callable[[int], object], resume: Rebuilt | None = None, until: Until = never
) -> Rebuilt:
    """Count every order and book again, from DynamoDB alone, while sales go on.

    The new leaderboards are filled beside the old ones, which everyone reads until the new
    ones take their place at once. Sales made meanwhile are in: the projector writes both.
    ``progress`` is called with how many more items were read. A second rebuild gives the same
    result; one that begins before this one ends takes over, and this one raises
    ``ranking.SupersededError``. When it fails, the old leaderboards stay as they are.

    ``until`` is asked after each few hundred items; what is returned then is not ``finished``,
    and ``resume`` goes on with its generation for ``ranking.FILLING_SECONDS`` from the first
    beginning. Redis itself knows how far that came, so that nothing counts twice after a kill.
    """
    rebuilt = Rebuilt(resume.generation if resume else ranking.begin_generation())
    try:
        reached = ranking.reached_by(rebuilt.generation) if resume else ""
        if reached is None and resume:  # the answer to the exchange was lost
            rebuilt = replace(resume)
        else:
            rebuilt = Rebuilt(**json.loads(reached)) if reached else rebuilt
            if not _fill(rebuilt, progress, until):
                return rebuilt
        ranking.switch_to(rebuilt.generation)
    except BaseException:
        # Else the projector would go on writing both; the next rebuild ends that, too.
        with contextlib.suppress(redis.RedisError):
            ranking.abandon(rebuilt.generation)
        raise
    rebuilt.finished = True
    return rebuilt


def _fill(rebuilt: Rebuilt, progress: Callable[[int], object], until: Until) -> bool:
    """Write what comes behind the last items read; tell whether there are no more."""
    for entries, read in _entries(rebuilt):
        ranking.fill(rebuilt.generation, entries, reached=json.dumps(asdict(rebuilt)))
        progress(read)
        if until():
            return False
    return True


def _entries(rebuilt: Rebuilt) -> Iterator[tuple[list[Sale | Rating], int]]:
    """Read the tables in batches, and note in ``rebuilt`` what was read with each."""
    if rebuilt.last_book is None:
        after = (rebuilt.last_order[0], rebuilt.last_order[1]) if rebuilt.last_order else None
        for images in _batches(order_images(after=after)):
            rebuilt.orders += len(images)
            rebuilt.last_order = [images[-1]["customerId"], images[-1]["orderId"]]
            yield list(_counted(counting.sale_of, "order", "orderId", images, rebuilt)), len(images)
    for images in _batches(book_images(after=rebuilt.last_book or "")):
        rebuilt.books += len(images)
        rebuilt.last_book = images[-1]["id"]
        yield list(_counted(counting.rating_of, "book", "id", images, rebuilt)), len(images)


def _batches(pages: Iterable[list[dict[str, Any]]]) -> Iterator[tuple[dict[str, Any], ...]]:
    return batched(chain.from_iterable(pages), ranking.BATCH)


def _counted[Entry](
    count: Callable[[Mapping[str, Any]], Entry],
    kind: str,
    key: str,
    images: Iterable[Mapping[str, Any]],
    rebuilt: Rebuilt,
) -> Iterator[Entry]:
    for image in images:
        try:
            yield count(image)
        except UnprojectableError as error:
            logger.error("%s %s is left out of the leaderboards: %s", kind, image.get(key), error)  # noqa: TRY400 - the reason is all
            rebuilt.left_out += 1
