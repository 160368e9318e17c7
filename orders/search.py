"""The search index of orders, for staff alone: by number, e-mail, customer's name, and book.

It holds personal data, as the orders do, and nothing that they do not: who is taken out of an
order is taken out here by the same stream record. A document's version is its order's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from bookstore.opensearch.engine import client, trouble_told
from bookstore.opensearch.errors import UnindexableError
from bookstore.opensearch.index import (
    OF_EVERY_DOCUMENT,
    REMOVED,
    WRITTEN_SLOWLY,
    Entry,
    Index,
    tombstone_of,
)
from bookstore.opensearch.words import ANALYSIS, BEGINNINGS, FOLDED, clean_text, first_words, readable
from orders.ids import drawn_at, read_number
from orders.states import Status

ORDERS_A_PAGE = 25
_REACHABLE = 10_000  # index.max_result_window: orders further from the newest are out of reach
LAST_PAGE = _REACHABLE // ORDERS_A_PAGE
_EMAIL_CHARACTERS = 3  # of its beginning: fewer begin too many addresses
_THERE: dict[str, Any] = {"bool": {"must_not": {"term": {"state": REMOVED}}}}

ORDERS = Index(
    settings.ORDER_SEARCH_INDEX,
    settings={
        # No slow question is noted: staff ask for people's names and addresses.
        "index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", "indexing": WRITTEN_SLOWLY},
        "analysis": ANALYSIS,
    },
    properties={
        **OF_EVERY_DOCUMENT,  # the state is the order's own, or REMOVED
        "customer_id": {"type": "keyword"},
        "number": {"type": "keyword"},
        "email": {"type": "keyword", "ignore_above": 320},  # in small letters
        # The customer's name, titles and authors together: a search may name some of each.
        "words": {**FOLDED, **BEGINNINGS},
    },
)


def entry_of(image: Mapping[str, Any]) -> Entry:
    """Return what an order's image, plain values under DynamoDB's names, comes to in the index.

    What an order lacks it is not found by. Raises ``UnindexableError`` for one without key, version or state.
    """
    try:
        lines = [line for line in image.get("books") or () if isinstance(line, Mapping)]
        address = image.get("address") or {}
        said = [address.get("name"), *(line.get(of) for line in lines for of in ("name", "author"))]
        order_id = str(image["orderId"])
        document = {
            "id": order_id,
            "customer_id": str(image["customerId"]),
            "state": str(image["status"]),
            "number": str(image.get("number", "")),
            "email": str(image.get("email") or "").lower(),
            "words": [readable(str(each)) for each in said if each],
        }
        return Entry(order_id, int(image["version"]), document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnindexableError(f"{type(error).__name__}: {error}") from error


def put_order(image: Mapping[str, Any]) -> None:
    """Let an order be found as its image has it, unless the index knows better. May happen twice.

    Raises ``SearchUnavailableError`` and ``UnindexableError``.
    """
    ORDERS.write([entry_of(image)])


def remove_order(order_id: str, *, last_version: int, at: datetime) -> None:
    """Take a removed order out of every result, for good. May happen twice. Raises ``SearchUnavailableError``."""
    ORDERS.write([tombstone_of(order_id, last_version=last_version, at=at)])


# --- What can be asked -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """One page of the orders that were found, newest first."""

    keys: tuple[tuple[str, str], ...] = ()  # customer's id and order's id
    total: int = 0


def find(text: str, *, status: Status | None = None, page: int = 1) -> Found:
    """Return the orders of which all words say something, newest first: one request.

    The text is a number as it was heard on the telephone, the beginning of an e-mail address from
    three characters on, or words of name, titles and authors, the last of which may be unfinished.
    Asking nothing finds nothing, without a request. Raises ``SearchUnavailableError``.
    """
    asked = clean_text(text)
    if not asked:
        return Found()
    page = min(max(page, 1), LAST_PAGE)
    shown = {"term": {"state": str(status)}} if status else _THERE
    body = {
        "from": (page - 1) * ORDERS_A_PAGE,
        "size": ORDERS_A_PAGE,
        "track_total_hits": True,
        "_source": ["id", "customer_id"],
        "query": {
            "bool": {"filter": [shown], "should": _ways(asked), "minimum_should_match": 1},
        },
        "sort": [{"id": "desc"}],  # an order's id begins with its time
    }
    with trouble_told():
        answer = client().search(index=ORDERS.alias, body=body)
    documents = [hit["_source"] for hit in answer["hits"]["hits"]]
    return Found(
        tuple((document["customer_id"], document["id"]) for document in documents),
        int(answer["hits"]["total"]["value"]),
    )


def oldest() -> datetime | None:
    """Return when the id of the oldest order was drawn, ``None`` without any: one request.

    Raises ``SearchUnavailableError``.
    """
    body = {"size": 1, "_source": ["id"], "query": _THERE, "sort": [{"id": "asc"}]}
    with trouble_told():
        answer = client().search(index=ORDERS.alias, body=body)
    return next((drawn_at(hit["_source"]["id"]) for hit in answer["hits"]["hits"]), None)


def _ways(text: str) -> list[dict[str, Any]]:
    """Return the ways in which an order may be meant by a text."""
    ways: list[dict[str, Any]] = [
        {"match_bool_prefix": {"words": {"query": first_words(text), "operator": "and"}}}
    ]
    if number := read_number(text):
        ways.append({"term": {"number": number}})
    if len(text) >= _EMAIL_CHARACTERS and " " not in text:
        ways.append({"prefix": {"email": text.lower()}})
    return ways
