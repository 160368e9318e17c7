from decimal import Decimal

import pytest

from catalog.drafts import changed_facts, check_book_id, check_facts, check_stock
from catalog.errors import BadBookError

GOOD = {"name": "Emma", "category": "fiction", "price": "7.99"}


def problems_of(**said):
    with pytest.raises(BadBookError) as caught:
        check_facts(**{**GOOD, **said})
    return caught.value.problems


def test_what_is_said_is_put_into_its_stored_form():
    facts = check_facts(
        name="  Pride\tand\n Prejudice ",
        category="fiction",
        price="7.9",
        authors=["Jane  Austen", "Jane Austen"],
        description="One.\r\n\r\n\r\n\r\nTwo. ",
        isbn13="0-14-143951-3",
        published_on=1813,
        pages=432.0,
        prior_rating="4.5",
        publisher="",
        language=None,
    )
    assert facts.name == "Pride and Prejudice"
    assert facts.price == Decimal("7.90")
    assert str(facts.price) == "7.90"
    assert facts.authors == ("Jane Austen",)
    assert facts.description == "One.\n\nTwo."
    assert facts.isbn13 == "9780141439518"
    assert facts.published_on == "1813"
    assert facts.pages == 432
    assert facts.prior_rating == Decimal("4.5")
    assert facts.publisher is None
    assert facts.language is None


def test_every_wrong_field_is_named_at_once():
    found = problems_of(name=" ", price="0", isbn13="9780141439519", published_on="1813-13", pages=0)
    assert found.keys() == {"name", "price", "isbn13", "published_on", "pages"}


def test_a_book_without_title_category_or_price_is_refused():
    with pytest.raises(BadBookError) as caught:
        check_facts()
    assert caught.value.problems.keys() == {"name", "category", "price"}


@pytest.mark.parametrize(
    "price",
    ["0", "0.00", "-1", "10000", "9999.995", "7.999", "NaN", "Infinity", "1e9", "", "abc", None, 7.99, True],
)
def test_a_price_that_cannot_be_charged_is_refused(price):
    assert "price" in problems_of(price=price)


@pytest.mark.parametrize("price", ["0.01", "9999.99", "7.990", Decimal(12), 5])
def test_a_price_within_bounds_is_taken(price):
    assert check_facts(**{**GOOD, "price": price}).price == Decimal(str(price)).quantize(Decimal("0.01"))


def test_a_title_may_have_300_characters_and_no_more():
    assert len(check_facts(**{**GOOD, "name": "x" * 300}).name) == 300
    assert "name" in problems_of(name="x" * 301)


@pytest.mark.parametrize("category", ["", "Fiction", "a b", "-a", "a--b", "é", None])
def test_a_category_is_a_slug(category):
    assert "category" in problems_of(category=category)


@pytest.mark.parametrize("year", ["18", "1813-2", "1813-02-30", "around 1813", 18130])
def test_a_date_of_publication_is_a_real_one(year):
    assert "published_on" in problems_of(published_on=year)


@pytest.mark.parametrize("date", ["1813", "1813-01", "1813-01-28"])
def test_a_date_of_publication_may_be_vague(date):
    assert check_facts(**{**GOOD, "published_on": date}).published_on == date


def test_control_characters_and_direction_overrides_go():
    assert check_facts(**{**GOOD, "name": "Em\x00ma\u202e \ud800!"}).name == "Emma !"


def test_names_come_as_a_list():
    assert "authors" in problems_of(authors="Jane Austen")
    assert "authors" in problems_of(authors=["Jane Austen", " "])
    assert "authors" in problems_of(authors=[f"Author {number}" for number in range(21)])


def test_the_cover_names_the_authors_or_else_the_editors():
    facts = check_facts(**GOOD, authors=["A", "B"], translators=["C"], editors=["D"])
    assert facts.author == "A, B"
    assert check_facts(**GOOD, editors=["D"]).author == "D"
    assert check_facts(**GOOD, translators=["C"]).author == ""


def test_contributors_keep_their_parts_and_slugs():
    facts = check_facts(**GOOD, authors=["Émile Zola"], translators=["Émile Zola"])
    assert [(each.name, each.slug, each.role) for each in facts.contributors] == [
        ("Émile Zola", "emile-zola", "author"),
        ("Émile Zola", "emile-zola", "translator"),
    ]


def test_a_field_that_no_book_has_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="colour"):
        check_facts(**GOOD, colour="red")


def test_changes_are_checked_with_the_rest():
    facts = check_facts(**GOOD)
    assert changed_facts(facts, price="8.50").price == Decimal("8.50")
    with pytest.raises(BadBookError):
        changed_facts(facts, name="")


@pytest.mark.parametrize("book_id", ["", "a b", "a/b", "a#b", "é", "x" * 65, 7, None])
def test_an_id_that_could_not_stand_in_an_address_is_refused(book_id):
    with pytest.raises(BadBookError):
        check_book_id(book_id)


@pytest.mark.parametrize("copies", [-1, 1.5, "3", True, None, 1_000_001])
def test_a_stock_that_is_no_number_of_copies_is_refused(copies):
    with pytest.raises(BadBookError):
        check_stock(copies)
