import operator
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import models

from bookstore.dynamodb.admin.errors import MissingIndexError
from bookstore.dynamodb.admin.paths import Bounds, Path, paths_of
from bookstore.dynamodb.admin.plans import Listing
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.attributes import instant_text
from tests.shelf import Arrival, RemarkItem, VolumeItem

WORDS = [f"{letter}{number}" for letter in "abc" for number in range(4)]


def test_bounds_hold_what_all_look_ups_together_mean() -> None:
    path = Path(hash_key="h", range_key="r", sorts="r")
    for _ in range(500):
        asked = [
            (random.choice(("gt", "gte", "lt", "lte", "exact")), random.choice(WORDS))  # noqa: S311 - a test
            for _ in range(random.randint(0, 3))  # noqa: S311 - the same
        ]
        bounds = Bounds()
        for lookup, value in asked:
            bounds = bounds.by(lookup, value, path)
        compare = {
            "exact": operator.eq,
            "gt": operator.gt,
            "gte": operator.ge,
            "lt": operator.lt,
            "lte": operator.le,
        }
        for key in WORDS:
            assert (key in bounds) is all(compare[lookup](key, value) for lookup, value in asked), (
                asked,
                key,
            )


def test_a_key_that_goes_on_behind_its_value_is_bounded_by_the_value() -> None:
    path = Path(hash_key="h", range_key="r", sorts="at", write=instant_text, goes_on=True)
    at, later = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
    key = f"{instant_text(at)}#b-1"
    for lookup, value, holds in (
        *(("exact", at, True), ("gte", at, True), ("lte", at, True), ("gt", at, False), ("lt", at, False)),
        *(("lt", later, True), ("gt", later, False), ("exact", later, False)),
    ):
        assert (key in Bounds().by(lookup, value, path)) is holds, lookup


def test_bounds_that_cross_are_empty_and_never_asked() -> None:
    path = Path(hash_key="h", range_key="r", sorts="r")
    assert Bounds().by("gte", "b", path).by("lt", "a", path).is_empty
    assert not Bounds().by("gte", "a", path).by("lt", "b", path).is_empty


def test_a_tables_own_keys_and_indexes_are_its_paths() -> None:
    assert {path.name for path in paths_of(RemarkItem)} == {"the table itself", "byState"}
    by_title = next(path for path in paths_of(VolumeItem) if path.name == "byTitle")
    assert (by_title.equals, by_title.sorts) == ("listing", "title_key")
    assert by_title.projected is not None
    assert "stock" not in by_title.projected


def test_rows_are_ordered_by_one_field_behind_which_the_key_orders_nothing_more() -> None:
    class Told(FacadeModel):
        key = models.CharField(primary_key=True, max_length=200)
        state = models.CharField(max_length=20)
        made_key = models.CharField(max_length=200)
        title = models.CharField(max_length=200)
        source = Source(
            RemarkItem,
            paths=[
                Path(
                    index=RemarkItem.by_state,
                    hash_key="state",
                    range_key="made_key",
                    equals="state",
                    sorts="made_key",
                    spread=lambda state: [state, f"{state}#1"],
                )
            ],
            made_of={"title": "stars"},
        )

        class Meta(FacadeModel.Meta):
            app_label = "admin_on_dynamodb"

    asked: Any = Told.objects.filter(state="shown")
    planned = asked.order_by("-made_key", "-key").plan()
    assert isinstance(planned, Listing)
    assert (planned.descending, planned.partitions) == (True, ("shown", "shown#1"))
    with pytest.raises(MissingIndexError, match="ordered by one field"):
        asked.order_by("made_key", "state").plan()
    source: Any = Told.source
    assert source.is_projected("title", planned.path)


def test_a_boolean_is_looked_up_by_the_key_that_stands_for_it() -> None:
    class Opinion(FacadeModel):
        key = models.CharField(primary_key=True, max_length=200)
        shown = models.BooleanField()
        made_key = models.CharField(max_length=200)
        source = Source(
            RemarkItem,
            paths=[
                Path(
                    index=RemarkItem.by_state,
                    hash_key="state",
                    equals="shown",
                    write_hash=lambda shown: "published" if shown else "hidden",
                    range_key="made_key",
                    sorts="made_key",
                )
            ],
        )

        class Meta(FacadeModel.Meta):
            app_label = "admin_on_dynamodb"

    for sent, partition in (("1", "published"), ("0", "hidden")):  # as Django's filter sends them
        planned = Opinion.objects.filter(shown__exact=sent).order_by("-made_key").plan()
        assert isinstance(planned, Listing)
        assert (planned.partitions, planned.descending) == ((partition,), True)


def test_a_key_that_only_orders_bounds_nothing() -> None:
    with pytest.raises(ValueError, match="exact"):
        Bounds().by("exact", "a", Path(hash_key="h", range_key="r", sorts="r", write=None))


@pytest.mark.parametrize("lookup", ["regex", "in", "isnull"])
def test_other_look_ups_are_no_bounds(lookup: str) -> None:
    with pytest.raises(ValueError, match=lookup):
        Bounds().by(lookup, "a", Path(hash_key="h", range_key="r", sorts="r"))


def test_years_are_walked_from_the_newest_on_and_upwards_only_within_a_filter() -> None:
    newest_first = Arrival.objects.order_by("-added_key")
    assert newest_first.plan() == Arrival.objects.all().plan()  # without an order, the same
    assert newest_first.plan().partitions[-1] == "2026"
    with pytest.raises(MissingIndexError):
        Arrival.objects.order_by("added_key").plan()
    assert newest_first.sortable_fields() == set()
    of_two_years = Arrival.objects.filter(added_key__gte="2025").order_by("added_key")
    assert (of_two_years.plan().partitions, of_two_years.plan().descending) == (("2025", "2026"), False)


def test_rows_are_listed_by_their_own_key_both_ways() -> None:
    class Topic(FacadeModel):
        id = models.CharField(primary_key=True, max_length=9)
        source = Source(
            VolumeItem,
            paths=[
                Path(
                    index=VolumeItem.arrivals,
                    hash_key="arrival_year",
                    range_key="id",
                    sorts="id",
                    partitions=lambda _low, _high: ["all"],
                )
            ],
        )

        class Meta(FacadeModel.Meta):
            app_label = "admin_on_dynamodb"

    planned = [Topic.objects.order_by(*names).plan() for names in (("id",), ("-id",), ("id", "-pk"))]
    assert [each.descending for each in planned] == [False, True, False]
