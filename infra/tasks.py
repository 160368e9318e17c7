"""Long work, done by the tasks function: started from here, shown while it goes on."""

import json
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config

from infra.errors import DeploymentError
from infra.functions import name_of
from infra.place import Place, say

LONGEST = 15 * 60  # seconds that one call of the function may take


def run(place: Place, command: str, arguments: Sequence[str] = ()) -> None:
    """Run a task to its end; raise ``DeploymentError`` with what it said when it fails."""
    client: Any = boto3.client(
        "lambda",
        region_name=place.region,
        config=Config(connect_timeout=5, read_timeout=LONGEST + 20, retries={"total_max_attempts": 1}),
    )
    event = {"command": command, "arguments": list(arguments)}
    answer = client.invoke(FunctionName=name_of(place, "tasks"), Payload=json.dumps(event).encode())
    told = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        reason = told.get("errorMessage", told) if isinstance(told, dict) else told
        raise DeploymentError(f"The task {command} failed: {reason}")
    for line in str((told or {}).get("said", "")).splitlines():
        say(f"  {line}")
