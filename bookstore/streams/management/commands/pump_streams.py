"""Deliver the tables' streams to the projector, as Lambda's event source mapping does on AWS."""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookstore.streams.errors import StreamStalledError
from bookstore.streams.pump import Positions, Pump, StreamsAwayError


class Command(BaseCommand):
    help = "Deliver the tables' stream records to the projector until told to stop (Ctrl-C or SIGTERM)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what waits now, then end")
        parser.add_argument(
            "--positions",
            type=Path,
            default=settings.BASE_DIR / ".devstack" / "stream-positions.json",
            metavar="FILE",
            help="where to remember how far each stream has been read (default: %(default)s)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        pump = Pump(positions=Positions(options["positions"]))
        if not options["once"]:
            with _until_told_to_stop() as wait:
                pump.run(wait=wait)
            return
        try:
            delivered = pump.drain()
        except (StreamStalledError, StreamsAwayError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"records delivered: {delivered}")


@contextlib.contextmanager
def _until_told_to_stop() -> Iterator[Callable[[float], bool]]:
    """Give a ``wait(seconds)`` that returns true as soon as the process is asked to end.

    A signal only writes to a pipe, so that a batch under way is never cut short.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)

    def stop(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):  # told often enough
            os.write(tell, b"!")

    def wait(seconds: float) -> bool:
        return bool(select.select([told], [], [], seconds)[0])

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield wait
    finally:
        for number, action in before.items():
            signal.signal(number, action)
        os.close(told)
        os.close(tell)
