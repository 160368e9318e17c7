"""What the catalogue does when a customer asks for their data, or to be forgotten."""

from typing import Any

from catalog import reviews, selectors


def export(sender: object, customer_id: str, **_kwargs: object) -> dict[str, Any]:  # noqa: ARG001 - a signal's signature
    """Return what the customer said about books, for the customer's export."""
    return {
        "reviews": [
            {
                "book": review.book_id,
                "order": review.order_id,
                "stars": int(review.stars),
                "title": review.title,
                "text": review.text,
                "status": review.status,
                "reviewed_at": review.reviewed_at,
            }
            for review in selectors.reviews_by(customer_id)
        ]
    }


def forget(sender: object, customer_id: str, **_kwargs: object) -> None:  # noqa: ARG001 - a signal's signature
    """Remove what the customer said about books, with the stars; the second time nothing is left."""
    reviews.erase_reviews(customer_id=customer_id, reviews=selectors.reviews_by(customer_id))
