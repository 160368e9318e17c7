"""Nothing that a reader already sees moves while the rest of a page is still on its way."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE

PAGES = [
    "/",
    "/categories/plays/",
    "/books/bk-1001/pride-and-prejudice/",
    "/search/?q=love",
    "/search/?q=xyzzyqwert",
    "/cart/",
    "/account/sign-in-failed/",
    "/no-such-page/",
]
PIECE = re.compile(rb"(?=<(?:header|main|footer|nav|section|article|div|form|p|li|dt|dd|h[1-3])\b)")
PAUSE_SECONDS = 0.02  # a frame: what stands is painted before more of it comes
BARELY = 0.01  # Chromium's measure of how much moved how far; from 0.1 on it calls a page unsteady
ADD_UP_SHIFTS = """
window.shifts = [];
const named = (node) => node ? node.id || node.className || node.nodeName : "removed";
new PerformanceObserver((list) => {
  for (const shift of list.getEntries().filter((each) => !each.hadRecentInput)) {
    window.shifts.push([shift.value, shift.sources.map((source) => named(source.node)).join(", ")]);
  }
}).observe({type: "layout-shift", buffered: true});
"""


class SlowLine(BaseHTTPRequestHandler):
    """Brings the shop's pages element by element, as a bad connection would, and all else at once."""

    shop = ""

    def do_GET(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.shop).netloc)
        connection.request("GET", self.path, headers={"Host": urlsplit(self.shop).netloc})
        answer = connection.getresponse()
        page = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.end_headers()
        head, body, rest = page.partition(b"<body>")
        self.wfile.write(head + body)
        for piece in PIECE.split(rest):
            self.wfile.write(piece)
            time.sleep(PAUSE_SECONDS)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_line(shop: str) -> Iterator[str]:
    """Return the origin at which the shop answers slowly."""
    handler = type("SlowLineToTheShop", (SlowLine,), {"shop": shop})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_moves_while_a_page_arrives(
    visit: Callable[..., Page], slow_line: str, size: dict[str, int]
) -> None:
    pages = [visit(size=size) for _ in PAGES]  # all at once: each is mostly waited for
    for page, path in zip(pages, PAGES, strict=True):
        page.add_init_script(ADD_UP_SHIFTS)
        page.goto(slow_line + path, wait_until="commit")
    moved = {}
    for page, path in zip(pages, PAGES, strict=True):
        page.wait_for_load_state()
        expect(page.locator(".htmx-request")).to_have_count(0, timeout=30_000)  # the slow line's part too
        shifts = page.evaluate("window.shifts")
        if sum(value for value, _ in shifts) >= BARELY:
            moved[path] = shifts
    assert moved == {}
