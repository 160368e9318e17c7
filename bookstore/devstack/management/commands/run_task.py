"""What Lambda does with the tasks function, in a process of the developer's machine."""

import json
import uuid
from argparse import ArgumentParser
from types import SimpleNamespace
from typing import Any

from django.core.management.base import BaseCommand

HOUR = 60 * 60 * 1000  # milliseconds; nobody ends this process


class Command(BaseCommand):
    help = "Run one event of the tasks function. The local shop does so where a deployed one asks Lambda."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("event", metavar="JSON", type=json.loads)

    def handle(self, *args: Any, **options: Any) -> None:
        from bookstore.functions import tasks  # noqa: PLC0415 - imports all that any task needs

        context = SimpleNamespace(
            aws_request_id=str(uuid.uuid4()), function_name="", get_remaining_time_in_millis=lambda: HOUR
        )
        self.stdout.write(json.dumps(tasks.handler(options["event"], context)))
