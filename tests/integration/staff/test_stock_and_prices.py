"""A member of staff and a book's stock, its place on sale, its price, and the versions it had."""

import html
import re
import urllib.parse
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from bookstore.dynamodb.admin import audit
from catalog import book_import, derived, prices, selectors, services, stock
from catalog.models import Book, Category, StockEntry
from tests import factories
from tests.integration.orders import buying

BOOKS = "/admin/catalog/book/"
STOCK, DO = f"{BOOKS}b-1/stock/", f"{BOOKS}b-1/do/"
LONG = "A long story. " * 300


@pytest.fixture
def owner(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="o-1", email="owner@example.com", groups=("owner", "staff"))


@pytest.fixture
def clerk(sign_in: Callable[..., Client]) -> Callable[..., Client]:
    return lambda *groups: sign_in(customer_id="s-1", email="clerk@example.com", groups=("staff", *groups))


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:2000])
    return html.unescape(response.content.decode())


def fields(page: str, action: str) -> dict[str, str]:
    """Return what the form of an address would send, without what is typed into it."""
    form = re.search(rf'<form [^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, action
    tags = re.findall(r"<(?:input|select)\b[^>]*>", form[0])
    named = [(re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags]
    return {name[1]: value[1] if value else "" for name, value in named if name}


def said(page: str) -> list[str]:
    return [
        each.strip() for each in re.findall(r'<li class="(?:success|warning|error|info)">(.*?)</li>', page)
    ]


def stored(book_id: str = "b-1") -> Book:
    return Book.get(book_id, consistent_read=True)


def send(client: Client, tool: str, page: str = "", **typed: str) -> Any:
    form = fields(page or text(client.get(STOCK)), f"{DO}{tool}/")
    return client.post(f"{DO}{tool}/", form | typed)


# --- Stock -------------------------------------------------------------------------------------------------


def test_copies_are_received_adjusted_and_shelved_each_once(owner: Client, wire: Any) -> None:
    book = factories.book("Emma", book_id="b-1", stock=2)
    factories.sold(book)
    owner.get(BOOKS)
    with wire.count() as calls:
        page = text(owner.get(STOCK))
    assert calls.dynamodb <= 3
    with wire.count() as calls:
        answers = [send(owner, "receive", page, copies="10", reason="Gardners, 12 March") for _ in range(2)]
    assert calls.dynamodb <= 2 * (1 + 4)
    assert [answer.headers["Location"] for answer in answers] == [STOCK, STOCK]
    page = text(owner.get(STOCK))
    assert said(page) == ["Received 10 copies.", "This form was sent before: nothing was changed again."]
    page = text(owner.get(STOCK))
    with wire.count() as calls:
        for _twice in range(2):
            assert send(owner, "adjust", page, counted="9", reason="Damaged").status_code == 302
    assert calls.dynamodb <= 2 * (1 + 4)
    page = text(owner.get(STOCK))
    with wire.count() as calls:
        for _twice in range(2):
            assert send(owner, "shelve", page, location="B 12").status_code == 302
    assert calls.dynamodb <= 2 * (1 + 4)
    assert (int(stored().stock), stored().location) == (9, "B 12")
    page = text(owner.get(STOCK))
    assert "shelf B 12" in page
    rows = [
        " ".join(re.sub("<[^>]+>", " ", row).split())
        for row in re.findall(r"<tr>(.*?)</tr>", page.partition('id="ledger"')[2], re.DOTALL)
    ]
    assert [re.sub(r"^\d.*?\d\d:\d\d ", "", row) for row in rows[1:]] == [
        "Adjusted: Damaged owner@example.com -2 9",
        "Received: Gardners, 12 March owner@example.com +10 11",
        "Sold the customer · the order -1 1",
        "Opening stock the shop itself +2 2",
    ]
    history = text(owner.get(f"{BOOKS}b-1/history/"))
    assert "Received 10 copies." in history
    assert "Adjusted the stock from 11 to 9: Damaged." in history
    assert "Shelf set to “B 12”." in history


def test_the_ledger_leads_to_the_order(owner: Client, clerk: Callable[..., Client], wire: Any) -> None:
    emma = factories.book("Emma", book_id="b-1", price="5.00")
    buying.fill_cart(b_1=1)
    order = buying.reserve(total="5.00")
    (address,) = re.findall(r'href="(/admin/orders/order/of/[^"]+)"', text(owner.get(STOCK)))
    with wire.count() as calls:
        answer = owner.get(address)
    assert calls.dynamodb <= 3
    assert order.number in text(owner.get(answer.headers["Location"]))
    for unknown in ("order-1", "x" * 2000, order.order_id[::-1], "-"):
        page = text(owner.get(f"/admin/orders/order/of/{unknown}/", follow=True))
        assert "There is no such order." in page
    assert clerk().get(address).status_code == 302
    assert emma.id == "b-1"


def test_a_count_that_others_overtook_is_not_stored_and_says_what_they_did(owner: Client) -> None:
    book = factories.book("Emma", book_id="b-1", stock=5)
    page = text(owner.get(STOCK))
    factories.sold(book, 2)
    told = text(send(owner, "adjust", page, counted="4", reason="Counted"))
    assert "There were 5 copies when you looked and there are 3 now." in told
    assert "-2 sold (the customer)" in told
    assert fields(told, f"{DO}adjust/")["_seen"] == "3"
    assert int(stored().stock) == 3
    assert (
        owner.post(f"{DO}adjust/", fields(told, f"{DO}adjust/")).status_code == 302
    )  # which is an informed decision
    assert (int(stored().stock), sum(int(each.delta) for each in StockEntry.query("b-1"))) == (4, 4)
    page = text(owner.get(STOCK))
    services.revise_book(book_id="b-1", version=1, at=datetime.now(UTC), location="A 1")
    told = text(send(owner, "shelve", page, location="Z 9"))
    assert "Someone else changed this book meanwhile." in told
    assert stored().location == "A 1"


def test_whatever_is_typed_into_the_stock_forms_is_answered_with_a_sentence(owner: Client) -> None:
    factories.book("Emma", book_id="b-1", stock=5)
    page = text(owner.get(STOCK))
    hostile = ("", "-1", "0", "1e3", "9" * 5000, "2000000", "\x00", "<script>alert(1)</script>", "=1+1")
    for typed in hostile:
        for step, field in (("receive", "copies"), ("adjust", "counted")):
            if (step, typed) != ("adjust", "0"):
                told = send(owner, step, page, **{field: typed, "reason": "x"})
                assert "errorlist" in text(told), (step, typed)
                assert b"<script>alert" not in told.content
    for forged in ("", "-1", "9" * 16, "9" * 5000, "x"):  # what the page itself said, said otherwise
        for step in ("adjust", "shelve"):
            told = send(owner, step, page, _seen=forged, counted="4", location="A 1", reason="x")
            assert "errorlist" in text(told), (step, forged)
    assert "Receive at least one copy" in text(send(owner, "receive", page, copies="-3"))
    assert "Say why" in text(send(owner, "adjust", page, counted="4", reason=" "))
    assert "more than 200" in text(send(owner, "receive", page, copies="4", reason="x" * 300))
    assert "form is broken" in text(send(owner, "receive", page, copies="4", _token="../x"))
    assert "errorlist" in text(owner.post(f"{DO}receive/", {}))
    assert owner.post(f"{DO}nonsense/").status_code == 404
    for forged in ("x", "é" * 3000, "\x00"):
        assert "no longer good" in text(owner.get(STOCK, {"older": forged}))
    assert owner.get(f"{BOOKS}nobody/stock/", follow=True).status_code == 200
    assert [int(entry.delta) for entry in StockEntry.query("b-1")] == [5]


def test_books_that_are_low_sold_out_or_not_on_sale_are_lists_of_their_own(
    owner: Client, wire: Any, pump: Callable[[], Any]
) -> None:
    factories.category()
    low, gone, withdrawn = (factories.book(name, stock=9) for name in ("The Low", "Gone", "Withdrawn"))
    factories.book("Plenty", stock=9)
    factories.book("Draft", stock=9, on_sale=False)
    factories.sold(low, 6)
    factories.sold(gone, 9)
    services.withdraw_book(book_id=withdrawn.id, at=datetime.now(UTC))
    pump()
    owner.get(BOOKS)

    def listed(standing: str) -> list[str]:
        with wire.count() as calls:
            page = text(owner.get(f"{BOOKS}?standing={standing}"))
        assert calls.dynamodb <= 3
        assert not said(page)
        return re.findall(r'class="field-name"><a [^>]*>([^<]*)<', page)

    assert listed("low") == ["The Low"]
    assert listed("sold_out") == ["Gone"]
    assert listed("withdrawn") == ["Draft", "Withdrawn"]
    assert "There is no such filter" in text(owner.get(f"{BOOKS}?standing=in_stock"))
    assert 'class="field-stock">3<' in text(owner.get(f"{BOOKS}?standing=low"))
    stock.receive_stock(book_id=low.id, copies=9, at=datetime.now(UTC))
    services.bring_back_book(book_id=withdrawn.id, at=datetime.now(UTC))
    services.withdraw_book(book_id=gone.id, at=datetime.now(UTC))
    pump()
    assert (listed("low"), listed("sold_out"), listed("withdrawn")) == ([], [], ["Draft", "Gone"])


def test_what_runs_low_goes_on_over_pages_and_is_acted_on_as_a_whole(owner: Client, wire: Any) -> None:
    factories.category()
    for number in range(26):
        factories.book(f"Low {number:02d}", book_id=f"b-{number}", stock=3, location=f"A {number}")
    address, listed = f"{BOOKS}?standing=low", []
    owner.get(BOOKS)
    for _ in range(2):
        with wire.count() as calls:
            page = text(owner.get(address))
        assert calls.dynamodb == 3, "the session, the index, and the whole rows for their shelves"
        assert not said(page)
        assert "column-name sorted ascending" in page, "as the index has them"
        shown = re.findall(r'class="field-name"><a [^>]*>([^<]*)<', page)
        assert [f"A {int(title[4:])}" for title in shown] == re.findall(
            r'class="field-location">([^<]*)<', page
        )
        listed += shown
        more = re.search(r'rel="next" href="([^"]+)"', page)
        address = BOOKS + more[1] if more else ""
    assert (listed, address) == ([f"Low {number:02d}" for number in range(26)], "")
    chosen = {"action": "withdraw", "index": "0", "select_across": "1", "_selected_action": "b-0"}
    page = text(owner.post(f"{BOOKS}?standing=low", chosen, follow=True))
    assert "26 books: Taken off sale." in page
    assert text(owner.get(f"{BOOKS}?standing=withdrawn")).count('class="field-name"') == 24


def test_a_late_record_puts_a_withdrawn_book_on_no_list_of_those_on_sale() -> None:
    factories.book(book_id="b-1", stock=3)
    image = dict(selectors.book_image("b-1") or {})
    del image["standing"]  # as an older version stored it
    services.withdraw_book(book_id="b-1", at=datetime.now(UTC))
    assert not derived.mend_derived(image)
    assert stored().standing == "withdrawn"


def test_a_book_of_an_older_version_gets_its_standing_with_its_next_record(pump: Callable[[], Any]) -> None:
    book = factories.book(book_id="b-1", stock=3)
    pump()
    stored().update(actions=[Book.standing.remove(), *Book.rewritten()])
    pump()
    assert stored().standing == "low"
    # What an older version withdraws keeps its standing until the record of that says otherwise.
    stored().update(actions=[Book.listing.remove(), Book.arrival_year.remove(), *Book.rewritten()])
    pump()
    assert stored().standing == "withdrawn"
    assert pump() is not None
    assert book.standing == "low"


# --- On sale or not, and the page beforehand -------------------------------------------------------------------


def test_a_book_not_on_sale_yet_is_seen_by_staff_alone_until_it_is_put_on_sale(
    owner: Client, clerk: Callable[..., Client], wire: Any
) -> None:
    factories.category()
    form = {"name": "Sanditon", "authors": "Jane Austen", "category": "fiction", "price": "7.99"}
    answer = owner.post(f"{BOOKS}add/", {**form, "unlisted": "on", "_key": "b-1"})
    assert answer.status_code == 302, text(answer)
    public = Client()
    assert public.get("/books/b-1/sanditon/").status_code == 404
    assert "Sanditon" not in text(public.get("/categories/fiction/"))
    assert public.get("/authors/jane-austen/").status_code == 404
    page = clerk().get(f"{BOOKS}b-1/preview/")
    assert "Only staff see this page" in text(page)
    assert "no-store" in page.headers["Cache-Control"]
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert public.get(f"{BOOKS}b-1/preview/").status_code == 302
    page = text(owner.get(f"{BOOKS}b-1/change/"))
    assert f'href="{BOOKS}b-1/preview/"' in page
    (theirs,) = re.findall(r'href="([^"]+)">Jane Austen</a>', page)
    assert "None of the books on sale is by this author." in text(owner.get(theirs, follow=True))
    button = fields(text(owner.get(f"{BOOKS}b-1/change/")), f"{DO}bring_back/")
    for _twice in range(2):
        with wire.count() as calls:
            answer = owner.post(f"{DO}bring_back/", button)
        assert calls.dynamodb <= 4
        assert answer.headers["Location"] == f"{BOOKS}b-1/change/"
    assert "Sanditon" in text(public.get("/books/b-1/sanditon/"))
    assert "Sanditon" in text(public.get("/authors/jane-austen/"))
    assert [each.get_change_message() for each in audit.history("catalog.book", "b-1")][:-1] == [
        "Put on sale."
    ]
    assert int(stored().version) == 2
    button = fields(text(owner.get(f"{BOOKS}b-1/change/")), f"{DO}withdraw/")
    with wire.count() as calls:
        assert said(text(owner.post(f"{DO}withdraw/", button, follow=True))) == ["Taken off sale."]
    assert calls.dynamodb <= 4 + 2  # with the page that says so
    assert not stored().is_sold
    Category(Category.PARTITION, "fiction").delete()
    selectors.forget_categories()
    button = fields(text(owner.get(f"{BOOKS}b-1/change/")), f"{DO}bring_back/")
    assert said(text(owner.post(f"{DO}bring_back/", button, follow=True))) == [
        "The category of Sanditon was deleted meanwhile: choose another, so that menus lead to it.",
        "Put on sale.",
    ]
    chosen = {"action": "bring_back", "_selected_action": ["b-1"], "index": "0"}
    assert "The category of Sanditon was deleted" in text(owner.post(BOOKS, chosen, follow=True))


def test_a_selection_is_taken_off_sale_and_put_back(owner: Client) -> None:
    factories.category()
    for number in (1, 2):
        factories.book(f"Book {number}", book_id=f"b-{number}")
    chosen = {"_selected_action": ["b-1", "b-2"], "index": "0"}
    for _twice in range(2):
        page = text(owner.post(BOOKS, {**chosen, "action": "withdraw"}, follow=True))
    assert said(page) == ["2 books: Taken off sale."]
    assert not stored("b-2").is_sold
    owner.post(BOOKS, {**chosen, "action": "bring_back"})
    assert stored("b-1").is_sold
    assert [each.get_change_message() for each in audit.history("catalog.book", "b-1")] == [
        "Put on sale.",
        "Taken off sale.",
    ]


def test_an_action_that_the_store_cuts_off_says_what_was_done_and_what_is_left(
    owner: Client, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.category()
    for number in (1, 2, 3):
        factories.book(f"Book {number}", book_id=f"b-{number}")
    withdraw = services.withdraw_book

    def away_for_the_second(*, book_id: str, **said: Any) -> Any:
        if book_id != "b-2":
            return withdraw(book_id=book_id, **said)
        with wire.dynamodb.refuse():
            return withdraw(book_id=book_id, **said)

    monkeypatch.setattr(services, "withdraw_book", away_for_the_second)
    chosen = {"_selected_action": ["b-1", "b-2", "b-3"], "index": "0", "action": "withdraw"}
    page = text(owner.post(BOOKS, chosen, follow=True))
    assert said(page) == [
        "1 book: Taken off sale.",
        "It took too long: 2 are left, from Book 2 on. Do the same once more for them.",
    ]
    monkeypatch.undo()
    assert said(text(owner.post(BOOKS, chosen, follow=True))) == ["3 books: Taken off sale."]


# --- Prices ----------------------------------------------------------------------------------------------------


def preview(client: Client, *book_ids: str, **typed: str) -> str:
    page = text(client.post(BOOKS, {"action": "reprice", "_selected_action": list(book_ids), "index": "0"}))
    form = fields(page, f"{BOOKS}prices/") | {"percent": "10", "rounding": "cent", **typed}
    return text(client.post(f"{BOOKS}prices/", form))


def test_prices_change_by_percent_after_a_preview_each_once(owner: Client, wire: Any) -> None:
    factories.category()
    for number, price in ((1, "7.99"), (2, "10.00"), (3, "9999.00")):
        factories.book(f"Book {number}", price=price, book_id=f"b-{number}")
    page = preview(owner, "b-1", "b-2", "b-3")
    assert "£8.79" in page
    assert "£11.00" in page
    assert "A price lies between" in page
    assert "Change 2 prices" in page
    assert stored().price == Decimal("7.99")
    plan = fields(page, f"{BOOKS}prices/apply/")
    with wire.count() as calls:
        answer = owner.post(f"{BOOKS}prices/apply/", plan)
    assert calls.dynamodb <= 1 + 4
    assert (stored().price, stored().price_key, int(stored().version)) == (
        Decimal("8.79"),
        "0000000879#b-1",
        2,
    )
    assert said(text(owner.get(answer.headers["Location"]))) == ["2 prices were changed."]
    again = text(owner.post(f"{BOOKS}prices/apply/", plan, follow=True))
    assert said(again) == ["2 books cost that already."]
    assert int(stored().version) == 2
    assert "Price changed from “£7.99” to “£8.79”." in text(owner.get(f"{BOOKS}b-1/history/"))


def test_a_price_that_somebody_changed_meanwhile_stays_and_is_named(owner: Client) -> None:
    factories.category()
    for number in (1, 2, 3):
        factories.book(f"Book {number}", price="5.00", book_id=f"b-{number}")
    plan = fields(preview(owner, "b-1", "b-2", "b-3", percent="-10"), f"{BOOKS}prices/apply/")
    services.revise_book(book_id="b-2", version=1, at=datetime.now(UTC), price="6.00")
    stored("b-3").delete()
    page = text(owner.post(f"{BOOKS}prices/apply/", plan, follow=True))
    assert said(page) == [
        "1 price was changed.",
        (
            "Nothing was done with 2: Book 2: Someone else changed this book meanwhile. Look at it again before you save it."
            " Book 3: We do not have this book."
        ),
    ]
    assert (stored().price, stored("b-2").price) == (Decimal("4.50"), Decimal("6.00"))


def test_prices_that_the_store_cuts_off_say_what_was_done_and_the_same_form_goes_on(
    owner: Client, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        factories.book(f"Book {number}", price="5.00", book_id=f"b-{number}")
    plan = fields(preview(owner, "b-1", "b-2", "b-3"), f"{BOOKS}prices/apply/")
    write = prices._write_prices

    def away_for(book_id: str) -> Any:
        def writes(moves: Any, **said: Any) -> Any:
            with wire.dynamodb.refuse() if moves[0].book_id == book_id else nullcontext():
                return write(moves, **said)

        monkeypatch.setattr(prices, "_write_prices", writes)
        return owner.post(f"{BOOKS}prices/apply/", plan, follow=True)

    monkeypatch.setattr(prices, "_PRICES_A_TRANSACTION", 1)
    assert away_for("b-1").status_code == 503  # "Nothing was ordered or changed"
    page = text(away_for("b-2"))
    assert said(page) == [
        "1 price was changed.",
        "Not all prices were changed: go back a page and send the same form again for the rest.",
    ]
    assert said(text(away_for("nobody"))) == ["2 prices were changed.", "1 book costs that already."]


def test_only_what_a_preview_signed_is_applied(owner: Client, sign_in: Callable[..., Client]) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1", price="5.00")
    for typed in ("", "x", "1e9", "-100", "NaN", "9" * 3000, "<b>"):
        assert "errorlist" in preview(owner, "b-1", percent=typed)
    assert "errorlist" in preview(owner, "b-1", rounding="up")
    plan = fields(preview(owner, "b-1"), f"{BOOKS}prices/apply/")["plan"]
    other = sign_in(customer_id="o-2", groups=("owner", "staff"))
    for client, forged in ((owner, ""), (owner, "x"), (owner, plan[:-3]), (other, plan)):
        page = text(client.post(f"{BOOKS}prices/apply/", {"plan": forged}, follow=True))
        assert "Choose the books" in page
    page = text(owner.post(BOOKS, {"action": "reprice", "_selected_action": ["b-1"], "index": "0"}))
    chosen = fields(page, f"{BOOKS}prices/")["chosen"]
    for swapped, address in (({"plan": chosen}, "prices/apply/"), ({"chosen": plan}, "prices/")):
        assert "Choose the books" in text(owner.post(f"{BOOKS}{address}", swapped, follow=True))
    assert owner.get(f"{BOOKS}prices/").status_code == 302
    assert stored().price == Decimal("5.00")


# --- Earlier versions ------------------------------------------------------------------------------------------


def restore_address(entry: audit.Entry) -> str:
    return f"{DO}restore/?entry={urllib.parse.quote(str(entry.item.log_key))}"


def edit(client: Client, **typed: str) -> None:
    """Save the book's form with some fields changed."""
    page = client.get(f"{BOOKS}b-1/change/").content.decode()
    form = {
        name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', page)
    }
    form |= {
        name: html.unescape(value).removeprefix("\n")
        for name, value in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    }
    form |= {"category": stored().category, "format": "", "initial-category": stored().category, **typed}
    answer = client.post(f"{BOOKS}b-1/change/", form)
    assert answer.status_code == 302, text(answer)


def test_an_earlier_version_is_shown_and_written_back_as_a_new_change(owner: Client, wire: Any) -> None:
    factories.category()
    factories.category("plays")
    factories.book("Emma", book_id="b-1", description=LONG, authors=["Jane Austen", "A. N. Other"])

    edit(owner, publisher="Murray")
    edit(owner, name="Emma!", description="Short.", authors="Austen", price="9.99")
    edit(owner, name="EMMA", category="plays")
    entries = audit.history("catalog.book", "b-1")
    address = restore_address(entries[2])
    history = text(owner.get(f"{BOOKS}b-1/history/"))
    for told in (
        "Authors changed from “Jane Austen, A. N. Other” to “Austen”.",
        "Category changed from “Fiction” to “Plays”.",
        "Price changed from “£7.99” to “£9.99”.",
    ):
        assert told in history
    assert address in text(owner.get(f"{BOOKS}b-1/history/"))
    with wire.count() as calls:
        page = text(owner.get(address))
    assert calls.dynamodb <= 3
    assert re.findall(r'<th scope="row">([^<]+)</th>', page) == [
        "Title",
        "Category",
        "Authors",
        "Price",
        "Description",
    ]
    form = fields(page, f"{DO}restore/")
    with wire.count() as calls:
        answer = owner.post(f"{DO}restore/", form)
    assert calls.dynamodb <= 1 + 4
    assert answer.headers["Location"] == f"{BOOKS}b-1/history/"
    assert owner.post(f"{DO}restore/", form).headers["Location"] == f"{BOOKS}b-1/history/"
    book = stored()
    assert (book.name, book.category, book.price, book.publisher) == (
        "Emma",
        "fiction",
        Decimal("7.99"),
        "Murray",
    )
    assert book.description == LONG.strip()
    assert book.author == "Jane Austen, A. N. Other"
    assert int(book.version) == 5
    assert "nothing to change" in text(owner.get(address))
    assert "Went back to the version of" in text(owner.get(f"{BOOKS}b-1/history/"))


def test_a_category_that_was_deleted_since_stays_as_it_is(owner: Client) -> None:
    for slug in ("fiction", "plays"):
        factories.category(slug)
    factories.book("Emma", book_id="b-1", category="plays")
    edit(owner, publisher="Murray")
    edit(owner, publisher="Bentley", category="fiction")
    Category(Category.PARTITION, "plays").delete()
    selectors.forget_categories()
    page = text(owner.get(restore_address(audit.history("catalog.book", "b-1")[1])))
    assert "There is no such category any more: it stays as it is." in page
    owner.post(f"{DO}restore/", fields(page, f"{DO}restore/"))
    assert (stored().publisher, stored().category) == ("Murray", "fiction")


def test_a_field_is_called_the_same_in_the_log_however_it_was_changed(owner: Client) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1", authors=["Jane Austin"], location="A 1")
    edit(owner, price="8.00", location="A 2", authors="Jane Austin\nA. N. Other")
    send(owner, "shelve", location="A 3")
    owner.post(f"{BOOKS}prices/apply/", fields(preview(owner, "b-1"), f"{BOOKS}prices/apply/"))
    author = "/admin/catalog/author/jane-austin/do/rename/"
    owner.post(author, fields(text(owner.get(author)), author) | {"name": "Jane Austen"})
    plan = book_import.plan_of(b"number,price,shelf,authors\nb-1,9.00,A 4,Austen\n", name="books.csv")
    by: Any = SimpleNamespace(pk="o-1")
    book_import.apply(plan, by=by, at=datetime.now(UTC), on_rows=lambda _rows: None)
    first = restore_address(audit.history("catalog.book", "b-1")[-1])
    owner.post(f"{DO}restore/", fields(text(owner.get(first)), f"{DO}restore/"))
    entries = audit.history("catalog.book", "b-1")
    assert len(entries) == 6, [each.item.message for each in entries]
    assert {(change.name, change.field) for each in entries for change in each.item.changes} == {
        ("price", "Price"),
        ("location", "Shelf"),
        ("authors", "Authors"),
    }


def test_ways_back_are_offered_where_they_lead_somewhere_and_leave_the_book_on_its_shelf(
    owner: Client,
) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1")
    for number, publisher in enumerate(("Murray", "Bentley")):
        send(owner, "shelve", location=f"A {number}")
        edit(owner, publisher=publisher)
    _bentley, _shelved, murray, first = audit.history("catalog.book", "b-1")
    page = text(owner.get(f"{BOOKS}b-1/history/"))
    offered = re.findall(r"restore/\?entry=([^\"]+)", page)
    assert [urllib.parse.unquote(each) for each in offered] == [each.item.log_key for each in (murray, first)]
    page = text(owner.get(restore_address(murray)))
    assert re.findall(r'<th scope="row">([^<]+)</th>', page) == ["Publisher"]
    assert "Stock, shelf, cover, being on sale, and orders have no part in it." in page
    owner.post(f"{DO}restore/", fields(page, f"{DO}restore/"))
    assert (stored().publisher, stored().location) == ("Murray", "A 1")


def test_a_number_that_is_only_written_otherwise_is_no_change_to_take_back(owner: Client) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1", prior_rating="4.5")
    user, at = type("Person", (), {"pk": "o-1"})(), datetime.now(UTC)
    changes = (
        ("Title", "Emma.", "Emma", "name"),
        ("Rating", "4.5", "3.5", "prior_rating"),
        ("Rating", "3.5", "4.5", "prior_rating"),
    )
    for second, change in enumerate(changes):
        moment = at + timedelta(seconds=second)
        entry = audit.entry_of(
            label="catalog.book",
            key="b-1",
            shown="Emma",
            user=user,
            kind="changed",
            changes=[change],
            at=moment,
        )
        audit.store(entry)
    entries = audit.history("catalog.book", "b-1")
    assert "nothing to change" in text(owner.get(restore_address(entries[2])))
    assert "<td>3.5</td>" in text(owner.get(restore_address(entries[1])))


def test_going_back_is_refused_where_somebody_changed_the_book_meanwhile(owner: Client) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1")
    at = datetime.now(UTC)
    row = type("Row", (), {"pk": "b-1", "_meta": type("Meta", (), {"label_lower": "catalog.book"})})()
    user = type("Person", (), {"pk": "o-1"})()
    for old, new in (("Emma", "Emma."), ("Emma.", "Emma!")):
        audit.store(audit.entry(user=user, row=row, kind="changed", changes=[("Title", old, new)]))
    services.revise_book(book_id="b-1", version=1, at=at, name="Emma!")
    # An entry of an older version, which names only the form's field.
    page = text(owner.get(restore_address(audit.history("catalog.book", "b-1")[1])))
    assert "Emma." in page
    form = fields(page, f"{DO}restore/")
    services.revise_book(book_id="b-1", version=2, at=at, publisher="Murray")
    told = text(owner.post(f"{DO}restore/", form))
    assert "Someone else changed this book meanwhile." in told
    for seen in ({}, {"_seen": "x"}, {"_seen": "9" * 400}, {"_seen": "1", "_token": ""}):
        assert "form is broken" in text(owner.post(f"{DO}restore/", {"entry": form["entry"], **seen}))
    for unknown in ("nothing", "", "x" * 5000):
        assert "no such entry" in text(owner.get(f"{DO}restore/", {"entry": unknown}))
        assert "no such entry" in text(owner.post(f"{DO}restore/", form | {"entry": unknown}))
    assert (stored().name, stored().publisher) == ("Emma!", "Murray")
    owner.post(f"{DO}restore/", fields(told, f"{DO}restore/"))  # which is an informed decision
    assert (stored().name, stored().publisher) == ("Emma.", "Murray")


# --- Rights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "allowed"),
    [
        ((), set()),
        (("support",), set()),
        (("orders",), {"receive", "adjust", "shelve"}),
        (("catalogue",), {"shelve", "withdraw", "reprice", "change"}),
        (("owner",), {"receive", "adjust", "shelve", "withdraw", "reprice", "change"}),
    ],
)
def test_each_step_asks_for_its_right_by_address_too(
    clerk: Callable[..., Client], groups: tuple[str, ...], allowed: set[str]
) -> None:
    factories.category()
    factories.book("Emma", book_id="b-1")
    client = clerk(*groups)
    assert client.get(f"{BOOKS}b-1/preview/").status_code == 200
    page = text(client.get(STOCK))
    chosen = {"_selected_action": ["b-1"], "index": "0"}
    tried = {
        **{step: [client.post(f"{DO}{step}/", {})] for step in ("receive", "adjust", "shelve")},
        "withdraw": [
            client.post(BOOKS, {**chosen, "action": "withdraw"}),
            client.post(f"{DO}bring_back/"),
            client.post(f"{BOOKS}nobody/do/withdraw/"),
        ],
        "reprice": [
            client.post(BOOKS, {**chosen, "action": "reprice"}),
            client.post(f"{BOOKS}prices/"),
            client.post(f"{BOOKS}prices/apply/"),
        ],
        "change": [
            client.get(f"{DO}restore/"),
            client.post(f"{DO}restore/"),
        ],
    }
    for right, answers in tried.items():
        refused = [answer.status_code == 403 for answer in answers]
        assert refused == [right not in allowed] * len(answers), right
    assert [f"{DO}{step}/" in page for step in ("receive", "adjust", "shelve")] == [
        step in allowed for step in ("receive", "adjust", "shelve")
    ]
    assert Client().get(STOCK).status_code == 302
