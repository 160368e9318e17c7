"""What goes wrong with an order."""


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


class CartChangedError(OrderError):
    """The cart holds other books, or other quantities, than the page the customer agreed to."""


class OrderBusyError(OrderError):
    """Others were buying the books, or changing the order, so fast that no turn came; a later try may succeed."""


class TooLateError(OrderError):
    """The order has gone too far for what was asked, such as cancelling it."""


class OrderChangedError(OrderError):
    """Something was done with the order that the clerk has not reckoned with; the message tells what, and who did it."""


class SentBeforeError(OrderError):
    """The same form was sent before, and said something else then, which is what was done."""


class BadStepError(OrderError):
    """What was said about a step cannot be: no carrier, no such copies, too much money, no reason."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field  # which argument of the service it is about
        self.problems = {field: message}
