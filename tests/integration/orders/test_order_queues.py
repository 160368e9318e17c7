"""Open orders by state and age, in any number of shards; and an order by its number."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders import services
from orders.errors import OrderBusyError
from orders.fulfilment import pack_order
from orders.ids import draw_order_id, number_of
from orders.models import Address, Order, OrderLine, StatusChange
from orders.queues import MOST_SHARDS, OWED, keys_beyond, queue_key, queue_keys
from orders.selectors import orders_numbered, queued
from orders.services import Released, release_unpaid
from orders.states import Status
from orders.steps import OvertakenError, take_step
from tests import factories

NOW = datetime(2026, 11, 28, 12, 3, tzinfo=UTC)
_customers = itertools.count(1)


def put(status: str = "placed", *, age: timedelta = timedelta(0)) -> Order:
    """Write an open order as the services leave it."""
    at = NOW - age
    order_id = draw_order_id(at=at)
    order = Order(
        f"c-{next(_customers)}",
        order_id,
        number=number_of(order_id),
        ordered_at=at,
        lines=[OrderLine(book_id="b-1", name="Emma", price="7.99", quantity=1)],
        subtotal="7.99",
        discount="0",
        delivery="0",
        tax="0",
        total="7.99",
        currency="GBP",
        status=status,
        history=[StatusChange(status=status, at=at, by="payment", version=1)],
        address=Address(**factories.ADDRESS),
        queue_name=queue_key(status, order_id),
        month_name=f"{at:%Y-%m}",
    )
    order.save()
    return order


def ids(orders: Any) -> list[str]:
    return [order.order_id for order in orders]


@pytest.mark.parametrize("shards", [1, 3])
def test_a_queue_is_listed_oldest_first_across_its_shards(settings, wire, shards):
    settings.QUEUE_SHARDS = shards
    orders = ids(put(age=timedelta(hours=hours)) for hours in range(11, 0, -1))
    put("packed")
    assert (len({queue_key("placed", order_id) for order_id in orders}) > 1) is (shards > 1)
    with wire.count() as calls:
        assert ids(queued(Status.PLACED)) == orders
    assert calls.total == shards
    assert ids(queued(Status.PLACED, drawn_before=NOW - timedelta(hours=9, minutes=1))) == orders[:2]


def test_an_order_is_never_lost_when_the_number_of_shards_changes(settings):
    settings.QUEUE_SHARDS = 5
    orders = ids(put(age=timedelta(hours=hours)) for hours in range(12, 0, -1))
    settings.QUEUE_SHARDS = 8  # more: each is found where it stands
    assert ids(queued(Status.PLACED)) == orders
    settings.QUEUE_SHARDS = 1  # fewer: the rounds of some minutes bring all back
    assert ids(queued(Status.PLACED)) != orders
    for minute in range(MOST_SHARDS):
        assert release_unpaid(at=NOW.replace(minute=40) + timedelta(minutes=minute)) == Released()
    assert ids(queued(Status.PLACED)) == orders
    assert {order.queue_name for order in Order.scan()} == {"placed"}


def test_money_owed_is_found_at_once_where_older_versions_of_the_shop_put_it(settings):
    settings.QUEUE_SHARDS = 2
    orders = {}
    for key in ("cancelled", "cancelled#1", "returned", "returned#1", "refunding", "refunding#1"):
        orders[key] = put()
        orders[key].update([Order.queue_name.set(key)])
    release_unpaid(at=NOW)
    assert sorted(ids(queued(OWED))) == sorted(ids(orders.values()))


@pytest.mark.parametrize("error", [OvertakenError, OrderBusyError])
def test_an_order_that_changes_while_it_is_moved_is_left_for_later_and_stops_no_other(monkeypatch, error):
    orders = [put(age=timedelta(hours=hours)) for hours in (2, 1)]
    for order in orders:
        order.update([Order.queue_name.set("returned")])

    def changed_meanwhile(step, **_named):
        if step.order.order_id == orders[0].order_id:
            raise error
        take_step(step)

    monkeypatch.setattr(services, "take_step", changed_meanwhile)
    release_unpaid(at=NOW)
    assert ids(queued(OWED)) == [orders[1].order_id]


def test_a_step_moves_an_order_into_the_shards_of_today(settings):
    settings.QUEUE_SHARDS = 7
    orders = [put() for _each in range(4)]
    settings.QUEUE_SHARDS = 1
    for order in orders:
        pack_order(customer_id=order.customer_id, order_id=order.order_id, by="anna@example.com", at=NOW)
    assert sorted(ids(queued(Status.PACKED))) == sorted(ids(orders))


def test_one_shard_has_the_name_that_queues_had_before_there_were_any(settings):
    settings.QUEUE_SHARDS = 1
    assert queue_keys("placed") == [queue_key("placed", "o-1")] == ["placed"]
    settings.QUEUE_SHARDS = 3
    assert queue_keys("placed") == ["placed", "placed#1", "placed#2"]
    assert (keys_beyond("placed", 2), keys_beyond("placed", 3)) == ([], ["placed#3"])


def test_an_order_is_found_by_its_number_however_it_is_typed():
    order = put()
    typed = f" {order.number[:5].lower()}-{order.number[5:]} "
    assert ids(orders_numbered(typed)) == [order.order_id]
    for number in ("", "short", "0000000000", "x" * 10_000, "ÄÖÜäöüßßßß"):
        assert orders_numbered(number) == []
