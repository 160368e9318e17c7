"""Count each category's books."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog.categories import recount_categories


class Command(BaseCommand):
    help = "Count the books that are on sale in each category, as menus show it."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = recount_categories()
        self.stdout.write(
            f"{sum(counts.values())} books in {len(counts)} categor{'ies' if len(counts) != 1 else 'y'}."
        )
