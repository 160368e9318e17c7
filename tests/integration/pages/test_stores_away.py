"""Reads degrade. Redis down takes the panel along; OpenSearch down, search alone."""

import pytest

from bookstore import views
from leaderboard import counting, ranking

PAGES = [
    "/",
    "/categories/",
    "/categories/fiction/",
    "/books/b-emma/emma/",
    "/authors/jane-austen/",
    "/search/?q=emma",
    "/bestsellers/",
    "/top-rated/",
    "/cart/",
]


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_without_redis_every_page_works_and_the_panel_is_gone(stock, index, client, wire, now, fault):
    index()
    ranking.count_sale(counting.Sale(order_id="o-1", version=1, day=now.date(), copies={"b-emma": 3}))
    assert "Bestsellers</h2>" in client.get("/").content.decode()
    with getattr(wire.redis, fault)():
        for path in PAGES:
            assert client.get(path).status_code == 200, path
        assert "Bestsellers</h2>" not in client.get("/").content.decode()
        for path in ("/bestsellers/", "/top-rated/"):
            assert "We cannot count at the moment" in client.get(path).content.decode()


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_without_opensearch_search_offers_the_categories(stock, client, wire, fault):
    with getattr(wire.opensearch, fault)():
        response = client.get("/search/?q=emma")
        assert response.status_code == 503
        page = response.content.decode()
        assert "Search is having a rest" in page
        assert 'href="/categories/fiction/"' in page
        assert response.headers["Cache-Control"] == "private, no-store"
        assert client.get("/search/suggest/?q=emm").status_code == 503
        for path in PAGES:
            if not path.startswith("/search/"):
                assert client.get(path).status_code == 200, path


def test_search_away_reads_the_same_by_htmx(stock, client, wire):
    with wire.opensearch.refuse():
        plain = client.get("/search/?q=emma")
        by_htmx = client.get("/search/?q=emma", headers={"HX-Request": "true"})
    assert (plain.status_code, plain.content) == (by_htmx.status_code, by_htmx.content)


@pytest.fixture
def asked_anew():
    views._readiness.forget()
    yield views._readiness.forget
    views._readiness.forget()


def test_ready_when_every_store_answers_and_there_are_books(stock, index, client, wire, asked_anew):
    assert client.get("/readyz").status_code == 503  # nothing is indexed yet
    index()
    asked_anew()
    response = client.get("/readyz")
    assert (response.status_code, response.content) == (200, b"ready\n")
    for store in (wire.dynamodb, wire.opensearch, wire.redis):
        asked_anew()
        with store.refuse():
            response = client.get("/readyz")
        assert (response.status_code, response.content) == (503, b"not ready\n")


def test_not_ready_with_an_empty_catalogue(client, asked_anew):
    assert client.get("/readyz").status_code == 503


def test_readiness_is_asked_at_most_every_five_seconds(stock, client, wire, asked_anew):
    client.get("/readyz")
    with wire.count() as calls:
        for _ in range(5):
            client.get("/readyz")
    assert calls.total == 0


def test_alive_without_any_store(client, wire):
    with wire.dynamodb.refuse(), wire.opensearch.refuse(), wire.redis.refuse():
        assert client.get("/healthz").status_code == 200
