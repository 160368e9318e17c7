"""Forms: others' changes, embedded lists, and what is written with the row."""

from typing import Any

import pytest
from django.test import Client

from bookstore.dynamodb.admin.models import LogItem
from bookstore.dynamodb.tables import nothing_beside
from tests.integration.dynamodb.volumes import VOLUMES, sent, shelve, text
from tests.shelf import VolumeItem

LIST = "-1"  # what Django begins the names of the inline's fields with: a volume has no name for its rows


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


def test_a_form_that_is_sent_twice_is_saved_once_whoever_comes_between(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    mine = {**form, "name": "Renamed", f"{LIST}-1-name": "Hugh Thomson", f"{LIST}-1-role": "illustrator"}
    assert owner.post(address, mine).status_code == 302
    theirs = sent(text(owner.get(address)))
    assert owner.post(address, {**theirs, "price": "9.50"}).status_code == 302
    assert owner.post(address, mine).status_code == 302
    row = VolumeItem.get("fiction-00")
    assert (row.name, str(row.price), int(row.version)) == ("Renamed", "9.50", 3)
    assert [each.name for each in row.contributors] == ["Jane Austen", "Hugh Thomson"]
    assert len(list(LogItem.query(f"{volumes.APP}.volume#fiction-00"))) == 2
    page = text(owner.post(address, {**mine, "name": "Renamed again"}))
    assert "Someone else changed this meanwhile to “Renamed”" in page
    assert "shows what is stored now" not in page
    assert "shows what is stored now" in text(owner.post(address, {**mine, f"{LIST}-1-name": "Ada"}))


def test_a_form_for_a_new_row_that_is_sent_twice_makes_one_and_says_so_unless_it_says_something_else(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = ["id", "name", "listing", "title_key", "price", "stock", "isbn13"]
    monkeypatch.setattr(volumes.VolumeAdmin, "fields", fields)
    form = {**sent(text(owner.get(f"{VOLUMES}add/"))), "id": "b-e", "name": "Emma", "listing": "fiction"}
    form |= {"title_key": "emma", "price": "7.99", "isbn13": "9780141439587"}
    form |= {f"{LIST}-0-name": "Jane Austen", f"{LIST}-0-role": "author"}
    for _twice in range(2):
        assert "was added" in text(owner.post(f"{VOLUMES}add/", form, follow=True))
    for changed in (
        {"price": "8.99"},
        {f"{LIST}-0-name": "Ada"},
        {f"{LIST}-0-name": "", f"{LIST}-0-role": ""},
    ):
        assert "There is such a row already." in text(owner.post(f"{VOLUMES}add/", {**form, **changed}))
    assert [each.name for each in VolumeItem.get("b-e").contributors] == ["Jane Austen"]
    assert len(list(LogItem.query(f"{volumes.APP}.volume#b-e"))) == 1


def test_two_forms_sent_at_once_from_one_click_are_one_change(
    owner: Client, volumes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    mine = {**sent(text(owner.get(address))), "name": "Renamed", "isbn13": "9780141439518"}
    mine |= {f"{LIST}-0-DELETE": "on"}
    update, raced = volumes.Volume.source.update, []

    def overtaken(row: Any, **kwargs: Any) -> None:
        if not raced:
            raced.append(row)
            update(row, **{**kwargs, "beside": nothing_beside})
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
    assert "Price changed from “7.99” to “9.50”. Listing changed from “Fiction” to “Plays”." in history
    form = sent(text(owner.get(address)))
    assert owner.post(address, form).status_code == 302
    assert int(VolumeItem.get("fiction-00").version) == 2, "it says so already: nothing is written"


def test_a_list_inside_a_row_is_edited_with_it_in_one_write(owner: Client, volumes: Any, wire: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    assert form[f"{LIST}-0-name"] == "Jane Austen"
    with wire.count() as calls:
        answer = owner.post(
            address, {**form, f"{LIST}-1-name": "Hugh Thomson", f"{LIST}-1-role": "illustrator"}
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
    assert owner.post(address, {**form, f"{LIST}-0-DELETE": "on"}).status_code == 302
    assert [each.name for each in VolumeItem.get("fiction-00").contributors] == ["Hugh Thomson"]


def test_a_list_that_another_changed_is_shown_as_it_is_stored(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    mine = sent(text(owner.get(address)))
    assert owner.post(address, {**mine, f"{LIST}-0-DELETE": "on"}).status_code == 302
    page = text(owner.post(address, {**mine, "name": "Renamed"}))
    assert "saved this meanwhile" in page
    assert "shows what is stored now" not in page, "this person changed nothing of it"
    page = text(owner.post(address, {**mine, f"{LIST}-0-name": "Miss Austen"}))
    assert "shows what is stored now" in page
    assert "Miss Austen" not in page
    assert owner.post(address, sent(page)).status_code == 302
    assert VolumeItem.get("fiction-00").contributors == []


def test_a_list_is_saved_though_another_changed_the_row_meanwhile_but_not_it(
    owner: Client, volumes: Any
) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    mine = sent(text(owner.get(address)))
    assert owner.post(address, {**mine, "price": "9.50"}).status_code == 302
    assert owner.post(address, {**mine, f"{LIST}-0-name": "Miss Austen"}).status_code == 302
    row = VolumeItem.get("fiction-00")
    assert (str(row.price), [each.name for each in row.contributors]) == ("9.50", ["Miss Austen"])


def test_a_rows_key_is_typed_once_and_never_changed(owner: Client, volumes: Any) -> None:
    shelve(1)
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
