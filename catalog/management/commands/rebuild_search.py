"""Build the search index anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from bookstore.opensearch.errors import SearchUnavailableError, SupersededError
from catalog.progress import Progress
from catalog.rebuild import rebuild_search


class Command(BaseCommand):
    help = (
        "Build a new search index from DynamoDB and exchange it for the old one, while the shop "
        "goes on. Availability and ratings that fell behind are mended on the way."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-needed", action="store_true", help="leave an index of today's make alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with Progress("indexing", total=None, unit="books", out=self.stderr) as progress:
                done = rebuild_search(
                    at=timezone.now(), on_books=progress.advance, if_needed=options["if_needed"]
                )
        except SupersededError as error:
            raise CommandError(str(error)) from error
        except SearchUnavailableError as error:
            raise CommandError(f"The search engine did not answer as it should: {error.reason}.") from error
        self.stdout.write(
            f"{done.documents} books in {done.index}; {done.mended} mended, {done.tombstones} tombstones kept."
        )
        if done.unindexable:
            raise CommandError(f"These books cannot be indexed: {', '.join(done.unindexable)}.")
