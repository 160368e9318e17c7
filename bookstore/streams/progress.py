"""How far each stream has been projected, told to whoever watches after each batch.

Only the projector sees the records, so it alone can say. A stream without changes has no
batches either: what was told last stays the last word on it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bookstore.streams.errors import UnknownTableError
from bookstore.streams.records import table_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one stream's records in a batch. Moments are those at which the changes were made."""

    table: str
    settled_until: datetime | None  # of the latest record that is settled; None when none is
    waiting_since: datetime | None  # of the first record that is delivered again; None when none is


type Watcher = Callable[[Progress], None]

_watchers: dict[str, Watcher] = {}


def watches(watcher: Watcher) -> Watcher:
    """Register a function to be told after each batch; what it raises is only logged."""
    _watchers[f"{watcher.__module__}.{getattr(watcher, '__qualname__', watcher)}"] = watcher
    return watcher


class Tally:
    """Adds up one batch, record by record."""

    def __init__(self) -> None:
        self._settled: dict[str, datetime] = {}
        self._waiting: dict[str, datetime] = {}

    def note(self, record: Mapping[str, Any], *, settled: bool) -> None:
        """Note what became of a record; one whose table or moment cannot be read is passed over."""
        try:
            table = table_of(str(record.get("eventSourceARN", "")))
            made_at = datetime.fromtimestamp(float(record["dynamodb"]["ApproximateCreationDateTime"]), UTC)
        except (UnknownTableError, KeyError, TypeError, ValueError, OverflowError):
            return
        if settled:
            self._settled[table] = max(made_at, self._settled.get(table, made_at))
        else:
            self._waiting.setdefault(table, made_at)

    def tell(self) -> None:
        """Tell the watchers. A batch is as good as settled without them: nothing is raised."""
        for table in sorted(self._settled.keys() | self._waiting.keys()):
            progress = Progress(table, self._settled.get(table), self._waiting.get(table))
            for name, watcher in _watchers.items():
                try:
                    watcher(progress)
                except Exception as error:  # noqa: BLE001 - whatever it is, the records are settled
                    logger.warning(
                        "%s does not hear of the stream of %s: %s", name, table, type(error).__name__
                    )
