"""What a cart shows, and how its lines are changed, taken out and put back."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bookstore.accounts import signals
from cart import services
from cart.models import CartLine
from cart.selectors import Availability, cart_of, count_copies
from catalog import services as catalogue
from catalog.models import Book
from tests import factories


def add(owner: str, book_id: str, quantity: int = 1):
    services.add_to_cart(
        owner=owner, book_id=book_id, quantity=quantity, seen_price=None, at=datetime.now(UTC), guest=False
    )


def stored(owner: str = "c-1") -> dict[str, int]:
    return {line.book_id: int(line.quantity) for line in CartLine.query(owner)}


def reprice(book, price: str, *, version: int = 1):
    catalogue.revise_book(book_id=book.id, version=version, price=Decimal(price), at=datetime.now(UTC))


def test_totals_use_the_quantity_and_todays_price(sign_in):
    emma, persuasion = factories.book("Emma", price="7.99"), factories.book("Persuasion", price="5.00")
    add("c-1", emma.id, 3)
    add("c-1", persuasion.id)
    reprice(emma, "8.49")
    cart = cart_of("c-1")
    assert [(line.title, line.quantity, line.amount) for line in cart.lines] == [
        ("Emma", 3, Decimal("25.47")),
        ("Persuasion", 1, Decimal("5.00")),
    ]
    assert cart.subtotal == Decimal("30.47")
    assert (cart.titles, cart.copies) == (2, 4)
    page = sign_in().get("/cart/").content.decode()
    assert "£30.47" in page
    assert "The price changed from £7.99 to £8.49 since you added this book." in page


def test_a_price_that_came_back_needs_no_word():
    emma = factories.book("Emma", price="7.99")
    add("c-1", emma.id)
    reprice(emma, "8.49")
    reprice(emma, "7.99", version=2)
    assert cart_of("c-1").lines[0].price_notice == ""


def test_lines_that_cannot_be_bought_say_why_and_count_nothing(sign_in):
    sold_out, withdrawn, short, fine = (
        factories.book(name, price="4.00") for name in ("One", "Two", "Three", "Four")
    )
    for book in (sold_out, withdrawn, fine):
        add("c-1", book.id)
    add("c-1", short.id, 12)
    factories.sold(sold_out, 10)
    factories.sold(short, 8)
    catalogue.withdraw_book(book_id=withdrawn.id, at=datetime.now(UTC))
    cart = cart_of("c-1")
    assert {line.title: line.availability for line in cart.lines} == {
        "One": Availability.SOLD_OUT,
        "Two": Availability.WITHDRAWN,
        "Three": Availability.SHORT,
        "Four": Availability.AVAILABLE,
    }
    assert cart.subtotal == Decimal("52.00")  # twelve of Three, one of Four
    page = sign_in().get("/cart/").content.decode()
    for sentence in ("This book is sold out.", "We no longer sell this book.", "Only 2 copies are in stock."):
        assert sentence in page
    assert 'href="/checkout/"' not in page


def test_a_book_that_vanished_from_the_catalogue_is_named_as_such(sign_in):
    book = factories.book("Gone")
    add("c-1", book.id)
    Book(book.id).delete()
    page = sign_in().get("/cart/").content.decode()
    assert "A book we no longer have" in page
    assert "We no longer sell this book." in page


@pytest.mark.parametrize("titles", [1, 30])
def test_the_cart_costs_two_store_calls_whatever_it_holds(sign_in, wire, titles):
    for _ in range(titles):
        add("c-1", factories.book().id)
    customer = sign_in()
    with wire.count() as calls:
        assert customer.get("/cart/").status_code == 200
    assert calls.total == calls.dynamodb == 3  # with the session


def test_thirty_titles_are_an_order_and_one_more_is_told_so(sign_in):
    for _ in range(30):
        add("c-1", factories.book().id)
    customer = sign_in()
    assert cart_of("c-1").problems == ()
    assert "One order holds at most 30 titles." in customer.get("/cart/").content.decode()
    add("c-1", factories.book().id)
    page = customer.get("/cart/").content.decode()
    assert "One order holds at most 30 titles, and there are 31 in your cart." in page
    assert 'href="/checkout/"' not in page


def test_at_most_a_hundred_lines_are_read(wire):
    with CartLine.batch_write() as batch:
        for number in range(110):
            batch.save(
                CartLine(
                    "c-1", f"b-{number}", price="1.00", currency="GBP", quantity=1, added_at=datetime.now(UTC)
                )
            )
    with wire.count() as calls:
        cart = cart_of("c-1")
    assert cart.titles == 100
    assert calls.total == 2
    assert "This page shows 100 titles at most." in cart.limit_notice


@pytest.mark.parametrize("titles", [30, 100])
def test_a_full_cart_stays_a_small_page(sign_in, titles):
    for number in range(titles):
        book = factories.book(f"A long title, such as books had when they were new, number {number}")
        CartLine("c-1", book.id, price="1.00", currency="GBP", quantity=1, added_at=datetime.now(UTC)).save()
    answer = sign_in().get("/cart/")
    assert len(answer.content) <= 60 * 1024
    assert answer.content.decode().count('value="remove"') == titles


def test_changing_a_quantity_sets_it(sign_in):
    book = factories.book("Emma")
    add("c-1", book.id, 2)
    answer = sign_in().post(f"/cart/lines/{book.id}/", {"quantity": "7"})
    assert (answer.status_code, answer["Location"]) == (303, "/cart/")
    assert stored() == {book.id: 7}


@pytest.mark.parametrize("quantity", ["", "-1", "21", "99999999999", "1.5", "many", "٣"])
def test_a_quantity_that_is_none_changes_nothing(sign_in, quantity):
    book = factories.book("Emma")
    add("c-1", book.id, 2)
    customer = sign_in()
    customer.post(f"/cart/lines/{book.id}/", {"quantity": quantity})
    assert "Enter a whole number of copies, from 1 to 20." in customer.get("/cart/").content.decode()
    assert stored() == {book.id: 2}


@pytest.mark.parametrize("book_id", ["no-such-book", "x" * 3000])
@pytest.mark.parametrize("sent", [{"quantity": "3"}, {"quantity": "0"}, {"action": "remove"}])
def test_a_line_that_is_not_in_the_cart_is_not_made(sign_in, sent, book_id):
    customer = sign_in()
    customer.post(f"/cart/lines/{book_id}/", sent)
    assert "This book is no longer in your cart." in customer.get("/cart/").content.decode()
    assert stored() == {}


def test_a_stranger_without_a_cart_changes_nothing(client):
    factories.book()
    answer = client.post("/cart/lines/b-1/", {"quantity": "3"}, follow=True)
    assert "This book is no longer in your cart." in answer.content.decode()


@pytest.mark.parametrize("sent", [{"quantity": "0"}, {"action": "remove"}])
def test_what_was_taken_out_can_be_put_back_without_javascript(sign_in, sent):
    book = factories.book("Emma & Co", price="7.99")
    add("c-1", book.id, 4)
    customer = sign_in()
    answer = customer.post(f"/cart/lines/{book.id}/", sent)
    assert answer.status_code == 303
    assert stored() == {}
    page = customer.get(answer["Location"]).content.decode()
    assert "“Emma &amp; Co” was taken out of your cart." in page
    undo = re.search(r'name="undo" value="([^"]+)"', page)[1]
    for _twice in range(2):
        customer.post(f"/cart/lines/{book.id}/", {"undo": undo})
        assert stored() == {book.id: 4}
    assert [line.price for line in CartLine.query("c-1")] == [Decimal("7.99")]
    assert "was taken out" not in customer.get(answer["Location"]).content.decode()


def test_undoing_keeps_what_was_added_meanwhile(sign_in):
    book = factories.book("Emma")
    add("c-1", book.id, 4)
    removed = services.remove_line(owner="c-1", book_id=book.id, at=datetime.now(UTC))
    add("c-1", book.id, 1)
    services.put_back(owner="c-1", removed=removed, at=datetime.now(UTC), guest=False)
    assert stored() == {book.id: 1}


def test_an_undo_is_good_for_its_own_cart_and_book_alone(sign_in):
    book, other = factories.book("Emma"), factories.book("Other")
    add("c-1", book.id, 4)
    removed = services.remove_line(owner="c-1", book_id=book.id, at=datetime.now(UTC))
    token = services.undo_token(removed, owner="c-1")
    stranger = sign_in(customer_id="c-2")
    for path in (book.id, other.id):
        stranger.post(f"/cart/lines/{path}/", {"undo": token})
    sign_in().post(f"/cart/lines/{other.id}/", {"undo": token})
    sign_in().post(f"/cart/lines/{book.id}/", {"undo": token[:-2] + "xx"})
    assert stored() == stored("c-2") == {}
    assert "was taken out" not in stranger.get("/cart/", {"removed": token}).content.decode()


def test_htmx_gets_the_cart_anew_with_the_undo_in_it(sign_in):
    book = factories.book("Emma")
    add("c-1", book.id, 4)
    answer = sign_in().post(f"/cart/lines/{book.id}/", {"action": "remove"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer["HX-Trigger"] == "cart-changed"
    page = answer.content.decode()
    assert page.lstrip().startswith('<div id="cart"')
    assert 'name="undo"' in page


def test_forms_have_double_quotes_and_need_no_buttons_name(sign_in):
    add("c-1", factories.book("Emma").id)
    page = sign_in().get("/cart/").content.decode()
    assert not re.search(r"<(form|input|button)[^>]*='", page)
    assert not re.search(r"<button[^>]*\bname=", page)


def test_counting_copies_is_one_query(wire):
    for quantity in (2, 5):
        add("c-1", factories.book().id, quantity)
    with wire.count() as calls:
        assert count_copies("c-1") == 7
    assert calls.total == 1
    with wire.count() as calls:
        assert count_copies(None) == 0
    assert calls.total == 0


def test_a_forgotten_customers_cart_is_gone_and_the_export_tells_what_was_there():
    book = factories.book("Emma")
    add("c-1", book.id, 2)
    parts = [
        part
        for _receiver, part in signals.collect_export.send(sender=None, customer_id="c-1")
        if "cart" in part
    ]
    assert parts == [
        {"cart": [{"book": book.id, "title": "Emma", "copies": 2, "price_seen": Decimal("7.99")}]}
    ]
    for _twice in range(2):
        services.forget_cart(customer_id="c-1")
    assert stored() == {}
