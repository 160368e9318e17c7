"""The tables as they stand, held against ``data.yaml``: one that was restored lacks what is not in its items.

CloudFormation compares a template with the one before it, never with the table, and finds nothing to do.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra import templates
from infra.errors import DeploymentError
from infra.place import Place

type Step = tuple[str, Callable[[], object]]  # what is given, and the request that gives it


def give_back(place: Place) -> list[str]:
    """Give each table its stream, expiry, history and protection where it lacks them; return what was given.

    Nothing is ever taken from a table. The second time there is nothing left to give. Raises
    ``DeploymentError`` for a table that is gone.
    """
    with ThreadPoolExecutor(4) as several:
        given = several.map(lambda wanted: list(_given(place, wanted)), _declared())
        return [what for each in given for what in each]


def _declared() -> list[Mapping[str, Any]]:
    return [
        resource["Properties"]
        for resource in templates.resources("data").values()
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]


def _given(place: Place, wanted: Mapping[str, Any]) -> Iterator[str]:
    client = place.client("dynamodb")
    name = wanted["TableName"]["Fn::Sub"].replace("${Stage}", place.stage)
    for what, give in _lacking(client, name, wanted, is_disposable=place.stage == "dev"):
        give()
        # A table takes one change at a time.
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2})
        yield f"{name}: {what}"


def _lacking(client: Any, name: str, wanted: Mapping[str, Any], *, is_disposable: bool) -> Iterator[Step]:
    try:
        there = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        raise DeploymentError(
            f"The table {name} is gone: bring it back first, as docs/operations.md says under “Restoring a table to a"
            " point in time”."
        ) from None
    stream = wanted.get("StreamSpecification")
    if stream and not there.get("StreamSpecification", {}).get("StreamEnabled"):
        enabled = {**stream, "StreamEnabled": True}
        yield "its stream", lambda: client.update_table(TableName=name, StreamSpecification=enabled)
    expiry = wanted.get("TimeToLiveSpecification")
    if expiry and not _expires(client, name):
        yield "expiry", lambda: client.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    if not _keeps_history(client, name):
        history = {"PointInTimeRecoveryEnabled": True}
        yield (
            "its history",
            lambda: client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=history
            ),
        )
    if not is_disposable and not there.get("DeletionProtectionEnabled"):
        yield "protection", lambda: client.update_table(TableName=name, DeletionProtectionEnabled=True)


def _expires(client: Any, name: str) -> bool:
    told = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}


def _keeps_history(client: Any, name: str) -> bool:
    told = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    history = told.get("PointInTimeRecoveryDescription", {})
    return bool(history.get("PointInTimeRecoveryStatus") == "ENABLED")
