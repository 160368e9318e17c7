"""Asking for long work: of the tasks function on AWS, of a process of its own on a developer's machine."""

import json
import subprocess
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from bookstore import aws
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
