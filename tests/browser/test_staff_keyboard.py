"""Behind the counter without a mouse: a day's work with Tab, Space, Enter and what is typed."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import sign_in

MOST_STOPS = 80  # on the way to anything
# Where the focus rests, whether somebody sees that it does, and whether it moved at all.
STOP = """target => {
  const stop = document.activeElement;
  if (stop === document.body) {
    return {where: "", seen: true, moved: true, arrived: false};
  }
  const names = ["outlineStyle", "outlineWidth", "boxShadow", "borderColor", "backgroundColor", "textDecoration"];
  const looks = () => names.map(name => getComputedStyle(stop)[name]).join();
  const box = stop.getBoundingClientRect();
  const inView = box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight;
  const focused = looks();
  stop.blur();
  const marked = looks() !== focused;
  stop.focus({preventScroll: true});
  const moved = stop !== window.stopBefore;
  window.stopBefore = stop;
  return {where: stop.outerHTML.slice(0, 200), seen: inView && marked, moved, arrived: stop === target};
}"""


def go_to(target: Locator, key: str = "Tab") -> None:
    """Press Tab until the focus is there; wherever it rests on the way it can be seen, and goes on."""
    page, wanted = target.page, target.element_handle()
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        stop = page.evaluate(STOP, wanted)
        assert stop["moved"], f"the focus is caught in {stop['where']}"
        assert stop["seen"], f"nobody sees the focus on {stop['where']}"
        if stop["arrived"]:
            return
    raise AssertionError(f"{MOST_STOPS} stops do not lead to {target}; the last was {stop['where']}")


def skip_to_content(page: Page) -> None:
    go_to(page.get_by_role("link", name="Skip to main content"))
    page.keyboard.press("Enter")
    expect(page.locator("#content-start")).to_be_focused()


def tick(target: Locator) -> None:
    go_to(target)
    target.page.keyboard.press("Space")
    expect(target).to_be_checked()


def choose(target: Locator, words: str, key: str = "Tab") -> None:
    """Choose in a list by typing how the line begins."""
    go_to(target, key)
    target.page.keyboard.type(words)
    expect(target.locator("option:checked")).to_have_text(re.compile(re.escape(words)))


def type_into(target: Locator, words: str) -> None:
    go_to(target)
    target.page.keyboard.type(words)


def press(target: Locator) -> None:
    """Follow a link, or send a form."""
    go_to(target)
    with target.page.expect_navigation():
        target.page.keyboard.press("Enter")


def run_action(page: Page, words: str) -> None:
    """Run an action on what is ticked, which is below the box of actions."""
    choose(page.locator("select[name=action]"), words, "Shift+Tab")
    press(page.locator("button[name=index]"))


def test_a_days_work_is_done_without_a_mouse(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/admin/")
    sign_in(page, "owner@example.com")
    expect(page).to_have_url(re.compile("/admin/$"))
    said = page.locator(".messagelist")

    press(page.get_by_role("link", name="To pack"))
    number = page.locator("#result_list tbody th a").first.inner_text()
    skip_to_content(page)
    type_into(page.locator("#searchbar"), number)
    press(page.get_by_role("button", name="Search"))
    tick(page.locator("input[name=_selected_action]"))
    run_action(page, "Pack")
    expect(said).to_contain_text("1 order")
    press(page.locator("#result_list").get_by_role("link", name=number))
    skip_to_content(page)
    press(page.get_by_role("link", name="Ship", exact=True))
    skip_to_content(page)
    choose(page.locator("#id_carrier"), "Royal Mail")
    type_into(page.locator("#id_tracking_number"), "AB123456789GB")
    press(page.get_by_role("button", name="Ship", exact=True))
    expect(said).to_contain_text("is on its way")

    page.goto("/admin/catalog/book/")
    skip_to_content(page)
    press(page.locator("#changelist-filter").get_by_role("link", name="Plays", exact=True))
    skip_to_content(page)
    tick(page.locator("input[name=_selected_action]").nth(0))
    tick(page.locator("input[name=_selected_action]").nth(1))
    run_action(page, "Change the price")
    type_into(page.locator("#id_percent"), "5")
    press(page.get_by_role("button", name="Show what they would cost"))
    skip_to_content(page)
    press(page.get_by_role("button", name="Change 2 prices"))
    expect(said).to_contain_text("2 prices were changed.")
