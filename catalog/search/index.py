"""What the search index of books holds; ``bookstore.opensearch.index`` says how it is written and exchanged.

A document's version is its book's ``revision``. A removed book leaves a tombstone one revision
later, which no query shows.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from bookstore.opensearch.errors import UnindexableError
from bookstore.opensearch.index import (
    ASKED_SLOWLY,
    OF_EVERY_DOCUMENT,
    WRITTEN_SLOWLY,
    Entry,
    Index,
    tombstone_of,
)
from bookstore.opensearch.words import ANALYSIS, APOSTROPHES, BEGINNINGS, FOLDED, readable

# What becomes of a book, in the index's words, beside REMOVED.
SOLD = "sold"
WITHDRAWN = "withdrawn"

# Where matches are marked, as much stands after the filters as before: the local engine marks the
# text at the byte where it found a word in what they left.
_POSSESSIVES_BLANKED = [f"blanked_possessives_{size}" for size in (1, 2, 3)]
_ANALYSIS: dict[str, Any] = {
    "char_filter": {
        **ANALYSIS["char_filter"],
        **{
            f"blanked_possessives_{len(mark.encode())}": {
                "type": "pattern_replace",
                "pattern": f"{mark}s\\b",
                "replacement": " " * len(f"{mark}s".encode()),
            }
            for mark in "'\u02bc\u2019"
        },
    },
    "filter": {
        "english_stemmer": {"type": "stemmer", "language": "english"},
        "english_stop": {"type": "stop", "stopwords": "_english_"},
    },
    "normalizer": ANALYSIS["normalizer"],
    "analyzer": {
        **ANALYSIS["analyzer"],
        # Words that say something, in the form in which they were written.
        "words": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": APOSTROPHES,
            "filter": ["lowercase", "english_stop", "asciifolding"],
        },
        # The same, whatever their ending: "painter", "painted".
        "english_folded": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": APOSTROPHES,
            "filter": ["lowercase", "english_stop", "asciifolding", "english_stemmer"],
        },
        # The first and the last of these, for what is shown with its matches marked.
        "folded_shown": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": _POSSESSIVES_BLANKED,
            "filter": ["lowercase", "asciifolding"],
        },
        "english_shown": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": _POSSESSIVES_BLANKED,
            "filter": ["lowercase", "english_stop", "asciifolding", "english_stemmer"],
        },
    },
}

BOOKS = Index(
    settings.SEARCH_INDEX,
    settings={
        "index": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "search": ASKED_SLOWLY,
            "indexing": WRITTEN_SLOWLY,
        },
        "analysis": _ANALYSIS,
    },
    properties={
        **OF_EVERY_DOCUMENT,
        "title": {
            **FOLDED,
            **BEGINNINGS,
            "fields": {
                "exact": {"type": "keyword", "normalizer": "folded", "ignore_above": 300},
                "shown": {"type": "text", "analyzer": "folded_shown"},
            },
        },
        "author": {"type": "text", "analyzer": "folded_shown"},  # as printed on the cover
        "people": {**FOLDED, **BEGINNINGS},  # everybody with a part in the book
        # Title, names, series and subject together: a search may name some of each.
        "words": {
            "type": "text",
            "analyzer": "words",
            **BEGINNINGS,
            "fields": {"english": {"type": "text", "analyzer": "english_folded"}},
        },
        "description": {"type": "text", "analyzer": "english_shown"},
        "isbn13": {"type": "keyword"},
        "category": {"type": "keyword"},
        "language": {"type": "keyword"},
        "price": {"type": "scaled_float", "scaling_factor": 100},
        "rating": {"type": "scaled_float", "scaling_factor": 100},
        "rating_count": {"type": "integer"},
        "availability": {"type": "keyword"},
        "published_year": {"type": "integer"},
        "added_at": {"type": "date"},
    },
)


def entry_of(image: Mapping[str, Any]) -> Entry:
    """Return what a book's image, plain values under DynamoDB's names, comes to in the index.

    Raises ``UnindexableError``.
    """
    try:
        names = [readable(person["name"]) for person in image.get("contributors", ())]
        subject = str(image["category"]).replace("-", " ")
        title = readable(image["name"])
        document: dict[str, Any] = {
            "id": str(image["id"]),
            "state": SOLD if "listing" in image else WITHDRAWN,
            "title": title,
            "author": readable(image.get("author", "")),
            "people": names,
            "words": [title, *names, *filter(None, [readable(image.get("series", ""))]), subject],
            "description": readable(image.get("description", "")),
            "category": str(image["category"]),
            "price": str(Decimal(image["price"])),
            "rating": str(Decimal(image["rating"])),
            "rating_count": int(image.get("ratingCount", 0)),
            "availability": str(image["availability"]),
            "added_at": str(image["addedAt"]),
        }
        for name in ("isbn13", "language"):
            if name in image:
                document[name] = str(image[name])
        if "publishedOn" in image:
            document["published_year"] = int(str(image["publishedOn"])[:4])
        return Entry(document["id"], int(image["revision"]), document)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnindexableError(f"{type(error).__name__}: {error}") from error


def put_book(image: Mapping[str, Any]) -> None:
    """Show a book as its image has it, unless the index knows better. May happen twice.

    Raises ``SearchUnavailableError`` and ``UnindexableError``.
    """
    BOOKS.write([entry_of(image)])


def remove_book(book_id: str, *, last_revision: int, at: datetime) -> None:
    """Take a removed book out of every result, for good. May happen twice.

    Raises ``SearchUnavailableError``.
    """
    BOOKS.write([tombstone_of(book_id, last_version=last_revision, at=at)])


def refresh() -> None:
    """Make what was written visible at once, which otherwise takes up to a second."""
    BOOKS.refresh()
