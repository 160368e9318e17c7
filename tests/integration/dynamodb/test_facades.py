"""The library without an application: lists, forms, actions and the log over a plain table."""

import html
import random
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import NotSupportedError
from django.db.models import F
from django.test import Client
from pynamodb.exceptions import PutError, TransactWriteError

from bookstore.dynamodb.admin import audit, options
from bookstore.dynamodb.admin.audit import Person
from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, MissingIndexError, RefusedError
from bookstore.dynamodb.admin.models import LogItem
from bookstore.dynamodb.tables import transaction
from tests.shelf import Part, VolumeItem

VOLUMES = "/admin/admin_on_dynamodb/volume/"


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return html.unescape(response.content.decode())


def names(page: str) -> list[str]:
    return re.findall(r'class="field-name"><a [^>]*>([^<]*)<', page)


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return VOLUMES + found[1] if found else None


def shelve(count: int, listing: str = "fiction") -> list[str]:
    made = [f"Title {number:02d}" for number in range(count)]
    for name in random.sample(made, count):
        volume(name, f"{listing}-{name[-2:]}", listing)
    return made


def volume(name: str, key: str, listing: str = "fiction") -> None:
    VolumeItem(
        key,
        name=name,
        listing=listing,
        title_key=f"{name.lower()}#{key}",
        price=Decimal("7.99"),
        stock=10,
        contributors=[Part(name="Jane Austen")],
    ).save()


def sent(page: str) -> dict[str, str]:
    """Return all hidden and text fields of a page's main form, as a browser sends them."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", page[page.index('method="post"', page.index('id="content"')) :]):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and "checkbox" not in tag and "submit" not in tag and name[1] != "select_across":
            found[name[1]] = value[1] if value else ""
    return found


def test_a_list_pages_both_ways_by_links_that_stay_good(owner: Client, volumes: Any, wire: Any) -> None:
    everything = shelve(13)
    shelve(2, "plays")
    address: str | None = f"{VOLUMES}?listing__exact=fiction"
    pages = []
    while address:
        with wire.count() as calls:
            page = text(owner.get(address))
        assert calls.dynamodb == 2
        pages.append((address, names(page), page))
        address = link(page, "next")
    assert [len(found) for _, found, _ in pages] == [5, 5, 3]
    assert [name for _, found, _ in pages for name in found] == everything
    back = text(owner.get(link(pages[2][2], "prev") or ""))
    assert names(back) == pages[1][1]
    first = text(owner.get(link(back, "prev") or ""))
    assert (names(first), link(first, "prev")) == (pages[0][1], None)
    VolumeItem.get("fiction-04").delete()
    assert names(text(owner.get(pages[1][0]))) == pages[1][1], "a link goes on behind a row that is gone"
    assert names(text(owner.get(f"{VOLUMES}?listing__exact=fiction&o=1")))[0] == "Title 00"


@pytest.mark.parametrize("cursor", ["x", "1:2:3", "9" * 4000, "é\x00", "'--"])
def test_a_bad_cursor_is_a_message_and_the_first_page(owner: Client, volumes: Any, cursor: str) -> None:
    shelve(6)
    page = text(owner.get(VOLUMES, {"listing__exact": "fiction", "p": cursor}))
    assert len(names(page)) == 5
    assert "This page is no longer good" in page


def test_a_cursor_of_another_list_is_a_message_too(owner: Client, volumes: Any) -> None:
    shelve(6)
    shelve(6, "plays")
    other = link(text(owner.get(f"{VOLUMES}?listing__exact=plays")), "next") or ""
    page = text(owner.get(other.replace("plays", "fiction")))
    assert "This page is no longer good" in page


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("nonsense=1", "There is no such filter"),
        ("listing__regex=a", "cannot be filtered by that"),
        ("name__exact=x", "cannot be filtered by that"),
        ("listing__exact=fiction&o=77", "cannot be sorted"),
        ("listing__exact=fiction&o=x", "cannot be sorted"),
        ("listing__exact=fiction&o=4", "cannot be sorted"),
        ("", "Choose a filter, or search"),
    ],
)
def test_an_unknown_filter_or_sort_is_a_message(owner: Client, volumes: Any, asked: str, told: str) -> None:
    shelve(1)
    page = text(owner.get(f"{VOLUMES}?{asked}"))
    assert told in page
    assert names(page) == (["Title 00"] if "fiction" in asked else [])


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
    for refused in (
        volumes.Volume.objects.filter(listing=F("name")),
        volumes.Volume.objects.filter(pk="b-1", name=F("title_key")),
    ):
        with pytest.raises(MissingIndexError):
            list(refused)


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


def test_rows_that_others_refer_to_are_read_together(clerk: Client, volumes: Any, wire: Any) -> None:
    shelve(3)
    for number in range(3):
        volumes.Remark.objects.create(
            volume_id=f"fiction-{number:02d}", reader_id="r", state="new", made_key=f"{number}"
        )
    with wire.count() as calls:
        page = text(clerk.get("/admin/admin_on_dynamodb/remark/?state__exact=new"))
    assert "Title 02" in page
    assert wire.dynamodb.requests[-calls.dynamodb :] == ["Query", "BatchGetItem"]


def test_a_scan_behind_a_page_of_the_admin_would_fail_any_of_these_tests(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, admins_scans: list[str]
) -> None:
    shelve(1)
    list(VolumeItem.scan())
    text(owner.get(f"{VOLUMES}fiction-00/change/"))
    assert admins_scans == [], "what a test scans itself is its own affair"
    get_many = volumes.Volume.source.get_many

    def scan_as_well(keys: Any) -> Any:
        return [*get_many(keys), *list(VolumeItem.scan())[1:]]

    monkeypatch.setattr(volumes.Volume.source, "get_many", scan_as_well)
    text(owner.get(f"{VOLUMES}fiction-00/change/"))
    assert admins_scans == [f"{VOLUMES}fiction-00/change/"]
    admins_scans.clear()


def test_dynamodb_is_asked_what_the_readme_says(owner: Client, volumes: Any, wire: Any) -> None:
    shelve(7)
    fiction, change = f"{VOLUMES}?listing__exact=fiction", f"{VOLUMES}fiction-00/change/"
    form, rows = sent(text(owner.get(change))), {**sent(text(owner.get(fiction))), "_save": "Save"}
    ticked = {"action": "put_up", "index": "0", "_selected_action": ["fiction-04", "fiction-05"]}
    volumes.FOUND[:] = ["fiction-00", "fiction-01"]
    page = ["Query", "BatchGetItem"]
    for told, ask in (
        (page, lambda: owner.get(fiction)),
        (["BatchGetItem"], lambda: owner.get(f"{VOLUMES}?q=title")),
        (["GetItem"], lambda: owner.get(change)),
        (["GetItem", "TransactWriteItems"], lambda: owner.post(change, {**form, "price": "9.50"})),
        (
            [*page, "BatchGetItem", "TransactWriteItems"],
            lambda: owner.post(fiction, {**rows, "form-1-stock": "4"}),
        ),
        (["GetItem", "Query"], lambda: owner.get(f"{VOLUMES}fiction-00/history/")),
        (["Query"], lambda: owner.get("/admin/")),
        (
            [*page, "BatchGetItem", *2 * ["TransactWriteItems", "PutItem"]],
            lambda: owner.post(fiction, ticked),
        ),
    ):
        before = len(wire.dynamodb.requests)
        assert ask().status_code in {200, 302}
        assert wire.dynamodb.requests[before:] == told


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


def test_an_action_over_all_pages_reports_what_failed(owner: Client, volumes: Any) -> None:
    shelve(13)
    answer = owner.post(
        f"{VOLUMES}?listing__exact=fiction",
        {"action": "put_up", "index": "0", "select_across": "1", "_selected_action": ["fiction-00"]},
        follow=True,
    )
    page = text(answer)
    assert "12 put up." in page
    assert "1 was not: Title 03: no threes" in page
    assert int(VolumeItem.get("fiction-12").stock) == 11
    assert int(VolumeItem.get("fiction-03").stock) == 10
    assert "Put up by one." in text(owner.get(f"{VOLUMES}fiction-12/history/"))


def test_an_action_takes_no_row_that_the_admin_does_not_show(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(1)
    shelve(1, "plays")
    monkeypatch.setattr(
        volumes.VolumeAdmin, "get_queryset", lambda *_: volumes.Volume.objects.filter(listing="fiction")
    )
    ticked = {"_selected_action": ["plays-00", "fiction-00"]}
    page = text(
        owner.post(
            f"{VOLUMES}?listing__exact=fiction", {"action": "put_up", "index": "0", **ticked}, follow=True
        )
    )
    assert "1 put up." in page
    owner.post(f"{VOLUMES}?listing__exact=fiction", {"action": "delete_selected", "post": "yes", **ticked})
    assert [row.pk for row in volumes.Volume.objects.filter(pk__in=["plays-00", "fiction-00"])] == [
        "plays-00"
    ]


def test_a_report_of_rows_with_long_names_is_not_lost(owner: Client, volumes: Any) -> None:
    keys = [f"b-{number}" for number in range(5)]
    for key in keys:
        volume(f"{secrets.token_hex(149)}3", key)
    asked = {"action": "put_up", "index": "0", "_selected_action": keys}
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", asked, follow=True))
    assert len(re.findall(r"[0-9a-f]{59}…: no threes", page)) == 5


@pytest.mark.parametrize("across", ["0", "1"])
def test_an_action_over_too_many_rows_does_nothing(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, across: str
) -> None:
    shelve(7)
    monkeypatch.setattr(options, "MOST_ROWS", 6)
    ticked = [f"fiction-{number:02d}" for number in range(7)]
    asked = {"action": "put_up", "index": "0", "select_across": across, "_selected_action": ticked}
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", asked, follow=True))
    assert "at most 6 rows at once" in page
    assert int(VolumeItem.get("fiction-00").stock) == 10


def test_as_many_rows_can_be_ticked_as_an_action_takes(owner: Client, volumes: Any) -> None:
    asked = {
        "action": "delete_selected",
        "_selected_action": [f"b-{n}" for n in range(options.MOST_ROWS + 1)],
    }
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", asked | {"post": "yes"}, follow=True))
    assert "at most 1000 rows at once" in page


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock by which an action's time is measured."""
    shown = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(options, "time", SimpleNamespace(monotonic=lambda: shown.seconds))
    return shown


def test_an_action_ends_before_the_gateway_hangs_up_and_says_what_is_left(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    shelve(6)
    asked = {"action": "put_up", "index": "0", "select_across": "1", "_selected_action": ["fiction-00"]}
    update = volumes.Volume.source.update

    def slow(row: Any, **kwargs: Any) -> None:
        clock.seconds += 9
        update(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "update", slow)
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", asked, follow=True))
    assert "3 put up." in page
    assert "It took too long: 3 are left, from Title 03 on. Run the action once more for them." in page
    assert clock.seconds < 29


def test_an_action_whose_rows_take_too_long_to_read_does_nothing(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    shelve(3)
    source = volumes.Volume.source
    get_many = source.get_many

    def slow(keys: Any) -> Any:
        clock.seconds += 9
        return get_many(keys)

    monkeypatch.setattr(source, "most_keys", 1, raising=False)
    monkeypatch.setattr(source, "get_many", slow)
    ticked = ["fiction-00", "fiction-01", "fiction-02", "gone"]
    asked = {"action": "put_up", "index": "0", "_selected_action": ticked}
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", asked, follow=True))
    assert "It took too long to read the rows: choose fewer. Nothing was done." in page
    assert int(VolumeItem.get("fiction-00").stock) == 10


def test_a_list_is_edited_in_place_and_shows_what_another_did(owner: Client, volumes: Any) -> None:
    shelve(2)
    address = f"{VOLUMES}?listing__exact=fiction"
    form = {**sent(text(owner.get(address))), "_save": "Save"}
    answer = owner.post(address, {**form, "form-0-stock": "4"})
    assert answer.status_code == 302
    assert [int(VolumeItem.get(each).stock) for each in ("fiction-00", "fiction-01")] == [4, 10]
    page = text(owner.post(address, {**form, "form-0-stock": "7"}))
    assert "Someone else changed this meanwhile to “4”" in page
    assert int(VolumeItem.get("fiction-00").stock) == 4


def test_a_list_that_is_sent_broken_is_shown_again_and_nothing_is_saved(owner: Client, volumes: Any) -> None:
    shelve(2)
    address = f"{VOLUMES}?listing__exact=fiction"
    form = {**sent(text(owner.get(address))), "_save": "Save"}
    form |= {"form-0-stock": "4", "form-1-stock": "5", "form-2-stock": "6"}
    for told, name, values in (
        ("Enter a whole number", "form-0-stock", ("x", "1e9", "²", "1.5", "<b>", " ")),
        ("This field is required", "form-0-stock", ("", None)),
        ("Someone else changed this meanwhile to “10”", "initial-form-0-stock", ("x", "9" * 400)),
        ("A row of this list is gone", "form-0-id", ("", "gone", "k" * 3000, "\0", "a~b", None)),
        ("A row of this list is gone", "form-INITIAL_FORMS", ("0", "-1", None)),
        ("A row of this list is gone", "form-TOTAL_FORMS", ("3",)),
        ("Hidden field TOTAL_FORMS", "form-TOTAL_FORMS", ("", "x", None)),
    ):
        for value in values:
            broken = {each: value for each, value in {**form, name: value}.items() if value is not None}
            assert told in text(owner.post(address, broken)), (name, value)
    assert [int(VolumeItem.get(each).stock) for each in ("fiction-00", "fiction-01")] == [10, 10]


def test_of_a_list_that_is_sent_only_what_it_edits_is_saved_by_whom_it_is_for(
    owner: Client, clerk: Client, volumes: Any, wire: Any
) -> None:
    shelve(3)
    address = f"{VOLUMES}?listing__exact=fiction"
    form = {**sent(text(owner.get(address))), "_save": "Save"}
    assert clerk.post(address, {**form, "form-0-stock": "4"}).status_code == 403
    with wire.count() as calls:
        owner.post(address, {**form, "form-0-stock": "4", "form-0-name": "Mine", "form-0-version": "9"})
    first = VolumeItem.get("fiction-00")
    assert (int(first.stock), first.name, int(first.version)) == (4, "Title 00", 2)
    assert calls.dynamodb == 4, "the list, its rows, those that are edited, one write"


def test_a_row_of_a_list_that_cannot_be_saved_does_not_stop_the_others(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(3)
    update = volumes.Volume.source.update

    def in_the_way(row: Any, **kwargs: Any) -> None:
        if row.pk == "fiction-00":
            raise RefusedError("it is lent")
        if row.pk == "fiction-01":
            VolumeItem(row.pk).update(actions=[VolumeItem.version.set(2), VolumeItem.stock.set(7)])
        update(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "update", in_the_way)
    address = f"{VOLUMES}?listing__exact=fiction"
    form = {**sent(text(owner.get(address))), "_save": "Save"}
    changes = {f"form-{number}-stock": "4" for number in range(3)}
    page = text(owner.post(address, form | changes, follow=True))
    assert "1 was saved." in page
    assert "Title 00: it is lent Title 01: Someone else changed it meanwhile." in page
    assert [int(VolumeItem.get(f"fiction-0{number}").stock) for number in range(3)] == [10, 7, 4]


def test_the_second_of_two_editors_is_told_what_the_first_did(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    first = second = sent(text(owner.get(address)))
    assert owner.post(address, {**first, "price": "9.50"}).status_code == 302
    page = text(owner.post(address, {**second, "name": "Renamed"}))
    assert "They changed: Price." in page
    assert (sent(page)["price"], sent(page)["name"]) == ("9.50", "Renamed")
    assert VolumeItem.get("fiction-00").name == "Title 00"
    assert owner.post(address, sent(page)).status_code == 302
    book = VolumeItem.get("fiction-00")
    assert (book.name, str(book.price), int(book.version)) == ("Renamed", "9.50", 3)
    page = text(owner.post(address, {**second, "price": "1.00"}))
    assert "Someone else changed this meanwhile to “9.50”" in page


def test_a_form_that_is_sent_twice_is_saved_once_whoever_comes_between(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes.VolumeAdmin, "inlines", [])
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    mine, theirs = {**form, "name": "Renamed"}, {**form, "_seen": "2", "price": "9.50"}
    assert owner.post(address, mine).status_code == 302
    assert owner.post(address, {**theirs, "name": "Renamed", "initial-name": "Renamed"}).status_code == 302
    assert owner.post(address, mine).status_code == 302
    row = VolumeItem.get("fiction-00")
    assert (row.name, str(row.price), int(row.version)) == ("Renamed", "9.50", 3)
    assert len(list(LogItem.query(f"{volumes.APP}.volume#fiction-00"))) == 2
    page = text(owner.post(address, {**mine, "name": "Renamed again"}))
    assert "Someone else changed this meanwhile to “Renamed”" in page


def test_two_forms_sent_at_once_from_one_click_are_one_change(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes.VolumeAdmin, "inlines", [])
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    mine = {**sent(text(owner.get(address))), "name": "Renamed"}
    update, raced = volumes.Volume.source.update, []

    def overtaken(row: Any, **kwargs: Any) -> None:
        if not raced:
            raced.append(row)
            VolumeItem("fiction-00").update(
                actions=[VolumeItem.version.set(2), VolumeItem.name.set("Renamed")]
            )
        update(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "update", overtaken)
    assert owner.post(address, mine).status_code == 302
    assert int(VolumeItem.get("fiction-00").version) == 2


def test_a_change_between_reading_and_writing_is_shown_too(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    update, raced = volumes.Volume.source.update, []

    def overtaken(row: Any, **kwargs: Any) -> None:
        if not raced:
            raced.append(row)
            VolumeItem("fiction-00").update(actions=[VolumeItem.version.set(2), VolumeItem.stock.set(3)])
        update(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "update", overtaken)
    page = text(owner.post(address, {**form, "name": "Mine"}))
    assert "They changed: Stock." in page
    assert VolumeItem.get("fiction-00").name == "Title 00"


def test_what_save_model_sets_is_stored_and_logged_with_the_form(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stamped(_self: Any, _request: Any, obj: Any, _form: Any, _change: bool) -> None:
        obj.listing = "plays"

    monkeypatch.setattr(volumes.VolumeAdmin, "save_model", stamped)
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    assert owner.post(address, {**form, "price": "9.50"}).status_code == 302
    row = VolumeItem.get("fiction-00")
    assert (row.listing, str(row.price), row.name) == ("plays", "9.50", "Title 00")
    history = text(owner.get(f"{VOLUMES}fiction-00/history/"))
    assert "Price changed from “7.99” to “9.50”. Listing changed from “fiction” to “plays”." in history
    form = sent(text(owner.get(address)))
    assert owner.post(address, form).status_code == 302
    assert int(VolumeItem.get("fiction-00").version) == 2, "it says so already: nothing is written"


def test_a_change_without_its_trace_does_not_happen(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    LogItem.delete_table()
    with pytest.raises(TransactWriteError):
        owner.post(address, {**form, "name": "Untraced"})
    assert VolumeItem.get("fiction-00").name == "Title 00"


def test_a_list_inside_a_row_is_edited_with_it_in_one_write(owner: Client, volumes: Any, wire: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    page = text(owner.get(address))
    form = sent(page)
    prefix = (
        "part_set"
        if "part_set-TOTAL_FORMS" in form
        else next(name.removesuffix("-TOTAL_FORMS") for name in form if name.endswith("-TOTAL_FORMS"))
    )
    assert form[f"{prefix}-0-name"] == "Jane Austen"
    with wire.count() as calls:
        answer = owner.post(
            address,
            {
                **form,
                f"{prefix}-1-name": "Hugh Thomson",
                f"{prefix}-1-role": "illustrator",
            },
        )
    assert answer.status_code == 302, text(answer)
    assert calls.dynamodb == 2
    people = VolumeItem.get("fiction-00").contributors
    assert [(each.name, each.role) for each in people] == [
        ("Jane Austen", "author"),
        ("Hugh Thomson", "illustrator"),
    ]
    assert "Hugh Thomson" in text(owner.get(f"{VOLUMES}fiction-00/history/"))
    form = sent(text(owner.get(address)))
    assert owner.post(address, {**form, f"{prefix}-0-DELETE": "on"}).status_code == 302
    assert [each.name for each in VolumeItem.get("fiction-00").contributors] == ["Hugh Thomson"]


def test_a_list_that_another_changed_is_shown_as_it_is_stored(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    mine = sent(text(owner.get(address)))
    prefix = next(name.removesuffix("-TOTAL_FORMS") for name in mine if name.endswith("-TOTAL_FORMS"))
    assert owner.post(address, {**mine, f"{prefix}-0-DELETE": "on"}).status_code == 302
    page = text(owner.post(address, {**mine, f"{prefix}-0-name": "Miss Austen"}))
    assert "shows what is stored now" in page
    assert "Miss Austen" not in page
    assert owner.post(address, sent(page)).status_code == 302
    assert VolumeItem.get("fiction-00").contributors == []


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


def test_search_comes_from_the_hook_with_numbered_pages(owner: Client, volumes: Any, wire: Any) -> None:
    shelve(8)
    volumes.FOUND[:] = [f"fiction-{number:02d}" for number in (7, 6, 5, 4, 3, 2, 1)]
    with wire.count() as calls:
        page = text(owner.get(f"{VOLUMES}?q=title&p=2"))
    assert names(page) == ["Title 02", "Title 01"]
    assert "7 volumes" in page
    assert calls.dynamodb == 1
    assert "Search is having a rest." in text(owner.get(f"{VOLUMES}?q=away"))


def test_a_reference_is_completed_while_typing(owner: Client, volumes: Any) -> None:
    shelve(2)
    volumes.FOUND[:] = ["fiction-01"]
    asked = {"app_label": volumes.APP, "model_name": "remark", "field_name": "volume", "term": "titl"}
    answer = owner.get("/admin/autocomplete/", asked).json()
    assert answer == {"results": [{"id": "fiction-01", "text": "Title 01"}], "pagination": {"more": False}}
    answer = owner.get("/admin/autocomplete/", {**asked, "term": ""}).json()
    assert answer == {"results": [], "pagination": {"more": False}}


def test_a_completion_that_is_asked_for_wrongly_is_refused(owner: Client, volumes: Any, wire: Any) -> None:
    volumes.FOUND[:] = [f"gone-{number}" for number in range(30)]
    good = {"app_label": volumes.APP, "model_name": "remark", "field_name": "volume", "term": "titl"}
    for status, name, values in (
        (200, "term", ("\0", "x" * 5000, "<script>", "'; --", "%", "away", "é\u202e")),
        (404, "page", ("0", "-1", "3", "99999", "9" * 400, "x", "²", "\0")),
        (403, "app_label", ("", "x" * 5000, "\0", "auth", None)),
        (403, "model_name", ("", "x" * 5000, "\0", "reader", "../", None)),
        (403, "field_name", ("", "x" * 5000, "\0", "reader_id", "volume__name", "pk", "__class__", None)),
    ):
        for value in values:
            asked = {**good, name: value}
            with wire.count() as calls:
                answer = owner.get(
                    "/admin/autocomplete/", {key: each for key, each in asked.items() if each is not None}
                )
            assert answer.status_code == status, (name, value)
            assert calls.dynamodb <= 1


def test_a_completion_is_for_whoever_may_see_what_it_completes(owner: Client, volumes: Any) -> None:
    asked = {"app_label": volumes.APP, "model_name": "remark", "field_name": "volume", "term": "titl"}
    for person, status in (("clerk", 200), ("moderator", 403), ("reader", 302), ("", 302)):
        answer = Client(headers={"x-person": person}).get("/admin/autocomplete/", asked)
        assert answer.status_code == status, person
    assert owner.post("/admin/autocomplete/", asked).status_code == 405


def test_a_key_is_typed_once_and_a_row_that_may_not_go_keeps_its_place_in_a_selection(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(2)
    remarks, form = (
        "/admin/admin_on_dynamodb/remark/",
        {"volume": "fiction-00", "state": "new", "made_key": "1"},
    )
    assert owner.post(f"{remarks}add/", {**form, "reader_id": "r-1"}).status_code == 302
    page = text(owner.get(f"{remarks}fiction-00~r-1/change/"))
    assert not {"volume", "reader_id"} & sent(page).keys()
    changes = {**sent(page), "reader_id": "r-2", "volume": "fiction-01", "state": "old"}
    assert owner.post(f"{remarks}fiction-00~r-1/change/", changes).status_code == 302
    assert volumes.Remark.objects.get(pk="fiction-00~r-1").state == "old"
    again = {**form, "reader_id": "r-1", "_saveasnew": "1"}
    page = text(owner.post(f"{remarks}fiction-00~r-1/change/", again))
    assert "There is such a row already." in page
    admin = volumes.site._registry[volumes.Volume]
    monkeypatch.setattr(
        admin, "has_delete_permission", lambda request, row=None: not row or row.pk != "fiction-01"
    )
    asked = {"action": "delete_selected", "_selected_action": ["fiction-00", "fiction-01"], "post": "yes"}
    assert owner.post(f"{VOLUMES}?listing__exact=fiction", asked).status_code == 403
    assert VolumeItem.get("fiction-00")


def test_deleting_leaves_its_trace(owner: Client, volumes: Any) -> None:
    shelve(1)
    page = text(owner.get(f"{VOLUMES}fiction-00/delete/"))
    assert "Title 00" in page
    assert owner.post(f"{VOLUMES}fiction-00/delete/", {"post": "yes"}).status_code == 302
    with pytest.raises(VolumeItem.DoesNotExist):
        VolumeItem.get("fiction-00")
    front = text(owner.get("/admin/"))
    assert "deletelink" in front
    assert "Title 00" in front


def test_a_selection_is_deleted_and_what_could_not_go_is_told(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(3)
    address = f"{VOLUMES}?listing__exact=fiction"
    asked = {"action": "delete_selected", "_selected_action": ["fiction-00", "fiction-01"]}
    assert "Are you sure" in text(owner.post(address, {**asked, "index": "0"}))
    delete = volumes.Volume.source.delete

    def refuse_one(row: Any, **kwargs: Any) -> None:
        if row.pk == "fiction-01":
            raise RefusedError("it is lent")
        delete(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "delete", refuse_one)
    page = text(owner.post(address, {**asked, "post": "yes"}, follow=True))
    assert "1 was deleted." in page
    assert "1 was not: Title 01: it is lent" in page
    assert names(page) == ["Title 01", "Title 02"]


def test_who_may_only_look_gets_a_403_by_address_too(clerk: Client, volumes: Any) -> None:
    shelve(1)
    assert names(text(clerk.get(f"{VOLUMES}?listing__exact=fiction"))) == ["Title 00"]
    assert "_save" not in text(clerk.get(f"{VOLUMES}fiction-00/change/"))
    assert clerk.post(f"{VOLUMES}fiction-00/change/", {"name": "Mine"}).status_code == 403
    assert clerk.get(f"{VOLUMES}add/").status_code == 403
    assert clerk.post(f"{VOLUMES}fiction-00/delete/", {"post": "yes"}).status_code == 403
    reader = Client(headers={"x-person": "reader"})
    assert reader.get("/admin/", follow=True).status_code == 403
    stranger = Client().get("/admin/login/", {"next": "/admin/"}).headers["Location"]
    assert stranger == f"{settings.LOGIN_URL}?next=%2Fadmin%2F"


def test_a_long_history_leads_to_its_older_entries(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, wire: Any
) -> None:
    monkeypatch.setattr(audit, "ENTRIES_SHOWN", 2)
    shelve(1)
    row = volumes.Volume.objects.get(pk="fiction-00")
    for number in range(5):
        at = datetime(2026, 11, 28, 12, number, tzinfo=UTC)
        audit.store(
            audit.entry(user=Person("o-1", "Olga"), row=row, kind="changed", message=f"No. {number}.", at=at)
        )
    address, shown = f"{VOLUMES}fiction-00/history/", []
    while address:
        with wire.count() as calls:
            page = text(owner.get(address))
        assert calls.dynamodb == 2
        shown.append(re.findall(r"No\. (\d)\.", page))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"{VOLUMES}fiction-00/history/{found[1]}" if found else ""
    assert shown == [["4", "3"], ["2", "1"], ["0"]]
    assert 'href="?">Newest entries' in page
    assert "No. 4." in text(owner.get(f"{VOLUMES}fiction-00/history/?before={'z' * 3000}"))


def test_an_entry_of_the_log_is_written_once_and_never_over(volumes: Any) -> None:
    item = audit.entry_of(label="notes.note", key="n-1", shown="", user=Person("o-1", "Olga"), kind="changed")
    audit.store(item)
    item.message = "Nothing happened."
    with pytest.raises(PutError):
        audit.store(item)
    with pytest.raises(TransactWriteError), transaction() as write:
        audit.record(write, item)
    assert [each.item.message for each in audit.history("notes.note", "n-1")] == [""]


def test_djangos_detour_to_a_row_by_its_content_type_leads_nowhere(owner: Client, volumes: Any) -> None:
    shelve(1)
    (number,) = {each.pk for each in ContentType.objects.get_for_models(volumes.Volume).values()}
    assert owner.get(f"/admin/r/{number}/fiction-00/").status_code == 404
    assert owner.get("/admin/r/x/y/").status_code == 404


def carried(page: str) -> dict[str, str]:
    """Return what a tool's form carries along."""
    return dict(re.findall(r'<input type="hidden" name="(_seen|_token)" value="([^"]*)"', page))


def test_a_tool_asks_acts_and_is_logged_and_says_what_stood_in_its_way(
    owner: Client, volumes: Any, wire: Any
) -> None:
    volume("Emma", "b-e")
    change, lend = f"{VOLUMES}b-e/change/", f"{VOLUMES}b-e/do/lend/"
    assert f'href="{lend}"' in text(owner.get(change))
    form = {**carried(text(owner.get(lend))), "reader": "Cy"}
    refused = text(owner.post(lend, {**form, "reader": "Bo"}))
    assert "Bo never brings them back." in refused
    assert (carried(refused)["_seen"], carried(refused)["_token"] == form["_token"]) == (form["_seen"], False)
    assert "This field is required." in text(owner.post(lend, {**form, "reader": ""}))
    for forged in ({"_token": "x"}, {"_token": ""}, {"_seen": ""}, {"_seen": "²"}):
        assert "This form is broken." in text(owner.post(lend, {**form, **forged}))
    assert volumes.LENT == []
    with wire.count() as calls:
        answer = owner.post(lend, form)
    assert (answer.headers["Location"], calls.dynamodb) == (change, 2)
    assert [("b-e", "Cy", form["_token"])] == volumes.LENT
    assert [each.message for each in LogItem.query(f"{volumes.APP}.volume#b-e")] == ["Lent."]
    assert "It was lent by Ada." in text(owner.post(lend, form, follow=True))
    assert "nothing to do any more" in text(owner.get(lend, follow=True))
    assert f'href="{lend}"' not in text(owner.get(change))


def test_a_tool_that_asks_nothing_is_a_button_and_one_without_the_right_is_a_403(
    owner: Client, volumes: Any, clerk: Client
) -> None:
    volume("Emma", "b-e")
    change, dust = f"{VOLUMES}b-e/change/", f"{VOLUMES}b-e/do/dust/"
    page = text(owner.get(change))
    assert f'<form method="post" action="{dust}">' in page
    assert "Emma is clean." in text(owner.post(dust, carried(page), follow=True))
    assert owner.get(dust).headers["Location"] == change
    assert "do/dust" in text(clerk.get(change))
    assert "do/lend" not in text(clerk.get(change))
    assert {
        clerk.get(f"{VOLUMES}b-e/do/lend/").status_code,
        clerk.post(f"{VOLUMES}b-e/do/lend/").status_code,
    } == {403}
    assert owner.put(dust).status_code == 405


def test_a_page_of_ones_own_has_a_frame_and_tools_and_is_for_whom_it_says(
    owner: Client, volumes: Any, clerk: Client
) -> None:
    volume("Emma", "b-e")
    report, shelf, count = f"{VOLUMES}report/", f"{VOLUMES}b-e/shelf/", f"{VOLUMES}b-e/do/count/"
    assert '<li aria-current="page">Report</li>' in text(owner.get(report))
    assert [person.get(report).status_code for person in (clerk, Client())] == [403, 302]
    page = text(owner.get(shelf))
    assert f'<li><a href="{VOLUMES}b-e/change/">Emma</a></li>' in page
    assert f'<form method="post" action="{count}"' in page
    assert "do/count" not in text(owner.get(f"{VOLUMES}b-e/change/")) + text(clerk.get(shelf))
    assert Client().get(shelf).status_code == 302
    for nobody in ("nobody", "x" * 3000, "%00"):
        gone = text(owner.get(f"{VOLUMES}{nobody}/shelf/", follow=True))
        assert "exist" in gone
    form = carried(page) | {"counted": "4"}
    VolumeItem("b-e").update(actions=[VolumeItem.stock.set(9)])
    told = text(owner.post(count, form))
    assert "There are 9 now." in told
    assert 'value="4"' in told
    answer = owner.post(count, form | carried(told))  # which is an informed decision
    assert answer.headers["Location"] == shelf
    assert int(VolumeItem.get("b-e").stock) == 4
    assert 'name="reader" value="Cy"' in text(owner.get(f"{VOLUMES}b-e/do/lend/?reader=Cy&_token=x"))
