"""The pump against streams in memory: order, failures, positions, and all that ends or expires."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from bookstore.streams import pump as pumping
from bookstore.streams.errors import StreamStalledError
from bookstore.streams.handler import BatchResponse
from bookstore.streams.pump import Positions, Pump, StreamsAwayError
from tests.unit.streams.made_records import arn

ORDERS, BOOKS = arn("Orders"), arn("Books")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetRecords")


@dataclass
class FakeShard:
    id: str
    parent: str | None = None
    closed: bool = False
    trimmed: int = 0  # records that are no longer there
    sequences: list[str] = field(default_factory=list)


class FakeStreams:
    """DynamoDB Streams with any number of shards; iterators are positions in a list."""

    def __init__(self) -> None:
        self.streams: dict[str, list[FakeShard]] = {}
        self.asked: list[str] = []
        self.fails: list[Exception] = []  # raised by the next calls of get_records
        self.away = False
        self._written = 0

    def write(self, stream: str, count: int = 1, *, shard: str = "s-0") -> list[str]:
        shards = self.streams.setdefault(stream, [])
        found = next((each for each in shards if each.id == shard), None)
        if found is None:
            found = FakeShard(shard)
            shards.append(found)
        written = [f"{self._written + number:021d}" for number in range(1, count + 1)]
        self._written += count
        found.sequences += written
        return written

    def shard(self, stream: str, name: str) -> FakeShard:
        return next(each for each in self.streams[stream] if each.id == name)

    def describe_stream(self, **asked: Any) -> dict[str, Any]:
        self._answer()
        shards = self.streams[asked["StreamArn"]]
        start = asked.get("ExclusiveStartShardId")
        index = next((number + 1 for number, each in enumerate(shards) if each.id == start), 0)
        told: dict[str, Any] = {
            "Shards": [
                {"ShardId": each.id} | ({"ParentShardId": each.parent} if each.parent else {})
                for each in shards[index : index + 1]
            ]
        }
        if index + 1 < len(shards):
            told["LastEvaluatedShardId"] = shards[index].id
        return {"StreamDescription": told}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        self._answer()
        shard = self.shard(asked["StreamArn"], asked["ShardId"])
        at = shard.trimmed
        if asked["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER":
            if asked["SequenceNumber"] not in shard.sequences[shard.trimmed :]:
                raise refusal("TrimmedDataAccessException")
            at = shard.sequences.index(asked["SequenceNumber"]) + 1
        return {"ShardIterator": f"{asked['StreamArn']}|{shard.id}|{at}"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        self._answer()
        if self.fails:
            raise self.fails.pop(0)
        stream, name, at = asked["ShardIterator"].split("|")
        shard = self.shard(stream, name)
        self.asked.append(name)
        page = shard.sequences[int(at) : int(at) + asked["Limit"]]
        end = int(at) + len(page)
        answer: dict[str, Any] = {"Records": [self._record(sequence) for sequence in page]}
        if not shard.closed or end < len(shard.sequences):
            answer["NextShardIterator"] = f"{stream}|{name}|{end}"
        return answer

    def _answer(self) -> None:
        if self.away:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    @staticmethod
    def _record(sequence: str) -> dict[str, Any]:
        return {
            "eventID": f"e-{sequence}",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-2",
            "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"},
            "dynamodb": {
                "ApproximateCreationDateTime": datetime(2026, 11, 22, 17, 5, tzinfo=UTC),
                "Keys": {"id": {"S": sequence}},
                "NewImage": {
                    "id": {"S": sequence},
                    "picture": {"B": b"\x00\xff"},
                    "all": {"L": [{"BS": [b"x"]}]},
                },
                "SequenceNumber": sequence,
                "SizeBytes": 1,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }


class Consumer:
    """A handler that notes what it was given and refuses what it is told to."""

    def __init__(self) -> None:
        self.settled: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.refuses: dict[str, int] = {}  # sequence -> how many times yet
        self.breaks = 0  # how many times yet it fails altogether

    def __call__(self, event: Any, _context: object) -> BatchResponse:
        self.events.append(event)
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("the projector is broken")
        sequences = [each["dynamodb"]["SequenceNumber"] for each in event["Records"]]
        for index, sequence in enumerate(sequences):
            if self.refuses.get(sequence, 0):
                self.refuses[sequence] -= 1
                return {"batchItemFailures": [{"itemIdentifier": each} for each in sequences[index:]]}
            self.settled.append(sequence)
        return {"batchItemFailures": []}


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> FakeStreams:
    streams = FakeStreams()
    monkeypatch.setattr(pumping, "streams_of_tables", lambda: list(streams.streams))
    monkeypatch.setattr(pumping, "FIRST_PAUSE_SECONDS", 0.001)
    return streams


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def pump(streams: FakeStreams, consumer: Consumer) -> Pump:
    return Pump(deliver=consumer, streams=streams)


def test_all_that_waits_is_delivered_in_order_and_once(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    written = streams.write(ORDERS, 250)

    assert pump.drain() == 250
    assert pump.drain() == 0
    assert consumer.settled == written
    assert [len(event["Records"]) for event in consumer.events] == [100, 100, 50]


def test_what_is_written_while_draining_is_delivered_too(
    streams: FakeStreams, pump: Pump, consumer: Consumer
) -> None:
    streams.write(ORDERS)
    more = iter([3, 2])

    def deliver(event: Any, context: object) -> BatchResponse:
        streams.write(BOOKS, next(more, 0))
        return consumer(event, context)

    streams.write(BOOKS, 0)
    assert Pump(deliver=deliver, streams=streams).drain() == 6


def test_the_event_has_lambdas_shape(streams: FakeStreams, consumer: Consumer, pump: Pump) -> None:
    (sequence,) = streams.write(BOOKS)
    pump.drain()

    (record,) = json.loads(json.dumps(consumer.events[0]))["Records"]
    assert record["eventSourceARN"] == BOOKS
    assert record["eventSource"] == "aws:dynamodb"
    assert record["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert record["dynamodb"]["ApproximateCreationDateTime"] == 1795367100.0
    assert record["dynamodb"]["SequenceNumber"] == sequence
    assert record["dynamodb"]["NewImage"]["picture"] == {"B": "AP8="}
    assert record["dynamodb"]["NewImage"]["all"] == {"L": [{"BS": ["eA=="]}]}


def test_a_failure_is_delivered_again_from_the_first_that_failed(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    written = streams.write(ORDERS, 5)
    consumer.refuses = {written[2]: 2}

    assert pump.drain() == 5
    assert consumer.settled == written
    assert [len(event["Records"]) for event in consumer.events] == [5, 3, 3]


def test_a_handler_that_raises_has_its_whole_batch_again(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    written = streams.write(ORDERS, 3)
    consumer.breaks = 2

    assert pump.drain() == 3
    assert consumer.settled == written


def test_a_failure_that_names_no_record_is_the_whole_batchs(streams: FakeStreams, consumer: Consumer) -> None:
    written = streams.write(ORDERS, 2)
    answers: list[BatchResponse] = [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": "never sent"}]},
    ]

    def deliver(event: Any, context: object) -> BatchResponse:
        return answers.pop() if answers else consumer(event, context)

    assert Pump(deliver=deliver, streams=streams).drain() == 2
    assert consumer.settled == written


def test_a_shard_that_stalls_holds_up_no_other_and_loses_nothing(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    orders, books = streams.write(ORDERS, 3), streams.write(BOOKS, 2)
    consumer.refuses = {orders[1]: 1000}

    with pytest.raises(StreamStalledError, match="2 of test-Orders"):
        pump.drain()
    assert consumer.settled == [orders[0], *books]

    consumer.refuses = {}
    assert pump.drain() == 2
    assert consumer.settled == [orders[0], *books, *orders[1:]]


def test_the_pause_before_another_try_grows_and_is_bounded(
    streams: FakeStreams, consumer: Consumer, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(pumping.time, "monotonic", lambda: clock)
    monkeypatch.setattr(pumping, "FIRST_PAUSE_SECONDS", 0.2)
    (sequence,) = streams.write(ORDERS)
    consumer.refuses = {sequence: 1000}
    tried = []
    while len(tried) < 8:
        before = len(consumer.events)
        pump.turn()
        if len(consumer.events) > before:
            tried.append(clock)
        clock += 0.05

    pauses = [round(later - earlier, 1) for earlier, later in itertools.pairwise(tried)]
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], abs=0.11)


def test_a_child_is_read_after_its_parent_has_been_read_to_the_end(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    later = streams.write(ORDERS, 2, shard="child")
    earlier = streams.write(ORDERS, 150, shard="parent")
    streams.shard(ORDERS, "child").parent = "parent"
    streams.shard(ORDERS, "parent").closed = True
    consumer.refuses = {earlier[120]: 2}

    assert pump.drain() == 152
    assert consumer.settled == earlier + later


def test_a_child_whose_parent_is_gone_is_read(streams: FakeStreams, consumer: Consumer, pump: Pump) -> None:
    written = streams.write(ORDERS, 2, shard="child")
    streams.shard(ORDERS, "child").parent = "a shard of yesterday"

    pump.drain()
    assert consumer.settled == written


def test_shards_that_appear_while_pumping_are_found(
    streams: FakeStreams, consumer: Consumer, pump: Pump
) -> None:
    first = streams.write(ORDERS, shard="s-0")
    pump.drain()
    streams.shard(ORDERS, "s-0").closed = True
    second = streams.write(ORDERS, shard="s-1")
    streams.shard(ORDERS, "s-1").parent = "s-0"

    settled = sum(pump.turn() for _ in range(4))  # without being told: the closed shard gives it away

    assert settled == 1
    assert consumer.settled == first + second


def test_an_expired_iterator_is_asked_for_anew(streams: FakeStreams, consumer: Consumer, pump: Pump) -> None:
    first = streams.write(ORDERS, 2)
    pump.drain()
    second = streams.write(ORDERS, 2)
    streams.fails = [refusal("ExpiredIteratorException")]

    assert pump.turn() == 2
    assert consumer.settled == first + second


def test_a_position_that_was_trimmed_goes_on_at_the_oldest_record_and_says_so(
    streams: FakeStreams, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    written = streams.write(ORDERS, 10)
    streams.shard(ORDERS, "s-0").trimmed = 6
    positions = Positions()
    positions.remember(ORDERS, "s-0", written[2])

    Pump(deliver=consumer, streams=streams, positions=positions).drain()

    assert consumer.settled == written[6:]
    assert "no longer holds" in caplog.text


def test_a_stream_emptied_by_a_restart_is_noticed_without_a_failure(
    streams: FakeStreams, consumer: Consumer, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local AWS keeps the stream's name over a restart and drops its records: old iterators point past them."""
    streams.write(ORDERS, 5)
    pump.drain()
    streams.shard(ORDERS, "s-0").sequences = ["000000000000000000777"]
    assert pump.turn() == 0

    now = pumping.time.monotonic()
    monkeypatch.setattr(pumping.time, "monotonic", lambda: now + pumping.REFRESH_SECONDS + 1)
    assert sum(pump.turn() for _ in range(3)) == 1
    assert consumer.settled[-1] == "000000000000000000777"


def test_positions_survive_the_process(streams: FakeStreams, tmp_path: Path) -> None:
    file = tmp_path / "new" / "positions.json"
    first = streams.write(ORDERS, 3)
    before = Consumer()
    Pump(deliver=before, streams=streams, positions=Positions(file)).drain()
    second = streams.write(ORDERS, 2)
    after = Consumer()

    Pump(deliver=after, streams=streams, positions=Positions(file)).drain()

    assert before.settled == first
    assert after.settled == second


def test_a_position_is_written_only_up_to_the_first_failure(streams: FakeStreams, tmp_path: Path) -> None:
    file = tmp_path / "positions.json"
    written = streams.write(ORDERS, 5)
    failing = Consumer()
    failing.refuses = {written[3]: 1000}
    with pytest.raises(StreamStalledError):
        Pump(deliver=failing, streams=streams, positions=Positions(file)).drain()
    after = Consumer()

    Pump(deliver=after, streams=streams, positions=Positions(file)).drain()

    assert after.settled == written[3:]


def test_positions_of_a_stream_that_was_replaced_are_dropped(streams: FakeStreams, tmp_path: Path) -> None:
    file = tmp_path / "positions.json"
    streams.write(ORDERS, 3)
    Pump(deliver=Consumer(), streams=streams, positions=Positions(file)).drain()
    del streams.streams[ORDERS]
    anew = ORDERS.replace("2026-11-22", "2026-11-23")
    written = streams.write(anew, 2)
    consumer = Consumer()

    Pump(deliver=consumer, streams=streams, positions=Positions(file)).drain()

    assert consumer.settled == written
    assert list(json.loads(file.read_text())) == [anew]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"a": 7}', '{"a": ["b"]}'])
def test_a_positions_file_that_cannot_be_read_means_reading_from_the_beginning(
    streams: FakeStreams, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "positions.json"
    file.write_text(content)
    written = streams.write(ORDERS, 3)
    consumer = Consumer()

    Pump(deliver=consumer, streams=streams, positions=Positions(file)).drain()

    assert consumer.settled == written


def test_no_half_written_positions_file_is_left(streams: FakeStreams, tmp_path: Path) -> None:
    streams.write(ORDERS, 300)
    Pump(deliver=Consumer(), streams=streams, positions=Positions(tmp_path / "positions.json")).drain()

    assert [each.name for each in tmp_path.iterdir()] == ["positions.json"]


def test_draining_while_the_streams_are_away_says_so(streams: FakeStreams, pump: Pump) -> None:
    streams.away = True
    streams.write(ORDERS)

    with pytest.raises(StreamsAwayError):
        pump.drain()


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "LimitExceededException", "ThrottlingException"]
)
def test_a_table_dropped_or_a_throttled_read_is_waited_for(
    streams: FakeStreams, pump: Pump, code: str
) -> None:
    written = streams.write(ORDERS)
    streams.fails = [refusal(code)]
    deadline = iter(range(10))
    for _ in deadline:
        try:
            if pump.turn():
                break
        except StreamsAwayError:
            continue
    assert len(written) == 1
    assert next(deadline) < 9


def test_a_mistake_is_not_waited_for(streams: FakeStreams, pump: Pump) -> None:
    streams.write(ORDERS)
    streams.fails = [refusal("AccessDeniedException")]

    with pytest.raises(ClientError):
        pump.drain()


def ticks(*actions: Callable[[], None]) -> Iterator[bool]:
    for action in actions:
        action()
        yield False
    yield True


def test_running_waits_for_streams_that_are_away_and_says_so_once(
    streams: FakeStreams, consumer: Consumer, pump: Pump, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    written = streams.write(ORDERS, 3)

    def go_away() -> None:
        streams.away = True

    def come_back() -> None:
        streams.away = False

    def nothing() -> None: ...

    times = ticks(go_away, nothing, nothing, nothing, come_back, nothing, nothing, nothing)
    pump.run(wait=lambda _seconds: next(times, True))

    assert consumer.settled == written
    assert [each.getMessage().partition(":")[0] for each in caplog.records] == [
        "the streams are out of reach, waiting for them",
        "the streams answer again",
    ]


def test_running_looks_again_at_once_while_there_is_something_and_rests_when_there_is_not(
    streams: FakeStreams, pump: Pump
) -> None:
    streams.write(ORDERS, 150)
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) >= 24

    pump.run(wait=wait)

    at_once = list(itertools.takewhile(lambda pause: pause == 0, pauses))
    assert len(at_once) == 6  # before each of three turns, and in each before the only shard's batch
    assert [pause for pause in pauses if pause][:7] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])


def test_told_to_stop_it_finishes_the_batch_and_begins_no_other(
    streams: FakeStreams, consumer: Consumer
) -> None:
    streams.write(ORDERS, 300)
    streams.write(BOOKS, 300)
    told = False

    def deliver(event: Any, context: object) -> BatchResponse:
        nonlocal told
        told = True
        return consumer(event, context)

    Pump(deliver=deliver, streams=streams).run(wait=lambda _seconds: told)

    assert len(consumer.settled) == 100
