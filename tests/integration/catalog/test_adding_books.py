from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from catalog import selectors, services, stock
from catalog.errors import (
    AuthorNotFoundError,
    BadBookError,
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    DuplicateIsbnError,
)
from catalog.models import Book, Contribution, Unique
from tests.factories import book

EMMA = "9780141439587"
PRIDE = "9780141439518"


def stored(book_id):
    return Book.get(book_id, consistent_read=True)


def authors_with(book_id):
    return {entry.author_slug for entry in Contribution.scan() if entry.book_id == book_id}


def claims():
    return {claim.value: claim.book_id for claim in Unique.scan()}


def test_a_new_book_is_on_every_list(now):
    book("The Emma", book_id="b-1", price="7.90", authors=("Jane Austen",), isbn13=EMMA, stock=3, at=now)
    for sort in selectors.SORTS:
        assert [each.id for each in selectors.books_in_category(slug="fiction", sort=sort).items] == ["b-1"]
    assert [each.id for each in selectors.new_arrivals(today=now.date())] == ["b-1"]
    assert [each.id for each in selectors.author_page("jane-austen").books] == ["b-1"]
    assert claims() == {f"isbn#{EMMA}": "b-1"}
    found = selectors.get_book("b-1")
    assert found.price == Decimal("7.90")
    assert str(found.price) == "7.90"
    assert found.currency == "GBP"
    assert found.availability == "low"


def test_a_cards_attributes_are_in_every_list(now):
    book("Emma", book_id="b-1", cover="covers/b-1.svg", prior_rating="4.5", published_on="1815", at=now)
    lists = [selectors.books_in_category(slug="fiction", sort=sort).items for sort in selectors.SORTS]
    for items in [*lists, selectors.new_arrivals(today=now.date())]:
        (card,) = items
        assert card.is_sold
        assert card.in_stock
        assert (card.title, card.author, card.price) == ("Emma", "Jane Austen", Decimal("7.99"))
        assert (card.rating, card.rating_count, card.published_on) == (Decimal("4.50"), 0, "1815")
        assert card.cover_url.endswith("/covers/b-1.svg")
        assert card.get_absolute_url() == "/books/b-1/emma/"
        assert card.added_at


def test_a_new_books_revision_is_the_time_in_milliseconds():
    at = datetime(2026, 11, 22, 17, 5, 0, 123000, tzinfo=UTC)
    assert stored(book(book_id="b-1", at=at).id).revision == int(at.timestamp() * 1000)


def test_an_id_is_given_once():
    book("First", book_id="b-1")
    with pytest.raises(BookExistsError):
        book("Second", book_id="b-1", authors=("Somebody Else",))
    assert stored("b-1").name == "First"
    assert authors_with("b-1") == {"jane-austen"}  # nothing of the refused book was written


def test_an_isbn_belongs_to_one_book_and_the_refused_one_leaves_nothing():
    book(book_id="b-1", isbn13=EMMA)
    with pytest.raises(DuplicateIsbnError, match=EMMA):
        book(book_id="b-2", isbn13="978-0-14-143958-7", authors=("Somebody Else",))
    with pytest.raises(BookNotFoundError):
        selectors.get_book("b-2")
    with pytest.raises(AuthorNotFoundError):
        selectors.author_page("somebody-else")


def test_a_book_that_is_none_is_not_written(wire):
    with wire.count() as calls, pytest.raises(BadBookError):
        book(book_id="b-1", price="0.00")
    assert calls.total == 0


def test_somebody_with_two_parts_in_a_book_stands_once_on_their_page():
    book(book_id="b-1", authors=("Edward Lear",), illustrators=("Edward Lear",), translators=("A B",))
    assert [each.id for each in selectors.author_page("edward-lear").books] == ["b-1"]
    assert [each.id for each in selectors.author_page("a-b").books] == ["b-1"]


def test_a_revision_changes_keys_contributions_and_isbn_together(now):
    book("Emma", book_id="b-1", isbn13=EMMA, authors=("Jane Austen",), price="5.00")
    before = stored("b-1")
    version = services.revise_book(
        book_id="b-1",
        version=1,
        name="Pride",
        category="classics",
        price="6.00",
        authors=("J. Austen",),
        isbn13=PRIDE,
        at=now,
    )
    revised = stored("b-1")
    assert (version, revised.version, revised.revision) == (2, 2, before.revision + 1)
    assert [each.id for each in selectors.books_in_category(slug="classics").items] == ["b-1"]
    assert list(selectors.books_in_category(slug="fiction").items) == []
    assert revised.title_key == "pride #b-1"
    assert revised.price_key == "0000000600#b-1"
    assert authors_with("b-1") == {"j-austen"}
    assert claims() == {f"isbn#{PRIDE}": "b-1"}


def test_a_revision_of_the_year_moves_the_book_on_its_authors_page(now):
    book("Old", book_id="b-1", published_on="1800")
    book("New", book_id="b-2", published_on="1900")
    services.revise_book(book_id="b-1", version=1, published_on="2000", at=now)
    assert [each.id for each in selectors.author_page("jane-austen").books] == ["b-1", "b-2"]


def test_a_revision_that_changes_nothing_writes_nothing(now, wire):
    book("Emma", book_id="b-1")
    with wire.count() as calls:
        assert services.revise_book(book_id="b-1", version=1, name=" Emma ", price="7.990", at=now) == 1
    assert calls.total == 1


def test_two_editors_of_one_book_do_not_overwrite_one_another(now):
    book("Emma", book_id="b-1")
    services.revise_book(book_id="b-1", version=1, name="Emma!", at=now)
    with pytest.raises(BookChangedError):
        services.revise_book(book_id="b-1", version=1, price="1.00", at=now)
    assert stored("b-1").price == Decimal("7.99")


def test_an_edit_between_reading_and_writing_is_noticed(now, monkeypatch):
    book("Emma", book_id="b-1")
    read = services.stored_book

    def slow(book_id):
        found = read(book_id)
        Book(book_id).update(actions=[Book.version.add(1)])  # somebody else was quicker
        return found

    monkeypatch.setattr(services, "stored_book", slow)
    with pytest.raises(BookChangedError):
        services.revise_book(book_id="b-1", version=1, name="Pride", at=now)
    assert stored("b-1").name == "Emma"


def test_the_same_edit_between_reading_and_writing_is_this_one(now, monkeypatch):
    book("Emma", book_id="b-1")
    read = services.stored_book

    def slow(book_id):
        found = read(book_id)
        Book(book_id).update(actions=[Book.version.set(2), Book.name.set("Pride")])  # the form, sent twice
        return found

    monkeypatch.setattr(services, "stored_book", slow)
    assert services.revise_book(book_id="b-1", version=1, name="Pride", at=now) == 2


def test_a_sale_is_no_edit(now):
    book("Emma", book_id="b-1")
    stock.receive_stock(book_id="b-1", copies=5, at=now)
    services.revise_book(book_id="b-1", version=1, name="Pride", at=now)
    revised = stored("b-1")
    assert (revised.name, revised.stock, revised.version) == ("Pride", 15, 2)


def test_a_revision_to_anothers_isbn_is_refused_whole(now):
    book(book_id="b-1", isbn13=EMMA)
    book("Pride", book_id="b-2", isbn13=PRIDE)
    with pytest.raises(DuplicateIsbnError):
        services.revise_book(book_id="b-2", version=1, name="Emma", isbn13=EMMA, at=now)
    assert stored("b-2").name == "Pride"
    assert claims() == {f"isbn#{EMMA}": "b-1", f"isbn#{PRIDE}": "b-2"}


def test_an_isbn_that_is_given_up_is_free_again(now):
    book(book_id="b-1", isbn13=EMMA)
    services.revise_book(book_id="b-1", version=1, isbn13=None, at=now)
    book(book_id="b-2", isbn13=EMMA)
    assert claims() == {f"isbn#{EMMA}": "b-2"}


def test_a_drawn_cover_that_shows_the_old_title_goes(now):
    book("Emma", book_id="b-1", cover="covers/b-1-abc.svg")
    services.revise_book(book_id="b-1", version=1, price="9.00", at=now)
    assert stored("b-1").cover == "covers/b-1-abc.svg"
    services.revise_book(book_id="b-1", version=2, name="Pride", at=now)
    assert stored("b-1").cover is None


def test_a_photographed_cover_stays_whatever_the_title(now):
    book("Emma", book_id="b-1", cover="covers/b-1.jpg")
    services.revise_book(book_id="b-1", version=1, name="Pride", at=now)
    assert stored("b-1").cover == "covers/b-1.jpg"


def test_a_withdrawn_book_is_on_no_list_but_is_kept(now):
    book("Emma", book_id="b-1")
    before = stored("b-1").revision
    services.withdraw_book(book_id="b-1", at=now)
    assert all(not selectors.books_in_category(slug="fiction", sort=sort).items for sort in selectors.SORTS)
    assert selectors.new_arrivals(today=now.date()) == []
    with pytest.raises(BookNotFoundError):
        selectors.get_book("b-1")
    with pytest.raises(AuthorNotFoundError):
        selectors.author_page("jane-austen")
    kept = selectors.get_book("b-1", withdrawn=True)
    assert (kept.is_sold, kept.withdrawn_at, kept.revision) == (False, now, before + 1)
    assert selectors.books_by_id(["b-1"])["b-1"].is_sold is False


def test_withdrawing_and_bringing_back_twice_does_it_once(now):
    book("Emma", book_id="b-1")
    services.withdraw_book(book_id="b-1", at=now)
    services.withdraw_book(book_id="b-1", at=now + timedelta(days=1))
    again = stored("b-1")
    assert (again.withdrawn_at, again.version) == (now, 2)
    services.bring_back_book(book_id="b-1", at=now)
    services.bring_back_book(book_id="b-1", at=now)
    back = stored("b-1")
    assert (back.is_sold, back.withdrawn_at, back.version) == (True, None, 3)


def test_a_book_comes_back_to_where_it_would_stand_now(now):
    book("Emma", book_id="b-1", added_at=datetime(2025, 3, 1, tzinfo=UTC), at=now)
    services.withdraw_book(book_id="b-1", at=now)
    services.revise_book(book_id="b-1", version=2, category="classics", authors=("J. Austen",), at=now)
    assert list(selectors.books_in_category(slug="classics").items) == []
    services.bring_back_book(book_id="b-1", at=now)
    assert [each.id for each in selectors.books_in_category(slug="classics").items] == ["b-1"]
    assert stored("b-1").arrival_year == "2025"
    assert authors_with("b-1") == {"j-austen"}


def test_an_unknown_book_can_be_neither_revised_nor_withdrawn(now):
    for act in (
        lambda: services.revise_book(book_id="x", version=1, name="Y", at=now),
        lambda: services.withdraw_book(book_id="x", at=now),
        lambda: services.bring_back_book(book_id="x", at=now),
        lambda: stock.receive_stock(book_id="x", copies=1, at=now),
    ):
        with pytest.raises(BookNotFoundError):
            act()
    assert list(Book.scan()) == []  # an update of nothing must not make a stump
