"""What happens to a cart: adding, changing, taking out, putting back, merging at sign-in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from uuid import uuid4

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pynamodb.exceptions import DeleteError, PutError, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.conflicts import is_conflict, through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes, is_condition_failure
from bookstore.dynamodb.tables import transaction
from bookstore.typesetting import money
from cart.errors import (
    BookNotSoldError,
    BookSoldOutError,
    CartBusyError,
    LineNotFoundError,
    QuantityError,
    TooManyCopiesError,
)
from cart.models import CartLine
from cart.selectors import MOST_COPIES, MOST_READ, CartLineView, lines_of, view_of
from catalog.errors import BookNotFoundError
from catalog.selectors import Book, books_by_id, get_book

ROUNDS = 5  # how often a change is planned anew when the cart changed under it
LINES_A_TRANSACTION = 25  # each is two actions of a transaction's 100
UNDO_SECONDS = 60 * 60
_UNDO_SALT = "cart.undo"
_PRICE = re.compile(r"[0-9]{1,8}\.[0-9]{2}", re.ASCII)


@dataclass(frozen=True)
class Added:
    """A book that went into the cart, and what the shopper should know about it."""

    line: CartLineView  # with all the copies now on it
    copies: int  # added just now
    price_notice: str = ""  # set when the shopper saw another price, or none

    @property
    def sentence(self) -> str:
        """What happened, for the shopper."""
        said = [
            ngettext(
                "“%(title)s” is in your cart.",
                "%(copies)d copies of “%(title)s” are in your cart.",
                self.line.quantity,
            )
            % {"title": self.line.title, "copies": self.line.quantity},
            self.price_notice,
            self.line.problem,
        ]
        return " ".join(part for part in said if part)


@dataclass(frozen=True)
class Removed:
    """A line that was taken out, with what is needed to put it back."""

    book_id: str
    title: str
    quantity: int
    seen_price: Decimal


@dataclass(frozen=True)
class Merged:
    """What a guest's cart brought into the customer's."""

    titles: int = 0
    copies: int = 0
    capped: int = 0  # titles that had reached 20 copies
    left: int = 0  # titles that stayed behind: the cart was full

    @property
    def sentence(self) -> str:
        """What happened, for the customer; empty when nothing did."""
        said = []
        if self.copies:
            said.append(
                ngettext(
                    "We added %(copies)d book from your visit before you signed in.",
                    "We added %(copies)d books from your visit before you signed in.",
                    self.copies,
                )
                % {"copies": self.copies}
            )
        if self.capped:
            said.append(_("There are at most %(most)d copies of a title in a cart.") % {"most": MOST_COPIES})
        if self.left:
            said.append(
                ngettext(
                    "%(left)d title did not fit: your cart is full.",
                    "%(left)d titles did not fit: your cart is full.",
                    self.left,
                )
                % {"left": self.left}
            )
        return " ".join(said)


@dataclass(frozen=True)
class AddedBooks:
    """Which of several books went into the cart, and why the others did not."""

    titles: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # a sentence for each book not added, or not in full


def add_to_cart(
    *, owner: str, book_id: str, quantity: int, seen_price: str | None, at: datetime, guest: bool
) -> Added:
    """Add copies of a book to a cart: one GetItem and one UpdateItem.

    ``seen_price`` is what the shopper's page showed, such as ``7.99``. It is only compared:
    another one, or none, is answered by a notice and never stored. Copies add up, also when
    requests come in parallel; a guest's line lives ``GUEST_CART_DAYS`` from now.

    Raises ``QuantityError``, ``BookNotSoldError``, ``BookSoldOutError`` or
    ``TooManyCopiesError``; nothing is changed then.
    """
    if not 1 <= quantity <= MOST_COPIES:
        raise QuantityError(quantity_sentence())
    try:
        book = get_book(book_id)
    except BookNotFoundError as error:
        raise BookNotSoldError(_("We do not have this book.")) from error
    if int(book.stock) <= 0:  # the copies themselves: `availability` is a moment behind
        raise BookSoldOutError(_("“%(title)s” is sold out.") % {"title": book.title})
    line = _add_copies(owner, book, quantity, at=at, guest=guest)
    return Added(
        line=view_of(line, book),
        copies=quantity,
        price_notice=""
        if _is_price(seen_price, book.price)
        else _("“%(title)s” costs %(price)s today.") % {"title": book.title, "price": money(book.price)},
    )


def quantity_sentence() -> str:
    """Return what to say about a quantity that is none."""
    return _("Enter a whole number of copies, from 1 to %(most)d.") % {"most": MOST_COPIES}


def _is_price(seen: str | None, price: Decimal) -> bool:
    return seen is not None and bool(_PRICE.fullmatch(seen)) and Decimal(seen) == price


def _add_copies(owner: str, book: Book, quantity: int, *, at: datetime, guest: bool) -> CartLine:
    """Add copies; botocore may repeat the write when its answer was lost, and then adds nothing."""
    line = CartLine(owner, book.id)
    this = uuid4().hex
    actions = [
        CartLine.quantity.add(quantity),
        CartLine.last_add.set(this),
        CartLine.added_at.set(CartLine.added_at | at),
        *_described(book),
    ]
    fits = CartLine.quantity.does_not_exist() | (CartLine.quantity <= MOST_COPIES - quantity)
    fits &= CartLine.last_add.does_not_exist() | (CartLine.last_add != this)
    if guest:
        actions.append(CartLine.expires_at.set(_guest_line_ends(at)))
        fits &= _unexpired(at)
    for _round in range(ROUNDS):
        try:
            through_conflicts(lambda: line.update(actions, condition=fits))
        except UpdateError as error:
            if not is_condition_failure(error):
                raise
            if guest and _start_afresh(line, book, quantity, this, at=at):
                return line
            there = _find_line(owner, book.id, at=at)
            if there and there.last_add == this:
                return there
            _refuse_if_full(there, book, quantity)
            continue
        return line
    raise CartBusyError(_busy_sentence())


def _described(book: Book) -> list[Action]:
    """Say what a line tells about its book as it is sold today."""
    return [
        CartLine.price.set(book.price),
        CartLine.currency.set(book.currency),
        CartLine.schema_version.set(CartLine.schema_version | 1),
    ]


def _guest_line_ends(at: datetime) -> datetime:
    return at + timedelta(days=settings.GUEST_CART_DAYS)


def _unexpired(at: datetime) -> Condition:
    unexpired: Condition = CartLine.expires_at.does_not_exist() | (CartLine.expires_at > at)
    return unexpired


def _start_afresh(line: CartLine, book: Book, quantity: int, this: str, *, at: datetime) -> bool:
    """Overwrite an expired line that DynamoDB has not deleted yet; tell whether it was one."""
    try:
        through_conflicts(
            lambda: line.update(
                [
                    CartLine.quantity.set(quantity),
                    CartLine.last_add.set(this),
                    CartLine.added_at.set(at),
                    CartLine.expires_at.set(_guest_line_ends(at)),
                    *_described(book),
                ],
                condition=CartLine.expires_at <= at,
            )
        )
    except UpdateError as error:
        if is_condition_failure(error):
            return False
        raise
    return True


def _refuse_if_full(there: CartLine | None, book: Book, quantity: int) -> None:
    held = int(there.quantity) if there else 0
    if held + quantity <= MOST_COPIES:
        return  # the line was taken out meanwhile: there is room now
    raise TooManyCopiesError(
        ngettext(
            "There are at most %(most)d copies of a title in a cart, and yours holds %(held)d of “%(title)s” already.",
            "There are at most %(most)d copies of a title in a cart, and yours holds %(held)d of “%(title)s” already.",
            held,
        )
        % {"most": MOST_COPIES, "held": held, "title": book.title}
    )


def _find_line(owner: str, book_id: str, *, at: datetime) -> CartLine | None:
    try:
        line = CartLine.get(owner, book_id, consistent_read=True)
    except CartLine.DoesNotExist:
        return None
    return line if line.expires_at is None or line.expires_at > at else None


def change_quantity(*, owner: str, book_id: str, quantity: int, at: datetime) -> None:
    """Set how many copies a line holds, with one UpdateItem.

    Raises ``QuantityError``, or ``LineNotFoundError`` when the book is not in the cart: a line
    is never made here.
    """
    if not 1 <= quantity <= MOST_COPIES:
        raise QuantityError(quantity_sentence())
    try:
        through_conflicts(
            lambda: CartLine(owner, book_id).update(
                [CartLine.quantity.set(quantity)],
                condition=CartLine.quantity.exists() & _unexpired(at),
            )
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        raise LineNotFoundError(_("This book is no longer in your cart.")) from error


def remove_line(*, owner: str, book_id: str, at: datetime) -> Removed:
    """Take a line out, and return what ``put_back`` needs.

    Raises ``LineNotFoundError`` when it is not there, as after a double click.
    """
    gone = LineNotFoundError(_("This book is no longer in your cart."))
    line = _find_line(owner, book_id, at=at)
    if line is None:
        raise gone
    try:
        through_conflicts(lambda: line.delete(condition=CartLine.quantity.exists()))
    except DeleteError as error:
        if not is_condition_failure(error):
            raise
        raise gone from error
    book = books_by_id([book_id]).get(book_id)
    view = view_of(line, book)
    return Removed(book_id=book_id, title=view.title, quantity=view.quantity, seen_price=view.seen_price)


def put_back(*, owner: str, removed: Removed, at: datetime, guest: bool) -> None:
    """Undo ``remove_line``. A line that is in the cart again stays as it is."""
    line = CartLine(
        owner,
        removed.book_id,
        price=removed.seen_price,
        currency=settings.CURRENCY,
        quantity=removed.quantity,
        added_at=at,
        expires_at=_guest_line_ends(at) if guest else None,
    )
    absent = CartLine.quantity.does_not_exist()
    try:
        through_conflicts(
            lambda: line.save(condition=absent | (CartLine.expires_at <= at) if guest else absent)
        )
    except PutError as error:
        if not is_condition_failure(error):
            raise


def undo_token(removed: Removed, *, owner: str) -> str:
    """Sign what was removed, for the owner of that cart alone."""
    return signing.dumps(
        [removed.book_id, removed.title, removed.quantity, str(removed.seen_price)],
        salt=f"{_UNDO_SALT}:{owner}",
        compress=True,
    )


def read_undo_token(token: str, *, owner: str) -> Removed | None:
    """Return what a token offers to put back; ``None`` when it is forged, foreign or an hour old."""
    try:
        book_id, title, quantity, price = signing.loads(
            token, salt=f"{_UNDO_SALT}:{owner}", max_age=UNDO_SECONDS
        )
    except signing.BadSignature:
        return None
    return Removed(book_id=book_id, title=title, quantity=quantity, seen_price=Decimal(price))


def drop_line(write: TransactWrite, *, owner: str, book_id: str, quantity: int) -> None:
    """Have a transaction delete a line that was bought, unless it holds another quantity by now.

    One delete. It passes when the line is gone already, and its condition fails when the
    line was changed since.
    """
    write.delete(
        CartLine(owner, book_id),
        condition=CartLine.quantity.does_not_exist() | (CartLine.quantity == quantity),
    )


@dataclass
class _Plan:
    """How one book's copies come into a cart that was just read."""

    book_id: str
    add: int
    price: Decimal  # as seen, for a line that is new
    currency: str
    there: CartLine | None
    moved_from: CartLine | None = None  # a guest's line, deleted in the same transaction

    def write(self, write: TransactWrite, *, owner: str, at: datetime) -> None:
        if self.moved_from is not None:
            write.delete(
                self.moved_from,
                condition=CartLine.quantity == int(self.moved_from.quantity),
            )
        if self.add == 0:
            return
        held = int(self.there.quantity) if self.there else None
        write.update(
            CartLine(owner, self.book_id),
            actions=[
                CartLine.quantity.add(self.add),
                CartLine.price.set(CartLine.price | self.price),
                CartLine.currency.set(CartLine.currency | self.currency),
                CartLine.added_at.set(CartLine.added_at | at),
                CartLine.schema_version.set(CartLine.schema_version | 1),
            ],
            condition=CartLine.quantity.does_not_exist() if held is None else CartLine.quantity == held,
        )


def _commit(plans: Sequence[_Plan], *, owner: str, at: datetime) -> bool:
    """Write some plans together, or none; tell whether the carts still were as they were read."""

    def write_all() -> None:
        with transaction() as write:
            for plan in plans:
                plan.write(write, owner=owner, at=at)

    try:
        through_conflicts(write_all)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error) or is_conflict(error):
            return False
        raise
    return True


def merge_guest_cart(*, guest: str, customer_id: str, at: datetime) -> Merged:
    """Move a guest's lines into the customer's cart, each exactly once.

    A line moves in one transaction, which deletes it there and adds its copies here, up to
    20; sign-ins in parallel or repeated find nothing left to move. The customer's cart takes
    up to 100 titles; the others stay with the guest. A line keeps the price its shopper saw.

    Raises ``CartBusyError`` when the carts keep changing; what was moved stays moved.
    """
    done = Merged()
    for _round in range(ROUNDS):
        from_guest = lines_of(guest, at=at)
        if not from_guest:
            return done
        theirs = {line.book_id: line for line in lines_of(customer_id, at=at)}
        plans, left = _plan_merge(from_guest, theirs)
        all_moved = True
        for batch in batched(plans, LINES_A_TRANSACTION):
            if _commit(batch, owner=customer_id, at=at):
                done = Merged(
                    titles=done.titles + len(batch),
                    copies=done.copies + sum(plan.add for plan in batch),
                    capped=done.capped + sum(plan.add < int(_moved(plan).quantity) for plan in batch),
                )
            else:
                all_moved = False
        if all_moved:
            return Merged(titles=done.titles, copies=done.copies, capped=done.capped, left=left)
    raise CartBusyError(_busy_sentence())


def _plan_merge(from_guest: Sequence[CartLine], theirs: Mapping[str, CartLine]) -> tuple[list[_Plan], int]:
    room = MOST_READ - len(theirs)
    plans, left = [], 0
    for line in from_guest:
        there = theirs.get(line.book_id)
        if there is None and room == 0:
            left += 1
            continue
        room -= there is None
        held = int(there.quantity) if there else 0
        plans.append(
            _Plan(
                book_id=line.book_id,
                add=min(int(line.quantity), max(MOST_COPIES - held, 0)),
                price=line.price,
                currency=line.currency,
                there=there,
                moved_from=line,
            )
        )
    return plans, left


def _moved(plan: _Plan) -> CartLine:
    if plan.moved_from is None:
        msg = "a merge moves lines"
        raise TypeError(msg)
    return plan.moved_from


def add_books(*, owner: str, wanted: Mapping[str, int], at: datetime) -> AddedBooks:
    """Add copies of up to 30 books to a customer's cart at once, as far as they are sold today.

    One Query, one BatchGetItem and one transaction, whatever the number. A line stops at 20
    copies. Books that are withdrawn or sold out are left out, and named in a sentence each.

    Raises ``CartBusyError`` when the cart keeps changing; nothing is changed then.
    """
    books = books_by_id(list(wanted))
    for _round in range(ROUNDS):
        lines = {line.book_id: line for line in lines_of(owner, at=at)}
        answers = list(_plan_books(wanted, books, lines))
        plans = [plan for plan, _sentence in answers if plan]
        if not plans or _commit(plans, owner=owner, at=at):
            return AddedBooks(
                titles=tuple(books[plan.book_id].title for plan in plans),
                refused=tuple(sentence for _plan, sentence in answers if sentence),
            )
    raise CartBusyError(_busy_sentence())


def _plan_books(
    wanted: Mapping[str, int], books: Mapping[str, Book], lines: Mapping[str, CartLine]
) -> Iterator[tuple[_Plan | None, str]]:
    room = MOST_READ - len(lines)
    for book_id, copies in wanted.items():
        book, there = books.get(book_id), lines.get(book_id)
        if book is None:
            yield None, _("One of the books is no longer in our catalogue.")
            continue
        held = int(there.quantity) if there else 0
        add = min(copies, MOST_COPIES - held)
        if not book.is_sold:
            yield None, _("We no longer sell “%(title)s”.") % {"title": book.title}
        elif int(book.stock) <= 0:
            yield None, _("“%(title)s” is sold out.") % {"title": book.title}
        elif there is None and room == 0:
            yield None, _("Your cart is full: “%(title)s” was not added.") % {"title": book.title}
        elif add <= 0:
            yield (
                None,
                _("There are %(most)d copies of “%(title)s” in your cart already.")
                % {
                    "most": MOST_COPIES,
                    "title": book.title,
                },
            )
        else:
            room -= there is None
            yield _Plan(book_id=book_id, add=add, price=book.price, currency=book.currency, there=there), ""


def forget_cart(*, customer_id: str) -> None:
    """Delete all of a customer's lines; the second time there are none."""
    with CartLine.batch_write() as batch:
        for line in CartLine.query(customer_id, consistent_read=True):
            batch.delete(line)


def _busy_sentence() -> str:
    return _("Your cart is being changed elsewhere. Please try again.")
