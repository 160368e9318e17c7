"""How rows can be reached: by an index, in the order of its range key."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pynamodb.indexes import AllProjection, IncludeProjection, Index
from pynamodb.models import Model

TAIL = "#"  # ends the value in a range key that goes on, with an id that makes it unique
_LAST = "\U0010ffff"


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Path:
    """One order in which rows can be listed.

    A range key has to be unique within its partition: a page begins behind the key of the row
    before it. So a key made of a value that two rows may share goes on with ``#`` and an id.
    """

    index: Any = None  # a PynamoDB index; None for the table itself
    hash_key: str  # the item's attribute
    range_key: str = ""  # the same; without one the partition has a single page
    equals: str = ""  # the field that has to be equal to something, whose value the hash key is
    write_hash: Callable[[Any], Any] = (
        _as_it_is  # that field's value → the hash key, which is never a boolean
    )
    sorts: str = ""  # the field by which the range key sorts
    # The field's value → what the range key begins with; None where the key orders rows as the field
    # would, but says something else, so that nothing can be looked up by it.
    write: Callable[[Any], Any] | None = _as_it_is
    goes_on: bool = False  # whether the range key goes on behind the value
    # For a list without `equals`: the partitions that rows between two values (or None) of the
    # sorting field stand in, in ascending order. They are read one after another.
    partitions: Callable[[Any, Any], Sequence[str]] | None = None
    # The oldest of them in which a row stands, as far as is known: None for no row at all, and empty where
    # nobody can say. It is asked when a page has read its two Queries. It may know less than the table: what
    # leads beyond it is no link to a next page, but stays there, as one to look further back.
    oldest: Callable[[], str | None] = lambda: ""
    # Whether empty partitions are read on through until there is something to show; a page of one that
    # is not has a link to the next, and may have nothing else.
    reads_on: bool = True
    # For a list with `equals`: the hash keys that its value stands for, where rows are spread over
    # several. Each page takes one Query of each, and their rows are merged.
    spread: Callable[[Any], Sequence[str]] | None = None

    @property
    def name(self) -> str:
        """The index's name in DynamoDB."""
        return "the table itself" if self.index is None else str(self.index.Meta.index_name)

    @cached_property
    def projected(self) -> frozenset[str] | None:
        """DynamoDB's names of the attributes that a row found here has, beside the keys; None for all."""
        if self.index is None or isinstance(self.index.Meta.projection, AllProjection):
            return None
        projection = self.index.Meta.projection
        named = projection.non_key_attributes if isinstance(projection, IncludeProjection) else None
        return frozenset(named or ())


def paths_of(item: type[Model]) -> list[Path]:
    """Return the paths that a table's own keys and indexes make, where their attributes are fields of the same names."""
    found = []
    attributes = item.get_attributes()
    hash_key = next(name for name, each in attributes.items() if each.is_hash_key)
    range_key = next((name for name, each in attributes.items() if each.is_range_key), "")
    if range_key:
        found.append(Path(hash_key=hash_key, range_key=range_key, equals=hash_key, sorts=range_key))
    for _, index in inspect.getmembers(item, lambda each: isinstance(each, Index)):
        keys = {
            each.is_range_key: name
            for name, each in index.Meta.attributes.items()
            if each.is_hash_key or each.is_range_key
        }
        sorts = keys.get(True, "")
        found.append(
            Path(index=index, hash_key=keys[False], range_key=sorts, equals=keys[False], sorts=sorts)
        )
    return found


@dataclass(frozen=True)
class Bounds:
    """Between which range keys rows are wanted; DynamoDB takes one condition, so both ends are one."""

    low: Any = None
    high: Any = None
    without_low: bool = False
    without_high: bool = False

    def above(self, key: Any, *, itself: bool) -> "Bounds":
        """Narrow from below."""
        if self.low is not None and (self.low > key or (self.low == key and self.without_low)):
            return self
        return Bounds(key, self.high, not itself, self.without_high)

    def below(self, key: Any, *, itself: bool) -> "Bounds":
        """Narrow from above."""
        if self.high is not None and (self.high < key or (self.high == key and self.without_high)):
            return self
        return Bounds(self.low, key, self.without_low, not itself)

    def by(self, lookup: str, value: Any, path: Path) -> "Bounds":
        """Narrow by one of Django's look-ups of the sorting field."""
        if path.write is None:
            raise ValueError(lookup)
        key = path.write(value)
        last = f"{key}{TAIL}{_LAST}" if path.goes_on else key
        match lookup:
            case "exact":
                return self.above(key, itself=True).below(last, itself=True)
            case "gt":
                return self.above(last, itself=False)
            case "gte":
                return self.above(key, itself=True)
            case "lt":
                return self.below(key, itself=False)
            case "lte":
                return self.below(last, itself=True)
            case "startswith":
                return self.above(key, itself=True).below(f"{key}{_LAST}", itself=True)
        raise ValueError(lookup)

    @property
    def edges(self) -> int:
        """How many rows at most a condition finds that are not wanted."""
        return int(self.low is not None and self.high is not None) * (self.without_low + self.without_high)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in between; DynamoDB calls such a condition a mistake."""
        if self.low is None or self.high is None:
            return False
        return bool(self.low > self.high)

    def condition(self, attribute: Any) -> Any:
        """Return the key condition; None where there is no bound."""
        if self.low is not None and self.high is not None:
            return attribute.between(self.low, self.high)
        if self.low is not None:
            return attribute > self.low if self.without_low else attribute >= self.low
        if self.high is not None:
            return attribute < self.high if self.without_high else attribute <= self.high
        return None

    def __contains__(self, key: Any) -> bool:
        above = self.low is None or key > self.low or (key == self.low and not self.without_low)
        below = self.high is None or key < self.high or (key == self.high and not self.without_high)
        return above and below


RANGE_LOOKUPS = frozenset({"exact", "gt", "gte", "lt", "lte", "startswith"})
