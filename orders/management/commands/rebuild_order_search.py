"""Build the search index of orders anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from bookstore.opensearch.errors import SearchUnavailableError, SupersededError
from orders.rebuild import rebuild_order_search


class Command(BaseCommand):
    help = (
        "Build a new search index of orders, which staff search, from DynamoDB and exchange it for "
        "the old one, while the shop sells on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-needed", action="store_true", help="leave an index of today's make alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with tqdm(desc="orders", unit="", disable=None, leave=False) as bar:
                done = rebuild_order_search(
                    at=timezone.now(), on_orders=bar.update, if_needed=options["if_needed"]
                )
        except SupersededError as error:
            raise CommandError(str(error)) from error
        except SearchUnavailableError as error:
            raise CommandError(f"The search engine did not answer as it should: {error.reason}.") from error
        self.stdout.write(f"{done.documents} orders in {done.index}; {done.tombstones} tombstones kept.")
        if done.unindexable:
            raise CommandError(f"These orders cannot be indexed: {', '.join(done.unindexable)}.")
