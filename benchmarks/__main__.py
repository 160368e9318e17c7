"""Measure the shop on the embedded stores: `make bench` prints a report and keeps it in `results.md`.

Pages are asked of Django itself, in this process, so that "CPU" is the shop's own work and
"wall" adds what the stores on the same machine take. Compare within one run: the absolute
times say as much about the machine. A figure that is missed is named at the end, and the
exit code is 1.
"""

import csv
import importlib.metadata
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command
from django.test import Client

from benchmarks import cold_start
from benchmarks.report import Report
from benchmarks.stores import Stores, running_stores
from bookstore.devstack.stores import free_port
from cart import services as carts
from catalog import search, selectors
from catalog import services as catalogue
from infra import package
from infra.errors import DeploymentError
from leaderboard import selectors as leaderboard
from orders import reserving
from orders import services as orders
from orders.ids import draw_order_id
from orders.payments.base import Payment, PaymentState
from tests.factories import ADDRESS
from tests.wire import Wire

SAMPLE = 296  # books
BOOKS = 20_000  # more
ROUNDS = 40
SALES = 5
KILOBYTE = 1024
ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.md"


@dataclass
class Row:
    """One page's cost with a catalogue of some size: medians of `ROUNDS` requests."""

    page: str
    books: int
    calls: int
    kilobytes: float
    cpu_ms: float
    wall_ms: float


def measure(page: str, books: int, ask: Callable[[], bytes], wire: Wire) -> Row:
    """Ask for a page until it is warm, then `ROUNDS` times more."""
    for _ in range(3):
        body = ask()
    with wire.count() as calls:
        ask()
    cpu, wall = [], []
    for _ in range(ROUNDS):
        wall_from, cpu_from = time.perf_counter(), time.thread_time()
        body = ask()
        cpu.append((time.thread_time() - cpu_from) * 1000)
        wall.append((time.perf_counter() - wall_from) * 1000)
    return Row(
        page, books, calls.total, len(body) / KILOBYTE, statistics.median(cpu), statistics.median(wall)
    )


def pages(books: int, category: str, book_id: str, term: str, wire: Wire) -> list[Row]:
    """Measure the pages whose cost must not grow with the catalogue."""
    client = Client(headers={"sec-fetch-site": "same-origin"})

    def get(path: str) -> Callable[[], bytes]:
        def ask() -> bytes:
            response = client.get(path, follow=True)
            if response.status_code != 200:
                raise SystemExit(f"{path} answered {response.status_code}")
            return response.content

        return ask

    book = selectors.get_book(book_id)
    wire.dynamodb.requests.clear()  # what 20,000 imports asked is of no use here
    return [
        measure("home", books, get("/"), wire),
        measure("category", books, get(f"/categories/{category}/"), wire),
        measure("category by price", books, get(f"/categories/{category}/?sort=price"), wire),
        measure("book", books, get(book.get_absolute_url()), wire),
        measure("search", books, get(f"/search/?q={term}"), wire),
        measure("suggestions", books, get(f"/search/suggest/?q={term[:4]}"), wire),
        measure("bestsellers", books, get("/bestsellers/"), wire),
    ]


def generated_books(folder: Path) -> Path:
    """Write `BOOKS` made-up rows in the shape of a library's list."""
    path = folder / "books.csv"
    nouns = [
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
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "title", "authors", "shelves", "subjects"])
        for number in range(BOOKS):
            noun, other = nouns[number % 10], nouns[number // 10 % 10]
            author = f"Writer{number % 4000}, Anna (1801-1870)"
            rows.writerow(
                [
                    number + 1,
                    f"The {noun} and the {other}, volume {number}",
                    author,
                    f"Shelf {number % 68}",
                    noun,
                ]
            )
    return path


def import_generated(report: Report, running: Stores) -> None:
    """Import `BOOKS` books as a person does and note how long it takes and how much memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["import_books", str(generated_books(Path(folder))), "--mapping", "gutenberg"]
        started = time.perf_counter()
        importing = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            env=running.environment,
        )
        _, importing.returncode, used = os.wait4(importing.pid, 0)  # tells the memory of this child alone
    report.check(importing.returncode == 0, "The import refused a book.")
    report.add(f"import of {BOOKS:,} books", time.perf_counter() - started, "s", at_most=180)
    report.add("memory of that import", used.ru_maxrss / KILOBYTE, "MB", at_most=300)


def compare(rows: list[Row], report: Report) -> None:
    """Hold the pages against what was promised of them."""
    by_page: dict[str, dict[int, Row]] = {}
    for row in rows:
        by_page.setdefault(row.page, {})[row.books] = row
        at_most = 35 if row.page.startswith("category") else 60
        report.add(f"HTML of {row.page}, {row.books:,} books", row.kilobytes, "KB", at_most=at_most)
    for page, sizes in by_page.items():
        calls = [row.calls for row in sizes.values()]
        report.check(len(set(calls)) == 1, f"{page}: {calls} store calls as the catalogue grows")


def time_streams(report: Report, running: Stores) -> None:
    """Note the longest ways from a paid order to the bestsellers, and from an edited book to search."""
    with tempfile.TemporaryDirectory() as folder:
        positions = ["--positions", str(Path(folder) / "positions.json")]
        pumping = subprocess.Popen(
            [sys.executable, "manage.py", "pump_streams", *positions],
            cwd=ROOT,
            env=running.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _edit("Begun", seconds=120)  # it has started, and is through with what the loading left
            report.add(
                "edited book → search", max(_edit(f"Edition {n}") for n in range(SALES)), "s", at_most=2
            )
            report.add("paid order → bestsellers", max(_sell(n) for n in range(SALES)), "s", at_most=2)
        finally:
            pumping.terminate()
            pumping.wait()


def _edit(title: str, *, seconds: float = 20) -> float:
    word = f"{title} {time.time_ns()}"
    book = selectors.get_book("bk-1003")
    catalogue.revise_book(book_id=book.id, version=int(book.version), at=datetime.now(UTC), name=word)
    return _until(lambda: book.id in search.find(search.SearchQuery(text=word)).ids, seconds=seconds)


def _sell(number: int) -> float:
    customer, at, book = f"c-bench-{number}", datetime.now(UTC), selectors.get_book("bk-1002")

    def copies() -> int:
        return sum(
            each.copies for each in leaderboard.bestsellers(today=at.date()) or () if each.book.id == book.id
        )

    before = copies()
    carts.add_to_cart(owner=customer, book_id=book.id, quantity=1, seen_price=None, at=at, guest=False)
    order = reserving.reserve(
        customer_id=customer,
        email="reader@example.com",
        order_id=draw_order_id(at=at),
        agreed_total=book.price,
        address=ADDRESS,
        at=at,
    )
    payment = Payment(order.order_id, customer, PaymentState.PAID, order.total, order.currency, "bench")
    orders.confirm(customer_id=customer, order_id=order.order_id, payment=payment, at=at)
    return _until(lambda: copies() > before)


def _until(holds: Callable[[], bool], *, seconds: float = 20) -> float:
    started = time.perf_counter()
    while not holds():
        if time.perf_counter() > started + seconds:
            raise SystemExit(f"{seconds:.0f} s were not enough for what should take two.")
        time.sleep(0.01)
    return time.perf_counter() - started


def time_starts(report: Report) -> None:
    """Note how long the shop takes to open for the first time, and again."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
        environment = {**kept, "DEVSTACK_FOLDER": f"{folder}/shop", "PORT": str(free_port())}
        for which, at_most in (("first", 120), ("second", 10)):
            started = time.perf_counter()
            shop = subprocess.Popen(
                [sys.executable, "-m", "bookstore.devstack", "run"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            with shop:
                lines = iter(shop.stdout or ())
                opened = any("to stop" in line for line in lines)
                report.add(f"{which} start of a shop", time.perf_counter() - started, "s", at_most=at_most)
                report.check(opened, f"The {which} start of a shop failed.")
                shop.terminate()
                for _ in lines:  # it says what it stops
                    pass


def time_cold_start(report: Report, running: Stores) -> None:
    """Note how long a new web function takes until its first page, and what it takes once warm."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            built = package.build(stage="dev", folder=Path(folder))
        except DeploymentError as error:
            report.check(False, f"No cold start was measured: {error}")
            return
        start = cold_start.measure(built.path, environment=running.environment)
    print(start.row())
    name = "cold start of the web function"
    report.add(name, start.total_ms, "ms", at_most=cold_start.MOST_MILLISECONDS)
    report.add(f"{name}: memory", start.megabytes, "MB", at_most=cold_start.MOST_MEGABYTES)
    report.add(
        "home page from a warm web function", start.warm_ms, "ms", at_most=cold_start.MOST_WARM_MILLISECONDS
    )


def time_unit_tests(report: Report) -> None:
    """Note how long the unit tests take."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/unit"]
    passed = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode == 0
    report.add("unit tests", time.perf_counter() - started, "s", at_most=20)
    report.check(passed, "The unit tests did not pass.")


def written(rows: list[Row], report: Report, *, load: float) -> str:
    """Write the report as a page of Markdown."""
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in ("Django", "pynamodb", "opensearch-py")
    ]
    machine = (
        f"By `make bench` on {datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores ({platform.machine()}), "
        f"load {load:.1f} before the run (a quiet machine has less than 1), "
        f"Python {platform.python_version()}, {', '.join(versions)}, on the embedded stores."
    )
    lines = [
        "# What was measured last",
        "",
        machine,
        "",
        "| page | books | store calls | KB of HTML | CPU ms | wall ms |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.page} | {row.books:,} | {row.calls} | {row.kilobytes:.1f} | {row.cpu_ms:.1f} | {row.wall_ms:.1f} |"
        for row in sorted(rows, key=lambda each: (each.page, each.books))
    ]
    lines += ["", *report.lines()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Start the stores, measure with the sample, import, measure again, and report."""
    report, load = Report(), os.getloadavg()[0]
    logging.disable(logging.INFO)  # a line for each of hundreds of pages
    with running_stores() as running:
        call_command("load_sample", verbosity=0)
        call_command("rebuild_search", verbosity=0)
        time_streams(report, running)
        time_cold_start(report, running)
        rows = pages(SAMPLE, "classic-fiction", "bk-1001", "pride", running.wire)
        import_generated(report, running)
        call_command("rebuild_search", verbosity=0)
        selectors.forget_categories()  # another process added some
        rows += pages(SAMPLE + BOOKS, "shelf-3", "bk-1001", "winter", running.wire)
        compare(rows, report)
    time_starts(report)
    time_unit_tests(report)

    page = written(rows, report, load=load)
    RESULTS.write_text(page, encoding="utf-8")
    print(page)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
