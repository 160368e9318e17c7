"""One book: its address, what it says of itself to people and machines, and its drawn cover."""

import json
import re
from xml.dom import minidom

import pytest

from catalog import reviews, services
from tests import factories


@pytest.fixture
def indexed_last(stock, index):
    """A book whose last copy was sold a moment ago: the table's copies say so, and nothing else yet."""
    index()
    factories.sold(stock.last_copy)
    return stock.last_copy


def data_of(page: str) -> list[dict]:
    return [
        json.loads(block)
        for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    ]


def book_data(client, path: str) -> dict:
    return next(data for data in data_of(client.get(path).content.decode()) if "Book" in data["@type"])


def test_a_wrong_slug_leads_to_the_right_one_for_good(stock, client):
    for path in ("/books/b-emma/", "/books/b-emma/another-name/", "/books/b-emma/Emma/"):
        response = client.get(path)
        assert response.status_code == 301, path
        assert response.headers["Location"] == "/books/b-emma/emma/"


def test_the_page_has_what_a_buyer_asks(stock, client):
    page = client.get("/books/b-emma/emma/").content.decode()
    assert page.count("<h1>") == 1
    assert '<a href="/authors/jane-austen/">Jane Austen</a>' in page
    for said in ("£8.99", "In stock", "Paperback", "English", "1815", "9780141439587", "Delivery is free"):
        assert said in page
    assert '<link rel="canonical" href="http://localhost:8000/books/b-emma/emma/">' in page
    assert '<meta name="description" content="A matchmaker is mistaken about everyone in Highbury.">' in page


def test_the_form_says_what_was_seen(stock, client):
    page = client.get("/books/b-emma/emma/").content.decode()
    form = re.search(r'<form[^>]* action="/cart/add/" method="post".*?</form>', page, re.DOTALL)[0]
    assert 'name="bookId" value="b-emma"' in form
    assert 'name="price" value="8.99"' in form
    assert re.search(r'name="quantity" type="number"[^>]* min="1" max="20" value="1"', form)


def test_a_sold_out_book_offers_no_form(stock, client):
    page = client.get(stock.sold_out.get_absolute_url()).content.decode()
    assert "Sold out" in page
    assert 'action="/cart/add/"' not in page


def test_the_last_copy_is_announced(stock, client):
    assert "Only one copy left" in client.get(stock.last_copy.get_absolute_url()).content.decode()


def test_the_page_counts_the_copies_themselves_before_the_stream_has_told_of_a_sale(indexed_last, client):
    path, title = indexed_last.get_absolute_url(), indexed_last.title
    page = client.get(path).content.decode()
    assert "Sold out" in page
    assert 'action="/cart/add/"' not in page
    assert book_data(client, path)["offers"]["availability"] == "https://schema.org/OutOfStock"
    assert "Sold out" in client.get("/search/", {"q": title}).content.decode()


def test_a_withdrawn_book_is_gone_but_its_cover_stays_for_past_orders(stock, client, now):
    services.withdraw_book(book_id="b-emma", at=now)
    assert client.get("/books/b-emma/emma/").status_code == 404
    assert client.get("/books/b-emma/cover.svg").status_code == 200


def rate(now, *stars: int, text: str = "") -> None:
    for number, given in enumerate(stars):
        reviews.rate_book(
            book_id="b-emma",
            customer_id=f"c-{number}",
            order_id="o",
            stars=given,
            title="",
            text=text,
            at=now,
        )


def test_a_rating_is_the_booksellers_until_three_readers_have_spoken(stock, client, now, pump):
    rate(now, 5, 5)
    pump()
    assert "our booksellers’ rating" in client.get("/books/b-emma/emma/").content.decode()
    rate(now, 5, 5, 4)
    pump()
    page = client.get("/books/b-emma/emma/").content.decode()
    assert "from 3 readers" in page
    assert "our booksellers’ rating" not in page


def test_a_book_that_nobody_has_rated_says_so_and_shows_no_stars(stock, client):
    page = client.get(stock.persuasion.get_absolute_url()).content.decode()
    assert "Not rated yet" in page
    assert "our booksellers’ rating" not in page
    assert 'class="stars' not in page


def test_structured_data_describe_the_book_and_its_offer(stock, client):
    data = book_data(client, "/books/b-emma/emma/")
    assert data["name"] == "Emma"
    assert data["isbn"] == "9780141439587"
    assert data["author"] == [{"@type": "Person", "name": "Jane Austen"}]
    assert data["offers"]["price"] == "8.99"
    assert data["offers"]["priceCurrency"] == "GBP"
    assert data["offers"]["availability"] == "https://schema.org/InStock"
    assert data["url"] == "http://localhost:8000/books/b-emma/emma/"
    assert data["image"].startswith("http")


def test_a_booksellers_opinion_is_no_review(stock, client):
    data = book_data(client, "/books/b-emma/emma/")
    assert "aggregateRating" not in data
    assert "review" not in data


def test_structured_data_count_the_readers_reviews_and_nothing_else(stock, client, now):
    rate(now, 5, 4, text="Read aloud.")
    data = book_data(client, "/books/b-emma/emma/")
    assert data["aggregateRating"]["ratingValue"] == "4.50"
    assert data["aggregateRating"]["ratingCount"] == 2
    assert [review["reviewRating"]["ratingValue"] for review in data["review"]] in ([5, 4], [4, 5])


def test_no_title_or_review_breaks_out_of_the_page(client, now):
    hostile = "</script><script>alert(1)</script><!--"
    book = factories.book(hostile, book_id="b-emma", description=hostile, authors=(hostile,))
    rate(now, 5, text=hostile)
    page = client.get(book.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert "<!--" not in page
    data = book_data(client, book.get_absolute_url())
    assert data["name"] == hostile
    assert data["review"][0]["reviewBody"] == hostile


def test_the_cover_is_drawn_sandboxed_and_kept_for_a_day(stock, client):
    response = client.get("/books/b-emma/cover.svg")
    assert response.headers["Content-Type"] == "image/svg+xml"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "public, max-age=86400"
    assert minidom.parseString(response.content).documentElement.tagName == "svg"  # noqa: S318 - drawn by us


def test_the_breadcrumb_leads_through_the_category(stock, client):
    crumbs = next(
        data
        for data in data_of(client.get("/books/b-emma/emma/").content.decode())
        if data["@type"] == "BreadcrumbList"
    )
    assert [step["item"] for step in crumbs["itemListElement"]] == [
        "http://localhost:8000/categories/",
        "http://localhost:8000/categories/fiction/",
        "http://localhost:8000/books/b-emma/emma/",
    ]


def test_neighbours_are_others_of_the_same_category(stock, client):
    page = client.get("/books/b-emma/emma/").content.decode()
    shelf = page[page.index("From the same shelf") :]
    assert "/books/b-persuasion/" in shelf
    assert "/books/b-emma/" not in shelf
    assert "/books/b-wood-" not in shelf
