"""What is done to the leaderboards as a whole."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched, chain
from typing import Any

import redis

from bookstore.streams.errors import UnprojectableError
from catalog.selectors import book_images
from leaderboard import counting, ranking
from leaderboard.counting import Rating, Sale
from orders.selectors import order_images

logger = logging.getLogger(__name__)


@dataclass
class Rebuilt:
    """What a rebuild found in the tables."""

    orders: int = 0
    books: int = 0
    left_out: int = 0  # of both: items that cannot be counted, each told in the log


def rebuild(*, progress: Callable[[int], object]) -> Rebuilt:
    """Count every order and book again, from DynamoDB alone, while sales go on.

    The new leaderboards are filled beside the old ones, which everyone reads until the new
    ones take their place at once. Sales made meanwhile are in: the projector writes both.
    ``progress`` is called with how many more items were read. A second rebuild gives the same
    result; one that begins before this one ends takes over, and this one raises
    ``ranking.SupersededError``. When it fails, the old leaderboards stay as they are.
    """
    rebuilt = Rebuilt()
    generation = ranking.begin_generation()
    try:
        _fill(generation, _sales(rebuilt), progress)
        _fill(generation, _ratings(rebuilt), progress)
        ranking.switch_to(generation)
    except BaseException:
        # Else the projector would go on writing both; the next rebuild ends that, too.
        with contextlib.suppress(redis.RedisError):
            ranking.abandon(generation)
        raise
    return rebuilt


def _fill(generation: str, entries: Iterable[Sale | Rating], progress: Callable[[int], object]) -> None:
    for batch in batched(entries, ranking.BATCH):
        ranking.fill(generation, batch)
        progress(len(batch))


def _sales(rebuilt: Rebuilt) -> Iterator[Sale]:
    for image in chain.from_iterable(order_images()):
        rebuilt.orders += 1
        yield from _counted(counting.sale_of, image, rebuilt, named=f"order {image.get('orderId')}")


def _ratings(rebuilt: Rebuilt) -> Iterator[Rating]:
    for image in chain.from_iterable(book_images()):
        rebuilt.books += 1
        yield from _counted(counting.rating_of, image, rebuilt, named=f"book {image.get('id')}")


def _counted[Entry](
    count: Callable[[Mapping[str, Any]], Entry], image: Mapping[str, Any], rebuilt: Rebuilt, *, named: str
) -> Iterator[Entry]:
    try:
        yield count(image)
    except UnprojectableError as error:
        logger.error("%s is left out of the leaderboards: %s", named, error)  # noqa: TRY400 - the reason is all
        rebuilt.left_out += 1
