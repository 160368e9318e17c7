"""Long work, done by the tasks function: started from here, and shown while it goes on."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from infra.errors import DeploymentError
from infra.functions import name_of
from infra.place import Place, say

PIECE_SECONDS = 15 * 60  # one call of the function takes no longer; a task may take many
LOOK_SECONDS = 2.0
SILENCE_SECONDS = 5 * 60  # after which a task that says nothing is given up on


def run(place: Place, command: str, arguments: Sequence[str] = (), *, task: str = "") -> None:
    """Run a command of the tasks function to its end, showing how far it is.

    A task that is named goes on from where it was. Raises ``DeploymentError`` with what it said
    when it fails, or is refused. Whoever stops watching does not stop the task.
    """
    task = task or uuid.uuid4().hex[:12]
    event = {"command": command, "arguments": list(arguments), "task": task}
    with ThreadPoolExecutor(1) as aside:
        first = aside.submit(_call, place, event)
        _watch(place, event, first)


def _call(place: Place, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Run the first piece; return what it answers, or ``None`` when the line was cut meanwhile."""
    client: Any = boto3.client(
        "lambda",
        region_name=place.region,
        config=Config(connect_timeout=5, read_timeout=PIECE_SECONDS + 20, retries={"total_max_attempts": 1}),
    )
    try:
        answer = client.invoke(FunctionName=name_of(place, "tasks"), Payload=json.dumps(event).encode())
    except BotoCoreError:
        return None
    told: Any = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        reason = told.get("errorMessage", told) if isinstance(told, dict) else told
        raise DeploymentError(
            f"{event['command']} failed: {reason}\nThe log group /aws/lambda/{name_of(place, 'tasks')} tells more;"
            f" TASK={event['task']} goes on from where it was."
        )
    return told if isinstance(told, dict) else {}


def _watch(place: Place, event: Mapping[str, Any], first: Future[dict[str, Any] | None]) -> None:
    shown: object = None
    deadline = time.monotonic() + SILENCE_SECONDS
    while True:
        answer = first.result() if first.done() else None
        if answer and answer.get("state") != "running":
            return _tell(answer.get("reached"), str(answer.get("said", "")))
        item = _progress(place, str(event["task"]))
        if item and item != shown:
            shown, deadline = item, time.monotonic() + SILENCE_SECONDS
            say(
                f"  {event['command']} ({event['task']}): {item.get('progress', '0')} done, piece {item.get('pieces', '1')}"
            )
        if first.done() and item.get("state") in {"done", "failed"}:
            _tell(json.loads(item.get("reached", "null")), item.get("said", ""))
            if item["state"] == "failed":
                raise DeploymentError(
                    f"{event['command']} failed. TASK={event['task']} goes on from where it was."
                )
            return None
        if first.done() and time.monotonic() > deadline:
            raise DeploymentError(
                f"Nothing was heard of {event['command']} for {SILENCE_SECONDS // 60} minutes: look at the log group"
                f" /aws/lambda/{name_of(place, 'tasks')}, and go on with TASK={event['task']}."
            )
        time.sleep(LOOK_SECONDS if not first.done() or item else 0.2)


def _progress(place: Place, task: str) -> dict[str, str]:
    found = place.client("dynamodb").get_item(
        TableName=f"{place.prefix}-Tasks", Key={"id": {"S": task}}, ConsistentRead=True
    )
    names = ("state", "progress", "pieces", "reached", "said")
    item = found.get("Item", {})
    return {name: str(next(iter(item[name].values()))) for name in names if name in item}


def _tell(reached: Mapping[str, Any] | None, said: str) -> None:
    for line in said.splitlines():
        say(f"  {line}")
    if reached:
        say(
            f"  {', '.join(f'{name}: {value}' for name, value in reached.items() if value not in ('', [], None))}"
        )
