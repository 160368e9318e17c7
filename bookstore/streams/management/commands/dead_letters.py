"""List the records that could not be projected."""

from typing import Any

from django.core.management.base import BaseCommand

from bookstore.streams import dead_letters
from bookstore.streams.records import key_text


class Command(BaseCommand):
    help = "List the stream records that could not be projected: table, key, cause and when."

    def handle(self, *_args: Any, **_options: Any) -> None:
        messages = dead_letters.take_all()
        for message in messages:
            dead_letters.put_back(message)
        if not messages:
            self.stdout.write("There are no dead letters.")
            return
        rows = [("TABLE", "KEY", "CAUSE", "WHEN"), *sorted(_row(message) for message in messages)]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for *cells, when in rows:
            padded = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            self.stdout.write(f"{padded}  {when}")
        self.stdout.write(
            f"{len(messages)} in all. `manage.py replay_dead_letters --all` projects their items again."
        )


def _row(message: dead_letters.Message) -> tuple[str, str, str, str]:
    letter = message.letter
    if letter is None:
        return ("?", "?", f"not a dead letter of the projector: {message.body[:60]}", "?")
    return (
        letter.table,
        key_text(letter.keys) or "?",
        letter.cause,
        f"{letter.at:%Y-%m-%d %H:%M:%S} UTC",
    )
