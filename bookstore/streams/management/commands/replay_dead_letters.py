"""Project the items of dead letters as they are now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bookstore.streams import dead_letters
from bookstore.streams.records import key_text


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
        replayed = left = 0
        for message in dead_letters.take_all():
            letter = message.letter
            if wanted is not None and (letter is None or key_text(letter.keys) not in wanted):
                dead_letters.put_back(message)
            elif letter is not None and self._replay(letter):
                dead_letters.forget(message)
                replayed += 1
            else:
                if letter is None:
                    self.stderr.write(f"not a dead letter of the projector, left alone: {message.body[:200]}")
                dead_letters.put_back(message)
                left += 1
        self.stdout.write(f"{replayed} replayed, {left} left in the queue.")
        if left:
            raise CommandError(f"{left} of the letters could not be projected; each is told above.")
        if wanted is not None and not replayed:
            raise CommandError("No dead letter has such a key; `manage.py dead_letters` lists them.")

    def _replay(self, letter: dead_letters.DeadLetter) -> bool:
        name = f"{letter.table} {key_text(letter.keys)}"
        try:
            change = dead_letters.replay(letter, at=timezone.now())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the letter stays
            self.stderr.write(f"{name}: still not projected: {type(error).__name__}: {error}")
            return False
        self.stdout.write(f"{name}: {'projected as it is now' if change.new else 'projected its removal'}")
        return True
