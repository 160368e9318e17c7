from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog import keys


def by_title(*titles: str, language: str | None = "en") -> list[str]:
    """Sort titles as a list does; ids are drawn against the order in which they came."""
    numbered = {
        keys.title_key(title, language=language, book_id=f"b{100 - place}"): title
        for place, title in enumerate(titles)
    }
    return [numbered[key] for key in sorted(numbered)]


def test_a_leading_article_is_passed_over():
    assert by_title("The Waves", "A Room of One’s Own", "Orlando", "An Education") == [
        "An Education",
        "Orlando",
        "A Room of One’s Own",
        "The Waves",
    ]


def test_articles_belong_to_the_editions_language():
    assert keys.title_key("Die Verwandlung", language="de", book_id="x").startswith("verwandlung ")
    assert keys.title_key("Die Hard", language="en", book_id="x").startswith("die hard ")
    assert keys.title_key("L’Étranger", language="fr", book_id="x").startswith("etranger ")
    assert keys.title_key("The Idiot", language=None, book_id="x").startswith("idiot ")


@pytest.mark.parametrize("title", ["A", "The", "La"])
def test_a_title_that_is_nothing_but_an_article_keeps_it(title):
    assert keys.title_key(title, language="en", book_id="x") == f"{title.lower()} #x"


def test_accents_case_and_punctuation_do_not_matter():
    assert keys.title_key("«Éclair» – Œuvres!", language="en", book_id="x") == keys.title_key(
        "eclair oeuvres", language="en", book_id="x"
    )


def test_a_title_stands_before_a_longer_one_that_begins_with_it():
    assert by_title("Emma Brown", "Emma", "Emmas", "Emma 2") == ["Emma", "Emma 2", "Emma Brown", "Emmas"]


def test_numbers_in_titles_sort_by_their_value():
    assert by_title("1000 Nights", "20 Leagues", "3 Men") == ["3 Men", "20 Leagues", "1000 Nights"]


def test_two_books_of_one_title_have_different_keys():
    assert keys.title_key("Emma", language="en", book_id="1") != keys.title_key(
        "Emma", language="en", book_id="2"
    )


def test_every_key_ends_in_the_books_id():
    instant = datetime(2026, 11, 22, tzinfo=UTC)
    for key in (
        keys.title_key("Emma", language="en", book_id="b-1"),
        keys.price_key(Decimal("7.90"), book_id="b-1"),
        keys.rating_key(Decimal("4.50"), book_id="b-1"),
        keys.added_key(instant, book_id="b-1"),
        keys.contribution_key("1815", book_id="b-1"),
    ):
        assert key.rpartition("#")[2] == "b-1"


def test_prices_sort_by_value_not_by_digits():
    prices = [Decimal(each) for each in ("100", "9.99", "0.01", "9999.99", "20.50")]
    in_order = sorted(keys.price_key(price, book_id="x") for price in prices)
    assert in_order == [keys.price_key(price, book_id="x") for price in sorted(prices)]


def test_a_very_long_title_gives_a_key_that_an_index_takes():
    key = keys.title_key("𝔘" * 300, language="en", book_id="x" * 64)
    assert len(key.encode()) < 1024


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Pride and Prejudice", "pride-and-prejudice"),
        ("Alice’s Adventures in Wonderland", "alices-adventures-in-wonderland"),
        ("Les Misérables", "les-miserables"),
        ("Øst for sol, Łódź & Straße", "ost-for-sol-lodz-strasse"),
        ("Преступление и наказание", "book"),
        ("!!!", "book"),
    ],
)
def test_a_books_slug_is_plain_latin(title, slug):
    assert keys.book_slug(title) == slug


def test_a_long_slug_ends_with_a_whole_word():
    title = "A History of the Decline and Fall of the Roman Empire and of Everything That Came After It"
    assert (
        keys.book_slug(title)
        == "a-history-of-the-decline-and-fall-of-the-roman-empire-and-of-everything-that"
    )


def test_authors_without_latin_letters_do_not_share_a_page():
    assert keys.author_slug("Фёдор Достоевский") != keys.author_slug("Лев Толстой")
    assert keys.author_slug("Фёдор Достоевский") == keys.author_slug("Фёдор Достоевский")
    assert keys.author_slug("Fyodor Dostoyevsky") == "fyodor-dostoyevsky"
