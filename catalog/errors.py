"""What may go wrong in the catalogue; each message is fit for a customer's or a bookseller's eyes."""

from collections.abc import Mapping

from django.utils.translation import gettext as _


class CatalogError(Exception):
    """Base of the catalogue's errors; ``str()`` is a sentence that may be shown."""


class BookNotFoundError(CatalogError):
    """There is no such book, or it is withdrawn from sale."""

    def __init__(self, book_id: str) -> None:
        super().__init__(_("We do not have this book."))
        self.book_id = book_id


class ReviewNotFoundError(CatalogError):
    """There is no such review: its customer has taken it back, or has left."""

    def __init__(self) -> None:
        super().__init__(_("This review is no longer there."))


class CategoryNotFoundError(CatalogError):
    """There is no category of this name."""

    def __init__(self, slug: str) -> None:
        super().__init__(_("We do not have this category."))
        self.slug = slug


class CategoryExistsError(CatalogError):
    """The address is taken: nothing was written."""

    def __init__(self, slug: str) -> None:
        super().__init__(_("There is already a category of the address %(slug)s.") % {"slug": slug})
        self.slug = slug


class CategoryChangedError(CatalogError):
    """Somebody else changed or deleted the category since it was read: nothing was written."""

    def __init__(self, slug: str) -> None:
        super().__init__(_("Someone else changed this category meanwhile."))
        self.slug = slug


class CategoryNotEmptyError(CatalogError):
    """Books stand in the category, which therefore stays."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            _("There are books in this category: put them into another one first, or take them off sale.")
        )
        self.slug = slug


class AuthorNotFoundError(CatalogError):
    """None of the books on sale is by this author."""

    def __init__(self, slug: str) -> None:
        super().__init__(_("None of the books on sale is by this author."))
        self.slug = slug


class BookExistsError(CatalogError):
    """The id is taken: nothing was written."""

    def __init__(self, book_id: str) -> None:
        super().__init__(_("There is already a book with the number %(id)s.") % {"id": book_id})
        self.book_id = book_id


class BookChangedError(CatalogError):
    """Somebody else changed the book since it was read: nothing was written."""

    def __init__(self, book_id: str) -> None:
        super().__init__(_("Someone else changed this book meanwhile. Look at it again before you save it."))
        self.book_id = book_id


class StockChangedError(CatalogError):
    """Somebody else changed a book's stock since it was counted: nothing was written.

    ``stock`` is how many copies there are now, ``since`` a sentence on what happened meanwhile.
    """

    def __init__(self, book_id: str, *, seen: int, stock: int, since: str = "") -> None:
        told = _("There were %(seen)d copies when you looked and there are %(stock)d now.")
        super().__init__(" ".join(filter(None, (told % {"seen": seen, "stock": stock}, since))))
        self.book_id = book_id
        self.stock = stock


class NotBoughtError(CatalogError):
    """A book is rated from an order that holds it; whoever calls ``rate_book`` checks that first."""

    def __init__(self) -> None:
        super().__init__(_("You can rate a book once you have bought it here."))


class PictureRefusedError(CatalogError):
    """A file that was sent for a cover is no picture that may be one; the message says why, to the clerk."""


class CoverChangedError(CatalogError):
    """Somebody else gave the book another cover since it was looked at: nothing was written."""

    def __init__(self, book_id: str) -> None:
        super().__init__(
            _("Someone else gave this book another cover meanwhile. Look at it, then send yours again.")
        )
        self.book_id = book_id


class _BadFieldsError(CatalogError):
    """Some fields do not hold what they should."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)  # field → what is wrong with it


class BadBookError(_BadFieldsError):
    """What was said about a book is no book: ``problems`` has a sentence for each wrong field."""


class BadCategoryError(_BadFieldsError):
    """What was said about a category is no category: ``problems`` has a sentence for each wrong field."""


class BadReviewError(_BadFieldsError):
    """What was said in a review cannot stand: ``problems`` has a sentence for each wrong field."""


class DuplicateIsbnError(_BadFieldsError):
    """Another book has this ISBN: nothing was written."""

    def __init__(self, isbn13: str) -> None:
        super().__init__({"isbn13": _("Another book has the ISBN %(isbn)s.") % {"isbn": isbn13}})
        self.isbn13 = isbn13
