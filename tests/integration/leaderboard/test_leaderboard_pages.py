"""The two pages, from the paid order to the printed rank."""

from collections.abc import Callable
from datetime import datetime

from django.test import Client

from catalog import reviews
from tests import factories
from tests.integration.leaderboard.sales import sell
from tests.wire import Wire


def test_a_paid_order_is_printed_with_its_copies(
    client: Client, pump: Callable[[], int], now: datetime
) -> None:
    factories.book("Emma", book_id="emma")
    factories.book("Persuasion", book_id="persuasion")
    sell({"emma": 1, "persuasion": 3}, at=now)
    pump()

    for address in ("/bestsellers/", "/bestsellers/?period=week", "/bestsellers/?period=month"):
        page = client.get(address).content.decode()
        assert page.index("3 copies sold") < page.index("1 copy sold"), address


def test_a_page_of_ranks_costs_two_store_calls(
    client: Client, pump: Callable[[], int], now: datetime, wire: Wire
) -> None:
    factories.book("Emma", book_id="emma", prior_rating=factories.Decimal("4.00"))
    order = sell({"emma": 1}, customer_id="c-1", at=now)
    reviews.rate_book(book_id="emma", customer_id="c-1", order_id=order.order_id, stars=5, at=now)
    pump()
    for address in ("/bestsellers/", "/bestsellers/?period=month", "/top-rated/"):
        client.get(address)
        with wire.count() as calls:
            page = client.get(address).content.decode()
        assert "Emma" in page
        assert (calls.redis, calls.dynamodb, calls.total) == (1, 1, 2), address


def test_without_redis_the_pages_are_there_and_say_so(client: Client, wire: Wire) -> None:
    for address in ("/bestsellers/", "/top-rated/"):
        with wire.redis.refuse():
            answer = client.get(address)
        assert answer.status_code == 200
        assert "We cannot count at the moment" in answer.content.decode()
