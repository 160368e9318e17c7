"""What buyers say of books: stars and words, hidden and shown again by staff, gone with their customer."""

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog.drafts import plain_line, plain_text, read_each
from catalog.errors import BadReviewError, BookNotFoundError, ReviewNotFoundError
from catalog.models import HIDDEN, PUBLISHED, Book, Review

MOST_STARS = 5
REVIEW_TITLE_CHARACTERS = 120
REVIEW_CHARACTERS = 4000
_READERS = {
    "title": partial(plain_line, most=REVIEW_TITLE_CHARACTERS),
    "text": partial(plain_text, most=REVIEW_CHARACTERS),
}


def rate_book(
    *,
    book_id: str,
    customer_id: str,
    order_id: str,
    stars: int,
    title: str = "",
    text: str = "",
    at: datetime,
) -> Review:
    """Record what a buyer thinks of a book; a second opinion replaces the first.

    Review and book change in one transaction, so the book's sum and count are always those of
    its published reviews. The caller has made sure that ``order_id`` is this customer's and
    holds the book (else ``NotBoughtError``). A review that staff hid stays hidden. Raises
    ``BadReviewError``, ``BookNotFoundError``.
    """
    said = _check_review(stars=stars, title=title, text=text)

    def write() -> Review:
        before = _read_review(book_id, customer_id)
        status = PUBLISHED if before is None else before.status
        shown = status == PUBLISHED
        review = Review(
            book_id,
            customer_id,
            **said,
            order_id=order_id,
            status=status,
            published=book_id if shown else None,
            reviewed_key=f"{instant_text(at)}#{customer_id}",
            reviewed_at=at,
            version=1 if before is None else int(before.version) + 1,
        )
        unchanged = Review.book_id.does_not_exist() if before is None else Review.version == before.version
        with transaction() as open_transaction:
            open_transaction.save(review, condition=unchanged)
            _count_stars(
                open_transaction,
                book_id,
                stars=(stars - (int(before.stars) if before else 0)) if shown else 0,
                readers=1 if before is None else 0,
            )
        return review

    return _rate(write, book_id)


def hide_review(*, book_id: str, customer_id: str, beside: Beside = nothing_beside) -> Review:
    """Take a review and its stars from the public; the second time nothing happens.

    It stays hidden whatever its customer says later. Raises ``ReviewNotFoundError``, ``BookNotFoundError``.
    """
    return _publish_or_hide(book_id, customer_id, HIDDEN, beside=beside)


def publish_review(*, book_id: str, customer_id: str, beside: Beside = nothing_beside) -> Review:
    """Show a review that was hidden, and count its stars again; the second time nothing happens.

    Raises ``ReviewNotFoundError``, ``BookNotFoundError``.
    """
    return _publish_or_hide(book_id, customer_id, PUBLISHED, beside=beside)


def _publish_or_hide(book_id: str, customer_id: str, status: str, *, beside: Beside) -> Review:
    shown = status == PUBLISHED

    def write() -> Review:
        review = _read_review(book_id, customer_id)
        if review is None:
            raise ReviewNotFoundError
        if review.status == status:
            return review
        sign = 1 if shown else -1
        with transaction() as open_transaction:
            beside(open_transaction)
            open_transaction.update(
                Review(book_id, customer_id),
                actions=[
                    Review.status.set(status),
                    Review.published.set(book_id) if shown else Review.published.remove(),
                    Review.version.add(1),
                ],
                condition=Review.version == review.version,
            )
            _count_stars(open_transaction, book_id, stars=sign * int(review.stars), readers=sign)
        review.status = status
        return review

    return _rate(write, book_id)


def erase_reviews(*, customer_id: str, reviews: Iterable[Review]) -> int:
    """Remove a customer's reviews, with their stars; return how many there were. The second time there are none.

    One of a book that is gone, as from a table restored to an earlier second, is removed as well.
    """
    erased = 0
    for found in reviews:
        book_id = found.book_id

        def write(book_id: str = book_id) -> bool:
            review = _read_review(book_id, customer_id)
            if review is None:
                return False
            shown = review.status == PUBLISHED
            with transaction() as open_transaction:
                open_transaction.delete(review, condition=Review.version == review.version)
                _count_stars(
                    open_transaction,
                    book_id,
                    stars=-int(review.stars) if shown else 0,
                    readers=-1 if shown else 0,
                )
            return True

        try:
            erased += _rate(write, book_id)
        except BookNotFoundError:
            Review(book_id, customer_id).delete()
            erased += 1
    return erased


def _check_review(*, stars: int, title: str, text: str) -> dict[str, Any]:
    problems: dict[str, str] = {}
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= MOST_STARS:
        problems["stars"] = _("Give one to five stars.")
    said: dict[str, Any] = {"stars": stars}
    said |= read_each(_READERS, {"title": title, "text": text}, problems)
    if problems:
        raise BadReviewError(problems)
    return said


def _read_review(book_id: str, customer_id: str) -> Review | None:
    with contextlib.suppress(Review.DoesNotExist):
        return Review.get(book_id, customer_id, consistent_read=True)
    return None


def _count_stars(write: TransactWrite, book_id: str, *, stars: int, readers: int) -> None:
    write.update(
        Book(book_id),
        actions=[Book.rating_sum.add(stars), Book.rating_count.add(readers), *Book.rewritten()],
        condition=Book.id.exists(),
    )


def _rate[Result](write: Callable[[], Result], book_id: str) -> Result:
    """Write a review and its stars; a review that changed meanwhile is read and written again."""

    def write_if_there_is_a_book() -> Result:
        try:
            return write()
        except TransactWriteError as error:
            codes = cancellation_codes(error)
            if codes and codes[-1] == CONDITION_FAILED:  # the book's update comes last
                raise BookNotFoundError(book_id) from error
            raise

    return through_conflicts(write_if_there_is_a_book, reads_anew=True)
