"""Tools and pages of one's own."""

import re
from typing import Any

from django.test import Client

from bookstore.dynamodb.admin.models import LogItem
from tests.integration.dynamodb.volumes import VOLUMES, text, volume
from tests.shelf import VolumeItem


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
