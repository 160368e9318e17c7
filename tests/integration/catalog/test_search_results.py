from html import unescape

import pytest

from bookstore.opensearch.errors import SearchUnavailableError
from catalog import search, services
from catalog.models import Book
from catalog.search import SearchQuery
from tests.factories import book


@pytest.fixture
def library(image_of):
    """Put books into the shop and, without waiting for a stream, into the index."""

    def shelve(*books):
        for made in books:
            search.put_book(image_of(made.id))
        search.refresh()

    return shelve


@pytest.fixture
def classics(library):
    library(
        book("Pride and Prejudice", book_id="pride", price="6.99", isbn13="9780141439518", stock=3),
        book("Emma", book_id="emma", price="8.00", description="A matchmaker of Highbury."),
        book(
            "Crime and Punishment",
            book_id="crime",
            price="12.00",
            authors=("Fyodor Dostoyevsky",),
            category="russian",
        ),
        book("Alice’s Adventures in Wonderland", book_id="alice", price="20.00", authors=("Lewis Carroll",)),
        book(
            "Les Misérables", book_id="miserables", price="19.99", authors=("Victor Hugo",), category="french"
        ),
        book("It", book_id="it", authors=("Stephen King",), category="horror"),
        book(
            "The C++ Programming Language", book_id="c", authors=("Bjarne Stroustrup",), category="computing"
        ),
    )


def ids(text, **choices):
    return list(search.find(SearchQuery(text, **choices)).ids)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("emma", "emma"),
        ("EMMA", "emma"),
        ("pride prejudice", "pride"),
        ("prejudice austen", "pride"),  # some words of the title, some of the author
        ("dostoyevsky", "crime"),
        ("miserables", "miserables"),  # without the accent
        ("alices adventure", "alice"),  # without the apostrophe, another ending
        ("alice", "alice"),
        ("it", "it"),  # a title that is a stop word
        ("the pride and the prejudice", "pride"),  # stop words that are not in the title
        ("french", "miserables"),  # by its category
        ("highbury", "emma"),  # by its description
        ("crime and pun", "crime"),  # unfinished
    ],
)
def test_a_book_is_found_by_what_is_known_of_it(classics, text, first):
    assert ids(text)[:1] == [first]


@pytest.mark.parametrize(
    ("typo", "found", "meant"),
    [
        ("prejudise", "pride", "prejudice"),
        ("dostoevsky", "crime", "dostoyevsky"),
        ("crime and punishmnet", "crime", "crime and punishment"),
        ("wonderlnd", "alice", "wonderland"),
    ],
)
def test_a_spelling_mistake_is_forgiven_and_told(classics, typo, found, meant):
    results = search.find(SearchQuery(typo))
    assert results.ids == (found,)
    assert results.did_you_mean == meant


def test_nothing_is_respelt_that_was_found_as_written(classics):
    assert search.find(SearchQuery("alice")).did_you_mean is None
    assert search.find(SearchQuery("highbury")).did_you_mean is None


@pytest.mark.parametrize("text", ["9780141439518", "978-0-14-143951-8", "0-14-143951-3"])
def test_an_isbn_finds_its_book_first(classics, library, text):
    library(book(f"Companion to {text}", book_id="companion"))
    assert ids(text)[0] == "pride"


def test_every_word_must_be_there(classics):
    assert ids("emma dostoyevsky") == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "C/C++",
            "100%",
            '"',
            "*",
            "?",
            "\\",
            "(",
            ")",
            "[",
            "{",
            "~",
            "^",
            ":",
            "a AND",
            "NOT",
            "+-&&||!",
            "/.*/",
        ),
        *(
            "😀",
            "pride 😀",
            "\x00",
            "pride\x00",
            "\ud800",
            "\u202e",
            "ʼ",
            "x" * 5000,
            "ab " * 2000,
            "a b c d e " * 500,
        ),
        *("_id:emma", '{"match_all":{}}', "<script>", "' OR 1=1", "%00", "\n\r\t", "…", "Ｆｕｌｌ", "ß", "٣"),
    ],
)
def test_odd_terms_are_safe(classics, text):
    results = search.find(SearchQuery(text))
    assert results.total >= len(results.ids)
    search.suggest(text)


def test_terms_with_symbols_find_what_their_letters_say(classics):
    assert "c" in ids("C++")
    assert "pride" in ids("pride 😀")


@pytest.mark.parametrize("text", ["", "   ", "\x00"])
def test_asking_nothing_finds_nothing_and_costs_nothing(classics, wire, text):
    with wire.count() as calls:
        results = search.find(SearchQuery(text))
        assert search.suggest(text) == []
    assert (results.total, results.ids, calls.total) == (0, (), 0)


def test_a_page_of_results_is_one_request(classics, wire):
    with wire.count() as calls:
        results = search.find(SearchQuery("emma prejudise"))
        assert results is not None
    assert (calls.opensearch, calls.total) == (1, 1)


def test_facets_count_under_the_others_choice_and_not_under_their_own(library):
    for number in range(6):
        library(
            book(
                f"Garden {number}",
                book_id=f"g-{number}",
                price="5.00" if number < 4 else "15.00",
                category="roses" if number % 2 else "lawns",
            )
        )
    results = search.find(SearchQuery("garden", category="roses", price_band="under-8"))
    assert set(results.ids) == {"g-1", "g-3"}
    assert results.total == 2
    assert {(facet.slug, facet.count, facet.is_chosen) for facet in results.facets.categories} == {
        ("roses", 2, True),
        ("lawns", 2, False),
    }
    assert [(facet.band.slug, facet.count, facet.is_chosen) for facet in results.facets.prices] == [
        ("under-8", 2, True),
        ("8-to-12", 0, False),
        ("12-to-20", 1, False),
        ("20-and-over", 0, False),
    ]


@pytest.mark.parametrize(
    ("price", "band"),
    [
        ("7.99", "under-8"),
        ("8.00", "8-to-12"),
        ("11.99", "8-to-12"),
        ("12.00", "12-to-20"),
        ("20.00", "20-and-over"),
    ],
)
def test_a_price_lies_in_one_band(library, price, band):
    library(book("Emma", book_id="emma", price=price))
    counted = {each.band.slug: each.count for each in search.find(SearchQuery("emma")).facets.prices}
    assert [slug for slug, count in counted.items() if count] == [band]
    assert ids("emma", price_band=band) == ["emma"]


@pytest.mark.parametrize("mark", ["'", "’", "ʼ"])
def test_apostrophes_before_a_match_do_not_move_its_mark(library, mark):
    title = f"Alice{mark}s don{mark}t love"
    text = f"The author{mark}s and O{mark}Brien{mark}s café{mark}s don{mark}t must manage love, she said."
    library(book(title, book_id="b-1", authors=(f"O{mark}Hara{mark}s Love",), description=text))
    highlight = search.find(SearchQuery("love")).highlights["b-1"]
    assert unescape(highlight.title) == title.replace("love", "<mark>love</mark>")
    assert unescape(highlight.author) == f"O{mark}Hara{mark}s <mark>Love</mark>"
    assert unescape(highlight.description) == text.replace("love", "<mark>love</mark>")


@pytest.mark.parametrize("text", ["alice's", "alice’s", "aliceʼs", "alice"])
def test_a_possessive_is_marked_however_it_is_asked_for(library, text):
    library(book("Of Alice’s adventures", book_id="b-1", description="It is Alice's."))
    highlight = search.find(SearchQuery(text)).highlights["b-1"]
    assert highlight.title == "Of <mark>Alice</mark>’s adventures"
    assert unescape(highlight.description) == "It is <mark>Alice</mark>'s."


@pytest.mark.parametrize("text", ["o'brien don't", "o’brien don’t", "obrien dont"])
def test_an_apostrophe_inside_a_word_may_be_left_out(library, text):
    library(book("Don’t", book_id="b-1", authors=("Edna O’Brien",)), book("Don", book_id="b-2"))
    assert ids(text) == ["b-1"]
    assert ids(text.split()[0]) == ["b-1"]


def test_matches_are_marked_and_everything_else_is_escaped(library):
    library(
        book(
            "Pride & <b>Prejudice</b>",
            book_id="b-1",
            description="Of <script>pride</script>, \ue000marked\ue001.",
        )
    )
    (highlight,) = search.find(SearchQuery("pride")).highlights.values()
    assert highlight.title == "<mark>Pride</mark> &amp; &lt;b&gt;Prejudice&lt;/b&gt;"
    assert "&lt;script&gt;<mark>pride</mark>&lt;/script&gt;" in highlight.description
    assert highlight.author == ""


def test_a_highlighted_author_line_keeps_the_other_authors(library):
    library(book("Good Omens", book_id="b-1", authors=("Terry Pratchett", "Neil Gaiman")))
    (highlight,) = search.find(SearchQuery("pratchett")).highlights.values()
    assert highlight.author == "Terry <mark>Pratchett</mark>, Neil Gaiman"


def test_every_result_stands_on_one_page(library):
    library(*(book("The Same Title", book_id=f"s-{number:02}") for number in range(60)))
    first = search.find(SearchQuery("same title"))
    assert (first.total, first.pages) == (60, 3)
    found = [*first.ids, *ids("same title", page=2), *ids("same title", page=3)]
    assert sorted(found) == [f"s-{number:02}" for number in range(60)]
    assert ids("same title", page=4) == []
    assert ids("same title", page=10**6) == []  # the last page within reach, and no error


def test_withdrawn_books_are_for_staff_alone(classics, library, now):
    services.withdraw_book(book_id="emma", at=now)
    library(Book("emma"))
    assert ids("emma") == []
    assert ids("emma", also_withdrawn=True) == ["emma"]


def test_typing_suggests_authors_and_books(classics, wire):
    with wire.count() as calls:
        suggested = search.suggest("jane au")
    assert calls.total == 1
    assert (suggested[0].kind, suggested[0].text) == ("author", "Jane Austen")
    assert {each.text for each in suggested if each.kind == "book"} == {"Emma", "Pride and Prejudice"}
    assert suggested[0].url == "/authors/jane-austen/"
    (alice,) = search.suggest("alice")
    assert (alice.text, alice.url, alice.detail) == (
        "Alice’s Adventures in Wonderland",
        "/books/alice/alices-adventures-in-wonderland/",
        "Lewis Carroll",
    )


def test_there_are_at_most_eight_suggestions_and_none_that_is_not_sold(library, now, image_of):
    library(*(book(f"Garden {number}", authors=(f"Gard Ner{number}",)) for number in range(20)))
    assert len(search.suggest("gard")) == 8
    library(book("Zebra", book_id="zebra", on_sale=False))
    assert search.suggest("zebra") == []


def test_a_search_engine_that_is_down_is_told_quickly(classics, wire):
    with wire.opensearch.refuse():
        with pytest.raises(SearchUnavailableError):
            search.find(SearchQuery("emma"))
        with pytest.raises(SearchUnavailableError):
            search.suggest("emma")


def test_a_search_engine_without_its_index_is_unavailable_not_broken():
    search.BOOKS.forget_everything()
    with pytest.raises(SearchUnavailableError):
        search.find(SearchQuery("emma"))
