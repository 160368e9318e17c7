"""From a stream record, in the shape in which Lambda delivers it, to a typed change."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings

from bookstore.streams.errors import MalformedRecordError, UnknownTableError

type Image = dict[str, Any]

_STREAM_ARN = re.compile(r":dynamodb:[^:]*:[^:]*:table/(?P<table>[^/]+)/stream/.+")


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one item.

    ``table`` is the short name, without the stage's prefix. ``old`` and ``new`` are the item
    before and after: plain Python values under DynamoDB's attribute names, numbers as
    ``Decimal``, sets as ``frozenset``, binary as ``bytes``. ``old`` is ``None`` for a new item
    and in a replay, ``new`` is ``None`` for a removed one. ``sequence`` orders the changes of
    one item; it is empty in a replay.
    """

    table: str
    keys: dict[str, str]
    old: Image | None
    new: Image | None
    sequence: str
    event_name: str  # INSERT, MODIFY, REMOVE
    approximate_creation: datetime

    @property
    def key(self) -> str:
        """The item's key in one word, as logs and commands write it."""
        return key_text(self.keys)


def key_text(keys: Mapping[str, str]) -> str:
    """Write a key in one word: ``customerId=c-1,orderId=o-2``."""
    return ",".join(f"{name}={value}" for name, value in sorted(keys.items()))


def from_record(record: Mapping[str, Any]) -> Change:
    """Read one record of an event.

    Raises ``UnknownTableError`` for a stream that cannot be one of this stage's tables, and
    ``MalformedRecordError`` for anything that DynamoDB would not send.
    """
    table = table_of(str(record.get("eventSourceARN", "")))
    try:
        what = record["dynamodb"]
        old, new = what.get("OldImage"), what.get("NewImage")
        change = Change(
            table=table,
            keys=_string_keys(what["Keys"]),
            old=None if old is None else plain_image(old),
            new=None if new is None else plain_image(new),
            sequence=str(what["SequenceNumber"]),
            event_name=str(record["eventName"]),
            approximate_creation=datetime.fromtimestamp(float(what["ApproximateCreationDateTime"]), UTC),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedRecordError(f"not a stream record: {type(error).__name__}: {error}") from error
    _check(change)
    return change


def known_keys(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a record's keys as far as they can be read, for telling which one was refused."""
    what = record.get("dynamodb")
    keys = what.get("Keys") if isinstance(what, Mapping) else None
    if not isinstance(keys, Mapping):
        return {}
    return {
        str(name): value["S"]
        for name, value in keys.items()
        if isinstance(value, Mapping) and isinstance(value.get("S"), str)
    }


def known_number(record: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of the newest image in a record, if it is there and readable."""
    what = record.get("dynamodb")
    image = (what.get("NewImage") or what.get("OldImage")) if isinstance(what, Mapping) else None
    value = image.get(name) if isinstance(image, Mapping) else None
    digits = value.get("N") if isinstance(value, Mapping) else None
    return int(digits) if isinstance(digits, str) and digits.isdecimal() else None


def known_text(record: Mapping[str, Any], name: str) -> str:
    """Return a text of the newest image in a record; empty where it is not there or not readable."""
    what = record.get("dynamodb")
    image = (what.get("NewImage") or what.get("OldImage")) if isinstance(what, Mapping) else None
    value = image.get(name) if isinstance(image, Mapping) else None
    text = value.get("S") if isinstance(value, Mapping) else None
    return text if isinstance(text, str) else ""


def known_sequence(record: Mapping[str, Any]) -> str:
    """Return a record's sequence number; Lambda takes an empty one for the whole batch."""
    what = record.get("dynamodb")
    return str(what.get("SequenceNumber", "")) if isinstance(what, Mapping) else ""


def table_of(stream_arn: str) -> str:
    """Return the short name of a stream's table; raise ``UnknownTableError`` for another stage's."""
    found = _STREAM_ARN.search(stream_arn)
    if found is None or not found["table"].startswith(settings.TABLE_PREFIX):
        raise UnknownTableError(f"not a stream of a table named {settings.TABLE_PREFIX}…: {stream_arn!r}")
    return found["table"].removeprefix(settings.TABLE_PREFIX)


def plain_image(image: Mapping[str, Any]) -> Image:
    """Turn an item in DynamoDB's notation into plain Python values; see ``plain``."""
    return {name: plain(value) for name, value in image.items()}


def plain(value: Mapping[str, Any]) -> Any:
    """Turn one attribute value, such as ``{"N": "3"}``, into a plain Python value.

    Binary values come as base64 text from Lambda and as bytes from botocore; both become bytes.
    """
    if len(value) != 1:
        raise MalformedRecordError(f"an attribute value has one type, this one has {sorted(value)}")
    ((kind, content),) = value.items()
    if kind not in _READERS:
        raise MalformedRecordError(f"no attribute type of DynamoDB: {kind!r}")
    return _READERS[kind](content)


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation as error:
        raise MalformedRecordError(f"not a number: {digits!r}") from error


def _binary(content: bytes | str) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise MalformedRecordError("a binary value is not base64") from error


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _number,
    "B": _binary,
    "BOOL": bool,
    "NULL": lambda _: None,
    "M": plain_image,
    "L": lambda values: [plain(each) for each in values],
    "SS": lambda texts: frozenset(map(str, texts)),
    "NS": lambda numbers: frozenset(map(_number, numbers)),
    "BS": lambda blobs: frozenset(map(_binary, blobs)),
}


def _string_keys(keys: Mapping[str, Any]) -> dict[str, str]:
    found = plain_image(keys)
    if not found or not all(isinstance(value, str) for value in found.values()):
        raise MalformedRecordError(f"every table's keys are strings, these are not: {sorted(keys)}")
    return found


def _check(change: Change) -> None:
    expected = {"INSERT": (False, True), "MODIFY": (True, True), "REMOVE": (True, False)}
    images = (change.old is not None, change.new is not None)
    if change.event_name not in expected:
        raise MalformedRecordError(f"no event of DynamoDB: {change.event_name!r}")
    if images != expected[change.event_name]:
        raise MalformedRecordError(
            f"{change.event_name} without its images: the stream of {change.table} is not NEW_AND_OLD_IMAGES"
        )
