"""Cancelled, abandoned, returned: stock and money go back, each exactly once, whoever asks and how often."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from pynamodb.exceptions import PynamoDBException

from bookstore.accounts import signals
from bookstore.accounts.errors import ErasureRefusedError
from bookstore.dynamodb.errors import is_transient
from cart.selectors import cart_of
from catalog import services as catalogue
from catalog.models import Book, StockEntry
from catalog.selectors import reviews_by
from orders import payments, services
from orders.errors import BadStepError, OrderError, OrderNotFoundError, TooLateError
from orders.fulfilment import note_order
from orders.ids import draw_order_id
from orders.models import Order
from orders.payments.base import PaymentState, PaymentUnavailableError
from orders.payments.demonstration import Demonstration
from orders.refunds import refund_order, return_order, settle_otherwise
from orders.selectors import queued
from orders.services import Released, cancel_order, release_unpaid
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import (
    decline,
    fill_cart,
    named,
    pay_at,
    payment_for,
    place,
    reserve,
    send_on,
    send_webhook,
    stock,
    stored_orders,
    the_order,
)

NOW = datetime.now(UTC)


def later(minutes: int = 31) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def cancel(order: Any, **fields: Any) -> Any:
    return cancel_order(**{"customer_id": order.customer_id, "order_id": order.order_id, "at": NOW} | fields)


def refunds(provider: Any) -> list[int]:
    return [payment.refunds for payment in provider.ledger._payments.values()]


def test_cancelling_a_placed_order_gives_stock_and_money_back(emma, provider, placed):
    cancelled = cancel(placed)
    stored = the_order()
    assert cancelled.status == stored.status == "refunded"
    assert stored.queue_name is None
    assert [step.status for step in stored.history] == ["awaiting_payment", "placed", "cancelled", "refunded"]
    assert int(stored.version) == len(stored.history) == int(cancelled.version)
    assert {line.status for line in stored.lines} == {"cancelled"}
    assert stored.total == placed.total  # what it cost stays on record
    assert stock(emma) == 9
    assert refunds(provider) == [1]


def test_cancelling_twice_gives_back_once(emma, provider, placed):
    for _twice in range(3):
        assert cancel(placed).status == "refunded"
    assert stock(emma) == 9
    assert refunds(provider) == [1]


def test_cancelling_in_parallel_gives_back_once(emma, provider, placed):
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: cancel(placed).status, range(10)))
    assert set(answers) <= {"cancelled", "refunded"}
    assert the_order().status == "refunded"
    assert stock(emma) == 9
    assert refunds(provider) == [1]


def test_cancelling_an_unpaid_order_closes_its_payment(emma, provider):
    order = reserve(total="15.98")
    page = payments.provider().start(order, "http://127.0.0.1:1/")
    assert page
    assert cancel(order).status == "cancelled"
    assert the_order().queue_name is None
    assert stock(emma) == 9
    pay_at_a_closed_page = provider.ledger.pay(provider.ledger.payment(order.order_id).secret, declined=False)
    assert pay_at_a_closed_page.state == "unpaid"
    assert cart_of("c-1").copies == 2


def test_cancelling_an_order_paid_a_moment_ago_gives_the_money_back(emma, provider):
    """The money is at the provider, and neither webhook nor return has said so."""
    order = reserve(total="15.98")
    pay_at(provider, order)
    assert cancel(order).status == "refunded"
    assert refunds(provider) == [1]
    send_webhook(payment_for(order))  # late, and true when it was signed
    assert the_order().status == "refunded"
    assert stock(emma) == 9


def test_cancelling_while_the_provider_is_away_gives_the_money_back_later(emma, provider, placed, settings):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, "http://127.0.0.1:1"
    cancelled = cancel(placed)
    assert (cancelled.status, the_order().queue_name) == ("cancelled", "owed")
    assert stock(emma) == 9
    assert release_unpaid(at=NOW) == Released(left=1)
    settings.PAYMENT_ORIGIN = origin
    assert release_unpaid(at=NOW) == Released(settled=1)
    assert (the_order().status, the_order().queue_name) == ("refunded", None)
    assert refunds(provider) == [1]
    assert release_unpaid(at=NOW) == Released()


def test_an_unpaid_order_cancelled_while_the_provider_is_away_is_settled_without_a_refund(
    emma, provider, settings
):
    order = reserve(total="15.98")
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, "http://127.0.0.1:1"
    cancel(order)
    settings.PAYMENT_ORIGIN = origin
    assert release_unpaid(at=NOW) == Released(settled=1)
    stored = the_order()
    assert (stored.status, stored.queue_name) == ("cancelled", None)
    assert stored.history[-1].reason == "nothing_paid"
    assert refunds(provider) == [0]


@pytest.mark.parametrize("to", [Status.PACKED, Status.SHIPPED, Status.DELIVERED])
def test_a_customer_cannot_cancel_what_is_packed(emma, provider, placed, to):
    way = (Status.PACKED, Status.SHIPPED, Status.DELIVERED)
    send_on(placed, *way[: way.index(to) + 1])
    with pytest.raises(TooLateError, match="can no longer be cancelled"):
        cancel(placed)
    assert stock(emma) == 7
    assert refunds(provider) == [0]


def test_staff_may_cancel_what_is_packed(emma, provider, placed):
    send_on(placed, Status.PACKED)
    assert cancel(placed, by="s-1", reason="damaged").status == "refunded"
    assert the_order().history[-2].by == "s-1"


def test_nobody_cancels_somebody_elses_order(emma, provider, placed):
    with pytest.raises(OrderNotFoundError):
        cancel(placed, customer_id="c-2")
    assert the_order().status == "placed"


def test_copies_of_a_book_that_the_catalogue_forgot_do_not_block_the_rest(emma, provider):
    other = factories.book("Other", price="1.00", stock=3, book_id="b-other")
    fill_cart(b_other=1)
    order = place(reserve(total="16.98"))
    Book(other.id).delete()
    assert cancel(order).status == "cancelled"
    assert stock(emma) == 9
    with pytest.raises(Book.DoesNotExist):
        Book.get(other.id)


def test_copies_of_a_withdrawn_book_come_back(emma, provider, placed):
    catalogue.withdraw_book(book_id=emma.id, at=NOW)
    cancel(placed)
    assert stock(emma) == 9


def test_an_abandoned_order_gives_its_copies_back_after_half_an_hour(emma, provider):
    order = reserve(total="15.98")
    assert release_unpaid(at=later(29)) == Released()
    assert stock(emma) == 7
    assert release_unpaid(at=later()) == Released(released=1)
    stored = the_order()
    assert (stored.status, stored.queue_name, stored.history[-1].reason) == ("cancelled", None, "abandoned")
    assert stock(emma) == 9
    assert cart_of("c-1").copies == 2
    assert release_unpaid(at=later()) == Released()
    assert stock(emma) == 9
    assert provider.ledger.payment(order.order_id).closed  # nobody can pay for it any more


def test_half_an_hour_counts_from_the_order_and_not_from_the_form(emma, provider):
    """The form was open for hours before it was sent."""
    order_id = draw_order_id(at=later(-300))
    reserve(total="15.98", order_id=order_id)
    assert release_unpaid(at=later(29)) == Released()
    assert release_unpaid(at=later()) == Released(released=1)


def test_an_order_that_was_paid_unnoticed_is_placed_and_not_released(emma, provider):
    order = reserve(total="15.98")
    pay_at(provider, order)
    assert release_unpaid(at=later()) == Released(confirmed=1)
    assert the_order().status == "placed"
    assert stock(emma) == 7
    assert cart_of("c-1").lines == ()


def test_nothing_is_released_while_the_provider_cannot_say(emma):
    reserve(total="15.98")
    assert release_unpaid(at=later()) == Released(left=1)
    assert the_order().status == "awaiting_payment"
    assert stock(emma) == 7


def test_one_orders_trouble_does_not_stop_the_others(emma, provider, monkeypatch):
    for customer in ("c-1", "c-2", "c-3"):
        fill_cart(customer, b_emma=1)
    reserve("c-1", total="23.97")
    trouble = reserve("c-2", total="7.99").order_id
    reserve("c-3", total="7.99")
    close = provider.ledger.close
    monkeypatch.setattr(
        provider.ledger, "close", lambda order_id: 1 / 0 if order_id == trouble else close(order_id)
    )
    assert release_unpaid(at=later()) == Released(released=2, left=1)
    assert [order.order_id for order in queued(Status.AWAITING_PAYMENT)] == [trouble]


def test_releases_in_parallel_give_back_once(emma, provider):
    for number in range(4):
        fill_cart(f"d-{number}", b_emma=1)
        reserve(f"d-{number}", total="7.99")
    assert stock(emma) == 5
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: release_unpaid(at=later()), range(5)))
    assert stock(emma) == 9
    for number in range(4):
        assert [step.status for step in the_order(f"d-{number}").history] == ["awaiting_payment", "cancelled"]


def test_a_payment_racing_its_release_is_either_placed_or_refused(emma, provider):
    """Whoever comes first at the provider decides: nobody pays for an order that is gone."""
    seen = set()
    for number in range(10):
        customer = f"d-{number}"
        fill_cart(customer, b_emma=1)
        order = reserve(customer, total="7.99")
        payments.provider().start(order, "http://127.0.0.1:1/")
        secret = provider.ledger.payment(order.order_id).secret
        hands = 1 if number < 2 else 2  # in the first rounds each is first once, then they race
        together = Barrier(hands)

        def pay(secret=secret, order=order, together=together):
            together.wait()
            payment = provider.ledger.pay(secret, declined=False)
            if payment.state == "paid":
                assert send_webhook(payment_for(order)).status_code == 204

        def release(together=together):
            together.wait()
            release_unpaid(at=later())

        with ThreadPoolExecutor(hands) as pool:
            for each in [pool.submit(act) for act in ((pay, release) if number else (release, pay))]:
                each.result()
        outcome = (the_order(customer).status, provider.ledger.payment(order.order_id).state)
        assert outcome in {("placed", "paid"), ("cancelled", "unpaid")}
        seen.add(outcome)
        if outcome[0] == "placed":
            cancel(the_order(customer))
    assert stock(emma) == 9
    assert seen == {("placed", "paid"), ("cancelled", "unpaid")}


def test_a_payment_that_the_provider_let_through_late_goes_back(emma, provider, monkeypatch):
    """A provider less strict than ours takes the money after it said that none would come."""
    order = reserve(total="15.98")
    payments.provider().start(order, "http://127.0.0.1:1/")
    assert release_unpaid(at=later()) == Released(released=1)
    payment = provider.ledger.payment(order.order_id)
    payment.closed = False
    provider.ledger.pay(payment.secret, declined=False)
    assert send_webhook(payment_for(order)).status_code == 204
    assert the_order().status == "refunded"
    assert refunds(provider) == [1]
    assert stock(emma) == 9


def test_a_declined_order_whose_news_was_lost_is_released_as_declined(emma, provider):
    order = reserve(total="15.98")
    payments.provider().start(order, "http://127.0.0.1:1/")
    provider.ledger.pay(provider.ledger.payment(order.order_id).secret, declined=True)
    assert release_unpaid(at=later()) == Released(released=1)
    assert the_order().history[-1].reason == "declined"


def test_a_declined_card_that_is_told_late_gives_up_no_paid_order(emma, provider, placed):
    decline(placed)
    assert the_order().status == "placed"
    assert stock(emma) == 7


def test_the_command_releases_and_says_how_many(emma, provider):
    reserve(total="15.98", at=later(-120))
    out = io.StringIO()
    call_command("release_unpaid_orders", stdout=out)
    assert out.getvalue() == "  1 given back, 0 placed, 0 settled, 0 left\n"
    out = io.StringIO()
    call_command("release_unpaid_orders", stdout=out)
    assert out.getvalue() == ""


def test_a_returned_order_is_refunded_once(emma, provider, placed):
    order = send_on(placed, Status.PACKED, Status.SHIPPED, Status.RETURNED)
    assert order.status == the_order().status == "refunded"
    assert refunds(provider) == [1]
    assert stock(emma) == 7  # a bookseller looks at the copy before it is sold again
    assert {line.status for line in the_order().lines} == {"returned"}


def test_parallel_steps_and_cancels_leave_one_truth(emma, provider, placed):
    def pack() -> str:
        try:
            return send_on(placed, Status.PACKED).status
        except OrderError as error:
            return str(error)

    def drop() -> str:
        try:
            return cancel(placed).status
        except OrderError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(act) for act in (pack, drop) * 4]:
            each.result()
    order = the_order()
    assert order.status in {"packed", "refunded"}
    assert stock(emma) == (7 if order.status == "packed" else 9)
    assert refunds(provider) == [0 if order.status == "packed" else 1]


def test_a_forgotten_customer_leaves_totals_and_no_name(emma, provider, placed):
    cancel(placed)
    for _twice in range(2):
        signals.customer_erased.send(sender=None, customer_id="c-1", at=NOW)
    order = the_order()
    assert order.total == placed.total
    assert order.email is None
    assert {getattr(order.address, name) for name in order.address.get_attributes()} == {""}
    assert [step.reason for step in order.history].count("erased") == 1


def test_a_forgotten_customers_parcel_notes_and_staffs_words_are_gone(emma, provider, placed):
    told = named(placed, at=NOW)
    send_on(placed, Status.PACKED, Status.SHIPPED, Status.DELIVERED)
    note_order(**told, note_id="n-1", text="Ada rang.", to_customer=False)
    refund_order(**told, refund_id="r-1", amount=Decimal("1.00"), reason="Ada was cross.")
    return_order(**told, refund_id="r-2", reason="Ada moved.", restock=True)
    services.erase_customer(customer_id="c-1", at=NOW)
    order = the_order()
    assert "Ada" not in str([entry.serialize() for entry in StockEntry.query("b-emma")])
    assert "Ada" not in str(order.serialize())
    assert "1234567890" not in str(order.serialize())
    assert (order.status, order.given_back) == ("refunded", placed.total)


def test_words_of_staff_about_a_forgotten_customer_are_not_kept(emma, provider, placed):
    fill_cart("c-2", b_emma=1)
    owed = reserve("c-2", total="7.99")
    pay_at(provider, owed, takes_nothing_back=True)
    place(owed)
    for order in (placed, owed):
        send_on(order, Status.PACKED, Status.SHIPPED, Status.DELIVERED)
        services.erase_customer(customer_id=order.customer_id, at=NOW)
    for _twice in range(2):  # the same form is the same still
        refund_order(**named(placed), refund_id="r-1", amount=Decimal("1.00"), reason="Ada rang.")
        return_order(**named(placed), refund_id="r-2", lines={"b-emma": 1}, reason="Ada moved.")
        return_order(**named(owed), refund_id="r-3", reason="Ada moved.")
    settle_otherwise(**named(owed), reason="To Ada's bank.")
    with pytest.raises(BadStepError, match="The customer was forgotten"):
        note_order(**named(placed), note_id="n-1", text="Ada rang.", to_customer=False)
    for customer, given_back in (("c-1", "8.99"), ("c-2", "7.99")):
        order = the_order(customer)
        assert "Ada" not in str(order.serialize())
        assert order.given_back == Decimal(given_back)


def test_a_refused_erasure_leaves_reviews_stars_and_cart(emma, provider, placed, client, sign_in):
    sign_in(client)
    services.rate_from_order(order=placed, book_id="b-emma", stars=5, title="", text="Read it.", at=NOW)
    fill_cart(b_emma=1)
    response = client.post("/account/erase/", {"sure": "on"})
    assert response.status_code == 422
    assert "order under way" in response.content.decode()
    assert cart_of("c-1").copies == 1
    assert [review.text for review in reviews_by("c-1")] == ["Read it."]
    assert int(Book.get("b-emma").rating_sum) == 5


def test_erasing_an_order_leaves_the_step_that_another_took_meanwhile(emma, provider, monkeypatch):
    order = reserve(total="15.98")
    decline(order)
    all_orders_of = services.all_orders_of

    def and_then_money_comes(customer_id: str) -> list[Any]:
        read = list(all_orders_of(customer_id))
        pay_at(provider, order)
        services.receive_payment(payment=payment_for(order), at=NOW)
        return read

    monkeypatch.setattr(services, "all_orders_of", and_then_money_comes)
    services.erase_customer(customer_id="c-1", at=NOW)
    stored = the_order()
    assert (stored.status, stored.queue_name, stored.email) == ("refunded", None, None)
    assert [step.status for step in stored.history][-2:] == ["refunded", "refunded"]


def test_an_order_that_came_meanwhile_keeps_its_place_in_the_queue(emma, provider, monkeypatch):
    order = reserve(total="15.98")
    decline(order)
    read = list(services.all_orders_of("c-1"))
    the_order().update([Order.queue_name.set("owed")])  # money may have come after all
    monkeypatch.setattr(services, "all_orders_of", lambda customer_id: read)
    with pytest.raises(ErasureRefusedError):
        services.erase_customer(customer_id="c-1", at=NOW)
    assert (the_order().queue_name, the_order().email) == ("owed", "reader@example.com")


def test_nobody_is_forgotten_while_an_order_is_under_way(emma, provider, placed):
    with pytest.raises(ErasureRefusedError, match="order under way"):
        services.erase_customer(customer_id="c-1", at=NOW)
    assert the_order().email == "reader@example.com"


def test_the_export_holds_the_orders(emma, provider, placed):
    told = named(placed, at=NOW)
    send_on(placed, Status.PACKED, Status.SHIPPED)
    note_order(**told, note_id="n-1", text="To us.", to_customer=False)
    note_order(**told, note_id="n-2", text="To you.", to_customer=True)
    refund_order(**told, refund_id="r-1", lines={"b-emma": 1}, reason="Torn.")
    parts = [part for _receiver, part in signals.collect_export.send(sender=None, customer_id="c-1")]
    (orders,) = [part["orders"] for part in parts if "orders" in part]
    (order,) = orders
    assert (order["number"], order["total"], order["email"]) == (
        placed.number,
        placed.total,
        "reader@example.com",
    )
    assert order["address"]["city"] == "York"
    assert [(book["title"], book["copies"], book["copies_kept"]) for book in order["books"]] == [
        ("Emma", 2, 1)
    ]
    assert (order["carrier"], order["tracking_number"]) == ("DPD", "1234567890")
    assert [(each["amount"], each["books"]) for each in order["refunds"]] == [
        (Decimal("7.99"), {"b-emma": 1})
    ]
    assert order["notes"] == [{"at": NOW, "text": "To you."}]
    assert "anna" not in str(order)


def test_a_payment_state_unknown_to_the_shop_is_not_taken_for_money(emma, provider):
    order = reserve(total="15.98")
    services.receive_payment(payment=payment_for(order, state=PaymentState.UNPAID), at=NOW)
    assert the_order().status == "awaiting_payment"
    assert len(stored_orders()) == 1


def test_an_order_that_cannot_be_settled_blocks_no_other(emma, provider, monkeypatch, caplog):
    fill_cart("c-2", b_emma=1)
    first = reserve("c-1", total="15.98", at=NOW - timedelta(hours=2))
    reserve("c-2", total="7.99", at=NOW - timedelta(hours=1))
    close = Demonstration.close

    def breaks(self: Any, order_id: str) -> Any:
        if order_id == first.order_id:
            raise RuntimeError("unheard of")
        return close(self, order_id)

    monkeypatch.setattr(Demonstration, "close", breaks)
    assert release_unpaid(at=NOW) == Released(released=1, left=1)
    assert the_order("c-1").status == "awaiting_payment"
    assert the_order("c-2").status == "cancelled"
    assert first.order_id in {getattr(record, "order_id", "") for record in caplog.records}


def test_a_store_that_is_away_stops_the_round(emma, provider, wire):
    reserve(total="15.98", at=NOW - timedelta(hours=1))
    listed = list(queued(Status.AWAITING_PAYMENT))
    with wire.dynamodb.refuse(), pytest.raises(PynamoDBException) as caught:
        services._attempt(listed[0], Released(), at=NOW)
    assert is_transient(caught.value)


def test_an_answer_that_the_shop_does_not_know_is_a_provider_out_of_order(emma, provider, monkeypatch):
    ask = Demonstration._ask
    monkeypatch.setattr(
        Demonstration, "_ask", lambda self, *args, **kw: ask(self, *args, **kw) | {"state": "disputed"}
    )
    order = reserve(total="15.98")
    with pytest.raises(PaymentUnavailableError):
        services.follow_payment(customer_id="c-1", order_id=order.order_id, at=NOW)
    assert release_unpaid(at=later()) == Released(left=1)
