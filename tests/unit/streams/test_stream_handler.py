"""The handler's contract with Lambda, with projections that are told what to do."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from botocore.exceptions import EndpointConnectionError

from bookstore.streams import dead_letters, progress, registry
from bookstore.streams.dead_letters import DeadLetter
from bookstore.streams.errors import UnprojectableError
from bookstore.streams.handler import handler
from bookstore.streams.progress import Progress
from bookstore.streams.records import Change
from tests.unit.streams.made_records import arn, record, sequence_of


class Queue:
    """A dead-letter queue in memory, which can refuse."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.refuses = False

    def bury(self, letter: DeadLetter) -> None:
        if self.refuses:
            raise EndpointConnectionError(endpoint_url="http://queue")
        self.letters.append(DeadLetter.from_json(letter.to_json()))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    monkeypatch.setattr(dead_letters, "bury", queue.bury)
    return queue


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, registry.Projection], None]]:
    """Register projections for this test alone."""
    registry.projections_of("Orders")  # so that the apps' own are registered before, and then set aside
    monkeypatch.setattr(registry, "_projections", {})
    monkeypatch.setattr(progress, "_watchers", {})

    def register(table: str, projection: registry.Projection) -> None:
        registry._projections.setdefault(table, {})[f"{len(registry._projections.get(table, ()))}"] = (
            projection
        )

    return register


class Scripted:
    """A projection that remembers what it was given and fails as told, by order id."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = {name.replace("_", "-"): error for name, error in failures.items()}
        self.seen: list[str] = []

    def __call__(self, change: Change) -> None:
        self.seen.append(change.keys["orderId"])
        if error := self.failures.get(change.keys["orderId"]):
            raise error


def order(order_id: str, **fields: Any) -> dict[str, Any]:
    return record(keys={"customerId": "c-1", "orderId": order_id}, new={"version": 1, **fields})


def refused(answer: Any) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_each_record_goes_to_each_projection_of_its_table(queue: Queue, register: Any) -> None:
    first, second, other = Scripted(), Scripted(), Scripted()
    register("Orders", first)
    register("Orders", second)
    register("Books", other)

    answer = handler({"Records": [order("o-1"), order("o-2")]}, None)

    assert answer == {"batchItemFailures": []}
    assert first.seen == second.seen == ["o-1", "o-2"]
    assert other.seen == []


def test_a_transient_error_reports_its_record_and_all_behind_it(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_2=redis.ConnectionError("refused")))
    batch = [order("o-1"), order("o-2"), order("o-3"), order("o-4")]

    answer = handler({"Records": batch}, None)

    assert refused(answer) == [sequence_of(each) for each in batch[1:]]
    assert queue.letters == []


def test_a_projection_whose_store_is_away_keeps_no_record_from_the_others(
    queue: Queue, register: Any
) -> None:
    away, well = Scripted(o_2=redis.ConnectionError("refused")), Scripted()
    register("Orders", away)
    register("Orders", well)
    batch = [order("o-1"), order("o-2"), order("o-3")]

    answer = handler({"Records": batch}, None)

    assert well.seen == ["o-1", "o-2", "o-3"]
    assert away.seen == ["o-1", "o-2"]  # not made to wait for its store once for each record
    assert refused(answer) == [sequence_of(each) for each in batch[1:]]

    away.failures.clear()
    assert handler({"Records": batch[1:]}, None) == {"batchItemFailures": []}
    assert away.seen == ["o-1", "o-2", "o-2", "o-3"]


def test_a_poisoned_record_behind_one_that_comes_again_is_buried_once(queue: Queue, register: Any) -> None:
    away = Scripted(o_1=redis.ConnectionError("refused"))
    register("Orders", away)
    register("Orders", Scripted(o_2=ValueError("poison")))
    batch = [order("o-1"), order("o-2")]

    assert refused(handler({"Records": batch}, None)) == [sequence_of(each) for each in batch]
    assert queue.letters == []

    away.failures.clear()
    assert handler({"Records": batch}, None) == {"batchItemFailures": []}
    assert [letter.keys["orderId"] for letter in queue.letters] == ["o-2"]


def test_an_unreadable_record_behind_one_that_comes_again_is_buried_once(queue: Queue, register: Any) -> None:
    away = Scripted(o_1=redis.ConnectionError("refused"))
    register("Orders", away)
    broken = order("o-2")
    broken["dynamodb"]["NewImage"]["total"] = {"N": "seven"}

    handler({"Records": [order("o-1"), broken]}, None)
    assert queue.letters == []

    away.failures.clear()
    handler({"Records": [order("o-1"), broken]}, None)
    assert [letter.keys["orderId"] for letter in queue.letters] == ["o-2"]


def test_a_transient_error_halts_its_own_stream_only(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_1=redis.TimeoutError("slow")))
    books = Scripted()
    register("Books", lambda change: books.seen.append(change.keys["id"]))
    book = record(table="Books", keys={"id": "b-1"}, new={"revision": 1})
    batch = [order("o-1"), book, order("o-2")]

    answer = handler({"Records": batch}, None)

    assert refused(answer) == [sequence_of(batch[0]), sequence_of(batch[2])]
    assert books.seen == ["b-1"]


def test_a_record_that_never_can_be_projected_is_buried_and_acknowledged(queue: Queue, register: Any) -> None:
    projection = Scripted(o_2=UnprojectableError("no state of an order: 'lost'"))
    register("Orders", projection)
    batch = [order("o-1"), order("o-2", version=7), order("o-3")]

    answer = handler({"Records": batch}, None)

    assert answer == {"batchItemFailures": []}
    assert projection.seen == ["o-1", "o-2", "o-3"]
    (letter,) = queue.letters
    assert (letter.table, letter.keys) == ("Orders", {"customerId": "c-1", "orderId": "o-2"})
    assert (letter.version, letter.revision) == (7, None)
    assert letter.sequence == sequence_of(batch[1])
    assert "no state of an order: 'lost'" in letter.cause


def test_any_other_lasting_error_is_a_dead_letter_too(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_1=KeyError("books")))

    assert handler({"Records": [order("o-1")]}, None) == {"batchItemFailures": []}
    assert "KeyError: 'books'" in queue.letters[0].cause


def test_the_letter_of_a_removed_item_tells_its_last_revision(queue: Queue, register: Any) -> None:
    def poisoned(change: Change) -> None:
        raise UnprojectableError("never")

    register("Books", poisoned)
    handler(
        {
            "Records": [
                record(table="Books", keys={"id": "b-1"}, old={"version": 2, "revision": 1795367100123})
            ]
        },
        None,
    )

    assert (queue.letters[0].version, queue.letters[0].revision) == (2, 1795367100123)


def test_a_poisoned_projection_does_not_keep_the_record_from_the_others(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_1=ValueError("poison")))
    well = Scripted()
    register("Orders", well)

    handler({"Records": [order("o-1")]}, None)

    assert well.seen == ["o-1"]
    assert len(queue.letters) == 1


def test_a_record_that_is_delivered_again_is_not_buried_yet(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_1=ValueError("poison")))
    register("Orders", Scripted(o_1=redis.ConnectionError("refused")))
    batch = [order("o-1")]

    assert refused(handler({"Records": batch}, None)) == [sequence_of(batch[0])]
    assert queue.letters == []


def test_a_queue_that_refuses_makes_the_record_come_again(queue: Queue, register: Any) -> None:
    queue.refuses = True
    projection = Scripted(o_1=ValueError("poison"))
    register("Orders", projection)
    batch = [order("o-1"), order("o-2")]

    assert refused(handler({"Records": batch}, None)) == [sequence_of(each) for each in batch]
    assert projection.seen == ["o-1", "o-2"]

    queue.refuses = False
    assert handler({"Records": batch}, None) == {"batchItemFailures": []}
    assert [letter.keys["orderId"] for letter in queue.letters] == ["o-1"]


@pytest.mark.parametrize(
    "stream", [arn("Orders", prefix="live-"), arn("Ledger"), arn("Cart"), "", "arn:aws:s3:::bucket"]
)
def test_an_unknown_table_is_never_taken_for_success(queue: Queue, register: Any, stream: str) -> None:
    register("Orders", Scripted())
    batch = [order("o-1") | {"eventSourceARN": stream}]

    assert refused(handler({"Records": batch}, None)) == [sequence_of(batch[0])]
    assert queue.letters == []


def test_a_known_table_without_projections_is_acknowledged(queue: Queue, register: Any) -> None:
    reviewed = record(table="Reviews", keys={"bookId": "b-1", "customerId": "c-1"}, new={"stars": 5})

    assert handler({"Records": [reviewed]}, None) == {"batchItemFailures": []}


def test_a_record_that_cannot_be_read_is_buried_with_its_key(queue: Queue, register: Any) -> None:
    projection = Scripted()
    register("Orders", projection)
    broken = order("o-1", version=4)
    broken["dynamodb"]["NewImage"]["total"] = {"N": "seven"}

    assert handler({"Records": [broken, order("o-2")]}, None) == {"batchItemFailures": []}
    assert projection.seen == ["o-2"]
    (letter,) = queue.letters
    assert letter.keys == {"customerId": "c-1", "orderId": "o-1"}
    assert letter.version == 4


def test_an_event_without_records_is_no_success(queue: Queue, register: Any) -> None:
    with pytest.raises(KeyError):
        handler({"requestContext": {}}, None)


def test_nothing_private_goes_into_queue_or_log(
    queue: Queue, register: Any, caplog: pytest.LogCaptureFixture
) -> None:
    register("Orders", Scripted(o_1=ValueError("cannot write to ada@example.com")))
    caplog.set_level(logging.DEBUG)

    handler({"Records": [order("o-1", email="ada@example.com", address={"name": "Ada Reader"})]}, None)

    written = queue.letters[0].to_json() + " ".join(each.getMessage() for each in caplog.records)
    assert "ada@example.com" not in written
    assert "Ada Reader" not in written


def test_the_log_names_the_records_key_and_sequence(
    queue: Queue, register: Any, caplog: pytest.LogCaptureFixture
) -> None:
    register("Orders", Scripted(o_1=redis.ConnectionError("refused")))
    batch = [order("o-1")]

    handler({"Records": batch}, None)

    told = next(each.getMessage() for each in caplog.records if "delivered again: " in each.getMessage())
    assert "customerId=c-1,orderId=o-1" in told
    assert sequence_of(batch[0]) in told


def test_a_letter_survives_its_journey_through_the_queue(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_1=ValueError("“poison” \n")))
    handler({"Records": [order("o-1")]}, None)

    letter = queue.letters[0]
    assert DeadLetter.from_json(letter.to_json()) == letter
    assert set(json.loads(letter.to_json())) == {
        "table",
        "key",
        "version",
        "revision",
        "sequence",
        "cause",
        "at",
    }


@pytest.mark.parametrize(
    "body", ["", "hello", "[]", "{}", '{"table": "Orders"}', '{"DDBStreamBatchInfo": {}}']
)
def test_what_else_lies_in_the_queue_is_no_letter(body: str) -> None:
    with pytest.raises(ValueError, match="not a dead letter"):
        DeadLetter.from_json(body)


def made_at(second: int, changed: dict[str, Any]) -> dict[str, Any]:
    changed["dynamodb"]["ApproximateCreationDateTime"] = float(second)
    return changed


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_batch_tells_how_far_each_stream_has_come(queue: Queue, register: Any) -> None:
    register("Orders", Scripted(o_2=redis.ConnectionError("away")))
    register("Books", lambda _change: None)
    told: list[Progress] = []
    progress.watches(told.append)

    handler({"Records": [made_at(20, order("o-1")), made_at(10, order("o-0"))]}, None)
    assert told == [Progress("Orders", moment(20), None)]

    told.clear()
    book = record(table="Books", keys={"id": "b-1"}, new={"revision": 1})
    unreadable = made_at(50, record(table="Books", keys={"id": "b-2"}, new={"revision": 1}))
    unreadable["dynamodb"]["ApproximateCreationDateTime"] = "long ago"
    records = [made_at(30, order("o-1")), made_at(31, order("o-2")), made_at(32, order("o-3"))]
    handler({"Records": [*records, made_at(40, book), unreadable]}, None)
    assert told == [Progress("Books", moment(40), None), Progress("Orders", moment(30), moment(31))]


def test_a_watcher_that_fails_costs_no_record(
    queue: Queue, register: Any, caplog: pytest.LogCaptureFixture
) -> None:
    register("Orders", Scripted())

    def fail(_progress: Progress) -> None:
        raise redis.ConnectionError("away")

    progress.watches(fail)
    assert refused(handler({"Records": [order("o-1")]}, None)) == []
    assert "does not hear of the stream of Orders: ConnectionError" in caplog.text
