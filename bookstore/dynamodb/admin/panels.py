"""Panels of the front page: figures that the server draws, with their numbers as a table and as CSV.

An app's module ``front_page`` offers its own::

    @front_page("visits", right="site.view_visit")
    def visits(request: HttpRequest) -> Iterable[Panel]: ...

What several panels read together, one function reads for all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime

from bookstore.dynamodb.admin.spreadsheets import csv_line

type Panels = Callable[[HttpRequest], Iterable["Panel"]]

STEPS = (1, 2, 5, 10)  # an axis ends at one of these times a power of ten
MOST_BARS = 10  # lying ones, which would else make a panel as long as a list; the table has all rows
DRAWN = 100  # the length of the longest bar there may be, in the drawing's own units


class Chart(StrEnum):
    """How a panel shows its numbers."""

    COLUMNS = "columns"  # one upright bar a row, as for days
    BARS = "bars"  # one lying bar a row, with its name before it, of the first ten


def written(value: Any) -> str:
    """Return a value as people read it, a moment by their own clock."""
    match value:
        case None:
            return ""
        case bool() | str():
            return str(value)
        case int() | Decimal():
            return str(number_format(value, force_grouping=True))
        case datetime():
            return date_format(localtime(value), "j F Y, H:i")
        case date():
            return date_format(value, "j F Y")
    return str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in one place of each row, and how people read it; a CSV has the value itself."""

    name: str
    write: Callable[[Any], str] = written
    mark: Callable[[Any], str] | None = (
        None  # how the axis writes its round numbers; as ``write`` does unless said
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as people read it."""

    text: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Values, one for each column; and the page they lead to, if there is one."""

    values: Sequence[Any]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, in the drawing's units, written as SVG wants numbers."""

    label: str
    text: str
    url: str
    start: str  # where it begins across the chart
    length: str
    rest: str  # what remains of the drawing


@dataclass(frozen=True)
class Panel:
    """Figures with a title: a chart of one column over the first, and all of them as a table."""

    name: str  # of its CSV's address
    title: str
    columns: Sequence[Column] = ()
    rows: Sequence[Row] = ()
    chart: Chart = Chart.BARS
    measure: int = 1  # the column that is drawn; a row without a number in it has no bar
    reach: int = 0  # what the axis shows at least, so that little looks little
    summary: str = ""  # the whole of it in a sentence
    nothing: str = ""  # said where there are no rows
    away: str = ""  # why there are no numbers at the moment
    links: Sequence[tuple[str, str]] = ()  # where there is more of it: words and address
    wide: bool = False  # takes the page's whole width
    place: int = 0  # lower ones come first

    @property
    def table(self) -> Iterator[tuple[str, Sequence[Cell]]]:
        """Each row as people read it: its address, and its cells."""
        for row in self.rows:
            pairs = zip(self.columns, row.values, strict=True)
            yield row.url, [Cell(column.write(value), _is_number(value)) for column, value in pairs]

    @property
    def heads(self) -> list[Cell]:
        """The columns' names; one above numbers stands as they do."""
        first = self.rows[0].values if self.rows else [None] * len(self.columns)
        return [
            Cell(column.name, _is_number(value)) for column, value in zip(self.columns, first, strict=True)
        ]

    @property
    def top(self) -> Decimal:
        """Where the axis ends: a round number that no bar is longer than."""
        return round_above(max([Decimal(self.reach), *map(self._drawn, self.rows)]))

    def _drawn(self, row: Row) -> Decimal:
        return max(Decimal(row.values[self.measure] or 0), Decimal(0))

    @property
    def marks(self) -> list[str]:
        """What the ends and the middle of the axis are called, the largest first."""
        column = self.columns[self.measure]
        write = column.mark or column.write
        return [write(mark) for mark in (self.top, self.top / 2, Decimal(0))]

    @property
    def ends(self) -> tuple[str, str]:
        """What the first and the last row are called."""
        firsts = [cells[0].text for _url, cells in self.table]
        return firsts[0], firsts[-1]

    @property
    def width(self) -> int:
        """How wide the drawing of upright bars is, in its own units."""
        return 10 * len(self.rows)

    @property
    def undrawn(self) -> int:
        """How many rows only the table has."""
        return max(len(self.rows) - MOST_BARS, 0) if self.chart is Chart.BARS else 0

    @property
    def bars(self) -> Iterator[Bar]:
        """The bars of the chart; what is below nothing has none."""
        top, drawn = self.top, len(self.rows) - self.undrawn
        rows = zip(self.rows, self.table, strict=True)
        for number, (row, (url, cells)) in enumerate(islice(rows, drawn)):
            share = self._drawn(row) / top
            yield Bar(
                label=cells[0].text,
                text=cells[self.measure].text,
                url=url,
                start=str(10 * number + 1),
                length=f"{share * DRAWN:.2f}",
                rest=f"{DRAWN - share * DRAWN:.2f}",
            )

    def csv_lines(self) -> Iterator[str]:
        """Yield the numbers as CSV, plain for programs; no cell is a formula."""
        yield csv_line(column.name for column in self.columns)
        for row in self.rows:
            yield csv_line(each.isoformat() if isinstance(each, date) else each for each in row.values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def round_above(number: Decimal) -> Decimal:
    """Return the least of 1, 2, 5, 10, 20 ... that is not below a number."""
    if number <= 1:
        return Decimal(1)
    power = Decimal(10) ** number.adjusted()
    return next(step * power for step in STEPS if step * power >= number)


@dataclass(frozen=True, slots=True)
class _Offer:
    names: Sequence[str]
    right: str
    panels: Panels = field(compare=False)


# By the function's full name: a module that is loaded twice does not offer twice.
_offers: dict[str, _Offer] = {}


def front_page(*names: str, right: str) -> Callable[[Panels], Panels]:
    """Offer panels of these names, read together, to whoever has a right."""

    def offer(panels: Panels) -> Panels:
        name = f"{panels.__module__}.{getattr(panels, '__qualname__', panels)}"
        _offers[name] = _Offer(names, right, panels)
        return panels

    return offer


def panels_for(request: HttpRequest) -> list[Panel]:
    """Return the panels that the person who asks may see, in their order."""
    offers = [each for each in _offers.values() if request.user.has_perm(each.right)]
    return sorted((panel for each in offers for panel in each.panels(request)), key=lambda panel: panel.place)


def panel_for(request: HttpRequest, name: str) -> Panel:
    """Return one panel; raise ``PermissionDenied`` where it is not for the person, ``Http404`` where there is none."""
    for each in _offers.values():
        if name in each.names:
            if not request.user.has_perm(each.right):
                raise PermissionDenied
            return next(panel for panel in each.panels(request) if panel.name == name)
    raise Http404(name)
