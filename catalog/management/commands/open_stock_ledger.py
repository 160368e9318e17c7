"""State the opening stock of books that were stored before there was a stock ledger."""

from itertools import batched
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from catalog import ledger, selectors, stock
from catalog.errors import BookNotFoundError
from catalog.progress import Progress


class Command(BaseCommand):
    help = (
        "Enter into the stock ledger what each book came with that was stored before there was a "
        "ledger: what its entries leave over of its stock. Safe while the shop sells; a second run "
        "changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stated = books = 0
        with Progress("looking", total=None, unit="books", out=self.stderr) as progress:
            for images in selectors.book_images(attributes=["id"]):
                ids = [str(image["id"]) for image in images]
                for some in batched(ids, selectors.BOOKS_A_BATCH):
                    stated += sum(map(self._state, ledger.books_without_opening(some)))
                books += len(ids)
                progress.advance(len(ids))
        self.stdout.write(f"{books} books: {stated} opening balances stated.")

    def _state(self, book_id: str) -> bool:
        try:
            return stock.state_opening(book_id=book_id, at=timezone.now())
        except BookNotFoundError:
            return False  # gone since it was listed
