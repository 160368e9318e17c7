"""From a poisoned record to a repaired view, on the real queue."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from bookstore import aws
from bookstore.dynamodb.tables import connection, table_name
from bookstore.streams import dead_letters
from bookstore.streams.errors import UnprojectableError
from catalog import search
from catalog.models import Book
from leaderboard import counting, ranking
from orders.models import Order
from tests import factories
from tests.integration.leaderboard.sales import copies_sold, put_order
from tests.wire import Wire

type PumpAll = Callable[[], int]


@pytest.fixture(autouse=True)
def no_long_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local queue is one server: what it does not give at once is not there."""
    monkeypatch.setattr(dead_letters, "LONG_POLL_SECONDS", 0)


def said_by(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def in_the_queue() -> list[dead_letters.DeadLetter]:
    messages = dead_letters.take_all()
    for message in messages:
        dead_letters.put_back(message)
    return [message.letter for message in messages if message.letter]


def key_of(order: Order) -> str:
    return f"customerId={order.customer_id},orderId={order.order_id}"


def test_an_order_that_makes_no_sense_is_listed_mended_and_counted(pump: PumpAll, now: datetime) -> None:
    well, poisoned = put_order({"b-1": 1}, at=now), put_order({"b-1": 5}, status="lost", at=now)
    assert pump() >= 2  # it did not block those behind it
    assert copies_sold() == {"b-1": 1}

    listed = said_by("dead_letters")
    assert "TABLE" in listed
    assert "Orders" in listed
    assert key_of(poisoned) in listed
    assert "no state of an order: 'lost'" in listed
    assert f"{now:%Y-%m-%d}" in listed
    assert key_of(well) not in listed

    with pytest.raises(CommandError, match="1 of the letters could not be projected"):
        said_by("replay_dead_letters", "--all")
    assert [letter.keys["orderId"] for letter in in_the_queue()] == [poisoned.order_id]

    poisoned.update([Order.status.set("placed"), Order.version.add(1)])
    assert "1 replayed, 0 left" in said_by("replay_dead_letters", "--all")
    assert copies_sold() == {"b-1": 6}
    assert in_the_queue() == []
    assert "no dead letters" in said_by("dead_letters")

    pump()  # the stream tells of the mending, too
    assert copies_sold() == {"b-1": 6}


def test_a_mistake_of_ours_is_made_good_by_a_replay_once_it_is_mended(
    pump: PumpAll, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.book("Emma", book_id="emma", prior_rating=factories.Decimal("4.00"))

    def broken(_book: Any) -> counting.Rating:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(counting, "rating_of", broken)
        pump()
    assert ranking.best_rated(wanted=9) == []
    (letter,) = in_the_queue()
    assert (letter.table, letter.keys, letter.version) == ("Books", {"id": "emma"}, 1)
    assert letter.revision == Book.get("emma").revision
    assert "leaderboard.projection.rate_book: ZeroDivisionError" in letter.cause

    said_by("replay_dead_letters", "--all")

    assert ranking.best_rated(wanted=9) == ["emma"]


def test_a_replay_projects_the_item_as_it_is_now(pump: PumpAll, now: datetime) -> None:
    poisoned = put_order({"b-1": 5}, status="lost", at=now)
    pump()
    poisoned.update([Order.status.set("cancelled"), Order.version.add(1)])

    said_by("replay_dead_letters", "--all")

    assert copies_sold() == {}
    assert in_the_queue() == []


def test_a_replay_in_pieces_comes_to_the_same_as_in_one_go(pump: PumpAll, now: datetime) -> None:
    orders = [put_order({"b-1": 1}, status="lost", at=now) for _ in range(4)]
    pump()
    for order in orders[1:]:  # one still makes no sense
        order.update([Order.status.set("placed"), Order.version.add(1)])
    complaints: list[str] = []

    def piece(resume: dead_letters.Replayed | None = None) -> dead_letters.Replayed:
        return dead_letters.replay_all(
            at=now, say=lambda _: None, complain=complaints.append, resume=resume, until=lambda: True
        )

    done, pieces = piece(), 1
    while not done.finished:
        assert len(in_the_queue()) == 4 - done.replayed  # the untouched ones were put back
        done, pieces = piece(dead_letters.Replayed(**asdict(done))), pieces + 1
        assert pieces <= 4

    assert (done.replayed, len(done.left)) == (3, 1)
    assert copies_sold() == {"b-1": 3}
    assert [letter.keys["orderId"] for letter in in_the_queue()] == [orders[0].order_id]
    assert len(complaints) == 1


def test_a_replay_of_an_item_that_is_gone_projects_its_removal(pump: PumpAll, now: datetime) -> None:
    order = put_order({"b-1": 5}, at=now)
    pump()
    order.update([Order.status.set("lost"), Order.version.add(1)])
    pump()
    assert copies_sold() == {"b-1": 5}
    # Its removal never came through: the stream had been switched off, say.
    order.delete()

    assert "projected its removal" in said_by("replay_dead_letters", "--all")

    assert copies_sold() == {}
    ranking.count_sale(counting.Sale(order.order_id, 3, now.date(), {"b-1": 5}))
    assert copies_sold() == {}
    ranking.count_sale(counting.Sale(order.order_id, 5, now.date(), {"b-1": 5}))
    assert copies_sold() == {"b-1": 5}  # the removal stands at the letter's version 3 and 1


def test_a_removed_book_is_replayed_into_index_and_top_rated(
    pump: PumpAll, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = factories.book("Emma", book_id="emma", prior_rating=factories.Decimal("4.00"))
    pump()

    def broken(_book: Any) -> counting.Rating:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(counting, "removal_of_book", broken)
        book.delete()
        pump()
    assert ranking.best_rated(wanted=9) == ["emma"]

    said_by("replay_dead_letters", "--key", "id=emma")

    assert ranking.best_rated(wanted=9) == []
    assert in_the_queue() == []


def test_a_replay_is_a_change_of_the_item_as_it_is_or_a_removal_with_its_number(now: datetime) -> None:
    order = put_order({"b-1": 1}, at=now)
    letter = dead_letters.DeadLetter(
        table="Orders",
        keys={"customerId": order.customer_id, "orderId": order.order_id},
        version=7,
        revision=None,
        sequence="1",
        cause="",
        at=now,
    )

    there = dead_letters.current_change(letter, at=now)
    order.delete()
    gone = dead_letters.current_change(letter, at=now)

    assert (there.event_name, there.old, there.key) == ("MODIFY", None, key_of(order))
    assert there.new
    assert there.new["books"][0]["quantity"] == 1
    assert (gone.event_name, gone.new) == ("REMOVE", None)
    assert gone.old == {**letter.keys, "version": 7}


def test_a_letter_without_any_number_cannot_remove_what_is_gone(now: datetime) -> None:
    nameless = dead_letters.DeadLetter("Orders", {}, None, None, "1", "", now)
    numberless = dead_letters.DeadLetter(
        "Orders", {"customerId": "c", "orderId": "o"}, None, None, "1", "", now
    )
    for letter in (nameless, numberless):
        with pytest.raises(UnprojectableError):
            dead_letters.current_change(letter, at=now)


def test_only_the_letters_that_were_named_are_replayed(pump: PumpAll, now: datetime) -> None:
    first, second = put_order({"b-1": 1}, status="lost", at=now), put_order({"b-2": 1}, status="lost", at=now)
    pump()
    for order in (first, second):
        order.update([Order.status.set("placed"), Order.version.add(1)])

    said_by("replay_dead_letters", "--key", key_of(second))

    assert copies_sold() == {"b-2": 1}
    assert [letter.keys["orderId"] for letter in in_the_queue()] == [first.order_id]


def test_a_key_that_no_letter_has_is_a_mistake(pump: PumpAll) -> None:
    with pytest.raises(CommandError, match="No dead letter has such a key"):
        said_by("replay_dead_letters", "--key", "id=nobody")
    with pytest.raises(CommandError):
        said_by("replay_dead_letters")


def test_more_letters_than_one_request_gives_are_all_taken(pump: PumpAll, now: datetime) -> None:
    for _ in range(23):
        put_order({"b-1": 1}, status="lost", at=now)
    pump()

    assert len(in_the_queue()) == 23
    assert "23 in all" in said_by("dead_letters")
    assert len(in_the_queue()) == 23  # looking takes nothing away


def test_what_something_else_put_into_the_queue_is_shown_and_left(pump: PumpAll) -> None:
    """Lambda's own on-failure destination writes of batches, in a shape of its own."""
    body = '{"DDBStreamBatchInfo": {"shardId": "shardId-1", "startSequenceNumber": "1"}}'
    aws.sqs().send_message(QueueUrl=settings.DEAD_LETTER_QUEUE_URL, MessageBody=body)

    assert "not a dead letter of the projector" in said_by("dead_letters")
    with pytest.raises(CommandError):
        said_by("replay_dead_letters", "--all")
    assert len(dead_letters.take_all()) == 1


def test_a_letter_whose_item_cannot_be_projected_for_lack_of_a_store_stays(
    pump: PumpAll, now: datetime, wire: Wire
) -> None:
    poisoned = put_order({"b-1": 1}, status="lost", at=now)
    pump()
    poisoned.update([Order.status.set("placed"), Order.version.add(1)])

    with wire.redis.refuse(), pytest.raises(CommandError):
        said_by("replay_dead_letters", "--all")

    assert len(in_the_queue()) == 1
    said_by("replay_dead_letters", "--all")
    assert copies_sold() == {"b-1": 1}


def test_a_record_that_cannot_even_be_read_is_replayed_by_its_key(pump: PumpAll, now: datetime) -> None:
    """An item whose number of copies is a text: no model would write it."""
    order = put_order({"b-1": 1}, at=now)
    item = order.serialize()
    item["books"]["L"][0]["M"]["quantity"] = {"S": "one"}
    item["version"] = {"N": "3"}
    connection().dispatch("PutItem", {"TableName": table_name("Orders"), "Item": item})
    pump()
    assert copies_sold() == {"b-1": 1}
    assert [letter.version for letter in in_the_queue()] == [3]

    item["books"]["L"][0]["M"]["quantity"] = {"N": "2"}
    item["version"] = {"N": "4"}
    connection().dispatch("PutItem", {"TableName": table_name("Orders"), "Item": item})
    said_by("replay_dead_letters", "--all")

    assert copies_sold() == {"b-1": 2}


def found(text: str) -> tuple[str, ...]:
    search.refresh()
    return search.find(search.SearchQuery(text=text)).ids


def write_book(book: Book, *, writes: int, **attributes: dict[str, str]) -> None:
    """Write a book as no model would, so many writes later."""
    item = book.serialize() | attributes | {"revision": {"N": str(int(book.revision) + writes)}}
    connection().dispatch("PutItem", {"TableName": table_name("Books"), "Item": item})


def test_a_book_that_no_index_takes_is_listed_mended_and_found(pump: PumpAll, now: datetime) -> None:
    book = factories.book("Emma", book_id="emma")
    write_book(book, writes=5, name={"S": "Northanger Abbey"}, price={"S": "seven"})
    pump()
    assert found("Northanger") == ()
    assert "id=emma" in said_by("dead_letters")

    write_book(book, writes=6, name={"S": "Northanger Abbey"})
    said_by("replay_dead_letters", "--all")

    assert found("Northanger") == ("emma",)
    assert in_the_queue() == []


def test_a_book_that_no_index_took_and_that_was_removed_since_leaves_the_index(
    pump: PumpAll, now: datetime
) -> None:
    book = factories.book("Emma", book_id="emma")
    pump()
    write_book(book, writes=5, price={"S": "seven"})
    pump()
    assert found("Emma") == ("emma",)
    connection().dispatch(
        "DeleteItem", {"TableName": table_name("Books"), "Key": {"id": {"S": "emma"}}}
    )  # its own record never came through

    assert "projected its removal" in said_by("replay_dead_letters", "--all")

    assert found("Emma") == ()
    assert in_the_queue() == []
