"""Events recorded from real streams, through the real handler: once, thrice, doubled, backwards, shuffled."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from bookstore.streams import dead_letters, registry
from leaderboard import ranking
from tests.integration.leaderboard.sales import copies_sold, deliver, takings

FOLDER = Path(__file__).parents[2] / "data" / "streams"
DAY = date(2026, 11, 20)

type Records = list[dict[str, Any]]

SOLD = {"emma": 2, "persuasion": 1}
TOTALS: dict[str, dict[str, int]] = {
    "order_placed": SOLD,
    "order_delivered": SOLD,
    "order_returned": {},
    "order_partly_returned": {"emma": 1, "persuasion": 1},
    "order_declined": {},
    "order_cancelled": {},
    "order_removed": {},
    "order_erased": SOLD,
    "order_without_books": {},
    "order_of_unknown_book": {"emma": 2, "nobody-knows-it": 1},
}
CATEGORIES = {"order_partly_returned": "fiction"}  # the others were recorded before lines kept them
RATED: dict[str, list[str]] = {
    "book_revised": ["persuasion", "emma"],  # equal in all: the later id first
    "book_rated": ["emma", "persuasion"],  # readers have spoken for Emma
    "book_withdrawn": ["persuasion"],
    "book_brought_back": ["persuasion", "emma"],
    "book_removed": ["persuasion"],
}


def shuffled(seed: int) -> Callable[[Records], Records]:
    def shuffle(records: Records) -> Records:
        chance = random.Random(seed)  # noqa: S311 - the same shuffle each time
        several = records * 2
        chance.shuffle(several)
        return several

    return shuffle


DELIVERIES: dict[str, Callable[[Records], Records]] = {
    "once": lambda records: records,
    "thrice": lambda records: records * 3,
    "each twice": lambda records: [each for record in records for each in (record, record)],
    "backwards": lambda records: records[::-1],
    "forwards and backwards": lambda records: records + records[::-1],
    **{f"shuffled {seed}": shuffled(seed) for seed in range(6)},
}


@pytest.fixture(autouse=True)
def recorded_sales_are_still_counted(settings: LazySettings) -> None:
    settings.COUNTED_SALES_DAYS = 36_500


@pytest.fixture
def leaderboard_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the other rooms' projections, which take most of the time."""
    registry.projections_of("Orders")  # finds all
    own = {
        table: {name: each for name, each in found.items() if name.startswith("leaderboard.")}
        for table, found in registry._projections.items()
    }
    monkeypatch.setattr(registry, "_projections", own)


def recorded(name: str) -> Records:
    records: Records = json.loads((FOLDER / f"{name}.json").read_text())["Records"]
    return records


def delivered(name: str) -> Iterator[str]:
    """Deliver a recording in every way, each time to an empty Redis; yield how."""
    for how, arrange in DELIVERIES.items():
        ranking._patient().flushdb()
        for record in arrange(recorded(name)):
            assert deliver(record) == [], how
        yield how


@pytest.mark.usefixtures("leaderboard_alone")
@pytest.mark.parametrize("name", TOTALS)
def test_an_order_counts_for_its_last_state_however_its_records_come(name: str) -> None:
    for how in delivered(name):
        assert copies_sold() == TOTALS[name], how
        assert dict(ranking.bestselling(wanted=100, days=[DAY])) == TOTALS[name], how
        (day,) = takings([DAY])
        copies = sum(TOTALS[name].values())
        assert day.copies == copies, how
        assert day.cents == ({CATEGORIES.get(name, ""): 799 * copies} if copies else {}), how


@pytest.mark.usefixtures("leaderboard_alone")
@pytest.mark.parametrize("name", RATED)
def test_a_book_stands_where_its_last_revision_puts_it_however_its_records_come(name: str) -> None:
    for how in delivered(name):
        assert ranking.best_rated(wanted=100) == RATED[name], how


def test_all_recordings_through_every_projection_thrice_settle_without_a_dead_letter() -> None:
    everything = [record for name in (*TOTALS, *RATED) for record in recorded(name)]
    for _ in range(3):
        assert deliver(*everything) == []

    in_orders = sum(sold.get("persuasion", 0) for sold in TOTALS.values())
    in_book_rated = 1  # nobody rates what they did not buy
    assert copies_sold()["persuasion"] == in_orders + in_book_rated
    assert [message.letter for message in dead_letters.take_all()] == []


def test_a_withdrawn_book_is_passed_over_among_the_bestsellers() -> None:
    orders = [each for each in recorded("order_placed") if ":table/test-Orders/" in each["eventSourceARN"]]
    deliver(*orders, *recorded("book_withdrawn"))

    assert copies_sold() == {"persuasion": 1}

    deliver(*recorded("book_brought_back"))

    assert copies_sold() == SOLD


def test_after_the_counting_days_a_late_record_changes_nothing(settings: LazySettings) -> None:
    settings.COUNTED_SALES_DAYS = -1  # as if the recorded orders were placed long ago
    deliver(*recorded("order_delivered"))

    assert copies_sold() == {}
