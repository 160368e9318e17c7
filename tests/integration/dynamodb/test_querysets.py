"""Querysets and rows: what DynamoDB is asked, and what they refuse."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import NotSupportedError
from django.db.models import F

from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, MissingIndexError, RefusedError
from tests.integration.dynamodb.volumes import shelve
from tests.shelf import Arrival, VolumeItem


def test_what_no_index_answers_raises_and_names_the_index(volumes: Any, wire: Any) -> None:
    objects = volumes.Volume.objects
    with wire.count() as calls:
        with pytest.raises(MissingIndexError, match=r"hash stock and range price"):
            list(objects.filter(stock=3).order_by("price"))
        with pytest.raises(MissingIndexError, match="NOT, OR or XOR"):
            list(objects.exclude(listing="plays"))
        with pytest.raises(MissingIndexError, match="how many rows"):
            objects.filter(listing="plays").count()
        for refused in (
            "aggregate",
            "annotate",
            "values",
            "values_list",
            "update",
            "raw",
            "bulk_create",
            "dates",
        ):
            with pytest.raises(NotSupportedError):
                list(getattr(objects.filter(listing="plays").order_by("title_key"), refused)())
    assert calls.total == 0


def test_what_a_queryset_cannot_do_honestly_it_refuses(volumes: Any) -> None:
    shelve(3)
    fiction = volumes.Volume.objects.filter(listing="fiction").order_by("title_key")
    assert [row.name for row in fiction.reverse()] == ["Title 02", "Title 01", "Title 00"]
    assert fiction.last().name == "Title 02"
    assert len(list(fiction[:2].iterator())) == 2
    with pytest.raises(NotSupportedError):
        list(fiction.values("name").iterator())
    hits = fiction.hits(["fiction-02", "fiction-01"], total=2)
    for ask in (hits.filter, hits.exclude, hits.order_by):
        with pytest.raises(NotSupportedError):
            ask()
    for refused in (
        volumes.Volume.objects.filter(listing=F("name")),
        volumes.Volume.objects.filter(pk="b-1", name=F("title_key")),
    ):
        with pytest.raises(MissingIndexError):
            list(refused)


def test_a_list_ends_where_its_oldest_row_is_said_to_stand_and_still_leads_beyond(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str | None] = [None]
    path = replace(Arrival.source.paths[0], oldest=lambda: said[0])
    monkeypatch.setattr(Arrival.source, "paths", [path])
    newest_first = Arrival.objects.order_by("-added_key")
    with wire.count() as calls:
        page = newest_first.page(5)
    assert ([*page.items], page.ends, calls.dynamodb) == ([], True, 2)
    for year in ("2024", "2025", "2026"):
        item = VolumeItem(year, name=year, listing="x", title_key=year, price=Decimal(1))
        item.arrival_year = item.added_key = year
        item.save()
    for said[0], ends in ((None, False), ("", False), ("2024", False), ("2025", True)):
        page = newest_first.page(5)
        assert ([row.pk for row in page.items], page.ends) == (["2026", "2025"], ends), said
        rest = newest_first.page(5, page.after or "")
        assert [row.pk for row in rest.items] == ["2024"]
        assert rest.ends is bool(said[0])


def test_what_would_take_sql_raises_asked_asynchronously_too(volumes: Any, wire: Any) -> None:
    objects = volumes.Volume.objects
    fiction = objects.filter(listing="fiction")

    async def all_of(rows: Any) -> list[Any]:
        return [row async for row in rows]

    async def answer(ask: Any) -> Any:
        return await ask()

    with wire.count() as calls:
        for ask in (
            lambda: all_of(objects.all()),
            lambda: all_of(fiction.aiterator()),
            lambda: objects.aget(name="Emma"),
            lambda: objects.aupdate_or_create(pk="b-1"),
            fiction.acount,
            lambda: fiction.aupdate(stock=1),
            lambda: fiction.ain_bulk(["b-1"]),
            lambda: fiction.alatest("stock"),
            lambda: fiction.abulk_create([volumes.Volume(pk="b-1")]),
        ):
            with pytest.raises(NotSupportedError):
                async_to_sync(answer)(ask)
    assert calls.total == 0
    shelve(2)
    assert [row.name for row in async_to_sync(all_of)(fiction)] == ["Title 00", "Title 01"]
    assert async_to_sync(answer)(lambda: objects.aget(pk="fiction-01")).name == "Title 01"


def test_a_row_is_saved_and_deleted_as_djangos_rows_are(volumes: Any) -> None:
    shelve(1)
    row = volumes.Volume.objects.get(pk="fiction-00")
    row.name, row.stock = "Unsaved", 3
    row.save(update_fields=["stock"])
    row.refresh_from_db()
    assert (row.name, row.stock, row.version) == ("Title 00", 3, 2)
    with pytest.raises(ChangedMeanwhileError):
        volumes.Volume(pk="gone", name="New", version=1).save(update_fields=["name"])
    remark = volumes.Remark.objects.create(volume=row, reader_id="r-1", state="new", made_key="1")
    remark.state, remark.volume_id = "old", "another"
    remark.save(update_fields=["state"])
    assert volumes.Remark.objects.get(pk="fiction-00~r-1").state == "old"
    assert volumes.Volume.objects.filter(listing="fiction")[:1].count() == 1
    row.delete()
    row.isbn13 = "9780141439518"
    with pytest.raises(ChangedMeanwhileError):
        row.save()


def test_keys_are_read_as_keys_and_narrowed_in_memory(volumes: Any, wire: Any) -> None:
    shelve(4)
    objects = volumes.Volume.objects
    with wire.count() as calls:
        assert objects.get(pk="fiction-02").name == "Title 02"
        found = objects.filter(pk__in=["fiction-03", "fiction-01", "gone"], price__lt=9).order_by("name")
        assert [row.name for row in found] == ["Title 01", "Title 03"]
    assert calls.dynamodb == 2
    with pytest.raises(volumes.Volume.DoesNotExist):
        objects.get(pk="x" * 3000)


def test_a_value_that_only_one_row_may_have_is_claimed_with_the_row(volumes: Any) -> None:
    shelve(2)
    one, two = volumes.Volume.objects.filter(pk__in=["fiction-00", "fiction-01"])
    one.source.update(one, changed={"isbn13": "9780141439518"}, version=1)
    with pytest.raises(RefusedError) as refused:
        two.source.update(two, changed={"isbn13": "9780141439518"}, version=1)
    assert set(refused.value.problems) == {"isbn13"}
    with pytest.raises(ChangedMeanwhileError):
        one.source.update(one, changed={"isbn13": None}, version=1)
    one.source.update(one, changed={"isbn13": None}, version=2)
    two.source.update(two, changed={"isbn13": "9780141439518"}, version=1)


def test_a_new_row_claims_its_value_and_a_deleted_one_lets_it_go(volumes: Any) -> None:
    reader, objects = volumes.Reader, volumes.Reader.objects
    objects.create(pk="r-1", email="ada@example.com")
    with pytest.raises(RefusedError) as refused:
        objects.create(pk="r-2", email="ada@example.com")
    assert set(refused.value.problems) == {"email"}
    with pytest.raises(reader.DoesNotExist):
        objects.get(pk="r-2")
    with pytest.raises(ChangedMeanwhileError):
        objects.create(pk="r-1", email="bo@example.com")
    objects.create(pk="r-3", email="bo@example.com")  # a row that was not made has claimed nothing
    objects.get(pk="r-1").delete()
    assert objects.get_or_create(pk="r-2", email="ada@example.com")[1]
    assert not objects.get_or_create(pk="r-2", email="ada@example.com")[1]


def test_of_rows_made_at_once_with_one_value_one_is_made(volumes: Any) -> None:
    rows = [volumes.Reader(pk=f"r-{number}", email="ada@example.com") for number in range(6)]
    together = threading.Barrier(len(rows))

    def problems(row: Any) -> set[str]:
        together.wait()
        try:
            row.save()
        except RefusedError as refused:
            return set(refused.problems)
        return set()

    with ThreadPoolExecutor(len(rows)) as threads:
        outcomes = list(threads.map(problems, rows))
    assert sorted(map(len, outcomes)) == [0, 1, 1, 1, 1, 1]
    assert set().union(*outcomes) == {"email"}
    found = volumes.Reader.objects.filter(pk__in=[row.pk for row in rows])
    assert [row.pk for row in found] == [rows[outcomes.index(set())].pk]


def test_a_unique_value_is_let_go_by_the_row_that_holds_it_and_no_other(
    volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, objects = volumes.Reader.source, volumes.Reader.objects
    row = objects.create(pk="r-1", email="ada@example.com")
    read = source.get_many

    def overtaken(keys: Any) -> Any:
        found = read(keys)
        monkeypatch.setattr(source, "get_many", read)
        source.update(found[0], changed={"email": "bo@example.com"}, version=None)
        objects.create(pk="r-2", email="ada@example.com")
        return found

    monkeypatch.setattr(source, "get_many", overtaken)
    with pytest.raises(ChangedMeanwhileError):
        source.update(row, changed={"email": "cy@example.com"}, version=None)
    with pytest.raises(ChangedMeanwhileError):
        row.delete()  # as it was read
    with pytest.raises(RefusedError):
        objects.create(pk="r-3", email="ada@example.com")
    objects.get(pk="r-1").delete()
    for key, email in (("r-4", "bo@example.com"), ("r-5", "cy@example.com")):
        objects.create(pk=key, email=email)
