"""Adding a book: what goes in, what is refused, what it costs, and what happens in parallel."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client

from cart import services
from cart.errors import CartError, TooManyCopiesError
from cart.models import CartLine
from cart.selectors import cart_of, count_copies
from catalog.services import withdraw_book
from tests import factories


def stored(owner: str) -> dict[str, int]:
    return {line.book_id: int(line.quantity) for line in CartLine.query(owner)}


def add(owner: str, book_id: str, quantity: int = 1, **fields):
    fields = {"seen_price": None, "at": datetime.now(UTC), "guest": False} | fields
    return services.add_to_cart(owner=owner, book_id=book_id, quantity=quantity, **fields)


def everything_in_carts() -> list[CartLine]:
    return list(CartLine.scan())


def test_a_guest_fills_a_cart_that_the_cookie_names(client):
    book = factories.book("Emma", price="7.99")
    answer = client.post("/cart/add/", {"bookId": book.id, "quantity": "3", "price": "7.99"})
    assert (answer.status_code, answer["Location"]) == (303, "/cart/")
    page = client.get("/cart/").content.decode()
    assert "3 copies of “Emma” are in your cart." in page
    assert "£23.97" in page
    cookie = client.cookies[settings.CART_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["secure"]  # the local shop speaks http


def test_looking_at_a_cart_makes_no_cookie(client):
    client.get("/cart/")
    assert settings.CART_COOKIE_NAME not in client.cookies


@pytest.mark.parametrize(
    "forged", ["guest#11111111-1111-4111-8111-111111111111", "x", "", "c-1:x:y", "é:é:é"]
)
def test_a_forged_cookie_names_no_cart(client, forged):
    book = factories.book("Emma")
    add("guest#11111111-1111-4111-8111-111111111111", book.id, guest=True)
    add("c-1", book.id)
    client.cookies[settings.CART_COOKIE_NAME] = forged
    assert client.get("/cart/").context["cart"].titles == 0


def test_a_cookie_signed_for_a_customer_names_no_cart(client):
    add("c-1", factories.book().id)
    salt = settings.CART_COOKIE_NAME + "cart.guest"
    client.cookies[settings.CART_COOKIE_NAME] = signing.get_cookie_signer(salt=salt).sign("c-1")
    assert client.get("/cart/").context["cart"].titles == 0


def test_a_signed_in_customer_fills_her_own_cart(sign_in):
    book = factories.book("Emma")
    customer = sign_in(customer_id="c-7")
    customer.post("/cart/add/", {"bookId": book.id, "quantity": "2", "price": "7.99"})
    assert stored("c-7") == {book.id: 2}
    assert settings.CART_COOKIE_NAME not in customer.cookies


def test_adding_again_adds_up(client):
    book = factories.book("Emma")
    for quantity in ("2", "3"):
        client.post("/cart/add/", {"bookId": book.id, "quantity": quantity, "price": "7.99"})
    assert [int(line.quantity) for line in everything_in_carts()] == [5]


QUANTITIES = [
    "",
    " ",
    "0",
    "-1",
    "21",
    "1000000000",
    "1e9",
    "1.5",
    "1,5",
    "abc",
    "٣",
    "²",
    "1_0",
    "+2",
    "0x2",
    "NaN",
    "\x002",
    "１",
]


def test_a_quantity_that_is_none_is_refused_with_a_sentence(client):
    book = factories.book("Emma")
    for quantity in QUANTITIES:
        client.post("/cart/add/", {"bookId": book.id, "quantity": quantity, "price": "7.99"})
        assert "Enter a whole number of copies, from 1 to 20." in client.get("/cart/").content.decode()
        assert everything_in_carts() == [], quantity
        assert settings.CART_COOKIE_NAME not in client.cookies


def test_a_missing_quantity_is_refused(client):
    client.post("/cart/add/", {"bookId": factories.book().id})
    assert everything_in_carts() == []


@pytest.mark.parametrize(
    "book_id", ["", "no-such-book", "x" * 5000, "b\x001", "é" * 60, "'; DROP TABLE books"]
)
def test_a_book_that_is_not_there_is_refused_with_a_sentence(client, book_id):
    answer = client.post("/cart/add/", {"bookId": book_id, "quantity": "1", "price": "7.99"})
    assert answer.status_code == 303
    assert "We do not have this book." in client.get("/cart/").content.decode()
    assert everything_in_carts() == []


def test_a_sold_out_book_is_refused_by_name(client):
    book = factories.book("Emma", stock=0)
    client.post("/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"})
    assert "“Emma” is sold out." in client.get("/cart/").content.decode()
    assert everything_in_carts() == []


def test_a_withdrawn_book_is_refused(client):
    book = factories.book("Emma")
    withdraw_book(book_id=book.id, at=datetime.now(UTC))
    client.post("/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"})
    assert "We do not have this book." in client.get("/cart/").content.decode()
    assert everything_in_carts() == []


@pytest.mark.parametrize(
    "price", [None, "", "0.01", "-7.99", "7.990", "eleventy", "7,99", "1e1", "9" * 400, "\x00", "٧.٩٩"]
)
def test_a_forged_price_is_neither_stored_nor_echoed(client, price):
    book = factories.book("Emma", price="7.99")
    sent = {"bookId": book.id, "quantity": "1"} | ({} if price is None else {"price": price})
    client.post("/cart/add/", sent)
    page = client.get("/cart/").content.decode()
    assert "“Emma” costs £7.99 today." in page
    assert [line.price for line in everything_in_carts()] == [Decimal("7.99")]
    if price and len(price) > 3:
        assert price not in page


def test_the_price_that_was_shown_needs_no_word(client):
    book = factories.book("Emma", price="7.99")
    client.post("/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"})
    assert "today" not in client.get("/cart/").content.decode()


def test_twenty_copies_are_the_most_and_the_sentence_says_how_many_there_are():
    book = factories.book("Emma", stock=50)
    add("c-1", book.id, 18)
    with pytest.raises(TooManyCopiesError, match="yours holds 18 of “Emma”"):
        add("c-1", book.id, 3)
    assert stored("c-1") == {book.id: 18}
    add("c-1", book.id, 2)
    assert stored("c-1") == {book.id: 20}


def test_twenty_parallel_adds_make_twenty_copies_and_the_next_is_refused():
    book = factories.book("Emma", stock=50)

    def one(_number: int) -> str:
        try:
            add("guest#1", book.id, guest=True)
        except CartError as error:
            return str(error)
        return "added"

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(one, range(24)))
    assert stored("guest#1") == {book.id: 20}
    assert answers.count("added") == 20
    assert {answer for answer in answers if answer != "added"} == {
        "There are at most 20 copies of a title in a cart, and yours holds 20 of “Emma” already."
    }


def test_more_copies_than_are_in_stock_are_said_to_be(client):
    book = factories.book("Emma", stock=2)
    client.post("/cart/add/", {"bookId": book.id, "quantity": "5", "price": "7.99"})
    page = client.get("/cart/").content.decode()
    assert "Only 2 copies are in stock." in page
    assert "/checkout/" not in page


def test_adding_costs_two_store_calls_and_one_for_the_session(client, sign_in, wire):
    book = factories.book("Emma")
    sent = {"bookId": book.id, "quantity": "1", "price": "7.99"}
    client.post("/cart/add/", sent)
    with wire.count() as calls:
        client.post("/cart/add/", sent)
    assert calls.total == calls.dynamodb == 2
    customer = sign_in()
    with wire.count() as calls:
        customer.post("/cart/add/", sent)
    assert calls.total == 3
    with wire.count() as calls:
        client.post("/cart/add/", sent, headers={"HX-Request": "true"})
    assert calls.total == 2


def test_htmx_gets_a_fragment_and_the_news_that_the_cart_changed(client):
    book = factories.book("Emma <b>")
    answer = client.post(
        "/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert answer["HX-Trigger"] == "cart-changed"
    assert "“Emma &lt;b&gt;” is in your cart." in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert settings.CART_COOKIE_NAME in answer.cookies


def test_a_refusal_reads_the_same_for_htmx(client):
    book = factories.book("Emma", stock=0)
    answer = client.post(
        "/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "HX-Trigger" not in answer
    assert "“Emma” is sold out." in answer.content.decode()


def test_the_cart_is_nobody_elses_to_keep(client):
    assert client.get("/cart/")["Cache-Control"] == "private, no-store"
    assert client.post("/cart/add/", {})["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/cart/add/", "/cart/lines/b-1/"])
def test_another_sites_form_adds_nothing(path):
    answer = Client(headers={"sec-fetch-site": "cross-site"}).post(path, {"bookId": "b-1", "quantity": "1"})
    assert answer.status_code == 403


def test_a_guests_line_expires_even_while_dynamodb_still_has_it(client):
    book = factories.book("Emma", stock=50)
    long_ago = datetime.now(UTC) - timedelta(days=settings.GUEST_CART_DAYS, seconds=1)
    guest = "guest#11111111-1111-4111-8111-111111111111"
    add(guest, book.id, 19, guest=True, at=long_ago)
    assert stored(guest) == {book.id: 19}
    assert cart_of(guest).lines == ()
    assert count_copies(guest) == 0
    # Added anew, it starts anew: nothing of the old line is left, its 19 copies least of all.
    added = add(guest, book.id, 2, guest=True)
    assert added.line.quantity == 2
    assert stored(guest) == {book.id: 2}
    assert count_copies(guest) == 2


def test_a_customers_line_does_not_expire():
    book = factories.book()
    add("c-1", book.id, at=datetime(2020, 1, 1, tzinfo=UTC))
    assert count_copies("c-1") == 1


def test_a_store_that_is_down_is_a_503_and_nothing_is_half_written(client, wire):
    book = factories.book("Emma")
    with wire.dynamodb.refuse():
        answer = client.post("/cart/add/", {"bookId": book.id, "quantity": "1", "price": "7.99"})
    assert answer.status_code == 503
    assert everything_in_carts() == []


@pytest.mark.parametrize("guest", [False, True])
def test_an_answer_that_was_lost_adds_no_second_copy(lose_answer, guest):
    book = factories.book("Emma")
    add("c-1", book.id, 1, guest=guest)
    lose_answer("UpdateItem")
    assert add("c-1", book.id, 2, guest=guest).line.quantity == 3
    assert stored("c-1") == {book.id: 3}
    assert add("c-1", book.id, 2, guest=guest).line.quantity == 5


def test_an_answer_lost_over_an_expired_line_adds_once(lose_answer):
    book = factories.book("Emma")
    long_ago = datetime.now(UTC) - timedelta(days=settings.GUEST_CART_DAYS + 1)
    add("g-1", book.id, 7, guest=True, at=long_ago)
    lose_answer("UpdateItem")
    assert add("g-1", book.id, 2, guest=True).line.quantity == 2
    assert stored("g-1") == {book.id: 2}
