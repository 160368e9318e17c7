"""A table made by an older version of the code gets the indexes that are declared today."""

import time
from collections.abc import Iterator
from typing import Any

from bookstore import aws
from bookstore.dynamodb.tables import Table

PATIENCE_SECONDS = 60.0  # for an index to be built over a local shop's items
_LOOK_SECONDS = 0.2


def renew_indexes(table: type[Table]) -> list[str]:
    """Make the indexes that a table lacks, and anew those that are declared otherwise; return their names.

    The second time nothing is left to do. For the local stack: while an index is made anew its lists
    are empty, and on AWS CloudFormation says what a table is. Raises ``aws.NotLocalError`` there.
    """
    declared = {index["IndexName"]: index for index in _declared(table)}
    there = _indexes(table)
    wrong = [name for name, index in declared.items() if _shape(there.get(name)) != _shape(index)]
    if wrong:
        aws.refuse_unless_local()
    for name in wrong:
        if name in there:
            _change(table, {"Delete": {"IndexName": name}})
        _change(table, {"Create": declared[name]})
    return wrong


def _change(table: type[Table], change: dict[str, Any]) -> None:
    """Have one index changed, which is all that DynamoDB does at a time, and wait for its end."""
    attributes: Any = table._get_schema()["attribute_definitions"]  # noqa: SLF001 - what `create_table` sends
    changes: Any = [change]  # whose kinds the stubs, where there are any, want typed each
    _client().update_table(
        TableName=table.Meta.table_name,
        AttributeDefinitions=attributes,
        GlobalSecondaryIndexUpdates=changes,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(index.get("IndexStatus", "ACTIVE") != "ACTIVE" for index in _indexes(table).values()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"An index of {table.Meta.table_name} is not ready: {change}")
        time.sleep(_LOOK_SECONDS)


def _declared(table: type[Table]) -> Iterator[dict[str, Any]]:
    for index in table._get_schema()["global_secondary_indexes"]:  # noqa: SLF001 - the same
        yield {
            "IndexName": index["index_name"],
            "KeySchema": sorted(index["key_schema"], key=lambda key: key["KeyType"]),  # HASH before RANGE
            "Projection": index["projection"],
        }


def _indexes(table: type[Table]) -> dict[str, Any]:
    described = _client().describe_table(TableName=table.Meta.table_name)["Table"]
    return {index["IndexName"]: index for index in described.get("GlobalSecondaryIndexes", [])}


def _shape(index: Any) -> object:
    """Return what makes two indexes of one name the same."""
    if index is None:
        return None
    keys = {key["KeyType"]: key["AttributeName"] for key in index["KeySchema"]}
    projection = index["Projection"]
    return keys, projection["ProjectionType"], set(projection.get("NonKeyAttributes", ()))


def _client() -> Any:
    return aws.session().client("dynamodb")
