"""What a façade's queryset does not do: it says so before it asks DynamoDB anything, for no socket opens here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import NotSupportedError, models
from django.db.models import Case, Count, Exists, F, Q, Sum, Value, When
from django.db.models.functions import Lower

from bookstore.dynamodb.admin.embedded import EmbeddedModel
from bookstore.dynamodb.admin.errors import MissingIndexError
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from tests.shelf import RemarkItem, VolumeItem


class Shelved(FacadeModel):
    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=300)
    listing = models.CharField(max_length=60)
    title_key = models.CharField(max_length=400)
    stock = models.IntegerField(default=0)
    source = Source(VolumeItem)

    class Meta(FacadeModel.Meta):
        app_label = "admin_on_dynamodb"
        ordering = ["title_key"]


class Said(FacadeModel):
    key = models.CharField(primary_key=True, max_length=200)
    volume = models.ForeignKey(Shelved, models.DO_NOTHING, related_name="sayings")
    reader_id = models.CharField(max_length=64)
    source = Source(RemarkItem)

    class Meta(FacadeModel.Meta):
        app_label = "admin_on_dynamodb"


class Scrap(EmbeddedModel):
    shelved = models.ForeignKey(Shelved, models.DO_NOTHING, related_name="+")
    text = models.CharField(max_length=20)

    class Meta(EmbeddedModel.Meta):
        app_label = "admin_on_dynamodb"


def rows() -> Any:
    """Return a list that DynamoDB could answer, were no more asked of it."""
    return Shelved.objects.filter(listing="fiction")


def one() -> Any:
    return Shelved(pk="b-1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: rows().update(stock=1),
        lambda: rows().update(stock=F("stock") + 1),
        lambda: rows().annotate(many=Count("pk")),
        lambda: rows().alias(many=Count("pk")),
        lambda: rows().aggregate(Sum("stock")),
        lambda: list(rows().values("name")),
        lambda: list(rows().values_list("name")),
        lambda: list(rows().values_list("name", flat=True)),
        lambda: rows().distinct("name"),
        lambda: rows().extra(where=["1 = 1"]),
        lambda: rows().raw("SELECT 1"),
        lambda: rows().union(rows()),
        lambda: rows().intersection(rows()),
        lambda: rows().difference(rows()),
        lambda: rows().in_bulk(["b-1"]),
        lambda: rows().latest("stock"),
        lambda: rows().earliest("stock"),
        lambda: rows().select_for_update(),
        lambda: rows().explain(),
        lambda: rows().dates("title_key", "day"),
        lambda: rows().datetimes("title_key", "day"),
        lambda: rows().bulk_create([one()]),
        lambda: rows().bulk_update([one()], ["name"]),
        lambda: Shelved.objects.update_or_create(pk="b-1"),
        lambda: rows().count(),
        lambda: len(Shelved.objects.all()),
        lambda: list(rows().order_by("?")),
        lambda: list(rows().order_by("stock")),
        lambda: list(rows().order_by("title_key", "stock")),
        lambda: list(rows().exclude(name="Emma")),
        lambda: list(rows().filter(Q(name="Emma") | Q(name="Persuasion"))),
        lambda: list(rows().filter(name__regex="^E")),
        lambda: list(rows().filter(Exists(rows()))),
        lambda: list(rows().filter(Value(value=True))),
        lambda: list(Shelved.objects.filter(pk__in=rows())),
        lambda: list(Shelved.objects.filter(pk__in=rows()[:3])),
        lambda: list(Shelved.objects.filter(pk__in=rows().values("pk"))),
        lambda: list(Shelved.objects.filter(pk__in=rows().values_list("pk", flat=True))),
        lambda: list(Shelved.objects.filter(pk=rows()[:1])),
        lambda: list(Shelved.objects.filter(pk__in=["b-1", F("name")])),
        lambda: list(Shelved.objects.filter(pk="b-1", stock__gt=F("stock"))),
        lambda: list(Shelved.objects.filter(pk="b-1", name__in=rows())),
        lambda: list(Shelved.objects.filter(pk="b-1", name__regex="^E")),
        lambda: list(Shelved.objects.filter(pk=Lower("name"))),
        lambda: list(Shelved.objects.filter(pk__gt="b-1")),
        lambda: list(Shelved.objects.filter(pk=None)),
        lambda: list(Shelved.objects.filter(Q(pk="b-1") | Q(pk="b-2"))),
        lambda: list(rows() | rows()),
        lambda: list(rows() ^ rows()),
        lambda: list(rows().exclude(pk__in=[])),
        lambda: list(rows().filter(title_key__in=["a"])),
        lambda: list(rows().filter(title_key__range=("a", "b"))),
        lambda: list(rows().order_by(F("title_key").desc())),
        lambda: list(rows().order_by(Lower("name"))),
        lambda: list(rows().order_by(Case(When(name="Emma", then=1), default=2))),
        lambda: list(rows().order_by().reverse()),
        lambda: list(Said.objects.filter(volume="b-1").order_by("volume__name")),
        lambda: list(Said.objects.filter(volume__name="Emma")),
        lambda: list(Said.objects.filter(volume__in=rows())),
        lambda: one().sayings.update(reader_id="r-1"),
        lambda: one().sayings.add(Said(pk="b-2~r-1").stored()),
        one().sayings.count,
        lambda: rows().values("name").page(5),
        lambda: rows().with_rows([one()], total=1).values("name"),
        lambda: Shelved.objects.none().update(stock=1),
        lambda: Shelved.objects.none().union(rows()),
        lambda: list(rows().using("other")),
        lambda: list(Shelved.objects.db_manager("other").filter(pk="b-1")),
        lambda: one().save(using="other"),
        lambda: one().delete(using="other"),
        lambda: one().refresh_from_db(using="other"),
        lambda: one().save_base(),
        Shelved.objects.exists,
        Shelved.objects.first,
        lambda: Shelved.objects.all().delete(),
        lambda: Shelved.objects.get(name="Emma"),
        lambda: Shelved.objects.get_or_create(name="Emma"),
        lambda: list(Shelved.objects.iterator(chunk_size=2)),
        lambda: Scrap(position=1).save(),
        lambda: Scrap(position=1).delete(),
        lambda: Scrap.objects.create(text="a"),
        lambda: list(Scrap.objects.all()),
    ],
)
def test_what_would_take_sql_raises(ask: Callable[[], Any]) -> None:
    with pytest.raises(NotSupportedError):
        ask()


def test_the_index_that_would_answer_is_named() -> None:
    for asked, told in (
        (rows().order_by("stock"), "an index of hash listing and range stock"),
        (Shelved.objects.filter(name="Emma", stock__gt=3), "an index of hash name and range title_key"),
        (Said.objects.filter(reader_id="r-1"), "an index of hash reader_id"),
    ):
        with pytest.raises(MissingIndexError, match=told):
            asked.page(5)


@pytest.mark.parametrize("named", ["nothing", "volume__name", "reader_id"])
def test_a_foreign_key_to_be_followed_has_to_be_one(named: str) -> None:
    with pytest.raises(FieldError, match=named):
        Said.objects.filter(volume="b-1").select_related(named)


def test_what_no_row_can_be_is_answered_without_asking() -> None:
    for asked in (Shelved.objects.none(), rows().filter(pk__in=[]), Shelved.objects.filter(pk__in=[None])):
        assert (list(asked), asked.count(), asked.exists(), asked.first()) == ([], 0, False, None)


def test_to_save_no_field_is_to_write_nothing_and_an_unknown_one_is_an_error() -> None:
    one().save(update_fields=[])
    with pytest.raises(FieldDoesNotExist, match="nothing"):
        one().save(update_fields=["nothing"])


def test_the_rows_of_an_index_are_distinct_as_they_are() -> None:
    assert rows().distinct().plan() == rows().plan()
