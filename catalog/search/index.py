"""What the search index holds, how it is written, and how it is exchanged for a new one.

``settings.SEARCH_INDEX`` is an alias; the indexes behind it carry the time at which they were
made. While a rebuild fills a new one, ``<alias>-building`` points there, and every write goes
to both aliases in one request: whoever writes need not know whether a rebuild is under way.

Rebuilds that overlap are told apart by these aliases alone, as the engine changes them one
request at a time. Each is given to an index as its sole one (``is_write_index``): a second one
is refused. An index becomes the live one only out of ``<alias>-building``, by actions that
are cancelled together when it is no longer there. An index with no alias therefore never gets one
again, and is the only kind that is ever deleted.

A document's version is its book's ``revision``, given from outside, so an older write never
undoes a newer one, in whatever order and however often they come. A removed book leaves a
tombstone one revision later, which outlives every replay; no query shows it.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from django.conf import settings

from bookstore import aws
from bookstore.dynamodb.attributes import instant_text
from catalog.errors import SearchUnavailableError, SupersededError
from catalog.search.engine import MARKS, patient_client, trouble_told

# What becomes of a book, in the index's words.
SOLD = "sold"
WITHDRAWN = "withdrawn"
REMOVED = "removed"

TOMBSTONE_DAYS = 7  # a stream keeps its records for one; what is older is purged by a rebuild
_WRITE_TIMEOUT_SECONDS = 5  # a projector goes on to the next try
_BULK_TIMEOUT_SECONDS = 60  # for hundreds of books at once
_TOMBSTONES_A_REQUEST = 1000
_SOLE = {"is_write_index": True}  # the engine refuses a second one behind the same alias
_GONE_IS_EMPTY = {"ignore_unavailable": "true"}


class UnindexableError(ValueError):
    """A book that no index takes, now or later: an attribute is missing or of a wrong kind."""


# --- What the index holds ----------------------------------------------------------------------------------

# "Alice's" is a form of "Alice", and "don't" one word. (OpenSearch's possessive stemmer would do the
# first, but the local engine's makes every word alike, and it indexes with few other filters.)
_APOSTROPHES = ["without_possessives", "without_apostrophes"]
# Where matches are marked, as much stands after the filters as before: the local engine marks the
# text at the byte where it found a word in what they left.
_POSSESSIVES_BLANKED = [f"blanked_possessives_{size}" for size in (1, 2, 3)]
_ANALYSIS: dict[str, Any] = {
    "char_filter": {
        "without_possessives": {
            "type": "pattern_replace",
            "pattern": "['\u2019\u02bc]s\\b",
            "replacement": "",
        },
        "without_apostrophes": {"type": "mapping", "mappings": ["'=>", "\u2019=>", "\u02bc=>"]},
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
    "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    "analyzer": {
        # Every word as it is: names, and titles such as "It".
        "folded": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": _APOSTROPHES,
            "filter": ["lowercase", "asciifolding"],
        },
        # Words that say something, in the form in which they were written.
        "words": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": _APOSTROPHES,
            "filter": ["lowercase", "english_stop", "asciifolding"],
        },
        # The same, whatever their ending: "painter", "painted".
        "english_folded": {
            "type": "custom",
            "tokenizer": "standard",
            "char_filter": _APOSTROPHES,
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

_FOLDED = {"type": "text", "analyzer": "folded"}
# The beginnings of words are indexed too, for what is still being typed. (The type made for that,
# search_as_you_type, takes four times as long to index on the local engine and finds no more.)
_BEGINNINGS = {"index_prefixes": {"min_chars": 1, "max_chars": 12}}

INDEX_BODY: dict[str, Any] = {
    "settings": {
        "index": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
        "analysis": _ANALYSIS,
    },
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "id": {"type": "keyword"},
            "state": {"type": "keyword"},  # SOLD, WITHDRAWN or REMOVED
            "removed_at": {"type": "date"},  # of a tombstone, which has nothing else
            "title": {
                **_FOLDED,
                **_BEGINNINGS,
                "fields": {
                    "exact": {"type": "keyword", "normalizer": "folded", "ignore_above": 300},
                    "shown": {"type": "text", "analyzer": "folded_shown"},
                },
            },
            "author": {"type": "text", "analyzer": "folded_shown"},  # as printed on the cover
            "people": {**_FOLDED, **_BEGINNINGS},  # everybody with a part in the book
            # Title, names, series and subject together: a search may name some of each.
            "words": {
                "type": "text",
                "analyzer": "words",
                **_BEGINNINGS,
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
    },
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index shall hold about one book, as of one revision."""

    book_id: str
    revision: int
    document: Mapping[str, Any]


def entry_of(image: Mapping[str, Any]) -> Entry:
    """Return what a book's image, plain values under DynamoDB's names, comes to in the index.

    Raises ``UnindexableError``.
    """
    try:
        names = [_readable(person["name"]) for person in image.get("contributors", ())]
        subject = str(image["category"]).replace("-", " ")
        title = _readable(image["name"])
        document: dict[str, Any] = {
            "id": str(image["id"]),
            "state": SOLD if "listing" in image else WITHDRAWN,
            "title": title,
            "author": _readable(image.get("author", "")),
            "people": names,
            "words": [title, *names, *filter(None, [_readable(image.get("series", ""))]), subject],
            "description": _readable(image.get("description", "")),
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


def tombstone_of(book_id: str, *, last_revision: int, at: datetime) -> Entry:
    """Return what the index holds about a book that was removed when its revision was ``last_revision``."""
    document = {"id": book_id, "state": REMOVED, "removed_at": instant_text(at)}
    return Entry(book_id, last_revision + 1, document)


def _readable(text: str) -> str:
    return text.translate(MARKS)


# --- Writing -----------------------------------------------------------------------------------------------


def put_book(image: Mapping[str, Any]) -> None:
    """Show a book as its image has it, unless the index knows better. May happen twice.

    Raises ``SearchUnavailableError`` and ``UnindexableError``.
    """
    write([entry_of(image)])


def remove_book(book_id: str, *, last_revision: int, at: datetime) -> None:
    """Take a removed book out of every result, for good. May happen twice.

    Raises ``SearchUnavailableError``.
    """
    write([tombstone_of(book_id, last_revision=last_revision, at=at)])


def write(entries: Sequence[Entry]) -> None:
    """Put entries into the index, and into the one being built if there is one, in one request.

    Raises ``SearchUnavailableError`` when a later try may succeed, and ``UnindexableError``.
    """
    aliases = (settings.SEARCH_INDEX, building_alias())
    _bulk(entries, aliases, may_lack=(building_alias(),), timeout_seconds=_WRITE_TIMEOUT_SECONDS)


def building_alias() -> str:
    """Return the alias of the index that a rebuild fills; it exists only meanwhile."""
    return f"{settings.SEARCH_INDEX}-building"


def _bulk(
    entries: Sequence[Entry], aliases: Sequence[str], *, timeout_seconds: int, may_lack: Sequence[str] = ()
) -> None:
    lines: list[Mapping[str, Any]] = []
    for entry in entries:
        for alias in aliases:
            # An alias that is not there must not become an index of guessed types.
            action = {
                "_index": alias,
                "_id": entry.book_id,
                "version": entry.revision,
                "version_type": "external",
                "require_alias": True,
            }
            lines += ({"index": action}, entry.document)
    if not lines:
        return
    with trouble_told():
        answer = patient_client().bulk(body=lines, params={"request_timeout": timeout_seconds})
    if not answer["errors"]:
        return
    asked = [alias for _ in entries for alias in aliases]
    for alias, item in zip(asked, answer["items"], strict=True):
        result = item["index"]
        if not (alias in may_lack and result["status"] == HTTPStatus.NOT_FOUND):
            _check_written(result)


def _check_written(result: Mapping[str, Any]) -> None:
    status = result["status"]
    if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT:
        return  # a conflict: the index holds this revision already, or a newer one
    error = result.get("error", {})
    kind, reason = error.get("type", "unknown"), error.get("reason", "")
    told = f"{result.get('_id')}: {kind}: {reason}"
    if status == HTTPStatus.BAD_REQUEST:
        raise UnindexableError(told)
    from opensearchpy import TransportError  # noqa: PLC0415

    raise SearchUnavailableError(told) from TransportError(status, kind, result)


# --- Indexes and aliases -----------------------------------------------------------------------------------


def create_index() -> None:
    """Make an empty index and its alias, unless there is one. The second time nothing happens."""
    with trouble_told():
        if patient_client().indices.exists_alias(name=settings.SEARCH_INDEX):
            return
        # Two that come at once must not make two: the first index has a fixed name.
        _create(_first_index(), alias=settings.SEARCH_INDEX)


def forget_everything() -> None:
    """Delete the index and whatever a rebuild left; for tests and ``make reset``.

    Raises ``aws.NotLocalError`` where the search engine is not on this machine.
    """
    aws.refuse_unless_local()
    with trouble_told():
        for alias in (settings.SEARCH_INDEX, building_alias()):
            for index in _indexes_behind(alias):
                patient_client().indices.delete(index=index, params={"ignore": HTTPStatus.NOT_FOUND})
        patient_client().indices.delete(
            index=f"{settings.SEARCH_INDEX}-initial", params={"ignore": HTTPStatus.NOT_FOUND}
        )


def start_building(*, at: datetime) -> str:
    """Make an empty index for a rebuild and return its name; from now on all writes go there too.

    What a killed rebuild left is taken over, and a rebuild that is still running has lost: it
    stops with ``SupersededError``. Of two that begin at the same moment one does.
    """
    from opensearchpy import NotFoundError  # noqa: PLC0415

    name = f"{settings.SEARCH_INDEX}-{at:%Y%m%d%H%M%S}-{uuid4().hex[:6]}"
    with trouble_told():
        for leftover in _indexes_behind(building_alias()):
            # One that is no longer there has just been finished, or another rebuild was quicker.
            with contextlib.suppress(NotFoundError):
                _change_aliases(_removal(leftover, building_alias()))
        if not _create(name, alias=building_alias()):
            raise SupersededError
    return name


def write_building(index: str, entries: Sequence[Entry]) -> None:
    """Put entries into the index being built alone.

    Raises ``SupersededError`` when another rebuild has taken over, and what ``write`` raises.
    """
    # Should another one take over at this very moment, its index gets what it would find itself.
    try:
        _bulk(entries, (building_alias(),), timeout_seconds=_BULK_TIMEOUT_SECONDS)
    finally:
        with trouble_told():
            if _indexes_behind(building_alias()) != [index]:
                raise SupersededError


def switch_to(index: str) -> None:
    """Let the alias point at the finished index alone, in one step; the second time nothing happens.

    The index before it is left without an alias, for ``clear_up``. Raises ``SupersededError``,
    having changed nothing, when another rebuild has taken over.
    """
    from opensearchpy import NotFoundError  # noqa: PLC0415

    with trouble_told():
        patient_client().indices.refresh(index=index, params=_GONE_IS_EMPTY)
        before = [name for name in _indexes_behind(settings.SEARCH_INDEX) if name != index]
        try:
            _change_aliases(
                _removal(index, building_alias()),
                *(_removal(name, settings.SEARCH_INDEX) for name in before),
                {"add": {"index": index, "alias": settings.SEARCH_INDEX, **_SOLE}},
            )
        except NotFoundError:
            # Sent twice, because the first answer was lost, it finds itself done.
            if _indexes_behind(settings.SEARCH_INDEX) != [index]:
                raise SupersededError from None


def clear_up(*, since: datetime) -> None:
    """Delete the indexes that nothing points at any more, whichever rebuild left them.

    Their tombstones not older than ``since`` are carried over first: a removal may have been on
    its way to an old index alone when the new one was made. Two may clear up at once.
    """
    aliases = (settings.SEARCH_INDEX, building_alias())
    with trouble_told():
        strays = _strays()
    for stray in strays:
        for some in tombstones(stray, since=since):
            _bulk(some, aliases, may_lack=aliases, timeout_seconds=_BULK_TIMEOUT_SECONDS)
        with trouble_told():
            patient_client().indices.delete(index=stray, params={"ignore": HTTPStatus.NOT_FOUND})


def tombstones(index: str, *, since: datetime) -> Iterator[list[Entry]]:
    """Return an index's tombstones not older than ``since``, in batches; none of an index that is gone."""
    after: list[Any] = []
    with trouble_told():
        patient_client().indices.refresh(index=index, params=_GONE_IS_EMPTY)
    while True:
        body: dict[str, Any] = {
            "size": _TOMBSTONES_A_REQUEST,
            "version": True,
            "sort": [{"id": "asc"}],
            "query": {
                "bool": {
                    "filter": [
                        {"term": {"state": REMOVED}},
                        {"range": {"removed_at": {"gte": instant_text(since)}}},
                    ]
                }
            },
        }
        if after:
            body["search_after"] = after
        with trouble_told():
            found = patient_client().search(index=index, body=body, params=_GONE_IS_EMPTY)
        hits = found["hits"]["hits"]
        if not hits:
            return
        yield [Entry(hit["_id"], int(hit["_version"]), hit["_source"]) for hit in hits]
        after = hits[-1]["sort"]


def current_indexes() -> list[str]:
    """Return the names of the indexes behind the alias: one, or none before the first."""
    with trouble_told():
        return _indexes_behind(settings.SEARCH_INDEX)


def refresh() -> None:
    """Make what was written visible at once, which otherwise takes up to a second."""
    with trouble_told():
        patient_client().indices.refresh(index=settings.SEARCH_INDEX)


def _strays() -> list[str]:
    """Return our indexes that nothing points at, and nothing ever will again."""
    ours = re.compile(rf"{re.escape(settings.SEARCH_INDEX)}-(initial|[0-9]{{14}}-[0-9a-f]{{6}})")
    found = patient_client().indices.get_alias(index=f"{settings.SEARCH_INDEX}-*")
    return [name for name, told in found.items() if ours.fullmatch(name) and not told["aliases"]]


def _create(name: str, *, alias: str) -> bool:
    """Make an index that bears an alias alone; tell whether no other index bears it."""
    from opensearchpy import RequestError, TransportError  # noqa: PLC0415

    try:
        patient_client().indices.create(index=name, body={**INDEX_BODY, "aliases": {alias: _SOLE}})
    except RequestError as error:
        if error.error != "resource_already_exists_exception":  # asked twice, or by two
            raise
    except TransportError as error:
        if error.error != "illegal_state_exception":  # "alias has more than one write index"
            raise
        return False
    return True


def _change_aliases(*actions: Mapping[str, Any]) -> None:
    """Do all of this at once or, where something to be removed is not there, raise ``NotFoundError``."""
    patient_client().indices.update_aliases(body={"actions": actions})


def _removal(index: str, alias: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": alias, "must_exist": True}}


def _first_index() -> str:
    return f"{settings.SEARCH_INDEX}-initial"


def _indexes_behind(alias: str) -> list[str]:
    answer = patient_client().indices.get_alias(name=alias, params={"ignore": HTTPStatus.NOT_FOUND})
    return sorted(answer) if "error" not in answer else []
