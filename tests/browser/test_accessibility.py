"""What axe finds on each page, on a phone and on a desk; and that no page is wider than a phone."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.test import RequestFactory
from django.views.defaults import permission_denied
from playwright.sync_api import Browser, Page, Route, expect

from bookstore.middleware import unavailable
from bookstore.views import broken
from tests.browser.conftest import DESK, PHONE, Watched, fill_address, pay, sign_in

PUBLIC_PAGES = [
    "/",
    "/categories/",
    "/categories/classic-fiction/",
    "/categories/classic-fiction/?sort=rating",
    "/books/bk-1001/pride-and-prejudice/",
    "/authors/jane-austen/",
    "/search/",
    "/search/?q=shakespere",
    "/search/?q=love&category=poetry",
    "/search/?q=xyzzyqwert",
    "/bestsellers/",
    "/bestsellers/?period=week",
    "/top-rated/",
    "/cart/",
    "/no-such-page/",
    "/account/sign-in-failed/",
]
PRIVATE_PAGES = [
    "/cart/",
    "/checkout/",
    "/orders/",
    "/account/",
    "/account/addresses/",
    "/account/erase/",
]


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, shop: str) -> Iterator[Page]:
    """The browser of a customer with an order behind, and a book in the cart."""
    context = chromium.new_context(base_url=shop, reduced_motion="reduce")
    page = context.new_page()
    page.goto("/books/bk-1001/pride-and-prejudice/")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()
    page.goto("/checkout/")
    sign_in(page, "staff@example.com")
    fill_address(page)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    pay(page)
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    page.get_by_role("button", name="Buy again").click()
    expect(page).to_have_url(re.compile("/cart/"))
    yield page
    context.close()


@pytest.fixture(scope="module")
def page(chromium: Browser, shop: str) -> Iterator[Page]:
    """One browser for all public pages, in which nobody is signed in."""
    context = chromium.new_context(base_url=shop, reduced_motion="reduce")
    watched = Watched()
    page = context.new_page()
    watched.watch(page)
    yield page
    context.close()
    assert watched.complaints == []


AT_REST = """() => document.getAnimations().filter(each => each instanceof CSSTransition)
    .forEach(each => each.finish())"""


def complaints_about(page: Page, *rules: str, without: tuple[str, ...] = ()) -> str:
    """Run axe on the page as it stands, on a phone and on a desk: all its rules but some, or those that are named."""
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.evaluate(AXE_SCRIPT)
    # Nothing here is in another document, which is what axe would load style sheets for.
    options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": rules} if rules else {})
    options |= {"rules": {rule: {"enabled": False} for rule in without}} if without else {}
    found = []
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate(AT_REST)  # a colour on its way from one theme to another is nobody's choice
        results = AxeResults(page.evaluate("options => axe.run(options)", options))
        if results.violations_count:
            found.append(f"{size['width']} pixels: {results.generate_report()}")
        # Two frames later the scrollbar that the new width brought has its place in the layout.
        sideways = page.evaluate(
            """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
                document.documentElement.scrollWidth - document.documentElement.clientWidth))))"""
        )
        if sideways > 0:
            found.append(f"{size['width']} pixels: scrolls sideways by {sideways} pixels")
    return "\n".join(found)


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_axe_finds_nothing_on_a_public_page(page: Page, path: str) -> None:
    page.goto(path)
    assert complaints_about(page) == ""


@pytest.mark.parametrize("path", ["/", "/categories/plays/", "/books/bk-1001/pride-and-prejudice/", "/cart/"])
def test_axe_finds_nothing_in_the_dark(page: Page, path: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(path)
    found = complaints_about(page, "color-contrast", "link-in-text-block")  # what colours can break
    page.emulate_media(color_scheme="light")
    assert found == ""


@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_axe_finds_nothing_on_a_private_page(signed_in: Page, path: str) -> None:
    signed_in.goto(path)
    assert complaints_about(signed_in) == ""


def test_axe_finds_nothing_on_an_order_and_its_rating_page(signed_in: Page) -> None:
    signed_in.goto("/orders/")
    signed_in.locator("main a[href^='/orders/0']").first.click()
    signed_in.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    found = complaints_about(signed_in)
    address = signed_in.locator("main form[action*='/ratings/']").first.get_attribute("action")
    assert address
    signed_in.goto(address)
    found += complaints_about(signed_in)
    assert found == ""


def test_axe_finds_nothing_on_a_checkout_with_mistakes(signed_in: Page) -> None:
    signed_in.goto("/checkout/")
    signed_in.locator("[name=name]").fill("")
    signed_in.get_by_role("button", name=re.compile("Order and pay")).click()
    expect(signed_in.get_by_text("Please look at the marked fields.")).to_be_visible()
    assert complaints_about(signed_in) == ""


def refused(request: HttpRequest) -> HttpResponse:
    return permission_denied(request, PermissionDenied())


def search_away(request: HttpRequest) -> HttpResponse:
    return render(request, "catalog/search_unavailable.html", {"categories": ()}, status=503)


def no_orders_taken(request: HttpRequest) -> HttpResponse:
    return render(request, "orders/no_orders.html", {"refusal": "Orders cannot be taken yet."})


def no_orders_yet(request: HttpRequest) -> HttpResponse:
    return render(request, "orders/orders.html", {"orders": []})


def fulfil(route: Route, *, answer: dict[str, Any]) -> None:
    route.fulfill(**answer)


RARE_PAGES = (refused, broken, lambda request: unavailable(request, TimeoutError("no store")))
RARE_PAGES += (search_away, no_orders_taken, no_orders_yet)


def test_axe_finds_nothing_on_pages_that_few_ever_see(page: Page) -> None:
    found = ""
    for view in RARE_PAGES:
        response = view(RequestFactory().get("/"))
        answer = {"status": response.status_code, "headers": dict(response.headers), "body": response.content}
        page.route("/rare/", partial(fulfil, answer=answer))
        page.goto("/rare/")
        expect(page.locator("h1")).to_be_visible()
        found += complaints_about(page)
        page.unroute("/rare/")
    assert found == ""


def test_axe_finds_nothing_on_the_way_of_an_order_that_is_not_paid(signed_in: Page) -> None:
    signed_in.goto("/account/")
    signed_in.get_by_role("link", name="Change").first.click()
    found = complaints_about(signed_in)
    signed_in.goto("/books/bk-1002/")
    signed_in.get_by_role("button", name="Add to cart").click()
    expect(signed_in.get_by_text("in your cart").first).to_be_visible()
    signed_in.goto("/checkout/")
    signed_in.get_by_role("button", name=re.compile("Order and pay")).click()
    expect(signed_in.locator("[name=card_number]")).to_be_visible()
    found += complaints_about(signed_in)
    signed_in.goto("/orders/")
    signed_in.locator("main a[href^='/orders/0']").first.click()
    expect(signed_in.get_by_text("not paid yet")).to_be_visible()
    found += complaints_about(signed_in)
    signed_in.get_by_role("button", name="Cancel this order").click()
    signed_in.goto("/cart/")
    signed_in.get_by_role("button", name="Remove").first.click()
    found += complaints_about(signed_in)
    assert found == ""


def test_suggestions_come_while_typing_and_axe_finds_nothing_on_them(page: Page) -> None:
    page.goto("/bestsellers/")
    page.locator("input[name=q]").press_sequentially("dosto", delay=30)
    expect(page.locator("#suggestions")).to_contain_text("Fyodor Dostoyevsky")
    assert complaints_about(page) == ""


@pytest.mark.parametrize("path", ["/oidc/sign-up/", "/oidc/forgotten-password/"])
def test_axe_finds_nothing_on_the_pages_to_open_an_account(page: Page, path: str) -> None:
    page.goto(path)
    assert complaints_about(page) == ""
