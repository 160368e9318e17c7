"""What axe finds on the pages for staff, on a phone and on a desk, in Django's light and dark themes; how wide they are."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PHONE, Watched, sign_in
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
# Lists that show nothing before they are searched.
SEARCHED = {"/admin/accounts/customer/": "?q=reader", "/admin/catalog/author/": "?q=austen"}
# The search box of every list has a picture for a label: Django's own, and no rule of WCAG's.
DJANGOS = ("label-title-only",)
# What is too wide for its place: the page itself, or a box that nobody can scroll without a mouse.
TOO_WIDE = """() => {
  const page = document.documentElement;
  const isWide = box => box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0;
  const scrolls = box => ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const isReached = box => box.tabIndex >= 0 || box.querySelector("a[href], button, input, select, textarea, [tabindex]");
  const boxes = [...document.body.querySelectorAll("*")].filter(box => scrolls(box) && isWide(box) && !isReached(box));
  return (page.scrollWidth > page.clientWidth ? ["the page"] : []).concat(boxes.map(box => box.outerHTML.slice(0, 80)));
}"""


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
    owner.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
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


def test_no_page_of_a_list_or_of_its_first_row_is_wider_than_a_phone(owner: Page) -> None:
    owner.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a size like any other
    wide: dict[str, list[str]] = {}

    def look_at(path: str) -> list[str]:
        """Open a page, and return where its links lead within the admin."""
        owner.goto(path)
        wide[path] = owner.evaluate(TOO_WIDE)
        return owner.locator("a[href^='/admin/'], a[href^='../'], a[href^='.']").evaluate_all(
            "links => links.map(link => link.pathname)"
        )

    lists = {path for path in look_at("/admin/") if re.fullmatch(r"/admin/\w+/\w+/", path)}
    assert len(lists) >= 6
    for path in sorted(lists):
        look_at(path + SEARCHED.get(path, ""))
        row = owner.locator("#result_list tbody th a").first
        if not row.count():
            continue
        form = row.evaluate("link => link.pathname")
        about_it = {each for each in look_at(form) if each.startswith(form.removesuffix("change/"))}
        for each in sorted(about_it - {form}):
            look_at(each)
    assert {path: boxes for path, boxes in wide.items() if boxes} == {}
