"""Tables are declared in the models; what CloudFormation makes of them and what `create_tables` makes is the same."""

import copy
from typing import Any

import pytest

from bookstore.dynamodb.tables import Table, all_tables, connection
from infra import templates

PREFIX = "bookstore-${Stage}-"


def made_by_code(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the requests that would create each table, its TTL among them, by its name."""
    requests: dict[str, dict[str, Any]] = {}

    def record(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        name = arguments["TableName"].removeprefix("test-")
        requests.setdefault(name, {})[operation] = copy.deepcopy(arguments)
        return {}

    monkeypatch.setattr(Table, "exists", classmethod(lambda _table: False))
    monkeypatch.setattr(connection(), "dispatch", record)
    for table in all_tables():
        table.create_table()
    return {
        name: _as_compared(told["CreateTable"], told.get("UpdateTimeToLive"))
        for name, told in requests.items()
    }


def made_by_cloudformation() -> dict[str, dict[str, Any]]:
    """Return the same of the template's tables."""
    made = {}
    for resource in templates.resources("data").values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            ttl = properties.get("TimeToLiveSpecification")
            name = properties["TableName"]["Fn::Sub"].removeprefix(PREFIX)
            made[name] = _as_compared(properties, ttl and {"TimeToLiveSpecification": ttl})
    return made


def _as_compared(table: dict[str, Any], ttl: dict[str, Any] | None) -> dict[str, Any]:
    """Return what has to be the same, in an order of its own."""
    stream = table.get("StreamSpecification") or {}
    expiry = (ttl or {}).get("TimeToLiveSpecification", {})
    return {
        "attributes": {
            each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]
        },
        "key": _key(table["KeySchema"]),
        "indexes": {
            index["IndexName"]: {
                "key": _key(index["KeySchema"]),
                "projection": index["Projection"]["ProjectionType"],
                "projected": sorted(index["Projection"].get("NonKeyAttributes", [])),
            }
            for index in table.get("GlobalSecondaryIndexes") or []
        },
        "local indexes": table.get("LocalSecondaryIndexes") or [],
        "stream": stream.get("StreamViewType"),
        "expiry": expiry.get("AttributeName") if expiry.get("Enabled") else None,
        "billing": table["BillingMode"],
    }


def _key(schema: list[dict[str, str]]) -> dict[str, str]:
    return {each["KeyType"]: each["AttributeName"] for each in schema}


def test_cloudformation_makes_the_tables_that_the_code_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_by_cloudformation() == made_by_code(monkeypatch)


def test_hash_keys_come_first_as_dynamodb_wants_them() -> None:
    for resource in templates.resources("data").values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            for schema in [properties, *properties.get("GlobalSecondaryIndexes", [])]:
                assert [each["KeyType"] for each in schema["KeySchema"]] in (["HASH"], ["HASH", "RANGE"])


def test_every_table_can_be_restored_is_encrypted_and_outlives_its_stack() -> None:
    for name, resource in templates.resources("data").items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, (
                name
            )
            assert properties["SSESpecification"] == {"SSEEnabled": True}, name
            assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["IsDisposable", False, True]}, name


def test_each_table_and_each_stream_of_the_code_is_told_to_the_other_stacks() -> None:
    outputs = templates.load("data")["Outputs"]
    for table in all_tables():
        name = table.Meta.table_name.removeprefix("test-")
        assert f"{name}TableArn" in outputs
        assert (f"{name}StreamArn" in outputs) == hasattr(table.Meta, "stream_view_type")
