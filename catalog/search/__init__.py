"""The search index of books: what it holds (``index``), what can be asked (``queries``)."""

from bookstore.opensearch.errors import SearchUnavailableError, UnindexableError
from catalog.search.index import BOOKS, entry_of, put_book, refresh, remove_book
from catalog.search.queries import (
    LAST_PAGE,
    PRICE_BANDS,
    RESULTS_A_PAGE,
    CategoryFacet,
    Facets,
    Highlight,
    PriceBand,
    PriceFacet,
    SearchQuery,
    SearchResults,
    Suggestion,
    find,
    oldest_year,
    suggest,
    suggested_authors,
)

__all__ = [
    "BOOKS",
    "LAST_PAGE",
    "PRICE_BANDS",
    "RESULTS_A_PAGE",
    "CategoryFacet",
    "Facets",
    "Highlight",
    "PriceBand",
    "PriceFacet",
    "SearchQuery",
    "SearchResults",
    "SearchUnavailableError",
    "Suggestion",
    "UnindexableError",
    "entry_of",
    "find",
    "oldest_year",
    "put_book",
    "refresh",
    "remove_book",
    "suggest",
    "suggested_authors",
]
