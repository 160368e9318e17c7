"""What goes wrong with an order."""

from decimal import Decimal


class OrderError(Exception):
    """Base of the errors of orders; ``str()`` is a sentence for the customer."""


class OrderNotFoundError(OrderError):
    """The customer has no such order; another customer's is none of theirs."""


class OfferError(OrderError):
    """The checkout form was forged, was made for somebody else, or is more than a day old."""


class CartEmptyError(OrderError):
    """There is nothing to order."""


class TooManyTitlesError(OrderError):
    """The cart holds more titles than one order may."""


class BooksUnavailableError(OrderError):
    """Some of the books are sold out, withdrawn, or too few; the message names them."""


class PriceChangedError(OrderError):
    """What the customer agreed to pay is not what the books cost now; the message names them."""

    def __init__(self, message: str, *, total: Decimal) -> None:
        super().__init__(message)
        self.total = total  # of the cart, today


class CartChangedError(OrderError):
    """The cart holds other books, or other quantities, than the page the customer agreed to."""


class OrderBusyError(OrderError):
    """Others were buying the same books so fast that no turn came; a later try may succeed."""


class TooLateError(OrderError):
    """The order has gone too far for what was asked, such as cancelling it."""
