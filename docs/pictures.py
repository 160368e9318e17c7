"""Draw the pictures of the handbook for staff: `.venv/bin/python docs/pictures.py http://localhost:8000`.

The shop runs meanwhile, freshly reset, as `make run` opens it; Chromium has to be installed. A second
argument names another folder than the handbook's.
"""

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

FOLDER = str(Path(__file__).with_name("staff"))
WIDTH, LEAST_HEIGHT = 1100, 480
OWNER, READER, PASSWORD = "owner@example.com", "reader@example.com", "Bookstore-1!"


def main(origin: str = "http://localhost:8000", folder: str = FOLDER) -> None:
    """Buy a book as a reader, sign in as the owner, walk through a day's work, and draw each page."""
    Path(folder).mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        buy(visit(chromium, origin))
        page = visit(chromium, origin)
        page.goto("/admin/")
        sign_in(page, OWNER)
        page.wait_for_url(re.compile("/admin/$"))

        def draw(name: str, address: str = "", *, at_most: int = 0) -> None:
            """Save a picture of a page, or of the one that is open: all of it, or its first so many pixels."""
            if address:
                page.goto(address)
            page.wait_for_load_state("networkidle")
            clip: FloatRect | None = {"x": 0, "y": 0, "width": WIDTH, "height": at_most} if at_most else None
            page.screenshot(path=f"{folder}/{name}.png", full_page=True, clip=clip)

        draw("to-pack", "/admin/orders/order/?queue=to-pack")
        for_all(page, "Print packing slips")
        draw("packing-slips", at_most=760)
        page.goto("/admin/orders/order/?queue=to-ship")
        page.locator("#result_list tbody th a").first.click()
        order = page.url
        draw("order")
        draw("ship", re.sub("change/.*", "do/ship/", order))
        draw("refund", re.sub("change/.*", "do/refund/", order))
        draw("book", "/admin/catalog/book/bk-1001/change/", at_most=1410)
        draw("cover", "/admin/catalog/book/bk-1001/cover/")
        page.goto("/admin/catalog/book/bk-1001/stock/")
        page.locator("input[name=copies]").fill("12")
        page.get_by_role("button", name="Receive").click()
        draw("stock")
        page.goto("/admin/catalog/book/?category=poetry")
        for_all(page, "Change the price by percent …")
        page.locator("input[name=percent]").fill("5")
        page.get_by_role("button", name="Show what they would cost").click()
        draw("prices")
        draw("import", "/admin/catalog/book/import/")
        page.goto("/admin/accounts/customer/?q=reader")
        page.locator("#result_list tbody th a").first.click()
        draw("customer")
        draw("front-page", "/admin/")
        chromium.close()


def visit(chromium: Browser, origin: str) -> Page:
    """Open a browser's window that nobody is signed in with."""
    size = {"width": WIDTH, "height": LEAST_HEIGHT}
    return chromium.new_context(base_url=origin, viewport=size, reduced_motion="reduce").new_page()  # type: ignore[arg-type]  # a size like any other


def sign_in(page: Page, email: str) -> None:
    """Fill in the sign-in page, which the browser is on."""
    page.locator("input[name=username]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit], input[type=submit]").first.click()


def buy(page: Page) -> None:
    """Order and pay a book as the reader, so that the customer's page has an order to show."""
    page.goto("/books/bk-1001/")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_text("in your cart").first.wait_for()
    page.goto("/checkout/")
    sign_in(page, READER)
    address = {"name": "Ada Reader", "line1": "1 Library Lane", "city": "York", "postcode": "YO1 7HH"}
    for field, words in address.items():
        page.locator(f"[name={field}]").fill(words)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    for field, words in {"card_number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}.items():
        page.locator(f"[name={field}]").fill(words)
    page.locator("form:has([name=card_number]) button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}/"))


def for_all(page: Page, action: str) -> None:
    """Run an action on every row of the page."""
    page.locator("#action-toggle").check()
    page.select_option("select[name=action]", label=action)
    page.locator("button[name=index]").first.click()


if __name__ == "__main__":
    main(*sys.argv[1:])
