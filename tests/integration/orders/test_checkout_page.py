"""The checkout page, and what its form may and may not do."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from bookstore.accounts.services import remember_address
from cart.selectors import cart_of
from catalog import services as catalogue
from orders import reserving
from orders.ids import AgreedLine, Offer, draw_order_id, read_offer, sign_offer
from tests import factories
from tests.integration.orders.buying import (
    checkout_form,
    fill_cart,
    place,
    reserve,
    sentences,
    stock,
    stored_orders,
    the_order,
)

EMMA = {"b_emma": 2}


@pytest.fixture
def emma():
    book = factories.book("Emma", price="7.99", stock=9, book_id="b-emma")
    fill_cart(**EMMA)
    return book


def test_a_stranger_signs_in_first_and_comes_back(client):
    answer = client.get("/checkout/")
    assert answer.status_code == 302
    assert answer["Location"] == "/oidc/authenticate/?next=/checkout/"


def test_the_page_has_an_address_form_and_the_summary(customer, emma):
    answer = customer.get("/checkout/")
    page = answer.content.decode()
    names = set(re.findall(r'<(?:input|select)[^>]*\bname="([^"]+)"', page)) - {"q"}
    assert names == {"order", "name", "line1", "line2", "city", "region", "postcode", "country", "phone"}
    assert re.search(r'<option value="GB" selected>', page)
    assert "£15.98" in page
    assert answer["Cache-Control"] == "private, no-store"


def test_the_last_address_is_filled_in(customer, emma):
    remember_address(customer_id="c-1", address=factories.ADDRESS | {"name": "Elsewhere"})
    remember_address(customer_id="c-1", address=factories.ADDRESS)
    page = customer.get("/checkout/").content.decode()
    assert re.search(r'name="name"[^>]*value="Ada Reader"|value="Ada Reader"[^>]*name="name"', page)


def test_sending_the_form_reserves_and_leads_to_the_providers_page(customer, emma, provider):
    answer = customer.post("/checkout/", checkout_form(customer))
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"{provider.origin}/pay/")
    order = the_order()
    assert (order.status, order.total) == ("awaiting_payment", Decimal("15.98"))
    assert (order.email, order.address.city) == ("reader@example.com", "York")
    assert stock(emma) == 7
    payment = provider.ledger.payment(order.order_id)
    assert (payment.amount, payment.currency, payment.customer_id) == ("15.98", "GBP", "c-1")
    assert urlsplit(payment.return_url).path == "/checkout/return/"
    assert parse_qs(urlsplit(payment.return_url).query) == {"order": [order.order_id]}


def test_reserving_by_the_form_is_three_store_calls_and_the_session(customer, emma, provider, wire):
    form = checkout_form(customer)
    with wire.count() as calls:
        customer.post("/checkout/", form)
    assert calls.total == calls.dynamodb == 4


def test_sending_the_form_twice_is_one_order_and_one_payment(customer, emma, provider):
    form = checkout_form(customer)
    pages = {customer.post("/checkout/", form)["Location"] for _ in range(3)}
    assert len(pages) == 1
    assert len(stored_orders()) == 1
    assert stock(emma) == 7


def test_sending_an_old_form_after_paying_shows_the_order(customer, emma, provider):
    form = checkout_form(customer)
    customer.post("/checkout/", form)
    order = place(the_order())
    answer = customer.post("/checkout/", form)
    assert (answer.status_code, answer["Location"]) == (303, f"/orders/{order.order_id}/")
    assert len(stored_orders()) == 1


def test_an_empty_cart_leads_back_to_the_cart(customer):
    answer = customer.get("/checkout/", follow=True)
    assert answer.redirect_chain == [("/cart/", 303)]
    assert "Your cart is empty." in sentences(answer)


def test_the_page_says_how_many_titles_an_order_holds(customer, emma):
    assert "One order holds at most 30 titles." in customer.get("/checkout/").content.decode()


def test_more_than_thirty_titles_lead_back_to_the_cart(customer):
    for number in range(31):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    answer = customer.get("/checkout/", follow=True)
    assert answer.redirect_chain == [("/cart/", 303)]
    assert "One order holds at most 30 titles, and there are 31 in your cart." in sentences(answer)


def test_a_book_that_sold_out_leads_back_to_the_cart_by_name(customer, emma, provider):
    form = checkout_form(customer)
    fill_cart("c-2", b_emma=9)
    reserve("c-2", total="71.91")
    for answer in (customer.post("/checkout/", form, follow=True), customer.get("/checkout/", follow=True)):
        assert answer.redirect_chain == [("/cart/", 303)]
        assert "Emma: This book is sold out." in sentences(answer)
    assert stored_orders() == []


def test_the_last_copies_set_aside_for_the_customer_herself_lead_to_that_order(customer, emma, provider):
    """She went back from the provider's page, and opened the checkout anew."""
    fill_cart(b_emma=7)
    customer.post("/checkout/", checkout_form(customer))
    answer = customer.get("/checkout/", follow=True)
    assert answer.redirect_chain == [(f"/orders/{the_order().order_id}/", 303)]
    assert "Your books are set aside in this order." in sentences(answer)


def test_a_price_that_changed_is_named_with_the_new_total_and_the_address_is_kept(customer, emma, provider):
    form = checkout_form(customer)
    catalogue.revise_book(
        book_id=emma.id, version=int(emma.version), price=Decimal("8.49"), at=datetime.now(UTC)
    )
    answer = customer.post("/checkout/", form | {"city": "Whitby"})
    assert answer.status_code == 409
    assert "The price of “Emma” has changed. Your order now comes to £16.98." in sentences(answer)
    assert 'value="Whitby"' in answer.content.decode()
    assert stored_orders() == []
    again = form | {"order": answer.context["order"]}
    assert customer.post("/checkout/", again).status_code == 303
    assert the_order().total == Decimal("16.98")


def test_a_cart_that_changed_in_another_tab_is_shown_anew(customer, emma, provider):
    form = checkout_form(customer)
    fill_cart(b_emma=1)
    answer = customer.post("/checkout/", form)
    assert answer.status_code == 409
    assert "Your cart has changed since this page was shown. It now comes to £23.97." in sentences(answer)
    assert stored_orders() == []


def offer(customer_id: str = "c-1", *, price: str = "7.99", at: datetime | None = None) -> str:
    order_id = draw_order_id(at=at or datetime.now(UTC))
    return sign_offer(Offer(order_id, {"b-emma": AgreedLine(2, Decimal(price))}), customer_id=customer_id)


@pytest.mark.parametrize(
    "forge",
    [
        lambda: "",
        lambda: "rubbish",
        lambda: "é:\x00:🎈",
        lambda: offer()[:-1] + "x",
        lambda: offer("c-2"),
        lambda: draw_order_id(at=datetime.now(UTC)),
        lambda: offer(at=datetime.now(UTC) - timedelta(hours=24, minutes=1)),
    ],
)
def test_a_forged_foreign_or_old_form_orders_nothing_and_comes_back_fresh(customer, emma, provider, forge):
    answer = customer.post("/checkout/", {"order": forge(), **factories.ADDRESS})
    assert answer.status_code == 422
    assert "Please check it and send it again." in sentences(answer)
    assert stored_orders() == []
    assert stock(emma) == 9
    fresh = {"order": answer.context["order"], **factories.ADDRESS}
    assert customer.post("/checkout/", fresh).status_code == 303


def test_a_form_from_yesterday_is_still_good(customer, emma, provider):
    form = {"order": offer(at=datetime.now(UTC) - timedelta(hours=23)), **factories.ADDRESS}
    assert customer.post("/checkout/", form).status_code == 303


def test_fields_for_price_total_and_quantity_are_not_read(customer, emma, provider):
    forged = {
        "total": "0.01",
        "price": "0.01",
        "agreed_total": "0.01",
        "quantity": "1",
        "bookId": "b-x",
        "stock": "9",
    }
    customer.post("/checkout/", checkout_form(customer) | forged)
    assert (the_order().total, int(the_order().lines[0].quantity)) == (Decimal("15.98"), 2)


@pytest.mark.parametrize("field", ["name", "line1", "city", "postcode", "country"])
def test_an_address_with_a_part_missing_is_asked_for_again(customer, emma, provider, field):
    form = checkout_form(customer)
    answer = customer.post("/checkout/", form | {field: "  "})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert stored_orders() == []
    offered = read_offer(answer.context["order"], customer_id="c-1", at=datetime.now(UTC))
    assert offered == read_offer(
        form["order"], customer_id="c-1", at=datetime.now(UTC)
    )  # the same order to come


@pytest.mark.parametrize("field", ["line2", "region", "phone"])
def test_some_parts_of_an_address_may_be_empty(customer, emma, provider, field):
    form = checkout_form(customer)
    assert customer.post("/checkout/", form | {field: ""}).status_code == 303


@pytest.mark.parametrize("country", ["XX", "gb", "<script>", "United Kingdom"])
def test_a_country_that_is_none_is_refused(customer, emma, provider, country):
    answer = customer.post("/checkout/", checkout_form(customer) | {"country": country})
    assert answer.status_code == 422
    assert stored_orders() == []


def test_without_a_provider_the_page_says_that_orders_cannot_be_taken(customer, emma, settings):
    form = checkout_form(customer)  # a page from before
    settings.PAYMENT_PROVIDER = ""
    for answer, status in ((customer.get("/checkout/"), 200), (customer.post("/checkout/", form), 503)):
        assert answer.status_code == status
        assert "We cannot take orders yet: there is no way to pay. Your cart is kept" in sentences(answer)
        assert answer["Cache-Control"] == "private, no-store"
        assert b'name="order"' not in answer.content
    assert (stored_orders(), stock(emma), cart_of("c-1").copies) == ([], 9, 2)
    assert Client().post("/payments/webhook/", b"{}", content_type="application/json").status_code == 404


def test_a_provider_that_is_away_keeps_the_books_and_says_so(customer, emma):
    """No provider runs in this test: its address refuses connections."""
    form = checkout_form(customer)
    answer = customer.post("/checkout/", form, follow=True)
    order = the_order()
    assert answer.redirect_chain == [(f"/orders/{order.order_id}/", 303)]
    assert "cannot be reached just now" in sentences(answer)
    assert stock(emma) == 7
    assert cart_of("c-1").copies == 2


def test_another_sites_form_orders_nothing(customer, emma, provider):
    form = checkout_form(customer)
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
    ):
        stranger = Client(headers=headers)
        stranger.cookies = customer.cookies
        assert stranger.post("/checkout/", form).status_code == 403
    assert stored_orders() == []


def test_a_store_that_is_down_is_a_503_and_nothing_is_half_written(customer, emma, provider, wire):
    form = checkout_form(customer)
    with wire.dynamodb.refuse():
        assert customer.post("/checkout/", form).status_code == 503
    assert stored_orders() == []
    assert stock(emma) == 9


def test_the_form_sent_again_with_another_address_sends_the_books_there(customer, emma, provider):
    form = checkout_form(customer)
    customer.post("/checkout/", form)
    answer = customer.post("/checkout/", form | {"line1": "2 Right Street"})
    assert answer["Location"].startswith(f"{provider.origin}/pay/")
    order = the_order()
    assert (order.address.line1, order.status, int(order.version)) == (
        "2 Right Street",
        "awaiting_payment",
        2,
    )
    assert stock(emma) == 7
    customer.post("/checkout/", form | {"line1": "2 Right Street"})
    assert int(the_order().version) == 2


def test_a_paid_order_goes_where_it_was_paid_for(customer, emma, provider):
    form = checkout_form(customer)
    customer.post("/checkout/", form)
    place(the_order())
    answer = customer.post("/checkout/", form | {"line1": "2 Right Street"})
    assert answer["Location"] == the_order().get_absolute_url()
    assert the_order().address.line1 == factories.ADDRESS["line1"]


def test_an_address_that_meets_the_payment_changes_nothing(customer, emma, provider, monkeypatch):
    form = checkout_form(customer)
    customer.post("/checkout/", form)
    find_order = reserving.find_order

    def find_and_then_pay(customer_id, order_id):
        found = find_order(customer_id, order_id)
        monkeypatch.undo()
        place(the_order())
        return found

    monkeypatch.setattr(reserving, "find_order", find_and_then_pay)
    answer = customer.post("/checkout/", form | {"line1": "2 Right Street"})
    assert answer["Location"] == the_order().get_absolute_url()
    assert (the_order().status, the_order().address.line1) == ("placed", factories.ADDRESS["line1"])
