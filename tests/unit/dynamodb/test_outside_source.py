"""A façade whose rows come from something that is no table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
from django.db import NotSupportedError, models

from bookstore.dynamodb.admin.errors import AwayError, MissingIndexError
from bookstore.dynamodb.admin.sources import FacadeModel, OutsideSource


@dataclass
class Ship:
    code: str
    name: str


class Harbour(OutsideSource):
    asked: list[str] = []

    def find(self, keys: Sequence[str]) -> Iterable[Ship]:
        self.asked += keys
        if "storm" in keys:
            raise AwayError("The harbour does not answer.")
        return [Ship(key, key.title()) for key in reversed(keys) if key != "sunk"]


class Vessel(FacadeModel):
    code = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=20)
    source = Harbour()

    class Meta(FacadeModel.Meta):
        app_label = "admin_on_dynamodb"


def test_rows_are_found_by_their_keys_in_the_order_asked_for() -> None:
    assert Vessel.objects.get(pk="argo").name == "Argo"
    found = Vessel.objects.filter(pk__in=["argo", "sunk", "beagle"])
    assert [(row.pk, row.name) for row in found] == [("argo", "Argo"), ("beagle", "Beagle")]
    with pytest.raises(Vessel.DoesNotExist):
        Vessel.objects.get(pk="sunk")


def test_there_is_no_list() -> None:
    with pytest.raises(MissingIndexError):
        list(Vessel.objects.all())
    with pytest.raises(MissingIndexError):
        Vessel.objects.filter(name="Argo").page(25)


def test_nothing_is_written_unless_the_source_says_how() -> None:
    vessel = Vessel.objects.get(pk="argo")
    for write in (vessel.save, vessel.delete, Vessel(code="new", name="New").save):
        with pytest.raises(NotSupportedError, match="kept elsewhere"):
            write()


def test_what_does_not_answer_says_so() -> None:
    with pytest.raises(AwayError, match="The harbour does not answer"):
        Vessel.objects.get(pk="storm")
