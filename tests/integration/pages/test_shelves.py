"""Home, categories and author pages: what stands on the shelves, in which order, page by page."""

import re

from catalog import selectors, services
from leaderboard import counting, ranking
from tests import factories


def page_of(client, path: str) -> str:
    response = client.get(path.removeprefix("http://localhost:8000").replace("&amp;", "&"))
    assert response.status_code == 200, path
    return response.content.decode()


def books_on(page: str) -> list[str]:
    return re.findall(r'href="/books/([^/]+)/', page)


def neighbour(page: str, rel: str) -> str:
    """Return where the page's own link to the next or previous page leads; empty without one."""
    link = re.search(rf'<a class="btn btn-quiet" rel="{rel}" href="([^"]+)"', page)
    return link[1] if link else ""


def test_home_shows_new_books_bestsellers_and_every_category(stock, client, now):
    ranking.count_sale(counting.Sale(order_id="o-1", version=1, day=now.date(), copies={"b-emma": 3}))
    page = page_of(client, "/")
    assert page.index("New on the shelves") < page.index("Bestsellers</h2>") < page.index(">Contents</h2>")
    assert '<span class="rank__title">Emma</span>' in page
    assert re.search(r'href="/categories/fiction/">.*?4</span>', page)
    assert re.search(r'href="/categories/woodwork/">.*?0</span>', page)


def test_an_empty_shop_opens(client):
    for path in ("/", "/categories/", "/search/", "/bestsellers/", "/top-rated/"):
        assert client.get(path).status_code == 200, path
    home = page_of(client, "/")
    assert "Bestsellers</h2>" not in home
    assert "New on the shelves" not in home


def test_the_bestsellers_have_ranks_and_copies_sold(stock, client, now):
    ranking.count_sale(
        counting.Sale(order_id="o-1", version=1, day=now.date(), copies={"b-emma": 3, "b-persuasion": 1})
    )
    page = page_of(client, "/bestsellers/")
    assert books_on(page) == ["b-emma", "b-persuasion"]
    assert re.findall(r'<li class="rank" value="(\d)">', page) == ["1", "2"]
    assert "3 copies sold" in page
    assert "1 copy sold" in page
    assert 'href="/bestsellers/?period=week" aria-current="true"' in page_of(
        client, "/bestsellers/?period=week"
    )


def test_the_categories_say_what_they_hold(stock, client):
    page = page_of(client, "/categories/")
    assert "Novels that outlived their readers." in page
    assert "4 books" in page


def test_every_book_stands_on_exactly_one_page_in_every_order(full_shelf, client):
    for sort in selectors.SORTS:
        pages, path = [], f"/categories/woodwork/?sort={sort}"
        while path:
            page = page_of(client, path)
            pages.append(books_on(page))
            path = neighbour(page, "next")
        assert [len(books) for books in pages] == [24, 24, 2], sort
        assert len({book for books in pages for book in books}) == 50, sort


def test_previous_leads_back_to_the_same_books(full_shelf, client):
    first = page_of(client, "/categories/woodwork/")
    assert not neighbour(first, "prev")
    second = page_of(client, neighbour(first, "next"))
    back = page_of(client, neighbour(second, "prev"))
    assert books_on(back) == books_on(first)
    assert books_on(second) != books_on(first)


def test_a_page_whose_books_are_gone_leads_to_the_first(full_shelf, client, now):
    after = neighbour(page_of(client, "/categories/woodwork/"), "next").replace("&amp;", "&")
    for number in range(24, 50):
        services.withdraw_book(book_id=f"b-wood-{number:02}", at=now)
    response = client.get(after)
    assert response.status_code == 302
    assert response.headers["Location"] == "/categories/woodwork/"


def test_the_order_is_chosen_by_links(full_shelf, client):
    page = page_of(client, "/categories/woodwork/?sort=price")
    assert books_on(page)[:3] == ["b-wood-00", "b-wood-01", "b-wood-02"]
    assert 'href="/categories/woodwork/?sort=price" aria-current="true"' in page
    assert 'href="/categories/woodwork/">Title' in page


def test_a_later_page_is_canonical_and_another_order_is_not(full_shelf, client):
    first = page_of(client, "/categories/woodwork/")
    following = re.search(r'<link rel="next" href="([^"]+)"', first)[1]
    assert f'<link rel="canonical" href="{following}">' in page_of(client, following)
    canonical = '<link rel="canonical" href="http://localhost:8000/categories/woodwork/">'
    assert canonical in page_of(client, "/categories/woodwork/?sort=price")


def test_a_category_page_links_to_its_own_books_alone(full_shelf, stock, client):
    books = {stock.emma.id, stock.persuasion.id, stock.sold_out.id, stock.last_copy.id}
    page = page_of(client, "/categories/fiction/")
    assert set(books_on(page)) == books
    assert "Sold out" in page
    assert "Last copies" in page


def test_titles_of_pages_differ(full_shelf, client):
    first = page_of(client, "/categories/woodwork/")
    pages = [first, page_of(client, neighbour(first, "next"))]
    others = (
        "/",
        "/categories/",
        "/search/",
        "/bestsellers/",
        "/top-rated/",
        "/cart/",
        "/books/b-emma/emma/",
    )
    pages += [page_of(client, path) for path in others]
    titles = [re.search("<title>(.*?)</title>", page)[1] for page in pages]
    assert len(set(titles)) == len(titles)


def test_an_author_page_holds_the_authors_books(stock, client):
    page = page_of(client, "/authors/fyodor-dostoyevsky/")
    assert set(books_on(page)) == {stock.sold_out.id, stock.last_copy.id}


def test_an_author_of_many_books_has_pages(full_shelf, client):
    first = page_of(client, "/authors/paul-n-hasluck/")
    second = page_of(client, neighbour(first, "next"))
    assert len(books_on(first)) == len(books_on(second)) == 24
    assert not set(books_on(first)) & set(books_on(second))


NOT_THERE = [
    "/categories/nothing/",
    "/categories/fiction/?sort=colour",
    "/categories/fiction/?after=forged",
    "/categories/fiction/?before=%00",
    "/authors/nobody/",
    "/authors/jane-austen/?after=forged",
    "/books/b-404/",
    "/books/b-404/cover.svg",
    "/bestsellers/?period=century",
    "/search/?q=emma&page=400",
    "/sitemap-7.xml",
    "/nothing-here/",
]


def test_what_is_not_there_is_a_real_404_that_leads_on(stock, client):
    for path in NOT_THERE:
        plain = client.get(path)
        by_htmx = client.get(path, headers={"HX-Request": "true"})
        assert plain.status_code == by_htmx.status_code == 404, path
        assert plain.content == by_htmx.content, path
        page = plain.content.decode()
        for part in ('href="/categories/"', '<main id="main"', '<meta name="robots" content="noindex">'):
            assert part in page, path


def test_an_address_longer_than_any_key_may_be_is_a_404_without_a_question_to_the_store(client, wire):
    for path in ("/books/{}/", "/books/{}/cover.svg", "/authors/{}/"):
        for letter in ("x", "é"):
            with wire.count() as calls:
                response = client.get(path.format(letter * 2100))
            assert response.status_code == 404, path
            assert calls.dynamodb <= 1, path  # the categories, which lead on


def test_a_cursor_of_another_list_is_a_404(full_shelf, client):
    following = neighbour(page_of(client, "/categories/woodwork/"), "next")
    cursor = following.partition("after=")[2]
    assert client.get(f"/categories/woodwork/?after={cursor}").status_code == 200
    assert client.get(f"/categories/fiction/?after={cursor}").status_code == 404
    assert client.get(f"/categories/woodwork/?sort=price&after={cursor}").status_code == 404


def test_a_category_without_books_says_so(client):
    factories.category("poetry", "Poetry")
    selectors.forget_categories()
    assert "nothing on this shelf" in page_of(client, "/categories/poetry/")
