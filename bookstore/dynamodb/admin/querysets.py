"""The QuerySet behind Django's admin: Django builds its query as ever, DynamoDB answers it.

Django's ``Query`` validates names and look-ups and never needs a connection; only evaluation is
replaced. Whatever DynamoDB cannot do honestly raises.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldError
from django.db import NotSupportedError, models, router

from bookstore.dynamodb.admin import plans
from bookstore.dynamodb.admin.errors import BadPageError, MissingIndexError
from bookstore.dynamodb.admin.paths import Path
from bookstore.dynamodb.pages import BadCursorError, Page, read_cursor, sign_cursor

if TYPE_CHECKING:
    from bookstore.dynamodb.admin.sources import Source

    _QuerySet = models.QuerySet[Any]
else:
    _QuerySet = models.QuerySet

READS_A_PAGE = 2  # Queries; more only while there is nothing to show
MOST_ROWS = 1000  # of one evaluation without a limit, and of one action
ROWS_A_READ = 100  # BatchGetItem's own limit


class DynamoQuerySet(_QuerySet):
    """A queryset over a façade model.

    ``page`` reads one page of a list; iterating reads keys, or a list up to ``MOST_ROWS`` rows,
    beyond which it raises rather than read a whole table.
    """

    _total: int | None = None  # known when a search engine found the rows
    _before: int = 0  # how many of its hits come before them

    @property
    def source(self) -> "Source":
        """Where the rows come from."""
        return self.model.source  # type: ignore[no-any-return]  # every façade has one

    @property
    def total(self) -> int | None:
        """How many rows a search found; None for a list, which nobody counts."""
        return self._total

    @property
    def before(self) -> int:
        """How many hits of a search come before these rows."""
        return self._before

    @property
    def ordered(self) -> bool:
        """Whether the order is known: every list is one index's."""
        return True

    @property
    def totally_ordered(self) -> bool:
        """The same; else formsets would ask for the rows once more."""
        return True

    def plan(self) -> plans.Plan:
        """Return what DynamoDB will be asked; raise ``MissingIndexError``."""
        check_database(self.model, self._db)  # type: ignore[attr-defined]  # the stubs leave it out
        return plans.plan(self.model, self.query, self.source.paths)

    def sortable_fields(self) -> set[str]:
        """Return the fields by which these rows can be ordered."""
        return plans.sortable_fields(self.model, self.query, self.source.paths)

    def equalities(self) -> dict[str, Any]:
        """Return what the rows are filtered by; raise ``MissingIndexError`` for what is no equality."""
        return plans.equalities(self.model, self.query)

    # --- Pages -------------------------------------------------------------------------------------------

    def page(self, size: int, cursor: str = "", *, whole: bool = False) -> Page[Any]:
        """Read one page; ``cursor`` is one of an earlier page's two, empty for the first page.

        ``whole`` completes the rows with one BatchGetItem where the index holds a part of them.
        Costs one Query, at a partition's end two. Raises ``BadPageError``, ``MissingIndexError``.
        """
        planned = self.plan()
        if isinstance(planned, plans.Keys) and len(planned.keys) > self.source.most_keys:
            raise MissingIndexError(
                f"{self.model.__name__}: a page holds no {len(planned.keys)} keys at once."
            )
        if not isinstance(planned, plans.Listing):
            return Page(items=list(self))
        page = _read_page(self.source, planned, size, cursor)
        items = list(page.items)
        if whole and planned.path.projected is not None:
            found = {row.pk: row for row in self.source.get_many([row.pk for row in items])}
            items = [found[row.pk] for row in items if row.pk in found]
        return replace(page, items=self._related(items))

    def with_rows(
        self, rows: Sequence[Any], *, total: int | None = None, before: int = 0
    ) -> "DynamoQuerySet":
        """Return a queryset that has been read already, and holds these rows."""
        made: DynamoQuerySet = self._chain()  # type: ignore[attr-defined]  # the stubs leave it out
        made._result_cache, made._total, made._before = list(rows), total, before
        return made

    def hits(self, keys: Sequence[str], *, total: int, before: int = 0) -> "DynamoQuerySet":
        """Return what a search engine found, in its order: one BatchGetItem. What is gone is left out."""
        return self.with_rows(self._related(self.source.get_many(keys)), total=total, before=before)

    # --- Reading -----------------------------------------------------------------------------------------

    def _clone(self) -> "DynamoQuerySet":
        made: DynamoQuerySet = super()._clone()  # type: ignore[misc]  # the stubs leave it out
        made._total, made._before = self._total, self._before
        if self._total is not None:  # the hits of a search stay what they are
            made._result_cache = self._result_cache
        return made

    def _filter_or_exclude(self, negate: bool, args: Any, kwargs: Any) -> Any:  # noqa: FBT001 - Django's signature
        if self._total is not None:
            _refuse("filtering the hits of a search")
        return super()._filter_or_exclude(negate, args, kwargs)  # type: ignore[misc]  # the stubs leave it out

    def order_by(self, *field_names: Any) -> "DynamoQuerySet":
        """Order the rows; the hits of a search are in the search engine's order."""
        if self._total is not None:
            _refuse("ordering the hits of a search")
        return super().order_by(*field_names)

    def __getitem__(self, key: Any) -> Any:
        if self._total is not None and isinstance(key, slice) and self._result_cache is not None:
            start = max((key.start or 0) - self._before, 0)
            stop = None if key.stop is None else max(key.stop - self._before, 0)
            return self.with_rows(self._result_cache[start:stop], total=self._total, before=key.start or 0)
        return super().__getitem__(key)

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            low, high = self.query.low_mark, self.query.high_mark
            self._result_cache = self._related(self._read(high)[low:])

    def _read(self, most: int | None) -> list[Any]:
        match planned := self.plan():
            case plans.Nothing():
                return []
            case plans.Keys(keys, rest, order):
                rows = [row for row in self.source.get_many(keys) if all(each.holds(row) for each in rest)]
                if order:
                    name = order.removeprefix("-")
                    rows.sort(
                        key=lambda row: (getattr(row, name) is not None, getattr(row, name)),
                        reverse=order.startswith("-"),
                    )
                return rows[:most]
            case plans.Listing():
                rows = list(_rows(self.source, planned, most if most is not None else MOST_ROWS + 1))
                if most is None and len(rows) > MOST_ROWS:
                    raise NotSupportedError(
                        f"{self.model.__name__}: more than {MOST_ROWS} rows are not read at once; slice the queryset."
                    )
                return rows

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Yield all rows, however many, a page of ``chunk_size`` at a time; for commands."""
        planned = self.plan()
        if isinstance(planned, plans.Listing) and not self.query.is_sliced:
            yield from _rows(self.source, planned, None, a_read=chunk_size or ROWS_A_READ)
        else:
            yield from list(self)

    def count(self) -> int:
        """Return how many rows there are, where that is known; DynamoDB counts by reading everything."""
        if self._total is not None:
            return self._total
        known = self._result_cache is not None or self.query.high_mark is not None
        if known or not isinstance(self.plan(), plans.Listing):
            return len(self)
        raise MissingIndexError(f"{self.model.__name__}: no index knows how many rows a list has.")

    def exists(self) -> bool:
        """Tell whether there is a row at all."""
        return bool(self._result_cache if self._result_cache is not None else self[:1])

    def distinct(self, *field_names: Any) -> "DynamoQuerySet":
        """Return the same rows: those of an index are distinct. By fields they would take SQL."""
        if field_names:
            _refuse("distinct() by fields")
        return self._chain()  # type: ignore[attr-defined,no-any-return]  # the stubs leave it out

    def select_related(self, *fields: Any) -> "DynamoQuerySet":
        """Fetch the rows that foreign keys name along with the others, one BatchGetItem for each; all keys unless said."""
        foreign = [field.name for field in self.model._meta.concrete_fields if field.is_relation]
        wanted: list[str] = [] if fields == (None,) else list(fields) or foreign
        if unknown := set(wanted) - set(foreign):
            raise FieldError(
                f"{self.model.__name__} has no foreign keys of its own called {sorted(unknown)}."
            )
        made: DynamoQuerySet = self._chain()  # type: ignore[attr-defined]  # the stubs leave it out
        made.query.select_related = {name: {} for name in wanted}
        return made

    def _related(self, rows: list[Any]) -> list[Any]:
        wanted = self.query.select_related
        for name in wanted if isinstance(wanted, dict) else ():
            relation: Any = self.model._meta.get_field(name)
            keys = [key for row in rows if (key := getattr(row, relation.attname)) is not None]
            found = {each.pk: each for each in relation.remote_field.model.source.get_many(keys)}
            for row in rows:
                if (related := found.get(getattr(row, relation.attname))) is not None:
                    setattr(row, name, related)
        return rows

    # --- Writing -----------------------------------------------------------------------------------------

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete each row through its source."""
        rows = list(self)
        for row in rows:
            row.delete()
        return len(rows), {self.model._meta.label: len(rows)}

    delete.queryset_only = True  # type: ignore[attr-defined]  # Django's mark, kept off managers


def check_database(model: type[models.Model], alias: str | None) -> None:
    """Raise ``NotSupportedError`` where somebody names another database than the router: there is one DynamoDB."""
    if alias not in {None, router.db_for_read(model), router.db_for_write(model)}:
        raise NotSupportedError(f"{model.__name__}: rows are in DynamoDB, and in no database {alias!r}.")


def _refuse(what: str) -> NoReturn:
    raise NotSupportedError(f"{what}: DynamoDB has no such thing, and there is no SQL here.")


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        _refuse(f"{name}()")

    refuse.__name__ = name
    return refuse


# All that would end in SQL. `create`, `get_or_create` and the rest go through save() or these.
for _name in (
    *("aggregate", "annotate", "alias", "bulk_create", "bulk_update", "update", "raw", "extra"),
    *("values", "values_list", "dates", "datetimes", "union", "intersection", "difference", "explain"),
    *("select_for_update", "in_bulk", "earliest", "latest", "aiterator", "_raw_delete", "_update", "_insert"),
):
    setattr(DynamoQuerySet, _name, _refused(_name))


# --- Lists -------------------------------------------------------------------------------------------------

type _Place = tuple[Any, str | None, Any]  # a row's partition and range key, and the row


def _read_page(source: "Source", listing: plans.Listing, size: int, cursor: str) -> Page[Any]:
    backwards, start = _place(cursor, listing, source)
    places, more, ends = _walk(source, listing, size + 1, start=start, against=backwards, reads=READS_A_PAGE)
    over, places = places[size:], places[:size]
    rest: list[Any] | None = None  # where the rows beyond this page begin
    if over:
        rest = list(places[-1][:2])
    elif more is not None:
        rest = [more, None]
    if backwards:
        places.reverse()

    def signed(place: list[Any] | None, *, back: bool) -> str | None:
        if place is None:
            return None
        return sign_cursor(json.dumps([back, *place]), list_name=f"{source.name}:{listing.name}")

    first, last = (list(places[0][:2]), list(places[-1][:2])) if places else (None, None)
    return Page(
        items=[source.row(item, listing.path) for _, _, item in places],
        after=signed(last, back=False) if backwards else signed(rest, back=False),
        before=signed(rest, back=True) if backwards else signed(first if cursor else None, back=True),
        ends=ends,
    )


def _place(
    cursor: str, listing: plans.Listing, source: "Source"
) -> tuple[bool, tuple[Any, str | None] | None]:
    """Return whether a cursor leads backwards, and behind which partition and key it begins."""
    if not cursor:
        return False, None
    try:
        back, partition, key = json.loads(read_cursor(cursor, list_name=f"{source.name}:{listing.name}"))
    except (BadCursorError, ValueError, TypeError) as error:
        raise BadPageError(cursor) from error
    if partition not in [_text(listing.path, source.item, each) for each in listing.partitions]:
        raise BadPageError(cursor)
    return bool(back), (partition, key)


def _rows(
    source: "Source", listing: plans.Listing, most: int | None, *, a_read: int = ROWS_A_READ
) -> Iterator[Any]:
    """Yield up to so many rows from the list's beginning."""
    read, start = 0, None
    while most is None or read < most:
        size = a_read if most is None else min(a_read, most - read)
        places, more, _ends = _walk(
            source, listing, size, start=start, against=False, reads=len(listing.partitions)
        )
        for _, _, item in places:
            yield source.row(item, listing.path)
        read += len(places)
        if len(places) < size and more is None:
            return
        start = places[-1][:2] if places else (more, None)


def _walk(
    source: "Source",
    listing: plans.Listing,
    wanted: int,
    *,
    start: tuple[Any, str | None] | None,
    against: bool,
    reads: int,
) -> tuple[list[_Place], Any, bool]:
    """Read rows from behind a place, through as many partitions as reads allow.

    Returns each row with its partition and range key, the partition at which reading ended too
    early, if it did, and whether all rows that the path knows of stand before that. Reads on while
    there is nothing at all to show, where the path does, but not from a list's beginning to there.
    """
    path = listing.path
    descending = listing.descending is not against
    partitions = [_text(path, source.item, each) for each in listing.partitions]
    if path.spread:
        return _merged(source, listing, partitions, wanted, start=start, descending=descending), None, False
    if descending:
        partitions.reverse()
    if start is not None:
        partitions = partitions[partitions.index(start[0]) :]
    found: list[_Place] = []
    ends = False
    for number, partition in enumerate(partitions):
        if number == reads and descending:
            oldest = path.oldest()
            # Who knows of no row is not believed where there is one.
            ends = not found if oldest is None else partition < oldest
        if number >= reads and (found or not path.reads_on or (ends and start is None)):
            return found, partition, ends
        behind = start[1] if start is not None and partition == start[0] else None
        found += _query(source, listing, partition, wanted - len(found), behind=behind, descending=descending)
        if len(found) >= wanted:
            return found[:wanted], None, False
    return found, None, False


def _merged(
    source: "Source",
    listing: plans.Listing,
    partitions: Sequence[str],
    wanted: int,
    *,
    start: tuple[Any, str | None] | None,
    descending: bool,
) -> list[_Place]:
    """Read rows that are spread over partitions, in the order of their range keys all together."""
    behind = start[1] if start is not None else None
    found = [
        place
        for partition in partitions
        for place in _query(source, listing, partition, wanted, behind=behind, descending=descending)
    ]
    found.sort(key=lambda place: getattr(place[2], listing.path.range_key), reverse=descending)
    return found[:wanted]


def _query(
    source: "Source",
    listing: plans.Listing,
    partition: str,
    wanted: int,
    *,
    behind: str | None,
    descending: bool,
) -> list[_Place]:
    """Read rows of one partition within the list's bounds, from behind a range key: one Query."""
    path, item, bounds = listing.path, source.item, listing.bounds
    index = path.index if path.index is not None else item
    range_key: Any = getattr(item, path.range_key) if path.range_key else None
    if behind is not None:
        key = range_key.deserialize(behind)
        bounds = bounds.below(key, itself=False) if descending else bounds.above(key, itself=False)
    if bounds.is_empty:
        return []
    limit = wanted + bounds.edges
    rows = index.query(
        getattr(item, path.hash_key).deserialize(partition),
        bounds.condition(range_key) if range_key is not None else None,
        scan_index_forward=not descending,
        limit=limit,
        page_size=max(limit, 1),
    )
    found: list[_Place] = []
    for row in rows:
        key = getattr(row, path.range_key) if path.range_key else None
        if key is None or key in bounds:
            found.append((partition, None if key is None else str(range_key.serialize(key)), row))
    return found


def _text(path: Path, item: Any, partition: Any) -> str:
    """Return a hash key as DynamoDB writes it: cursors are text."""
    return str(getattr(item, path.hash_key).serialize(partition))


__all__ = ["MOST_ROWS", "DynamoQuerySet"]
