"""What the catalogue's services refuse, in the words of the admin."""

from collections.abc import Iterator
from contextlib import contextmanager

from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError
from catalog.errors import (
    BadBookError,
    BadCategoryError,
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    CatalogError,
    CategoryChangedError,
    CategoryExistsError,
    DuplicateIsbnError,
    StockChangedError,
)


@contextmanager
def in_the_admins_words() -> Iterator[None]:
    """Say what became of a row meanwhile, or which field is in the way."""
    try:
        yield
    except (BookChangedError, BookExistsError, BookNotFoundError) as error:
        raise ChangedMeanwhileError(str(error)) from error
    except (CategoryChangedError, CategoryExistsError, StockChangedError) as error:
        raise ChangedMeanwhileError(str(error)) from error
    except DuplicateIsbnError as error:
        raise RefusedError({"isbn13": str(error)}) from error
    except (BadBookError, BadCategoryError) as error:
        raise RefusedError(error.problems) from error
    except CatalogError as error:
        raise RefusedError(str(error)) from error
