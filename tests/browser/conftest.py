"""A whole shop, as `make run` opens it, and real Chromium to shop in it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from bookstore.devstack.stores import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Bookstore-1!"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
OPENING_SECONDS = 150
# Chromium and htmx report each 4xx and 5xx answer as an error, and one that never came.
ANSWERS = ("Failed to load resource", "Response Status Error Code", "htmx:afterRequest", "htmx:sendError")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Open the shop with its sample catalogue in a folder of its own; return its origin."""
    folder = tmp_path_factory.mktemp("shop")
    port = free_port()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in {"HOME", "LANG", "PATH", "TMPDIR", "USER"} or name.startswith(("PYENV", "LC_"))
    }
    log = folder / "shop.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bookstore.devstack", "run"],
            cwd=ROOT,
            env={**inherited, "DEVSTACK_FOLDER": str(folder / "state"), "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    origin = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + OPENING_SECONDS
        while not _ready(origin):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield origin
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _ready(origin: str) -> bool:
    try:
        with urllib.request.urlopen(f"{origin}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong in a browser while nobody looked."""

    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(ANSWERS):
            self.complaints.append(message.text)


@pytest.fixture
def visit(chromium: Browser, shop: str) -> Iterator[Callable[..., Page]]:
    """Open a browser of one's own: `visit(javascript=False, size=PHONE)`.

    Whatever a page complains about in the console, a breach of the content security policy
    above all, fails the test.
    """
    contexts: list[BrowserContext] = []
    watched = Watched()

    def opened(*, javascript: bool = True, size: dict[str, int] = DESK) -> Page:
        context = chromium.new_context(
            base_url=shop,
            java_script_enabled=javascript,
            viewport=size,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        watched.watch(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watched.complaints == []


def sign_in(page: Page, email: str = "reader@example.com") -> None:
    """Fill in Cognito's own page, which the browser is on."""
    page.locator("input[name=username]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit], input[type=submit]").first.click()


ADDRESS = {
    "name": "Ada Reader",
    "line1": "1 Library Lane",
    "city": "York",
    "postcode": "YO1 7HH",
    "phone": "01904 000000",
}


def fill_address(page: Page) -> None:
    for name, value in ADDRESS.items():
        page.locator(f"[name={name}]").fill(value)


def pay(page: Page, card: str = "4242 4242 4242 4242") -> None:
    """Fill in the payment provider's page, which the browser is on."""
    page.locator("[name=card_number]").fill(card)
    page.locator("[name=expiry]").fill("12/34")
    page.locator("[name=cvc]").fill("123")
    page.locator("form:has([name=card_number]) button[type=submit]").first.click()
