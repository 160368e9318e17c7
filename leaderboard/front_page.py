"""The sales and the streams on the admin's front page."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookstore.dynamodb.admin.panels import Chart, Column, Panel, Row, front_page
from bookstore.typesetting import money, whole_money
from catalog.selectors import categories
from leaderboard import selectors
from leaderboard.ranking import StreamNote

RIGHT = "leaderboard.view_sales"
SALES, STREAMS = 20, 90  # their places: work to do stands before them, or between


@front_page("sales-by-day", "sales-by-category", "bestsellers", "streams", right=RIGHT)
def sales_and_streams(request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001 - everyone sees the same
    """Show the last thirty days' sales, and how far the streams have come: one request to Redis."""
    found = selectors.overview(today=timezone.localdate())
    names = {
        "sales-by-day": _("Sales by day"),
        "sales-by-category": _("Sales by category"),
        "bestsellers": _("Bestsellers"),
        "streams": _("How far the streams have come"),
    }
    if found is None:
        for name, title in names.items():
            yield Panel(
                name, title, away=_("Redis, which keeps these numbers, does not answer at the moment.")
            )
        return
    yield _by_day(names["sales-by-day"], found)
    yield _by_category(names["sales-by-category"], found)
    yield _bestsellers(names["bestsellers"], found)
    yield _streams(names["streams"], found)


def _by_day(title: str, found: selectors.Overview) -> Panel:
    orders = sum(each.orders for each in found.takings)
    taken = sum((_amount(each.cents.values()) for each in found.takings), Decimal(0))
    said = ngettext(
        "%(sales)s in %(days)d days, from %(orders)d order.",
        "%(sales)s in %(days)d days, from %(orders)d orders.",
        orders,
    )
    return Panel(
        "sales-by-day",
        title,
        columns=[Column(_("Day"), _short), Column(_("Orders")), Column(_("Copies")), _sales()],
        rows=[
            Row((each.day, each.orders, each.copies, _amount(each.cents.values()))) for each in found.takings
        ],
        chart=Chart.COLUMNS,
        measure=3,
        place=SALES,
        summary=said % {"sales": money(taken), "days": len(found.takings), "orders": orders},
        wide=True,
    )


def _by_category(title: str, found: selectors.Overview) -> Panel:
    cents: Counter[str] = Counter()
    for each in found.takings:
        cents.update(each.cents)
    names = {each.slug: each.name for each in categories()} | {"": _("No category")}
    return Panel(
        "sales-by-category",
        title,
        columns=[Column(_("Category")), _sales()],
        rows=[
            Row((names.get(slug, slug), Decimal(amount) / 100))
            for slug, amount in cents.most_common()
            if amount
        ],
        summary=_lately(),
        nothing=_nothing_sold(),
        place=SALES,
    )


def _bestsellers(title: str, found: selectors.Overview) -> Panel:
    return Panel(
        "bestsellers",
        title,
        columns=[Column(_("Title")), Column(_("Copies"))],
        rows=[
            Row((each.book.name, each.copies), url=reverse("admin:catalog_book_change", args=[each.book.id]))
            for each in found.bestsellers
        ],
        summary=_lately(),
        nothing=_nothing_sold(),
        place=SALES,
    )


def _streams(title: str, found: selectors.Overview) -> Panel:
    now = timezone.now()
    return Panel(
        "streams",
        title,
        columns=[
            Column(_("Changes to")),
            Column(_("Seconds behind"), _behind),
            Column(_("Latest change"), _clock),
            Column(_("It was late by"), _seconds),
            Column(_("Standing")),
        ],
        rows=[
            Row(
                (
                    table,
                    note.seconds_behind(now),
                    note.settled_until,
                    note.seconds_late,
                    _standing(note),
                )
            )
            for table, note in found.streams.items()
        ],
        reach=60,  # a minute: what is behind by less is not late
        summary=" ".join(_what_waits(found)) or _("Nothing waits."),
        nothing=_("Nothing follows the tables."),
        wide=True,
        place=STREAMS,
    )


def _standing(note: StreamNote) -> str:
    if note.waiting_since and note.waiting_at:
        return _("Waits for a store; tried again on %(time)s.") % {"time": _clock(note.waiting_at)}
    return _("Nothing waits.") if note.settled_at else _("No change has come yet.")


def _what_waits(found: selectors.Overview) -> Iterator[str]:
    for table, note in found.streams.items():
        if note.waiting_since:
            yield f"{table}: {_standing(note)}"


def _behind(seconds: int | None) -> str:
    return _seconds(seconds) or _("at rest")


def _seconds(seconds: int | None) -> str:
    return "" if seconds is None else _("%(seconds)d s") % {"seconds": seconds}


def _sales() -> Column:
    return Column(_("Sales in %(currency)s") % {"currency": settings.CURRENCY}, money, mark=whole_money)


def _lately() -> str:
    return _("In the last %(days)d days.") % {"days": selectors.TAKINGS_DAYS}


def _nothing_sold() -> str:
    return _("Nothing was sold in the last %(days)d days.") % {"days": selectors.TAKINGS_DAYS}


def _amount(cents: Any) -> Decimal:
    return Decimal(sum(cents)) / 100


def _short(day: date) -> str:
    return date_format(day, "j M")


def _clock(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "j M, H:i:s") if moment else ""
