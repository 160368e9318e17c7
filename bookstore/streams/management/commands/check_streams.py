"""Look whether Lambda reads the streams that the tables have today."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookstore.streams.mappings import unread_streams


class Command(BaseCommand):
    help = "Fail when a table's stream is read by nobody. On AWS the clock asks; a local shop's pump has no mappings."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if unread := unread_streams():
            raise CommandError(
                f"No mapping reads {', '.join(unread)}: search and bestsellers stand still. See docs/operations.md, “A table"
                " was made anew”."
            )
        self.stdout.write("Every table's stream is read.")
