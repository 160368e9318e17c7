"""Who works on a task, and how far it has come.

A task belongs to one process at a time: whoever takes it holds it for ``HELD_SECONDS`` and holds
on by saying how far it has come. So a call that Lambda delivers twice runs once, and a piece
that was killed is gone on with by the next call, from what the piece before it had reached.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from bookstore.dynamodb.errors import is_condition_failure
from bookstore.tasks.errors import TaskError, TaskTooLongError, TaskUnderWayError
from bookstore.tasks.models import Task

HELD_SECONDS = 120
MOST_PIECES = 96  # a day, if each takes its quarter of an hour
KEPT_DAYS = 30
SAID_CHARACTERS = 4000  # of what a task said, the last

RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to work on a task, until somebody else has taken it."""

    task_id: str
    token: str
    reached: dict[str, Any] | None  # what the piece before returned


def take(*, task_id: str, command: str, arguments: Sequence[str], at: datetime) -> Hold:
    """Begin a task, or go on with it: one conditional write.

    A failed one is gone on with as well. Raises ``TaskUnderWayError`` when it is another's, done,
    or another command's, and ``TaskTooLongError`` when it has had ``MOST_PIECES``.
    """
    token = uuid.uuid4().hex
    item = Task(task_id)
    free = Task.task_id.does_not_exist() | (
        (Task.held_until < int(at.timestamp()))
        & (Task.state != DONE)
        & (Task.command == command)
        & (Task.pieces < MOST_PIECES)
    )
    try:
        item.update(
            actions=[
                Task.command.set(command),
                Task.arguments.set(list(arguments)),
                Task.state.set(RUNNING),
                Task.holder.set(token),
                Task.pieces.add(1),
                Task.schema_version.set(1),
                Task.started_at.set(Task.started_at | at),
                *_kept(at),
            ],
            condition=free,
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        item.refresh(consistent_read=True)
        if item.holder != token:  # else the write had happened, and only its answer was lost
            raise _why_not(item) from error
    return Hold(task_id, token, item.reached)


def _why_not(found: Task) -> TaskError:
    if found.state != DONE and found.pieces >= MOST_PIECES:
        return TaskTooLongError(
            f"The task {found.task_id} has been gone on with {found.pieces} times; its log says why."
        )
    return TaskUnderWayError(
        f"The task {found.task_id} ({found.command}) is {found.state}, and not to be begun now."
    )


def hold_on(hold: Hold, *, progress: int, at: datetime) -> None:
    """Keep a task and write that so many more items are done; raise ``TaskUnderWayError`` when it was taken."""
    _write(hold, Task.progress.add(progress), *_kept(at))


def let_go(hold: Hold, *, state: str, reached: dict[str, Any], said: str, at: datetime) -> None:
    """End a piece: the task is ``DONE`` and never begun again, or ``RUNNING`` on in another piece."""
    _write(hold, Task.state.set(state), Task.reached.set(reached), _said(said), *_let_go(at))


def fail(hold: Hold, *, said: str, at: datetime) -> None:
    """End a piece that failed; whoever takes the task next goes on from where this piece began."""
    _write(hold, Task.state.set(FAILED), _said(said), *_let_go(at))


def _write(hold: Hold, *actions: Action) -> None:
    try:
        Task(hold.task_id).update(actions=list(actions), condition=Task.holder == hold.token)
    except UpdateError as error:
        if is_condition_failure(error):
            raise TaskUnderWayError(f"The task {hold.task_id} was taken by another process.") from error
        raise


def _said(text: str) -> Action:
    return Task.said.set(text[-SAID_CHARACTERS:])


def _kept(at: datetime) -> list[Action]:
    return [
        Task.held_until.set(int(at.timestamp()) + HELD_SECONDS),
        Task.updated_at.set(at),
        Task.expires_at.set(at + timedelta(days=KEPT_DAYS)),
    ]


def _let_go(at: datetime) -> list[Action]:
    return [Task.held_until.set(0), Task.updated_at.set(at)]
