"""The local stand-in for Lambda's event source mapping: reads the streams, calls the very handler.

It keeps the mapping's contract. Records of a shard arrive in order, in batches; a batch's
failures are delivered again from the first of them, after a pause that grows; a shard is
begun when its parent has been read to the end; the position is remembered after each batch,
so that a crash delivers some records twice and loses none.
"""

import base64
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from bookstore import aws
from bookstore.dynamodb.tables import all_tables, connection
from bookstore.streams.errors import StreamStalledError
from bookstore.streams.handler import BatchResponse, handler
from bookstore.streams.troubles import is_transient

logger = logging.getLogger(__name__)

BATCH = 100  # records; Lambda's own default
# Between looks at streams that have nothing new: longer each time, so that an idle pump costs
# next to nothing, and never so long that anyone who placed an order would notice.
IDLE_STEP_SECONDS = 0.1
LONGEST_IDLE_SECONDS = 0.5
AWAY_SECONDS = 1.0  # between looks for stores that cannot be reached
REFRESH_SECONDS = 30.0  # between looks for new shards; iterators, good for 15 minutes, are renewed too
FIRST_PAUSE_SECONDS = 0.2  # before a refused batch is delivered again; doubles each time
LONGEST_PAUSE_SECONDS = 5.0
_ITERATORS_TRIED = 3  # in one look at a shard: expired, trimmed, good
READ_TO_THE_END = "read to the end"  # what is remembered of a closed shard

type Record = dict[str, Any]
type Deliver = Callable[[Mapping[str, Any], object], BatchResponse]


class Streams(Protocol):
    """The part of botocore's DynamoDB Streams client that is used here."""

    def describe_stream(self, **arguments: Any) -> dict[str, Any]:
        """DescribeStream: the shards, a page at a time."""

    def get_shard_iterator(self, **arguments: Any) -> dict[str, Any]:
        """GetShardIterator: a place in a shard, good for 15 minutes."""

    def get_records(self, **arguments: Any) -> dict[str, Any]:
        """GetRecords: the records after an iterator, and the next iterator."""


class StreamsAwayError(ConnectionError):
    """DynamoDB or its streams cannot be reached, or do not have the tables yet."""


@cache
def _client() -> Streams:
    """Return the process's client of DynamoDB Streams.

    It never retries: a retry could hide a restart of the local AWS, after which the old
    iterators point at nothing.
    """
    config = Config(
        connect_timeout=settings.STORE_TIMEOUT_SECONDS,
        read_timeout=settings.STORE_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        parameter_validation=False,  # these calls are many and their few parameters are written here
    )
    client: Streams = aws.session().client("dynamodbstreams", config=config)
    return client


class Positions:
    """How far each shard has been read, in a JSON file, or in memory alone without one.

    ``{stream ARN: {shard id: sequence number or READ_TO_THE_END}}``
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._shards: dict[str, dict[str, str]] = self._load()

    def of(self, stream: str, shard: str) -> str | None:
        """Return the sequence number up to which a shard is settled, ``None`` for a new one."""
        return self._shards.get(stream, {}).get(shard)

    def streams(self) -> set[str]:
        """Return the ARNs of the streams of which anything is settled."""
        return set(self._shards)

    def remember(self, stream: str, shard: str, position: str) -> None:
        """Note a position, and write them all before returning, as one whole file."""
        self._shards.setdefault(stream, {})[shard] = position
        self._save()

    def keep_only(self, shards: Mapping[str, set[str]]) -> None:
        """Drop the positions of streams and shards that are no more: a table made anew has a new stream."""
        kept = {
            stream: {shard: at for shard, at in read.items() if shard in shards[stream]}
            for stream, read in self._shards.items()
            if stream in shards
        }
        if kept != self._shards:
            self._shards = kept
            self._save()

    def _load(self) -> dict[str, dict[str, str]]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            read = json.loads(self._path.read_text())
            return {
                str(stream): {str(shard): str(at) for shard, at in shards.items()}
                for stream, shards in read.items()
            }
        except (AttributeError, ValueError):
            # Starting over delivers again what was delivered: harmless, and better than not starting.
            logger.warning("%s cannot be read; every stream is read from its beginning", self._path)
            return {}

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        written.write_text(json.dumps(self._shards, indent=1))
        written.replace(self._path)


@dataclass
class _Shard:
    """One shard of a stream and what has been read of it."""

    stream: str
    id: str
    parent: str | None
    position: str | None
    iterator: str | None = None
    closed: bool = False  # its last record has been read, if not yet delivered
    waiting: deque[Record] = field(default_factory=deque)  # read, and not yet settled
    refusals: int = 0  # in a row
    next_try: float = 0.0  # on the monotonic clock

    @property
    def finished(self) -> bool:
        return self.position == READ_TO_THE_END

    @property
    def table(self) -> str:
        return _table_of(self.stream)


class Pump:
    """Reads the streams of every table that has one and delivers their records.

    Without ``positions`` they are kept in memory and reading begins at the oldest record.
    """

    def __init__(
        self,
        *,
        positions: Positions | None = None,
        deliver: Deliver = handler,
        streams: Streams | None = None,
    ) -> None:
        self._positions = positions or Positions()
        self._deliver = deliver
        self._streams = streams or _client()
        self._shards: dict[tuple[str, str], _Shard] = {}
        self._next_refresh = 0.0
        self._away = False

    def run(self, *, wait: Callable[[float], bool]) -> None:
        """Pump until ``wait(seconds)``, which pauses that long, returns true: time to end.

        While the stores are away it waits for them, and says so once.
        """
        pause = 0.0
        while not wait(pause):
            try:
                pause = (
                    0.0
                    if self.turn(enough=lambda: wait(0.0))
                    else min(pause + IDLE_STEP_SECONDS, LONGEST_IDLE_SECONDS)
                )
                self._came_back()
            except StreamsAwayError as error:
                self._went_away(error)
                pause = AWAY_SECONDS

    def drain(self, *, attempts: int = 3) -> int:
        """Deliver all that waits, that which is written meanwhile too, and return how many records it was.

        Raises ``StreamStalledError`` when a batch is refused ``attempts`` times in a row, after
        delivering what other shards hold, and ``StreamsAwayError``. What was not delivered is
        still there for the next call.
        """
        self._next_refresh = 0.0
        settled = 0
        while True:
            count = self.turn()
            settled += count
            stalled = [shard for shard in self._shards.values() if shard.refusals >= attempts]
            pending = [shard for shard in self._shards.values() if 0 < shard.refusals < attempts]
            if pending:
                time.sleep(max(0.0, min(shard.next_try for shard in pending) - time.monotonic()))
            elif not count and self._next_refresh:  # else a shard has just ended, and its children begin
                break
        if stalled:
            for shard in stalled:
                shard.refusals, shard.next_try = 0, 0.0
            left = ", ".join(f"{len(shard.waiting)} of {shard.table}" for shard in stalled)
            raise StreamStalledError(f"refused {attempts} times in a row, and not delivered: {left} records")
        return settled

    def turn(self, *, enough: Callable[[], bool] = lambda: False) -> int:
        """Look at each readable shard once, one batch of each, and return how many records were settled.

        ``enough`` is asked before each batch and may end the turn. Raises ``StreamsAwayError``;
        nothing is lost by it.
        """
        if time.monotonic() >= self._next_refresh:
            self._refresh()
        settled = 0
        for shard in self._readable():
            if enough():
                break
            settled += self._pump(shard)
        return settled

    def _pump(self, shard: _Shard) -> int:
        if time.monotonic() < shard.next_try:
            return 0
        if not shard.waiting and not shard.closed:
            self._read(shard)
        settled = self._deliver_waiting(shard) if shard.waiting else 0
        if shard.closed and not shard.waiting:
            self._remember(shard, READ_TO_THE_END)
            self._next_refresh = 0.0  # its children may be read now
        return settled

    def _readable(self) -> Iterator[_Shard]:
        for shard in list(self._shards.values()):
            parent = self._shards.get((shard.stream, shard.parent or ""))
            if not shard.finished and (parent is None or parent.finished):
                yield shard

    def _read(self, shard: _Shard) -> None:
        """Read the next records of a shard, by a new iterator when the old one is no longer good."""
        for _ in range(_ITERATORS_TRIED):
            try:
                if shard.iterator is None:
                    shard.iterator = self._iterator(shard)
                answer = self._streams.get_records(ShardIterator=shard.iterator, Limit=BATCH)
            except (BotoCoreError, ClientError) as error:
                shard.iterator = None
                if _code(error) == "TrimmedDataAccessException":
                    self._trimmed(shard)
                elif _code(error) != "ExpiredIteratorException":
                    raise self._trouble(error) from error
            else:
                shard.waiting.extend(answer["Records"])
                shard.iterator = answer.get("NextShardIterator")
                shard.closed = shard.iterator is None
                return

    def _iterator(self, shard: _Shard) -> str:
        where: dict[str, str] = {"StreamArn": shard.stream, "ShardId": shard.id}
        if shard.position:
            where |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": shard.position}
        else:
            where |= {"ShardIteratorType": "TRIM_HORIZON"}
        iterator: str = self._streams.get_shard_iterator(**where)["ShardIterator"]
        return iterator

    def _trimmed(self, shard: _Shard) -> None:
        """Go on at the oldest record there is: a stream keeps 24 hours, the local one until it restarts."""
        logger.warning(
            "the stream of %s no longer holds what follows %s; going on with its oldest record. "
            "rebuild_search and rebuild_leaderboard settle what was missed.",
            shard.table,
            shard.position,
        )
        shard.position = None

    def _deliver_waiting(self, shard: _Shard) -> int:
        """Deliver one batch; return how many of its records are settled."""
        batch = [shard.waiting[index] for index in range(min(BATCH, len(shard.waiting)))]
        settled = self._settled(shard.stream, batch)
        for _ in range(settled):
            shard.waiting.popleft()
        if settled:
            self._remember(shard, batch[settled - 1]["dynamodb"]["SequenceNumber"])
            shard.refusals = 0
        if settled < len(batch):
            shard.refusals += 1
            shard.next_try = time.monotonic() + min(
                LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (shard.refusals - 1)
            )
        return settled

    def _settled(self, stream: str, batch: Sequence[Record]) -> int:
        """Call the handler as Lambda does; return how many records come before the first failure."""
        event = {"Records": [_as_lambda_has_it(record, stream=stream) for record in batch]}
        try:
            failures = self._deliver(event, None)["batchItemFailures"]
        except Exception:
            # To Lambda an error is the failure of the whole batch, which comes again.
            logger.exception("the projector failed on %d records of %s", len(batch), stream)
            return 0
        refused = {failure["itemIdentifier"] for failure in failures}
        sequences = [record["dynamodb"]["SequenceNumber"] for record in batch]
        if not refused <= set(sequences):  # names a record that was not sent: Lambda fails the batch
            return 0
        return next((index for index, sequence in enumerate(sequences) if sequence in refused), len(batch))

    def _remember(self, shard: _Shard, position: str) -> None:
        shard.position = position
        self._positions.remember(shard.stream, shard.id, position)

    def _refresh(self) -> None:
        """Find the streams and their shards anew, and forget those that are no more.

        Records that were read and not yet settled stay; iterators are renewed from the
        positions, which also notices a stream that was emptied by a restart. A table that was
        made anew has a new stream, which is read from its beginning, and that is said.
        """
        found: dict[tuple[str, str], _Shard] = {}
        try:
            for stream in streams_of_tables():
                for described in self._shards_of(stream):
                    key = (stream, described["ShardId"])
                    shard = self._shards.get(key) or _Shard(
                        *key, described.get("ParentShardId"), self._positions.of(*key)
                    )
                    shard.iterator = None
                    found[key] = shard
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from error
        kept: dict[str, set[str]] = {}
        for stream, shard_id in found:
            kept.setdefault(stream, set()).add(shard_id)
        known = self._positions.streams() | {stream for stream, _ in self._shards}
        for stream in kept.keys() - known:
            if _table_of(stream) in map(_table_of, known):
                logger.warning(
                    "the table %s was made anew: its new stream is read from the beginning. What the views "
                    "still hold of the old table goes with rebuild_search and rebuild_leaderboard.",
                    _table_of(stream),
                )
        self._positions.keep_only(kept)
        self._shards = found
        self._next_refresh = time.monotonic() + REFRESH_SECONDS

    def _shards_of(self, stream: str) -> Iterator[dict[str, Any]]:
        start: dict[str, str] = {}
        while True:
            described = self._streams.describe_stream(StreamArn=stream, **start)["StreamDescription"]
            yield from described["Shards"]
            if not (last := described.get("LastEvaluatedShardId")):
                return
            start = {"ExclusiveStartShardId": last}

    def _trouble(self, error: BotoCoreError | ClientError) -> Exception:
        """Tell a store that is away, to be waited for, from a mistake, to be raised as it is."""
        self._next_refresh = 0.0
        if is_transient(error) or _code(error) in {"ResourceNotFoundException", "LimitExceededException"}:
            return StreamsAwayError(str(error))
        return error

    def _went_away(self, error: StreamsAwayError) -> None:
        if not self._away:
            logger.warning("the streams are out of reach, waiting for them: %s", error)
        self._away = True

    def _came_back(self) -> None:
        if self._away:
            logger.warning("the streams answer again")
        self._away = False


def _table_of(stream: str) -> str:
    return stream.partition(":table/")[2].partition("/")[0]


def streams_of_tables() -> list[str]:
    """Return the current stream of each table that declares one."""
    arns: list[str] = []
    for table in all_tables():
        if getattr(table.Meta, "stream_view_type", None):
            described = connection().dispatch("DescribeTable", {"TableName": table.Meta.table_name})
            arns.append(described["Table"]["LatestStreamArn"])
    return arns


def _as_lambda_has_it(record: Record, *, stream: str) -> Record:
    """Return a record of GetRecords as Lambda's event holds it: JSON, with the stream's ARN."""
    what = dict(record["dynamodb"])
    what["ApproximateCreationDateTime"] = what["ApproximateCreationDateTime"].timestamp()
    shaped = {**record, "dynamodb": _without_bytes(what), "eventSourceARN": stream}
    if by := record.get("userIdentity"):
        shaped["userIdentity"] = {"type": by.get("Type"), "principalId": by.get("PrincipalId")}
    return shaped


def _without_bytes(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case dict():
            return {name: _without_bytes(each) for name, each in value.items()}
        case list():
            return [_without_bytes(each) for each in value]
        case _:
            return value


def _code(error: BotoCoreError | ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
