"""Project the items of dead letters as they are now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bookstore.streams import dead_letters


class Command(BaseCommand):
    help = "Project the items named by dead letters as they are now; a letter is deleted once that has succeeded."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--all", action="store_true", help="every letter")
        chosen.add_argument(
            "--key", action="append", help="letters of this item, as dead_letters lists it; may be repeated"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted: list[str] | None = options["key"]
        done = dead_letters.replay_all(
            keys=wanted, at=timezone.now(), say=self.stdout.write, complain=self.stderr.write
        )
        self.stdout.write(f"{done.replayed} replayed, {len(done.left)} left in the queue.")
        if done.left:
            raise CommandError(f"{len(done.left)} of the letters could not be projected; each is told above.")
        if wanted is not None and not done.replayed:
            raise CommandError("No dead letter has such a key; `manage.py dead_letters` lists them.")
