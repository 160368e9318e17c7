"""The whole sample catalogue is held to what it was written for."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from catalog.isbn import read_isbn
from catalog.sample_catalogue import BadSampleError, read_sample, with_cover
from orders.management.commands.load_sample_orders import PURCHASES

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def categories():
    return read_sample()


@pytest.fixture(scope="module")
def books(categories):
    return [book for category in categories for book in category.books]


def test_there_are_at_least_two_hundred_books_in_a_dozen_categories(categories, books):
    assert len(books) >= 200
    assert len(categories) >= 12
    assert len({category.position for category in categories}) == len(categories)


def test_the_predecessors_categories_are_there(categories):
    assert {category.name for category in categories} >= {
        *("Cookbooks", "Database", "Fairy Tales", "Science Fiction", "Home Improvement", "Cars", "Woodwork"),
    }


def test_one_category_has_three_pages_and_two_more_have_two(categories):
    sizes = sorted((len(category.books) for category in categories), reverse=True)
    assert sizes[0] > 48
    assert sizes[2] > 24


def test_ids_and_isbns_are_unique_and_right(books):
    assert max(Counter(book.book_id for book in books).values()) == 1
    isbns = [book.facts.isbn13 for book in books if book.facts.isbn13]
    assert len(isbns) == len(set(isbns))
    assert all(read_isbn(isbn) == isbn for isbn in isbns)


def test_no_two_books_are_the_same_edition(books):
    editions = Counter((book.facts.name, book.facts.author, book.facts.language) for book in books)
    assert [edition for edition, count in editions.items() if count > 1] == []


def test_everybody_whom_readers_will_look_for_is_there(books):
    names = {name for book in books for name in book.facts.authors}
    assert names >= {"William Shakespeare", "Fyodor Dostoyevsky", "Jane Austen", "Lewis Carroll"}


def test_each_description_has_forty_to_eighty_words_of_its_own(books):
    lengths = {book.book_id: len(book.facts.description.split()) for book in books}
    assert {book_id: length for book_id, length in lengths.items() if not 40 <= length <= 80} == {}
    openings = Counter(" ".join(book.facts.description.split()[:5]) for book in books)
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_each_book_says_what_its_page_shows(books):
    for book in books:
        assert book.facts.author, book.book_id
        assert book.facts.published_on, book.book_id
        assert book.facts.language, book.book_id
        assert book.facts.format, book.book_id
        assert book.facts.prior_rating, book.book_id


def test_each_category_has_a_bookcase_of_its_own_with_few_books_a_shelf(categories):
    for category in categories:
        shelves = Counter(book.facts.location for book in category.books)
        assert len({shelf[0] for shelf in shelves}) == 1
        assert max(shelves.values()) <= 8
    assert len({category.books[0].facts.location for category in categories}) == len(categories)


def test_one_book_has_a_single_copy_and_some_are_sold_out(books):
    stocks = Counter(book.stock for book in books)
    assert stocks[1] == 1
    assert stocks[0] >= 2
    assert sum(count for stock, count in stocks.items() if stock > 5) > len(books) / 2


def test_new_arrivals_are_a_mix_of_categories(books):
    newest = sorted(books, key=lambda book: book.arrived_at(NOW), reverse=True)
    assert len({book.facts.category for book in newest[:12]}) >= 5
    assert NOW - newest[-1].arrived_at(NOW) <= timedelta(days=60)
    assert NOW - newest[0].arrived_at(NOW) < timedelta(days=2)


def test_books_arrive_on_the_same_day_every_time(books):
    assert books[0].arrived_at(NOW) == books[0].arrived_at(NOW)


def test_nobody_has_ordered_a_book_before_it_came_in(books):
    arrived = {book.book_id: book.arrived_at(NOW) for book in books}
    too_early = [
        (days, book_id)
        for days, _status, wanted in PURCHASES
        for book_id in wanted
        if arrived[book_id] >= NOW - timedelta(days=days)
    ]
    assert too_early == []


def test_a_book_names_the_cover_drawn_for_it(books):
    draft, cover = with_cover(books[0], now=NOW, reference=1)
    assert draft.facts.cover == cover.name
    assert cover.name.startswith(f"covers/{books[0].book_id}-")
    assert cover.drawing.startswith("<svg")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "X"\nposition = 1\nbooks = []', "cars.toml has no 'description'"),
        (
            'name = "X"\ndescription = ""\nposition = 1\n[[books]]\nid = "b"\ntitle = "T"\nprice = "0"',
            "cars.toml, b:",
        ),
        (
            'name = "X"\ndescription = ""\nposition = 1\n[[books]]\nid = "b"\ntitle = "T"\nprice = "1"\ncolour = "red"',
            "colour",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path, text, told):
    (tmp_path / "cars.toml").write_text(text)
    with pytest.raises(BadSampleError, match=told):
        read_sample(tmp_path)
