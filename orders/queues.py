"""The queues in which open orders stand, and the shards of each.

An order says in its ``queue`` attribute where it stands, which is a partition of the index
``queue``: the name of its queue alone in shard 0, with ``#1``, ``#2`` ... in the others. One
partition carries about 500 changes of state a second; ``QUEUE_SHARDS`` adds more, and each
costs whoever reads the queue one Query. The shard follows from the order's id, so that it is
the same for every process.

The number may be changed at any time. A reader of more shards than there were finds every
order where it stands. Where there were more, an order beyond them moves with its next step, or
when the round of ``release_unpaid_orders`` comes upon it: within ``MOST_SHARDS`` rounds. What
stands under a queue's older name moves with the next round.
"""

from zlib import crc32

from django.conf import settings

from orders.states import OPEN, OWING, Status

OWED = "owed"  # money goes back, and the provider has not said yet that it came
QUEUES = (*sorted(OPEN), OWED)
FORMER = (*sorted(OWING), "refunding")  # what ``OWED`` was called, by the order's state, until all were one
MOST_SHARDS = 16


def queue_key(name: str, order_id: str) -> str:
    """Return the partition in which an order stands in a queue."""
    return _shard(name, crc32(order_id.encode()) % settings.QUEUE_SHARDS)


def queue_keys(name: str) -> list[str]:
    """Return every partition of a queue."""
    return [_shard(name, number) for number in range(settings.QUEUE_SHARDS)]


def keys_beyond(name: str, number: int) -> list[str]:
    """Return the partitions of a queue in which no order should stand any more: those of an older name.

    Of the shards beyond ``QUEUE_SHARDS``, under whatever name, there is only the one of this number.
    """
    former = queue_keys(name) if name in FORMER else []
    return [*former, _shard(name, number)] if number >= settings.QUEUE_SHARDS else former


def queue_of(status: Status, *, owing: bool, refunding: bool) -> str | None:
    """Return the queue of an order in this state; ``None`` when nobody has anything to do.

    ``owing``: the shop may hold money for a cancelled or returned one. ``refunding``: one of its
    refunds is under way; it comes back into the queue of its state when that is settled.
    """
    if refunding or (status in OWING and owing):
        return OWED
    return str(status) if status in OPEN else None


def _shard(name: str, number: int) -> str:
    return f"{name}#{number}" if number else name
