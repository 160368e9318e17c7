"""A public page is the same for everyone, so that CloudFront may keep it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client

from bookstore.caching import PRIVATE, PUBLIC
from bookstore.dynamodb.models import SessionItem
from bookstore.dynamodb.sessions import hash_of

PUBLIC_PAGES = [
    "home",
    "catalog:categories",
    "catalog:category",
    "catalog:book",
    "catalog:author",
    "catalog:search",
    "leaderboard:bestsellers",
    "leaderboard:top-rated",
    "sitemap",
    "robots",
]


def guest(shop) -> Client:
    """A browser with a cart and a message that waits."""
    browser = Client(headers={"sec-fetch-site": "same-origin"})
    book_id = shop.samples[""]["book_id"]
    browser.post("/cart/add/", {"bookId": book_id, "quantity": "1", "price": "1.00"})
    assert {settings.CART_COOKIE_NAME, settings.MESSAGES_COOKIE_NAME} <= set(browser.cookies)
    return browser


def with_session(value: str) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = value
    return browser


def expired(reader) -> Client:
    key = reader.cookies[settings.SESSION_COOKIE_NAME].value
    item = SessionItem.get(hash_of(key))
    item.expires_at = datetime.now(UTC) - timedelta(minutes=1)
    item.save()
    return with_session(key)


@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_a_public_page_is_the_same_for_everyone(shop, stranger, sign_in, wire, name):
    path = shop.path(name)
    stranger.get(path)  # warms the process's caches
    with wire.count() as bare:
        page = stranger.get(path)
    assert page.status_code == 200
    browsers = {
        "signed in": sign_in(customer_id="c-1"),
        "staff": sign_in(customer_id="c-9", groups=("staff",)),
        "a guest with a cart and a message": guest(shop),
        "a malformed session": with_session("x"),
        "an unknown session": with_session("k" * 32),
        "an expired session": expired(sign_in(customer_id="c-2")),
    }
    for who, browser in browsers.items():
        with wire.count() as calls:
            theirs = browser.get(path)
        assert theirs.content == page.content, who
        assert calls == bare, who
        assert {**theirs.headers, "X-Request-Id": ""} == {**page.headers, "X-Request-Id": ""}, who


@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_a_public_page_says_that_it_may_be_kept_and_sets_nothing(shop, reader, name):
    response = reader.get(shop.path(name))
    assert response.headers["Cache-Control"] == PUBLIC
    assert PUBLIC == "public, max-age=0, s-maxage=60, stale-while-revalidate=60"
    assert not response.cookies
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("name", [name for name in PUBLIC_PAGES if name not in {"sitemap", "robots"}])
def test_a_public_page_holds_neither_name_nor_token(shop, reader, name):
    page = reader.get(shop.path(name)).content.decode()
    for private in ("reader@example.com", "csrfmiddlewaretoken", "nonce=", "c-1", "Sign out"):
        assert private not in page


def test_every_other_address_is_private(shop, reader):
    private = {
        each.path: response.headers["Cache-Control"]
        for each in shop.addresses()
        if each.name not in PUBLIC_PAGES
        and not (response := reader.get(each.path)).headers["Cache-Control"].startswith("public")
    }
    assert set(private.values()) == {PRIVATE}
    must_be = {
        "/cart/",
        "/account/",
        "/orders/",
        "/checkout/",
        "/visitor/",
        "/oidc/authenticate/",
        "/oidc/callback/",
    }
    assert must_be <= set(private)


@pytest.mark.parametrize(
    "path", ["/nothing-here/", "/categories/nothing/", "/books/nothing/", "/categories/fiction/?after=forged"]
)
def test_what_is_not_there_is_a_404_that_nobody_keeps(shop, stranger, path):
    response = stranger.get(path)
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == PRIVATE


def test_a_message_that_waits_is_shown_in_the_private_fragment_once(shop):
    browser = guest(shop)
    browser.get("/")
    assert browser.get("/visitor/").content.decode().count("Pride and Prejudice") >= 1
    assert "Pride and Prejudice" not in browser.get("/visitor/").content.decode()


def test_the_private_fragment_knows_the_reader(shop, reader, stranger):
    assert "/oidc/logout/" in reader.get("/visitor/").content.decode()
    assert "/oidc/authenticate/" in stranger.get("/visitor/").content.decode()


def test_staff_are_led_to_the_admin_and_customers_are_not(shop, reader, sign_in):
    staff = sign_in(customer_id="c-staff", groups=("staff",))
    assert '<a href="/admin/">Staff</a>' in staff.get("/visitor/").content.decode()
    assert "/admin/" not in reader.get("/visitor/").content.decode()


def test_a_session_cookie_that_is_nobodys_is_removed_on_a_private_page(shop):
    browser = with_session("k" * 32)
    response = browser.get("/account/")
    assert response.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 0
