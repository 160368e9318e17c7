"""Long work in pieces, as Lambda runs it: out of time, killed, told twice, and told to somebody else."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from bookstore import aws
from bookstore.dynamodb.admin import audit
from bookstore.functions import tasks
from bookstore.opensearch import rebuild as rebuilding
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.tasks import services
from bookstore.tasks.errors import TaskTooLongError
from bookstore.tasks.models import Task
from catalog import rebuild, search
from catalog.search import SearchQuery
from tests.factories import book

REBUILD = {"command": "rebuild_search", "arguments": [], "task": "t-1"}
LONG, SHORT = 900_000, 1_000  # milliseconds


def context(*milliseconds: int) -> SimpleNamespace:
    """Tell a call how long it may still take, each time it asks; the last answer stays."""
    answers = list(milliseconds)

    def remaining() -> int:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return SimpleNamespace(
        aws_request_id="11111111-2222-3333-4444-555555555555",
        function_name="bookstore-test-tasks",
        get_remaining_time_in_millis=remaining,
    )


@pytest.fixture
def lambda_calls(monkeypatch) -> list[dict[str, Any]]:
    """What the function asks Lambda for, instead of asking."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(aws, "functions", lambda: SimpleNamespace(invoke=lambda **call: calls.append(call)))
    return calls


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(rebuilding, "DOCUMENTS_A_REQUEST", 5)


def found() -> set[str]:
    search.refresh()
    return set(search.find(SearchQuery("book")).ids)


def run_to_the_end(calls: list[dict[str, Any]], left: Callable[[], SimpleNamespace]) -> None:
    """Answer every call that the function makes on itself, each of them twice."""
    while calls:
        call = calls.pop(0)
        assert call["InvocationType"] == "Event"
        assert call["FunctionName"] == "bookstore-test-tasks"
        for _delivery in range(2):
            tasks.handler(json.loads(call["Payload"]), left())


def test_work_that_outlasts_a_call_goes_on_in_the_next_and_ends_once(lambda_calls, small_pieces):
    expected = {book(f"Book {number}").id for number in range(12)}

    first = tasks.handler(REBUILD, context(SHORT))
    assert first["state"] == "running"
    assert Task.get("t-1").progress == 5

    run_to_the_end(lambda_calls, lambda: context(SHORT))
    task = Task.get("t-1")
    assert (task.state, task.pieces, task.progress) == ("done", 4, 12)
    assert task.reached["documents"] == 12
    assert found() == expected

    again = tasks.handler(REBUILD, context(LONG))  # the first event, delivered late once more
    assert again["state"] == "left alone"
    assert Task.get("t-1").pieces == 4


def test_a_call_delivered_twice_at_once_runs_once(lambda_calls, monkeypatch):
    book()
    second: list[dict[str, Any]] = []
    whole = rebuild.rebuild_search

    def meanwhile(**arguments: Any) -> rebuild.Rebuilt:
        second.append(tasks.handler(REBUILD, context(LONG)))
        return whole(**arguments)

    monkeypatch.setattr(rebuild, "rebuild_search", meanwhile)
    first = tasks.handler(REBUILD, context(LONG))
    assert first["state"] == "done"
    assert [each["state"] for each in second] == ["left alone"]
    assert Task.get("t-1").pieces == 1


class Killed(BaseException):
    """The process ends in the midst of its work, with no word to anybody."""


def test_a_piece_that_was_killed_is_gone_on_with_from_where_it_began(lambda_calls, small_pieces, monkeypatch):
    expected = {book(f"Book {number}").id for number in range(12)}
    tasks.handler(REBUILD, context(SHORT))
    event = json.loads(lambda_calls.pop()["Payload"])

    index, reached = rebuilding._index, Task.get("t-1").reached

    def killed(*arguments: Any) -> None:
        raise Killed

    monkeypatch.setattr(rebuilding, "_index", killed)
    with pytest.raises(Killed):
        tasks.handler(event, context(LONG))
    monkeypatch.setattr(rebuilding, "_index", index)

    assert tasks.handler(event, context(LONG))["state"] == "left alone"  # it may still be at work
    later = timezone.now() + timedelta(seconds=services.HELD_SECONDS + 1)
    monkeypatch.setattr(tasks.timezone, "now", lambda: later)
    done = tasks.handler(event, context(LONG))
    assert done["state"] == "done"
    assert done["reached"]["index"] == reached["index"]
    assert found() == expected


def test_a_piece_that_lost_its_task_writes_nothing_more(lambda_calls, small_pieces, monkeypatch):
    book()
    monkeypatch.setattr(tasks, "SECONDS_BETWEEN_NOTES", 0.0)

    def taken(*, on_books, until, **_arguments):
        at = timezone.now() + timedelta(seconds=services.HELD_SECONDS + 1)
        services.take(task_id="t-1", command="rebuild_search", arguments=[], at=at)
        on_books(1)
        until()

    monkeypatch.setattr(rebuild, "rebuild_search", taken)
    with pytest.raises(services.TaskUnderWayError):
        tasks.handler(REBUILD, context(LONG))
    assert (Task.get("t-1").progress, Task.get("t-1").state) == (0, "running")


def test_a_failure_is_told_and_the_same_event_goes_on(lambda_calls, wire):
    book()
    with wire.opensearch.refuse(), pytest.raises(SearchUnavailableError):
        tasks.handler(REBUILD, context(LONG))
    task = Task.get("t-1")
    assert task.state == "failed"
    assert "SearchUnavailableError" in task.said
    assert tasks.handler(REBUILD, context(LONG))["state"] == "done"


def test_no_task_goes_on_for_ever(lambda_calls, monkeypatch):
    monkeypatch.setattr(services, "MOST_PIECES", 2)
    monkeypatch.setattr(rebuild, "rebuild_search", lambda **_: rebuild.Rebuilt("books-1"))
    for _piece in range(2):
        assert tasks.handler(REBUILD, context(LONG))["state"] == "running"
    with pytest.raises(TaskTooLongError, match="2 times"):
        tasks.handler(REBUILD, context(LONG))


def test_a_lost_answer_to_the_taking_takes_the_task_all_the_same(lambda_calls, lose_answer):
    lose_answer("UpdateItem")
    hold = services.take(task_id="t-2", command="rebuild_search", arguments=[], at=timezone.now())
    assert Task.get("t-2").holder == hold.token


@pytest.mark.parametrize("command", ["rebuild_leaderboard", "replay_dead_letters"])
def test_every_long_command_runs_through(lambda_calls, command):
    arguments = ["--all"] if command == "replay_dead_letters" else []
    event = {"command": command, "arguments": arguments, "task": command}
    assert tasks.handler(event, context(LONG))["state"] == "done"


def test_books_are_imported_from_s3_in_pieces(lambda_calls, settings):
    rows = "".join(f'{number},Title {number},"Austen, Jane",Fiction,novel\n' for number in range(250))
    aws.s3().put_object(
        Bucket=settings.COVERS_BUCKET,
        Key="list.csv",
        Body=f"id,title,authors,shelves,subjects\n{rows}".encode(),
    )
    arguments = [f"s3://{settings.COVERS_BUCKET}/list.csv", "--mapping", "gutenberg"]
    event = {"command": "import_books", "arguments": arguments, "task": "t-3"}
    assert tasks.handler(event, context(SHORT))["state"] == "running"
    run_to_the_end(lambda_calls, lambda: context(SHORT))
    task = Task.get("t-3")
    assert (task.state, task.pieces, task.reached["added"]) == ("done", 4, 250)


def test_scheduled_commands_run_at_once_and_leave_no_task():
    done = tasks.handler({"command": "release_unpaid_orders"}, context(LONG))
    assert done["state"] == "done"
    assert Task.count() == 0


def test_the_admins_log_is_exported_as_what_the_function_says():
    person = audit.Person("o-1", "owner@example.com")
    entry = audit.entry_of(label="notes.note", key="n-1", shown="Of colours", user=person, kind="changed")
    audit.store(entry)
    event = {"command": "export_admin_log", "arguments": [entry.day, entry.day]}
    done = tasks.handler(event, context(LONG))
    assert done["state"] == "done"
    (line,) = csv.DictReader(done["said"].splitlines())
    assert (line["user"], line["row"], line["name"]) == ("owner@example.com", "notes.note#n-1", "Of colours")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"command": "shell"},
        {"command": "load_sample"},
        {"command": "rebuild_search", "arguments": "--x"},
        {"command": "rebuild_search", "arguments": ["--surprise"]},
        {"command": "import_books", "arguments": ["/etc/passwd", "--mapping", "gutenberg"]},
        {"command": "import_books", "arguments": ["s3://bucket/key", "--mapping", "rules.toml"]},
    ],
)
def test_nothing_else_is_done(event, lambda_calls):
    with pytest.raises(tasks.TaskRefusedError):
        tasks.handler(event, context(LONG))
