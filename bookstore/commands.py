"""Commands for the local shop alone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookstore.aws import NotLocalError, refuse_unless_local


class LocalCommand(BaseCommand):
    """A command that would harm a real shop: where a store is elsewhere it ends in one sentence, before it begins."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Refuse, or run as every command does; ``CommandError`` names the stores that are elsewhere."""
        try:
            refuse_unless_local()
        except NotLocalError as error:
            raise CommandError(str(error)) from error
        return super().execute(*args, **options)
