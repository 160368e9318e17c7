from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from orders.errors import OrderChangedError
from orders.models import Address, CreditedCopies, Note, Order, OrderLine, Refund, StatusChange
from orders.selectors import address_lines, timeline
from orders.states import (
    BOUGHT,
    CANCELLABLE_BY_CUSTOMER,
    LABELS,
    NEXT,
    OPEN,
    OWING,
    REASONS,
    Status,
    may_become,
)
from orders.steps import Step, check_reason, check_same_step

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


def order(status: Status, **fields) -> Order:
    return Order("c-1", "o-1", status=str(status), history=[], version=1, queue_name=None, **fields)


def test_every_state_has_a_name_and_a_way_on():
    assert set(NEXT) == set(LABELS) == set(Status)


def test_the_way_of_an_order_that_goes_well():
    way = [Status.AWAITING_PAYMENT, Status.PLACED, Status.PACKED, Status.SHIPPED, Status.DELIVERED]
    assert all(may_become(one, other) for one, other in pairwise(way))
    assert not any(may_become(other, one) for one, other in pairwise(way))


@pytest.mark.parametrize("status", [Status.REFUNDED, Status.CANCELLED, Status.RETURNED])
def test_nothing_comes_back_to_life(status):
    assert not NEXT[status] & (OPEN | BOUGHT)


def test_an_unpaid_order_is_never_packed():
    assert NEXT[Status.AWAITING_PAYMENT] == {Status.PLACED, Status.CANCELLED}


def test_customers_cancel_until_it_is_packed():
    assert set(CANCELLABLE_BY_CUSTOMER) == {Status.AWAITING_PAYMENT, Status.PLACED}


@pytest.mark.parametrize(
    ("status", "to", "owing", "queue"),
    [
        (Status.AWAITING_PAYMENT, Status.PLACED, False, "placed"),
        (Status.PLACED, Status.PACKED, False, "packed"),
        (Status.SHIPPED, Status.DELIVERED, False, None),
        (Status.AWAITING_PAYMENT, Status.CANCELLED, False, None),
        (Status.PLACED, Status.CANCELLED, True, "owed"),
        (Status.CANCELLED, Status.REFUNDED, False, None),
    ],
)
def test_an_order_stands_in_a_queue_only_while_something_is_to_be_done(status, to, owing, queue):
    taken = order(status)
    Step(taken, to, by="shop", reason="", owing=owing, at=NOW).apply()
    assert (taken.status, taken.queue_name, taken.version) == (to, queue, 2)
    assert [(step.status, step.by, step.at) for step in taken.history] == [(to, "shop", NOW)]


@pytest.mark.parametrize(
    ("status", "to"),
    [
        (Status.PLACED, Status.DELIVERED),
        (Status.CANCELLED, Status.PLACED),
        (Status.REFUNDED, Status.CANCELLED),
    ],
)
def test_a_step_that_is_none_cannot_even_be_planned(status, to):
    with pytest.raises(ValueError, match=f"an order that is {status} cannot become {to}"):
        Step(order(status), to, by="shop", reason="", at=NOW)


def test_states_that_owe_money_are_none_that_sell():
    assert not OWING & (OPEN | BOUGHT)


def test_a_line_costs_its_unit_price_times_its_copies():
    assert OrderLine(price=Decimal("7.99"), quantity=3).amount == Decimal("23.97")


def test_the_timeline_tells_reasons_in_words_and_no_booksellers_name():
    told = order(Status.CANCELLED)
    told.history = [
        StatusChange(status="awaiting_payment", at=NOW, by="customer"),
        StatusChange(status="cancelled", at=NOW, by="s-17", reason="declined"),
        StatusChange(status="cancelled", at=NOW, by="s-17", reason="The customer was rude."),
    ]
    assert [(step.label, step.by, step.note) for step in timeline(told)] == [
        ("Awaiting payment", "by you", ""),
        ("Cancelled", "by the shop", "The card was declined."),
        ("Cancelled", "by the shop", ""),
    ]


def test_the_timeline_tells_parcel_refunds_and_notes_in_the_order_of_time():
    def later(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    told = order(
        Status.DELIVERED,
        currency="GBP",
        total=Decimal("20.00"),
        carrier="dpd",
        tracking_number="1234567890",
        lines=[OrderLine(book_id="b-1", name="Emma", price=Decimal("7.99"), quantity=2, credited=1)],
    )
    told.history = [
        StatusChange(status="shipped", at=NOW, by="s-17"),
        StatusChange(status="delivered", at=later(20), by="s-17"),
    ]
    told.refunds = [
        Refund(
            refund_id="r-1",
            amount=Decimal("7.99"),
            at=later(30),
            by="s-17",
            reason="Torn.",
            state="done",
            returned=True,
            copies=[CreditedCopies(book_id="b-1", quantity=1)],
        ),
        Refund(refund_id="r-2", amount=Decimal("1.00"), at=later(40), by="s-17", state="pending"),
    ]
    told.notes = [
        Note(note_id="n-1", text="The customer was rude.", at=later(10), by="s-17"),
        Note(note_id="n-2", text="Sorry for\nthe delay.", at=later(10), by="s-17", to_customer=True),
    ]
    steps = timeline(told)
    assert {step.by for step in steps} == {"by the shop"}
    assert [(step.label, step.note, step.link) for step in steps] == [
        ("Shipped", "", "DPD 1234567890"),
        ("A note from us", "Sorry for\nthe delay.", ""),
        ("Delivered", "", ""),
        ("Books came back", "1 × Emma\n£7.99 went back to you.", ""),
        ("Refund", "£1.00 is on its way back to you.", ""),
    ]
    assert steps[0].url == "https://track.dpd.co.uk/search?reference=1234567890"
    told.carrier, told.tracking_number = "letter", None
    assert next((step.note, step.url) for step in timeline(told)) == ("Letter post, not tracked", "")


def test_the_address_of_a_forgotten_customer_is_empty():
    there = order(
        Status.DELIVERED,
        address=Address(name="Ada", line1="1 Lane", city="York", postcode="YO1", country="GB"),
    )
    assert address_lines(there) == ["Ada", "1 Lane", "York YO1", "United Kingdom"]
    there.address = Address(name="", line1="", city="", postcode="", country="")
    assert address_lines(there) == []


def test_an_order_was_placed_when_it_was_paid():
    told = order(Status.PLACED)
    assert told.placed_at is None
    told.history = [
        StatusChange(status="awaiting_payment", at=NOW, by="customer"),
        StatusChange(status="placed", at=NOW.replace(minute=9), by="payment"),
    ]
    assert told.placed_at == NOW.replace(minute=9)


def test_a_line_shows_its_cover_of_then_or_a_drawn_one(settings):
    assert OrderLine(book_id="b-1", cover="emma one.svg").cover_url == f"{settings.COVERS_URL}emma%20one.svg"
    assert OrderLine(book_id="b-1").cover_url == "/books/b-1/cover.svg"
    assert OrderLine(book_id="b-1").book_url == "/books/b-1/"


@pytest.mark.parametrize("code", REASONS)
def test_a_clerk_who_types_what_the_shop_keeps_for_a_reason_of_its_own_is_not_taken_for_it(code):
    address = Address(name="Ada", line1="1 Lane", city="York", postcode="YO1", country="GB")
    assert check_reason(order(Status.PLACED, address=address), f" {code} ") == f"{code}."


@pytest.mark.parametrize(("kept", "same"), [(True, True), (False, False), (None, True)])
def test_a_return_that_is_sent_again_says_the_same_about_the_stock(kept, same):
    """One of an older version of the shop has not kept what it said."""
    address = Address(name="Ada", line1="1 Lane", city="York", postcode="YO1", country="GB")
    there = order(Status.RETURNED, address=address)
    there.history = [StatusChange(status="returned", at=NOW, by="s-17", reason="Torn.", restock=kept)]
    check_same_step(there, Status.RETURNED, by="s-17", reason="Torn.", restock=same)
    if kept is not None:
        with pytest.raises(OrderChangedError, match="was returned by s-17 on"):
            check_same_step(there, Status.RETURNED, by="s-17", reason="Torn.", restock=not same)
