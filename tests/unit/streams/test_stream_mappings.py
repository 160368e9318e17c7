"""A stream that nobody reads is silent: it has to be asked for."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bookstore import aws
from bookstore.functions import tasks
from bookstore.streams import mappings
from bookstore.streams.registry import projected_tables
from infra import templates

BOOKS, ORDERS = (f"arn:aws:dynamodb:r:1:table/test-{name}/stream/2026" for name in ("Books", "Orders"))
CONTEXT = SimpleNamespace(aws_request_id="11111111-2222-3333-4444-555555555555")


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The states of the mappings that Lambda has, by the streams that they read."""
    states: dict[str, str] = {}
    streams = {"test-Books": BOOKS, "test-Orders": ORDERS}

    class DynamoDB:
        def dispatch(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
            assert operation == "DescribeTable"
            return {"Table": {"LatestStreamArn": streams[asked["TableName"]]}}

    class Lambda:
        def list_event_source_mappings(self, *, EventSourceArn: str) -> object:  # noqa: N803 - Lambda's own word
            found = [{"State": states[EventSourceArn]}] if EventSourceArn in states else []
            return {"EventSourceMappings": found}

    monkeypatch.setattr(aws, "functions", Lambda)
    monkeypatch.setattr(mappings, "connection", DynamoDB)
    return states


def test_a_stream_is_read_while_its_mapping_is_on(mapped: dict[str, str]) -> None:
    mapped |= {BOOKS: "Enabled", ORDERS: "Updating"}
    assert tasks.handler({"command": "check_streams"}, CONTEXT)["state"] == "done"  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["Disabled", "Deleting"])
def test_a_mapping_that_is_off_reads_nothing(mapped: dict[str, str], state: str) -> None:
    mapped |= {BOOKS: "Enabled", ORDERS: state}
    assert mappings.unread_tables() == ["Orders"]


def test_a_table_that_was_made_anew_ends_the_task_in_an_error_which_has_an_alarm(
    mapped: dict[str, str],
) -> None:
    """The mapping of the old stream is enabled, and no longer anybody's."""
    mapped |= {BOOKS.replace("2026", "2025"): "Enabled", ORDERS: "Enabled"}
    with pytest.raises(CommandError, match=r"Nobody reads the stream of Books: .* “A table was made anew”"):
        tasks.handler({"command": "check_streams"}, CONTEXT)  # type: ignore[arg-type]
    with pytest.raises(CommandError):
        call_command("check_streams")


def test_every_projected_table_has_a_mapping_and_no_other_has() -> None:
    told = {
        name.removesuffix("StreamArn") for name in templates.parameters("site") if name.endswith("StreamArn")
    }
    assert told == set(projected_tables())
