"""What axe finds on each page, on a phone and on a desk, and whether anything moves while it loads."""

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import DESK, PHONE, fill_address, pay, sign_in

pytestmark = pytest.mark.xdist_group("browser")

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
PRIVATE_PAGES = ["/cart/", "/checkout/", "/orders/", "/account/", "/account/erase/"]
SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, shop: str) -> Iterator[BrowserContext]:
    """A customer with an order behind, and a book in the cart."""
    context = chromium.new_context(base_url=shop)
    page = context.new_page()
    for name in ("Tartuffe", "Faust"):
        page.goto(f"/search/?q={name}")
        links = page.get_by_role("main").get_by_role("link", name=re.compile(name))
        if links.count():
            links.first.click()
            page.get_by_role("button", name="Add to cart").click()
            expect(page.get_by_text("in your cart").first).to_be_visible()
            break
    page.goto("/checkout/")
    sign_in(page, "staff@example.com")
    fill_address(page)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    pay(page)
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    page.get_by_role("button", name="Buy again").click()
    page.close()
    yield context
    context.close()


def complaints_about(page: Page) -> str:
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""


@SIZES
@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_axe_finds_nothing_on_a_public_page(
    visit: Callable[..., Page], path: str, size: dict[str, int]
) -> None:
    page = visit(size=size)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert complaints_about(page) == ""


@SIZES
@pytest.mark.parametrize("path", [*PRIVATE_PAGES, "an order"])
def test_axe_finds_nothing_on_a_private_page(
    signed_in: BrowserContext, path: str, size: dict[str, int]
) -> None:
    page = signed_in.new_page()
    page.set_viewport_size(size)  # type: ignore[arg-type]
    if path == "an order":
        page.goto("/orders/")
        page.locator("main a[href^='/orders/0']").first.click()
    else:
        page.goto(path)
    page.wait_for_load_state("networkidle")
    found = complaints_about(page)
    page.close()
    assert found == ""


@SIZES
@pytest.mark.parametrize(
    "path", ["/", "/categories/plays/", "/books/bk-1001/pride-and-prejudice/", "/search/?q=love", "/cart/"]
)
def test_nothing_moves_while_a_page_loads(
    visit: Callable[..., Page], path: str, size: dict[str, int]
) -> None:
    page = visit(size=size)
    page.add_init_script(
        "window.shifted = 0; new PerformanceObserver(list => { for (const e of list.getEntries())"
        " if (!e.hadRecentInput) window.shifted += e.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifted") < 0.01
