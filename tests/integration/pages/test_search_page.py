"""Searching: what is found, what narrows it, what helps where nothing is, and suggestions."""

import re

import pytest

from catalog import search, services

ODD = ["C/C++", "100%", '"', "*", "📚", "\x00", "x" * 5000, "", " ", "<b>", "a AND (", "café", "\\", "_:)"]
ODD_PAGES = ["0", "-1", "abc", "1.5", "²", "9" * 30]


def titles(response) -> list[str]:
    found = re.findall(r'<h2 class="hit__title"><a href="[^"]+">(.*?)</a></h2>', response.content.decode())
    return [re.sub("</?mark>", "", title) for title in found]


@pytest.fixture
def indexed(stock, index):
    index()
    return stock


@pytest.fixture
def all_indexed(stock, full_shelf, index):
    index()


def test_a_title_is_found_and_marked(indexed, client):
    response = client.get("/search/?q=emma")
    assert titles(response) == ["Emma"]
    page = response.content.decode()
    assert "<mark>Emma</mark>" in page
    assert "1 book for “emma”" in page
    assert "£8.99" in page


def test_a_typing_error_is_forgiven(indexed, client):
    assert "Persuasion" in titles(client.get("/search/?q=persuassion"))


def test_results_come_24_a_page(all_indexed, client):
    first = client.get("/search/?q=hasluck")
    page = first.content.decode()
    assert "50 books for" in page
    assert len(titles(first)) == 24
    assert 'rel="prev"' not in page
    following = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert len(titles(client.get(following))) == 24
    last = client.get("/search/?q=hasluck&page=3")
    assert len(titles(last)) == 2
    assert 'rel="next"' not in last.content.decode()


def test_facets_are_links_that_narrow_and_widen(all_indexed, client):
    page = client.get("/search/?q=hasluck").content.decode()
    assert re.search(r'category=woodwork[^"]*"[^>]*>Woodwork <span class="narrow__count">50</span>', page)
    under_8 = re.search(r'<a href="([^"]+)"[^>]*>Under £8 <span class="narrow__count">3</span>', page)
    narrowed = client.get(under_8[1].replace("&amp;", "&"))
    assert len(titles(narrowed)) == 3
    assert re.search(r'aria-current="true">Under £8', narrowed.content.decode())
    assert 'href="/search/?q=hasluck" rel="nofollow">All</a>' in narrowed.content.decode()


def test_narrowed_to_nothing_the_choices_can_be_taken_back(indexed, client):
    for choice in ("category=woodwork", "price=under-8", "category=woodwork&price=under-8", "category=gone"):
        page = client.get(f"/search/?q=emma&{choice}").content.decode()
        assert "Take one of the choices back" in page, choice
        assert "Nothing found" not in page, choice
        chosen = re.findall(r'<a href="([^"]+)"[^>]* aria-current="true">', page)
        assert chosen, choice
        assert 'href="/search/?q=emma' in page, choice


def test_prices_are_todays_not_the_indexs(indexed, client, now):
    services.revise_book(book_id="b-emma", version=1, price="9.99", at=now)
    assert "£9.99" in client.get("/search/?q=emma").content.decode()


def test_where_nothing_is_found_or_asked_the_categories_help_on(indexed, client):
    for path, said in (
        ("/search/?q=xylophone", "Nothing found for “xylophone”"),
        ("/search/", "looking for?"),
    ):
        page = client.get(path).content.decode()
        assert said in page
        assert 'href="/categories/fiction/"' in page


def test_odd_questions_get_a_proper_page(indexed, client):
    for text in ODD:
        for path in ("/search/", "/search/suggest/"):
            response = client.get(path, {"q": text})
            assert response.status_code == 200, (path, text)
            assert "<b>" not in response.content.decode()
    for page in ODD_PAGES:
        assert titles(client.get("/search/", {"q": "emma", "page": page})) == ["Emma"], page


def test_results_are_not_for_search_engines(indexed, client):
    page = client.get("/search/?q=emma").content.decode()
    assert '<meta name="robots" content="noindex">' in page
    assert 'rel="canonical"' not in page


def test_suggestions_are_options_that_lead_somewhere(indexed, client):
    page = client.get("/search/suggest/?q=dosto").content.decode()
    assert 'role="listbox"' in page
    assert re.search(r'role="option"[^>]* data-address="/authors/fyodor-dostoyevsky/"', page)
    addresses = re.findall(r'data-address="([^"]+)"', page)
    assert len(addresses) == 3  # the author and two books
    for address in addresses:
        assert client.get(address).status_code == 200
    assert client.get("/search/suggest/?q=qqq").content.strip() == b""


def test_a_withdrawn_book_is_not_found(indexed, client, now, pump):
    services.withdraw_book(book_id="b-emma", at=now)
    assert titles(client.get("/search/?q=emma")) == []
    pump()
    search.refresh()
    assert "Nothing found" in client.get("/search/?q=emma").content.decode()
