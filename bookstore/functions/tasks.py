"""The tasks function: the management commands that a deployed shop needs, one an event.

An event is ``{"command": "rebuild_search", "arguments": [], "task": "an id"}``.
"""

import io
import logging
import os
from collections.abc import Mapping
from typing import Any, TypedDict

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
django.setup()

from django.core.management import CommandError, call_command  # noqa: E402 - its commands need the settings

log = logging.getLogger(__name__)

ALLOWED = frozenset(
    {
        "build_sitemap",
        "import_books",
        "rebuild_leaderboard",
        "rebuild_search",
        "release_unpaid_orders",
        "replay_dead_letters",
    }
)


class Outcome(TypedDict):
    """What the function answers to whoever waits for it."""

    command: str
    said: str


class TaskRefusedError(ValueError):
    """An event asks for a command that is not on the list, or is no event of this function."""


def handler(event: Mapping[str, Any], context: object) -> Outcome:  # noqa: ARG001 - Lambda's signature
    """Run one command; raise ``TaskRefusedError`` or whatever the command raises, so that Lambda counts an error."""
    command, arguments = event.get("command"), event.get("arguments") or []
    if command not in ALLOWED or not all(isinstance(each, str) for each in arguments):
        raise TaskRefusedError(f"no task of this function: {command!r}")
    said = io.StringIO()
    try:
        call_command(command, *arguments, stdout=said, stderr=said)
    except CommandError:
        log.error("%s: %s", command, said.getvalue())  # noqa: TRY400 - its own words follow
        raise
    return {"command": command, "said": said.getvalue()}
