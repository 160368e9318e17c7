"""Paging through an index in both directions, by signed cursors, without offsets; a search's pages have numbers.

Each range key of a list ends in the item's id, so the order is total: a page that starts
behind a key shows the same items on every engine, whatever was added or removed before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex
from pynamodb.models import Model


class BadCursorError(ValueError):
    """A cursor was forged, cut short, or made for another list or another sort."""


@dataclass(frozen=True)
class Page[Item]:
    """Some items of a list, and the cursors of the pages beside it (``None`` at an end).

    Where ``ends``, nothing is known of after these items: ``after`` looks there all the same.
    """

    items: Sequence[Item]
    after: str | None = None
    before: str | None = None
    ends: bool = False


def page_number(asked: str) -> int:
    """Return the page that an address asks a search for; the first, counted as 1, where it says no such number."""
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _PAGE_DIGITS else 1


_PAGE_DIGITS = 5


def sign_cursor(key: str, *, list_name: str) -> str:
    """Turn a range key into a cursor that is good for one list in one order only.

    It carries no time: a bookmarked page stays good.
    """
    return signing.Signer(salt=f"cursor:{list_name}").sign_object(key)


def read_cursor(cursor: str, *, list_name: str) -> str:
    """Return the range key in a cursor; raise ``BadCursorError`` when it is not for this list."""
    try:
        key = signing.Signer(salt=f"cursor:{list_name}").unsign_object(cursor)
    except (signing.BadSignature, ValueError) as error:
        raise BadCursorError(cursor) from error
    if not isinstance(key, str) or not key:
        raise BadCursorError(cursor)
    return key


def query_page[Item: Model](
    index: GlobalSecondaryIndex[Item] | type[Item],
    hash_key: str,
    range_key: UnicodeAttribute,
    *,
    list_name: str,
    size: int,
    ascending: bool,
    after: str = "",
    before: str = "",
) -> Page[Item]:
    """Read one page of an index or table with one Query of ``size + 1`` items.

    ``after`` and ``before`` are cursors of an earlier page; the first page has neither, and
    ``after`` wins over ``before``. Raises ``BadCursorError``.
    """
    backwards = bool(before) and not after
    condition: Any = None
    if after or before:
        key = read_cursor(after or before, list_name=list_name)
        condition = range_key > key if ascending != backwards else range_key < key
    found = list(
        index.query(
            hash_key, condition, scan_index_forward=ascending != backwards, limit=size + 1, page_size=size + 1
        )
    )
    more = len(found) > size
    items = found[:size]
    if backwards:
        items.reverse()

    def cursor(item: Item) -> str:
        return sign_cursor(str(range_key.__get__(item, type(item))), list_name=list_name)

    has_later = more if not backwards else True
    has_earlier = more if backwards else bool(after)
    return Page(
        items=items,
        after=cursor(items[-1]) if items and has_later else None,
        before=cursor(items[0]) if items and has_earlier else None,
    )
