"""Packed, shipped, delivered, written about: each once, by one clerk, and the other is told."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from orders.errors import (
    BadStepError,
    OrderChangedError,
    OrderError,
    OrderNotFoundError,
    TooLateError,
)
from orders.fulfilment import deliver_order, note_order, pack_order, ship_order
from orders.models import Order
from orders.refunds import refund_order, return_order
from orders.services import cancel_order
from orders.states import Status
from tests.integration.orders.buying import (
    ANNA,
    BEN,
    NOW,
    fill_cart,
    named,
    pay_at,
    place,
    reserve,
    send_on,
    stock,
    stored_orders,
    the_order,
)


def ship(order: Order, by: str = ANNA, **fields: Any) -> Order:
    return ship_order(**(named(order, by) | {"carrier": "dpd", "tracking_number": "1234567890"} | fields))


def test_an_order_goes_its_way_step_by_step_and_each_step_happens_once(placed):
    for version, (step, queue) in enumerate(
        ((pack_order, "packed"), (ship, "shipped"), (deliver_order, None)), start=3
    ):
        for _twice in range(2):
            order = step(placed) if step is ship else step(**named(placed))
        stored = the_order()
        assert (order.version, int(stored.version), stored.queue_name) == (version, version, queue)
    assert [(step.status, step.by, step.version) for step in stored.history[2:]] == [
        ("packed", ANNA, 3),
        ("shipped", ANNA, 4),
        ("delivered", ANNA, 5),
    ]
    assert (stored.carrier_name, stored.tracking_number) == ("DPD", "1234567890")
    assert stored.tracking_url == "https://track.dpd.co.uk/search?reference=1234567890"


def test_no_step_is_left_out_and_none_comes_back(placed):
    for step in (ship, lambda order: deliver_order(**named(order))):
        with pytest.raises(TooLateError, match="an order that is placed"):
            step(placed)
    with pytest.raises(TooLateError, match="an order that is placed"):
        return_order(**named(placed), refund_id="r", reason="Torn.")
    send_on(placed, Status.PACKED, Status.SHIPPED)
    with pytest.raises(TooLateError, match="an order that is shipped"):
        pack_order(**named(placed))
    with pytest.raises(TooLateError, match="can no longer be cancelled: it is shipped"):
        cancel_order(**named(placed), reason="Changed their mind.")
    with pytest.raises(OrderNotFoundError):
        pack_order(**(named(placed) | {"customer_id": "c-2"}))


def test_a_clerk_is_told_what_another_did_meanwhile(placed):
    seen = int(the_order().version)
    pack_order(**named(placed, ANNA, seen=seen))
    pack_order(**named(placed, ANNA, seen=seen))  # clicked twice
    with pytest.raises(OrderChangedError, match=f"packed by {ANNA} on 28 November 2026, 12:03"):
        pack_order(**named(placed, BEN, seen=seen))
    with pytest.raises(OrderChangedError, match=f"packed by {ANNA}"):
        cancel_order(**named(placed, BEN, seen=seen), reason="Sold out.")
    seen = int(the_order().version)
    note_order(**named(placed, ANNA), note_id="n-1", text="Wait for the customer.", to_customer=False)
    with pytest.raises(OrderChangedError, match=f"given a note by {ANNA}"):
        ship(placed, BEN, seen=seen)
    assert ship(placed, BEN, seen=int(the_order().version)).status == "shipped"


def test_an_order_that_changed_since_it_was_read_is_read_again(placed, wire):
    read = the_order()
    seen = int(read.version)
    note_order(**named(placed, BEN), note_id="n-1", text="Wait.", to_customer=False)
    with pytest.raises(OrderChangedError, match=f"given a note by {BEN}"):
        pack_order(**named(placed, as_read=read, seen=seen))
    assert [note.text for note in pack_order(**named(placed, as_read=read)).notes] == ["Wait."]
    with wire.count() as calls:
        ship(placed, as_read=the_order())
    assert calls.total == 2  # the test's read, and the write


def test_a_mail_sent_meanwhile_is_no_surprise_to_a_clerk(placed):
    seen = int(the_order().version)
    the_order().update([Order.mailed.set(["placed"]), Order.version.add(1)])
    assert pack_order(**named(placed, seen=seen)).status == "packed"


def test_a_customer_who_cancelled_is_named_so(placed):
    seen = int(the_order().version)
    cancel_order(customer_id="c-1", order_id=placed.order_id, at=NOW)
    with pytest.raises(OrderChangedError, match="cancelled by the customer on"):
        pack_order(**named(placed, seen=seen))


@pytest.mark.parametrize(
    ("carrier", "number", "field"),
    [
        ("pigeon", "1234567890", "carrier"),
        ("", "", "carrier"),
        ("dpd", "", "tracking_number"),
        ("dpd", "123456789", "tracking_number"),
        ("dpd", "1" * 10_000, "tracking_number"),
        ("ups", "<script>alert(1)", "tracking_number"),
        ("royal-mail", "AB123456789", "tracking_number"),
        ("letter", "AB123456789GB", "tracking_number"),
    ],
)
def test_a_parcel_that_cannot_be_is_refused(placed, carrier, number, field):
    with pytest.raises(BadStepError) as refused:
        ship(placed, carrier=carrier, tracking_number=number)
    assert refused.value.field == field


def test_a_number_is_kept_as_the_carrier_writes_it_and_another_parcel_is_told(placed):
    send_on(placed, Status.PACKED)
    order = ship(placed, carrier="royal-mail", tracking_number=" ab 1234 5678 9gb ")
    assert (order.carrier, order.tracking_number) == ("royal-mail", "AB123456789GB")
    with pytest.raises(TooLateError, match="left already, with Royal Mail AB123456789GB"):
        ship(placed)
    assert the_order().carrier == "royal-mail"


def test_a_letter_has_no_number(placed):
    send_on(placed, Status.PACKED)
    order = ship(placed, carrier="letter", tracking_number="")
    assert (order.tracking_number, order.tracking_url) == (None, "")


def test_of_a_cancel_and_a_ship_at_the_same_time_one_wins_and_the_other_is_told(emma, provider):
    outcomes = set()
    for number in range(6):
        customer = f"c-{number + 10}"
        fill_cart(customer, b_emma=1)
        order = reserve(customer, total="7.99")
        pay_at(provider, order)
        place(order)
        send_on(order, Status.PACKED)
        hands = 1 if number < 2 else 2  # in the first rounds each is first once, then they race
        together = Barrier(hands)

        def attempt(act: Any, together: Barrier = together) -> str:
            together.wait()
            try:
                return str(act().status)
            except OrderError as error:
                return str(error)

        acts = [
            lambda order=order: ship(order),
            lambda order=order: cancel_order(**named(order, BEN), reason="Torn."),
        ]
        with ThreadPoolExecutor(hands) as pool:
            started = {each: pool.submit(attempt, acts[each]) for each in (number % 2, 1 - number % 2)}
        shipped, cancelled = started[0], started[1]
        stored = the_order(customer)
        if stored.status == "shipped":
            assert shipped.result() == "shipped"
            assert cancelled.result() == "This order can no longer be cancelled: it is shipped."
            assert provider.ledger.payment(order.order_id).refunds == 0
        else:
            assert (stored.status, cancelled.result()) == ("refunded", "refunded")
            assert "This cannot be done with" in shipped.result()
            assert provider.ledger.payment(order.order_id).refunds == 1
        outcomes.add(stored.status)
    shipped_copies = sum(1 for number in range(6) if the_order(f"c-{number + 10}").status == "shipped")
    assert stock(emma) == 9 - shipped_copies
    assert outcomes == {"shipped", "refunded"}


def test_staff_say_why_they_cancel(placed):
    for reason, message in (("  ", "Say why"), ("x" * 501, "more than 500 characters")):
        with pytest.raises(BadStepError, match=message):
            cancel_order(**named(placed), reason=reason)
    assert cancel_order(**named(placed), reason=" Sold out. \x00").history[-2].reason == "Sold out."


def test_a_note_is_written_once_and_keeps_its_lines(placed):
    for _twice in range(2):
        note_order(**named(placed), note_id="n-1", text=" Rang.\r\nNo answer. ", to_customer=False)
    (note,) = the_order().notes
    assert (note.text, note.by, note.at, note.to_customer) == ("Rang.\nNo answer.", ANNA, NOW, False)
    for text in ("", " \n ", "x" * 2001, "\x00\x1b"):
        with pytest.raises(BadStepError):
            note_order(**named(placed), note_id="n-2", text=text, to_customer=True)


def test_nobody_writes_to_a_forgotten_customer(placed):
    the_order().update([Order.email.remove()])
    with pytest.raises(BadStepError, match="can no longer be written to"):
        note_order(**named(placed), note_id="n-1", text="Hello", to_customer=True)


def test_what_belongs_beside_a_step_is_in_its_transaction_and_once(placed):
    def beside(write: Any) -> None:
        write.save(Order("log", f"entry-{len(written)}", **copied))
        written.append(1)

    copied = {
        name: value
        for name, value in placed.attribute_values.items()
        if name not in ("customer_id", "order_id")
    }
    written: list[int] = []
    pack_order(**named(placed, beside=beside))
    pack_order(**named(placed, beside=beside))
    assert len(stored_orders("log")) == 1
    with pytest.raises(TooLateError):
        pack_order(**named(send_on(placed, Status.SHIPPED), beside=beside))
    assert len(stored_orders("log")) == 1


def test_a_step_costs_a_read_and_a_write_and_one_that_moves_money_a_write_more(placed, wire):
    other = {"refund_id": "r-1", "reason": "Torn."}
    for requests, act in (
        (2, lambda: pack_order(**named(placed))),
        (2, lambda: note_order(**named(placed), note_id="n", text="Hello", to_customer=True)),
        (2, lambda: ship(placed)),
        (2, lambda: deliver_order(**named(placed))),
        (3, lambda: refund_order(**named(placed), amount=Decimal("1.00"), **other)),
        (3, lambda: return_order(**named(placed), **other | {"refund_id": "r-2"}, restock=True)),
    ):
        with wire.count() as calls:
            act()
        assert calls.total == requests


def test_an_order_of_an_older_version_is_read_and_goes_on(placed):
    """It has no refunds, notes or carrier, its lines count no credits, and its steps no versions."""
    table = Order._get_connection()
    key = table.get_item(placed.customer_id, range_key=placed.order_id)["Item"]
    for name in ("refunds", "refunded", "notes"):
        key.pop(name, None)
    for line in key["books"]["L"]:
        line["M"].pop("credited", None)
        line["M"].pop("category", None)
    for step in key["history"]["L"]:
        step["M"].pop("version", None)
    table.connection.client.put_item(TableName=Order.Meta.table_name, Item=key)
    old = the_order()
    assert (old.refunds, old.given_back, old.notes, old.carrier_name, old.lines[0].kept) == ([], 0, [], "", 2)
    pack_order(**named(old, seen=int(old.version)))
    assert cancel_order(**named(old, BEN), reason="Torn.").given_back == old.total
