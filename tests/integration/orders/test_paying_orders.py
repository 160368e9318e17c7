"""From the provider's page back to the order: by return, by webhook, by both, and by neither."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier

import pytest
from django.test import Client

from bookstore.devstack.payment_provider import SIGNATURE_HEADER, signature
from cart.models import CartLine
from cart.selectors import cart_of
from cart.services import remove_line
from orders import services
from orders.errors import OrderNotFoundError
from orders.ids import draw_order_id
from orders.payments.base import PaymentState
from orders.refunds import refusal_of, settle_otherwise
from orders.selectors import get_order
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import (
    DECLINED,
    PAYS,
    checkout_form,
    decline,
    fill_cart,
    named,
    path_of,
    pay_at,
    payment_for,
    place,
    reserve,
    send_on,
    send_webhook,
    sentences,
    stock,
    the_order,
    type_card,
    wait_until,
)


@pytest.fixture
def page(customer, emma, provider):
    """Return the provider's page for a cart that was just checked out."""
    return customer.post("/checkout/", checkout_form(customer))["Location"]


def test_paying_and_coming_back_places_the_order_and_empties_the_cart(customer, emma, provider, page):
    status, back, _said = type_card(page, card=PAYS)
    assert status == 303
    answer = customer.get(path_of(back), follow=True)
    order = the_order()
    assert answer.redirect_chain == [(f"/orders/{order.order_id}/", 303)]
    assert f"Thank you. Your order {order.number} is placed." in sentences(answer)
    assert (order.status, order.queue_name, int(order.version)) == ("placed", "placed", 2)
    assert order.payment_reference == provider.ledger.payment(order.order_id).reference
    assert [(step.status, step.by) for step in order.history] == [
        ("awaiting_payment", "customer"),
        ("placed", "payment"),
    ]
    assert cart_of("c-1").lines == ()
    assert stock(emma) == 7


def test_the_webhook_alone_places_the_order(sign_in, emma, provider, shop):
    customer = sign_in()
    page = customer.post("/checkout/", checkout_form(customer))["Location"]
    type_card(page)
    wait_until(lambda: the_order().status == "placed")
    assert cart_of("c-1").lines == ()
    wait_until(lambda: not provider.ledger.due(time.time() + 1e6))  # it was accepted: nothing waits


def test_confirming_is_at_most_three_store_calls(customer, emma, provider, page, wire):
    _status, back, _said = type_card(page)
    with wire.count() as calls:
        customer.get(path_of(back))
    assert calls.dynamodb == 3  # the session, the order, the transaction


def test_a_webhook_is_at_most_three_store_calls(emma, provider, wire):
    order = reserve(total="15.98")
    with wire.count() as calls:
        assert send_webhook(payment_for(order)).status_code == 204
    assert calls.total == 2


def test_thirty_titles_are_confirmed_in_one_transaction(wire):
    for number in range(30):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    order = reserve(total="30.00")
    with wire.count() as calls:
        place(order)
    assert calls.total == 2
    assert cart_of("c-1").lines == ()


def test_webhook_and_return_together_place_it_once(customer, emma, provider):
    for _round in range(5):
        CartLine("c-1", "b-emma", price="7.99", currency="GBP", quantity=1, added_at=datetime.now(UTC)).save()
        order = reserve(total="7.99")
        pay_at(provider, order)
        together = Barrier(6)

        def by_webhook(order=order, together=together):
            together.wait()
            return send_webhook(payment_for(order)).status_code

        def by_return(order=order, together=together):
            browser = Client()
            browser.cookies = customer.cookies
            together.wait()
            return browser.get(f"/checkout/return/?order={order.order_id}").status_code

        with ThreadPoolExecutor(6) as pool:
            answers = [pool.submit(each) for each in (by_webhook, by_return) * 3]
        assert sorted(answer.result() for answer in answers) == [204, 204, 204, 303, 303, 303]
        stored = get_order("c-1", order.order_id)
        assert [step.status for step in stored.history] == ["awaiting_payment", "placed"]
        assert int(stored.version) == 2
        assert cart_of("c-1").lines == ()


def test_the_same_webhook_again_changes_nothing(emma, provider):
    order = reserve(total="15.98")
    for _twice in range(3):
        assert send_webhook(payment_for(order)).status_code == 204
    assert int(the_order().version) == 2


def test_a_line_changed_while_paying_stays_and_the_others_leave(emma, provider):
    other = factories.book("Other", price="1.00", book_id="b-other")
    third = factories.book("Third", price="1.00", book_id="b-third")
    fill_cart(b_other=1, b_third=1)
    order = reserve(total="17.98")
    fill_cart(b_emma=1)  # three now, of which two were ordered
    remove_line(owner="c-1", book_id=third.id, at=datetime.now(UTC))
    place(order)
    assert the_order().status == "placed"
    assert {line.book_id: int(line.quantity) for line in CartLine.query("c-1")} == {"b-emma": 3}
    assert stock(other) == 9


def test_a_declined_card_leaves_the_cart_and_gives_the_stock_back(customer, emma, provider, page):
    assert stock(emma) == 7
    status, back, _said = type_card(page, card=DECLINED)
    assert status == 303
    answer = customer.get(path_of(back), follow=True)
    assert answer.redirect_chain == [("/checkout/", 303)]
    assert "Your card was declined, and nothing was charged. Your cart is as it was." in sentences(answer)
    assert stock(emma) == 9
    assert cart_of("c-1").copies == 2
    order = the_order()
    assert (order.status, order.queue_name) == ("cancelled", None)
    assert [line.status for line in order.lines] == ["cancelled"]
    # Another try is another order, and may be paid.
    page = customer.post("/checkout/", checkout_form(customer))["Location"]
    customer.get(path_of(type_card(page)[1]))
    assert sorted(each.status for each in services.all_orders_of("c-1")) == ["cancelled", "placed"]
    assert stock(emma) == 7


def test_declined_webhook_and_return_give_the_stock_back_once(customer, emma, provider, page):
    type_card(page, card=DECLINED)
    order = the_order()
    for _twice in range(2):
        assert send_webhook(payment_for(order, state=PaymentState.DECLINED)).status_code == 204
        customer.get(f"/checkout/return/?order={order.order_id}")
    assert stock(emma) == 9
    assert len(the_order().history) == 2


def test_coming_back_without_paying_shows_the_order_with_a_way_to_pay(customer, emma, provider, page):
    order = the_order()
    answer = customer.get(f"/checkout/return/?order={order.order_id}", follow=True)
    assert answer.redirect_chain == [(f"/orders/{order.order_id}/", 303)]
    assert "This order is not paid yet." in sentences(answer)
    again = customer.post(f"/orders/{order.order_id}/pay/")
    assert (again.status_code, again["Location"]) == (303, page)
    assert stock(emma) == 7


def test_a_provider_that_is_away_is_told_on_the_way_back(customer, emma):
    order = reserve(total="15.98")
    answer = customer.get(f"/checkout/return/?order={order.order_id}", follow=True)
    assert answer.redirect_chain == [(f"/orders/{order.order_id}/", 303)]
    assert "cannot be reached just now" in sentences(answer)
    assert the_order().status == "awaiting_payment"


def test_an_old_page_of_the_provider_leads_to_what_became_of_the_order(customer, emma, provider, placed):
    def said() -> str:
        return sentences(customer.get(f"/checkout/return/?order={placed.order_id}", follow=True))

    thanks = f"Thank you. Your order {placed.number} is placed."
    assert thanks in said()
    send_on(placed, Status.PACKED, Status.SHIPPED)
    assert thanks in said()
    send_on(placed, Status.RETURNED)
    assert the_order().status == "refunded"
    page = said()
    assert thanks not in page
    assert "This order was cancelled" not in page


def test_money_that_came_too_late_is_told_on_the_way_back(customer, emma, provider):
    order = reserve(total="15.98")
    pay_at(provider, order)
    decline(order)
    answer = customer.get(f"/checkout/return/?order={order.order_id}", follow=True)
    assert "This order was cancelled, and your money goes back to you." in sentences(answer)
    assert the_order().status == "refunded"


def test_nobody_comes_back_for_somebody_elses_order(sign_in, emma, provider):
    customer, stranger = sign_in(), sign_in(customer_id="c-2", email="other@example.com")
    page = customer.post("/checkout/", checkout_form(customer))["Location"]
    type_card(page)
    order = the_order()
    assert stranger.get(f"/checkout/return/?order={order.order_id}").status_code == 404
    assert the_order().status == "awaiting_payment"
    assert provider.ledger.payment(order.order_id).state == "paid"  # and nobody gave her money back


@pytest.mark.parametrize("order_id", ["", "x", "../../etc", "0" * 36, "é", "a" * 3000])
def test_a_made_up_order_on_the_way_back_is_a_404(customer, provider, order_id):
    assert customer.get("/checkout/return/", {"order": order_id}).status_code == 404


def test_money_for_an_order_given_up_meanwhile_goes_back_once(emma, provider):
    """The payment slips through after the order was released."""
    order = reserve(total="15.98")
    pay_at(provider, order)
    decline(order)
    for _twice in range(2):
        assert send_webhook(payment_for(order)).status_code == 204
    payment = provider.ledger.payment(order.order_id)
    assert (payment.state, list(payment.answers)) == ("refunded", [order.order_id])
    assert the_order().status == "refunded"
    assert stock(emma) == 9
    assert cart_of("c-1").copies == 2


def test_money_for_an_order_given_up_that_does_not_go_back_is_owed_and_staff_and_customer_are_told(
    customer, emma, provider, pump, mailoutbox
):
    order = reserve(total="15.98")
    pay_at(provider, order, takes_nothing_back=True)
    decline(order)
    for _twice in range(2):
        assert send_webhook(payment_for(order)).status_code == 204
        pump()
    stored = the_order()
    assert (stored.status, stored.queue_name, [note.by for note in stored.notes]) == (
        "cancelled",
        "owed",
        ["payment"],
    )
    assert "takes nothing back" in refusal_of(stored)
    answer = customer.get(f"/checkout/return/?order={order.order_id}", follow=True)
    assert answer.redirect_chain == [(f"/orders/{order.order_id}/", 303)]
    assert "If it was paid, we look after the money, and tell you by e-mail." in sentences(answer)
    (message,) = mailoutbox
    assert "is cancelled.\n\nWe shall write to you about the money." in message.body
    told = named(order, at=datetime.now(UTC))
    assert settle_otherwise(**told, reason="By transfer.").given_back == order.total


def test_money_for_an_order_given_up_waits_in_its_queue_for_a_provider_that_does_not_answer(emma, settings):
    order = reserve(total="15.98")
    decline(order)
    settings.PAYMENT_ORIGIN = "http://127.0.0.1:1"
    assert send_webhook(payment_for(order)).status_code == 204
    assert (the_order().status, the_order().queue_name) == ("cancelled", "owed")


def test_money_of_another_amount_places_nothing_and_goes_back(emma, provider, caplog):
    order = reserve(total="15.98")
    pay_at(provider, order, amount="0.01")
    assert send_webhook(payment_for(order, amount=Decimal("0.01"))).status_code == 204
    assert the_order().status == "refunded"
    assert provider.ledger.payment(order.order_id).state == "refunded"
    assert stock(emma) == 9
    assert "a payment is not the amount of its order" in caplog.text


def test_money_for_no_order_at_all_goes_back_and_is_an_error_in_the_log(emma, provider, caplog):
    order = reserve(total="15.98")
    pay_at(provider, order)
    order.delete()
    assert send_webhook(payment_for(order)).status_code == 204
    assert provider.ledger.payment(order.order_id).state == "refunded"
    assert "money came for an order that does not exist" in caplog.text
    assert "that money does not go back" not in caplog.text
    assert send_webhook(payment_for(order), amount="15.99").status_code == 204  # the provider refuses that
    assert "that money does not go back" in caplog.text


def test_an_order_is_never_confirmed_by_a_payment_that_was_not_made(emma):
    order = reserve(total="15.98")
    for state in (PaymentState.UNPAID, PaymentState.DECLINED, PaymentState.REFUNDED):
        with pytest.raises(ValueError, match="a payment that was made"):
            services.confirm(
                customer_id="c-1",
                order_id=order.order_id,
                payment=payment_for(order, state=state),
                at=datetime.now(UTC),
            )
    assert the_order().status == "awaiting_payment"


@pytest.mark.parametrize(
    "forge",
    [
        {"secret": "another-secret"},
        {"at": time.time() - 301},
        {"at": time.time() + 10_000},
    ],
)
def test_a_forged_or_old_webhook_is_refused(emma, provider, forge):
    order = reserve(total="15.98")
    assert send_webhook(payment_for(order), **forge).status_code == 400
    assert the_order().status == "awaiting_payment"


def test_a_webhook_signed_for_another_body_is_refused(emma, provider, settings):
    order = reserve(total="15.98")
    at = int(time.time())
    signed = signature(settings.PAYMENT_WEBHOOK_SECRET, at, b"{}")
    body = json.dumps({"payment": {"order_id": order.order_id, "customer_id": "c-1", "state": "paid"}})
    for header in (
        f"t={at},v1={signed}",
        f"v1={signed}",
        f"t={at}",
        "",
        "t=,v1=",
        f"t={at},v1=é",
        "t=٣,v1=" + signed,
    ):
        answer = Client().post(
            "/payments/webhook/", body, content_type="application/json", headers={SIGNATURE_HEADER: header}
        )
        assert answer.status_code == 400, header
    assert the_order().status == "awaiting_payment"


@pytest.mark.parametrize("told", [{"state": "rich"}, {"amount": "lots"}, {"amount": "NaN"}])
def test_a_webhook_that_makes_no_sense_is_refused(emma, provider, told):
    order = reserve(total="15.98")
    assert send_webhook(payment_for(order), **told).status_code == 400


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"payment": 1}'])
def test_a_signed_webhook_about_nothing_is_refused(provider, settings, body):
    at = int(time.time())
    header = f"t={at},v1={signature(settings.PAYMENT_WEBHOOK_SECRET, at, body)}"
    answer = Client().post(
        "/payments/webhook/", body, content_type="application/json", headers={SIGNATURE_HEADER: header}
    )
    assert answer.status_code == 400


def test_the_webhook_is_told_to_come_back_when_the_store_is_down(emma, provider, wire):
    order = reserve(total="15.98")
    with wire.dynamodb.refuse():
        assert send_webhook(payment_for(order)).status_code == 503
    assert send_webhook(payment_for(order)).status_code == 204
    assert the_order().status == "placed"


def test_paying_again_for_a_placed_order_is_refused(customer, emma, provider):
    order = place(reserve(total="15.98"))
    answer = customer.post(f"/orders/{order.order_id}/pay/")
    assert answer["Location"] == f"/orders/{order.order_id}/"


def test_an_unknown_order_is_not_confirmed(emma):
    order = reserve(total="15.98")
    with pytest.raises(OrderNotFoundError):
        services.confirm(
            customer_id="c-2", order_id=order.order_id, payment=payment_for(order), at=datetime.now(UTC)
        )
    with pytest.raises(OrderNotFoundError):
        services.confirm(
            customer_id="c-1",
            order_id=draw_order_id(at=datetime.now(UTC)),
            payment=payment_for(order),
            at=datetime.now(UTC),
        )
