"""What a book's page shows, for the public and, before that, for staff."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog import selectors, structured_data
from catalog.errors import CategoryNotFoundError
from catalog.selectors import Book, CategorySummary

NEIGHBOURS = 6


def context_of(book: Book) -> dict[str, Any]:
    """Return the page's context: one Query for the shelf beside it, another where there are reviews."""
    reviews = selectors.published_reviews(book.id) if book.rating_count else []
    shelf = selectors.books_in_category(slug=book.category, sort="rating").items
    subject = _subject(book.category)
    steps = [(_("Categories"), reverse("catalog:categories"))]
    if subject:
        steps.append((subject.name, reverse("catalog:category", args=[subject.slug])))
    steps.append((book.title, book.get_absolute_url()))
    return {
        "book": book,
        "authors": [person for person in book.contributors if person.role == "author"],
        "others": [person for person in book.contributors if person.role != "author"],
        "subject": subject,
        "reviews": reviews,
        "neighbours": [neighbour for neighbour in shelf if neighbour.id != book.id][:NEIGHBOURS],
        "book_data": structured_data.book_data(book, reviews),
        "breadcrumb": structured_data.breadcrumb_data(*steps),
    }


def _subject(slug: str) -> CategorySummary | None:
    try:
        return selectors.get_category(slug)
    except CategoryNotFoundError:  # its books are still for sale
        return None
