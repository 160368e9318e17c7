"""What a visitor may ask of the catalogue. Nothing is refused: whatever was typed becomes a question."""

from collections.abc import Mapping

from bookstore.dynamodb.pages import page_number
from catalog.search import SearchQuery


class SearchForm:
    """The search's fields, from an address that anybody may have written by hand.

    ``q`` is what to look for, ``category`` a slug, ``price`` a band's, ``page`` counts from 1.
    """

    def __init__(self, asked: Mapping[str, str]) -> None:
        self.query = SearchQuery(
            text=asked.get("q", ""),
            category=asked.get("category", ""),
            price_band=asked.get("price", ""),
            page=page_number(asked.get("page", "")),
        )

    def fields(self, **changes: str | int) -> dict[str, str]:
        """Return the fields that ask the same question with some changed; empty ones are left out.

        Any change but that of the page begins at the first page again.
        """
        fields: dict[str, str | int] = {
            "q": self.query.text,
            "category": self.query.category,
            "price": self.query.price_band,
        }
        return {name: str(value) for name, value in (fields | changes).items() if value}
