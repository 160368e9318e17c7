"""What a page costs does not depend on how much there is. And it stays small."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from catalog import reviews
from leaderboard import counting, ranking
from tests import factories

KILOBYTE = 1024


def visit(client, path: str, wire):
    """Ask twice: the first fills the process's caches."""
    assert client.get(path).status_code == 200, path
    with wire.count() as calls:
        response = client.get(path)
    return calls, response


BUDGETS = {
    "/categories/": 0,
    "/categories/woodwork/": 2,
    "/categories/woodwork/?sort=rating": 2,
    "/search/": 0,
    "/search/?q=hasluck": 2,
    "/search/?q=hasluck&price=under-8": 2,
    "/search/?q=xylophone": 2,
    "/search/suggest/?q=emm": 1,
    "/books/b-emma/emma/": 3,  # rated: its reviews are read
    "/books/b-emma/cover.svg": 1,
    "/authors/paul-n-hasluck/": 3,
    "/bestsellers/": 2,
    "/bestsellers/?period=week": 2,
    "/top-rated/": 2,
    "/": 4,
    "/visitor/": 0,
    "/robots.txt": 0,
    "/healthz": 0,
}


@pytest.fixture
def everything(stock, full_shelf, index, now):
    reviews.rate_book(book_id="b-emma", customer_id="c-9", order_id="o-1", stars=5, at=now)
    index()
    ranking.count_sale(counting.Sale(order_id="o-1", version=1, day=now.date(), copies={"b-emma": 3}))


def test_every_page_stays_within_its_budget(everything, client, wire):
    costs = {path: visit(client, path, wire)[0].total for path in BUDGETS}
    assert {path: cost for path, cost in costs.items() if cost > BUDGETS[path]} == {}


def test_home_in_a_young_year_asks_for_last_years_books_too(stock, client, wire, monkeypatch, now):
    ranking.count_sale(counting.Sale(order_id="o-1", version=1, day=now.date(), copies={"b-emma": 3}))
    monkeypatch.setattr(timezone, "localdate", lambda: date(datetime.now(UTC).year + 1, 1, 2))
    calls, response = visit(client, "/", wire)
    assert calls.total == BUDGETS["/"] == 4
    assert "New on the shelves" in response.content.decode()


def test_the_fragment_costs_session_and_cart(stock, sign_in, wire):
    browser = sign_in()
    browser.post("/cart/add/", {"bookId": "b-emma", "quantity": "2", "price": "8.99"})
    calls, response = visit(browser, "/visitor/", wire)
    assert calls.total <= 2
    assert ">2<" in response.content.decode()


def test_pages_are_small(everything, client):
    category = client.get("/categories/woodwork/").content
    assert category.count(b'class="tile"') == 24
    assert len(category) <= 35 * KILOBYTE
    for path in BUDGETS:
        assert len(client.get(path).content) <= 60 * KILOBYTE, path


def test_a_book_with_long_words_and_many_reviews_is_small_too(stock, client, now):
    book = factories.book("W" * 200, description="Wood. " * 600, book_id="b-long", category="woodwork")
    for number in range(12):
        reviews.rate_book(
            book_id=book.id,
            customer_id=f"c-{number}",
            order_id="o",
            stars=5,
            title="T" * 80,
            text="r " * 900,
            at=now,
        )
    assert len(client.get(book.get_absolute_url()).content) <= 60 * KILOBYTE


def test_pictures_reserve_their_room_and_those_below_are_lazy(everything, client):
    for path in ("/", "/categories/woodwork/", "/books/b-emma/emma/", "/search/?q=hasluck", "/bestsellers/"):
        page = client.get(path).content.decode()
        assert page.count("<img ") == page.count('width="400" height="600"') > 0, path
    assert client.get("/categories/woodwork/").content.decode().count('loading="lazy"') == 18
