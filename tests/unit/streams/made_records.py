"""Stream records in Lambda's shape, made from plain values."""

import itertools
from typing import Any

from boto3.dynamodb.types import TypeSerializer

_sequences = itertools.count(1)
_wire = TypeSerializer().serialize


def arn(table: str = "Orders", *, prefix: str = "test-") -> str:
    return f"arn:aws:dynamodb:eu-west-2:000000000000:table/{prefix}{table}/stream/2026-11-22T17:05:00.000"


def image(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _wire(value) for name, value in item.items()}


def record(
    *,
    table: str = "Orders",
    keys: dict[str, str] | None = None,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    sequence: str = "",
) -> dict[str, Any]:
    """A new item unless ``old`` is given, a removed one when only ``old`` is."""
    if old is None and new is None:
        new = {}
    keys = keys or {"customerId": "c-1", "orderId": "o-1"}
    what: dict[str, Any] = {
        "ApproximateCreationDateTime": 1795367100.0,
        "Keys": image(keys),
        "SequenceNumber": sequence or f"{next(_sequences):021d}",
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if old is not None:
        what["OldImage"] = image({**keys, **old})
    if new is not None:
        what["NewImage"] = image({**keys, **new})
    return {
        "eventID": f"e-{what['SequenceNumber']}",
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-2",
        "dynamodb": what,
        "eventSourceARN": arn(table),
    }


def sequence_of(record: dict[str, Any]) -> str:
    sequence: str = record["dynamodb"]["SequenceNumber"]
    return sequence
