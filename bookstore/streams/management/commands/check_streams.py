"""Look whether Lambda reads the streams that the tables have today."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookstore.streams.mappings import unread_tables


class Command(BaseCommand):
    help = "Fail when a projected table's stream is read by nobody. On AWS the clock asks; a local shop's pump has no mappings."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if unread := unread_tables():
            raise CommandError(
                f"Nobody reads the stream of {', '.join(unread)}: search and bestsellers stand still. See"
                " docs/operations.md, “A table was made anew”."
            )
        self.stdout.write("The stream of every projected table is read.")
