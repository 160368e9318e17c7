from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bookstore.accounts.signals import collect_export, customer_erased
from catalog import reviews, selectors, services
from catalog.errors import BadReviewError, BookNotFoundError
from catalog.models import Book, Review
from tests.factories import book


def stored(book_id="b-1"):
    return Book.get(book_id, consistent_read=True)


def rate(stars, *, customer="c-1", at, book_id="b-1", **words):
    return reviews.rate_book(
        book_id=book_id, customer_id=customer, order_id="o-1", stars=stars, at=at, **words
    )


def test_a_review_and_its_stars_are_written_together(now):
    book(book_id="b-1")
    before = stored()
    review = rate(4, at=now, title=" Good ", text="I liked\r\nit.")
    after = stored()
    assert (after.rating_sum, after.rating_count, after.revision) == (4, 1, before.revision + 1)
    assert (review.title, review.text, review.order_id) == ("Good", "I liked\nit.", "o-1")
    assert [each.customer_id for each in selectors.published_reviews("b-1")] == ["c-1"]
    assert selectors.review_of("b-1", "c-1").stars == 4
    assert selectors.review_of("b-1", "c-2") is None


def test_a_second_opinion_replaces_the_first(now):
    book(book_id="b-1")
    rate(5, at=now, text="Wonderful")
    rate(2, at=now + timedelta(days=1), text="On reflection")
    after = stored()
    assert (after.rating_sum, after.rating_count) == (2, 1)
    (review,) = selectors.published_reviews("b-1")
    assert (review.text, review.version) == ("On reflection", 2)


def test_two_customers_rating_at_once_both_count(now):
    book(book_id="b-1")
    with ThreadPoolExecutor(16) as readers:
        list(readers.map(lambda number: rate(1 + number % 5, customer=f"c-{number}", at=now), range(30)))
    after = stored()
    assert (after.rating_sum, after.rating_count) == (sum(1 + number % 5 for number in range(30)), 30)


def test_one_customer_rating_twice_at_once_counts_once(now):
    book(book_id="b-1")
    with ThreadPoolExecutor(4) as clicks:
        list(clicks.map(lambda stars: rate(stars, at=now), [1, 5, 3, 4]))
    after = stored()
    review = selectors.review_of("b-1", "c-1")
    assert (after.rating_sum, after.rating_count) == (review.stars, 1)
    assert review.version == 4


def test_only_a_book_can_be_rated(now):
    with pytest.raises(BookNotFoundError):
        rate(5, at=now)
    assert list(Review.scan()) == []


def test_what_was_bought_may_be_rated_after_it_was_withdrawn(now):
    book(book_id="b-1")
    services.withdraw_book(book_id="b-1", at=now)
    rate(5, at=now)
    assert stored().rating_count == 1


@pytest.mark.parametrize("stars", [0, 6, -1, 2.5, "5", None, True])
def test_stars_are_one_to_five(now, stars):
    book(book_id="b-1")
    with pytest.raises(BadReviewError) as caught:
        rate(stars, at=now)
    assert caught.value.problems.keys() == {"stars"}
    assert stored().rating_count == 0


def test_an_endless_review_is_refused(now):
    book(book_id="b-1")
    with pytest.raises(BadReviewError) as caught:
        rate(5, at=now, title="x" * 121, text="x" * 4001)
    assert caught.value.problems.keys() == {"title", "text"}


def test_a_hidden_review_stays_hidden_and_its_stars_do_not_count(now):
    book(book_id="b-1")
    rate(5, at=now)
    # As staff hide it: the review and the book in step.
    Review("b-1", "c-1").update(actions=[Review.status.set("hidden"), Review.published.remove()])
    Book("b-1").update(actions=[Book.rating_sum.add(-5), Book.rating_count.add(-1)])
    rate(1, at=now)
    after = stored()
    assert (after.rating_sum, after.rating_count) == (0, 0)
    assert selectors.published_reviews("b-1") == []


def test_the_latest_reviews_come_first_and_are_limited(now):
    book(book_id="b-1")
    for number in range(12):
        rate(3, customer=f"c-{number}", at=now + timedelta(minutes=number))
    found = selectors.published_reviews("b-1", limit=10)
    assert [each.customer_id for each in found] == [f"c-{number}" for number in range(11, 1, -1)]


def test_a_customer_takes_their_reviews_along(now):
    book(book_id="b-1")
    rate(4, at=now, title="Good", text="Yes")
    ((_, told),) = [
        answer for answer in collect_export.send(sender=None, customer_id="c-1") if "reviews" in answer[1]
    ]
    (review,) = told["reviews"]
    assert (review["book"], review["stars"], review["text"]) == ("b-1", 4, "Yes")


def test_a_customer_who_is_forgotten_leaves_no_review_and_no_stars(now):
    for book_id in ("b-1", "b-2"):
        book(book_id=book_id)
        rate(5, at=now, book_id=book_id)
        rate(3, at=now, book_id=book_id, customer="c-2")
    for _ in range(2):  # the second time nothing is left to do
        reviews.erase_reviews(customer_id="c-1", reviews=selectors.reviews_by("c-1"))
        assert (stored("b-2").rating_sum, stored("b-2").rating_count) == (3, 1)
    assert {review.customer_id for review in Review.scan()} == {"c-2"}


def test_a_customer_is_forgotten_whose_book_is_gone(now):
    for book_id in ("b-1", "b-2"):
        book(book_id=book_id)
        rate(5, at=now, book_id=book_id)
    stored("b-1").delete()  # as from a table restored to an earlier second
    assert reviews.erase_reviews(customer_id="c-1", reviews=selectors.reviews_by("c-1")) == 2
    assert list(Review.scan()) == []
    assert [(each.id, each.rating_count) for each in Book.scan()] == [("b-2", 0)]


def test_the_catalogue_hears_when_a_customer_is_forgotten(now):
    book(book_id="b-1")
    rate(5, at=now)
    customer_erased.send(sender=None, customer_id="c-1", at=now)
    assert stored().rating_count == 0
