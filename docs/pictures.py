"""Draw the pictures of the handbook for staff: `.venv/bin/python docs/pictures.py http://localhost:8000`.

The shop runs meanwhile, freshly reset, as `make run` opens it; Chromium has to be installed.
"""

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).with_name("staff")
SIZE = {"width": 1100, "height": 760}
OWNER, PASSWORD = "owner@example.com", "Bookstore-1!"


def main(origin: str) -> None:
    """Sign in as the owner, walk through a day's work, and draw each page."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_context(base_url=origin, viewport=SIZE, reduced_motion="reduce").new_page()  # type: ignore[arg-type]  # a size like any other
        page.goto("/admin/")
        page.locator("input[name=username]").fill(OWNER)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("button[type=submit], input[type=submit]").first.click()
        page.wait_for_url(re.compile("/admin/$"))
        draw(page, "front-page", "/admin/", height=1180)
        draw(page, "to-pack", "/admin/orders/order/?queue=to-pack")
        for_all(page, "Print packing slips")
        draw(page, "packing-slips")
        page.goto("/admin/orders/order/?queue=to-ship")
        page.locator("#result_list tbody th a").first.click()
        order = page.url
        draw(page, "order", height=900)
        draw(page, "ship", re.sub("change/.*", "do/ship/", order), height=520)
        draw(page, "refund", re.sub("change/.*", "do/refund/", order))
        draw(page, "book", "/admin/catalog/book/bk-1001/change/", height=1000)
        draw(page, "cover", "/admin/catalog/book/bk-1001/cover/", height=560)
        draw(page, "stock", "/admin/catalog/book/bk-1001/stock/", height=820)
        page.goto("/admin/catalog/book/?category=poetry")
        for_all(page, "Change the price by percent …")
        page.locator("input[name=percent]").fill("5")
        page.get_by_role("button", name="Show what they would cost").click()
        draw(page, "prices")
        draw(page, "import", "/admin/catalog/book/import/", height=640)
        page.goto("/admin/accounts/customer/?q=reader")
        page.locator("#result_list tbody th a").first.click()
        draw(page, "customer", height=860)
        chromium.close()


def for_all(page: Page, action: str) -> None:
    """Run an action on every row of the page."""
    page.locator("#action-toggle").check()
    page.select_option("select[name=action]", label=action)
    page.locator("button[name=index]").first.click()


def draw(page: Page, name: str, address: str = "", *, height: int = SIZE["height"]) -> None:
    """Save a picture of a page, or of the one that is open."""
    if address:
        page.goto(address)
    page.wait_for_load_state("networkidle")
    page.set_viewport_size({"width": SIZE["width"], "height": height})
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000")
