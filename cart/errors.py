"""What goes wrong with a cart."""


class CartError(Exception):
    """Base of the cart's errors; ``str()`` is a sentence for the customer."""


class QuantityError(CartError):
    """The quantity is no whole number from 1 to 20."""


class BookNotSoldError(CartError):
    """The book is not in the catalogue, or no longer sold."""


class BookSoldOutError(CartError):
    """No copy of the book is in stock."""


class TooManyCopiesError(CartError):
    """The line would hold more copies than a line may."""


class LineNotFoundError(CartError):
    """The book is not in this cart, or no longer."""


class CartBusyError(CartError):
    """Two changes of the cart met more often than was worth trying; the customer may try again."""
