"""What is in a cart, at today's prices."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookstore.typesetting import money
from cart.models import CartLine
from catalog.selectors import Book, books_by_id

MOST_COPIES = 20  # of one book in a cart
MOST_TITLES = 30  # in one order: cancelling it takes up to 3 + 2 x 30 of a transaction's 100 actions
MOST_READ = 100  # lines of a cart; as many as one BatchGetItem takes


class Availability(StrEnum):
    """Whether the copies on a line can be bought today."""

    AVAILABLE = "available"
    SHORT = "short"  # fewer copies in stock than the line asks for
    SOLD_OUT = "sold_out"
    WITHDRAWN = "withdrawn"  # the shop no longer sells the book


@dataclass(frozen=True)
class CartLineView:
    """Some copies of one book, with the book as it is today."""

    book_id: str
    quantity: int  # copies, 1 to 20
    seen_price: Decimal  # the unit price when the book was added
    book: Book | None  # None: the catalogue no longer knows it

    @property
    def title(self) -> str:
        """The book's title."""
        return self.book.title if self.book else _("A book we no longer have")

    @property
    def price(self) -> Decimal:
        """Today's unit price."""
        return self.book.price if self.book else self.seen_price

    @property
    def amount(self) -> Decimal:
        """Today's unit price times copies; nothing for a book that cannot be bought."""
        if self.availability in (Availability.SOLD_OUT, Availability.WITHDRAWN):
            return Decimal("0.00")
        return self.price * self.quantity

    @property
    def price_changed(self) -> bool:
        """Whether today's price is another than when the book was added."""
        return self.availability is not Availability.WITHDRAWN and self.price != self.seen_price

    @property
    def price_notice(self) -> str:
        """What to say about a price that changed; empty when it did not."""
        if not self.price_changed:
            return ""
        return _("The price changed from %(then)s to %(now)s since you added this book.") % {
            "then": money(self.seen_price),
            "now": money(self.price),
        }

    @property
    def availability(self) -> Availability:
        """Whether the copies can be bought today."""
        if self.book is None or not self.book.is_sold:
            return Availability.WITHDRAWN
        stock = int(self.book.stock)  # the copies themselves: `availability` on a book is a moment behind
        if stock <= 0:
            return Availability.SOLD_OUT
        return Availability.SHORT if stock < self.quantity else Availability.AVAILABLE

    @property
    def available(self) -> bool:
        """Whether all the copies can be bought today."""
        return self.availability is Availability.AVAILABLE

    @property
    def problem(self) -> str:
        """Why the line cannot be ordered as it stands; empty when it can."""
        match self.availability:
            case Availability.WITHDRAWN:
                return _("We no longer sell this book.")
            case Availability.SOLD_OUT:
                return _("This book is sold out.")
            case Availability.SHORT:
                stock = int(self.book.stock) if self.book else 0
                return ngettext(
                    "Only %(stock)d copy is in stock.", "Only %(stock)d copies are in stock.", stock
                ) % {"stock": stock}
            case Availability.AVAILABLE:
                return ""


@dataclass(frozen=True)
class Cart:
    """A cart's lines in the order they were added, and their sum at today's prices."""

    lines: tuple[CartLineView, ...] = ()

    @property
    def subtotal(self) -> Decimal:
        """The sum of all lines that can be bought."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def titles(self) -> int:
        """How many different books."""
        return len(self.lines)

    @property
    def copies(self) -> int:
        """How many books in all."""
        return sum(line.quantity for line in self.lines)

    @property
    def limit_notice(self) -> str:
        """What to say when there are more titles than one order may hold; else empty."""
        if self.titles <= MOST_TITLES:
            return ""
        notice = _("One order holds at most %(most)d titles, and there are %(titles)d in your cart.") % {
            "most": MOST_TITLES,
            "titles": self.titles,
        }
        if self.titles >= MOST_READ:
            notice = _("This page shows %(most)d titles at most.") % {"most": MOST_READ} + " " + notice
        return notice

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the cart cannot be ordered as it stands, in sentences; empty when it can."""
        found = [f"{line.title}: {line.problem}" for line in self.lines if line.problem]
        if self.limit_notice:
            found.append(self.limit_notice)
        return tuple(found)


def cart_of(owner: str | None, *, at: datetime | None = None) -> Cart:
    """Return a cart with today's books: one Query and one BatchGetItem, whatever it holds.

    ``None``, a guest without a cart, costs nothing. At most 100 lines are read. A guest's
    lines that have expired by ``at`` (now, unless told) are not there any more.
    """
    lines = lines_of(owner, at=at or timezone.now()) if owner else []
    books = books_by_id([line.book_id for line in lines]) if lines else {}
    return Cart(tuple(view_of(line, books.get(line.book_id)) for line in lines))


def view_of(line: CartLine, book: Book | None) -> CartLineView:
    """Put a stored line and its book of today together."""
    return CartLineView(book_id=line.book_id, quantity=int(line.quantity), seen_price=line.price, book=book)


def count_copies(owner: str | None, *, at: datetime | None = None) -> int:
    """Return how many copies a cart holds, with one Query; none for a guest without a cart."""
    lines = lines_of(owner, at=at or timezone.now()) if owner else []
    return sum(int(line.quantity) for line in lines)


def lines_of(owner: str, *, at: datetime) -> list[CartLine]:
    """Return a cart's first 100 stored lines, oldest first, without the expired ones.

    Read consistently: what was just added is seen.
    """
    stored = CartLine.query(owner, consistent_read=True, limit=MOST_READ, page_size=MOST_READ)
    return sorted(alive(stored, at=at), key=lambda line: (line.added_at, line.book_id))


def alive(lines: Iterable[CartLine], *, at: datetime) -> list[CartLine]:
    """Leave out the lines that have expired: DynamoDB deletes them late."""
    return [line for line in lines if line.expires_at is None or line.expires_at > at]
