"""What search engines, feeds and browsers ask for beside pages."""

import re
from xml.dom import minidom

import pytest
from django.contrib.staticfiles import finders

from catalog import sitemap


def addresses(response) -> list[str]:
    document = minidom.parseString(response.content)  # noqa: S318 - our own
    return [location.firstChild.data for location in document.getElementsByTagName("loc")]


def test_robots_may_go_everywhere_but_into_private_rooms(stock, client):
    response = client.get("/robots.txt")
    lines = response.content.decode().splitlines()
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "Sitemap: http://localhost:8000/sitemap.xml" in lines
    closed = {line.removeprefix("Disallow: ") for line in lines if line.startswith("Disallow: ")}
    assert {"/cart/", "/checkout/", "/orders/", "/account/", "/admin/", "/oidc/", "/visitor/"} <= closed
    assert not closed & {"/", "/books/", "/categories/", "/search/"}


def test_before_the_map_is_built_there_is_a_short_one(stock, client):
    assert addresses(client.get("/sitemap.xml")) == [
        "http://localhost:8000/",
        "http://localhost:8000/categories/",
        "http://localhost:8000/bestsellers/",
        "http://localhost:8000/top-rated/",
        "http://localhost:8000/categories/fiction/",
        "http://localhost:8000/categories/woodwork/",
    ]


def test_the_built_map_holds_every_book_once_and_nothing_private(stock, client):
    sitemap.build()
    found = addresses(client.get("/sitemap.xml"))
    assert len(found) == len(set(found))
    assert "http://localhost:8000/books/b-emma/emma/" in found
    assert sum("/books/" in address for address in found) == 4
    private = ("/cart", "/account", "/orders", "/checkout", "/admin", "/search", "/visitor")
    assert not [address for address in found if any(room in address for room in private)]
    for address in found:
        assert client.get(address.removeprefix("http://localhost:8000")).status_code == 200, address


def test_the_old_address_of_the_icon_leads_to_it(client):
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert finders.find(response.headers["Location"].removeprefix("/static/"))


def test_every_page_for_search_engines_says_what_and_where_it_is(stock, client):
    for path in ("/", "/categories/", "/categories/fiction/", "/books/b-emma/emma/", "/authors/jane-austen/"):
        page = client.get(path).content.decode()
        assert f'<link rel="canonical" href="http://localhost:8000{path}">' in page, path
        assert f'<meta property="og:url" content="http://localhost:8000{path}">' in page, path
        assert re.search(r'<meta name="description" content="[^"]+">', page), path
        assert "noindex" not in page, path


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/books/b-emma/emma/", "Emma"),
        ("/categories/fiction/", "Classic Fiction"),
        ("/authors/jane-austen/", "Books by Jane Austen"),
        ("/categories/", "All categories"),
        ("/search/?q=emma", "Search for “emma”"),
        ("/bestsellers/", "Bestsellers, All time"),
        ("/top-rated/", "Top rated books"),
    ],
)
def test_a_shared_page_is_announced_by_its_own_name(stock, client, path, title):
    assert f'<meta property="og:title" content="{title}">' in client.get(path).content.decode()


def test_every_file_that_a_page_links_is_there(stock, client):
    for path in ("/", "/cart/"):
        page = client.get(path).content.decode()
        files = re.findall(r'(?:href|src|content)="(?:http://localhost:8000)?/static/([^"]+)"', page)
        assert len(files) >= 8
        for file in files:
            assert finders.find(file), file
