from decimal import Decimal

import pytest

from catalog.models import Book


def a_book(**attributes):
    known = {
        "name": "Alice’s Adventures",
        "listing": "fairy-tales",
        "availability": "in_stock",
        "price": Decimal(8),
    }
    return Book("b-1", **{**known, **attributes})


def test_a_book_knows_its_address():
    assert a_book().get_absolute_url() == "/books/b-1/alices-adventures/"
    assert a_book().title == "Alice’s Adventures"


def test_a_cover_comes_from_the_bucket_or_is_drawn_on_demand(settings):
    settings.COVERS_URL = "https://covers.example/"
    assert a_book(cover="covers/b-1-abc.svg").cover_url == "https://covers.example/covers/b-1-abc.svg"
    assert a_book(cover="covers/a b?.png").cover_url == "https://covers.example/covers/a%20b%3F.png"
    assert a_book(cover=None).cover_url == "/books/b-1/cover.svg"


def test_a_withdrawn_book_is_neither_sold_nor_in_stock():
    withdrawn = a_book(listing=None, arrival_year=None)
    assert not withdrawn.is_sold
    assert not withdrawn.in_stock


def test_a_new_arrival_is_known_to_be_sold_without_its_listing():
    assert a_book(listing=None, arrival_year="2026").is_sold  # the arrivals' index has no listing


@pytest.mark.parametrize(
    ("availability", "in_stock"), [("in_stock", True), ("low", True), ("sold_out", False)]
)
def test_stock_is_told_by_availability_as_cards_know_no_number(availability, in_stock):
    assert a_book(availability=availability).in_stock is in_stock


@pytest.mark.parametrize(("readers", "theirs"), [(0, False), (2, False), (3, True)])
def test_stars_are_called_the_readers_from_three_on(readers, theirs):
    assert a_book(rating_count=readers).is_rated_by_readers is theirs
