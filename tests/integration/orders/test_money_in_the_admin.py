"""Staff give money back: in part, in whole, with a cancellation or a return; each once, whatever the provider says."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bookstore.devstack.payment_provider import Provider
from bookstore.dynamodb.admin.models import LogItem
from orders import services
from orders.models import Order
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import fill_cart, pay_at, place, reserve, stock
from tests.integration.staff.dispatch import address_form, hidden, logged, now, of, said, text, use


@pytest.fixture
def clerk(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-1", email="clerk@example.com", groups=("orders", "staff"))


@pytest.fixture
def other(sign_in: Callable[..., Client]) -> Client:
    return sign_in(customer_id="s-2", email="other@example.com", groups=("orders", "staff"))


@pytest.fixture
def emma() -> Any:
    return factories.book("Emma", book_id="b-e", price="7.99", stock=10)


@pytest.fixture
def paid(provider: Provider, emma: Any) -> Order:
    """Return a paid order of three copies."""
    fill_cart(b_e=3)
    order = reserve(total="23.97")
    pay_at(provider, order)
    return place(order)


@pytest.fixture
def owed(provider: Provider, emma: Any) -> Order:
    """Return an order of one copy, paid with a card that takes nothing back."""
    fill_cart(b_e=1)
    order = reserve(total="7.99")
    pay_at(provider, order, takes_nothing_back=True)
    return place(order)


def sent(clerk: Client, order: Order) -> Order:
    use(clerk, order, "pack")
    use(clerk, order, "ship", carrier="letter", tracking_number="")
    return order


def test_one_copy_is_refunded_and_stocked_once_however_often_the_form_is_sent(
    clerk: Client, paid: Order, emma: Any
) -> None:
    page = text(clerk.get(of(paid, "refund")))
    assert "of 3 copies at £7.99" in page
    form = {**hidden(page), "copies_0": "1", "restock": "on", "reason": "Unread."}
    for _ in range(3):
        assert "£7.99 went back to the customer" in said(
            text(clerk.post(of(paid, "refund"), form, follow=True))
        )
    order = now(paid)
    assert (order.refunded, len(order.refunds), order.lines[0].kept) == (Decimal("7.99"), 1, 2)
    assert stock(emma) == 8
    assert logged(paid) == [("clerk@example.com", "A refund was asked for.")]
    assert "1 × Emma" in text(clerk.get(of(paid).replace("/change/", "/history/")))
    page = text(clerk.get(of(paid)))
    assert "Unread." in page
    assert "clerk@example.com" in page


def test_whatever_staff_do_with_an_order_takes_four_requests_with_the_session_at_most(
    clerk: Client, paid: Order, owed: Order, wire: Any
) -> None:
    asked = {}
    for order, tool, typed in (
        (paid, "", {"city": "Leeds"}),
        (paid, "note", {"text": "They rang.", "to_customer": "no"}),
        (paid, "pack", {}),
        (paid, "ship", {"carrier": "letter", "tracking_number": ""}),
        (paid, "deliver", {}),
        (paid, "refund", {"copies_0": "1", "reason": "Torn.", "restock": "on"}),
        (paid, "return", {"copies_0": "2", "reason": "Torn.", "restock": "on"}),
        (owed, "cancel", {"reason": "They rang."}),
        (owed, "settle", {"reason": "By bank transfer."}),
    ):
        page = text(clerk.get(of(order, tool), follow=True))
        form = {**(hidden(page) if tool else address_form(page)), **typed}
        with wire.count() as calls:
            answer = clerk.post(of(order, tool), form)
        assert answer.status_code == 302, tool
        asked[tool] = calls.dynamodb
    # The session, the order, and a write; where money moves one more, which says that it did.
    assert asked == dict.fromkeys(asked, 3) | {"refund": 4, "return": 4, "cancel": 4}
    assert (now(paid).state, now(owed).state) == (Status.REFUNDED, Status.REFUNDED)


def test_a_form_that_is_sent_again_does_nothing_more_and_is_told_where_it_says_something_else(
    clerk: Client, paid: Order, emma: Any
) -> None:
    sent(clerk, paid)
    for tool, typed, other in (
        ("note", {"text": "Rang.", "to_customer": "no"}, {"text": "Rang twice."}),
        ("return", {"copies_0": "2", "reason": "Torn."}, {"restock": "on"}),
        ("refund", {"amount": "1.00", "reason": "Late."}, {"amount": "2.00"}),
        ("refund", {"everything": "on", "reason": "Late."}, {"reason": "Very late."}),
    ):
        form = {**hidden(text(clerk.get(of(paid, tool)))), **typed}
        first, again = (said(text(clerk.post(of(paid, tool), form, follow=True))) for _ in range(2))
        assert first
        assert first == again
        before = now(paid).serialize()
        for _ in range(2):
            page = text(clerk.post(of(paid, tool), {**form, **other}, follow=True))
            assert "This form was sent before, and said something else. Open it again." in page, other
        assert now(paid).serialize() == before
    assert (now(paid).refunded, stock(emma)) == (Decimal("23.97"), 7)


def test_more_than_was_paid_does_not_go_back_and_all_of_it_can(clerk: Client, paid: Order, emma: Any) -> None:
    page = text(use(clerk, sent(clerk, paid), "refund", amount="24.00", reason="Late."))
    assert "At most £23.97 of this order can still be refunded." in page
    everything = {"everything": "on", "restock": "on", "reason": "Came back."}
    page = text(use(clerk, paid, "refund", **everything, copies_0="2", amount="5.00"))
    assert "Say an amount, or all that is left, not both." in page
    assert now(paid).refunds == []
    assert "Say which copies go back into stock." in text(use(clerk, paid, "refund", **everything))
    page = text(use(clerk, paid, "refund", **everything, copies_0="2"))
    assert "£23.97 went back to the customer" in said(page)
    assert "Amount set to “£23.97”. Copies set to" in text(clerk.get(of(paid).replace("change", "history")))
    assert (now(paid).state, stock(emma)) == (Status.REFUNDED, 9)
    assert "Refund" not in page.partition("object-tools")[2].partition("</ul>")[0]


def test_a_cancelled_order_gives_copies_and_money_back_once(clerk: Client, paid: Order, emma: Any) -> None:
    form = {**hidden(text(clerk.get(of(paid, "cancel")))), "reason": "The customer rang."}
    for _ in range(2):
        page = text(clerk.post(of(paid, "cancel"), form, follow=True))
        assert "is cancelled, and what was paid went back" in said(page)
    assert (now(paid).state, now(paid).refunded, stock(emma)) == (Status.REFUNDED, Decimal("23.97"), 10)
    assert "The customer rang." in page
    page = text(clerk.post(of(paid, "cancel"), {**form, "reason": "Sold out."}, follow=True))
    assert "This order was cancelled by clerk@example.com on" in said(page)
    assert "Sold out." not in page


def test_copies_that_came_back_are_refunded_and_stocked_where_they_are_good(
    clerk: Client, paid: Order, emma: Any
) -> None:
    page = text(use(clerk, sent(clerk, paid), "return", copies_0="2", restock="on", reason="Unread."))
    assert "£15.98 went back to the customer" in said(page)
    assert (now(paid).state, stock(emma)) == (Status.SHIPPED, 9)
    form = {**hidden(text(clerk.get(of(paid, "return")))), "copies_0": "1", "reason": "Read."}
    for _ in range(2):
        assert "£7.99 went back" in said(text(clerk.post(of(paid, "return"), form, follow=True)))
    assert (now(paid).state, stock(emma)) == (Status.REFUNDED, 9)
    for other in ({"reason": "Torn."}, {"restock": "on"}):
        page = text(clerk.post(of(paid, "return"), {**form, **other}, follow=True))
        assert "This order was returned by clerk@example.com on" in said(page), other
        assert "Nothing else was done with it." in said(page), other
    assert stock(emma) == 9


def test_of_an_order_that_keeps_no_copy_nothing_is_taken_back(clerk: Client, paid: Order) -> None:
    assert "Take back" in text(clerk.get(of(sent(clerk, paid))))
    page = text(use(clerk, paid, "refund", copies_0="3", amount="20.00", reason="Torn."))
    assert "£20.00 went back to the customer" in said(page)
    assert now(paid).state is Status.SHIPPED
    assert "Take back" not in page


def test_a_refund_that_the_provider_refuses_leaves_the_order_as_it_was_and_says_so(
    clerk: Client, owed: Order
) -> None:
    page = text(use(clerk, owed, "refund", amount="1.00", reason="Torn."))
    (told,) = re.findall(r'<ul class="errorlist nonfield"[^>]*><li>(.*?)</li>', page)
    assert "takes nothing back" in told
    # The same page asks for something else under another key: the provider keeps what it said to the first.
    again = {**hidden(page), "amount": "2.00", "reason": "Torn."}
    assert "takes nothing back" in text(clerk.post(of(owed, "refund"), again))
    assert (now(owed).refunded, now(owed).refunds, now(owed).state) == (Decimal(0), [], Status.PLACED)
    assert [told for _who, told in logged(owed)] == 2 * [
        "A refund was asked for.",
        "The payment provider refused the refund.",
    ]


def test_books_that_came_back_are_noted_though_the_provider_refuses_their_money(
    clerk: Client, provider: Provider, emma: Any
) -> None:
    fill_cart(b_e=2)
    order = reserve(total="15.98")
    pay_at(provider, order, takes_nothing_back=True)
    sent(clerk, place(order))
    form = {
        **hidden(text(clerk.get(of(order, "return")))),
        "copies_0": "1",
        "reason": "Torn.",
        "restock": "on",
    }
    first, again = (said(text(clerk.post(of(order, "return"), form, follow=True))) for _ in range(2))
    assert "takes nothing back. No money went back." in first
    assert "It is noted. No money went back." in again
    assert (now(order).lines[0].kept, now(order).refunded, stock(emma)) == (1, Decimal(0), 9)
    assert [told for _who, told in logged(order)][2:] == [
        "Returned; the order says why.",
        "The payment provider refused the refund.",
    ]


def test_money_that_the_provider_refuses_for_a_cancelled_order_may_go_another_way(
    clerk: Client, other: Client, owed: Order
) -> None:
    assert "Given back another way" not in text(clerk.get(of(owed)))
    page = text(use(clerk, owed, "cancel", reason="Sold out."))
    assert "takes nothing back. The money is still to be given back." in said(page)
    assert "Given back another way" in page
    form = {**hidden(text(clerk.get(of(owed, "settle")))), "reason": "By bank transfer."}
    use(other, owed, "note", text="Wait.", to_customer="no")
    page = text(clerk.post(of(owed, "settle"), form, follow=True))
    assert "This order was given a note by other@example.com on" in page
    assert "is settled" in said(text(clerk.post(of(owed, "settle"), {**form, **hidden(page)}, follow=True)))
    assert (now(owed).state, now(owed).queue_name) == (Status.REFUNDED, None)
    assert logged(owed) == [
        ("clerk@example.com", "Cancelled; the order says why."),
        ("the payment provider", "The payment provider refused the refund."),
        ("other@example.com", "A note was written."),
        ("clerk@example.com", "The money was given back another way; the order says how."),
    ]


def test_no_words_of_staff_stand_in_the_log_which_outlives_an_erasure(
    clerk: Client, paid: Order, owed: Order
) -> None:
    use(clerk, paid, "refund", amount="1.00", reason="Bo Zhang rang.")
    use(clerk, paid, "pack")
    use(clerk, paid, "ship", carrier="royal-mail", tracking_number="AB123456789GB")
    use(clerk, paid, "return", copies_0="1", reason="Bo Zhang wrote.")
    use(clerk, owed, "cancel", reason="Bo Zhang asked.")
    use(clerk, owed, "settle", reason="To Bo Zhang's bank.")
    assert len(logged(paid) + logged(owed)) == 4 + 3
    for order in (paid, owed):
        assert "Zhang" in str(
            [each.reason for each in now(order).history] + [r.reason for r in now(order).refunds]
        )
        log = str([each.attribute_values for each in LogItem.query(f"orders.order#c-1~{order.order_id}")])
        assert "Zhang" not in log
        assert "AB123456789GB" not in log


def test_a_clerk_is_told_that_the_customer_was_forgotten_meanwhile_and_says_no_more_of_them(
    clerk: Client, paid: Order
) -> None:
    use(clerk, sent(clerk, paid), "deliver")
    form = {**hidden(text(clerk.get(of(paid, "refund")))), "amount": "1.00", "reason": "Bo Zhang rang."}
    services.erase_customer(customer_id="c-1", at=timezone.now())
    page = text(clerk.post(of(paid, "refund"), form, follow=True))
    assert "This order was stripped of its name and address by the customer on" in page
    assert ('name="amount"' in page, "Bo Zhang" in page) == (True, False)
    assert "Write a note" not in text(clerk.get(of(paid)))


def test_of_a_forgotten_customers_order_nobody_is_asked_why_and_nobody_is_promised_that_it_says_so(
    clerk: Client, owed: Order
) -> None:
    use(clerk, sent(clerk, owed), "deliver")
    services.erase_customer(customer_id="c-1", at=timezone.now())
    assert "takes nothing back" in said(text(use(clerk, owed, "return", copies_0="1")))
    assert "is settled" in said(text(use(clerk, owed, "settle")))
    told = [message for _who, message in logged(owed)]
    assert [told[3], told[-1]] == ["Returned.", "The money was given back another way."]


def test_a_provider_that_does_not_answer_leaves_it_for_later_and_says_so(clerk: Client, emma: Any) -> None:
    fill_cart(b_e=3)
    order = place(reserve(total="23.97"))
    page = text(use(clerk, order, "refund", copies_0="1", reason="Torn."))
    assert "as soon as the payment provider answers" in said(page)
    assert [each.state for each in now(order).refunds] == ["pending"]
    assert "on its way" in page


def test_a_note_is_for_the_shop_or_for_the_customer(
    clerk: Client, paid: Order, pump: Any, mailoutbox: Any
) -> None:
    use(clerk, paid, "note", text="Rang: gift for a friend.", to_customer="no")
    assert "goes to the customer" in said(
        text(use(clerk, paid, "note", text="On Monday.", to_customer="yes"))
    )
    pump()
    assert ["On Monday." in mail.body for mail in mailoutbox].count(True) == 1
    assert not any("gift" in mail.body for mail in mailoutbox)
    assert [message for _who, message in logged(paid)] == [
        "A note was written.",
        "A note was written to the customer.",
    ]
