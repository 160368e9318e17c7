"""The front page's panels: what is drawn, what stands in the table, what stands in the CSV."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.urls import include, path
from django.utils import timezone

from bookstore.dynamodb.admin import panels
from bookstore.dynamodb.admin.panels import Chart, Column, Panel, Row, front_page, round_above
from bookstore.dynamodb.admin.spreadsheets import csv_line

figures = path("figures/<slug:name>.csv", lambda _request, name: HttpResponse(name), name="figures")
urlpatterns = [path("admin/", include(([figures], "admin")))]


@pytest.fixture
def admins_addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def visits(*numbers: int, **fields: Any) -> Panel:
    return Panel(
        "visits",
        "Visits",
        columns=[Column("Day"), Column("Visits")],
        rows=[Row((date(2026, 11, day), number)) for day, number in enumerate(numbers, start=1)],
        **fields,
    )


@pytest.mark.parametrize(
    ("number", "top"),
    [
        ("0", "1"),
        ("0.2", "1"),
        ("1", "1"),
        ("1.01", "2"),
        ("3", "5"),
        ("7", "10"),
        ("999.5", "1000"),
        ("1001", "2000"),
    ],
)
def test_an_axis_ends_at_a_round_number(number: str, top: str) -> None:
    assert round_above(Decimal(number)) == Decimal(top)


def test_bars_are_as_long_as_their_numbers_and_none_is_below_nothing() -> None:
    bars = list(visits(5, 0, 20, -3).bars)
    assert [each.length for each in bars] == ["25.00", "0.00", "100.00", "0.00"]
    assert [each.rest for each in bars] == ["75.00", "100.00", "0.00", "100.00"]
    assert [each.text for each in bars] == ["5", "0", "20", "-3"]
    assert [each.length for each in visits(0, 0).bars] == ["0.00", "0.00"]


def test_little_is_drawn_little_and_what_nobody_knows_is_not_drawn() -> None:
    rows = [Row(("Books", 6)), Row(("Orders", None))]
    panel = Panel("behind", "Behind", [Column("Of"), Column("Seconds")], rows, reach=60)
    assert [each.length for each in panel.bars] == ["6.00", "0.00"]
    assert Panel("none", "None").top == 1


@pytest.mark.usefixtures("admins_addresses")
@pytest.mark.parametrize("chart", list(Chart))
def test_a_panel_is_drawn_without_inline_style_and_has_its_numbers(chart: Chart) -> None:
    panel = visits(1200, 3, chart=chart)
    page = render_to_string("admin_on_dynamodb/panel.html", {"panel": panel})
    assert "style=" not in page
    assert "<script" not in page
    assert page.count("<table") == 1
    assert "1,200" in page
    assert ('role="img"' in page) is (chart is Chart.COLUMNS)
    assert "<details>" in page
    assert "<svg" in page


@pytest.mark.usefixtures("admins_addresses")
def test_only_the_first_lying_bars_are_drawn_and_the_table_has_all() -> None:
    page = render_to_string(
        "admin_on_dynamodb/panel.html", {"panel": visits(*range(30, 18, -1), chart=Chart.BARS)}
    )
    assert (page.count("<rect"), page.count("<tr>")) == (10, 1 + 12)
    assert "And 2 more, in the numbers below." in page
    assert len(list(visits(*range(12), chart=Chart.COLUMNS).bars)) == 12


@pytest.mark.usefixtures("admins_addresses")
def test_what_a_panel_says_is_escaped() -> None:
    panel = Panel("p", "<b>", [Column("<i>"), Column("n")], [Row(("<u>", 1), url='"x')], chart=Chart.BARS)
    page = render_to_string("admin_on_dynamodb/panel.html", {"panel": panel})
    for raw in ("<b>", "<i>", "<u>", 'href=""x"'):
        assert raw not in page


def test_a_moment_is_told_by_the_shops_own_clock() -> None:
    with timezone.override("Europe/London"):
        assert panels.written(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == "2 July 2026, 00:30"


def test_a_panel_without_numbers_says_why() -> None:
    page = render_to_string("admin_on_dynamodb/panel.html", {"panel": visits(nothing="Nobody came.")})
    assert "Nobody came." in page
    page = render_to_string("admin_on_dynamodb/panel.html", {"panel": visits(away="The counter rests.")})
    assert "The counter rests." in page


def test_a_csv_has_plain_numbers_and_no_formula() -> None:
    rows = [Row((date(2026, 11, 1), Decimal("1234.50"), "=1+1")), Row((None, -5, "+44, “quoted”"))]
    panel = Panel("p", "P", [Column("Day"), Column("Sales"), Column("@note")], rows)
    assert list(panel.csv_lines()) == [
        "Day,Sales,'@note\r\n",
        "2026-11-01,1234.50,'=1+1\r\n",
        ',-5,"\'+44, “quoted”"\r\n',
    ]


@pytest.mark.parametrize("cell", ["=A1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1"])
def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(cell: str) -> None:
    assert csv_line([cell]).lstrip('"').startswith("'")


class Request:
    """A request by somebody with some rights."""

    def __init__(self, *rights: str) -> None:
        self.user = self
        self.rights = rights

    def has_perm(self, right: str) -> bool:
        return right in self.rights


def test_each_sees_the_panels_of_their_rights_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "_offers", {})

    @front_page("second", right="site.view_second")
    def second(request: Any) -> Iterator[Panel]:
        yield Panel("second", "Second", place=2)

    @front_page("first", "also", right="site.view_first")
    def first(request: Any) -> Iterator[Panel]:
        yield Panel("first", "First", place=1)
        yield Panel("also", "Also", place=3)

    both: Any = Request("site.view_first", "site.view_second")
    assert [each.name for each in panels.panels_for(both)] == ["first", "second", "also"]
    one: Any = Request("site.view_second")
    assert [each.name for each in panels.panels_for(one)] == ["second"]
    assert panels.panel_for(both, "also").title == "Also"
    with pytest.raises(PermissionDenied):
        panels.panel_for(one, "also")
    with pytest.raises(Http404):
        panels.panel_for(both, "third")
