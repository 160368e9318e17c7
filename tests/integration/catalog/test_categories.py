from io import StringIO

import pytest
from django.core.management import call_command

from catalog import categories, selectors, services
from catalog.errors import BadCategoryError, CategoryNotFoundError
from catalog.models import Category
from tests.factories import book, category


def test_categories_stand_in_the_order_of_menus():
    category("plays", "Plays", position=2)
    category("cars", "Cars", position=1, description="Vroom.")
    category("art", "Art", position=2)
    assert [each.slug for each in selectors.categories()] == ["cars", "art", "plays"]
    assert selectors.get_category("cars").description == "Vroom."
    assert selectors.get_category("cars").get_absolute_url() == "/categories/cars/"


def test_all_categories_are_one_call_a_minute(wire, monkeypatch):
    category("cars")
    minutes = [0.0]
    monkeypatch.setattr(selectors.time, "monotonic", lambda: 1000.0 + 60 * minutes[0])
    selectors.forget_categories()
    with wire.count() as calls:
        selectors.categories()
        selectors.categories()
        selectors.get_category("cars")
    assert calls.total == 1
    minutes[0] = 1.01
    with wire.count() as calls:
        selectors.categories()
    assert calls.total == 1


def test_an_unknown_category_is_not_found_and_costs_nothing(wire):
    selectors.categories()
    with wire.count() as calls, pytest.raises(CategoryNotFoundError):
        selectors.get_category("nothing")
    assert calls.total == 0


def test_saving_a_category_again_writes_nothing(wire):
    category("cars", "Cars", position=3)
    with wire.count() as calls:
        category("cars", "Cars", position=3)
    assert wire.dynamodb.requests[-calls.dynamodb :] == ["GetItem"]


def test_an_edit_of_a_category_leaves_its_count():
    category("cars", "Cars")
    book(category="cars")
    categories.recount_categories()
    category("cars", "Motor cars")
    assert selectors.get_category("cars").name == "Motor cars"
    assert selectors.get_category("cars").count == 1


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"slug": "Bad Slug", "name": "X"}, {"slug"}),
        ({"slug": "cars", "name": "x" * 81}, {"name"}),
        ({"slug": "cars", "name": " "}, {"name"}),
        ({"slug": "", "name": "X", "description": "x" * 1001}, {"slug", "description"}),
    ],
)
def test_a_bad_category_is_refused(said, wrong):
    with pytest.raises(BadCategoryError) as caught:
        categories.save_category(**said)
    assert caught.value.problems.keys() == wrong
    assert list(Category.scan()) == []


def test_counts_are_of_the_books_listed(now):
    category("cars")
    category("plays")
    for number in range(3):
        book(book_id=f"c-{number}", category="cars")
    book(category="plays")
    services.withdraw_book(book_id="c-0", at=now)
    call_command("recount_categories", stdout=(out := StringIO()))
    assert out.getvalue() == "3 books in 2 categories.\n"
    assert {each.slug: each.count for each in selectors.categories()} == {"cars": 2, "plays": 1}


def test_only_the_categories_named_are_recounted_and_only_changes_are_written(wire):
    category("cars")
    category("plays")
    book(category="cars")
    assert categories.recount_categories(["cars", "unknown"]) == {"cars": 1}
    before = len(wire.dynamodb.requests)
    categories.recount_categories(["cars"])
    assert "UpdateItem" not in wire.dynamodb.requests[before:]


def test_a_category_that_is_deleted_while_it_is_counted_stays_away(monkeypatch):
    category("cars")

    def counted(slug):
        Category(Category.PARTITION, slug).delete()
        return 1

    monkeypatch.setattr(categories, "count_listed", counted)
    categories.recount_categories()
    assert list(Category.scan()) == []


def test_a_category_of_more_than_a_megabyte_is_counted_whole(monkeypatch):
    category("cars")
    for number in range(5):
        book(book_id=f"c-{number}", category="cars")
    ask, pages = selectors.patience.ask, []

    def in_small_pages(operation, **arguments):
        pages.append(operation)
        return ask(operation, **arguments, Limit=2)

    monkeypatch.setattr(selectors.patience, "ask", in_small_pages)
    assert categories.recount_categories() == {"cars": 5}
    assert len(pages) == 3
