"""What is printed for the packing table: which books to fetch from which shelves, and what lies in each parcel."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import batched

from catalog.selectors import BOOKS_A_BATCH, books_by_id
from orders.models import Order, OrderLine


@dataclass
class Pick:
    """A book to fetch."""

    title: str
    author: str
    shelf: str = ""  # empty where nobody has said it
    copies: int = 0
    numbers: list[str] = field(default_factory=list)  # of the orders it is for


def picking_list(orders: Iterable[Order]) -> list[Pick]:
    """Return the books of some orders in the order in which somebody walks along the shelves.

    One BatchGetItem for each hundred titles. Copies that were cancelled or refunded stay where they are.
    """
    picks: dict[str, Pick] = {}
    for order in orders:
        for line in lines_to_pack(order):
            pick = picks.setdefault(line.book_id, Pick(title=line.name, author=line.author))
            pick.copies += line.kept
            pick.numbers.append(order.number)
    for some in batched(picks, BOOKS_A_BATCH):
        for book_id, book in books_by_id(some).items():
            picks[book_id].shelf = book.location or ""
    return sorted(picks.values(), key=lambda pick: (not pick.shelf, pick.shelf, pick.title))


def lines_to_pack(order: Order) -> list[OrderLine]:
    """Return an order's lines of which a copy is still sold."""
    return [line for line in order.lines if line.kept]
