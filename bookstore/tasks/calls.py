"""Asking for long work: of the tasks function on AWS, of a process of its own on a developer's machine."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from bookstore import aws
from bookstore.tasks import services
from bookstore.tasks.errors import TaskNotBegunError
from bookstore.tasks.models import Task


def ask_for(command: str, arguments: Sequence[str], *, task_id: str) -> None:
    """Ask for a task, and do not wait for it. Asked twice it is done once, and a failed one is gone on with.

    Raises ``TaskNotBegunError``.
    """
    event = json.dumps({"command": command, "arguments": list(arguments), "task": task_id})
    if settings.TASKS_FUNCTION:
        try:
            aws.functions().invoke(
                FunctionName=settings.TASKS_FUNCTION, InvocationType="Event", Payload=event.encode()
            )
        except (BotoCoreError, ClientError) as error:
            raise TaskNotBegunError(f"The tasks function could not be asked for {command}.") from error
    elif settings.STAGE in {"development", "test"}:
        subprocess.Popen([sys.executable, settings.BASE_DIR / "manage.py", "run_task", event])  # noqa: S603 - our own
    else:
        raise TaskNotBegunError(f"TASKS_FUNCTION names nobody who could be asked for {command}.")


def find_task(task_id: str) -> Task | None:
    """Return how a task stands; none while nobody has begun it."""
    try:
        return Task.get(task_id, consistent_read=True)
    except Task.DoesNotExist:
        return None


def when_asked(text: str, *, at: datetime) -> datetime | None:
    """Return when a task was asked for, as an address says it: a POSIX time.

    ``None`` for what is none, and for one so long ago that whoever was asked would have begun.
    """
    try:
        asked_at = datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return asked_at if abs(at - asked_at) <= _HELD else None


def state_of(task: Task | None, *, at: datetime, asked_at: datetime | None = None) -> str:
    """Return a task's state to those who asked for it; empty while nobody has begun it.

    One whose process was killed counts as failed: nobody holds it any more, so asking again goes on with it.
    What failed before it was asked for once more, at ``asked_at``, nobody has begun again.
    """
    if task is None:
        return ""
    is_killed = task.state == services.RUNNING and at - task.updated_at > _HELD
    if is_killed or task.state == services.FAILED:
        return "" if asked_at is not None and task.updated_at < asked_at else services.FAILED
    return str(task.state)


_HELD = timedelta(seconds=services.HELD_SECONDS)
