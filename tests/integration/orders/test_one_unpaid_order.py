"""A customer has one order awaiting payment at most, and is never locked out by it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from cart import services as carts
from cart.selectors import cart_of
from orders import payments, reserving, services
from orders.errors import BooksUnavailableError, OrderError
from orders.models import Order, UnpaidOrder
from orders.payments.base import PaymentUnavailableError
from orders.services import Released, release_unpaid
from tests import factories
from tests.integration.orders.buying import (
    checkout_form,
    decline,
    fill_cart,
    pay_at,
    payment_for,
    place,
    reserve,
    send_webhook,
    sentences,
    stock,
    stored_orders,
    the_order,
    type_card,
    unmarked,
)

NOW = datetime.now(UTC)


def later(minutes: int = 31) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def states(customer_id: str = "c-1") -> list[str]:
    return sorted(order.status for order in stored_orders(customer_id))


def marked(customer_id: str = "c-1") -> list[str]:
    return [marker.order_id for marker in UnpaidOrder.query(customer_id, consistent_read=True)]


def at_once(*acts: Any) -> list[Any]:
    """Do things at the same moment; return their answers."""
    together = Barrier(len(acts))

    def act(each: Any) -> Any:
        together.wait()
        return each()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result() for each in [pool.submit(act, each) for each in acts]]


# Ordering once more.


def test_the_same_cart_ordered_anew_is_the_order_that_is_there(emma):
    first = reserve(total="15.98")
    second = reserve(total="15.98")
    assert first.order_id == second.order_id == the_order().order_id
    assert stock(emma) == 7


def test_it_goes_to_the_address_that_was_sent_last(emma):
    reserve(total="15.98")
    reserve(total="15.98", address=factories.ADDRESS | {"line1": "2 Right Street"})
    assert (the_order().address.line1, stock(emma)) == ("2 Right Street", 7)


def test_the_same_cart_with_the_last_copies_in_it_is_the_order_that_is_there(emma):
    """The customer's own order is what left too few of them."""
    fill_cart(b_emma=7)
    first = reserve(total="71.91")
    assert reserve(total="71.91").order_id == first.order_id
    assert (stock(emma), states()) == (0, ["awaiting_payment"])


def test_another_cart_takes_the_place_of_the_order_before(emma, provider):
    first = reserve(total="15.98")
    fill_cart(b_emma=1)
    second = reserve(total="23.97")
    assert states() == ["awaiting_payment", "cancelled"]
    assert Order.get("c-1", first.order_id).history[-1].reason == "replaced"
    assert marked() == [second.order_id]
    assert stock(emma) == 6
    assert cart_of("c-1").copies == 3


def test_another_price_takes_the_place_of_the_order_before(emma, provider):
    reserve(total="15.98")
    emma.update(actions=[type(emma).price.set(Decimal("6.99"))])
    reserve(total="13.98")
    assert (states(), stock(emma)) == (["awaiting_payment", "cancelled"], 7)


def test_an_order_left_too_long_makes_way_for_the_same_books(emma, provider):
    """Whoever releases such orders may close its payment at any moment."""
    old = reserve(total="15.98", at=later(-31))
    new = reserve(total="15.98")
    assert (new.order_id != old.order_id, states()) == (True, ["awaiting_payment", "cancelled"])
    assert (marked(), stock(emma)) == ([new.order_id], 7)


def test_another_cart_while_the_provider_is_away_changes_nothing(emma):
    first = reserve(total="15.98")
    fill_cart(b_emma=1)
    with pytest.raises(PaymentUnavailableError, match="cannot be reached"):
        reserve(total="23.97")
    assert (the_order().order_id, the_order().status, stock(emma)) == (first.order_id, "awaiting_payment", 7)


def test_another_cart_after_the_money_came_unnoticed_is_the_order_that_was_paid(emma, provider):
    first = reserve(total="15.98")
    pay_at(provider, first)
    fill_cart(b_emma=1)
    assert reserve(total="23.97").order_id == first.order_id
    assert (the_order().status, stock(emma), marked()) == ("placed", 7, [])
    assert cart_of("c-1").copies == 3  # it has changed since, and stays


def test_money_for_the_order_before_goes_back(emma, provider):
    first = reserve(total="15.98")
    payments.provider().start(first, "http://127.0.0.1:1/")
    fill_cart(b_emma=1)
    reserve(total="23.97")
    payment = provider.ledger.payment(first.order_id)
    payment.closed = False  # a provider less strict than ours
    provider.ledger.pay(payment.secret, declined=False)
    for _ in range(2):
        assert send_webhook(payment_for(first)).status_code == 204
    assert states() == ["awaiting_payment", "refunded"]
    assert (provider.ledger.payment(first.order_id).refunds, stock(emma)) == (1, 6)


def test_one_too_few_for_both_leaves_the_order_before_as_it_is(emma):
    fill_cart(b_emma=6)
    first = reserve(total="63.92")  # eight of nine
    fill_cart(b_emma=1)
    with pytest.raises(BooksUnavailableError, match=r"Emma: Only 1 copy is in stock"):
        reserve(total="71.91")
    assert (the_order().order_id, the_order().status, stock(emma)) == (first.order_id, "awaiting_payment", 1)


def test_books_sold_out_at_the_last_moment_leave_the_order_before_as_it_is(emma, monkeypatch):
    first = reserve(total="15.98")
    other = factories.book("Other", price="1.00", stock=1, book_id="b-other")
    fill_cart(b_other=1)
    read = reserving.cart_of

    def cart_and_then(owner: str, **fields: Any) -> Any:
        cart = read(owner, **fields)
        other.update(actions=[type(other).stock.set(0)])
        return cart

    monkeypatch.setattr(reserving, "cart_of", cart_and_then)
    with pytest.raises(BooksUnavailableError, match=r"Other: This book is sold out"):
        reserve(total="16.98")
    assert (the_order().order_id, the_order().status) == (first.order_id, "awaiting_payment")


# Once it no longer awaits payment there may be another.


def test_every_way_out_lets_another_in(emma, provider):
    ways = {
        "placed": place,
        "declined": lambda order: send_webhook(payment_for(order, state="declined")),
        "released": lambda _: release_unpaid(at=later()),
        "cancelled": lambda order: services.cancel_order(customer_id="c-1", order_id=order.order_id, at=NOW),
        "wrong amount": lambda order: send_webhook(payment_for(order, amount=Decimal("1.00"))),
    }
    for name, leave in ways.items():
        order = reserve(total="15.98")
        assert marked() == [order.order_id], name
        if name == "wrong amount":
            pay_at(provider, order, amount="1.00")
        leave(order)
        assert marked() == [], name
        if name == "placed":
            fill_cart(b_emma=2)
    assert states() == ["cancelled"] * 3 + ["placed", "refunded"]


def test_confirming_is_two_store_calls_and_reserving_three_with_thirty_titles(wire):
    for number in range(30):
        factories.book(price="1.00", book_id=f"b-{number}x")
        fill_cart(**{f"b_{number}x": 1})
    with wire.count() as reserving:
        order = reserve(total="30.00")
    with wire.count() as confirming:
        place(order)
    assert (reserving.total, confirming.total) == (3, 2)


def test_a_cancelled_purchase_leaves_the_marker_of_the_next_order(emma, provider):
    bought = reserve(total="15.98")
    pay_at(provider, bought)
    place(bought)
    fill_cart(b_emma=1)
    waiting = reserve(total="7.99")
    services.cancel_order(customer_id="c-1", order_id=bought.order_id, at=NOW)
    assert marked() == [waiting.order_id]
    assert states() == ["awaiting_payment", "refunded"]


# Whatever lies about.


@pytest.mark.parametrize("left_by", ["nothing", "a placed order", "a cancelled order", "no order id"])
def test_a_marker_left_behind_locks_nobody_out(emma, provider, left_by):
    old = {"nothing": "01900000-0000-7000-8000-000000000000", "no order id": "?"}.get(left_by, "")
    if not old:
        order = reserve(total="15.98")
        if left_by == "a placed order":
            place(order)
            fill_cart(b_emma=2)
        else:
            decline(order)
        old = order.order_id
    UnpaidOrder("c-1", order_id=old).save()
    order = reserve(total="15.98")
    assert marked() == [order.order_id]
    assert states().count("awaiting_payment") == 1


@pytest.mark.parametrize("way", ["place", "cancel", "decline"])
@pytest.mark.parametrize("beside", [False, True])
def test_an_order_from_before_the_markers_goes_its_way(emma, provider, way, beside):
    old = unmarked(total="15.98")
    assert marked() == []
    newer = reserve(total="15.98") if beside else None
    if way == "place":
        place(old)
    elif way == "cancel":
        services.cancel_order(customer_id="c-1", order_id=old.order_id, at=NOW)
    else:
        decline(old)
    assert Order.get("c-1", old.order_id).status == ("placed" if way == "place" else "cancelled")
    assert marked() == ([newer.order_id] if newer else [])
    assert stock(emma) == 9 - (2 if beside else 0) - (2 if way == "place" else 0)


def test_an_order_from_before_whose_cart_has_changed_is_placed_beside_another(emma, provider):
    """The marker and the line are both refused, and both left as they are."""
    old = unmarked(total="15.98")
    fill_cart(b_emma=1)
    newer = reserve(total="23.97")
    place(old)
    assert (marked(), cart_of("c-1").copies) == ([newer.order_id], 3)


# Races.


def test_two_tabs_at_once_are_one_order(emma, provider):
    for number in range(8):
        customer = f"d-{number}"
        fill_cart(customer, b_emma=1)
        tabs = at_once(*[lambda c=customer: reserve(c, total="7.99")] * 4)
        assert {order.order_id for order in tabs} == {the_order(customer).order_id}
    assert stock(emma) == 1


def test_two_tabs_with_two_carts_leave_one_order_awaiting_payment(emma, provider):
    """One tab changes the cart while both order."""

    def order(change: int) -> str:
        for _ in range(30):
            if change:
                carts.add_to_cart(
                    owner="c-1", book_id="b-emma", quantity=1, seen_price=None, at=NOW, guest=False
                )
                change = 0
            try:
                return reserve(total=str(cart_of("c-1").subtotal)).order_id
            except OrderError:
                continue  # the cart changed between the page and its form, or there were too many at once
        return ""

    at_once(*[lambda change=change: order(change) for change in (0, 1, 0, 1)])
    assert states().count("awaiting_payment") == 1
    (waiting,) = [each for each in stored_orders() if each.may_be_paid]
    assert marked() == [waiting.order_id]
    assert stock(emma) == 9 - waiting.lines[0].quantity


def test_a_release_at_the_moment_of_a_new_order_leaves_one_to_pay(emma, provider):
    """The abandoned order is given up once, by whoever comes first; the new one waits, never the old."""
    for number in range(6):
        customer = f"d-{number}"
        fill_cart(customer, b_emma=1)
        old = reserve(customer, total="7.99", at=later(-40))
        _, new = at_once(
            lambda: release_unpaid(at=datetime.now(UTC)), lambda c=customer: reserve(c, total="7.99")
        )
        assert new.order_id != old.order_id
        assert states(customer) == ["awaiting_payment", "cancelled"]
        assert marked(customer) == [new.order_id]
    assert stock(emma) == 9 - 6


def test_a_payment_at_the_moment_of_a_new_order_is_never_lost(emma, provider):
    for number in range(8):
        customer = f"d-{number}"
        fill_cart(customer, b_emma=1)
        old = reserve(customer, total="7.99")
        payments.provider().start(old, "http://127.0.0.1:1/")
        fill_cart(customer, b_emma=1)
        secret = provider.ledger.payment(old.order_id).secret

        def pay(secret: str = secret, old: Order = old) -> None:
            if provider.ledger.pay(secret, declined=False).state == "paid":
                assert send_webhook(payment_for(old)).status_code == 204

        at_once(pay, lambda c=customer: reserve(c, total="15.98"))
        outcome = (states(customer), provider.ledger.payment(old.order_id).state)
        assert outcome in (
            (["placed"], "paid"),  # seen as paid: nothing new is ordered
            (["awaiting_payment", "placed"], "paid"),  # paid before the new one was asked for
            (["awaiting_payment", "cancelled"], "unpaid"),
        )
        for order in stored_orders(customer):
            services.cancel_order(customer_id=customer, order_id=order.order_id, at=NOW)
        assert stock(emma) == 9


# What the customer sees.


def test_going_back_and_ordering_again_leads_to_the_same_payment(customer, emma, provider):
    pages = {customer.post("/checkout/", checkout_form(customer))["Location"] for _ in range(3)}
    assert len(pages) == 1
    assert pages.pop().startswith(f"{provider.origin}/pay/")
    assert stock(emma) == 7


def test_going_back_and_changing_the_cart_leads_to_another_payment(customer, emma, provider):
    first = customer.post("/checkout/", checkout_form(customer))["Location"]
    fill_cart(b_emma=1)
    answer = customer.post("/checkout/", checkout_form(customer))
    assert (answer.status_code, answer["Location"] == first) == (303, False)
    for page in (first, answer["Location"]):
        type_card(page)
    cancelled, waiting = sorted(stored_orders(), key=lambda order: order.may_be_paid)
    assert provider.ledger.payment(cancelled.order_id).state == "unpaid"  # it takes no money any more
    assert provider.ledger.payment(waiting.order_id).state == "paid"
    assert "You ordered anew before it was paid." in sentences(customer.get(f"/orders/{cancelled.order_id}/"))


def test_ordering_anew_what_was_just_paid_leads_to_that_order(customer, emma, provider):
    customer.post("/checkout/", checkout_form(customer))
    fill_cart(b_emma=1)
    form = checkout_form(customer)
    pay_at(provider, the_order())
    answer = customer.post("/checkout/", form, follow=True)
    assert answer.redirect_chain == [(the_order().get_absolute_url(), 303)]
    assert "You have just paid this order. Nothing else was ordered." in sentences(answer)


def test_books_held_by_the_unpaid_order_lead_to_it_with_both_ways_out(customer, emma, provider):
    fill_cart(b_emma=6)
    form = checkout_form(customer)
    customer.post("/checkout/", form)
    fill_cart(b_emma=1)
    order = the_order()
    answer = customer.get("/checkout/", follow=True)
    assert answer.redirect_chain == [(order.get_absolute_url(), 303)]
    assert "Please pay it, or cancel it first." in sentences(answer)
    page = answer.content.decode()
    notice = page[page.index('class="notice notice--warning unpaid"') : page.index('<div class="order">')]
    assert f'action="/orders/{order.order_id}/pay/"' in notice
    assert f'action="/orders/{order.order_id}/cancel/"' in notice
    assert page.count("/cancel/") == 1
    customer.post(f"/orders/{order.order_id}/cancel/")
    assert customer.post("/checkout/", checkout_form(customer)).status_code == 303
    assert stock(emma) == 0


def test_a_provider_that_is_away_keeps_the_order_before(customer, emma):
    """No provider runs in this test: its address refuses connections."""
    customer.post("/checkout/", checkout_form(customer))
    fill_cart(b_emma=1)
    answer = customer.post("/checkout/", checkout_form(customer))
    assert answer.status_code == 503
    assert "cannot be reached just now" in sentences(answer)
    assert (the_order().status, cart_of("c-1").copies) == ("awaiting_payment", 3)
    assert release_unpaid(at=later()) == Released(left=1)
