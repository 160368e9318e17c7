from decimal import Decimal

import pytest

from catalog.derived import derive


def derived(*, stock=10, prior="4.00", stars=0, readers=0):
    return derive(
        stock=stock,
        prior_rating=None if prior is None else Decimal(prior),
        rating_sum=stars,
        rating_count=readers,
    )


@pytest.mark.parametrize(
    ("stock", "availability"),
    [(-1, "sold_out"), (0, "sold_out"), (1, "low"), (5, "low"), (6, "in_stock"), (10_000, "in_stock")],
)
def test_availability_follows_from_the_stock(stock, availability):
    assert derived(stock=stock).availability == availability


def test_without_readers_the_rating_is_our_booksellers():
    assert derived(prior="4.50").rating == Decimal("4.50")


def test_our_booksellers_count_as_five_readers():
    assert derived(prior="4.00", stars=1, readers=1).rating == Decimal("3.50")  # (4 x 5 + 1) / 6
    assert derived(prior="4.00", stars=25, readers=5).rating == Decimal("4.50")


def test_many_readers_outweigh_our_booksellers():
    assert derived(prior="1.00", stars=5000, readers=1000).rating == Decimal("4.98")


def test_a_book_that_nobody_has_rated_sorts_last():
    assert derived(prior=None).rating == Decimal("0.00")


def test_readers_alone_are_weighed_against_a_neutral_opinion():
    assert derived(prior=None, stars=5, readers=1).rating == Decimal("3.75")  # (3.5 x 5 + 5) / 6


def test_a_rating_always_has_two_places():
    assert str(derived(prior="4").rating) == "4.00"
    assert str(derived(prior="4.00", stars=9, readers=2).rating) == "4.14"  # 29 / 7, rounded half up
