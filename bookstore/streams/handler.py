"""The projector: one batch of stream records, each to every projection of its table.

Lambda calls ``handler`` with the mapping's ``FunctionResponseTypes=["ReportBatchItemFailures"]``;
``manage.py pump_streams`` calls the same function with events of the same shape.
"""

import logging
from collections.abc import Mapping
from typing import Any, TypedDict

from botocore.exceptions import BotoCoreError, ClientError
from django.utils import timezone

from bookstore.dynamodb.tables import all_tables, table_name
from bookstore.logs import current_request_id, redact, request_context
from bookstore.streams import dead_letters
from bookstore.streams.errors import MalformedRecordError, StreamError, UnknownTableError
from bookstore.streams.progress import Tally
from bookstore.streams.records import (
    Change,
    from_record,
    key_text,
    known_keys,
    known_number,
    known_sequence,
    known_text,
    table_of,
)
from bookstore.streams.registry import Projection, name_of, projections_of
from bookstore.streams.troubles import is_transient

logger = logging.getLogger(__name__)


class BatchItemFailure(TypedDict):
    """One record to deliver again, by its sequence number."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda expects back: the records to deliver again, none when all are settled."""

    batchItemFailures: list[BatchItemFailure]


class _NotSettledError(StreamError):
    """A record must be delivered again: a store is away, or nothing may be said about it yet."""


def handler(event: Mapping[str, Any], context: object) -> BatchResponse:  # noqa: ARG001 - Lambda's signature
    """Project a batch of records and report which must be delivered again.

    A record is settled when every projection of its table has taken it, or when it went into
    the dead-letter queue because one never will. From the first record of a stream that is not
    settled on, all are reported, since delivery starts again there. They are projected all the
    same, so that a store that is away holds up only what needs that store: the projection that
    met it rests for what remains of the batch, and gets its records in order when they come
    again. Every record may come twice, and an older one after a newer; the projections see to
    it that nothing counts twice or goes back.
    """
    failures: list[BatchItemFailure] = []
    resting: dict[str, set[Projection]] = {}  # by stream, from its first failure on
    tally = Tally()
    for record in event["Records"]:
        stream = str(record.get("eventSourceARN", ""))
        away = resting.get(stream, set())
        try:
            # The request that wrote the item goes on here: its id stands on these lines too.
            with request_context(known_text(record, "requestId")):
                _settle(record, away=away, bury=stream not in resting)
        except _NotSettledError as reason:
            logger.warning("stream record %s is delivered again: %s", _address(record), reason)
            resting[stream] = away
        if stream in resting:
            failures.append({"itemIdentifier": known_sequence(record)})
        tally.note(record, settled=stream not in resting)
    tally.tell()
    if failures:
        logger.warning("%d of %d stream records are delivered again", len(failures), len(event["Records"]))
    return {"batchItemFailures": failures}


def _settle(record: Mapping[str, Any], *, away: set[Projection], bury: bool) -> None:
    """Project one record or bury it; raise ``_NotSettledError`` when neither succeeded.

    The projections in ``away`` are passed over, and those that find their store away join
    them. Without ``bury`` the record comes again anyway, and is not buried until then.
    """
    try:
        change = from_record(record)
        _check_table(change.table)
    except UnknownTableError as error:
        logger.error("stream record %s belongs to no table of this shop", _address(record))  # noqa: TRY400 - the reason is all
        raise _NotSettledError(str(error)) from error
    except MalformedRecordError as error:
        if bury:
            _bury(_letter_of(record, cause=_told(error)))
        return
    logger.log(
        logging.INFO if current_request_id() else logging.DEBUG,
        "stream record %s: %s",
        _address(record),
        change.event_name,
    )
    causes = _project(change, away=away)
    if causes and bury:
        _bury(dead_letters.letter_for(change, cause="; ".join(causes), at=timezone.now()))


def _check_table(table: str) -> None:
    known = {each.Meta.table_name for each in all_tables() if getattr(each.Meta, "stream_view_type", None)}
    if table_name(table) not in known:
        raise UnknownTableError(f"no table with a stream is called {table!r}")


def _project(change: Change, *, away: set[Projection]) -> list[str]:
    """Give a change to each projection; return why those that never can take it cannot.

    Neither a poisoned projection nor one whose store is away keeps the record from the others.
    Raises ``_NotSettledError`` at the end for the latter, which join ``away``, before anything
    is buried: the record comes again, and then all is known.
    """
    causes: list[str] = []
    waiting: list[str] = []
    for projection in projections_of(change.table):
        if projection in away:
            continue
        try:
            projection(change)
        except Exception as error:
            told = f"{name_of(projection)}: {_told(error)}"
            if is_transient(error):
                away.add(projection)
                waiting.append(told)
                continue
            logger.exception(
                "stream record %s %s sequence %s cannot be projected: %s",
                change.table,
                change.key,
                change.sequence,
                told,
            )
            causes.append(told)
    if waiting:
        raise _NotSettledError("; ".join(waiting))
    return causes


def _bury(letter: dead_letters.DeadLetter) -> None:
    """Put a letter into the queue; raise ``_NotSettledError`` when the queue refuses it."""
    try:
        dead_letters.bury(letter)
    except (BotoCoreError, ClientError) as error:
        raise _NotSettledError(f"the dead-letter queue refuses it: {_told(error)}") from error
    logger.error(
        "stream record %s %s sequence %s is a dead letter: %s",
        letter.table,
        key_text(letter.keys),
        letter.sequence,
        letter.cause,
    )


def _letter_of(record: Mapping[str, Any], *, cause: str) -> dead_letters.DeadLetter:
    """Write the letter of a record that cannot be read, with as much of its address as can be."""
    return dead_letters.DeadLetter(
        table=table_of(str(record["eventSourceARN"])),
        keys=known_keys(record),
        version=known_number(record, "version"),
        revision=known_number(record, "revision"),
        sequence=known_sequence(record),
        cause=cause,
        at=timezone.now(),
    )


def _told(error: BaseException) -> str:
    """Say what went wrong in one line, without what may stand in neither a log nor the queue."""
    words = " ".join(str(error).split())
    return redact(words if isinstance(error, StreamError) else f"{type(error).__name__}: {words}")[:500]


def _address(record: Mapping[str, Any]) -> str:
    """Name a record in a log, even one that cannot be read."""
    table = str(record.get("eventSourceARN", "")).partition(":table/")[2].partition("/")[0]
    keys = key_text(known_keys(record))
    return f"{table or '?'} {keys or '?'} sequence {known_sequence(record) or '?'}"
