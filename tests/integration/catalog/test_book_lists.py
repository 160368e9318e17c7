from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from bookstore.dynamodb.pages import BadCursorError, sign_cursor
from catalog import selectors, services, stock
from catalog.errors import AuthorNotFoundError, BookNotFoundError
from catalog.models import Book
from tests.factories import book

KEYS = {"title": "title_key", "price": "price_key", "rating": "rating_key", "date": "added_key"}


def brute_force(sort, books):
    """Sort in the process what the indexes should have sorted."""
    ordered = sorted(books, key=lambda each: getattr(each, KEYS[sort]), reverse=sort in {"rating", "date"})
    return [each.id for each in ordered]


@pytest.mark.parametrize("count", [0, 1, 24, 25, 48, 60])
def test_pages_forwards_and_backwards_equal_brute_force_in_every_order(shelf, count):
    books = shelf(count)
    shelf(3, category="another")
    for sort in sorted(selectors.SORTS):
        expected = brute_force(sort, books)
        page = selectors.books_in_category(slug="fiction", sort=sort)
        pages = [page]
        while page.after:
            page = selectors.books_in_category(slug="fiction", sort=sort, after=page.after)
            pages.append(page)
        assert [each.id for page in pages for each in page.items] == expected
        assert pages[0].before is None
        assert all(len(page.items) == 24 for page in pages[:-1])

        backwards = [each.id for each in pages[-1].items]
        while page.before:
            page = selectors.books_in_category(slug="fiction", sort=sort, before=page.before)
            backwards = [each.id for each in page.items] + backwards
        assert backwards == expected


def test_pages_are_full_where_a_query_ends_at_its_megabyte_before(shelf, wire):
    books = shelf(60)
    for each in books:
        Book(each.id).update(actions=[Book.author.set("x" * 60_000)])  # 24 of them are more than a megabyte
    expected = brute_force("title", books)
    with wire.count() as calls:
        first = selectors.books_in_category(slug="fiction")
    assert calls.dynamodb == 2  # it was cut short, and gone on with
    second = selectors.books_in_category(slug="fiction", after=first.after)
    third = selectors.books_in_category(slug="fiction", after=second.after)
    assert [each.id for page in (first, second, third) for each in page.items] == expected
    assert [len(page.items) for page in (first, second, third)] == [24, 24, 12]
    again = selectors.books_in_category(slug="fiction", before=third.before)
    assert [each.id for each in again.items] == expected[24:48]
    again = selectors.books_in_category(slug="fiction", before=again.before)
    assert [each.id for each in again.items] == expected[:24]
    assert again.before is None


def test_the_last_page_has_no_page_behind_it(shelf):
    shelf(48)
    first = selectors.books_in_category(slug="fiction")
    second = selectors.books_in_category(slug="fiction", after=first.after)
    assert second.after is None
    assert len(second.items) == 24


def test_a_page_stays_where_it_is_while_books_come_and_go(shelf, now):
    shelf(30)
    first = selectors.books_in_category(slug="fiction")
    expected = [each.id for each in selectors.books_in_category(slug="fiction", after=first.after).items]
    book("Title 0", book_id="aaa-first", price="5.99")  # stands on the first page
    services.withdraw_book(book_id=first.items[-1].id, at=now)  # the very book that the cursor names
    again = [each.id for each in selectors.books_in_category(slug="fiction", after=first.after).items]
    assert again == expected


def test_a_cursor_is_good_for_its_own_list_in_its_own_order(shelf):
    shelf(30)
    shelf(30, category="another")
    cursor = selectors.books_in_category(slug="fiction", sort="title").after
    for slug, sort in (("another", "title"), ("fiction", "price")):
        with pytest.raises(BadCursorError):
            selectors.books_in_category(slug=slug, sort=sort, after=cursor)


@pytest.mark.parametrize("cursor", ["x", "title 3 #b-1", "eyJhIjoxfQ:forged", "é", "\x00", "a" * 5000])
def test_a_forged_cursor_is_refused(cursor):
    for way in ("after", "before"):
        with pytest.raises(BadCursorError):
            selectors.books_in_category(slug="fiction", **{way: cursor})


def test_a_category_page_is_one_store_call_however_many_books_there_are(shelf, wire):
    shelf(60)
    first = selectors.books_in_category(slug="fiction")
    with wire.count() as calls:
        selectors.books_in_category(slug="fiction", sort="rating")
        selectors.books_in_category(slug="fiction", after=first.after)
    assert (calls.dynamodb, calls.total) == (2, 2)


def test_a_sale_that_leaves_a_book_in_stock_rewrites_no_card(shelf):
    book(book_id="b-1", stock=100)
    (before,) = selectors.books_in_category(slug="fiction").items
    stock.receive_stock(book_id="b-1", copies=1, at=datetime.now(UTC))
    (after,) = selectors.books_in_category(slug="fiction").items
    assert before.serialize(null_check=False) == after.serialize(null_check=False)


# --- Single books and batches ------------------------------------------------------------------------------


def test_an_unknown_book_is_not_found():
    with pytest.raises(BookNotFoundError):
        selectors.get_book("nothing")


def test_books_come_in_the_order_asked_for_in_one_call(wire):
    for number in range(5):
        book(book_id=f"x-{number}")
    with wire.count() as calls:
        found = selectors.books_by_id(["x-3", "missing", "x-1", "x-3", "", "x-4"])
    assert list(found) == ["x-3", "x-1", "x-4"]
    assert (calls.dynamodb, calls.total) == (1, 1)


def test_a_hundred_books_are_one_call_and_more_are_refused(wire):
    for number in range(100):
        book(book_id=f"x-{number}")
    with wire.count() as calls:
        assert len(selectors.books_by_id(f"x-{number}" for number in range(100))) == 100
    assert calls.total == 1
    with pytest.raises(ValueError, match="at most 100"):
        selectors.books_by_id(f"x-{number}" for number in range(101))


def test_no_books_are_no_call(wire):
    with wire.count() as calls:
        assert selectors.books_by_id([]) == {}
    assert calls.total == 0


def test_books_that_dynamodb_left_for_later_are_asked_for_again(monkeypatch):
    for number in range(4):
        book(book_id=f"x-{number}")
    connection = Book._get_connection()
    whole, asked = connection.batch_get_item, []

    def halves(keys):
        asked.append(len(keys))
        half = keys[: max(1, len(keys) // 2)]
        answer = whole(half)
        answer["UnprocessedKeys"] = (
            {Book.Meta.table_name: {"Keys": keys[len(half) :]}} if keys[len(half) :] else {}
        )
        return answer

    monkeypatch.setattr(connection, "batch_get_item", halves)
    assert len(selectors.books_by_id(f"x-{number}" for number in range(4))) == 4
    assert asked == [4, 2, 1]


def test_books_that_are_never_given_are_an_error_not_a_gap(monkeypatch):
    book(book_id="x-0")
    never = {"Responses": {}, "UnprocessedKeys": {Book.Meta.table_name: {"Keys": [{"id": {"S": "x-0"}}]}}}
    monkeypatch.setattr(Book._get_connection(), "batch_get_item", lambda keys: never)
    monkeypatch.setattr(selectors.time, "sleep", lambda _: None)
    with pytest.raises(selectors.GetError):
        selectors.books_by_id(["x-0"])


# --- New arrivals ------------------------------------------------------------------------------------------


def test_the_newest_books_come_first_whatever_their_category(wire):
    for day in range(1, 16):
        book(
            book_id=f"d-{day:02}",
            category=f"category-{day % 3}",
            added_at=datetime(2026, 6, day, tzinfo=UTC),
            at=datetime(2026, 6, day, tzinfo=UTC),
        )
    with wire.count() as calls:
        found = selectors.new_arrivals(limit=12, today=date(2026, 11, 22))
    assert [each.id for each in found] == [f"d-{day:02}" for day in range(15, 3, -1)]
    assert calls.total == 1


def test_in_a_young_year_last_years_are_there_too(wire):
    for book_id, when in (
        ("old", datetime(2026, 12, 30, tzinfo=UTC)),
        ("new", datetime(2027, 1, 1, tzinfo=UTC)),
    ):
        book(book_id=book_id, added_at=when, at=when)
    with wire.count() as calls:
        found = selectors.new_arrivals(today=date(2027, 1, 2))
    assert [each.id for each in found] == ["new", "old"]
    assert calls.total == 2


# --- Authors -----------------------------------------------------------------------------------------------


def test_an_authors_books_stand_by_publication_page_by_page_in_two_calls(wire):
    for number in range(30):
        book(book_id=f"a-{number:02}", published_on=str(1800 + number))
    with wire.count() as calls:
        first = selectors.author_page("jane-austen")
    assert calls.total == 2
    assert first.name == "Jane Austen"
    assert [each.id for each in first.books] == [f"a-{number:02}" for number in range(29, 5, -1)]
    second = selectors.author_page("jane-austen", after=first.after)
    assert [each.id for each in second.books] == [f"a-{number:02}" for number in range(5, -1, -1)]
    back = selectors.author_page("jane-austen", before=second.before)
    assert [each.id for each in back.books] == [each.id for each in first.books]


def test_an_unknown_author_is_not_found():
    with pytest.raises(AuthorNotFoundError):
        selectors.author_page("nobody")


def test_a_cursor_of_another_author_is_refused():
    with pytest.raises(BadCursorError):
        selectors.author_page("jane-austen", after=sign_cursor("1800#x", list_name="author:nobody"))


def test_ratings_stand_best_first(shelf):
    shelf(9)
    ratings = [each.rating for each in selectors.books_in_category(slug="fiction", sort="rating").items]
    assert all(first >= second for first, second in pairwise(ratings))
