"""Measure the shop on the embedded stores and print one table: `make bench`.

Pages are asked of Django itself, in this process, so that "CPU" is the shop's own work and
"wall" adds what the stores on the same machine take. Compare within one run: the absolute
times say as much about the machine.
"""

import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import settings as ports

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from bookstore import aws
from bookstore.devstack import stores
from bookstore.dynamodb.tables import all_tables
from catalog import search, selectors
from tests.wire import Proxy, Wire

BOOKS = 20_000
ROUNDS = 40
ROOT = Path(__file__).resolve().parent.parent


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
    return Row(page, books, calls.total, len(body) / 1000, statistics.median(cpu), statistics.median(wall))


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


def main() -> None:
    """Start the stores, measure with the sample, import, measure again, print."""
    search_port, redis_port = stores.free_port(), stores.free_port()
    running = [
        stores.start_aws(port=ports.AWS_PORT),
        stores.start_search(port=search_port),
        stores.start_redis(port=redis_port),
    ]
    try:
        wire = Wire(
            Proxy(ports.DYNAMODB_PORT, ports.AWS_PORT),
            Proxy(ports.SEARCH_PORT, search_port),
            Proxy(ports.REDIS_PORT, redis_port),
        )
        for proxy in (wire.dynamodb, wire.opensearch, wire.redis):
            proxy.start()
        for table in all_tables():
            table.create_table()
        aws.s3().create_bucket(
            Bucket=settings.COVERS_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": settings.AWS_REGION},  # type: ignore[typeddict-item]
        )
        aws.sqs().create_queue(QueueName=settings.DEAD_LETTER_QUEUE_URL.rpartition("/")[2])
        search.create_index()
        call_command("load_sample", verbosity=0)
        call_command("rebuild_search", verbosity=0)
        rows = pages(296, "classic-fiction", "bk-1001", "winter", wire)

        with tempfile.TemporaryDirectory() as folder:
            # A process of its own, straight to the stores and not through this process's proxies.
            alone = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "bookstore.settings",
                "AWS_ENDPOINT_URL_DYNAMODB": settings.AWS_ENDPOINT_URL,
            }
            command = [sys.executable, "manage.py", "import_books", str(generated_books(Path(folder)))]
            started = time.perf_counter()
            subprocess.run(
                [*command, "--mapping", "gutenberg"],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
                env=alone,
            )
            import_seconds = time.perf_counter() - started
            import_megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        started = time.perf_counter()
        call_command("rebuild_search", verbosity=0)
        rebuild_seconds = time.perf_counter() - started
        rows += pages(BOOKS + 296, "classic-fiction", "bk-1001", "winter", wire)
    finally:
        for store in running:
            store.stop()

    print("| page | books | store calls | KB | CPU ms | wall ms |")
    print("|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda each: (each.page, each.books)):
        print(
            f"| {row.page} | {row.books:,} | {row.calls} | {row.kilobytes:.1f} | {row.cpu_ms:.1f} | {row.wall_ms:.1f} |"
        )
    print()
    print(f"Importing {BOOKS:,} books: {import_seconds:.0f} s, {import_megabytes:.0f} MB at the most.")
    print(f"Rebuilding the index of {BOOKS + 296:,} books: {rebuild_seconds:.0f} s.")


if __name__ == "__main__":
    main()
