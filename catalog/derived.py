"""What follows from a book's copies and stars, and is stored beside them: availability, rating, standing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from bookstore.dynamodb.errors import is_condition_failure
from catalog import keys
from catalog.models import IN_STOCK, WITHDRAWN, Book, availability_of

# Our booksellers' rating counts as much as this many readers' ratings. Until five readers have
# spoken the booksellers' opinion weighs more; one angry or enthusiastic reader moves a book
# that had 4.0 to 3.5 or 4.2, not to 1.0 or 5.0. Twenty readers make it a fifth of the whole.
PRIOR_WEIGHT = 5

# What stands in for our booksellers' rating when readers rate a book that they did not.
NEUTRAL_RATING = Decimal("3.50")


@dataclass(frozen=True, slots=True)
class Derived:
    """The attributes of a book that follow from others."""

    availability: str  # models.IN_STOCK, LOW or SOLD_OUT
    rating: Decimal  # 2 places; 0.00 for a book that nobody has rated, which sorts last


def derive(*, stock: int, prior_rating: Decimal | None, rating_sum: int, rating_count: int) -> Derived:
    """Return what follows from a book's copies and stars; the only place that knows how.

    The rating is the Bayesian mean: our booksellers' rating counts as ``PRIOR_WEIGHT`` readers.
    """
    availability = availability_of(stock)
    if prior_rating is None and not rating_count:
        return Derived(availability, Decimal("0.00"))
    prior = NEUTRAL_RATING if prior_rating is None else prior_rating
    mean = (prior * PRIOR_WEIGHT + rating_sum) / (PRIOR_WEIGHT + rating_count)
    return Derived(availability, mean.quantize(Decimal("0.01"), ROUND_HALF_UP))


def standing_of(availability: str, *, is_sold: bool) -> str | None:
    """Return on which of the lists that staff look after a book stands; None for a book that needs nothing."""
    if not is_sold:
        return WITHDRAWN
    return None if availability == IN_STOCK else availability


def mend_derived(image: Mapping[str, Any]) -> bool:
    """Set what follows from a book's stock and stars as its stream record showed them; tell whether it wrote.

    Conditional on that stock, those stars and its being sold or not, and only when the value
    changes: an older record does nothing, and the record of this write itself ends the chain.
    """
    stock, rating_sum, rating_count = (
        int(image.get(name, 0)) for name in ("stock", "ratingSum", "ratingCount")
    )
    prior_rating = image.get("priorRating")
    book_id = str(image["id"])
    derived = derive(stock=stock, prior_rating=prior_rating, rating_sum=rating_sum, rating_count=rating_count)
    rating_key = keys.rating_key(derived.rating, book_id=book_id)
    is_sold = "listing" in image
    standing = standing_of(derived.availability, is_sold=is_sold)
    if (image["availability"], image["rating"], image["ratingKey"], image.get("standing")) == (
        derived.availability,
        derived.rating,
        rating_key,
        standing,
    ):
        return False
    shown = (
        (Book.stock == stock)
        & (Book.rating_sum == rating_sum)
        & (Book.rating_count == rating_count)
        & (Book.prior_rating.does_not_exist() if prior_rating is None else Book.prior_rating == prior_rating)
        & (Book.listing.exists() if is_sold else Book.listing.does_not_exist())
    )
    # What is absent is not unlike anything to DynamoDB's "<>" on every engine.
    elsewhere = Book.standing.exists()
    if standing is not None:
        elsewhere = Book.standing.does_not_exist() | (Book.standing != standing)
    differs = (Book.availability != derived.availability) | (Book.rating_key != rating_key) | elsewhere
    try:
        Book(book_id).update(
            actions=[
                Book.availability.set(derived.availability),
                Book.rating.set(derived.rating),
                Book.rating_key.set(rating_key),
                set_standing(standing),
                *Book.rewritten(),
            ],
            condition=shown & differs,
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        return False  # the book has moved on, and a later record says how
    return True


def set_standing(standing: str | None) -> Action:
    """Return what puts a book on one of those lists, or on none."""
    return Book.standing.remove() if standing is None else Book.standing.set(standing)
