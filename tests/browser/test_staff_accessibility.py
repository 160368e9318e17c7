"""What axe finds on the pages for staff, on a phone and on a desk, in Django's light and dark themes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Watched, sign_in
from tests.browser.test_accessibility import complaints_about

BOOK = "/admin/catalog/book/bk-1001"
PAGES = [
    "/admin/",
    "/admin/catalog/book/",
    f"{BOOK}/change/",
    f"{BOOK}/stock/",
    f"{BOOK}/cover/",
    f"{BOOK}/history/",
    "/admin/catalog/book/import/",
    "/admin/catalog/category/",
    "/admin/catalog/author/",
    "/admin/catalog/review/",
    "/admin/orders/order/",
    "/admin/accounts/customer/?q=reader",
]
# The search box of every list has a picture for a label: Django's own, and no rule of WCAG's.
DJANGOS = ("label-title-only",)


@pytest.fixture(scope="module")
def owner(chromium: Browser, shop: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=shop, reduced_motion="reduce")
    watched = Watched()
    page = context.new_page()
    watched.watch(page)
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    page.wait_for_url(re.compile("/admin/$"))
    yield page
    context.close()
    assert watched.complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_on_a_page_for_staff(owner: Page, path: str) -> None:
    owner.goto(path)
    found = complaints_about(owner, without=DJANGOS)
    owner.emulate_media(color_scheme="dark")
    found += complaints_about(owner, "color-contrast", "link-in-text-block")
    owner.emulate_media(color_scheme="light")
    assert found == ""


def test_axe_finds_nothing_on_the_pages_of_an_order(owner: Page) -> None:
    owner.goto("/admin/orders/order/?queue=to-ship")
    owner.locator("#result_list tbody th a").first.click()
    order = owner.url
    found = complaints_about(owner, without=DJANGOS)
    for step in ("ship", "refund", "cancel", "note"):
        owner.goto(re.sub("change/.*", f"do/{step}/", order))
        found += complaints_about(owner)
    assert found == ""
