from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bookstore.opensearch.index import OF_EVERY_DOCUMENT, tombstone_of
from catalog.search import BOOKS, LAST_PAGE, SearchQuery, UnindexableError, entry_of
from catalog.search.queries import _marked, _respelt

IMAGE = {
    "id": "b-1",
    "name": "Emma",
    "author": "Jane Austen",
    "contributors": [{"name": "Jane Austen", "slug": "jane-austen", "role": "author"}],
    "category": "classic-fiction",
    "listing": "classic-fiction",
    "price": Decimal("7.9"),
    "rating": Decimal("4.25"),
    "ratingCount": Decimal(3),
    "availability": "in_stock",
    "isbn13": "9780141439587",
    "publishedOn": "1815-12-23",
    "revision": Decimal(1795367100001),
    "addedAt": "2026-11-22T17:05:00.000000Z",
}


def test_a_book_becomes_a_document_of_its_revision():
    entry = entry_of(IMAGE)
    assert (entry.key, entry.version) == ("b-1", 1795367100001)
    assert entry.document["state"] == "sold"
    assert entry.document["words"] == ["Emma", "Jane Austen", "classic fiction"]
    assert entry.document["published_year"] == 1815
    assert entry.document["price"] == "7.9"  # exact: never through a float


def test_a_document_has_nothing_that_its_index_does_not_look_into():
    """An index ignores what it does not know, so a slip of the pen would be silent."""
    full = {**IMAGE, "language": "en", "description": "A comedy of manners.", "series": "Everyman"}
    assert entry_of(full).document.keys() == BOOKS.properties.keys() - {"removed_at"}
    gone = tombstone_of("b-1", last_version=1, at=datetime(2026, 11, 22, tzinfo=UTC))
    assert gone.document.keys() <= OF_EVERY_DOCUMENT.keys()


def test_a_withdrawn_book_is_a_document_that_is_not_sold():
    withdrawn = {name: value for name, value in IMAGE.items() if name != "listing"}
    assert entry_of(withdrawn).document["state"] == "withdrawn"


def test_a_removed_book_leaves_a_tombstone_one_revision_later():
    entry = tombstone_of("b-1", last_version=7, at=datetime(2026, 11, 22, tzinfo=UTC))
    assert entry.version == 8
    assert entry.document["state"] == "removed"


@pytest.mark.parametrize(
    "broken",
    [
        {"name": None},
        {"price": "dear"},
        {"revision": None},
        {"contributors": [{}]},
        {"publishedOn": "unknown"},
    ],
)
def test_a_broken_book_is_told_from_a_broken_engine(broken):
    with pytest.raises(UnindexableError):
        entry_of({**IMAGE, **broken})


@pytest.mark.parametrize(
    "missing", ["id", "name", "category", "price", "rating", "availability", "revision", "addedAt"]
)
def test_a_book_that_lacks_what_every_book_has_is_unindexable(missing):
    with pytest.raises(UnindexableError):
        entry_of({name: value for name, value in IMAGE.items() if name != missing})


def test_nobody_can_write_the_marks_of_a_highlight():
    assert entry_of({**IMAGE, "name": "Em\ue000ma\ue001"}).document["title"] == "Emma"
    assert SearchQuery("em\ue000ma").text == "emma"


def test_a_highlight_is_escaped_before_it_is_marked():
    assert _marked("<b>\ue000C&A\ue001</b>") == "&lt;b&gt;<mark>C&amp;A</mark>&lt;/b&gt;"


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("  pride \t and\nprejudice ", "pride and prejudice"),
        ("em\x00ma\x07", "emma"),
        ("\ud800emma", "emma"),
        ("x" * 5000, "x" * 200),
        ("", ""),
        ("😀", "😀"),
    ],
)
def test_what_is_typed_is_made_safe(typed, asked):
    assert SearchQuery(typed).text == asked


@pytest.mark.parametrize(("page", "shown"), [(-3, 1), (0, 1), (7, 7), (10**9, LAST_PAGE)])
def test_a_page_is_always_one_within_reach(page, shown):
    assert SearchQuery("emma", page=page).page == shown
    assert LAST_PAGE * 24 <= 10_000


def test_a_band_that_does_not_exist_is_none():
    assert SearchQuery("emma", price_band="free").price_band == ""
    assert SearchQuery("emma", price_band="under-8").band.below == Decimal(8)


def test_a_respelling_counts_in_utf16_as_the_engine_does():
    spelling = [{"text": "prejudise", "offset": 3, "length": 9, "options": [{"text": "prejudice"}]}]
    assert _respelt("😀 prejudise", spelling) == "😀 prejudice"


def test_another_ending_is_no_other_word():
    spelling = [{"text": "alice", "offset": 0, "length": 5, "options": [{"text": "alices"}]}]
    assert _respelt("alice", spelling) is None
