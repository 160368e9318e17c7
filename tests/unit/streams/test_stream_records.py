import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bookstore.streams.errors import MalformedRecordError, UnknownTableError, UnprojectableError
from bookstore.streams.records import from_record, key_text, plain
from tests.unit.streams.made_records import arn, record

RECORDED = sorted((Path(__file__).parents[2] / "data" / "streams").glob("*.json"))


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ({"S": "Emma"}, "Emma"),
        ({"S": ""}, ""),
        ({"N": "7.99"}, Decimal("7.99")),
        ({"N": "1E+2"}, Decimal(100)),
        (
            {"N": "123456789012345678901234567890.12345678"},
            Decimal("123456789012345678901234567890.12345678"),
        ),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"B": base64.b64encode(b"\x00\xff").decode()}, b"\x00\xff"),
        ({"B": b"\x00\xff"}, b"\x00\xff"),
        ({"SS": ["a", "b"]}, frozenset({"a", "b"})),
        ({"NS": ["1", "2.5"]}, frozenset({Decimal(1), Decimal("2.5")})),
        ({"BS": [base64.b64encode(b"x").decode()]}, frozenset({b"x"})),
        ({"L": []}, []),
        ({"M": {}}, {}),
        (
            {"L": [{"M": {"bookId": {"S": "b-1"}, "tags": {"L": [{"NULL": True}, {"N": "2"}]}}}]},
            [{"bookId": "b-1", "tags": [None, Decimal(2)]}],
        ),
    ],
)
def test_every_type_of_dynamodb_becomes_a_plain_value(wire: dict[str, Any], value: Any) -> None:
    assert plain(wire) == value


def test_a_number_is_exact_and_never_a_float() -> None:
    assert isinstance(plain({"N": "0.1"}), Decimal)
    assert plain({"N": "0.1"}) * 3 == Decimal("0.3")


@pytest.mark.parametrize(
    "wire", [{}, {"S": "a", "N": "1"}, {"X": "?"}, {"N": "seven"}, {"B": "not base64!"}, {"L": [{"N": "x"}]}]
)
def test_a_value_that_dynamodb_would_not_send_is_malformed(wire: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecordError):
        plain(wire)


def test_a_record_becomes_a_change() -> None:
    change = from_record(
        record(old={"version": 1}, new={"version": 2, "total": Decimal("9.50")}, sequence="42")
    )

    assert change.table == "Orders"
    assert change.keys == {"customerId": "c-1", "orderId": "o-1"}
    assert change.key == "customerId=c-1,orderId=o-1"
    assert change.old == {"customerId": "c-1", "orderId": "o-1", "version": Decimal(1)}
    assert change.new == {
        "customerId": "c-1",
        "orderId": "o-1",
        "version": Decimal(2),
        "total": Decimal("9.50"),
    }
    assert (change.event_name, change.sequence) == ("MODIFY", "42")
    assert change.approximate_creation == datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


def test_a_new_item_has_no_old_image_and_a_removed_one_no_new_image() -> None:
    assert from_record(record(new={"version": 1})).old is None
    assert from_record(record(old={"version": 1})).new is None


def test_the_key_is_written_in_one_order_whatever_the_record_says() -> None:
    assert key_text({"orderId": "o-1", "customerId": "c-1"}) == key_text(
        {"customerId": "c-1", "orderId": "o-1"}
    )


def without(name: str) -> dict[str, Any]:
    made = record(new={"version": 1})
    (made["dynamodb"] if name in made["dynamodb"] else made).pop(name)
    return made


@pytest.mark.parametrize(
    "broken",
    [
        without("dynamodb"),
        without("Keys"),
        without("SequenceNumber"),
        without("ApproximateCreationDateTime"),
        without("eventName"),
        without("NewImage"),
        record(new={}) | {"eventName": "UPSERT"},
        record(new={}) | {"dynamodb": None},
        record(new={}, keys={"customerId": 7}),  # type: ignore[dict-item]
    ],
)
def test_a_record_that_lacks_what_all_have_can_never_be_projected(broken: dict[str, Any]) -> None:
    with pytest.raises(UnprojectableError):
        from_record(broken)


@pytest.mark.parametrize(
    "stream",
    [
        "",
        "arn:aws:sqs:eu-west-2:000000000000:queue",
        arn("Orders", prefix="live-"),
        "arn:aws:dynamodb:x:y:table/test-Orders",
    ],
)
def test_a_stream_of_another_stage_is_an_error_and_not_a_poisoned_record(stream: str) -> None:
    with pytest.raises(UnknownTableError):
        from_record(record(new={}) | {"eventSourceARN": stream})


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_recorded_event_can_be_read(path: Path) -> None:
    for each in json.loads(path.read_text())["Records"]:
        change = from_record(each)
        assert change.new is not None or change.old is not None
