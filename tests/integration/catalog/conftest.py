"""What the catalogue's tests against stores share."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalog.selectors import book_image
from tests.factories import book

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


@pytest.fixture
def shelf() -> Callable[..., list[Any]]:
    """Put many books into a category, with ties in every order: same titles, prices, ratings, instants."""

    def filled(count: int, *, category: str = "fiction") -> list[Any]:
        return [
            book(
                f"Title {number % 7}",
                price=f"{5 + number % 4}.99",
                category=category,
                prior_rating=f"{3 + number % 3}",
                added_at=NOW - timedelta(hours=number % 5),
                at=NOW,
            )
            for number in range(count)
        ]

    return filled


@pytest.fixture
def image_of() -> Callable[[str], dict[str, Any]]:
    """A book as a stream record would show it now."""

    def image(book_id: str) -> dict[str, Any]:
        found = book_image(book_id)
        assert found is not None
        return found

    return image
