"""A local shop that an older version made gets the indexes of today, and keeps what it has."""

import io

import pytest
from django.core.management import call_command

from bookstore import aws
from bookstore.dynamodb import indexes
from bookstore.dynamodb.indexes import renew_indexes
from orders.models import Order
from tests import factories
from tests.integration.orders.buying import fill_cart, reserve


@pytest.fixture
def older():
    """The orders' table as it was: without one index, and with less in another."""
    factories.book("Emma", price="7.99", book_id="b-emma")
    fill_cart(b_emma=2)
    order = reserve(total="15.98")
    keys = [{"AttributeName": "month", "KeyType": "HASH"}, {"AttributeName": "orderId", "KeyType": "RANGE"}]
    projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["number"]}
    for update in (
        {"Delete": {"IndexName": "number"}},
        {"Delete": {"IndexName": "month"}},
        {"Create": {"IndexName": "month", "KeySchema": keys, "Projection": projection}},
    ):
        indexes._change(Order, update)
    return order


def test_missing_and_outdated_indexes_are_made_anew_over_what_is_there(older):
    out = io.StringIO()
    call_command("create_tables", stdout=out)
    assert "renewed number, month of test-Orders" in out.getvalue()
    (by_number,) = Order.by_number.query(older.number)
    (by_month,) = Order.month.query(older.month_name)
    assert by_number.order_id == by_month.order_id == older.order_id
    assert by_month.address.name == "Ada Reader"
    assert renew_indexes(Order) == []


def test_a_real_shops_tables_are_cloudformations(older, settings):
    settings.PUBLIC_ORIGIN = "https://books.example"
    with pytest.raises(aws.NotLocalError):
        renew_indexes(Order)
