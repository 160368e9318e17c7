"""Records that no later try could project: their queue, and how they are projected after all.

A letter names an item, never shows it. A replay therefore projects the item as it stands
*now*; what the lost record said has been overtaken by it.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from django.conf import settings

from bookstore import aws
from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.tables import connection, table_name
from bookstore.pieces import Until, never
from bookstore.streams.errors import UnprojectableError
from bookstore.streams.records import Change, key_text, plain_image
from bookstore.streams.registry import projections_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN_SECONDS = 300  # how long a letter that is being looked at is kept from other readers
LONG_POLL_SECONDS = 1  # asks every one of the queue's servers; without it some letters hide
MOST_PER_REQUEST = 10  # messages; SQS gives and takes no more at once


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where a record came from and why it could not be projected.

    ``version`` and ``revision`` are the item's own numbers in that record, where it has them.
    """

    table: str
    keys: dict[str, str]
    version: int | None
    revision: int | None
    sequence: str
    cause: str
    at: datetime

    def to_json(self) -> str:
        """Write the message's body."""
        return json.dumps(
            {
                "table": self.table,
                "key": self.keys,
                "version": self.version,
                "revision": self.revision,
                "sequence": self.sequence,
                "cause": self.cause,
                "at": instant_text(self.at),
            }
        )

    @classmethod
    def from_json(cls, body: str) -> "DeadLetter":
        """Read a message's body; raise ``ValueError`` when it is no dead letter."""
        try:
            told = json.loads(body)
            return cls(
                table=told["table"],
                keys=dict(told["key"]),
                version=told["version"],
                revision=told["revision"],
                sequence=told["sequence"],
                cause=told["cause"],
                at=datetime.fromisoformat(told["at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a dead letter: {body[:200]!r}") from error


@dataclass
class Replayed:
    """What a replay came to, or how far it has come; see ``bookstore.pieces``."""

    replayed: int = 0
    left: list[str] = field(default_factory=list)  # ids of messages that still cannot be projected
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the queue; ``letter`` is ``None`` when something else put it there."""

    id: str
    receipt: str
    body: str
    letter: DeadLetter | None


def letter_for(change: Change, *, cause: str, at: datetime) -> DeadLetter:
    """Write the letter of a change that could not be projected."""
    image = change.new or change.old or {}
    return DeadLetter(
        table=change.table,
        keys=change.keys,
        version=_whole(image.get("version")),
        revision=_whole(image.get("revision")),
        sequence=change.sequence,
        cause=cause,
        at=at,
    )


def bury(letter: DeadLetter) -> None:
    """Put a letter into the queue; raise botocore's errors when it does not take it.

    The same record may be buried twice; replaying both changes nothing.
    """
    aws.sqs().send_message(QueueUrl=settings.DEAD_LETTER_QUEUE_URL, MessageBody=letter.to_json())


def take_all() -> list[Message]:
    """Take every message that waits and hide it from other readers for ``HIDDEN_SECONDS``.

    Each message must then be given to ``put_back`` or ``forget``, or it shows up again later.
    """
    found: dict[str, MessageTypeDef] = {}
    while batch := _receive():
        found.update((message["MessageId"], message) for message in batch)
    return [
        Message(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            letter=_letter_in(message["Body"]),
        )
        for message in found.values()
    ]


def put_back(message: Message) -> None:
    """Show a message to other readers again, at once."""
    _queue().change_message_visibility(
        QueueUrl=settings.DEAD_LETTER_QUEUE_URL, ReceiptHandle=message.receipt, VisibilityTimeout=0
    )


def forget(message: Message) -> None:
    """Delete a message whose item has been projected."""
    _queue().delete_message(QueueUrl=settings.DEAD_LETTER_QUEUE_URL, ReceiptHandle=message.receipt)


def replay(letter: DeadLetter, *, at: datetime) -> Change:
    """Project a letter's item as it is now, and return the change that this amounts to.

    Where no item is left, its removal is projected at the letter's number + 1, which is what
    every projection makes of ``old``. Raises what the projections and DynamoDB raise, and
    ``UnprojectableError`` for a letter that names no item.
    """
    change = current_change(letter, at=at)
    for projection in projections_of(letter.table):
        projection(change)
    return change


def replay_all(
    *,
    keys: Collection[str] | None = None,
    at: datetime,
    say: Callable[[str], object],
    complain: Callable[[str], object],
    resume: Replayed | None = None,
    until: Until = never,
) -> Replayed:
    """Replay every letter that waits, or those of the items with these keys, as ``key_text`` writes them.

    A letter is deleted once its item is projected. What cannot be projected is told to
    ``complain`` and stays. ``until`` is asked after each letter; ``resume`` passes over those
    that stayed. Raises botocore's errors when the queue is away.
    """
    done = Replayed(resume.replayed, [*resume.left]) if resume else Replayed()
    messages = take_all()
    for number, message in enumerate(messages, 1):
        letter = message.letter
        unasked = keys is not None and (letter is None or key_text(letter.keys) not in keys)
        if unasked or message.id in done.left:
            put_back(message)
            continue
        if _replayed(message, at=at, say=say, complain=complain):
            forget(message)
            done.replayed += 1
        else:
            put_back(message)
            done.left.append(message.id)
        if until() and number < len(messages):
            for untouched in messages[number:]:
                put_back(untouched)
            return done
    done.finished = True
    return done


def _replayed(
    message: Message, *, at: datetime, say: Callable[[str], object], complain: Callable[[str], object]
) -> bool:
    letter = message.letter
    if letter is None:
        complain(f"not a dead letter of the projector, left alone: {message.body[:200]}")
        return False
    name = f"{letter.table} {key_text(letter.keys)}"
    try:
        change = replay(letter, at=at)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the letter stays
        complain(f"{name}: still not projected: {type(error).__name__}: {error}")
        return False
    say(f"{name}: {'projected as it is now' if change.new else 'projected its removal'}")
    return True


def current_change(letter: DeadLetter, *, at: datetime) -> Change:
    """Read a letter's item, consistently, and put it as a change from a replay."""
    if not letter.keys:
        raise UnprojectableError("the letter names no item, so there is nothing to project")
    key = {name: {"S": value} for name, value in letter.keys.items()}
    asked = {"TableName": table_name(letter.table), "Key": key, "ConsistentRead": True}
    found = connection().dispatch("GetItem", asked)  # by key, in any table: the models are the apps' own
    item = found.get("Item")
    return Change(
        table=letter.table,
        keys=letter.keys,
        old=None if item else _last_known(letter),
        new=plain_image(item) if item else None,
        sequence="",
        event_name="MODIFY" if item else "REMOVE",
        approximate_creation=at,
    )


def _last_known(letter: DeadLetter) -> dict[str, Any]:
    numbers = {"version": letter.version, "revision": letter.revision}
    known = {name: Decimal(number) for name, number in numbers.items() if number is not None}
    if not known:
        raise UnprojectableError("the item is gone and the letter tells neither its version nor its revision")
    return {**letter.keys, **known}


def _receive() -> "list[MessageTypeDef]":
    answer = _queue().receive_message(
        QueueUrl=settings.DEAD_LETTER_QUEUE_URL,
        MaxNumberOfMessages=MOST_PER_REQUEST,
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=LONG_POLL_SECONDS,
    )
    return answer.get("Messages", [])


@cache
def _queue() -> "SQSClient":
    """Return the client of the commands, which can wait longer than a projector may."""
    patience = LONG_POLL_SECONDS + 5
    config = Config(connect_timeout=patience, read_timeout=patience, retries={"mode": "standard"})
    return aws.session().client("sqs", config=config)


def _letter_in(body: str) -> DeadLetter | None:
    try:
        return DeadLetter.from_json(body)
    except ValueError:
        return None


def _whole(number: object) -> int | None:
    return int(number) if isinstance(number, Decimal) and number == int(number) else None
