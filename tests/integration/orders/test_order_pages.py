"""The customer's orders: seen by their customer alone, with what was paid then, not what it costs now."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from cart.models import CartLine
from catalog import services as catalogue
from catalog.models import Book
from catalog.selectors import review_of
from orders import selectors, services
from orders.errors import OrderNotFoundError
from orders.fulfilment import note_order
from orders.models import Order
from orders.refunds import refund_order
from orders.services import cancel_order
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import (
    fill_cart,
    named,
    pay_at,
    place,
    reserve,
    send_on,
    sentences,
    stock,
    the_order,
    unmarked,
)

NOW = datetime.now(UTC)


@pytest.fixture
def stranger(sign_in):
    return sign_in(customer_id="c-2", email="other@example.com")


@pytest.fixture
def placed(emma):
    return place(reserve(total="15.98"))


def test_an_order_shows_what_was_bought_and_what_happened(customer, placed, wire):
    with wire.count() as calls:
        answer = customer.get(f"/orders/{placed.order_id}/")
    assert calls.total == 2  # the session, the order
    said = sentences(answer)
    for part in (placed.number, "Emma", "£15.98", "Placed", "York"):
        assert part in said
    assert [step.label for step in answer.context["timeline"]] == ["Awaiting payment", "Placed"]
    assert answer["Cache-Control"] == "private, no-store"


def test_an_unpaid_order_says_until_when_its_books_are_set_aside(customer, emma):
    order = reserve(total="15.98", at=datetime(2026, 7, 1, 12, 10, tzinfo=UTC))
    said = sentences(customer.get(f"/orders/{order.order_id}/"))
    assert "Your books are set aside until 13:40." in said  # half an hour, by the clock in London


def test_totals_keep_the_price_paid_after_the_catalogue_changes(customer, placed, emma):
    catalogue.revise_book(
        book_id=emma.id, version=int(emma.version), price=Decimal("99.00"), name="Emma, revised", at=NOW
    )
    answer = customer.get(f"/orders/{placed.order_id}/")
    order = answer.context["order"]
    assert (order.total, order.lines[0].price, order.lines[0].amount) == (
        Decimal("15.98"),
        Decimal("7.99"),
        Decimal("15.98"),
    )
    assert "£99" not in sentences(answer)
    assert "revised" not in sentences(answer)


@pytest.mark.parametrize(
    "path",
    ["", "pay/", "cancel/", "again/", "ratings/b-emma/"],
    ids=["page", "pay", "cancel", "again", "rate"],
)
def test_another_customers_order_is_a_404(stranger, placed, emma, path):
    address = f"/orders/{placed.order_id}/{path}"
    assert stranger.get(address).status_code == 404
    if path:
        assert stranger.post(address, {"stars": "1"}).status_code == 404
    assert the_order().status == "placed"
    assert list(CartLine.query("c-2")) == []
    assert review_of("b-emma", "c-2") is None


@pytest.mark.parametrize("path", ["/orders/", "/orders/x/", "/orders/x/cancel/", "/checkout/return/"])
def test_a_stranger_signs_in_first(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/oidc/authenticate/?next=/")


@pytest.mark.parametrize(
    "order_id", ["x", "0" * 36, "0199d000-0000-7000-8000-000000000000", "é", "a" * 2000, "%00"]
)
def test_an_order_that_is_none_is_a_404(customer, order_id):
    assert customer.get(f"/orders/{order_id}/").status_code == 404
    assert customer.post(f"/orders/{order_id}/cancel/").status_code == 404


def test_a_button_pressed_before_signing_in_leads_to_the_orders_page(customer, placed):
    answer = customer.get(f"/orders/{placed.order_id}/cancel/")
    assert (answer.status_code, answer["Location"]) == (303, f"/orders/{placed.order_id}/")
    assert the_order().status == "placed"


def test_past_orders_come_newest_first_in_pages_of_ten_both_ways(customer, wire):
    factories.book(price="1.00", stock=99, book_id="b-1x")
    fill_cart(b_1x=1)
    made = [unmarked(total="1.00", at=NOW - timedelta(days=number)).order_id for number in range(23)]
    with wire.count() as calls:
        first = customer.get("/orders/")
    assert calls.total == 2  # the session, the orders
    second = customer.get("/orders/" + first.context["next"])
    third = customer.get("/orders/" + second.context["next"])
    pages = [[order.order_id for order in page.context["orders"]] for page in (first, second, third)]
    assert pages == [made[:10], made[10:20], made[20:]]
    assert third.context["next"] == first.context["previous"] == ""
    back = customer.get("/orders/" + third.context["previous"])
    assert [order.order_id for order in back.context["orders"]] == made[10:20]


def test_a_cursor_of_another_customer_or_of_nobody_is_a_404(customer, stranger):
    factories.book(price="1.00", stock=99, book_id="b-1x")
    fill_cart(b_1x=1)
    for number in range(11):
        unmarked(total="1.00", at=NOW - timedelta(days=number))
    cursor = customer.get("/orders/").context["next"]
    assert customer.get("/orders/" + cursor).status_code == 200
    assert stranger.get("/orders/" + cursor).status_code == 404
    assert customer.get("/orders/?after=rubbish").status_code == 404


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-01-01T00:30:00+00:00", "1 January 2026"),
        ("2026-12-31T23:30:00+00:00", "31 December 2026"),
        ("2026-07-31T23:30:00+00:00", "1 August 2026"),
    ],
)
def test_dates_are_those_of_the_shops_calendar(customer, at, shown):
    factories.book(price="1.00", book_id="b-1x")
    fill_cart(b_1x=1)
    order = reserve(total="1.00", at=datetime.fromisoformat(at))
    assert shown in sentences(customer.get("/orders/"))
    assert shown in sentences(customer.get(f"/orders/{order.order_id}/"))


def test_cancelling_from_the_page(customer, placed, emma, provider):
    answer = customer.post(f"/orders/{placed.order_id}/cancel/", follow=True)
    assert answer.redirect_chain == [(f"/orders/{placed.order_id}/", 303)]
    assert "Your order is cancelled." in sentences(answer)
    assert stock(emma) == 9
    assert not answer.context["order"].may_be_cancelled
    again = customer.post(f"/orders/{placed.order_id}/cancel/", follow=True)
    assert again.status_code == 200
    assert stock(emma) == 9


def test_a_customer_who_cancels_is_promised_no_money_that_the_provider_has_just_refused(
    customer, emma, provider
):
    order = reserve(total="15.98")
    pay_at(provider, order, takes_nothing_back=True)
    place(order)
    for _twice in range(2):
        said = sentences(customer.post(f"/orders/{order.order_id}/cancel/", follow=True))
        assert "Your order is cancelled. We shall write to you about the money." in said


def test_what_is_packed_is_not_cancelled_from_the_page(customer, placed, emma, provider):
    send_on(placed, Status.PACKED)
    assert (
        f"/orders/{placed.order_id}/cancel/"
        not in customer.get(f"/orders/{placed.order_id}/").content.decode()
    )
    answer = customer.post(f"/orders/{placed.order_id}/cancel/", follow=True)
    assert "This order can no longer be cancelled: it is packed." in sentences(answer)
    assert stock(emma) == 7


def test_the_page_follows_the_parcel_and_tells_what_came_back(customer, placed, emma, provider):
    pay_at(provider, placed)
    told = named(placed, at=NOW)
    send_on(placed, Status.PACKED, Status.SHIPPED)
    note_order(**told, note_id="n-1", text="<b>Sorry</b>", to_customer=True)
    refund_order(**told, refund_id="r-1", lines={"b-emma": 1}, reason="Torn by us.")
    answer = customer.get(f"/orders/{placed.order_id}/")
    page = answer.content.decode()
    assert 'href="https://track.dpd.co.uk/search?reference=1234567890"' in page
    assert "&lt;b&gt;Sorry&lt;/b&gt;" in page
    said = sentences(answer)
    for sentence in (
        "Follow it: DPD 1234567890",
        "A note from us",
        "1 × Emma £7.99 went back to you.",
        "1 of them returned or refunded",
        "Went back to you −£7.99",
    ):
        assert sentence in said
    assert "anna" not in page
    assert "Torn by us" not in page


def test_buying_again_fills_the_cart_and_says_what_is_missing(customer, placed, emma):
    other = factories.book("Other", price="1.00", book_id="b-other")
    fill_cart(b_other=1, b_emma=1)
    second = place(reserve(total="8.99"))
    catalogue.withdraw_book(book_id=other.id, at=NOW)
    answer = customer.post(f"/orders/{second.order_id}/again/", follow=True)
    assert answer.redirect_chain == [("/cart/", 303)]
    said = sentences(answer)
    assert "1 title of this order is in your cart." in said
    assert "We no longer sell “Other”." in said
    assert {line.book_id: int(line.quantity) for line in CartLine.query("c-1")} == {"b-emma": 1}


def test_buying_again_costs_a_fixed_number_of_store_calls(customer, wire):
    for number in range(30):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    order = place(reserve(total="30.00"))
    with wire.count() as calls:
        customer.post(f"/orders/{order.order_id}/again/")
    assert calls.total == 5  # session, order, cart, books, one transaction


def test_a_buyer_rates_a_book_and_changes_her_mind(customer, placed, emma):
    for stars, text in (("5", "Splendid."), ("2", "On second thoughts.")):
        answer = customer.post(
            f"/orders/{placed.order_id}/ratings/b-emma/",
            {"stars": stars, "title": "Well", "text": text},
            follow=True,
        )
        assert "Thank you for your rating." in sentences(answer)
    review = review_of("b-emma", "c-1")
    assert (int(review.stars), review.text, review.order_id) == (2, "On second thoughts.", placed.order_id)
    book = Book.get("b-emma")
    assert (int(book.rating_sum), int(book.rating_count)) == (2, 1)


def test_what_was_said_before_stands_in_the_form(customer, placed):
    address = f"/orders/{placed.order_id}/ratings/b-emma/"
    assert customer.get(address).status_code == 200
    customer.post(address, {"stars": "4", "title": "Well", "text": "Splendid."})
    page = customer.get(address).content.decode()
    assert re.search(r'value="4" checked', page)
    assert 'value="Well"' in page
    assert "Splendid.</textarea>" in page


def test_a_refused_rating_loses_no_words(customer, placed):
    answer = customer.post(
        f"/orders/{placed.order_id}/ratings/b-emma/", {"text": "Long and well considered."}
    )
    assert answer.status_code == 422
    assert "Long and well considered.</textarea>" in answer.content.decode()


@pytest.mark.parametrize("stars", ["", "0", "6", "-1", "4.5", "five", "٣", None])
def test_stars_that_are_none_are_refused(customer, placed, stars):
    sent = {} if stars is None else {"stars": stars}
    answer = customer.post(f"/orders/{placed.order_id}/ratings/b-emma/", sent, follow=True)
    assert "Give one to five stars." in sentences(answer)
    assert review_of("b-emma", "c-1") is None


def test_a_book_of_another_order_is_not_rated_from_this_one(customer, placed):
    factories.book("Other", book_id="b-other")
    for ask in (customer.get, customer.post):
        assert ask(f"/orders/{placed.order_id}/ratings/b-other/", {"stars": "5"}).status_code == 404
    assert review_of("b-other", "c-1") is None


@pytest.mark.parametrize("state", ["awaiting_payment", "cancelled"])
def test_only_a_bought_book_is_rated(customer, emma, provider, state):
    order = reserve(total="15.98")
    if state == "cancelled":
        cancel_order(customer_id="c-1", order_id=order.order_id, at=NOW)
    assert "/ratings/" not in customer.get(f"/orders/{order.order_id}/").content.decode()
    answer = customer.post(f"/orders/{order.order_id}/ratings/b-emma/", {"stars": "5"}, follow=True)
    assert "You can rate a book once you have bought it here." in sentences(answer)
    assert review_of("b-emma", "c-1") is None
    assert not selectors.holds(selectors.get_order("c-1", order.order_id), "b-emma")


def test_what_an_order_made_the_customers(placed):
    assert selectors.holds(placed, "b-emma")
    assert not selectors.holds(placed, "b-other")
    for customer_id, order_id in (("c-2", placed.order_id), ("c-1", "rubbish"), ("", placed.order_id)):
        assert selectors.find_order(customer_id, order_id) is None


def test_forms_have_double_quotes_and_need_no_buttons_name(customer, placed):
    for path in ("/orders/", f"/orders/{placed.order_id}/"):
        page = customer.get(path).content.decode()
        assert not re.search(r"<(form|input|button|select|textarea)[^>]*='", page)
        assert not re.search(r"<button[^>]*\bname=", page)


@pytest.mark.parametrize("path", ["pay/", "cancel/", "again/", "ratings/b-emma/"])
def test_another_sites_form_does_nothing(customer, placed, path):
    stranger = Client(headers={"sec-fetch-site": "cross-site"})
    stranger.cookies = customer.cookies
    assert stranger.post(f"/orders/{placed.order_id}/{path}", {"stars": "1"}).status_code == 403
    assert the_order().status == "placed"


def test_orders_of_one_customer_are_not_anothers(placed):
    with pytest.raises(OrderNotFoundError):
        selectors.get_order("c-2", placed.order_id)
    assert selectors.orders_of("c-2").items == []
    assert [order.order_id for order in selectors.orders_of("c-1").items] == [placed.order_id]


def test_an_order_of_many_titles_still_fits_its_page(customer):
    for number in range(30):
        factories.book(
            f"A long title, such as books had when they were new, number {number}", book_id=f"b-{number}x"
        )
        fill_cart(**{f"b_{number}x": 1})
    order = place(reserve(total="239.70"))
    assert (
        f"/orders/{order.order_id}/ratings/b-29x/"
        in customer.get(f"/orders/{order.order_id}/").content.decode()
    )
    assert len(customer.get(f"/orders/{order.order_id}/").content) <= 60 * 1024
    assert len(Order.get("c-1", order.order_id).lines) == 30
    services.buy_again(customer_id="c-1", order_id=order.order_id, at=NOW)
    for number in range(1, 10):
        unmarked(total="239.70", at=NOW - timedelta(days=number))
    assert len(customer.get("/orders/").content) <= 60 * 1024
    assert len(customer.get("/cart/").content) <= 60 * 1024
    assert len(customer.get("/checkout/").content) <= 60 * 1024
