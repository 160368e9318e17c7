from datetime import datetime
from decimal import Decimal

import pytest
from django.template import Context, Engine
from django.utils import translation
from django.utils.formats import date_format

from bookstore import typesetting

ENGINE = Engine(libraries={"typesetting": "bookstore.typesetting"}, builtins=["bookstore.typesetting"])


def rendered(template: str, **values: object) -> str:
    return ENGINE.from_string(template).render(Context(values))


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("7.99", "", "£7.99"),
        ("7.9", "", "£7.90"),
        ("0", "", "£0.00"),
        ("1234567.5", "GBP", "£1,234,567.50"),
        ("-3", "EUR", "−€3.00"),
        ("12", "USD", "$12.00"),
        ("12", "CHF", "CHF\u00a012.00"),
    ],
)
def test_money_is_written_with_its_currency(amount, currency, written):
    assert typesetting.money(Decimal(amount), currency) == written


def test_money_is_never_a_float():
    with pytest.raises(TypeError):
        typesetting.money(7.99)


def test_money_follows_the_readers_language():
    with translation.override("de"):
        assert typesetting.money(Decimal("1234.5"), "EUR") == "€1.234,50"


@pytest.mark.parametrize(
    ("amount", "written"), [("8", "£8"), ("8.50", "£8.50"), ("20.00", "£20"), ("100", "£100")]
)
def test_whole_money_leaves_out_pennies_that_are_none(amount, written):
    assert typesetting.whole_money(Decimal(amount)) == written


@pytest.mark.parametrize(
    ("rating", "halves", "figure"),
    [
        ("0", 0, "0"),
        ("4.25", 9, "4.3"),
        ("4.24", 8, "4.2"),
        ("4.75", 10, "4.8"),
        ("5", 10, "5"),
        ("9", 10, "9"),
    ],
)
def test_stars_are_drawn_to_the_nearest_half_and_said_in_figures(rating, halves, figure):
    drawn = rendered("{% stars rating %}", rating=Decimal(rating))
    assert f"stars--{halves}" in drawn
    assert f'aria-label="{figure} out of 5 stars"' in drawn


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("1813", "1813"),
        ("1813-01", "January 1813"),
        ("1813-01-28", "28 January 1813"),
        ("1813-13", "1813-13"),
        ("1813-02-30", "1813-02-30"),
        ("c. 1600", "c. 1600"),
    ],
)
def test_dates_are_written_as_far_as_they_are_known(stored, written):
    assert typesetting.printed_date(stored) == written


@pytest.mark.parametrize(("code", "name"), [("en", "English"), ("fr", "French"), ("xx", "xx"), ("la", "la")])
def test_languages_have_names_and_unknown_ones_their_codes(code, name):
    assert typesetting.language_name(code) == name


def test_structured_data_cannot_break_out_of_its_block():
    hostile = "</script><!-- & <script>"
    block = typesetting.json_ld({"name": hostile})
    inside = block.removeprefix('<script type="application/ld+json">').removesuffix("</script>")
    assert "<" not in inside
    assert ">" not in inside
    assert "&" not in inside


def test_messages_are_none_where_there_is_no_request():
    assert rendered("{% pending_messages as said %}{{ said|length }}") == "0"


@pytest.mark.parametrize("name", ["TIME_FORMAT", "DATETIME_FORMAT", "SHORT_DATETIME_FORMAT"])
def test_the_hours_go_to_24_in_the_lists_that_django_writes_too(name):
    with translation.override("en-gb"):
        assert date_format(datetime(2026, 11, 28, 19, 57), name).endswith("19:57")  # noqa: DTZ001 - only written
