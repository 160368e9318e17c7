"""Give back what was reserved and never paid."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from pynamodb.exceptions import PynamoDBException

from bookstore.dynamodb.errors import is_transient
from orders import services

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Give the copies of orders that were not paid in time back to stock, place those whose money came "
        "unnoticed, and refund what is due. Safe at any time, and in several processes at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--every",
            type=float,
            metavar="SECONDS",
            help="go on until SIGTERM, with a pause of so many seconds",
        )

    def handle(self, *args: Any, every: float | None, **options: Any) -> None:
        if every is None:
            self._once()
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while not stopped.is_set():
            try:
                self._once()
            except PynamoDBException as error:
                if not is_transient(error):
                    raise
                log.warning("DynamoDB did not answer; the next round tries again: %s", error)
            stopped.wait(every)

    def _once(self) -> None:
        done = services.release_unpaid(at=timezone.now())
        if done.anything:
            self.stdout.write(
                f"  {done.released} given back, {done.confirmed} placed, {done.settled} settled, {done.left} left"
            )
