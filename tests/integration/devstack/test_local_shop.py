"""`make run`: opens, keeps what it has, says what it lost, and leaves nothing behind."""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

ADD_TO_CART = """
from datetime import datetime, UTC
from cart.services import add_to_cart
add_to_cart(owner="kept-customer", book_id="bk-1001", quantity=1, seen_price=None, at=datetime.now(UTC), guest=False)
answer = True
"""
IN_CART = """
from datetime import datetime, UTC
from cart.selectors import cart_of
answer = [line.book_id for line in cart_of("kept-customer", at=datetime.now(UTC)).lines]
"""
ORDER = """
from datetime import datetime, UTC
from cart.selectors import cart_of
from orders.ids import draw_order_id
from orders.services import reserve
from orders.management.commands.load_sample_orders import ADDRESS
now = datetime.now(UTC)
order = reserve(customer_id="kept-customer", email="", order_id=draw_order_id(at=now),
                agreed_total=cart_of("kept-customer", at=now).subtotal, address=ADDRESS, at=now)
answer = order.order_id
"""
ORDERS = """
from orders.selectors import orders_of
answer = [order.order_id for order in orders_of("kept-customer").items]
"""
OPEN_ACCOUNT = """
from django.conf import settings
from bookstore import aws
aws.cognito().admin_create_user(UserPoolId=settings.COGNITO_USER_POOL_ID, Username="new@example.com", MessageAction="SUPPRESS")
answer = True
"""
HAS_ACCOUNT = """
from django.conf import settings
from bookstore import aws
answer = len(aws.cognito().list_users(UserPoolId=settings.COGNITO_USER_POOL_ID, Filter='email = "new@example.com"')["Users"])
"""
PLACED_TITLES = """
from datetime import datetime, UTC
from leaderboard.selectors import bestsellers
answer = [ranked.copies for ranked in bestsellers("all", today=datetime.now(UTC).date())]
"""


def fetch(shop, path: str) -> str:
    with urllib.request.urlopen(f"http://localhost:{shop.port}{path}", timeout=10) as answer:
        return answer.read().decode()


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
            (
                _,
                address,
                _,
                state,
                *_,
            ) = (columns := line.split())
            if state == is_listening and f"socket:[{columns[9]}]" in sockets:
                found.add(address.partition(":")[0])
    return found


def test_a_shop_opens_and_its_second_start_keeps_what_it_had(folder, open_shop, tmp_path):
    shop = open_shop(folder)
    for told in (f"http://localhost:{shop.port}/", "reader@example.com", "staff@example.com", "Bookstore-1!"):
        assert told in shop.said
    assert "/books/bk-1001/" in fetch(shop, "/search/?q=pride+and+prejudice")
    assert 1 <= len(shop.ask(PLACED_TITLES)) <= 15
    assert stat.S_IMODE((folder / "env").stat().st_mode) == 0o600
    processes = shop.processes()
    assert len(processes) == 10
    assert listening_addresses(processes) == {"0100007F"}, "127.0.0.1 and nothing else"
    refuses_a_second_shop(shop, open_shop, tmp_path)

    shop.ask(ADD_TO_CART)
    order = shop.ask(ORDER)
    shop.ask(OPEN_ACCOUNT)
    before = shop.variables
    assert shop.stop() == 0
    assert shop.processes_left() == {}

    again = open_shop(folder, port=shop.port)
    assert again.ask(IN_CART) == ["bk-1001"]
    assert again.ask(ORDERS) == [order]
    assert again.ask(HAS_ACCOUNT) == 1
    assert "/books/bk-1001/" in fetch(again, "/search/?q=pride+and+prejudice")
    assert again.variables == before
    assert "properly" not in again.said
    assert again.stop() == 0


def refuses_a_second_shop(shop, open_shop, tmp_path):
    """One folder has one shop, one port one program; each refusal is a sentence."""
    same_folder = open_shop(shop.folder, port=shop.port, wait=False)
    assert same_folder.wait_until_closed() == 1
    assert f"already running at http://localhost:{shop.port} " in same_folder.said
    same_port = open_shop(tmp_path / "other", port=shop.port, wait=False)
    assert same_port.wait_until_closed() == 1
    assert f"Port {shop.port} is taken" in same_port.said
    for refused in (same_folder, same_port):
        assert len(refused.lines) == 1
    reset = subprocess.run(
        [sys.executable, "-m", "bookstore.devstack", "reset"],
        env={**os.environ, "DEVSTACK_FOLDER": str(shop.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert reset.returncode == 1
    assert "already running" in reset.stderr
    assert (shop.folder / "env").exists()


def test_killed_or_robbed_of_its_terminal_it_leaves_no_process_and_loses_nothing(folder, open_shop):
    shop = open_shop(folder)
    shop.ask(ADD_TO_CART)
    shop.process.kill()
    shop.wait_until_closed()
    assert shop.processes_left(seconds=40) == {}

    ours, its = pty.openpty()
    again = open_shop(folder, terminal=its)
    os.close(its)
    said = b""
    while b"to stop" not in said:
        said += os.read(ours, 4096)
    assert b"nothing that was counted then is missing" in said
    assert "bk-1001" in again.ask(IN_CART)
    os.close(ours)
    assert again.process.wait(60) == 0
    assert again.processes_left() == {}


def test_after_a_crash_it_says_what_was_lost(folder, open_shop):
    shop = open_shop(folder)
    shop.ask(ADD_TO_CART)
    journal = folder / "unsaved.json"
    orders = json.loads(journal.read_text())["counts"]["order"]
    shop.ask(ORDER)
    deadline = time.monotonic() + 30
    while json.loads(journal.read_text())["counts"]["order"] == orders:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (aws,) = [pid for pid, command in shop.processes().items() if "ministack" in command]
    os.kill(aws, signal.SIGKILL)
    assert shop.wait_until_closed() == 1
    assert "The local AWS ended by itself" in shop.said
    assert shop.processes_left() == {}

    again = open_shop(folder)
    assert "was not stopped properly" in again.said
    assert "Lost: 1 order" in again.said
    assert "/books/bk-1001/" in fetch(again, "/search/?q=pride+and+prejudice")
    assert again.stop() == 0
