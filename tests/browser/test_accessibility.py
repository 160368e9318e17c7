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
PRIVATE_PAGES = [
    "/cart/",
    "/checkout/",
    "/orders/",
    "/account/",
    "/account/addresses/",
    "/account/erase/",
]


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
    """Run axe on the page as it stands, on a phone and on a desk."""
    page.wait_for_load_state("networkidle")
    found = []
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        results = Axe().run(page)
        if results.violations_count:
            found.append(f"{size['width']} pixels: {results.generate_report()}")
    return "\n".join(found)


@pytest.mark.parametrize("path", PUBLIC_PAGES)
def test_axe_finds_nothing_on_a_public_page(visit: Callable[..., Page], path: str) -> None:
    page = visit()
    page.goto(path)
    assert complaints_about(page) == ""


@pytest.mark.parametrize("path", ["/", "/categories/plays/", "/books/bk-1001/pride-and-prejudice/", "/cart/"])
def test_axe_finds_nothing_in_the_dark(visit: Callable[..., Page], path: str) -> None:
    page = visit()
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.goto(path)
    assert complaints_about(page) == ""


@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_axe_finds_nothing_on_a_private_page(signed_in: BrowserContext, path: str) -> None:
    page = signed_in.new_page()
    page.goto(path)
    found = complaints_about(page)
    page.close()
    assert found == ""


def test_axe_finds_nothing_on_an_order_and_its_rating_page(signed_in: BrowserContext) -> None:
    page = signed_in.new_page()
    page.goto("/orders/")
    page.locator("main a[href^='/orders/0']").first.click()
    found = complaints_about(page)
    address = page.locator("main form[action*='/ratings/']").first.get_attribute("action")
    assert address
    page.goto(address)
    found += complaints_about(page)
    page.close()
    assert found == ""


def test_axe_finds_nothing_on_a_checkout_with_mistakes(signed_in: BrowserContext) -> None:
    page = signed_in.new_page()
    page.goto("/checkout/")
    page.locator("[name=name]").fill("")
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    expect(page.get_by_text("Please look at the marked fields.")).to_be_visible()
    found = complaints_about(page)
    page.close()
    assert found == ""


def test_axe_finds_nothing_on_open_suggestions(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/bestsellers/")
    page.locator("input[name=q]").first.press_sequentially("dosto", delay=30)
    expect(page.locator("#suggestions")).to_contain_text("Fyodor Dostoyevsky")
    assert complaints_about(page) == ""


def test_axe_finds_nothing_on_the_pages_to_open_an_account(visit: Callable[..., Page]) -> None:
    page = visit()
    for path in ("/oidc/sign-up/", "/oidc/forgotten-password/"):
        page.goto(path)
        assert complaints_about(page) == ""


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
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
