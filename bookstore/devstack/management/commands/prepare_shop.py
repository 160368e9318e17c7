"""Fill the local stores: tables, the sample catalogue and its orders, the search index and the leaderboards."""

import time
from typing import Any

from django.core.management import call_command

from bookstore.commands import LocalCommand

# In this order: rankings count the sample orders, which are of the sample books.
STEPS = {
    "Making the tables": "create_tables",
    "Loading the sample catalogue": "load_sample",
    "Placing the sample orders": "load_sample_orders",
    "Building the search index": "rebuild_search",
    "Building the search index of orders": "rebuild_order_search",
    "Building the leaderboards": "rebuild_leaderboard",
}


class Command(LocalCommand):
    """What is there stays; the index and the leaderboards, held in memory, are built anew each time."""

    help = "Fill the local stores with what the shop needs to open. What is there already stays."
    requires_system_checks = ()  # the web server makes them

    def handle(self, *args: Any, **options: Any) -> None:
        for name, command in STEPS.items():
            started = time.monotonic()
            self.stdout.write(f"  {name} …")
            self.stdout.flush()
            call_command(command, stdout=self.stdout, stderr=self.stderr)
            took = time.monotonic() - started
            if took > 2:  # noqa: PLR2004 - seconds; a step that took no time needs no end
                self.stdout.write(f"  {name}: done in {took:.0f} s")
