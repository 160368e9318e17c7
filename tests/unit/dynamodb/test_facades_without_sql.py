"""What a façade's queryset does not do: it says so before it asks DynamoDB anything, for no socket opens here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError, models
from django.db.models import Count, Exists, F, Q, Sum

from bookstore.dynamodb.admin.sources import FacadeModel, Source
from tests.shelf import VolumeItem


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


def rows() -> Any:
    """Return a list that DynamoDB could answer, were no more asked of it."""
    return Shelved.objects.filter(listing="fiction")


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
        lambda: rows().bulk_create([Shelved(pk="b-1")]),
        lambda: rows().bulk_update([Shelved(pk="b-1")], ["name"]),
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
    ],
)
def test_what_would_take_sql_raises(ask: Callable[[], Any]) -> None:
    with pytest.raises(NotSupportedError):
        ask()


def test_the_rows_of_an_index_are_distinct_as_they_are() -> None:
    assert rows().distinct().plan() == rows().plan()
