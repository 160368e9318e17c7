"""Books, categories and orders for tests, made through the shop's own services."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bookstore.dynamodb.tables import transaction
from catalog import categories, services, stock

_numbers = itertools.count(1)


def category(slug: str = "fiction", name: str = "", **fields: Any) -> Any:
    return categories.save_category(slug=slug, name=name or slug.replace("-", " ").capitalize(), **fields)


def book(name: str = "", *, price: str = "7.99", stock: int = 10, **fields: Any) -> Any:
    """Add a book; its category need not exist."""
    number = next(_numbers)
    fields.setdefault("book_id", f"b-{number}")
    fields.setdefault("authors", ("Jane Austen",))
    fields.setdefault("category", "fiction")
    fields.setdefault("at", datetime.now(UTC))
    return services.add_book(name=name or f"Book {number}", price=Decimal(price), stock=stock, **fields)


def sold(book: Any, copies: int = 1) -> None:
    """Take copies of a book from stock, as an order does."""
    with transaction() as write:
        stock.take_copies(
            write,
            book_id=book.id,
            copies=copies,
            price=book.price,
            order_id="order-1",
            by="customer",
            at=datetime.now(UTC),
        )


ADDRESS = {
    "name": "Ada Reader",
    "line1": "1 Library Lane",
    "line2": "",
    "city": "York",
    "region": "",
    "postcode": "YO1 7HH",
    "country": "GB",
    "phone": "01904 000000",
}
