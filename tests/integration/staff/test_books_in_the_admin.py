"""A member of staff and the books: list, form, save, history."""

import csv
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from catalog import search
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
    assert 'class="field-priced">£7.99<' in page
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


def arrived(years_ago: float, number: int, **fields: Any) -> None:
    at = datetime.now(UTC) - timedelta(days=365.25 * years_ago, minutes=number)
    factories.book(
        f"From {years_ago:g} number {number:02d}",
        book_id=f"b-{years_ago:g}-{number}".replace(".", "_"),
        added_at=at,
        **fields,
    )


def test_books_are_listed_newest_first_through_the_years_and_back(owner: Client, wire: Any) -> None:
    factories.category()
    for number in range(20):
        arrived(0, number)
        arrived(3, number)
    owner.get(BOOKS)  # what a process keeps of categories
    address, pages = BOOKS, []
    while address:
        with wire.count() as calls:
            page = text(owner.get(address))
        pages.append((titles(page), page, calls.dynamodb))
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = BOOKS + html.unescape(found[1]) if found else ""
    listed = [title for shown, _, _ in pages for title in shown]
    assert listed == [f"From {years} number {number:02d}" for years in (0, 3) for number in range(20)]
    assert pages[0][2] <= 3
    back = re.search(r'rel="prev" href="([^"]+)"', pages[1][1])
    assert back
    assert titles(text(owner.get(BOOKS + html.unescape(back[1])))) == pages[0][0]


def test_the_list_of_a_shop_without_books_does_not_look_for_them_year_by_year(
    owner: Client, wire: Any
) -> None:
    owner.get(BOOKS)
    with wire.count() as calls:
        assert "0 books" in text(owner.get(BOOKS))
    assert calls.dynamodb <= 3


def test_books_are_filtered_by_category_and_by_day_through_indexes(owner: Client, wire: Any) -> None:
    factories.category()
    factories.category("plays")
    arrived(0, 1, category="plays")
    arrived(0, 2)
    arrived(2, 3, category="plays")
    owner.get(BOOKS)
    since = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    with wire.count() as calls:
        plays = titles(text(owner.get(f"{BOOKS}?category=plays")))
        lately = titles(text(owner.get(f"{BOOKS}?added_at__gte={since} 00:00:00%2B00:00")))
        both = titles(text(owner.get(f"{BOOKS}?category=plays&added_at__gte={since} 00:00:00%2B00:00")))
    assert plays == ["From 0 number 01", "From 2 number 03"]
    assert lately == ["From 0 number 01", "From 0 number 02"]
    assert both == ["From 0 number 01"]
    assert calls.dynamodb <= 3 * 3
    assert "Scan" not in "".join(wire.dynamodb.requests[-calls.dynamodb :])
    by_price = text(owner.get(f"{BOOKS}?category=plays&o=4"))
    assert "sorted by that" not in by_price
    assert "cannot be sorted" in text(owner.get(f"{BOOKS}?o=4"))


def test_headings_sort_a_category_and_nothing_where_no_index_does(owner: Client, wire: Any) -> None:
    factories.category()
    for number, (name, price) in enumerate((("Emma", "9.00"), ("Persuasion", "7.00"), ("Dubliners", "8.00"))):
        factories.book(name, price=price, book_id=f"b-{number}")

    def headings(page: str) -> dict[str, str]:
        found = re.findall(r'<a role="button" href="(\?[^"]+)">([^<]+)</a>', page)
        return {heading: BOOKS + html.unescape(link) for link, heading in found}

    assert headings(text(owner.get(BOOKS))) == {}, "all books come newest first"
    page = text(owner.get(f"{BOOKS}?category=fiction"))
    for heading, shown in (
        ("Title", ["Dubliners", "Emma", "Persuasion"]),
        ("Price", ["Persuasion", "Dubliners", "Emma"]),
        ("Price", ["Emma", "Dubliners", "Persuasion"]),
        ("Came in", ["Emma", "Persuasion", "Dubliners"]),
        ("Came in", ["Dubliners", "Persuasion", "Emma"]),
    ):
        with wire.count() as calls:
            page = text(owner.get(headings(page)[heading]))
        assert titles(page) == shown, heading
        assert "cannot be sorted" not in page
        assert calls.dynamodb <= 3
    page = text(owner.get(f"{BOOKS}?category=fiction&o=77"))
    assert ("cannot be sorted" in page, titles(page)) == (True, ["Dubliners", "Persuasion", "Emma"])


def test_an_action_over_a_category_that_is_gone_takes_no_other_book_off_sale(owner: Client) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1")
    chosen = {"action": "withdraw", "index": "0", "select_across": "1", "_selected_action": "b-1"}
    page = text(owner.post(f"{BOOKS}?category=gone&q=emma", chosen, follow=True))
    assert "There is no such filter; here is the whole list." in page
    assert "This is not the list that you chose from. Nothing was done." in page
    assert get_book("b-1").is_sold


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("price__gte=8&o=4", ["Dear"]),
        ("price__lt=8&o=4", ["Cheap", "Same"]),
        ("price__exact=7.99&o=4", ["Cheap", "Same"]),
        ("price__gt=7.99&o=-4", ["Dear"]),
    ],
)
def test_a_price_bounds_the_list_of_its_index(owner: Client, asked: str, shown: list[str]) -> None:
    factories.category()
    for number, (name, price) in enumerate((("Cheap", "7.99"), ("Same", "7.99"), ("Dear", "12.00"))):
        factories.book(name, price=price, book_id=f"b-{number}")
    assert titles(text(owner.get(f"{BOOKS}?category=fiction&{asked}"))) == shown


def test_a_title_is_never_looked_up_in_its_folded_key(owner: Client) -> None:
    factories.category()
    factories.book("Emma")
    assert "cannot be filtered by that" in text(owner.get(f"{BOOKS}?category=fiction&name__startswith=E"))


def test_whatever_an_address_says_it_is_answered_with_a_page(owner: Client) -> None:
    factories.category()
    factories.book("Emma", book_id="b-e")
    hostile = (
        "\x00",
        "\ud800".encode("utf-8", "surrogatepass"),
        "é" * 3000,
        "{{7*7}}",
        "<script>",
        "-1",
        "1e9",
    )
    for value in hostile:
        for name in ("p", "q", "o", "category", "added_at__gte", "e", "_popup", "all"):
            page = owner.get(BOOKS, {name: value})
            assert page.status_code in {200, 302, 400}, (name, value)
            assert b"<script>&" not in page.content
    for path in ("b-e%00/change/", "x" * 3000 + "/change/", "nobody/change/", "nobody/history/"):
        assert owner.get(f"{BOOKS}{path}").status_code in {302, 404}
    assert owner.get("/admin").headers["Location"] == "/admin/"


def test_a_form_that_does_not_say_what_it_saw_changes_nothing(owner: Client) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    form = {"name": "Mine", "category": "fiction", "price": "7.99"}
    for seen in ({}, {"_seen": ""}, {"_seen": "x"}, {"_seen": "-1"}, {"_seen": "9" * 50}):
        assert owner.post(f"{BOOKS}b-p/change/", {**form, **seen}).status_code == 200
    assert get_book("b-p").name == "Persuasion"


def test_an_added_book_is_on_sale_and_a_bad_one_is_refused_with_sentences(owner: Client) -> None:
    factories.category()
    factories.book("Emma", isbn13="9780141439587")
    form = {
        "name": "Persuasion",
        "authors": "Jane Austen\nA. N. Other",
        "category": "fiction",
        "price": "7.99",
    }
    page = html.unescape(text(owner.post(f"{BOOKS}add/", {**form, "isbn13": "978-0-14-143958-7"})))
    assert "Another book has the ISBN" in page
    page = html.unescape(text(owner.post(f"{BOOKS}add/", {**form, "price": "99999", "language": "English"})))
    assert "errorlist" in page
    page = html.unescape(text(owner.post(f"{BOOKS}add/", {**form, "isbn13": "12345"})))
    assert "This is no ISBN" in page
    answer = owner.post(f"{BOOKS}add/", form, follow=True)
    assert "Persuasion" in text(answer)
    assert titles(answer.content.decode())[0] == "Persuasion"
    assert text(Client().get("/categories/fiction/")).count("Persuasion") > 0


def test_everything_that_is_wrong_with_a_book_is_told_at_once(owner: Client) -> None:
    factories.category()
    wrong = {"isbn13": "123", "language": "xx-yy", "published_on": "soon", "pages": "-4", "price": "0"}
    page = html.unescape(text(owner.post(f"{BOOKS}add/", {"name": "", "authors": "A", **wrong})))
    for told in (
        "Ensure this value has at most 2 characters",
        "Ensure this value is greater than or equal to 0.",
        "This field is required.",
        "A price lies between 0.01 and 9999.99",
        "This is no ISBN",
        "A date of publication is YYYY, YYYY-MM or YYYY-MM-DD.</li>",
    ):
        assert told in page, told
    assert "A book needs a title." not in page, "one sentence a field"


def test_the_same_form_sent_twice_makes_one_book(owner: Client) -> None:
    factories.category()
    form = fields(text(owner.get(f"{BOOKS}add/")))
    form |= {"name": "Persuasion", "category": "fiction", "price": "7.99", "isbn13": "978-0-14-143968-6"}
    form |= {"authors": "Jane Austen\r\nA. N. Other\r\n"}
    for _twice in range(2):
        assert "was added successfully" in text(owner.post(f"{BOOKS}add/", form, follow=True))
    assert titles(text(owner.get(BOOKS))) == ["Persuasion"]
    assert "There is such a row already." in text(owner.post(f"{BOOKS}add/", {**form, "name": "Emma"}))
    for hostile in ("../x", "a b", "x" * 300, "\x00"):
        assert owner.post(f"{BOOKS}add/", {**form, "_key": hostile}).status_code == 200


def test_a_browser_ends_its_lines_otherwise_and_changes_nothing_thereby(owner: Client) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    address = f"{BOOKS}b-p/change/"
    for said in (
        {"authors": "Jane Austen\nA. N. Other"},
        {"description": "Of Bath.\n\nAnd Lyme."},
        {"price": "9.50"},
    ):
        form = {**fields(text(owner.get(address))), **said}
        sent = {name: value.replace("\n", "\r\n") for name, value in form.items()}
        for _twice in range(2):
            assert owner.post(address, sent).status_code == 302
    book = get_book("b-p")
    assert (book.author, str(book.price), int(book.version)) == ("Jane Austen, A. N. Other", "9.50", 4)


def test_two_clerks_on_one_book_the_second_is_told_what_the_first_did(owner: Client) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    address = f"{BOOKS}b-p/change/"
    form = fields(text(owner.get(address)))
    assert owner.post(address, {**form, "price": "9.50"}).status_code == 302
    page = html.unescape(text(owner.post(address, {**form, "name": "Persuasion!"})))
    assert "They changed: Price." in page
    assert get_book("b-p").name == "Persuasion"


@pytest.mark.parametrize(
    ("groups", "view", "add", "change"),
    [
        ((), 403, 403, 403),
        (("owner",), 403, 403, 403),
        (("staff",), 200, 403, 403),
        (("staff", "orders"), 200, 403, 403),
        (("staff", "support"), 200, 403, 403),
        (("staff", "catalogue"), 200, 200, 302),
        (("staff", "owner"), 200, 200, 302),
    ],
)
def test_what_each_role_may_do_with_books(
    sign_in: Callable[..., Client], groups: tuple[str, ...], view: int, add: int, change: int
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    form = {"name": "Changed", "category": "fiction", "price": "7.99", "_seen": "1"}
    clerk = sign_in(customer_id="s-1", groups=groups)
    assert clerk.get(BOOKS, follow=True).status_code == view
    assert clerk.get(f"{BOOKS}b-p/change/", follow=True).status_code == view
    assert clerk.get(f"{BOOKS}b-p/history/", follow=True).status_code == view
    assert clerk.get(f"{BOOKS}add/", follow=True).status_code == add
    assert clerk.post(f"{BOOKS}b-p/change/", form).status_code == (change if view == 200 else 302)
    assert clerk.post(f"{BOOKS}b-p/delete/", {"post": "yes"}).status_code == (403 if view == 200 else 302)
    assert get_book("b-p").name == ("Changed" if change == 302 else "Persuasion")


def test_who_may_only_look_is_offered_no_more_and_told_that_a_right_is_missing(
    owner: Client, sign_in: Callable[..., Client]
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    assert "See it large, or change it" in text(owner.get(f"{BOOKS}b-p/change/"))
    clerk = sign_in(customer_id="s-1", groups=("staff",))
    page = text(clerk.get(f"{BOOKS}b-p/change/"))
    assert "See it large" in page
    assert "or change it" not in page
    assert '<div class="readonly">Fiction</div>' in page
    assert "One name a line." not in page
    assert "Leave it empty" not in text(clerk.get("/admin/catalog/category/fiction/change/"))
    refused = clerk.get(f"{BOOKS}add/")
    assert (refused.status_code, b"A right is missing" in refused.content) == (403, True)


def test_another_site_cannot_send_a_form_of_the_admin(owner: Client) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    answer = owner.post(f"{BOOKS}b-p/change/", {"name": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_the_log_is_exported_without_formulas_and_stays_with_its_change(owner: Client) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    form = fields(text(owner.get(f"{BOOKS}b-p/change/")))
    owner.post(f"{BOOKS}b-p/change/", {**form, "name": "=HYPERLINK(1)"})
    out = StringIO()
    today = datetime.now(UTC).date().isoformat()
    call_command("export_admin_log", today, today, stdout=out)
    (line,) = csv.DictReader(StringIO(out.getvalue()))
    assert (line["user"], line["row"], line["field"]) == ("owner@example.com", "catalog.book#b-p", "Title")
    assert (line["old"], line["new"]) == ("Persuasion", "'=HYPERLINK(1)")


def test_searching_finds_withdrawn_books_too_and_says_when_it_rests(
    owner: Client, wire: Any, pump: Any
) -> None:
    factories.category()
    factories.book("Persuasion", book_id="b-p")
    pump()
    search.refresh()
    assert titles(text(owner.get(f"{BOOKS}?q=persuasion"))) == ["Persuasion"]
    lately = f"{BOOKS}?q=persuasion&added_at__gte=2026-01-01 00:00:00%2B00:00"
    assert "A search cannot be narrowed by that filter" in text(owner.get(lately))
    with wire.opensearch.refuse():
        assert "Search is having a rest" in text(owner.get(f"{BOOKS}?q=persuasion"))
