"""Measure the admin with 300,000 books and 200,000 orders: `make bench-staff` keeps the report in `staff.md`.

Books and orders are made up and written straight into DynamoDB Local, which has real indexes; Redis and the
search engine are the embedded ones and nearly empty, since no list comes out of them: one that walks through
months or years asks the search engine where its oldest row stands, and no more. Every list that is registered is
asked for as it opens, by each of its filters, in each order, and some pages deep. Wall time is Django's in this
process and DynamoDB Local's on the same two cores.
"""

import html
import itertools
import logging
import os
import random
import re
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from botocore.config import Config
from django.conf import settings
from django.test import Client
from django.utils.timezone import localtime

from benchmarks.report import Report
from benchmarks.stores import running_stores
from bookstore import aws
from bookstore.accounts.services import session_for
from bookstore.devstack.stores import LOOPBACK
from bookstore.dynamodb.attributes import instant_text
from cart import services as carts
from catalog import categories, keys
from catalog import services as catalogue
from catalog.derived import standing_of
from catalog.drafts import check_facts
from catalog.models import LOW_STOCK, Book, availability_of
from orders import reserving
from orders import services as orders
from orders.ids import draw_order_id, number_of
from orders.models import Order
from orders.payments.base import Payment, PaymentState
from orders.queues import queue_key
from orders.states import Status
from tests import settings as ports
from tests.engines import stores as engines
from tests.factories import ADDRESS
from tests.wire import Wire

BOOKS, SOLD = 300_000, 200_000
CATEGORIES = 40
DAYS = 3 * 365  # over which books came in, and orders
ROUNDS = 9
DEEP = 12  # pages
MOST_REQUESTS, MOST_MILLISECONDS = 3, 120
MOST_REQUESTS_OF_THE_FRONT_PAGE = 5
ITEMS_A_WRITE = 25  # BatchWriteItem's own limit
WRITERS = 4
RESULTS = Path(__file__).with_name("staff.md")

type Item = dict[str, dict[str, Any]]


@dataclass
class Row:
    """What one page of the admin costs: the most requests of all rounds, and the median of their time."""

    page: str
    requests: int
    milliseconds: float
    kilobytes: float


# --- Half a million items ----------------------------------------------------------------------------------


def books(now: datetime) -> Iterator[Item]:
    """Make books up: one by the catalogue's own hand, the others like it but for what lists are made of."""
    facts = check_facts(name="A Book", authors=("Jane Austen",), category="shelf-0", price="7.99")
    model = catalogue.new_book(book_id="b-0", facts=facts, stock=9, added_at=now, at=now).serialize()
    draw = random.Random(1)  # noqa: S311 - no secret
    for number in range(BOOKS):
        book_id, name = (
            f"b-{number}",
            f"The {draw.choice(_NOUNS)} and the {draw.choice(_NOUNS)}, volume {number}",
        )
        added = now - timedelta(days=draw.random() * DAYS)
        price, rating = Decimal(draw.randrange(300, 4000)) / 100, Decimal(draw.randrange(200, 500)) / 100
        shelf = f"shelf-{draw.randrange(CATEGORIES)}"
        # Some pages of what is sold out, and of what runs low.
        stock = {0: 0, 1: LOW_STOCK}.get(number % 300, 9)
        item = model | {
            "id": {"S": book_id},
            "name": {"S": name},
            "category": {"S": shelf},
            "listing": {"S": shelf},
            "price": {"N": str(price)},
            "rating": {"N": str(rating)},
            "stock": {"N": str(stock)},
            "availability": {"S": availability_of(stock)},
            "arrivalYear": {"S": f"{added.year:04d}"},
            "titleKey": {"S": keys.title_key(name, language=None, book_id=book_id)},
            "priceKey": {"S": keys.price_key(price, book_id=book_id)},
            "ratingKey": {"S": keys.rating_key(rating, book_id=book_id)},
            "addedKey": {"S": keys.added_key(added, book_id=book_id)},
            "addedAt": {"S": instant_text(added)},
        }
        if standing := standing_of(availability_of(stock), is_sold=True):
            item["standing"] = {"S": standing}
        yield item


_NOUNS = [
    "garden",
    "river",
    "winter",
    "engine",
    "letter",
    "island",
    "mirror",
    "harbour",
    "orchard",
    "lantern",
]


def sold(now: datetime) -> Iterator[Item]:
    """Make orders up after one that was really placed: most of them delivered, some hundreds still open."""
    model = _one_real_order(now)
    draw = random.Random(2)  # noqa: S311 - the same
    for number in range(SOLD):
        at = now - timedelta(days=draw.random() * DAYS)
        status = Status.DELIVERED
        if now - at < timedelta(days=5):
            status = draw.choice((Status.PLACED, Status.PACKED, Status.SHIPPED, Status.DELIVERED))
        order_id = draw_order_id(at=at)
        item = model | {
            "customerId": {"S": f"c-{number % 60_000}"},
            "orderId": {"S": order_id},
            "number": {"S": number_of(order_id)},
            "orderDate": {"S": instant_text(at)},
            "month": {"S": localtime(at).strftime("%Y-%m")},
            "status": {"S": str(status)},
            "queue": {"S": queue_key(str(status), order_id)},
        }
        if status is Status.DELIVERED:
            del item["queue"]
        yield item


def _one_real_order(now: datetime) -> Item:
    book = catalogue.add_book(
        book_id="b-sold", name="Sold", category="shelf-0", price="7.99", stock=9, at=now
    )
    carts.add_to_cart(owner="c-0", book_id=book.id, quantity=2, seen_price=None, at=now, guest=False)
    order = reserving.reserve(
        customer_id="c-0",
        email="reader@example.com",
        order_id=draw_order_id(at=now),
        agreed_total=2 * book.price,
        address=ADDRESS,
        at=now,
    )
    payment = Payment(order.order_id, "c-0", PaymentState.PAID, order.total, order.currency, "bench")
    item: Item = orders.confirm(
        customer_id="c-0", order_id=order.order_id, payment=payment, at=now
    ).serialize()
    return item


def store(table: str, items: Iterator[Item]) -> float:
    """Write items past the shop, which would take an hour; return the seconds it took.

    The table's stream is off from now on: nobody reads it here, and DynamoDB Local looks through all
    of it at each write.
    """
    client = aws.session().client(
        "dynamodb",
        endpoint_url=f"http://{LOOPBACK}:{ports.DYNAMODB_STORE_PORT}",
        config=Config(read_timeout=60, max_pool_connections=WRITERS),
    )
    client.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})

    def write(batch: tuple[Item, ...]) -> None:
        asked: Any = {table: [{"PutRequest": {"Item": item}} for item in batch]}
        while asked:
            asked = client.batch_write_item(RequestItems=asked)["UnprocessedItems"]

    started = time.perf_counter()
    told = started
    with ThreadPoolExecutor(WRITERS) as pool:
        batches = itertools.batched(items, ITEMS_A_WRITE)
        # A few at a time: `map` would make all items before the first is written.
        for number, some in enumerate(itertools.batched(batches, 10 * WRITERS), start=1):
            list(pool.map(write, some))
            if time.perf_counter() - told > 10:
                told = time.perf_counter()
                print(f"{table}: {number * 10 * WRITERS * ITEMS_A_WRITE:,} written …", flush=True)
    return time.perf_counter() - started


# --- Pages -------------------------------------------------------------------------------------------------


class Clerk:
    """An owner's browser. What Cognito says of staff is good for a minute, so it signs in for each page."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.client = Client(headers={"sec-fetch-site": "same-origin"})

    def get(self, path: str) -> str:
        """Return a page; end the benchmark where there is none."""
        response = self.client.get(path)
        if response.status_code != 200:
            raise SystemExit(f"{path} answered {response.status_code}")
        return response.content.decode()

    def measure(self, name: str, path: str) -> Row:
        """Ask for a page until it is warm, then `ROUNDS` times more."""
        self.client.cookies[settings.SESSION_COOKIE_NAME] = session_for(
            customer_id="c-owner", email="owner@example.com", groups=("staff", "owner"), at=datetime.now(UTC)
        )
        page = self.get(path)
        taken, asked = [], 0
        for _ in range(ROUNDS):
            with self.wire.count() as calls:
                started = time.perf_counter()
                page = self.get(path)
                taken.append((time.perf_counter() - started) * 1000)
            asked = max(asked, calls.dynamodb)
        return Row(name, asked, statistics.median(taken), len(page) / 1024)


def lists(clerk: Clerk) -> Iterator[Row]:
    """Measure every list of the admin: as it opens, by filter, by order, and deep within."""
    from django.contrib.admin import site  # noqa: PLC0415 - the shop does not load it before it is asked for

    clerk.measure("front page", settings.ADMIN_PATH)
    for model in site._registry:  # noqa: SLF001 - the admin has no other list of its models
        meta = model._meta  # noqa: SLF001 - Django's documented way to tell of a model
        name = str(meta.verbose_name_plural)
        path = f"{settings.ADMIN_PATH}{meta.app_label}/{meta.model_name}/"
        yield clerk.measure(name, path)
        ways = list(_few_of_each(_ways(clerk, path)))
        orders_of = (_few_of_each(_ways(clerk, path, way, only="o=")) for way in ways)
        for way in dict.fromkeys([*ways, *itertools.chain.from_iterable(orders_of)]):
            yield clerk.measure(f"{name}, {unquote_plus(way)}", f"{path}{way}")
        yield from _deep(clerk, name, path)


def _ways(clerk: Clerk, path: str, way: str = "", *, only: str = "") -> set[str]:
    """Return where a list leads on the same path: filters, queues and orders, but neither pages nor errors."""
    page = clerk.get(path + way)
    links = re.findall(rf'<a [^>]*?href="(?:{re.escape(path)})?(\?[^"]+)"', page)
    found = {html.unescape(link) for link in links}
    return {each for each in found if only in each and not re.search(r"[?&](p|e)=", each)}


def _few_of_each(ways: set[str]) -> Iterator[str]:
    """Six choices of each filter are as good as forty; there are six queues."""
    for _, alike in itertools.groupby(sorted(ways), key=lambda way: re.sub(r"=[^&]*", "", way)):
        yield from itertools.islice(alike, 6)


def _deep(clerk: Clerk, name: str, path: str) -> Iterator[Row]:
    here = path
    for number in range(2, DEEP + 1):
        following = re.search(
            r'<a[^>]*rel="next"[^>]*href="(\?[^"]+)"|<a[^>]*href="(\?[^"]+)"[^>]*rel="next"', clerk.get(here)
        )
        if not following:
            return
        here = path + html.unescape(following[1] or following[2])
        if number in (2, DEEP):
            yield clerk.measure(f"{name}, page {number}", here)


def megabytes_of(pid: int) -> float:
    """Return the memory that a process has at this moment."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def written(rows: list[Row], report: Report, *, load: float) -> str:
    """Write the report as a page of Markdown."""
    return "\n".join(
        [
            "# What the admin's pages cost",
            "",
            (
                f"By `make bench-staff` on {datetime.now(UTC):%d %B %Y}: {BOOKS:,} books and {SOLD:,} orders in DynamoDB"
                f" Local {engines.DYNAMODB}, {os.cpu_count()} cores, load {load:.1f} before the run (a quiet machine has"
                f" less than 1). Requests are those to DynamoDB, the session's own included."
            ),
            "",
            "| page | requests | wall ms | KB of HTML |",
            "|---|--:|--:|--:|",
            *(
                f"| {row.page.replace('|', '¦')} | {row.requests} | {row.milliseconds:.0f} | {row.kilobytes:.0f} |"
                for row in rows
            ),
            "",
            *report.lines(),
            "",
        ]
    )


def main() -> int:
    """Fill the stores, measure every list, and report."""
    report, load, now = Report(), os.getloadavg()[0], datetime.now(UTC)
    logging.disable(logging.WARNING)
    if not ports.REAL_ENGINES:
        raise SystemExit("This wants TEST_STORES=real, as `make bench-staff` has it.")
    if lacks := engines.missing():
        raise SystemExit(f"This needs {' and '.join(lacks)}.")
    engines.install()
    with running_stores() as running:
        for number in range(CATEGORIES):
            categories.save_category(slug=f"shelf-{number}", name=f"Shelf {number}")
        took = store(Book.Meta.table_name, books(now)) + store(Order.Meta.table_name, sold(now))
        print(f"{BOOKS:,} books and {SOLD:,} orders were written in {took:.0f} s.", flush=True)
        clerk = Clerk(running.wire)
        rows = list(lists(clerk))
        front = clerk.measure("front page", settings.ADMIN_PATH)
        memory = megabytes_of(running.dynamodb.process.pid)
    most = max(rows, key=lambda row: row.requests)
    slowest = max(rows, key=lambda row: row.milliseconds)
    report.add(f"requests of a list ({most.page})", most.requests, "requests", at_most=MOST_REQUESTS)
    report.add(f"slowest list ({slowest.page})", slowest.milliseconds, "ms", at_most=MOST_MILLISECONDS)
    report.add(
        "requests of the front page", front.requests, "requests", at_most=MOST_REQUESTS_OF_THE_FRONT_PAGE
    )
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    page = written([front, *rows], report, load=load)
    page += f"\nMemory: {own:.0f} MB at most in this process, {memory:.0f} MB in DynamoDB Local, which keeps all of it there.\n"
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
