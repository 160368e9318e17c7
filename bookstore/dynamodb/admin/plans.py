"""From Django's where-tree to what DynamoDB can be asked: keys, or one list in its order; else an error."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.db.models.lookups import Lookup
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND, OR, NothingNode, WhereNode

from bookstore.dynamodb.admin.errors import MissingIndexError
from bookstore.dynamodb.admin.paths import RANGE_LOOKUPS, Bounds, Path

# Read upwards, a list begins with partitions of long ago, in which nothing may stand: each costs a Query.
MOST_PARTITIONS_UPWARDS = 2
_MOST_BYTES_OF_A_HASH_KEY, _MOST_BYTES_OF_A_RANGE_KEY = 2048, 1024  # DynamoDB's own limits


@dataclass(frozen=True)
class Condition:
    """One look-up of one field, of the kind that Django's filters make."""

    field: str
    lookup: str
    value: Any

    def __str__(self) -> str:
        return f"{self.field}__{self.lookup}"

    def holds(self, row: Any) -> bool:
        """Tell whether a whole row in memory satisfies it."""
        return _COMPARISONS[self.lookup](getattr(row, self.field), self.value)


@dataclass(frozen=True)
class Nothing:
    """No row can be meant."""


@dataclass(frozen=True)
class Keys:
    """Some rows by their keys (GetItem, BatchGetItem); what else is asked is looked at in memory."""

    keys: tuple[str, ...]
    rest: tuple[Condition, ...] = ()
    order: str = ""


@dataclass(frozen=True)
class Listing:
    """A list: Queries of one index, within bounds, in one direction."""

    path: Path
    partitions: tuple[Any, ...]  # in ascending order of the range key
    descending: bool
    bounds: Bounds = field(default_factory=Bounds)

    @property
    def name(self) -> str:
        """What a cursor is good for: this list in this order, and no other."""
        ends = (self.bounds.low, self.bounds.high)
        partition = ",".join(map(str, self.partitions)) if self.path.equals else "*"
        return f"{self.path.name}:{partition}:{ends}:{self.descending}"


type Plan = Nothing | Keys | Listing


def plan(model: type[models.Model], query: Query, paths: Sequence[Path]) -> Plan:
    """Return how to read what a queryset asks for; raise ``MissingIndexError`` for what no index can."""
    conditions = list(_conditions(model, query.where))
    if None in conditions:
        return Nothing()
    asked = [each for each in conditions if each is not None]
    order = _order(model, query)
    key_name = _meta(model).pk.attname
    by_key = [each for each in asked if each.field == key_name and each.lookup in {"exact", "in"}]
    if by_key:
        return _keys(by_key, [each for each in asked if each not in by_key], order, model)
    for path in paths:
        if listing := _listing(model, path, asked, order):
            return listing
    raise MissingIndexError(_missing(model, asked, order))


def sortable_fields(model: type[models.Model], query: Query, paths: Sequence[Path]) -> set[str]:
    """Return the fields by which the same rows could be ordered as well."""
    asked = [each for each in _conditions(model, query.where) if each is not None]
    return {path.sorts for path in paths if path.sorts and _listing(model, path, asked, path.sorts)}


def equalities(model: type[models.Model], query: Query) -> dict[str, Any]:
    """Return what a list is filtered by, for the search engine; raise for what is no equality."""
    found = {}
    for each in _conditions(model, query.where):
        if each is None or each.lookup != "exact":
            raise MissingIndexError(
                f"Search within {_meta(model).verbose_name_plural} cannot be narrowed by {each}."
            )
        found[each.field] = each.value
    return found


def _keys(
    by_key: list[Condition], rest: list[Condition], order: str, model: type[models.Model]
) -> Keys | Nothing:
    wanted: list[str] | None = None
    for each in by_key:
        found = [
            str(key) for key in ([each.value] if each.lookup == "exact" else each.value) if key is not None
        ]
        wanted = found if wanted is None else [key for key in wanted if key in found]
    for each in rest:
        if each.lookup not in _COMPARISONS:
            raise MissingIndexError(
                f"{model.__name__}: rows that their keys name are not compared by {each}."
            )
    return Keys(tuple(dict.fromkeys(wanted or ())), tuple(rest), order) if wanted else Nothing()


def _listing(model: type[models.Model], path: Path, asked: Sequence[Condition], order: str) -> Listing | None:
    """Return the list that a path gives when it answers all that is asked, in that order."""
    try:
        listing = _written(model, path, asked, order)
    except (
        ValueError,
        ArithmeticError,
    ):  # a value that no key is made of, such as a price of a thousand digits
        return None
    if listing is None or not all(
        _may_be_key(each, _MOST_BYTES_OF_A_HASH_KEY) for each in listing.partitions
    ):
        return None
    ends = (listing.bounds.low, listing.bounds.high)
    return listing if all(_may_be_key(each, _MOST_BYTES_OF_A_RANGE_KEY) for each in ends) else None


def _may_be_key(value: Any, most: int) -> bool:
    """Tell whether DynamoDB takes a text for a key; nothing else can be too long, or empty."""
    return not isinstance(value, str) or 0 < len(value.encode("utf-8", "surrogatepass")) <= most


def _written(model: type[models.Model], path: Path, asked: Sequence[Condition], order: str) -> Listing | None:
    if order and order.removeprefix("-") != path.sorts:
        return None
    equal, bounds, low, high = None, Bounds(), None, None
    for each in asked:
        if each.field == path.equals and each.lookup == "exact" and equal is None:
            equal = each
        elif _is_bound(model, path, each):
            bounds = bounds.by(each.lookup, each.value, path)
            low = each.value if each.lookup in {"exact", "gt", "gte"} else low
            high = each.value if each.lookup in {"exact", "lt", "lte"} else high
        else:
            return None
    descending = order.startswith("-")
    if path.equals:
        if equal is None:
            return None
        spread = path.spread(equal.value) if path.spread else [path.write_hash(equal.value)]
        partitions: tuple[Any, ...] = tuple(spread)
    elif path.partitions:
        partitions = tuple(path.partitions(low, high))
        descending = descending or not order
        if not descending and len(partitions) > MOST_PARTITIONS_UPWARDS:
            return None
    else:
        return None
    return Listing(path, partitions, descending, bounds)


def _is_bound(model: type[models.Model], path: Path, asked: Condition) -> bool:
    """Tell whether a look-up is one of the sorting field's, which the range key answers."""
    if asked.field != path.sorts or not path.sorts or path.write is None:
        return False
    if asked.lookup == "startswith":  # only texts are written as they begin
        return isinstance(_meta(model).get_field(path.sorts), models.CharField | models.TextField)
    return asked.lookup in RANGE_LOOKUPS


def _missing(model: type[models.Model], asked: Sequence[Condition], order: str) -> str:
    equal = [each.field for each in asked if each.lookup == "exact"]
    others = [str(each) for each in asked if each.lookup != "exact"]
    hash_key = "+".join(equal) or "a constant"
    range_key = order.removeprefix("-") or next((each.partition("__")[0] for each in others), "")
    question = ", ".join([*(f"{name}__exact" for name in equal), *others]) or "all rows"
    wanted = f"an index of hash {hash_key}" + (f" and range {range_key}" if range_key else "")
    return (
        f"{model.__name__}: no index answers {question}"
        + (f" ordered by {order}" if order else "")
        + f"; it takes {wanted}. Tables are never scanned."
    )


def _conditions(model: type[models.Model], node: Any) -> Iterator[Condition | None]:
    """Yield the look-ups that all have to hold; None where nothing can."""
    if isinstance(node, NothingNode):
        yield None
    elif isinstance(node, WhereNode):
        # Django's filters write a single value as an OR of one.
        if node.negated or (node.connector != AND and not (node.connector == OR and len(node.children) == 1)):
            raise MissingIndexError(f"{model.__name__}: no index answers NOT, OR or XOR ({node}).")
        for child in node.children:
            yield from _conditions(model, child)
    elif isinstance(node, Lookup) and (target := getattr(node.lhs, "target", None)) is not None:
        if target.model._meta.concrete_model is not _meta(model).concrete_model:
            raise MissingIndexError(f"{model.__name__}: no index reaches into {target.model.__name__}.")
        if hasattr(node.rhs, "resolve_expression"):
            raise MissingIndexError(
                f"{model.__name__}: no index compares a row's own fields, or asks another query."
            )
        yield Condition(target.attname, str(node.lookup_name), node.rhs)
    else:
        raise MissingIndexError(f"{model.__name__}: no index answers {node!r}.")


def _order(model: type[models.Model], query: Query) -> str:
    """Return the one field to order by, with its sign."""
    named = query.order_by or (_meta(model).ordering if query.default_ordering else ())
    # Django appends "-pk" to whatever it lists. Behind another field the key orders nothing more.
    ordered = [name for name in named if name not in _signed("pk")]
    ordered[1:] = [name for name in ordered[1:] if name not in _signed(_meta(model).pk.name)]
    if not ordered:
        if not query.standard_ordering:
            raise MissingIndexError(f"{model.__name__}: rows that are in no order have no last one.")
        return ""
    first = ordered[0]
    field = str(first).removeprefix("-")
    if len(ordered) > 1 or not isinstance(first, str) or first == "?" or LOOKUP_SEP in first:
        raise MissingIndexError(
            f"{model.__name__}: rows are ordered by one field of theirs, not by {ordered}."
        )
    descending = str(first).startswith("-") is query.standard_ordering
    return f"{'-' if descending else ''}{_meta(model).get_field(field).attname}"


def _signed(name: str) -> tuple[str, str]:
    return name, f"-{name}"


def _meta(model: type[models.Model]) -> Any:
    return model._meta


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, bound: value is not None and compare(value, bound)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "in": lambda value, among: value in among,
    "isnull": lambda value, absent: (value is None) is absent,
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "startswith": _ordered(lambda value, start: str(value).startswith(start)),
    "icontains": _ordered(lambda value, part: part.casefold() in str(value).casefold()),
}
