"""Strings that sort, and slugs: how the catalogue's lists are put in order and its pages named.

Each key ends in ``#<id>``, so that no two are equal and a list's order is total. Nothing in
front of the ``#`` sorts below it but the space, so that "Emma" stands before "Emma Brown".
"""

import hashlib
import re
import unicodedata
from datetime import datetime
from decimal import Decimal

from django.utils.text import slugify

from bookstore.dynamodb.attributes import instant_text
from bookstore.money import to_cents

# Letters that Unicode does not take apart into a plain one and an accent.
_PLAIN_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ı": "i",
        "ŋ": "ng",
        "’": "",
        "'": "",
        "ʼ": "",
    }
)

# Words that a bookseller passes over at the head of a title, by the edition's language.
_ARTICLES = {
    "en": {"a", "an", "the"},
    "de": {"das", "der", "die", "ein", "eine"},
    "fr": {"l", "la", "le", "les", "un", "une"},
    "it": {"gli", "i", "il", "l", "la", "le", "lo", "un", "una", "uno"},
    "es": {"el", "la", "las", "los", "un", "una"},
    "pt": {"a", "as", "o", "os", "um", "uma"},
    "nl": {"de", "een", "het"},
}

# A key of an index may have 1024 bytes; folded text has at most four a character.
_KEY_CHARACTERS = 120
_NUMBER_WIDTH = 8  # digits: numbers in titles sort by their value
_SLUG_CHARACTERS = 80


def fold(text: str) -> str:
    """Return the text's words in lower case without accents or punctuation, one space between them."""
    plain = text.casefold().translate(_PLAIN_LETTERS)
    letters = "".join(
        character
        for character in unicodedata.normalize("NFKD", plain)
        if not unicodedata.combining(character)
    )
    return " ".join(re.findall(r"[^\W_]+", letters))


def title_key(title: str, *, language: str | None, book_id: str) -> str:
    """Return the key that sorts a title as a bookseller shelves it: article aside, accents ignored.

    An unknown language is taken for English. A title that is nothing but an article keeps it.
    """
    # The elided article of "L'Étranger" must be seen before its apostrophe goes.
    opened = re.sub(r"^(\W*[lL])['’ʼ]", r"\1 ", title) if language in {"fr", "it"} else title
    words = fold(opened).split(" ")
    if len(words) > 1 and words[0] in _ARTICLES.get(language or "en", _ARTICLES["en"]):
        words = words[1:]
    sortable = re.sub(r"[0-9]+", lambda number: number[0].zfill(_NUMBER_WIDTH), " ".join(words))
    return f"{sortable[:_KEY_CHARACTERS].rstrip()} #{book_id}"


def price_key(price: Decimal, *, book_id: str) -> str:
    """Return the key that sorts by price, in whole cents."""
    return f"{int(to_cents(price) * 100):010d}#{book_id}"


def rating_key(rating: Decimal, *, book_id: str) -> str:
    """Return the key that sorts by rating, 0.00 to 5.00."""
    return f"{rating:.2f}#{book_id}"


def added_key(added_at: datetime, *, book_id: str) -> str:
    """Return the key that sorts by the instant a book came into the shop."""
    return f"{instant_text(added_at)}#{book_id}"


def contribution_key(published_on: str | None, *, book_id: str) -> str:
    """Return the key that sorts an author's books by publication; those without a date come first."""
    return f"{published_on or '0000'}#{book_id}"


def book_slug(title: str) -> str:
    """Return the readable end of a book's address; a title without Latin letters gives ``book``."""
    return _slug(title) or "book"


def author_slug(name: str) -> str:
    """Return the name of an author's page.

    A name without Latin letters gets a digest of itself: two such authors must not share a page.
    """
    return _slug(name) or f"author-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def category_slug(name: str) -> str:
    """Return the slug of a category that is known by name only."""
    return _slug(name) or f"category-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _slug(text: str) -> str:
    slug = slugify(fold(text))
    if len(slug) <= _SLUG_CHARACTERS:
        return slug
    return slug[: _SLUG_CHARACTERS + 1].rpartition("-")[0] or slug[:_SLUG_CHARACTERS]
