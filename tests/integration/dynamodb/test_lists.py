"""Lists: their pages, filters, search and completion, and what is edited in them."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from bookstore.dynamodb.admin.errors import RefusedError
from tests.integration.dynamodb.volumes import VOLUMES, link, names, sent, shelve, text
from tests.shelf import VolumeItem


@pytest.mark.parametrize(("ordering", "asked"), [([], ""), (["-stock"], ""), ([], "&o=4")])
def test_a_list_pages_both_ways_by_links_that_stay_good_also_where_no_index_has_its_order(
    owner: Client, volumes: Any, wire: Any, monkeypatch: pytest.MonkeyPatch, ordering: list[str], asked: str
) -> None:
    monkeypatch.setattr(volumes.VolumeAdmin, "ordering", ordering)
    everything = shelve(13)
    shelve(2, "plays")
    address: str | None = f"{VOLUMES}?listing__exact=fiction{asked}"
    pages = []
    while address and len(pages) < 4:
        with wire.count() as calls:
            page = text(owner.get(address))
        assert calls.dynamodb == 2
        assert ("cannot be sorted" in page) == bool(asked)
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


def test_a_heading_sorts_by_its_column_alone_and_shows_which_way(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = shelve(3)
    for name, value in (("list_display", ["name", "price", "title_key"]), ("list_editable", [])):
        monkeypatch.setattr(volumes.VolumeAdmin, name, value)

    def follow(page: str) -> str:
        (heading,) = re.findall(r'<a role="button" href="([^"]+)">', page)
        return text(owner.get(VOLUMES + heading))

    page = text(owner.get(f"{VOLUMES}?listing__exact=fiction"))
    for ascending in (True, False, True):
        assert names(page) == (everything if ascending else everything[::-1])
        assert re.findall(r"sorted (\w+)", page) == ["ascending" if ascending else "descending"]
        assert "cannot be sorted" not in page
        page = follow(page)
    # As Django's headings have it, what was sorted by before comes second.
    for asked, told in (("3.-2", False), ("", False), ("-2.3", True)):
        page = text(owner.get(f"{VOLUMES}?listing__exact=fiction&o={asked}"))
        assert (names(page), "cannot be sorted" in page) == (everything, told), asked


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
    assert "1 volume was saved." in page
    assert "Title 00: it is lent Title 01: Someone else changed it meanwhile." in page
    assert [int(VolumeItem.get(f"fiction-0{number}").stock) for number in range(3)] == [10, 7, 4]


def test_search_comes_from_the_hook_with_numbered_pages(owner: Client, volumes: Any, wire: Any) -> None:
    shelve(8)
    volumes.FOUND[:] = [f"fiction-{number:02d}" for number in (7, 6, 5, 4, 3, 2, 1)]
    with wire.count() as calls:
        page = text(owner.get(f"{VOLUMES}?q=title&p=2"))
    assert names(page) == ["Title 02", "Title 01"]
    assert "7 volumes" in page
    assert calls.dynamodb == 1
    assert "Search is having a rest." in text(owner.get(f"{VOLUMES}?q=away&p=2"))


@pytest.mark.parametrize(
    ("number", "good"), [("3", False), ("999", False), ("0", True), ("-1", True), ("x", True)]
)
def test_a_page_that_a_search_does_not_have_is_its_first(
    owner: Client, volumes: Any, number: str, good: bool
) -> None:
    shelve(7)
    volumes.FOUND[:] = [f"fiction-{each:02d}" for each in range(7)]
    page = text(owner.get(f"{VOLUMES}?q=title&p={number}"))
    assert names(page) == [f"Title {each:02d}" for each in range(5)]
    assert 'aria-current="page">1<' in page
    assert ("This page is no longer good" in page) is not good


def test_a_search_within_what_the_search_engine_cannot_narrow_says_so_to_a_person(
    owner: Client, volumes: Any
) -> None:
    page = text(owner.get(f"{VOLUMES}?q=title&listing__exact=fiction&title_key__gte=a"))
    assert "A search cannot be narrowed by that filter" in page
    assert "title_key__gte." not in page


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
