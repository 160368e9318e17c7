"""Behind the counter: what a member of staff does in the admin, under the shop's own security policy."""

import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, fill_address, pay, sign_in


def open_first_book(page: Page) -> str:
    page.goto("/admin/catalog/book/?category=poetry")
    page.locator("th.field-name a").first.click()
    expect(page.locator("#id_name")).to_be_visible()
    return page.locator("#id_name").input_value()


def test_the_owner_changes_a_title_and_is_told_of_a_change_in_another_tab(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    expect(page).to_have_url(re.compile("/admin/$"))

    page.get_by_role("link", name="Books").first.click()
    first = page.locator("th.field-name a").first.inner_text()
    page.locator("a[rel=next]").press("Enter")
    expect(page.locator("th.field-name a").first).not_to_have_text(first)
    page.locator("a[rel=prev]").press("Enter")
    expect(page.locator("th.field-name a").first).to_have_text(first)

    title = open_first_book(page)
    other_tab = page.context.new_page()
    other_tab.goto(page.url)
    page.locator("#id_name").fill(f"{title}, revised")
    page.locator("#id_name").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("changed successfully")
    other_tab.locator("#id_publisher").fill("Foolscap Press")
    other_tab.locator("input[name=_save]").click()
    expect(other_tab.locator(".errornote, .errorlist").first).to_be_visible()
    expect(other_tab.locator("#content")).to_contain_text("They changed: Title")
    expect(other_tab.locator("#id_name")).to_have_value(f"{title}, revised")
    other_tab.locator("input[name=_continue]").click()
    expect(other_tab.locator(".messagelist")).to_contain_text("changed successfully")
    other_tab.get_by_role("link", name="History").click()
    expect(other_tab.locator("#change-history")).to_contain_text(f"from “{title}” to “{title}, revised”")
    expect(other_tab.locator("#change-history")).to_contain_text("Foolscap Press")
    page.goto("/admin/")
    expect(page.locator("#recent-actions-module")).to_contain_text(f"{title}, revised")
    page.get_by_role("button", name="Log out").click()
    page.goto("/account/")
    expect(page).not_to_have_url(re.compile("/account/$"))


def test_staff_look_and_change_nothing(visit: Callable[..., Page]) -> None:
    page = visit(size={"width": 390, "height": 844})
    page.goto("/admin/")
    sign_in(page, "staff@example.com")
    page.goto("/admin/catalog/book/?category=poetry")
    expect(page.get_by_role("link", name=re.compile("Add book", re.IGNORECASE))).to_have_count(0)
    page.locator("th.field-name a").first.click()
    expect(page.locator("input[name=_save]")).to_have_count(0)


def test_the_prices_of_a_selection_change_after_a_look_at_what_they_would_be(
    visit: Callable[..., Page],
) -> None:
    page = visit(javascript=False, size=PHONE)
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    page.goto("/admin/catalog/book/?category=gardening")
    for number in range(2):
        page.locator("input[name=_selected_action]").nth(number).check()
    page.locator("select[name=action]").first.select_option("reprice")
    page.locator("button[name=index]").first.click()
    page.locator("#id_percent").fill("10")
    page.locator("#id_rounding").select_option("ninety_nine")
    page.locator("#id_percent").press("Enter")
    row = page.locator(".ledger tbody tr").first
    title, then = row.locator("td").first.inner_text(), row.locator("td").last.inner_text()
    assert re.fullmatch(r"£\d+\.99", then)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    page.get_by_role("button", name="Change 2 prices").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("2 prices were changed.")
    page.goto("/admin/catalog/book/?category=gardening")
    page.get_by_role("link", name=title, exact=True).click()
    expect(page.locator("#id_price")).to_have_value(then.removeprefix("£"))
    page.get_by_role("link", name="View on site").click()
    expect(page.locator(".buy__price")).to_have_text(then)


def test_a_new_book_gets_the_cover_that_was_sent(visit: Callable[..., Page], tmp_path: Path) -> None:
    picture = tmp_path / "cover.jpg"
    Image.new("RGB", (900, 1350), "teal").save(picture)
    page = visit()
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    page.goto("/admin/catalog/book/add/")
    page.locator("#id_name").fill("A Book With a Cover")
    page.locator("#id_category").select_option("poetry")
    page.locator("#id_price").fill("9.50")
    page.locator("input[name=_continue]").click()
    page.locator(".cover-link").click()
    field = page.locator("#file")
    field.set_input_files({"name": "huge.jpg", "mimeType": "image/jpeg", "buffer": bytes(9_000_000)})
    assert field.evaluate("field => field.validationMessage") == "This file is larger than a cover may be."
    field.set_input_files(picture)
    page.get_by_role("button", name="Send the picture").press("Enter")
    expect(page.locator("#cover-state")).to_contain_text("The new cover is in the shop", timeout=30_000)
    page.get_by_role("link", name="See the book’s page").click()
    cover = page.locator(".book__cover img, .cover img").first
    expect(cover).to_have_js_property("complete", value=True)
    assert cover.evaluate("image => [image.naturalWidth > 0, image.currentSrc.endsWith('.webp')]") == [
        True,
        True,
    ]


def test_the_front_page_tells_how_the_shop_stands_on_a_phone_and_by_keyboard(
    visit: Callable[..., Page],
) -> None:
    page = visit(javascript=False, size=PHONE)
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    panel = page.get_by_role("region", name="Sales by day", exact=True).first
    expect(panel.get_by_role("img")).to_be_visible()
    panel.locator("summary").press("Enter")
    expect(panel.get_by_role("columnheader", name="Copies")).to_be_visible()
    expect(panel.locator("tbody tr")).to_have_count(30)
    page.goto("/admin/accounts/customer/?q=ada")
    page.get_by_role("link", name="reader@example.com").press("Enter")
    expect(page.locator(".field-group_names")).to_contain_text("none: a customer")
    page.goto("/admin/catalog/book/bk-1001/stock/")
    page.locator("#id_receive_copies").fill("3")
    page.locator("#id_receive_reason").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Received 3 copies.")
    page.locator("#id_shelve_location").fill("C 3")
    page.locator("#id_shelve_location").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".stockroom__now")).to_contain_text("shelf C 3")
    page.goto("/admin/")
    with page.expect_download() as taken:
        page.get_by_role("link", name=re.compile("CSV.*Sales by day")).press("Enter")
    assert taken.value.suggested_filename.startswith("sales-by-day-")


def buy_two_copies(page: Page) -> str:
    """Buy two copies of a book as a customer; return the order's number."""
    page.goto("/search/?q=frankenstein")
    page.get_by_role("main").get_by_role("link", name="Frankenstein", exact=True).first.click()
    page.locator("main input[name=quantity]").fill("2")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("in your cart").first).to_be_visible()
    page.goto("/checkout/")
    if page.locator("input[name=password]").count():
        sign_in(page, "reader@example.com")
    fill_address(page)
    page.get_by_role("button", name=re.compile("Order and pay")).click()
    pay(page)
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/"))
    found = re.search(r"[0-9A-Z]{10}", page.get_by_role("heading", level=1).inner_text())
    assert found
    return found[0]


def test_an_order_is_refunded_in_part_packed_and_shipped_and_another_one_cancelled(
    visit: Callable[..., Page],
) -> None:
    buyer = visit(javascript=False)
    sent, cancelled = buy_two_copies(buyer), buy_two_copies(buyer)
    page = visit(size=PHONE)
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    said = page.locator(".messagelist")

    page.goto("/admin/orders/order/")
    page.get_by_role("navigation", name="Work").get_by_role("link", name="To pack").click()
    for number in (sent, cancelled):
        page.locator("tr", has_text=number).locator("input[name=_selected_action]").check()
    page.locator("select[name=action]").select_option("packing_slips")
    page.locator("button[name=index]").press("Enter")
    expect(page.locator("article")).to_have_count(2)
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    assert re.findall(rb"/Count (\d+)", page.pdf()) == [b"2"], "a page for each parcel"
    page.emulate_media(media="screen")
    page.get_by_role("link", name="Back to the orders").click()

    page.get_by_role("link", name=sent).click()
    page.get_by_role("link", name="Refund").click()
    page.locator("#id_copies_0").fill("1")
    page.locator("#id_reason").fill("One came back torn.")
    page.get_by_role("button", name="Refund").press("Enter")
    expect(said).to_contain_text("went back to the customer")
    page.get_by_role("button", name="Pack", exact=True).press("Enter")
    expect(said).to_contain_text("is packed")
    page.get_by_role("link", name="Ship", exact=True).click()
    page.locator("#id_carrier").select_option("royal-mail")
    page.locator("#id_tracking_number").fill("ab 123456789 gb")
    page.locator("#id_tracking_number").press("Enter")
    expect(said).to_contain_text("is on its way")
    expect(page.get_by_role("link", name="AB123456789GB")).to_be_visible()

    page.goto(f"/admin/orders/order/?q={cancelled.lower()}")
    page.get_by_role("link", name=cancelled).click()
    page.get_by_role("link", name="Cancel the order").click()
    page.locator("#id_reason").fill("The customer rang.")
    page.get_by_role("button", name="Cancel the order").press("Enter")
    expect(said).to_contain_text("is cancelled, and what was paid went back")
    buyer.goto("/orders/")
    expect(buyer.get_by_role("main")).to_contain_text("Shipped")
    expect(buyer.get_by_role("main")).to_contain_text("Refunded")
