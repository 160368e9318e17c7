"""The sample catalogue that comes with the shop: ``catalog/sample/``, a TOML file for each category.

A file's name is the category's slug. It begins with the category's ``name``, ``description``
and ``position`` in menus; each ``[[books]]`` has ``id``, ``title``, ``price``, ``stock``,
``rating`` (our booksellers') and what else there is to say.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from catalog import images
from catalog.drafts import BookFacts, changed_facts, check_book_id, check_facts, check_stock
from catalog.errors import BadBookError
from catalog.loading import Draft

FOLDER = Path(__file__).parent / "sample"
ARRIVED_WITHIN = timedelta(days=60)
BOOKS_A_SHELF = 8

# What the files call differently.
_NAMES = {"title": "name", "published": "published_on", "rating": "prior_rating"}


class BadSampleError(ValueError):
    """A file of the sample catalogue says something that no book or category may be."""


@dataclass(frozen=True, slots=True)
class SampleCategory:
    """A category and its books."""

    slug: str
    name: str
    description: str
    position: int
    books: tuple["SampleBook", ...]


@dataclass(frozen=True, slots=True)
class SampleBook:
    """A book of the sample, checked."""

    book_id: str
    facts: BookFacts
    stock: int

    def arrived_at(self, now: datetime) -> datetime:
        """Return an instant of the last sixty days, always as long ago: new arrivals are a mix of all categories."""
        digest = hashlib.sha256(f"arrived:{self.book_id}".encode()).digest()
        return now - ARRIVED_WITHIN * (int.from_bytes(digest[:4]) / 2**32)


@dataclass(frozen=True, slots=True)
class Cover:
    """A cover drawn for a sample book."""

    name: str
    drawing: str


def read_sample(folder: Path = FOLDER) -> tuple[SampleCategory, ...]:
    """Return the whole sample in the order of menus; raise ``BadSampleError``, naming file and book."""
    found = (_category(path) for path in sorted(folder.glob("*.toml")))
    return tuple(sorted(found, key=lambda category: category.position))


def with_cover(book: SampleBook, *, now: datetime, reference: int) -> tuple[Draft, Cover]:
    """Return a sample book as it is loaded, and the cover that it names."""
    name, drawing = images.drawn_cover(
        book_id=book.book_id,
        title=book.facts.name,
        author=book.facts.author,
        category=book.facts.category,
    )
    draft = Draft(
        reference=reference,
        book_id=book.book_id,
        facts=changed_facts(book.facts, cover=name),
        stock=book.stock,
        added_at=book.arrived_at(now),
    )
    return draft, Cover(name, drawing)


def _category(path: Path) -> SampleCategory:
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return SampleCategory(
            slug=path.stem,
            name=told["name"],
            description=told["description"],
            position=told["position"],
            books=tuple(
                _book(path, book, shelf=_shelf(told["position"], number))
                for number, book in enumerate(told["books"])
            ),
        )
    except KeyError as error:
        raise BadSampleError(f"{path.name} has no {error}") from error


def _shelf(position: int, number: int) -> str:
    """Return where a category's book stands: a bookcase for each category, with some books a shelf."""
    return f"{ascii_uppercase[position - 1]}{number // BOOKS_A_SHELF + 1}"


def _book(path: Path, told: dict[str, Any], *, shelf: str) -> SampleBook:
    said = {"location": shelf} | {_NAMES.get(name, name): value for name, value in told.items()}
    book_id, stock = said.pop("id", ""), said.pop("stock", 0)
    try:
        return SampleBook(check_book_id(book_id), check_facts(**said, category=path.stem), check_stock(stock))
    except (BadBookError, TypeError) as error:
        raise BadSampleError(f"{path.name}, {book_id or told}: {error}") from error
