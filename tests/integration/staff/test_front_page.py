"""The admin's front page: what it shows, what it costs, and what it says when a store is away."""

import csv
import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookstore.dynamodb.admin import panels
from bookstore.streams.progress import Progress
from catalog import front_page, selectors
from leaderboard import ranking
from leaderboard import selectors as leaderboard
from orders import selectors as orders
from tests import factories
from tests.integration.leaderboard.sales import put_order, sell
from tests.wire import Wire

FROM_REDIS = ("sales-by-day", "sales-by-category", "bestsellers", "streams")
CSVS = (*FROM_REDIS, "low-stock", "orders-waiting")


@pytest.fixture
def staff(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-1", groups=("staff",))


@pytest.fixture
def sold(now: datetime, pump: Callable[[], int]) -> None:
    factories.category("plays", "=Plays")
    factories.book("Emma", book_id="emma")
    factories.book("Hamlet", book_id="hamlet", category="plays")
    put_order({"emma": 3}, at=now)
    sell({"hamlet": 1, "emma": 1}, at=now - timedelta(days=1))
    put_order({}, at=now, status="packed")
    factories.book("Scarce", book_id="scarce", stock=1)
    pump()


def panel(page: str, name: str) -> str:
    """Return the words of a panel, and the drawing's marks."""
    found = re.search(
        rf'<section class="panel[^>]*aria-labelledby="panel-{name}">(.*?)</section>', page, re.DOTALL
    )
    assert found, name
    return html.unescape(found[1])


def counted(page: str) -> dict[str, str]:
    """Return the bars' numbers by their names."""
    shown = re.findall(
        r'>([^<]*)(?:</a>)?</span>\s*<span class="bars__text">([^<]*)<', panel(page, "orders-waiting")
    )
    return dict(shown)


def numbers(client: Client, name: str) -> list[dict[str, str]]:
    answer = client.get(f"/admin/figures/{name}.csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="{name}-' in answer.headers["Content-Disposition"]
    return list(csv.DictReader(StringIO(answer.content.decode())))


@pytest.mark.usefixtures("sold")
def test_staff_see_the_sales_and_take_their_numbers_along(staff: Client, wire: Wire) -> None:
    staff.get("/admin/")
    selectors.forget_categories()
    leaderboard._kept.clear()
    with wire.count() as calls:
        staff.get("/admin/")  # fills the process's caches, as once a minute
    assert calls.total <= 1 + 5 + 2
    with wire.count() as calls:
        answer = staff.get("/admin/")
    page = answer.content.decode()
    assert calls.total <= 1 + 5  # the session is apart
    assert calls.dynamodb <= 5
    assert "style=" not in page
    by_day = panel(page, "sales-by-day")
    assert "£39.95 in 30 days, from 2 orders." in by_day
    assert by_day.count("<rect") == 30
    for name in ("sales-by-category", "bestsellers"):
        assert "In the last 30 days." in panel(page, name)
    assert 'role="img" aria-labelledby="chart-sales-by-day-title chart-sales-by-day-desc"' in by_day
    assert "/admin/catalog/book/emma/change/" in panel(page, "bestsellers")
    assert "Nothing waits." in panel(page, "streams")
    assert "/admin/catalog/book/scarce/change/" in panel(page, "low-stock")
    assert '<span class="bars__text">1</span>' in panel(page, "low-stock")
    assert [list(row.values()) for row in numbers(staff, "low-stock")] == [["Scarce", "Jane Austen", "1"]]
    assert counted(page) == {"To pack": "2", "To ship": "1", "Late": "0"}
    assert "/admin/orders/order/?queue=to-ship" in panel(page, "orders-waiting")

    today = timezone.localdate()
    days = numbers(staff, "sales-by-day")
    assert len(days) == 30
    assert days[-1] == {"Day": str(today), "Orders": "1", "Copies": "3", "Sales in GBP": "23.97"}
    assert [row["Copies"] for row in numbers(staff, "bestsellers")] == ["4", "1"]
    by_category = numbers(staff, "sales-by-category")
    assert {row["Category"] for row in by_category} == {"No category", "fiction", "'=Plays"}  # no formula
    assert sum(float(row["Sales in GBP"]) for row in by_category) == 39.95
    assert [row["Changes to"] for row in numbers(staff, "streams")] == ["Books", "Orders"]


def test_the_scarcest_books_come_first_and_the_numbers_have_all_that_were_read(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for copies, title in ((4, "Agnes Grey"), (2, "Bleak House"), (2, "Cranford"), (1, "Zuleika Dobson")):
        factories.book(title, stock=copies)
    monkeypatch.setattr(panels, "MOST_BARS", 2)
    shown = panel(staff.get("/admin/").content.decode(), "low-stock")
    drawn = shown.partition("<details>")[0]
    assert re.findall(r'">([^<]+)</a></span>', drawn) == ["Zuleika Dobson", "Bleak House"]
    assert "And 2 more, in the numbers below." in drawn
    assert "there are more" not in drawn
    rows = [(row["Title"], row["Copies left"]) for row in numbers(staff, "low-stock")]
    assert rows == [("Zuleika Dobson", "1"), ("Bleak House", "2"), ("Cranford", "2"), ("Agnes Grey", "4")]

    monkeypatch.setattr(front_page, "READ", 3)
    assert "The scarcest of the first 3 by title; there are more." in panel(
        staff.get("/admin/").content.decode(), "low-stock"
    )
    assert len(numbers(staff, "low-stock")) == 3


def test_orders_waiting_are_counted_to_fifty_and_the_oldest_are_late(
    staff: Client, now: datetime, settings: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "WAITING_COUNTED", 3)
    settings.QUEUE_SHARDS = 2
    for days in (0, 1, 3, 3, 9):
        put_order({"emma": 1}, at=now - timedelta(days=days))
    put_order({"emma": 1}, at=now - timedelta(days=4), status="packed")
    put_order({"emma": 1}, at=now - timedelta(days=4), status="shipped")
    with wire.count() as calls:
        waiting = orders.waiting(at=now)
    assert (calls.dynamodb, calls.total) == (4, 4)  # two queues of two shards
    assert (waiting.to_pack, waiting.to_ship, waiting.late) == (4, 1, 4)
    assert counted(staff.get("/admin/").content.decode()) == {"To pack": "3+", "To ship": "1", "Late": "3+"}


def test_a_stream_at_rest_has_no_bar_and_says_by_how_much_its_latest_change_was_late(
    staff: Client, now: datetime
) -> None:
    changed, came = now - timedelta(seconds=113), now - timedelta(seconds=100)
    ranking.note_progress(Progress("Books", changed, None), at=came)
    shown = panel(staff.get("/admin/").content.decode(), "streams")
    assert re.findall(r'bars__text">([^<]*)<', shown) == ["at rest", "at rest"]
    assert re.findall(r'bars__bar"[^>]* width="([^"]*)"', shown) == ["0.00", "0.00"]
    rows = [(row["Seconds behind"], row["It was late by"]) for row in numbers(staff, "streams")]
    assert rows == [("", "13"), ("", "")]


def test_before_anything_is_sold_the_panels_say_so(staff: Client) -> None:
    page = staff.get("/admin/").content.decode()
    assert "Nothing was sold in the last 30 days." in panel(page, "bestsellers")
    assert panel(page, "sales-by-day").count("<rect") == 30
    assert "No change has come yet." in panel(page, "streams")


@pytest.mark.parametrize("trouble", ["refuse", "stall"])
def test_without_redis_the_panels_say_so_and_the_page_stays(staff: Client, wire: Wire, trouble: str) -> None:
    with getattr(wire.redis, trouble)():
        page = staff.get("/admin/").content.decode()
        taken_along = staff.get("/admin/figures/bestsellers.csv")
    for name in FROM_REDIS:
        assert "Redis, which keeps these numbers, does not answer at the moment." in panel(page, name)
    assert "There is enough of every book that is not sold out." in panel(page, "low-stock")
    assert "/admin/catalog/book/" in page
    assert taken_along.status_code == 503


def test_the_search_engine_is_not_asked_and_without_dynamodb_a_page_says_so(
    staff: Client, wire: Wire
) -> None:
    with wire.opensearch.refuse():
        assert staff.get("/admin/").status_code == 200
    staff.raise_request_exception = False
    with wire.dynamodb.refuse():
        answer = staff.get("/admin/")
    assert answer.status_code == 503
    assert "Back in a moment" in answer.content.decode()


def test_the_numbers_are_for_staff_alone(
    client: Client, sign_in: Callable[..., Client], staff: Client
) -> None:
    shopper = sign_in(customer_id="c-9")
    for name in CSVS:
        assert client.get(f"/admin/figures/{name}.csv").status_code == 302
        assert shopper.get(f"/admin/figures/{name}.csv", follow=True).status_code == 403
    for unknown in ("nothing", "sales-by-day.csv", "%3Cb%3E"):
        assert staff.get(f"/admin/figures/{unknown}.csv").status_code == 404
