"""What the pages show: periods, ranks, titles, and a Redis that is away."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from bookstore.streams.progress import Progress
from catalog import reviews
from catalog import services as catalogue
from leaderboard import ranking, selectors
from leaderboard.counting import Sale
from orders import services as ordering
from orders.states import Status
from tests import factories
from tests.integration.leaderboard.sales import copies_sold, put_order, reserve, sell
from tests.integration.orders.buying import send_on
from tests.wire import Wire

type PumpAll = Callable[[], int]


@pytest.fixture
def today() -> date:
    return timezone.localdate()


def shown(period: str = "all", *, limit: int = 20, today: date | None = None) -> list[tuple[int, str, int]]:
    ranked = selectors.bestsellers(period=period, limit=limit, today=today or timezone.localdate())
    assert ranked is not None
    return [(entry.rank, entry.book.id, entry.copies) for entry in ranked]


def test_a_paid_order_is_on_the_bestsellers(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma")
    factories.book("Persuasion", book_id="persuasion")
    reserve({"persuasion": 9}, at=now)  # nobody has paid for these
    sell({"emma": 3, "persuasion": 1}, at=now)
    pump()

    assert shown() == shown("week") == shown("month") == [(1, "emma", 3), (2, "persuasion", 1)]


def test_a_cancelled_order_counts_no_longer(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma")
    order = sell({"emma": 3}, at=now)
    pump()
    ordering.cancel_order(customer_id=order.customer_id, order_id=order.order_id, at=now)
    pump()

    assert shown() == shown("week") == []


def test_a_removed_order_counts_no_longer(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma")
    order = sell({"emma": 3}, at=now)
    sell({"emma": 1}, at=now)
    pump()
    order.delete()
    pump()

    assert shown() == [(1, "emma", 1)]


def test_orders_of_a_customer_who_was_forgotten_stay_counted(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma")
    order = sell({"emma": 3}, customer_id="c-1", at=now)
    send_on(order, Status.PACKED, Status.SHIPPED, Status.DELIVERED)
    pump()
    ordering.erase_customer(customer_id="c-1", at=now)
    pump()

    assert shown() == shown("week") == [(1, "emma", 3)]


def test_week_and_month_look_back_over_the_shops_days(today: date) -> None:
    for back in (0, 6, 7, 29, 30):
        factories.book(book_id=f"{back}-days-ago")
        ranking.count_sale(
            Sale(f"o-{back}", 1, today - timedelta(days=back), {f"{back}-days-ago": 10 + back})
        )

    assert [book for _, book, _ in shown("week")] == ["6-days-ago", "0-days-ago"]
    assert [book for _, book, _ in shown("month")] == [
        "29-days-ago",
        "7-days-ago",
        "6-days-ago",
        "0-days-ago",
    ]
    assert len(shown("all")) == 5
    assert shown("week", today=today + timedelta(days=7)) == []


def test_an_order_counts_on_the_shops_day_and_not_on_utcs(pump: PumpAll, settings: LazySettings) -> None:
    settings.COUNTED_SALES_DAYS = 36_500
    factories.book("Emma", book_id="emma")
    sell({"emma": 1}, at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))  # half past midnight in London
    pump()

    assert dict(ranking.bestselling(wanted=9, days=[date(2026, 7, 2)])) == {"emma": 1}
    assert dict(ranking.bestselling(wanted=9, days=[date(2026, 7, 1)])) == {}


def test_an_unknown_period_is_a_mistake(today: date) -> None:
    with pytest.raises(KeyError):
        selectors.bestsellers(period="century", today=today)


def test_a_withdrawn_book_leaves_both_lists_and_the_next_move_up(pump: PumpAll, now: datetime) -> None:
    for number in range(1, 6):
        factories.book(book_id=f"b-{number}", prior_rating=factories.Decimal(number))
    sell({f"b-{number}": number for number in range(1, 6)}, at=now)
    pump()
    catalogue.withdraw_book(book_id="b-5", at=now)

    before_the_stream = [book for _, book, _ in shown(limit=3)]
    pump()

    assert before_the_stream == [book for _, book, _ in shown(limit=3)] == ["b-4", "b-3", "b-2"]
    assert [entry.book.id for entry in selectors.top_rated(limit=3) or ()] == ["b-4", "b-3", "b-2"]

    catalogue.bring_back_book(book_id="b-5", at=now)
    pump()
    assert [book for _, book, _ in shown(limit=3)] == ["b-5", "b-4", "b-3"]


def test_books_that_the_catalogue_does_not_know_leave_no_gap(today: date) -> None:
    factories.book("Emma", book_id="emma")
    ranking.count_sale(Sale("o-1", 1, today, {f"unknown-{number}": 50 for number in range(60)} | {"emma": 1}))

    assert shown(limit=5) == [(1, "emma", 1)]


def test_the_top_rated_follow_the_readers_and_say_whose_rating_it_is(pump: PumpAll, now: datetime) -> None:
    factories.book("Emma", book_id="emma", prior_rating=factories.Decimal("4.00"))
    factories.book("Persuasion", book_id="persuasion", prior_rating=factories.Decimal("4.10"))
    factories.book("Unrated", book_id="unrated", prior_rating=None)
    pump()
    before = selectors.top_rated()
    for reader in ("c-1", "c-2", "c-3"):
        order = sell({"emma": 1}, customer_id=reader, at=now)
        reviews.rate_book(book_id="emma", customer_id=reader, order_id=order.order_id, stars=5, at=now)
    pump()
    after = selectors.top_rated()

    assert [(entry.rank, entry.book.id, entry.by_readers) for entry in before or ()] == [
        (1, "persuasion", False),
        (2, "emma", False),
    ]
    assert [(entry.rank, entry.book.id, entry.by_readers) for entry in after or ()] == [
        (1, "emma", True),
        (2, "persuasion", False),
    ]
    assert after
    assert after[0].rating == after[0].book.rating == factories.Decimal("4.38")  # (5 * 4.00 + 15) / 8


def test_each_list_costs_two_calls(wire: Wire, pump: PumpAll, now: datetime, today: date) -> None:
    for number in range(1, 31):
        factories.book(book_id=f"b-{number}", prior_rating=factories.Decimal("4.00"))
    sell({f"b-{number}": 1 for number in range(1, 31)}, at=now)
    pump()
    catalogue.withdraw_book(book_id="b-9", at=now)
    for period in selectors.PERIODS:
        with wire.count() as calls:
            assert len(selectors.bestsellers(period=period, today=today) or ()) == 20
        assert (calls.redis, calls.dynamodb, calls.total) == (1, 1, 2)
    with wire.count() as calls:
        assert len(selectors.top_rated() or ()) == 20
    assert (calls.redis, calls.dynamodb, calls.total) == (1, 1, 2)


@pytest.mark.parametrize("trouble", ["refuse", "stall"])
def test_with_redis_away_there_is_no_list_and_one_warning_and_no_long_wait(
    wire: Wire, today: date, trouble: str, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "leaderboard")
    for ask in (lambda: selectors.bestsellers(today=today), selectors.top_rated):
        caplog.clear()
        with getattr(wire.redis, trouble)():
            began = time.monotonic()
            assert ask() is None
            waited = time.monotonic() - began
        assert waited < 3 * settings.REDIS_TIMEOUT_SECONDS  # a busy machine wakes late
        assert len(caplog.records) == 1
        assert "out of reach" in caplog.text
    assert copies_sold() == {}


def test_the_overview_has_each_days_sales_by_category_and_costs_one_request(
    pump: PumpAll, now: datetime, today: date, wire: Wire
) -> None:
    factories.book("Emma", book_id="emma")
    factories.book("Hamlet", book_id="hamlet", category="plays")
    put_order({"emma": 3}, at=now)
    put_order({"hamlet": 1, "emma": 1}, at=now - timedelta(days=2))
    put_order({"emma": 9}, at=now, status="cancelled")
    pump()
    selectors.overview(today=today)  # reads the titles, which the process keeps

    with wire.count() as calls:
        overview = selectors.overview(today=today)

    assert overview is not None
    assert (calls.redis, calls.total) == (1, 1)
    days = {each.day: each for each in overview.takings}
    assert list(days) == [today - timedelta(days=back) for back in range(29, -1, -1)]
    assert (days[today].orders, days[today].copies, sum(days[today].cents.values())) == (1, 3, 2397)
    assert (days[today - timedelta(days=2)].orders, days[today - timedelta(days=1)].orders) == (1, 0)
    assert [(each.book.name, each.copies) for each in overview.bestsellers] == [("Emma", 4), ("Hamlet", 1)]


def test_the_overview_reads_the_titles_of_newcomers_and_of_none_that_swap_places(
    pump: PumpAll, now: datetime, today: date, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("OVERVIEW_BESTSELLERS", 2), ("SPARE", 1), ("OVERVIEW_TITLES", 4)):
        monkeypatch.setattr(selectors, name, most)

    def seen() -> tuple[int, list[str]]:
        """Return how many times the table was read, and the bestsellers."""
        with wire.count() as calls:
            overview = selectors.overview(today=today)
        assert overview is not None
        return calls.dynamodb, [each.book.id for each in overview.bestsellers]

    for copies in (1, 2, 4, 6, 8, 10):
        factories.book(book_id=f"b-{copies}")
        put_order({f"b-{copies}": copies}, at=now)
    pump()
    assert seen() == (1, ["b-10", "b-8"])
    put_order({"b-4": 3}, at=now)
    pump()
    assert seen() == (0, ["b-10", "b-8"]), "the third and the fourth have changed places"
    put_order({"b-1": 10}, at=now)
    pump()
    assert seen() == (1, ["b-1", "b-10"]), "the last is the first now"
    put_order({"b-2": 10}, at=now)
    pump()
    catalogue.withdraw_book(book_id="b-1", at=now)  # of which Redis has not heard
    assert seen() == (1, ["b-2", "b-10"])


def test_the_overview_says_how_far_the_streams_have_come(
    pump: PumpAll, now: datetime, today: date, wire: Wire
) -> None:
    def streams() -> dict[str, ranking.StreamNote]:
        overview = selectors.overview(today=today)
        assert overview is not None
        return dict(overview.streams)

    assert streams() == {"Books": ranking.StreamNote(), "Orders": ranking.StreamNote()}
    assert streams()["Orders"].seconds_behind(now) is None
    factories.book("Emma", book_id="emma")
    pump()
    books, orders = streams()["Books"], streams()["Orders"]
    assert orders == ranking.StreamNote()
    assert books.waiting_since is None
    minute = timedelta(minutes=1)
    assert books.settled_at is not None
    assert books.seconds_late is not None
    # Of the change itself, DynamoDB Local tells the minute alone.
    assert books.seconds_behind(books.settled_at) == books.seconds_late < 120
    # Nothing has come since: it is behind by nothing, whatever it was then.
    assert books.seconds_behind(books.settled_at + minute) is None

    ranking.note_progress(Progress("Books", now, now + minute), at=now + 3 * minute)
    assert streams()["Books"].seconds_behind(now + 5 * minute) == 240
    ranking.note_progress(Progress("Books", now - minute, None), at=now + 3 * minute)  # another shard's
    assert streams()["Books"].waiting_since == now + minute
    ranking.note_progress(Progress("Books", now + 2 * minute, None), at=now + 6 * minute)
    assert streams()["Books"].seconds_behind(now + 6 * minute) == 240
    assert streams()["Books"].seconds_late == 240
    assert streams()["Books"].waiting_since is None

    with wire.redis.refuse():
        assert selectors.overview(today=today) is None
