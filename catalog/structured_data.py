"""What a book page tells machines, in the words of schema.org.

Only what the page itself shows, and only ratings that readers gave: a bookseller's opinion is
no review.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

from catalog.models import Book, Review

_AVAILABILITY = {
    "in_stock": "https://schema.org/InStock",
    "low": "https://schema.org/LimitedAvailability",
    "sold_out": "https://schema.org/OutOfStock",
}
_FORMATS = {
    "paperback": "https://schema.org/Paperback",
    "hardback": "https://schema.org/Hardcover",
}


def _absolute(path: str) -> str:
    return path if path.startswith(("http:", "https:")) else f"{settings.PUBLIC_ORIGIN}{path}"


def book_data(book: Book, reviews: Sequence[Review]) -> dict[str, object]:
    """Describe a book that is for sale, with its offer and what readers said of it."""
    address = _absolute(book.get_absolute_url())
    people: dict[str, list[dict[str, str]]] = {}
    for contributor in book.contributors:
        people.setdefault(contributor.role, []).append({"@type": "Person", "name": contributor.name})
    data: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": ["Book", "Product"],
        "@id": address,
        "url": address,
        "name": book.title,
        "image": _absolute(book.cover_url),
        "sku": book.id,
        "description": book.description,
        "offers": {
            "@type": "Offer",
            "url": address,
            "price": str(book.price),
            "priceCurrency": book.currency,
            "availability": _AVAILABILITY[book.availability],
            "itemCondition": "https://schema.org/NewCondition",
        },
    }
    known = {
        **{role: people.get(role) for role in ("author", "translator", "illustrator", "editor")},
        "isbn": book.isbn13,
        "inLanguage": book.language,
        "numberOfPages": int(book.pages) if book.pages else None,
        "datePublished": book.published_on,
        "bookFormat": _FORMATS.get(book.format or ""),
        "publisher": {"@type": "Organization", "name": book.publisher} if book.publisher else None,
    }
    data |= {name: value for name, value in known.items() if value}
    if book.rating_count:
        mean = Decimal(int(book.rating_sum)) / int(book.rating_count)
        data["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": str(mean.quantize(Decimal("0.01"), ROUND_HALF_UP)),
            "ratingCount": int(book.rating_count),
            "bestRating": 5,
            "worstRating": 1,
        }
    if reviews:
        data["review"] = [_review_data(review) for review in reviews]
    return data


def _review_data(review: Review) -> dict[str, object]:
    """Describe one review. Reviewers are not named: what is known is that they bought the book."""
    data: dict[str, object] = {
        "@type": "Review",
        "author": {"@type": "Person", "name": "Verified buyer"},
        "datePublished": review.reviewed_at.date().isoformat(),
        "reviewRating": {
            "@type": "Rating",
            "ratingValue": int(review.stars),
            "bestRating": 5,
            "worstRating": 1,
        },
    }
    if review.title:
        data["name"] = review.title
    if review.text:
        data["reviewBody"] = review.text
    return data


def breadcrumb_data(*steps: tuple[str, str]) -> dict[str, object]:
    """Describe where a page stands: names and paths from the front door inwards."""
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": _absolute(path)}
            for position, (name, path) in enumerate(steps, start=1)
        ],
    }
