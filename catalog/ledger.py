"""The stock ledger: each change of a book's stock, with its reason, in the transaction that makes it.

So a book's entries always add up to its stock. A book that was stored before there was a ledger
has no opening entry: what its entries leave over is its opening balance, which ``opening_of``
says, and which ``stock.state_opening`` writes down.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pynamodb.transactions import TransactWrite

from bookstore.actors import who
from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.pages import BadCursorError, read_cursor, sign_cursor
from catalog.models import ADJUSTED, OPENING, OPENING_ENTRY, RECEIVED, RETURNED, SOLD, StockEntry

ENTRIES_A_PAGE = 50

LABELS: dict[str, Promise] = {
    OPENING: gettext_lazy("opening stock"),
    RECEIVED: gettext_lazy("received"),
    ADJUSTED: gettext_lazy("adjusted"),
    SOLD: gettext_lazy("sold"),
    RETURNED: gettext_lazy("back from an order"),
}


def enter(
    write: TransactWrite,
    *,
    book_id: str,
    kind: str,
    delta: int,
    by: str,
    at: datetime,
    reason: str = "",
    order_id: str = "",
) -> None:
    """Add to the transaction that changes a book's stock by so many copies why it does: one put."""
    entry = OPENING_ENTRY if kind == OPENING else f"{instant_text(at)}#{secrets.token_hex(4)}"
    write.save(
        StockEntry(
            book_id,
            entry,
            delta=delta,
            kind=kind,
            reason=reason,
            by=by,
            order_id=order_id or None,
            at=at,
        )
    )


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An entry as staff read it, with how many copies there were after it."""

    kind: str
    delta: int
    stock: int  # after it; in the order of the ledger, which is by the clocks of whoever wrote
    reason: str = ""
    by: str = ""
    order_id: str = ""
    at: datetime | None = None  # None for an opening that nobody wrote down

    @property
    def label(self) -> str:
        """What it was, in words."""
        return str(LABELS.get(self.kind, self.kind))

    @property
    def person(self) -> str:
        """Who did it, in words."""
        return who(self.by)


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Some lines of a book's ledger, newest first, and the cursors of the pages beside them."""

    lines: Sequence[LedgerLine]
    older: str | None = None
    newer: str | None = None


def ledger_page(book_id: str, *, stock: int, older: str = "", newer: str = "") -> LedgerPage:
    """Return a page of a book's ledger: one Query. The first page begins with the stock it has now.

    Cursors carry the balance on to the next page. Raises ``dynamodb.pages.BadCursorError``.
    """
    list_name = f"ledger:{book_id}"
    upwards = bool(newer) and not older
    balance, key = stock, ""
    if older or newer:
        balance, key = _place(read_cursor(older or newer, list_name=list_name))
    bound = None if not key else StockEntry.entry > key if upwards else StockEntry.entry < key
    wanted = ENTRIES_A_PAGE + 1
    found = list(
        StockEntry.query(
            book_id, bound, consistent_read=True, scan_index_forward=upwards, limit=wanted, page_size=wanted
        )
    )
    more, found = len(found) > ENTRIES_A_PAGE, found[:ENTRIES_A_PAGE]
    # Downwards the balance is what there was after the newest entry here, upwards after the one below it.
    if upwards:
        balance += sum(int(entry.delta) for entry in found)
        found.reverse()
    lines, above = [], balance
    for entry in found:
        lines.append(_line(entry, stock=balance))
        balance -= int(entry.delta)
    is_last = not upwards and not more
    if is_last and balance and not (found and found[-1].kind == OPENING):
        lines.append(LedgerLine(OPENING, balance, balance))

    def cursor(entry: StockEntry, copies: int) -> str:
        return sign_cursor(f"{copies}:{entry.entry}", list_name=list_name)

    return LedgerPage(
        lines,
        older=cursor(found[-1], balance) if found and not is_last else None,
        newer=cursor(found[0], above) if found and (more if upwards else bool(older)) else None,
    )


def _place(text: str) -> tuple[int, str]:
    balance, _colon, key = text.partition(":")
    try:
        return int(balance), key
    except ValueError:
        raise BadCursorError(text) from None


def _line(entry: StockEntry, *, stock: int) -> LedgerLine:
    return LedgerLine(
        kind=entry.kind,
        delta=int(entry.delta),
        stock=stock,
        reason=entry.reason,
        by=entry.by,
        order_id=entry.order_id or "",
        at=entry.at,
    )


def opening_of(book_id: str, *, stock: int) -> int:
    """Return what a book's entries leave over of its stock; reads the whole ledger, for commands."""
    return stock - sum(int(entry.delta) for entry in StockEntry.query(book_id, consistent_read=True))


def since(book_id: str, *, seen: int, stock: int) -> str:
    """Return a sentence on the latest entries, back to when there were ``seen`` copies: one Query."""
    told: list[str] = []
    latest = StockEntry.query(book_id, consistent_read=True, scan_index_forward=False, limit=10, page_size=10)
    for entry in latest:
        if stock == seen:
            break
        told.append(_("%(delta)+d %(kind)s (%(by)s)") % _told(entry))
        stock -= int(entry.delta)
    return _("Meanwhile: %(what)s.") % {"what": ", ".join(told)} if told else ""


def _told(entry: StockEntry) -> dict[str, object]:
    return {"delta": int(entry.delta), "kind": LABELS.get(entry.kind, entry.kind), "by": who(entry.by)}


def books_without_opening(ids: Iterable[str]) -> list[str]:
    """Return which of these books, at most 100, have no opening entry: one BatchGetItem, for commands."""
    wanted = list(ids)
    stated = {
        entry.book_id
        for entry in StockEntry.batch_get(
            [(book_id, OPENING_ENTRY) for book_id in wanted], consistent_read=True
        )
    }
    return [book_id for book_id in wanted if book_id not in stated]
