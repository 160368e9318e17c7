"""A member of staff and the books: list, form, save, history."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.selectors import get_book
from tests import factories

BOOKS = "/admin/catalog/book/"


@pytest.fixture
def owner(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="o-1", email="owner@example.com", groups=("owner", "staff"))


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return response.content.decode()


def fields(page: str) -> dict[str, str]:
    """Return a form as a browser would send it back."""
    form = page[page.index('id="book_form"') :]
    found = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and 'type="submit"' not in tag and 'type="checkbox"' not in tag:
            found[name[1]] = html.unescape(value[1]) if value else ""
    for name, value in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = html.unescape(value).removeprefix("\n")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def titles(page: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'class="field-name"><a [^>]*>([^<]*)<', page)]


def test_staff_change_a_title_and_see_it_in_the_history(owner: Client, wire: Any) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    factories.book("Emma", book_id="b-e")
    owner.get(BOOKS)
    with wire.count() as calls:
        page = text(owner.get(BOOKS))
    assert titles(page)[:2] == ["Emma", "Persuasion"]
    form = fields(text(owner.get(f"{BOOKS}b-p/change/")))
    assert (form["name"], form["authors"], form["_seen"]) == ("Persuasion", "Jane Austen", "1")
    with wire.count() as calls:
        answer = owner.post(f"{BOOKS}b-p/change/", {**form, "name": "Persuasion, annotated"})
    assert answer.status_code == 302, text(answer)
    assert "csrftoken" not in owner.cookies
    assert calls.dynamodb <= 1 + 4
    assert (get_book("b-p").name, int(get_book("b-p").version)) == ("Persuasion, annotated", 2)
    history = html.unescape(text(owner.get(f"{BOOKS}b-p/history/")))
    assert "Title changed from “Persuasion” to “Persuasion, annotated”." in history
    assert "owner@example.com" in history
    assert "Persuasion, annotated" in text(owner.get("/admin/"))
