"""Load the sample catalogue."""

from itertools import batched
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from bookstore.commands import LocalCommand
from catalog import images, selectors, sitemap
from catalog.categories import recount_categories, save_category
from catalog.loading import Draft, load_books
from catalog.progress import Progress
from catalog.sample_catalogue import Cover, SampleBook, read_sample, with_cover


class Command(LocalCommand):
    help = (
        "Load the sample catalogue, with its categories and drawn covers, into a shop on this "
        "machine. What is there already stays as it is; a second run changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        categories = read_sample()
        for category in categories:
            save_category(
                slug=category.slug,
                name=category.name,
                description=category.description,
                position=category.position,
            )
        books = [book for category in categories for book in category.books]
        drafts, covers = self._draw(self._incomplete(books))
        stored = self._store(covers)
        added = self._load(drafts)
        recount_categories(category.slug for category in categories)
        if added:
            sitemap.build()
        self.stdout.write(
            f"{len(categories)} categories, {len(books)} books: {added} added, "
            f"{len(books) - added} already there; {stored} covers stored."
        )

    def _incomplete(self, books: list[SampleBook]) -> list[SampleBook]:
        """Return the books that are not there, or have no cover in the bucket; usually none, or all."""
        present = {
            book_id
            for some in batched(books, selectors.BOOKS_A_BATCH)
            for book_id in selectors.known_ids(book.book_id for book in some)
        }
        covered = images.ids_with_cover()
        return [book for book in books if not (book.book_id in present and book.book_id in covered)]

    def _draw(self, books: list[SampleBook]) -> tuple[list[Draft], list[Cover]]:
        now = timezone.now()
        drafts, covers = [], []
        with Progress("drawing", total=len(books), unit="covers", out=self.stderr) as progress:
            for number, book in enumerate(books, start=1):
                draft, cover = with_cover(book, now=now, reference=number)
                drafts.append(draft)
                covers.append(cover)
                progress.advance()
        return drafts, covers

    def _store(self, covers: list[Cover]) -> int:
        """Put covers into the bucket, before any book names them."""
        with Progress("storing", total=len(covers), unit="covers", out=self.stderr) as progress:
            for cover in covers:
                images.store_cover(cover.name, cover.drawing)
                progress.advance()
        return len(covers)

    def _load(self, drafts: list[Draft]) -> int:
        added = 0
        with Progress("loading", total=len(drafts), unit="books", out=self.stderr) as progress:
            for outcome in load_books(drafts, at=timezone.now()):
                if outcome.result == "refused":
                    raise CommandError(
                        f"The sample's book {outcome.book_id} cannot be loaded: {outcome.reason}"
                    )
                added += outcome.result == "added"
                progress.advance()
        return added
