"""Copies come and go: received, counted, sold, back from an order; each with its entry in the ledger."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from bookstore.actors import BY_SHOP
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog import ledger
from catalog.drafts import COPIES, check_stock, plain_line
from catalog.errors import BadBookError, BookNotFoundError, StockChangedError
from catalog.models import ADJUSTED, OPENING, RECEIVED, RETURNED, SOLD, Book, Unique
from catalog.selectors import stored_book

STOCK_REASON_CHARACTERS = 200
MOST_SEEN = 10**15  # copies: more than a shop can have, and a number to DynamoDB


def receive_stock(
    *,
    book_id: str,
    copies: int,
    at: datetime,
    by: str = BY_SHOP,
    reason: str = "",
    form_id: str = "",
    beside: Beside = nothing_beside,
) -> bool:
    """Add copies that came in; the availability follows through the stream. Tell whether this call did it.

    ``form_id`` names the form that says so: sent again it changes nothing. Raises
    ``BadBookError`` for what is no delivery, ``BookNotFoundError``.
    """
    problems: dict[str, str] = {}
    said = _check_reason(reason, problems)
    if _check_count("copies", copies, problems) < 1:
        most = number_format(COPIES, force_grouping=True)
        problems["copies"] = _("Receive at least one copy, and at most %(most)s.") % {"most": most}
    if problems:
        raise BadBookError(problems)

    def change(write: TransactWrite) -> None:
        ledger.enter(write, book_id=book_id, kind=RECEIVED, delta=copies, by=by, at=at, reason=said)
        beside(write)
        write.update(
            Book(book_id),
            actions=[Book.stock.add(copies), *Book.rewritten()],
            condition=Book.id.exists(),
        )

    try:
        return _once(change, form_id=form_id, book_id=book_id)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error):
            raise BookNotFoundError(book_id) from error
        raise


def adjust_stock(
    *,
    book_id: str,
    seen: int,
    counted: int,
    reason: str,
    at: datetime,
    by: str = BY_SHOP,
    form_id: str = "",
    beside: Beside = nothing_beside,
) -> bool:
    """Set a book's stock to what was counted, where the count was made against ``seen`` copies.

    Told and done as ``receive_stock``. Where the stock is no longer what was seen, nothing is
    written: raises ``StockChangedError``, which says what happened meanwhile. Raises
    ``BadBookError`` without a reason, for a count that is none or says nothing new, and
    ``BookNotFoundError``.
    """
    problems: dict[str, str] = {}
    if isinstance(seen, bool) or not isinstance(seen, int) or not 0 <= seen <= MOST_SEEN:
        problems[""] = _broken_form()
    said = _check_reason(reason, problems)
    if not said and "reason" not in problems:
        problems["reason"] = _("Say why the stock is not what it was.")
    _check_count("counted", counted, problems)
    if problems:
        raise BadBookError(problems)
    if counted == seen:
        if (stock := int(stored_book(book_id).stock)) == seen:
            raise BadBookError({"counted": _("That is how many copies there are.")})
        raise _overtaken(book_id, seen=seen, stock=stock)

    def change(write: TransactWrite) -> None:
        ledger.enter(write, book_id=book_id, kind=ADJUSTED, delta=counted - seen, by=by, at=at, reason=said)
        beside(write)
        write.update(
            Book(book_id),
            actions=[Book.stock.set(counted), *Book.rewritten()],
            condition=Book.stock == seen,
        )

    try:
        return _once(change, form_id=form_id, book_id=book_id)
    except TransactWriteError as error:
        if CONDITION_FAILED not in cancellation_codes(error):
            raise
        raise _overtaken(book_id, seen=seen, stock=int(stored_book(book_id).stock)) from error


def _overtaken(book_id: str, *, seen: int, stock: int) -> StockChangedError:
    """Say how a book's stock stands now against what was seen: one Query."""
    told = ledger.since(book_id, seen=seen, stock=stock)
    return StockChangedError(book_id, seen=seen, stock=stock, since=told)


def state_opening(*, book_id: str, at: datetime) -> bool:
    """Enter what a book came with that was stored before there was a ledger; tell whether that was missing.

    It is what the entries since then leave over of the stock. Safe beside sales: the book is
    read anew when it changes meanwhile. Reads the book's whole ledger, so for commands. Raises
    ``BookNotFoundError``.
    """

    def state() -> bool:
        book = stored_book(book_id)
        if not ledger.books_without_opening([book_id]):
            return False
        opening = ledger.opening_of(book_id, stock=int(book.stock))
        with transaction() as write:
            ledger.enter(write, book_id=book_id, kind=OPENING, delta=opening, by=BY_SHOP, at=at)
            # Every entry goes with a write of its book: none was made since the book was read.
            write.update(Book(book_id), actions=[*Book.rewritten()], condition=Book.revision == book.revision)
        return True

    return through_conflicts(state, reads_anew=True)


def _once(change: Callable[[TransactWrite], None], *, form_id: str, book_id: str) -> bool:
    """Make a change of stock in one transaction, a form's only once; tell whether this call made it.

    One write would do where there is no form, but botocore may repeat it when its answer was
    lost, and a transaction only happens once.
    """
    if form_id and not _FORM_ID.fullmatch(form_id):
        raise BadBookError({"": _broken_form()})

    def write_it() -> None:
        with transaction() as write:
            if form_id:
                write.save(
                    Unique(f"stock#{form_id}", book_id=book_id), condition=Unique.value.does_not_exist()
                )
            change(write)

    try:
        through_conflicts(write_it)
    except TransactWriteError as error:
        if form_id and cancellation_codes(error)[:1] == [CONDITION_FAILED]:  # the form's claim is put first
            return False
        raise
    return True


def _broken_form() -> str:
    return _("This form is not one of ours. Open the page again.")


_FORM_ID = re.compile(r"[0-9a-f]{16,64}")


def _check_reason(reason: str, problems: dict[str, str]) -> str:
    try:
        return plain_line(reason, most=STOCK_REASON_CHARACTERS)
    except ValueError as error:
        problems["reason"] = str(error)
        return ""


def _check_count(field: str, copies: int, problems: dict[str, str]) -> int:
    try:
        return check_stock(copies)
    except BadBookError as error:
        problems[field] = str(error)
        return -1


# --- Parts of other rooms' transactions --------------------------------------------------------------------


def take_copies(
    write: TransactWrite, *, book_id: str, copies: int, price: Decimal, order_id: str, by: str, at: datetime
) -> None:
    """Add to a transaction: take copies of a book from stock for an order, and enter why.

    Two actions: a put, which is never refused, and an update. The update cancels the transaction
    (``ConditionalCheckFailed`` for this action) when there are not so many copies, when the book
    costs something else by now, or when it is no longer sold. ``by`` is who ordered.
    """
    _check_copies(copies)
    ledger.enter(write, book_id=book_id, kind=SOLD, delta=-copies, by=by, order_id=order_id, at=at)
    write.update(
        Book(book_id),
        actions=[Book.stock.add(-copies), *Book.rewritten()],
        condition=(Book.stock >= copies) & (Book.price == price) & Book.listing.exists(),
    )


def return_copies(
    write: TransactWrite,
    *,
    book_id: str,
    copies: int,
    order_id: str,
    by: str,
    at: datetime,
    reason: str = "",
) -> None:
    """Add to a transaction: put copies of an order back into stock, also of a withdrawn book, and enter why.

    Two actions as ``take_copies``; the update cancels the transaction (``ConditionalCheckFailed``
    for this action) when there is no such book.
    """
    _check_copies(copies)
    ledger.enter(
        write,
        book_id=book_id,
        kind=RETURNED,
        delta=copies,
        by=by,
        reason=reason,
        order_id=order_id,
        at=at,
    )
    write.update(
        Book(book_id),
        actions=[Book.stock.add(copies), *Book.rewritten()],
        condition=Book.id.exists(),
    )


def _check_copies(copies: int) -> None:
    if isinstance(copies, bool) or not isinstance(copies, int) or copies < 1:
        raise ValueError(f"copies are a whole number from 1, not {copies!r}")
