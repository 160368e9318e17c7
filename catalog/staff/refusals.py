"""What the catalogue's services refuse, in the words of the admin."""

from functools import partial

from bookstore.dynamodb.admin import errors
from catalog.errors import (
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    CatalogError,
    CategoryChangedError,
    CategoryExistsError,
    StockChangedError,
)

in_the_admins_words = partial(
    errors.in_the_admins_words,
    CatalogError,
    changed=(
        *(BookChangedError, BookExistsError, BookNotFoundError, StockChangedError),
        *(CategoryChangedError, CategoryExistsError),
    ),
)
