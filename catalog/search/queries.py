"""What can be asked of the search index: a page of results, and suggestions while typing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from bookstore.opensearch.engine import client, trouble_told
from bookstore.opensearch.words import MARK, UNMARK, clean_text, first_words
from catalog import keys
from catalog.isbn import BadIsbnError, read_isbn
from catalog.search.index import SOLD, WITHDRAWN

RESULTS_A_PAGE = 24
_REACHABLE = 10_000  # index.max_result_window: results further from the top are out of reach
LAST_PAGE = _REACHABLE // RESULTS_A_PAGE

_SPELLINGS = 30  # of each word; an engine takes 1024 clauses a query
_SNIPPET_CHARACTERS = 160
_FACETS = 100
# The engine's own English stop words: titles such as "It" and "Of Mice and Men" have them indexed.
_EVERYWHERE = frozenset(
    [
        *(
            "a",
            "an",
            "and",
            "are",
            "as",
            "at",
            "be",
            "but",
            "by",
            "for",
            "if",
            "in",
            "into",
            "is",
            "it",
            "no",
        ),
        *("not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this"),
        *("to", "was", "will", "with"),
    ]
)
_AS_WRITTEN = "as_written"  # names the part of a query that takes words as they are spelt

SUGGESTIONS = 8
_BOOKS_LOOKED_THROUGH = 100  # for the names in them
_SUGGESTED_AUTHORS = 3
_THERE: dict[str, Any] = {"terms": {"state": [SOLD, WITHDRAWN]}}  # no tombstone


type _Part = dict[str, Any]  # of a request, in the engine's words


# --- Questions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Prices from ``at_least`` to just under ``below``; ``None`` where the band is open."""

    slug: str
    at_least: Decimal | None
    below: Decimal | None

    def as_range(self) -> dict[str, str]:
        """Return the band in the engine's words for a filter."""
        bounds = {"gte": self.at_least, "lt": self.below}
        return {name: str(bound) for name, bound in bounds.items() if bound is not None}

    def as_bucket(self) -> dict[str, str]:
        """Return the band in the engine's words for counting."""
        bounds = {"from": self.at_least, "to": self.below}
        return {"key": self.slug, **{name: str(bound) for name, bound in bounds.items() if bound is not None}}


PRICE_BANDS = (
    PriceBand("under-8", None, Decimal(8)),
    PriceBand("8-to-12", Decimal(8), Decimal(12)),
    PriceBand("12-to-20", Decimal(12), Decimal(20)),
    PriceBand("20-and-over", Decimal(20), None),
)
_BANDS = {band.slug: band for band in PRICE_BANDS}


@dataclass(frozen=True)
class SearchQuery:
    """What a visitor asked, made safe: any text, any page number and any band may be given.

    Control characters go, white space is one space, text ends after 200 characters; a page
    is one of those within reach; a band that does not exist is none.
    """

    text: str = ""
    category: str = ""  # a slug
    price_band: str = ""  # a PriceBand's slug
    page: int = 1
    also_withdrawn: bool = False  # for staff

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", clean_text(self.text))
        object.__setattr__(self, "page", min(max(self.page, 1), LAST_PAGE))
        object.__setattr__(self, "category", clean_text(self.category))
        object.__setattr__(self, "price_band", self.price_band if self.price_band in _BANDS else "")

    @property
    def is_narrowed(self) -> bool:
        """Whether a category or a price was chosen."""
        return bool(self.category or self.price_band)

    @property
    def band(self) -> PriceBand | None:
        """The price band, if one was chosen."""
        return _BANDS.get(self.price_band)


# --- Answers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CategoryFacet:
    """How many of the results stand in a category, whatever category was chosen."""

    slug: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class PriceFacet:
    """How many of the results lie in a price band, whatever band was chosen."""

    band: PriceBand
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Facets:
    """By what the results can be narrowed."""

    categories: tuple[CategoryFacet, ...] = ()  # most results first
    prices: tuple[PriceFacet, ...] = ()  # cheapest first, all bands, empty ones too


_NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Highlight:
    """A result's text with the matches in ``<mark>``, escaped; empty where nothing matched."""

    title: SafeString = _NOTHING
    author: SafeString = _NOTHING
    description: SafeString = _NOTHING  # a snippet


@dataclass(frozen=True, slots=True)
class SearchResults:
    """One page of what was found; prices and stock are the table's to tell."""

    query: SearchQuery
    ids: tuple[str, ...] = ()
    total: int = 0  # those out of reach too
    facets: Facets = field(default_factory=Facets)
    highlights: Mapping[str, Highlight] = field(default_factory=dict)  # by book id
    did_you_mean: str | None = None

    @property
    def pages(self) -> int:
        """How many pages there are within reach."""
        return min(-(-self.total // RESULTS_A_PAGE), LAST_PAGE)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An author or a book to go to straight away."""

    kind: Literal["author", "book"]
    text: str
    url: str
    detail: str = ""  # a book's authors


def find(query: SearchQuery) -> SearchResults:
    """Return the books that match, best first, with what narrows them: one request.

    Every word must be there, in title, names, series, subject or description; a word may be
    misspelt or, if it is the last, unfinished. A valid ISBN finds its book first. Asking
    nothing finds nothing, without a request. Raises ``SearchUnavailableError``.
    """
    if not query.text:
        return SearchResults(query)
    with trouble_told():
        answer = client().search(index=settings.SEARCH_INDEX, body=_request(query))
    hits = answer["hits"]["hits"]
    return SearchResults(
        query,
        ids=tuple(hit["_id"] for hit in hits),
        total=int(answer["hits"]["total"]["value"]),
        facets=_facets(query, answer["aggregations"]),
        highlights={hit["_id"]: _highlight(hit["highlight"]) for hit in hits if hit.get("highlight")},
        did_you_mean=_did_you_mean(query, answer),
    )


def suggest(text: str) -> list[Suggestion]:
    """Return up to eight authors and books whose name begins like what is being typed: one request.

    Raises ``SearchUnavailableError``.
    """
    documents = _beginning_like(text, size=SUGGESTIONS)
    suggested = [
        Suggestion("author", name, reverse("catalog:author", args=[keys.author_slug(name)]))
        for name in _people_like(text, documents)[:_SUGGESTED_AUTHORS]
    ]
    for document in documents:
        url = reverse("catalog:book", args=[document["id"], keys.book_slug(document["title"])])
        suggested.append(Suggestion("book", document["title"], url, detail=document["author"]))
    return suggested[:SUGGESTIONS]


def oldest_year() -> str | None:
    """Return the year in which the oldest book came in, on sale or not; ``None`` without any: one request.

    Raises ``SearchUnavailableError``.
    """
    body = {"size": 1, "_source": ["added_at"], "query": _THERE, "sort": [{"added_at": "asc"}]}
    with trouble_told():
        answer = client().search(index=settings.SEARCH_INDEX, body=body)
    return next((hit["_source"]["added_at"][:4] for hit in answer["hits"]["hits"]), None)


def suggested_authors(text: str) -> list[str]:
    """Return the names that begin like a text, of people with a part in the hundred books that fit best: one request.

    Raises ``SearchUnavailableError``.
    """
    return _people_like(text, _beginning_like(text, size=_BOOKS_LOOKED_THROUGH))


def _beginning_like(text: str, *, size: int) -> list[dict[str, Any]]:
    """Return what the index holds of the books on sale whose title or people begin like a text."""
    typed = clean_text(text)
    if not keys.fold(typed).split():
        return []
    body = {
        "size": size,
        "_source": ["id", "title", "author", "people"],
        "query": {"bool": {"filter": [_shown(SearchQuery())], "must": [_as_typed(first_words(typed))]}},
        "sort": ["_score", {"id": "asc"}],
    }
    with trouble_told():
        answer = client().search(index=settings.SEARCH_INDEX, body=body)
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def _people_like(text: str, documents: list[dict[str, Any]]) -> list[str]:
    words = keys.fold(clean_text(text)).split()
    return list(
        dict.fromkeys(
            name for document in documents for name in document["people"] if _begins_like(name, words)
        )
    )


# --- In the engine's words ---------------------------------------------------------------------------------


def _request(query: SearchQuery) -> dict[str, Any]:
    # A filter that is not needed is left out: the local engine would run an empty one over every book.
    in_category: _Part | None = {"term": {"category": query.category}} if query.category else None
    in_band: _Part | None = {"range": {"price": query.band.as_range()}} if query.band else None
    chosen = [choice for choice in (in_category, in_band) if choice]
    # Filtered after counting: each facet counts under the other's choice, not under its own.
    narrowed = {"post_filter": {"bool": {"filter": chosen}}} if chosen else {}
    return {
        **narrowed,
        "from": (query.page - 1) * RESULTS_A_PAGE,
        "size": RESULTS_A_PAGE,
        "track_total_hits": True,
        "_source": False,
        "query": {"bool": {"filter": [_shown(query)], "must": [_matching(query.text)]}},
        # Ties are broken, so that no result stands on two pages or on none.
        "sort": ["_score", {"id": "asc"}],
        "aggs": {
            "categories": _counted({"terms": {"field": "category", "size": _FACETS}}, under=in_band),
            "prices": _counted(
                {"range": {"field": "price", "ranges": [band.as_bucket() for band in PRICE_BANDS]}},
                under=in_category,
            ),
        },
        "highlight": {
            "pre_tags": [MARK],
            "post_tags": [UNMARK],
            "require_field_match": False,
            "fields": {
                "title.shown": {"number_of_fragments": 0},
                "author": {"number_of_fragments": 0},
                "description": {"fragment_size": _SNIPPET_CHARACTERS, "number_of_fragments": 1},
            },
        },
        "suggest": {
            "spelling": {
                "text": first_words(query.text),
                "term": {
                    "field": "words",
                    "suggest_mode": "missing",
                    "min_word_length": 4,
                    "prefix_length": 1,
                    "size": 1,
                },
            }
        },
    }


def _counted(facet: _Part, *, under: _Part | None) -> _Part:
    """Count a facet, under another's choice if there is one."""
    return {"filter": under, "aggs": {"counted": facet}} if under else facet


def _shown(query: SearchQuery) -> _Part:
    """Show withdrawn books to staff alone."""
    return _THERE if query.also_withdrawn else {"term": {"state": SOLD}}


def _matching(text: str) -> dict[str, Any]:
    words = first_words(text)
    telling = _telling(words)
    as_written: list[dict[str, Any]] = [
        {"constant_score": {"filter": {"term": {"title.exact": text}}, "boost": 40}},
        {"match_phrase": {"title": {"query": telling, "slop": 2, "boost": 6}}},
        # "austen emma": each word somewhere, as if title and names were one text.
        {
            "multi_match": {
                "query": telling,
                "type": "cross_fields",
                "operator": "and",
                "fields": ["title^4", "people^3"],
            }
        },
        {"match": {"words.english": {"query": words, "operator": "and", "boost": 2}}},
        # The last word may be unfinished.
        {"match_bool_prefix": {"words": {"query": words, "operator": "and"}}},
        {"match": {"description": {"query": words, "operator": "and", "boost": 0.3}}},
    ]
    try:
        isbn13 = read_isbn(text)
    except BadIsbnError:
        pass
    else:
        as_written.append({"constant_score": {"filter": {"term": {"isbn13": isbn13}}, "boost": 1000}})
    respelt = {
        "match": {
            "words": {
                "query": words,
                "operator": "and",
                "fuzziness": "AUTO",
                "prefix_length": 1,
                "max_expansions": _SPELLINGS,
                "boost": 0.3,
            }
        }
    }
    ways = [{"bool": {"should": as_written, "minimum_should_match": 1, "_name": _AS_WRITTEN}}, respelt]
    return {"bool": {"should": ways, "minimum_should_match": 1}}


def _as_typed(words: str) -> dict[str, Any]:
    return {
        "multi_match": {
            "query": words,
            "type": "bool_prefix",
            "operator": "and",
            "fuzziness": "AUTO",
            "prefix_length": 1,
            "max_expansions": _SPELLINGS,
            "fields": ["title^2", "people"],
        }
    }


def _telling(words: str) -> str:
    """Return the words without those that stand in every other title; all of them when no other is left."""
    return " ".join(word for word in words.split(" ") if word.casefold() not in _EVERYWHERE) or words


# --- Out of the engine's words -----------------------------------------------------------------------------


def _facets(query: SearchQuery, counted: Mapping[str, Any]) -> Facets:
    bands = {bucket["key"]: int(bucket["doc_count"]) for bucket in _buckets(counted["prices"])}
    slugs = {bucket["key"]: int(bucket["doc_count"]) for bucket in _buckets(counted["categories"])}
    if query.category:
        slugs.setdefault(query.category, 0)  # to be taken back
    return Facets(
        categories=tuple(
            CategoryFacet(slug, slugs[slug], slug == query.category)
            for slug in sorted(slugs, key=lambda slug: (-slugs[slug], slug))
        ),
        prices=tuple(
            PriceFacet(band, bands.get(band.slug, 0), band.slug == query.price_band) for band in PRICE_BANDS
        ),
    )


def _buckets(facet: Mapping[str, Any]) -> list[dict[str, Any]]:
    buckets: list[dict[str, Any]] = facet.get("counted", facet)["buckets"]
    return buckets


def _highlight(fragments: Mapping[str, list[str]]) -> Highlight:
    return Highlight(
        title=_marked(" ".join(fragments.get("title.shown", ()))),
        author=_marked(" ".join(fragments.get("author", ()))),
        description=_marked(" … ".join(fragments.get("description", ()))),
    )


def _marked(text: str) -> SafeString:
    """Escape a text first and put the marks in afterwards: what a book says can never become markup."""
    escaped = str(escape(text))
    return mark_safe(escaped.replace(MARK, "<mark>").replace(UNMARK, "</mark>"))  # noqa: S308 -- escaped just above


def _did_you_mean(query: SearchQuery, answer: Mapping[str, Any]) -> str | None:
    """Return the question respelt, when no book was found by the words as they were written."""
    hits = answer["hits"]["hits"]
    if query.page > 1 or any(_AS_WRITTEN in hit.get("matched_queries", ()) for hit in hits):
        return None
    return _respelt(first_words(query.text), answer.get("suggest", {}).get("spelling", []))


def _respelt(text: str, spelling: list[Mapping[str, Any]]) -> str | None:
    """Return the text with each word that no book has replaced by the nearest that one has.

    Another ending of the same word is no other word. The engine counts in UTF-16 units, as Java does.
    """
    units = text.encode("utf-16-le")
    for word in reversed(spelling):
        nearest = word["options"][0]["text"] if word["options"] else ""
        written, offered = keys.fold(word["text"]), keys.fold(nearest)
        if offered and not (offered.startswith(written) or written.startswith(offered)):
            start, end = 2 * word["offset"], 2 * (word["offset"] + word["length"])
            units = units[:start] + nearest.encode("utf-16-le") + units[end:]
    respelt = units.decode("utf-16-le")
    return respelt if respelt != text else None


def _begins_like(name: str, words: list[str]) -> bool:
    """Tell whether each typed word begins a word of the name."""
    of_name = keys.fold(name).split()
    return all(any(part.startswith(word) for part in of_name) for word in words)
