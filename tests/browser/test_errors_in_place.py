"""What a reader sees when a part of a page that htmx asks for does not come."""

from collections.abc import Callable

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views.defaults import page_not_found
from playwright.sync_api import Page, Route, expect

from bookstore.middleware import unavailable
from bookstore.views import broken


def not_found(request: HttpRequest) -> HttpResponse:
    return page_not_found(request, Http404("no such thing"))


def out_of_breath(request: HttpRequest) -> HttpResponse:
    return unavailable(request, TimeoutError("no store"))


# What the shop answers, and the heading and title that say so.
ERRORS = {
    500: (broken, "Our mistake", "Our mistake"),
    503: (out_of_breath, "Back in a moment", "Back in a moment · Foolscap"),
    404: (not_found, "We have looked on every shelf", "Not found · Foolscap"),
}
SILENCE = "The shop did not answer. Please try again."


def fail(page: Page, address: str, status: int | None) -> None:
    """Have requests for an address answered by an error page, or, without a status, by nothing."""

    def answer(route: Route) -> None:
        if status is None:
            route.abort()
            return
        response = ERRORS[status][0](RequestFactory().get("/"))
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.content)

    page.route(address, answer)


def open_book(page: Page) -> None:
    page.goto("/books/bk-1001/pride-and-prejudice/")


def open_cart(page: Page) -> None:
    page.goto("/cart/")
    if page.locator("main .line").count() == 0:
        open_book(page)
        add_to_cart(page)
        page.get_by_role("link", name="See your cart").click()
        expect(page.locator("main .line")).to_have_count(1)


def add_to_cart(page: Page) -> None:
    page.get_by_role("button", name="Add to cart").click()


def change_line(page: Page) -> None:
    page.locator("main input[name=quantity]").fill("7")
    page.keyboard.press("Tab")


def remove_line(page: Page) -> None:
    page.get_by_role("button", name="Remove").click()


def test_an_error_page_takes_the_place_of_the_page(visit: Callable[..., Page]) -> None:
    page = visit()
    for address, opened, act in (
        ("**/cart/add/", open_book, add_to_cart),
        ("**/cart/lines/**", open_cart, change_line),
        ("**/cart/lines/**", open_cart, remove_line),
    ):
        for status, (_, heading, title) in ERRORS.items():
            opened(page)
            where = page.url
            fail(page, address, status)
            act(page)
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            expect(page.locator("main")).to_have_count(1)
            expect(page.locator("#main")).to_be_focused()
            expect(page).to_have_title(title)
            assert page.evaluate("window.scrollY") == 0
            assert page.url == where
            page.unroute(address)
            page.get_by_role("main").get_by_role("link").first.click()  # the way on works
            page.wait_for_url(lambda url, where=where: url != where)


def test_no_answer_at_all_is_said_and_changes_nothing(visit: Callable[..., Page]) -> None:
    page = visit()
    for address, opened, act in (
        ("**/cart/add/", open_book, add_to_cart),
        ("**/cart/lines/**", open_cart, change_line),
    ):
        opened(page)
        before = page.get_by_role("main").inner_text(), page.title()
        fail(page, address, None)
        act(page)
        expect(page.locator("#messages")).to_have_text(SILENCE)
        assert (page.get_by_role("main").inner_text(), page.title()) == before
        page.unroute(address)


@pytest.mark.parametrize("status", [*ERRORS, None])
def test_an_optional_part_that_fails_leaves_the_page_as_it_is(
    visit: Callable[..., Page], status: int | None
) -> None:
    page = visit()
    fail(page, "**/visitor/", status)
    fail(page, "**/search/suggest/**", status)
    with page.expect_event(
        "requestfinished" if status else "requestfailed", lambda it: "/visitor/" in it.url
    ):
        open_book(page)
    before = page.get_by_role("main").inner_text(), page.title()
    field = page.locator("input[name=q]")
    with page.expect_event(
        "requestfinished" if status else "requestfailed", lambda it: "/suggest/" in it.url
    ):
        field.press_sequentially("aus")
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert (page.get_by_role("main").inner_text(), page.title()) == before
    expect(field).to_be_focused()
    expect(field).to_have_value("aus")
    expect(page.locator("#suggestions")).to_be_empty()
    expect(page.locator("#messages")).to_be_empty()
    expect(page.locator(".visitor")).to_have_text("Account Cart")
