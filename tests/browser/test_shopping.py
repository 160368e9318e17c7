"""From the front page to a rated book, as a person does it."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import fill_address, pay, sign_in


def copies_sold(page: Page, title: str) -> int:
    """Read the copies sold of a book from the bestsellers; 0 when it is not among them."""
    page.goto("/bestsellers/")
    row = page.get_by_role("main").get_by_role("listitem").filter(has_text=title)
    if row.count() == 0:
        return 0
    found = re.search(r"(\d+)\s+cop", row.first.inner_text())
    assert found, row.first.inner_text()
    return int(found[1])


def find_macbeth(page: Page) -> None:
    """Browse a category, then search with a typing error."""
    page.goto("/")
    page.get_by_role("link", name="Categories").first.click()
    page.get_by_role("main").get_by_role("link", name="Classic Fiction").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Classic Fiction")
    page.get_by_role("link", name=re.compile("price", re.IGNORECASE)).first.click()
    expect(page).to_have_url(re.compile("sort=price"))
    page.get_by_role("link", name=re.compile("next", re.IGNORECASE)).first.click()
    expect(page).to_have_url(re.compile("after="))
    page.locator("input[name=q]").first.fill("macbethh shakespere")
    page.locator("input[name=q]").first.press("Enter")
    page.get_by_role("main").get_by_role("link", name="Macbeth", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Macbeth")


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_guest_finds_a_book_signs_in_pays_and_rates_it(
    visit: Callable[..., Page], javascript: bool
) -> None:
    page = visit(javascript=javascript)
    before = copies_sold(page, "Macbeth")

    find_macbeth(page)
    page.locator("main input[name=quantity]").fill("2")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()
    page.goto("/cart/")
    expect(page.get_by_role("main")).to_contain_text("Macbeth")
    page.get_by_role("link", name="Check out").click()

    sign_in(page)
    expect(page).to_have_url(re.compile("/checkout/"))
    expect(page.get_by_role("main")).to_contain_text("Macbeth")
    fill_address(page)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    pay(page)

    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    heading = page.get_by_role("heading", level=1).inner_text()
    number = re.search(r"[0-9A-Z-]{10,}", heading)
    assert number, heading
    order_address = page.url

    deadline = time.monotonic() + 2
    while (sold := copies_sold(page, "Macbeth")) != before + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sold == before + 2, "the sale reaches the bestsellers within 2 seconds"

    page.goto("/orders/")
    expect(page.get_by_role("main")).to_contain_text(number[0])
    page.goto("/cart/")
    expect(page.get_by_role("main")).not_to_contain_text("Macbeth")

    page.goto(order_address)
    page.get_by_text("Rate this book").first.click()
    page.locator("input[name=stars][value='5']").first.check(force=True)
    page.locator("[name=title]").first.fill("Still bleeds")
    page.locator("[name=text]").first.fill("Better read aloud, with the lights on.")
    page.get_by_role("button", name="Send your rating").first.click()
    page.goto(order_address)
    page.get_by_role("main").get_by_role("link", name="Macbeth", exact=True).first.click()
    expect(page.get_by_role("main")).to_contain_text("Still bleeds")

    page.goto("/account/")
    expect(page.get_by_role("main")).to_contain_text("reader@example.com")
    page.get_by_role("button", name="Sign out").last.click()
    page.goto("/orders/")
    expect(page.locator("input[name=username]")).to_be_visible()


def test_a_declined_card_leaves_the_cart_as_it_was(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/search/?q=hamlet")
    page.get_by_role("main").get_by_role("link", name="Hamlet", exact=True).first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()
    page.goto("/checkout/")
    sign_in(page)
    fill_address(page)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    pay(page, card="4000000000000002")
    expect(page.get_by_text(re.compile("declined", re.IGNORECASE)).first).to_be_visible()
    page.goto("/cart/")
    expect(page.get_by_role("main")).to_contain_text("Hamlet")


def focus_by_tab(page: Page, name: str, *, most: int = 120) -> None:
    """Press Tab until the element of this name has the focus; it may have it from the start."""
    for presses in range(most):
        if presses:
            page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement; if (!e || e === document.body) return '';"
            " const label = e.labels && e.labels.length ? e.labels[0].innerText : '';"
            " return (e.getAttribute('aria-label') || label || e.innerText || e.name || '').trim(); }"
        )
        if name.lower() in focused.lower():
            return
    pytest.fail(f"Tab never reaches “{name}” on {page.url}")


def test_the_keyboard_alone_buys_a_book(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/categories/plays/")
    focus_by_tab(page, "Arms and the Man")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Arms and the Man")
    focus_by_tab(page, "Add to cart")
    page.keyboard.press("Enter")
    expect(page.get_by_text("in your cart").first).to_be_visible()
    focus_by_tab(page, "See your cart")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/cart/"))
    focus_by_tab(page, "Check out")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=username]")
    focus_by_tab(page, "username")
    page.keyboard.press("Control+A")
    page.keyboard.type("reader@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("Bookstore-1!")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/checkout/"))
    for label, value in (
        ("Name", "Ada Reader"),
        ("Address", "1 Library Lane"),
        ("Town", "York"),
        ("Postcode", "YO1 7HH"),
    ):
        focus_by_tab(page, label)
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
    focus_by_tab(page, "Order and pay")
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=card_number]")
    focus_by_tab(page, "card number")
    page.keyboard.type("4242424242424242")
    page.keyboard.press("Tab")
    page.keyboard.type("12/34")
    page.keyboard.press("Tab")
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
