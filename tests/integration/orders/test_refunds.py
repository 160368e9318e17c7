"""Money goes back once, never more than was paid, and is never forgotten, whoever dies or does not answer."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from bookstore.accounts.errors import ErasureRefusedError
from bookstore.dynamodb.admin import audit
from orders import payments, refunds, services
from orders.errors import BadStepError, OrderBusyError, OrderChangedError, OrderError, TooLateError
from orders.fulfilment import pack_order
from orders.models import Order
from orders.payments.base import PaymentRefusedError, PaymentUnavailableError
from orders.payments.demonstration import Demonstration
from orders.refunds import refund_order, return_order, settle_otherwise
from orders.services import Released, cancel_order, release_unpaid
from orders.states import Status
from tests import factories
from tests.integration.leaderboard.sales import copies_sold
from tests.integration.orders.buying import (
    ANNA,
    BEN,
    NOW,
    fill_cart,
    named,
    pay_at,
    payment_for,
    place,
    reserve,
    send_on,
    send_webhook,
    stock,
    the_order,
)

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def persuasion():
    book = factories.book("Persuasion", price="5.00", stock=9, book_id="b-persuasion")
    fill_cart(b_persuasion=3)
    return book


@pytest.fixture
def placed(emma, persuasion, provider):
    order = reserve(total="30.98")
    pay_at(provider, order)
    return place(order)


@pytest.fixture
def delivered(placed):
    return send_on(placed, Status.PACKED, Status.SHIPPED, Status.DELIVERED)


@pytest.fixture
def refusing(emma, persuasion, provider):
    """An order that was paid with a card which takes nothing back."""
    order = reserve(total="30.98")
    pay_at(provider, order, takes_nothing_back=True)
    return place(order)


def asked(order: Order, by: str = ANNA, **fields: Any) -> dict[str, Any]:
    return named(order, by) | {"refund_id": "r-1", "reason": "Torn."} | fields


def at_provider(provider: Any) -> tuple[Decimal, int]:
    """Return how much went back there, and in how many refunds."""
    (payment,) = provider.ledger._payments.values()
    return Decimal(payment.refunded), payment.refunds


def facts(order: Order) -> dict[str, Any]:
    """Return all that an order says but for its counters."""
    return {name: value for name, value in order.serialize().items() if name not in ("version", "requestId")}


def test_some_money_goes_back_once_however_often_it_is_asked_for(provider, delivered):
    for _twice in range(3):
        order = refund_order(**asked(delivered, amount=Decimal("4.50")))
    stored = the_order()
    assert (order.version, stored.status, stored.queue_name) == (stored.version, "delivered", None)
    (refund,) = stored.refunds
    assert (refund.amount, refund.by, refund.at, refund.reason, refund.state) == (
        Decimal("4.50"),
        ANNA,
        NOW,
        "Torn.",
        "done",
    )
    assert (stored.refunded, stored.given_back, stored.refundable) == (
        Decimal("4.50"),
        Decimal("4.50"),
        Decimal("26.48"),
    )
    assert at_provider(provider) == (Decimal("4.50"), 1)


def test_copies_are_refunded_at_what_they_cost_and_are_sold_no_longer(provider, emma, persuasion, placed):
    order = refund_order(**asked(placed, lines={"b-persuasion": 2}, restock=True))
    assert (order.status, order.refunded, order.queue_name) == ("placed", Decimal("10.00"), "placed")
    assert [(line.kept, line.status) for line in order.lines] == [(2, "ordered"), (1, "ordered")]
    refund_order(**asked(placed, refund_id="r-2", lines={"b-persuasion": 1}))
    stored = the_order()
    assert [(line.kept, line.status) for line in stored.lines] == [(2, "ordered"), (0, "refunded")]
    assert (stock(emma), stock(persuasion)) == (7, 8)  # the last copy is torn, and stays out of stock
    assert at_provider(provider) == (Decimal("15.00"), 2)
    cancel_order(**{name: asked(placed)[name] for name in ("customer_id", "order_id", "by", "reason", "at")})
    assert (stock(emma), stock(persuasion)) == (9, 8)
    assert (the_order().status, the_order().given_back) == ("refunded", Decimal("30.98"))
    assert at_provider(provider) == (Decimal("30.98"), 3)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "amount"),
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal("-1.00")}, "amount"),
        ({"amount": Decimal("1.005")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"amount": 4.5}, "amount"),
        ({"amount": Decimal("30.99")}, "amount"),
        ({"amount": Decimal("1e99")}, "amount"),
        ({"lines": {"b-emma": 3}}, "lines"),
        ({"lines": {"b-emma": 0}}, "lines"),
        ({"lines": {"b-emma": True}}, "lines"),
        ({"lines": {"b-foreign": 1}}, "lines"),
        ({"amount": Decimal("1.00"), "reason": ""}, "reason"),
        ({"amount": Decimal("1.00"), "refund_id": "a b"}, "refund_id"),
        ({"amount": Decimal("1.00"), "refund_id": "x" * 65}, "refund_id"),
    ],
)
def test_a_refund_that_cannot_be_is_refused_with_a_sentence(provider, delivered, fields, field):
    with pytest.raises(BadStepError) as refused:
        refund_order(**asked(delivered, **fields))
    assert refused.value.field == field
    assert facts(the_order()) == facts(delivered)
    assert at_provider(provider) == (0, 0)


def test_all_the_money_makes_a_sent_order_refunded_and_an_unsent_one_is_cancelled_instead(provider, placed):
    with pytest.raises(BadStepError, match="cancel it, and all its money goes back"):
        refund_order(**asked(placed, amount=Decimal("30.98")))
    refund_order(**asked(placed, amount=Decimal("0.98")))
    send_on(placed, Status.PACKED, Status.SHIPPED)
    order = refund_order(**asked(placed, refund_id="r-2", amount=Decimal("30.00")))
    assert (order.status, the_order().status, the_order().queue_name) == ("refunded", "refunded", None)
    assert [step.status for step in the_order().history].count("refunded") == 1
    with pytest.raises(TooLateError, match="an order that is refunded"):
        refund_order(**asked(placed, refund_id="r-3", amount=Decimal("1.00")))
    assert at_provider(provider) == (Decimal("30.98"), 2)


def test_an_order_that_has_not_left_keeps_a_copy_to_send(provider, placed, settings):
    everything, amount = {"b-emma": 2, "b-persuasion": 3}, Decimal("1.00")
    with pytest.raises(BadStepError, match="cancel it, and all its money goes back"):
        refund_order(**asked(placed, lines=everything, amount=amount))
    settings.PAYMENT_ORIGIN = NOWHERE
    refund_order(**asked(placed, lines=everything | {"b-emma": 1}, amount=amount))
    with pytest.raises(BadStepError, match="cancel it, and all its money goes back"):
        refund_order(**asked(placed, refund_id="r-2", lines={"b-emma": 1}, amount=amount))


def test_nothing_is_refunded_that_was_never_paid(emma, provider):
    order = reserve(total="15.98")
    with pytest.raises(TooLateError, match="an order that is awaiting payment"):
        refund_order(**asked(order, amount=Decimal("1.00")))


def test_a_clerk_is_told_of_the_refund_that_another_made(delivered):
    seen = int(the_order().version)
    refund_order(**asked(delivered, ANNA, amount=Decimal("4.50"), seen=seen))
    with pytest.raises(OrderChangedError, match=f"refunded in part by {ANNA}"):
        refund_order(**asked(delivered, BEN, refund_id="r-2", amount=Decimal("4.50"), seen=seen))


def test_whoever_refunds_a_copy_after_printing_the_slip_does_not_pack_from_it(provider, placed):
    printed = int(the_order().version)
    refund_order(**asked(placed, lines={"b-emma": 1}))
    with pytest.raises(OrderChangedError, match=f"refunded in part by {ANNA}"):
        pack_order(**named(placed, seen=printed))
    printed = int(the_order().version)
    refund_order(**asked(placed, refund_id="r-2", amount=Decimal("1.00")))  # which no parcel holds
    assert pack_order(**named(placed, seen=printed)).status == "packed"


def test_clerks_who_refund_at_once_never_give_back_more_than_was_paid(provider, delivered):
    together = Barrier(8)

    def refund(number: int) -> str:
        together.wait()
        try:
            refund_order(**asked(delivered, refund_id=f"r-{number}", amount=Decimal("10.00")))
        except OrderError as error:
            return str(error)
        return "refunded"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refund, range(8)))
    stored = the_order()
    done = answers.count("refunded")
    assert 1 <= done <= 3
    assert stored.refunded == Decimal(10) * done
    assert at_provider(provider) == (Decimal(10) * done, done)
    assert stored.pending_refunds == []


def test_the_same_refund_at_once_in_many_hands_is_one(provider, delivered, persuasion):
    with ThreadPoolExecutor(6) as pool:
        list(
            pool.map(
                lambda _: refund_order(**asked(delivered, lines={"b-persuasion": 1}, restock=True)), range(6)
            )
        )
    assert at_provider(provider) == (Decimal("5.00"), 1)
    assert (the_order().refunded, the_order().lines[1].kept, stock(persuasion)) == (Decimal("5.00"), 2, 7)


def test_a_refund_that_the_provider_refuses_leaves_the_order_as_it_was(provider, refusing):
    before = facts(the_order())
    with pytest.raises(PaymentRefusedError, match="The payment provider refused: The buyer's bank"):
        refund_order(**asked(refusing, lines={"b-emma": 1}, restock=True))
    assert facts(the_order()) == before
    assert at_provider(provider) == (0, 0)


def test_a_refund_waits_for_a_provider_that_does_not_answer(provider, emma, delivered, settings):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, NOWHERE
    for _twice in range(2):
        order = refund_order(**asked(delivered, lines={"b-emma": 1}, restock=True))
    assert (order.status, order.queue_name, len(order.pending_refunds)) == ("delivered", "owed", 1)
    assert (order.refunded, order.refundable, stock(emma)) == (0, Decimal("22.99"), 7)
    with pytest.raises(BadStepError, match=r"At most £22\.99"):
        refund_order(**asked(delivered, refund_id="r-2", amount=Decimal("23.00")))
    with pytest.raises(BadStepError, match="does not hold so many copies"):
        refund_order(**asked(delivered, refund_id="r-2", lines={"b-emma": 2}))
    with pytest.raises(ErasureRefusedError):
        services.erase_customer(customer_id="c-1", at=NOW)
    assert release_unpaid(at=NOW) == Released(left=1)
    settings.PAYMENT_ORIGIN = origin
    assert release_unpaid(at=NOW) == Released(settled=1)
    assert release_unpaid(at=NOW) == Released()
    stored = the_order()
    assert (stored.status, stored.queue_name, stored.refunded) == ("delivered", None, Decimal("7.99"))
    assert (stored.lines[0].kept, stock(emma)) == (1, 8)
    assert at_provider(provider) == (Decimal("7.99"), 1)


def test_an_answer_that_is_lost_on_its_way_leads_to_no_second_refund(provider, delivered, monkeypatch):
    refund = Demonstration.refund

    def lost(self: Any, *args: Any, **named: Any) -> Any:
        refund(self, *args, **named)
        raise PaymentUnavailableError("gone")

    monkeypatch.setattr(Demonstration, "refund", lost)
    order = refund_order(**asked(delivered, amount=Decimal("4.50")))
    assert (order.refunded, order.queue_name) == (0, "owed")
    monkeypatch.undo()
    release_unpaid(at=NOW)
    assert (the_order().refunded, the_order().queue_name) == (Decimal("4.50"), None)
    assert at_provider(provider) == (Decimal("4.50"), 1)


def test_a_refund_of_an_order_too_busy_to_say_so_is_pending_and_said_later(provider, delivered, monkeypatch):
    def busy(*_args: Any, **_named: Any) -> Any:
        raise OrderBusyError

    monkeypatch.setattr(refunds, "_say_done", busy)
    order = refund_order(**asked(delivered, amount=Decimal("4.50")))
    assert len(order.pending_refunds) == 1
    monkeypatch.undo()
    release_unpaid(at=NOW)
    assert (the_order().refunded, at_provider(provider)) == (Decimal("4.50"), (Decimal("4.50"), 1))


def test_a_pending_refund_is_settled_for_an_order_that_goes_on(provider, placed, settings):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, NOWHERE
    refund_order(**asked(placed, amount=Decimal("4.50")))
    order = pack_order(customer_id="c-1", order_id=placed.order_id, by=ANNA, at=NOW)
    assert (order.status, order.queue_name) == ("packed", "owed")
    settings.PAYMENT_ORIGIN = origin
    release_unpaid(at=NOW)
    assert (the_order().status, the_order().queue_name) == ("packed", "packed")


def test_copies_that_a_pending_refund_is_for_are_not_sent_meanwhile(provider, emma, placed, settings):
    origin = settings.PAYMENT_ORIGIN
    for refund_id, step in (("r-1", Status.PACKED), ("r-2", Status.SHIPPED)):
        settings.PAYMENT_ORIGIN = NOWHERE
        refund_order(**asked(placed, refund_id=refund_id, lines={"b-emma": 1}, restock=True))
        with pytest.raises(TooLateError, match="A refund of some of its books is under way"):
            send_on(placed, step)
        settings.PAYMENT_ORIGIN = origin
        release_unpaid(at=NOW)
        assert send_on(placed, step).status == step
    assert ([line.kept for line in the_order().lines], stock(emma)) == ([0, 3], 9)
    settings.PAYMENT_ORIGIN = NOWHERE
    refund_order(**asked(placed, refund_id="r-3", lines={"b-persuasion": 1}))
    # They have left, whatever becomes of the money.
    assert send_on(placed, Status.DELIVERED).status == "delivered"


def test_a_pending_refund_of_an_order_that_is_cancelled_is_no_second_one(
    provider, emma, persuasion, placed, settings
):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, NOWHERE
    refund_order(**asked(placed, lines={"b-persuasion": 1}, restock=True))
    cancel_order(customer_id="c-1", order_id=placed.order_id, at=NOW)
    assert (the_order().status, the_order().queue_name) == ("cancelled", "owed")
    settings.PAYMENT_ORIGIN = origin
    assert send_webhook(payment_for(placed)).status_code == 204  # late, and settles it as well
    release_unpaid(at=NOW)
    stored = the_order()
    assert (stored.status, stored.queue_name, stored.refunded) == ("refunded", None, Decimal("30.98"))
    assert [refund.amount for refund in stored.refunds] == [Decimal("5.00"), Decimal("25.98")]
    assert at_provider(provider) == (Decimal("30.98"), 2)
    assert (stock(emma), stock(persuasion)) == (9, 9)


def test_a_pending_refund_that_is_refused_later_is_dropped_with_a_note_to_staff(refusing, settings):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, NOWHERE
    refund_order(**asked(refusing, amount=Decimal("4.50")))
    settings.PAYMENT_ORIGIN = origin
    for _twice in range(2):
        release_unpaid(at=NOW)
    stored = the_order()
    assert (stored.queue_name, stored.refunds, stored.refundable) == ("placed", [], Decimal("30.98"))
    assert [(note.by, note.to_customer, note.text) for note in stored.notes] == [
        ("payment", False, "The payment provider refused: The buyer's bank takes nothing back.")
    ]
    (entry,) = audit.history("orders.order", f"c-1~{stored.order_id}")
    assert (str(entry.user), str(entry)) == (
        "the payment provider",
        "The payment provider refused the refund.",
    )


def test_money_that_the_provider_refuses_for_a_cancelled_order_stays_owed_and_staff_are_told(refusing):
    order = cancel_order(customer_id="c-1", order_id=refusing.order_id, at=NOW)
    assert (order.status, order.queue_name) == ("cancelled", "owed")
    assert release_unpaid(at=NOW) == Released(left=1)
    assert send_webhook(payment_for(refusing)).status_code == 204  # late, and refused as well
    assert len(the_order().notes) == 1
    before = facts(the_order())
    with pytest.raises(TooLateError, match="order that is cancelled"):
        refund_order(**asked(refusing, amount=Decimal("30.98")))
    assert facts(the_order()) == before


def test_money_that_the_provider_refuses_may_go_another_way_once_and_no_other_money_may(provider, refusing):
    otherwise = {name: asked(refusing)[name] for name in ("customer_id", "order_id", "by", "at")}
    with pytest.raises(TooLateError):
        settle_otherwise(**otherwise, reason="By transfer.")
    cancel_order(customer_id="c-1", order_id=refusing.order_id, at=NOW)
    seen = int(the_order().version)
    for _twice in range(2):
        order = settle_otherwise(**otherwise, reason="By transfer.", seen=seen)
    with pytest.raises(OrderChangedError, match=f"by {ANNA}"):
        settle_otherwise(**otherwise | {"by": BEN}, reason="By transfer.", seen=seen)
    stored = the_order()
    assert (order.version, stored.status, stored.queue_name) == (stored.version, "refunded", None)
    assert [(each.amount, each.by, each.reason) for each in stored.refunds] == [
        (Decimal("30.98"), ANNA, "By transfer.")
    ]
    assert release_unpaid(at=NOW) == Released()
    assert at_provider(provider) == (0, 0)


def test_money_that_only_waits_for_the_provider_does_not_go_another_way(placed, settings):
    settings.PAYMENT_ORIGIN = NOWHERE
    order = cancel_order(customer_id="c-1", order_id=placed.order_id, at=NOW)
    with pytest.raises(TooLateError, match="an order that is cancelled"):
        settle_otherwise(customer_id="c-1", order_id=order.order_id, by=ANNA, at=NOW, reason="By transfer.")


def test_while_a_refund_is_under_way_the_rest_does_not_go_another_way(refusing):
    order = cancel_order(customer_id="c-1", order_id=refusing.order_id, at=NOW)
    pending = refunds._refund(order, "r-1", Decimal("4.50"), by=ANNA, reason="Torn.", at=NOW)
    order.update([Order.refunds.set([pending])])
    with pytest.raises(TooLateError):
        settle_otherwise(customer_id="c-1", order_id=order.order_id, by=ANNA, at=NOW, reason="By transfer.")


def test_money_that_went_is_written_down_though_the_refund_was_taken_off(provider, delivered, monkeypatch):
    """Two processes ask under one key, and hear different answers of a provider less strict than ours."""
    refund = Demonstration.refund

    def made_and_meanwhile_refused(self: Any, *args: Any, **named: Any) -> Any:
        told = refund(self, *args, **named)
        refunds._drop(the_order(), the_order().refunds[0])
        return told

    monkeypatch.setattr(Demonstration, "refund", made_and_meanwhile_refused)
    refund_order(**asked(delivered, amount=Decimal("4.50")))
    assert [(each.amount, each.state) for each in the_order().refunds] == [(Decimal("4.50"), "done")]
    assert the_order().refunded == Decimal("4.50")


def test_a_whole_order_comes_back_once_and_into_stock_when_a_bookseller_says_so(
    provider, emma, persuasion, delivered
):
    for _twice in range(2):
        order = return_order(**asked(delivered, restock=True))
    assert (order.status, the_order().status, the_order().queue_name) == ("refunded", "refunded", None)
    assert [step.status for step in the_order().history][-2:] == ["returned", "refunded"]
    (refund,) = the_order().refunds
    assert (refund.by, refund.reason) == (ANNA, "Torn.")
    assert refund.copies_by_book == {"b-emma": 2, "b-persuasion": 3}
    with pytest.raises(OrderChangedError, match=f"returned by {ANNA}"):  # and no refund of some of it
        return_order(**asked(delivered, BEN, refund_id="r-2", seen=int(delivered.version)))
    assert {line.status for line in the_order().lines} == {"returned"}
    assert (stock(emma), stock(persuasion)) == (9, 9)
    assert at_provider(provider) == (Decimal("30.98"), 1)


def test_some_copies_come_back_and_then_the_rest(provider, emma, persuasion, delivered):
    for _twice in range(2):
        order = return_order(**asked(delivered, lines={"b-emma": 1, "b-persuasion": 1}, restock=True))
    assert (order.status, order.refunded) == ("delivered", Decimal("12.99"))
    assert [(line.kept, line.status) for line in order.lines] == [(1, "ordered"), (2, "ordered")]
    assert (stock(emma), stock(persuasion)) == (8, 7)
    with pytest.raises(BadStepError, match="does not hold so many"):
        return_order(**asked(delivered, refund_id="r-2", lines={"b-emma": 2}))
    order = return_order(**asked(delivered, refund_id="r-3"))
    assert (order.status, order.given_back) == ("refunded", Decimal("30.98"))
    assert (stock(emma), stock(persuasion)) == (8, 7)
    assert at_provider(provider) == (Decimal("30.98"), 2)


def test_more_copies_come_back_while_the_money_of_the_first_is_pending(delivered, settings):
    settings.PAYMENT_ORIGIN = NOWHERE
    for refund_id, copies in (("r-1", 1), ("r-2", 2)):
        order = return_order(**asked(delivered, refund_id=refund_id, lines={"b-persuasion": copies}))
    assert [line.kept for line in order.lines] == [2, 0]
    assert [each.amount for each in order.pending_refunds] == [Decimal("5.00"), Decimal("10.00")]


def test_all_comes_back_while_a_refund_of_some_is_pending(provider, emma, delivered, settings):
    origin, settings.PAYMENT_ORIGIN = settings.PAYMENT_ORIGIN, NOWHERE
    refund_order(**asked(delivered, lines={"b-emma": 1}, restock=True))
    return_order(**asked(delivered, refund_id="r-2", restock=True))
    assert (the_order().status, the_order().queue_name, stock(emma)) == ("returned", "owed", 9)
    settings.PAYMENT_ORIGIN = origin
    release_unpaid(at=NOW)
    assert (the_order().status, the_order().given_back, stock(emma)) == ("refunded", Decimal("30.98"), 9)
    assert at_provider(provider) == (Decimal("30.98"), 2)


def test_an_order_holds_no_more_refunds_than_an_item_has_room_for(provider, delivered, monkeypatch):
    monkeypatch.setattr(refunds, "MOST_REFUNDS", 1)
    refund_order(**asked(delivered, amount=Decimal("1.00")))
    for more in (
        lambda: refund_order(**asked(delivered, refund_id="r-2", amount=Decimal("1.00"))),
        lambda: return_order(**asked(delivered, refund_id="r-2", lines={"b-emma": 1})),
    ):
        with pytest.raises(BadStepError, match="as many refunds as it can hold"):
            more()
    assert return_order(**asked(delivered, refund_id="r-2")).state is Status.REFUNDED  # all that is left


def test_copies_that_came_back_stay_back_whatever_the_provider_says(provider, emma, refusing):
    send_on(refusing, Status.PACKED, Status.SHIPPED)
    with pytest.raises(PaymentRefusedError):
        return_order(**asked(refusing, lines={"b-emma": 1}, restock=True))
    stored = the_order()
    assert (stored.status, stored.queue_name, stored.lines[0].kept, stock(emma)) == (
        "shipped",
        "shipped",
        1,
        8,
    )
    assert [(each.amount, each.state, each.returned) for each in stored.refunds] == [(0, "done", True)]
    assert stored.refundable == Decimal("30.98")


def test_what_was_refunded_before_is_not_refunded_again_when_it_comes_back(provider, delivered):
    refund_order(**asked(delivered, amount=Decimal("28.00")))
    order = return_order(**asked(delivered, refund_id="r-2", lines={"b-emma": 1}))
    assert (order.status, order.refunded) == ("refunded", Decimal("30.98"))
    assert at_provider(provider) == (Decimal("30.98"), 2)


def test_the_bestsellers_go_down_with_each_copy_that_comes_back_once(provider, delivered, pump):
    pump()
    assert copies_sold() == {"b-emma": 2, "b-persuasion": 3}
    for refund_id, sold in (("r-1", {"b-emma": 1, "b-persuasion": 3}), ("r-2", {"b-persuasion": 3})):
        for _twice in range(2):
            refund_order(**asked(delivered, refund_id=refund_id, lines={"b-emma": 1}))
            pump()
            assert copies_sold() == sold
    return_order(**asked(delivered, refund_id="r-3", lines={"b-persuasion": 1}))
    pump()
    assert copies_sold() == {"b-persuasion": 2}
    return_order(**asked(delivered, refund_id="r-4"))
    pump()
    assert copies_sold() == {}


def test_the_provider_is_asked_under_a_key_of_the_order_and_the_refund(provider, delivered):
    refund_order(**asked(delivered, amount=Decimal("4.50")))
    assert list(provider.ledger.payment(delivered.order_id).answers) == [f"{delivered.order_id}.r-1"]
    assert payments.provider().payment_of(delivered.order_id).refunded == Decimal("4.50")
