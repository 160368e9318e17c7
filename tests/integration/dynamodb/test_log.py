"""The log: written with the change, shown by Django's pages, never written over."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from pynamodb.exceptions import PutError, TransactWriteError

from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.audit import Person
from bookstore.dynamodb.admin.models import LogItem
from bookstore.dynamodb.tables import transaction
from tests.integration.dynamodb.volumes import VOLUMES, sent, shelve, text
from tests.shelf import VolumeItem


def test_a_change_without_its_trace_does_not_happen(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    form = sent(text(owner.get(address)))
    LogItem.delete_table()
    with pytest.raises(TransactWriteError):
        owner.post(address, {**form, "name": "Untraced"})
    assert VolumeItem.get("fiction-00").name == "Title 00"


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


def test_every_history_says_who_below_when_and_that_nothing_was_changed_yet(
    owner: Client, volumes: Any
) -> None:
    shelve(1)
    page = text(owner.get(f"{VOLUMES}fiction-00/history/"))
    assert "Nobody has changed this volume here yet." in page
    row = volumes.Volume.objects.get(pk="fiction-00")
    at = datetime(2026, 11, 28, 12, 5, tzinfo=UTC)
    changes = [("Shelf", "Z9", ""), ("Listing", "fiction", "plays")]
    audit.store(audit.entry(user=Person("o-1", "Olga"), row=row, kind="changed", changes=changes, at=at))
    page = text(owner.get(f"{VOLUMES}fiction-00/history/"))
    assert '<th scope="row">28 Nov 2026, 12:05<span class="quiet">Olga</span></th>' in page
    assert "Shelf “Z9” removed. Listing changed from “Fiction” to “Plays”." in page
    assert "1 entry" in page


def test_the_front_page_says_when_and_what_one_changed_from_what_to_what(owner: Client, volumes: Any) -> None:
    shelve(1)
    address = f"{VOLUMES}fiction-00/change/"
    owner.post(address, {**sent(text(owner.get(address))), "name": "Persuasion"})
    label = volumes.Volume._meta.label_lower
    (changed,) = audit.history(label, "fiction-00")
    at = datetime(2026, 11, 28, 12, 5, tzinfo=UTC)
    audit.store(
        audit.entry_of(
            label=label, key="fiction-07", shown="fiction-07", user=changed.user, kind="changed", at=at
        )
    )
    front = text(owner.get("/admin/"))
    panel = front[front.index("recent-actions-module") :]
    assert "Name changed from “Title 00” to “Persuasion”." in panel
    assert ">Volume fiction-07</a>" in panel
    assert "Volume, 28 Nov 2026, 12:05" in panel


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
