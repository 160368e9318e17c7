"""A store that is away costs no record: batch failures now, and the right views later."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMessage

from bookstore.accounts.selectors import saved_addresses
from bookstore.streams import dead_letters
from bookstore.streams.errors import StreamStalledError
from bookstore.streams.handler import handler
from bookstore.streams.pump import Pump
from catalog import stock
from catalog.selectors import books_in_category
from leaderboard import ranking
from orders.models import Order
from tests import factories
from tests.integration.leaderboard.sales import copies_sold, put_order, sell
from tests.unit.streams.made_records import record, sequence_of
from tests.wire import Wire

type PumpAll = Callable[[], int]


@pytest.fixture(autouse=True)
def no_long_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local queue is one server: what it does not give at once is not there."""
    monkeypatch.setattr(dead_letters, "LONG_POLL_SECONDS", 0)


def test_a_table_made_anew_is_noticed_and_its_new_stream_read(
    now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Pump()
    put_order({"b-1": 1}, at=now)
    reading.drain()
    assert "made anew" not in caplog.text

    Order.delete_table()
    Order.create_table(wait=True)
    put_order({"b-2": 1}, at=now)

    assert reading.drain() == 1
    assert copies_sold() == {"b-1": 1, "b-2": 1}
    assert caplog.text.count("the table test-Orders was made anew") == 1
    reading.drain()
    assert caplog.text.count("made anew") == 1


@pytest.mark.parametrize("trouble", ["refuse", "stall"])
def test_redis_away_delays_sales_and_loses_none(
    pump: PumpAll, now: datetime, wire: Wire, trouble: str
) -> None:
    put_order({"b-1": 1}, at=now)
    pump()
    with getattr(wire.redis, trouble)():
        for _ in range(3):
            put_order({"b-1": 2}, at=now)
        with pytest.raises(StreamStalledError, match="Orders"):
            pump()

    assert pump() >= 3
    assert copies_sold() == {"b-1": 7}
    assert dead_letters.take_all() == []


def test_the_search_engine_away_delays_books_and_no_sales(pump: PumpAll, now: datetime, wire: Wire) -> None:
    with wire.opensearch.refuse():
        factories.book("Emma", book_id="emma", prior_rating=factories.Decimal("4.00"))
        put_order({"emma": 2}, at=now)
        with pytest.raises(StreamStalledError, match="Books"):
            pump()
        assert copies_sold() == {"emma": 2}

    assert pump() >= 1
    assert ranking.best_rated(wanted=9) == ["emma"]
    assert dead_letters.take_all() == []


def on_the_shelf() -> dict[str, str]:
    """What the category's page says of each book, which follows from the stream."""
    return {book.id: book.availability for book in books_in_category(slug="fiction").items}


def test_with_the_search_engine_away_a_book_sold_out_is_no_longer_offered(
    pump: PumpAll, now: datetime, wire: Wire
) -> None:
    factories.book("Emma", book_id="emma", stock=2)
    pump()
    sell({"emma": 2}, at=now)
    assert on_the_shelf() == {"emma": "low"}

    with wire.opensearch.refuse():
        with pytest.raises(StreamStalledError, match="Books"):
            pump()
        assert on_the_shelf() == {"emma": "sold_out"}


def test_with_redis_away_mails_are_sent_once_and_addresses_kept(
    pump: PumpAll, now: datetime, wire: Wire, mailoutbox: list[EmailMessage]
) -> None:
    factories.book("Emma", book_id="emma", stock=5)
    with wire.redis.refuse():
        for _ in range(2):
            sell({"emma": 1}, customer_id="c-1", at=now)
        with pytest.raises(StreamStalledError, match="Orders"):
            pump()
        assert len(mailoutbox) == 2
        assert len(saved_addresses("c-1")) == 1

    pump()
    assert len(mailoutbox) == 2
    assert copies_sold() == {"emma": 2}


def test_dynamodb_away_from_the_projector_is_no_poison(pump: PumpAll, now: datetime, wire: Wire) -> None:
    """The catalogue's projection writes to DynamoDB; its stream can still be read, past the broken line."""
    book = factories.book("Emma", book_id="emma", stock=10)
    seen: list[dict[str, object]] = []

    def keep(event: dict[str, object], _context: object) -> dict[str, list[object]]:
        seen.append(event)
        return {"batchItemFailures": []}

    stock.receive_stock(book_id=book.id, copies=5, at=now)
    Pump(deliver=keep).drain()  # type: ignore[arg-type]
    image = seen[0]["Records"][-1]["dynamodb"]["NewImage"]  # type: ignore[index]
    image["availability"] = {"S": "sold_out"}  # so that there is something to mend
    with wire.dynamodb.refuse():
        answer = handler(seen[0], None)

    assert len(answer["batchItemFailures"]) >= 1
    assert dead_letters.take_all() == []
    assert handler(seen[0], None) == {"batchItemFailures": []}


def test_a_batch_is_settled_up_to_the_first_record_that_a_store_refuses(now: datetime, wire: Wire) -> None:
    fields = {"version": 1, "status": "placed", "orderDate": f"{now.isoformat()}"}
    batch = [
        record(
            keys={"customerId": "c-1", "orderId": f"o-{number}"},
            new={
                **fields,
                "books": [{"bookId": "b-1", "quantity": 1, "price": Decimal("7.99")}],
                "history": [],
            },
        )
        for number in range(5)
    ]
    assert handler({"Records": batch[:2]}, None) == {"batchItemFailures": []}
    with wire.redis.refuse():
        answer = handler({"Records": batch}, None)

    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == [
        sequence_of(each) for each in batch
    ]
    assert handler({"Records": batch}, None) == {"batchItemFailures": []}
    assert copies_sold() == {"b-1": 5}


def test_a_queue_that_is_away_keeps_the_poisoned_record_in_the_stream(
    pump: PumpAll, now: datetime, settings: LazySettings
) -> None:
    queue = settings.DEAD_LETTER_QUEUE_URL
    poisoned, well = put_order({"b-1": 5}, status="lost", at=now), put_order({"b-1": 1}, at=now)
    settings.DEAD_LETTER_QUEUE_URL = f"{queue}-that-does-not-exist"
    with pytest.raises(StreamStalledError):
        pump()
    assert copies_sold() == {"b-1": 1}

    settings.DEAD_LETTER_QUEUE_URL = queue
    pump()
    assert copies_sold() == {"b-1": 1}
    assert [message.letter.keys["orderId"] for message in dead_letters.take_all() if message.letter] == [
        poisoned.order_id
    ]
    assert well.order_id != poisoned.order_id
