"""What the local AWS has not saved yet: it writes its state only when it is stopped properly.

The journal is a file that stands while the shop runs and says how much of each thing there
is. A proper stop removes it. A start that finds one compares it with what is there, and can
say what a crash took.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bookstore.devstack.environment import TABLE_PREFIX

# What is counted, by the table that holds it, in the order in which it is told.
COUNTED = {
    "order": f"{TABLE_PREFIX}Orders",
    "book": f"{TABLE_PREFIX}Books",
    "review": f"{TABLE_PREFIX}Reviews",
    "cart line": f"{TABLE_PREFIX}Cart",
}


@dataclass(frozen=True)
class Entry:
    """How much of each thing there was at a moment."""

    at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)


class Journal:
    """The file that stands while the shop runs."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def left_behind(self) -> Entry | None:
        """Return the last entry of a shop that was not stopped properly; ``None`` after a proper stop."""
        try:
            read = json.loads(self._file.read_text())
            return Entry(
                datetime.fromisoformat(read["at"]), {str(k): int(v) for k, v in read["counts"].items()}
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, AttributeError):
            # Cut off while it was written: it was not stopped properly, and no more is known.
            return Entry(datetime.fromtimestamp(self._file.stat().st_mtime, UTC))

    def note(self, counts: Mapping[str, int]) -> None:
        """Write what there is now, as one whole file."""
        draft = self._file.with_name(f"{self._file.name}.new")
        draft.write_text(json.dumps({"at": datetime.now(UTC).isoformat(), "counts": dict(counts)}))
        draft.replace(self._file)

    def close(self) -> None:
        """Note that all is saved."""
        self._file.unlink(missing_ok=True)


def loss(before: Entry, now: Mapping[str, int]) -> str:
    """Say in one sentence what a crash took: what was there before it and is not there now."""
    missing = {
        name: count - now.get(name, 0) for name, count in before.counts.items() if count > now.get(name, 0)
    }
    when = f"{before.at.astimezone():%d %B at %H:%M}"
    if not missing:
        return f"The shop was not stopped properly ({when}), but nothing that was counted then is missing."
    order = [*COUNTED, "account"]
    told = [_counted(missing[name], name) for name in sorted(missing, key=order.index)]
    return (
        f"The shop was not stopped properly ({when}), and the local AWS saves only when it stops."
        f" Lost: {_listed(told)}, with what else was changed since the last proper stop."
        " The sample catalogue, its orders and the accounts are loaded again."
    )


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _listed(told: list[str]) -> str:
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
