"""`make run`, told as the life of one shop: each test goes on where the one before it ended."""

import json
import os
import signal
import socket
import stat
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.run.conftest import Life, LocalShop, Visitor, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

FIRST_START_SECONDS = 120
LATER_START_SECONDS = 10
READER, PASSWORD = "reader@example.com", "Bookstore-1!"

BUY = """
from datetime import datetime, UTC
from django.conf import settings
from bookstore import aws
from cart.selectors import cart_of
from cart.services import add_to_cart
from leaderboard.selectors import bestsellers
from orders.ids import draw_order_id
from orders.management.commands.load_sample_orders import ADDRESS
from orders.reserving import reserve
from catalog.services import add_book
now = datetime.now(UTC)
add_book(at=now, book_id=f"new-{now:%H%M%S%f}", name="Written Down", category="plays", price="7.99")
add_to_cart(owner="kept", book_id="bk-1001", quantity=1, seen_price=None, at=now, guest=False)
order = reserve(customer_id="kept", email="", order_id=draw_order_id(at=now),
                agreed_total=cart_of("kept", at=now).subtotal, address=ADDRESS, at=now)
aws.cognito().admin_create_user(
    UserPoolId=settings.COGNITO_USER_POOL_ID, Username=f"new-{order.order_id}@example.com", MessageAction="SUPPRESS")
answer = {"order": order.order_id, "ranked": sorted([each.book.id, each.copies] for each in bestsellers("all", today=now.date()))}
"""
KEPT = """
from datetime import datetime, UTC
from django.conf import settings
from bookstore import aws
from cart.selectors import cart_of
from orders.selectors import orders_of
from catalog.selectors import book_images
from leaderboard.selectors import bestsellers
users = aws.cognito().list_users(UserPoolId=settings.COGNITO_USER_POOL_ID)["Users"]
emails = [each["Value"] for user in users for each in user["Attributes"] if each["Name"] == "email"]
answer = {
    "cart": [line.book_id for line in cart_of("kept", at=datetime.now(UTC)).lines],
    "books": sum(book["id"].startswith("new-") for books in book_images() for book in books),
    "ranked": sorted([each.book.id, each.copies] for each in bestsellers("all", today=datetime.now(UTC).date())),
    "orders": [order.order_id for order in orders_of("kept").items],
    "accounts": sorted(name for name in [user["Username"] for user in users] + emails if name.startswith("new-")),
}
"""


@pytest.fixture
def ours(life: Life) -> LocalShop:
    return life.ours


@pytest.fixture
def theirs(life: Life) -> LocalShop:
    return life.theirs


def listening_addresses(pids) -> set[str]:
    """The addresses, in /proc/net's hexadecimal, on which these processes listen."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue
    found = set()
    for table, is_listening in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == is_listening and f"socket:[{columns[9]}]" in sockets:
                found.add(columns[1].partition(":")[0])
    return found


def finds_pride_and_prejudice(shop: LocalShop) -> bool:
    return "/books/bk-1001/" in Visitor().get(f"{shop.origin}/search/?q=pride+and+prejudice")


def test_a_port_is_the_shops_from_the_first_moment(ours):
    ours.begin()
    wait_until(lambda: "Filling the shop" in ours.said)
    # Else another program could take one while the shop is being filled, as CI has seen.
    for origin in (ours.origin, ours.variables["PAYMENT_ORIGIN"], ours.variables["COGNITO_SIGN_UP_URL"]):
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", urllib.parse.urlsplit(origin).port))
    # Whoever comes too soon is asked to wait, and not turned away.
    assert "<h1" in Visitor(patience_seconds=FIRST_START_SECONDS).get(f"{ours.origin}/")


def test_the_first_start_opens_a_filled_shop_in_two_minutes(ours, capsys):
    ours.wait_until_open()
    with capsys.disabled():
        sys.stdout.write(f"\nThe first start took {ours.seconds:.1f} s.\n")
    assert ours.seconds <= FIRST_START_SECONDS
    for told in (f"{ours.origin}/", READER, "staff@example.com", "owner@example.com", PASSWORD):
        assert told in ours.said
    assert finds_pride_and_prejudice(ours)
    assert stat.S_IMODE((ours.folder / "env").stat().st_mode) == 0o600
    processes = ours.processes()
    assert len(processes) == 10
    assert listening_addresses(processes) == {"0100007F"}, "127.0.0.1 and nothing else"


def test_an_edit_is_served_and_a_mistake_waits_for_the_next(ours):
    def stores() -> set[int]:
        return {
            pid
            for pid, command in ours.processes().items()
            if any(name in command for name in ("ministack", "osmem", "valkey"))
        }

    before = stores()
    assert len(before) == 3
    template, code = ours.clone / "templates" / "404.html", ours.clone / "bookstore" / "views.py"
    working = code.read_text()
    code.write_text(f"{working}\ndef (\n")
    wait_until(lambda: "cannot start with the code as it is" in ours.said)

    template.write_text(template.read_text().replace("We have looked on every shelf", "Not on any shelf"))
    code.write_text(working.replace("alive\\n", "alive and well\\n"))
    wait_until(lambda: is_served(ours, "/healthz", "alive and well"))
    assert is_served(ours, "/no-such-page/", "Not on any shelf")
    assert stores() == before
    assert ours.is_running


def is_served(shop: LocalShop, path: str, words: str) -> bool:
    try:
        return words in Visitor().get(shop.origin + path)
    except OSError:  # it is just starting
        return False


def test_one_folder_has_one_shop_and_one_port_one_program(ours, theirs):
    same_folder = LocalShop(ours.clone, ours.port)
    same_folder.begin()
    assert same_folder.ended() == 1
    assert f"already running at {ours.origin} " in same_folder.said
    theirs.begin(PORT=str(ours.port))
    assert theirs.ended() == 1
    assert f"Port {ours.port} is taken" in theirs.said
    for refused in (same_folder, theirs):
        assert len(refused.said.splitlines()) == 1, refused.said
    reset = ours.command("make", "reset")
    assert reset.returncode != 0
    assert "already running" in reset.stderr
    assert (ours.folder / "env").exists()


def test_two_shops_live_side_by_side_in_one_browser(ours, theirs):
    theirs.open("make", "run", terminal=True, DEBUG="1")
    assert not set(ports_of(ours)) & set(ports_of(theirs))
    visitor = Visitor()
    for shop, book in ((ours, "bk-1001"), (theirs, "bk-1002")):
        where, page = visitor.post(f"{shop.origin}/cart/add/", bookId=book, quantity="1")
        assert where == f"{shop.origin}/cart/"
        assert "in your cart" in page, "the message came through"
    for shop in (ours, theirs):
        cognito, form = visitor.go_to_sign_in(f"{shop.origin}/account/")
        where, page = visitor.post(f"{cognito}/login", **form, username=READER, password=PASSWORD)
        assert where == f"{shop.origin}/account/"
    for shop, book, other in ((ours, "bk-1001", "bk-1002"), (theirs, "bk-1002", "bk-1001")):
        assert READER in visitor.get(f"{shop.origin}/account/")
        cart = visitor.get(f"{shop.origin}/cart/")
        assert f"/books/{book}/" in cart
        assert f"/books/{other}/" not in cart
        assert {f"p{shop.port}-{kind}" for kind in ("session", "cart", "messages")} <= visitor.cookies.names
    assert {name.split("-")[0] for name in visitor.cookies.names} == {f"p{ours.port}", f"p{theirs.port}"}


def ports_of(shop: LocalShop) -> list[str]:
    return [
        shop.variables[name].removesuffix("/0").rpartition(":")[2]
        for name in ("AWS_ENDPOINT_URL", "REDIS_URL")
    ]


def test_debug_shows_djangos_pages_and_without_it_the_shop_shows_its_own(ours, theirs):
    djangos = Visitor().get(f"{theirs.origin}/no-such-page/")
    assert "DEBUG = True" in djangos
    own = Visitor().get(f"{ours.origin}/no-such-page/")
    assert "Not on any shelf" in own
    assert "DEBUG" not in own


def test_ctrl_c_at_a_terminal_ends_every_process_and_reset_removes_the_shop(ours, theirs):
    theirs.press(b"\x03")
    theirs.ended()
    assert "The shop is closed." in theirs.said
    assert theirs.processes_left() == {}
    assert theirs.folder.exists()
    for _ in range(2):  # the second time there is nothing to do
        reset = theirs.command("make", "reset")
        assert reset.returncode == 0, reset.stderr
        assert "The local shop is removed" in reset.stdout
        assert not theirs.folder.exists()
    assert ours.is_running


def test_stopped_and_started_again_without_an_input_it_has_what_it_had(ours, life):
    bought = ours.ask(BUY)
    assert 1 <= len(bought["ranked"]) <= 20
    before = ours.variables
    assert ours.stop() == 0
    assert ours.processes_left() == {}

    ours.open("sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "bookstore.devstack", "run")
    life.note_later_start(ours)
    assert ours.variables == before
    assert ours.ask(KEPT) == {
        "cart": ["bk-1001"],
        "books": 1,
        "ranked": bought["ranked"],
        "orders": [bought["order"]],
        "accounts": [f"new-{bought['order']}@example.com"],
    }
    assert finds_pride_and_prejudice(ours)
    assert "properly" not in ours.said


def test_killed_it_leaves_no_process_and_loses_nothing(ours, life):
    before = ours.ask(KEPT)
    ours.process.kill()
    ours.ended()
    assert ours.processes_left() == {}
    ours.open()
    life.note_later_start(ours)
    assert "nothing that was counted then is missing" in ours.said
    assert ours.ask(KEPT) == before


def test_after_a_crash_it_says_what_was_lost(ours, life):
    journal = ours.folder / "unsaved.json"
    orders = json.loads(journal.read_text())["counts"]["order"]
    ours.ask(BUY)
    wait_until(lambda: json.loads(journal.read_text())["counts"]["order"] > orders)
    (aws,) = [pid for pid, command in ours.processes().items() if "ministack" in command]
    os.kill(aws, signal.SIGKILL)
    assert ours.ended() == 1
    assert "The local AWS ended by itself" in ours.said
    assert ours.processes_left() == {}

    ours.open(terminal=True)
    life.note_later_start(ours)
    assert "was not stopped properly" in ours.said
    assert "Lost: 1 order" in ours.said
    assert finds_pride_and_prejudice(ours)


def test_robbed_of_its_terminal_it_closes_as_if_told_to(ours):
    ours.hang_up()
    assert ours.process.wait(60) == 0
    assert ours.processes_left() == {}


def test_a_later_start_takes_ten_seconds(life, capsys):
    with capsys.disabled():
        for seconds, crowd in life.later_starts:
            sys.stdout.write(f"\nA later start took {seconds:.1f} s, {crowd:.1f} programs to a core.")
    # The best of them, and as much longer as other programs wanted the machine too.
    assert min(seconds / max(1, crowd) for seconds, crowd in life.later_starts) <= LATER_START_SECONDS
