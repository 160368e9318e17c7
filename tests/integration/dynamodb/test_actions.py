"""Actions over a selection, deletion among them: what they take, how long, and what they report."""

import re
import secrets
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from bookstore.dynamodb.admin import options
from bookstore.dynamodb.admin.errors import MissingIndexError, RefusedError
from tests.integration.dynamodb.volumes import VOLUMES, names, sent, shelve, text, volume
from tests.shelf import RemarkItem, VolumeItem


@pytest.mark.parametrize("order", ["", "&o=4"])  # no index has the latter
def test_an_action_over_all_pages_reports_what_failed(owner: Client, volumes: Any, order: str) -> None:
    shelve(13)
    answer = owner.post(
        f"{VOLUMES}?listing__exact=fiction{order}",
        {"action": "put_up", "index": "0", "select_across": "1", "_selected_action": ["fiction-00"]},
        follow=True,
    )
    page = text(answer)
    assert "12 put up." in page
    assert "Nothing was done with Title 03: no threes" in page
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


def test_an_action_may_take_those_of_its_rows_that_it_filters_and_no_others(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(3)
    VolumeItem("fiction-01").update(actions=[VolumeItem.stock.set(0)])
    VolumeItem("fiction-02").update(actions=[VolumeItem.stock.set(0)])
    taken: list[list[str]] = []

    @admin.action(permissions=["change"])
    def sold_out(_self: Any, _request: Any, queryset: Any) -> None:
        by_key = (queryset.filter(pk="fiction-00"), queryset.filter(pk__in=["fiction-01", "fiction-02"]))
        some = (queryset.filter(stock=0), queryset.order_by("-name"), *by_key)
        taken.extend([row.pk for row in rows] for rows in some)
        with pytest.raises(MissingIndexError):
            list(queryset.exclude(stock=0))

    monkeypatch.setattr(volumes.VolumeAdmin, "put_up", sold_out)
    asked = {"action": "put_up", "index": "0", "_selected_action": ["fiction-00", "fiction-01"]}
    owner.post(f"{VOLUMES}?listing__exact=fiction", asked)
    assert taken == [["fiction-01"], ["fiction-01", "fiction-00"], ["fiction-00"], ["fiction-01"]]


@pytest.mark.parametrize("asked", ["nonsense=1", "listing__exact=gone&nonsense=1&q=title", "stock__gt=1"])
def test_an_action_over_all_pages_of_a_list_that_is_not_there_is_not_done_to_another(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    shelve(1)
    monkeypatch.setattr(
        volumes.VolumeAdmin, "get_queryset", lambda *_: volumes.Volume.objects.filter(listing="fiction")
    )
    chosen = {"action": "put_up", "index": "0", "_selected_action": ["fiction-00"]}
    page = text(owner.post(f"{VOLUMES}?{asked}", {**chosen, "select_across": "1"}, follow=True))
    assert "This is not the list that you chose from. Nothing was done." in page
    assert (names(page), int(VolumeItem.get("fiction-00").stock)) == (["Title 00"], 10)
    page = text(owner.post(f"{VOLUMES}?{asked}", chosen, follow=True))
    assert "1 put up." in page, "what was ticked is meant"
    assert page.count('<li class="warning">') == 1, "the list's, once"


@pytest.mark.parametrize(
    ("asked", "told"), [("", "There is no list of just these"), ("q=title", "tick rows, or filter instead")]
)
def test_an_action_over_what_is_no_list_says_so_to_a_person(
    owner: Client, volumes: Any, asked: str, told: str
) -> None:
    chosen = {"action": "put_up", "index": "0", "select_across": "1", "_selected_action": ["fiction-00"]}
    assert told in text(owner.post(f"{VOLUMES}?{asked}", chosen, follow=True))


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
    assert "at most 1,000 rows at once" in page


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
    assert "It took too long: 3 are left, from Title 03 on. Do the same once more for them." in page
    assert clock.seconds < 29
    rows = {**sent(text(owner.get(f"{VOLUMES}?listing__exact=fiction"))), "_save": "Save"}
    rows |= {f"form-{number}-stock": "4" for number in range(5)}
    page = text(owner.post(f"{VOLUMES}?listing__exact=fiction", rows, follow=True))
    assert "3 volumes were saved." in page
    assert "It took too long: 2 are left, from Title 03 on." in page


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


def test_a_selection_with_a_row_that_may_not_go_stays(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(2)
    monkeypatch.setattr(
        volumes.site._registry[volumes.Volume],
        "has_delete_permission",
        lambda request, row=None: not row or row.pk != "fiction-01",
    )
    asked = {"action": "delete_selected", "_selected_action": ["fiction-00", "fiction-01"], "post": "yes"}
    assert owner.post(f"{VOLUMES}?listing__exact=fiction", asked).status_code == 403
    assert VolumeItem.get("fiction-00")


def test_a_selection_is_deleted_and_what_could_not_go_is_told(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(3)
    address = f"{VOLUMES}?listing__exact=fiction"
    asked = {"action": "delete_selected", "_selected_action": ["fiction-00", "fiction-01", "fiction-02"]}
    page = text(owner.post(address, {**asked, "index": "0"}))
    assert "Are you sure you want to delete the selected volumes?" in page
    VolumeItem("fiction-02").update(actions=[VolumeItem.version.set(2)])
    delete = volumes.Volume.source.delete

    def refuse_one(row: Any, **kwargs: Any) -> None:
        if row.pk == "fiction-01":
            raise RefusedError("it is lent")
        delete(row, **kwargs)

    monkeypatch.setattr(volumes.Volume.source, "delete", refuse_one)
    page = text(owner.post(address, {**sent(page), **asked}, follow=True))
    assert "1 volume was deleted." in page
    assert "Title 01: it is lent Title 02: Someone else changed it meanwhile." in page
    assert names(page) == ["Title 01", "Title 02"]


def test_ticked_rows_without_a_version_are_deleted_only_with_the_values_that_were_seen(
    owner: Client, volumes: Any
) -> None:
    for reader in ("r-1", "r-2"):
        RemarkItem("v-1", reader, state="new", made_key="1").save()
    address = "/admin/admin_on_dynamodb/remark/"
    asked = {"action": "delete_selected", "_selected_action": ["v-1~r-1", "v-1~r-2"]}
    form = {**sent(text(owner.post(address, {**asked, "index": "0"}))), **asked}
    RemarkItem("v-1", "r-1").update(actions=[RemarkItem.state.set("shown")])
    for broken in ("", form["_stamps"].split()[1], "1 x"):
        assert "This form is broken" in text(owner.post(address, {**form, "_stamps": broken}, follow=True))
    page = text(owner.post(address, form, follow=True))
    assert "1 remark was deleted." in page
    assert "Someone else changed it meanwhile." in page
    assert [row.pk for row in volumes.Remark.objects.filter(volume="v-1")] == ["v-1~r-1"]


def test_whoever_is_asked_about_a_row_that_another_changes_meanwhile_deletes_nothing_unseen(
    owner: Client, volumes: Any
) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/delete/"
    asked = sent(text(owner.get(address)))
    VolumeItem("fiction-00").update(actions=[VolumeItem.version.set(2), VolumeItem.name.set("Renamed")])
    page = text(owner.post(address, asked, follow=True))
    assert "Someone else saved this meanwhile, and it was not deleted. They changed: Name." in page
    assert "Are you sure you want to delete the volume “Renamed”?" in page
    VolumeItem("fiction-00").update(actions=[VolumeItem.version.set(3)])  # with something that no form shows
    page = text(owner.post(address, sent(page), follow=True))
    assert "and it was not deleted." in page
    assert owner.post(address, sent(page)).headers["Location"] == VOLUMES
    RemarkItem("v-1", "r-1", state="new", made_key="1").save()  # which has no version
    address = "/admin/admin_on_dynamodb/remark/v-1~r-1/delete/"
    asked = sent(text(owner.get(address)))
    RemarkItem("v-1", "r-1").update(actions=[RemarkItem.state.set("shown")])
    assert "They changed: State." in text(owner.post(address, asked, follow=True))
