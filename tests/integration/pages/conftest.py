"""Shelves to show: a few books of different fortunes, and a shelf that fills three pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog import categories, loading, search, selectors
from catalog.drafts import check_facts
from tests import factories

LONG_NAME = "The Handyman’s Book of Tools, Materials, and Processes Employed in Woodworking"
FULL_SHELF = 50


@dataclass
class Stock:
    """Books by the part that they play."""

    emma: Any
    persuasion: Any
    sold_out: Any
    last_copy: Any


@pytest.fixture
def stock(empty_stores: None) -> Stock:
    """Put four books on a shelf."""
    factories.category(
        "fiction", "Classic Fiction", description="Novels that outlived their readers.", position=1
    )
    factories.category("woodwork", "Woodwork", position=2)
    found = Stock(
        emma=factories.book(
            "Emma",
            book_id="b-emma",
            price="8.99",
            description="A matchmaker is mistaken about everyone in Highbury.",
            isbn13="9780141439587",
            published_on="1815",
            language="en",
            format="paperback",
            prior_rating=Decimal("4.6"),
        ),
        persuasion=factories.book("Persuasion", book_id="b-persuasion", price="7.50"),
        sold_out=factories.book("Crime and Punishment", authors=("Fyodor Dostoyevsky",), stock=0),
        last_copy=factories.book("Demons", authors=("Fyodor Dostoyevsky",), stock=1),
    )
    categories.recount_categories()
    selectors.forget_categories()
    return found


@pytest.fixture
def full_shelf(stock: Stock) -> None:
    """Put fifty books with long names on another shelf."""
    drafts = [
        loading.Draft(
            reference=number,
            book_id=f"b-wood-{number:02}",
            stock=5,
            facts=check_facts(
                name=f"{LONG_NAME} {number:02}",
                authors=("Paul N. Hasluck",),
                category="woodwork",
                price=f"{5 + number}.00",
                description="Every joint that a bench has seen, and the tools that cut it. " * 4,
            ),
        )
        for number in range(FULL_SHELF)
    ]
    outcomes = list(loading.load_books(drafts, at=datetime.now(UTC)))
    assert {outcome.result for outcome in outcomes} == {"added"}
    categories.recount_categories()
    selectors.forget_categories()


@pytest.fixture
def index(stock: Stock) -> Callable[[], None]:
    """Return what puts all books into the search index at once."""

    def put_all() -> None:
        for images in selectors.book_images():
            search.BOOKS.write([search.entry_of(image) for image in images])
        search.refresh()

    return put_all
