import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pynamodb.exceptions import TransactWriteError

from bookstore import aws
from catalog import categories, csv_import, importing, loading, selectors, services
from catalog.drafts import check_facts
from catalog.loading import Draft, load_books
from catalog.models import Book, Category, Contribution, Unique
from tests.factories import book

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
SHELVES = ("Novels", "Poetry", "How To ...", "Essays, Letters & Speeches")


def row(number, **cells):
    known = {
        "id": number,
        "title": f"Book {number}",
        "authors": f"Author{number % 50}, Ada (1800-1850)",
        "shelves": f"{SHELVES[number % 4]}; Another",
        "subjects": "",
    }
    return ",".join(f'"{value}"' for value in {**known, **cells}.values()) + "\n"


@pytest.fixture
def csv_of(tmp_path):
    def write(*rows, name="books.csv"):
        path = tmp_path / name
        path.write_text("id,title,authors,shelves,subjects\n" + "".join(rows))
        return path

    return write


def run(path, *, mapping="gutenberg", **options):
    """Return the exit code, what was said, and what was complained of."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("import_books", str(path), mapping=mapping, stdout=out, stderr=err, **options)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue(), err.getvalue()


def stored():
    return {book.id: book for book in Book.scan(consistent_read=True)}


def test_a_file_is_imported_with_its_categories_authors_and_counts(csv_of):
    code, out, err = run(csv_of(*(row(number) for number in range(250))))
    assert code == 0
    assert "250 rows: 250 books added, 0 already there, 0 refused." in out
    assert "importing: 250 of 250 books" in err
    assert len(stored()) == 250
    assert {each.name: each.count for each in selectors.categories()} == {
        "Novels": 63,
        "Poetry": 63,
        "How To ...": 62,
        "Essays, Letters & Speeches": 62,
    }
    assert len(selectors.author_page("ada-author7").books) == 5
    book = selectors.get_book("pg-7")
    assert (book.author, book.category, book.is_sold) == ("Ada Author7", "essays-letters-speeches", True)


def test_a_second_run_changes_nothing_and_does_not_even_write(csv_of, wire):
    path = csv_of(*(row(number) for number in range(250)))
    run(path)
    before, requests = stored(), len(wire.dynamodb.requests)
    code, out, _err = run(path)
    assert code == 0
    assert "0 books added, 250 already there" in out
    assert not WRITES & set(wire.dynamodb.requests[requests:])
    after = stored()
    assert {key: book.serialize() for key, book in after.items()} == {
        key: book.serialize() for key, book in before.items()
    }


def test_bad_rows_are_reported_by_line_and_the_others_are_loaded(csv_of):
    path = csv_of(row(1), row(2, title=""), row(3), row(4, id="no id"), "5,short\n", row(6))
    code, out, err = run(path)
    assert code == 1
    assert "6 rows: 3 books added, 0 already there, 3 refused." in out
    assert "line 3: name: A book needs a title." in err
    assert "line 5: book_id:" in err
    assert "line 6: There are 2 columns; the first line has 5." in err
    assert stored().keys() == {"pg-1", "pg-3", "pg-6"}


def test_bad_rows_are_refused_again_at_the_second_run(csv_of):
    path = csv_of(row(1), row(2, title=""))
    run(path)
    code, out, _err = run(path)
    assert code == 1
    assert "2 rows: 0 books added, 1 already there, 1 refused." in out


def test_an_id_that_comes_twice_is_refused_the_second_time(csv_of):
    rows = [row(number) for number in range(150)]
    code, _out, err = run(csv_of(row(7, title="First"), *rows))  # the other one is a batch away
    assert code == 1
    assert "line 10: Another book of this load has the number pg-7." in err
    assert stored()["pg-7"].name == "First"


def test_what_staff_made_of_a_book_outlives_another_import(csv_of, now):
    path = csv_of(row(1))
    run(path)
    services.revise_book(book_id="pg-1", version=1, name="A Better Title", at=now)
    run(path)
    assert stored()["pg-1"].name == "A Better Title"


def test_a_category_that_is_there_keeps_its_name_and_place(csv_of):
    categories.save_category(slug="novels", name="Our Novels", position=7)
    run(csv_of(row(0), row(1)))
    assert [(each.name, each.position) for each in selectors.categories()] == [
        ("Our Novels", 7),
        ("Poetry", 8),
    ]


def test_a_killed_import_is_whole_as_far_as_it_came_and_goes_on(csv_of, wire):
    path = csv_of(*(row(number) for number in range(1500)))
    before = len(wire.dynamodb.requests)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_books", str(path), "--mapping", "gutenberg"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "bookstore.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while wire.dynamodb.requests[before:].count("TransactWriteItems") < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = stored()
    assert 0 < len(half) < 1500
    contributed = {entry.book_id for entry in Contribution.scan(consistent_read=True)}
    assert contributed == half.keys()  # no book without its author, no author without the book
    code, out, _err = run(path)
    assert code == 0
    assert f"{1500 - len(half)} books added, {len(half)} already there" in out
    assert len(stored()) == 1500
    assert sum(each.count for each in selectors.categories()) == 1500


@pytest.mark.parametrize(
    ("file", "mapping", "encoding", "told"),
    [
        ("missing.csv", "gutenberg", "utf-8", "cannot be read: No such file"),
        ("books.csv", "nonsense", "utf-8", "There is no mapping 'nonsense'"),
        ("latin.csv", "gutenberg", "utf-8", "is not written in utf-8"),
        ("books.csv", "seed", "utf-8", "has no column author, category, name, price"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_and_nothing_is_loaded(
    csv_of, tmp_path, file, mapping, encoding, told
):
    csv_of(row(1))
    (tmp_path / "latin.csv").write_bytes(
        "id,title,authors,shelves,subjects\n1,Émile,,Novels,\n".encode("latin-1")
    )
    with pytest.raises(CommandError, match=told) as caught:
        call_command("import_books", str(tmp_path / file), mapping=mapping, encoding=encoding)
    assert "\n" not in str(caught.value)
    assert stored() == {}
    assert list(Category.scan()) == []


def test_a_store_that_is_away_is_one_sentence_that_says_how_to_go_on(csv_of, wire, monkeypatch):
    monkeypatch.setattr(loading.patience.time, "sleep", lambda _: None)
    path = csv_of(row(1))
    monkeypatch.setattr("catalog.importing.Shelves", _NoShelves)
    with wire.dynamodb.refuse(), pytest.raises(CommandError, match="goes on where it was"):
        run(path)


class _NoShelves:
    met: frozenset[str] = frozenset()

    def provide(self, slug, *, name):
        """Ask no store."""


def test_stopping_an_import_says_how_to_go_on(csv_of, monkeypatch):
    def stopped(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("catalog.importing.load_books", stopped)
    with pytest.raises(CommandError, match="Stopped") as caught:
        run(csv_of(row(1)))
    assert caught.value.returncode == 130


def test_the_shell_sees_exit_code_one_and_one_line_without_a_traceback(tmp_path):
    ended = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "import_books",
            str(tmp_path / "missing.csv"),
            "--mapping",
            "gutenberg",
        ],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "bookstore.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_the_predecessors_books_are_imported(tmp_path):
    path = Path(tmp_path / "seed.csv")
    path.write_text(
        "id,name,author,category,price,rating,cover\n"
        "uuid-1,Southern Cook Book,Gina Cook,Cookbooks,12.99,4,https://gone.example/1.png\n"
    )
    code, _out, _err = run(path, mapping="seed")
    assert code == 0
    book = selectors.get_book("uuid-1")
    assert (book.availability, float(book.rating), book.cover) == ("sold_out", 4.0, None)
    assert selectors.get_category("cookbooks").count == 1


# --- In pieces, and from S3 ---------------------------------------------------------------------------------


def imported(source, now, **how):
    """Return what an import came to, and each refused line."""
    told = []
    with csv_import.open_file(source, csv_import.read_mapping("gutenberg")) as file:
        done = importing.import_books(
            file, at=now, on_rows=lambda _: None, refuse=lambda line, _reason: told.append(line), **how
        )
    return done, told


def contents():
    """The books as they are stored, but for when."""
    return {key: (book.name, book.category, book.author) for key, book in stored().items()}


def test_in_pieces_a_file_comes_to_the_same_as_in_one_go(csv_of, now):
    rows = [row(number) for number in range(250)]
    rows[30] = row(30, title="")
    rows[130] = row(7, title="Another with the number of a book two pieces earlier")
    path = csv_of(*rows)
    whole, told = imported(path, now)
    expected, shelved = contents(), {each.slug: each.count for each in selectors.categories()}
    assert (whole.added, whole.refused) == (248, 2)
    for table in (Book, Category, Contribution):
        for item in table.scan():
            item.delete()
    selectors.forget_categories()

    done, retold = imported(path, now, until=lambda: True)
    pieces = 1
    while not done.finished:
        staff = book("Put in Between", book_id=f"pg-{300 + pieces}", category="novels")
        kept = importing.Imported(**json.loads(json.dumps(asdict(done))))
        done, more = imported(path, now, resume=kept, until=lambda: True)
        retold += more
        pieces += 1
        staff.delete()
        categories.recount_categories(["novels"])
    assert pieces == 4
    assert done == whole
    assert retold == told
    assert contents() == expected
    selectors.forget_categories()
    assert {each.slug: each.count for each in selectors.categories()} == shelved


def test_another_file_is_not_gone_on_with(csv_of, now):
    done, _told = imported(csv_of(*(row(number) for number in range(150))), now, until=lambda: True)
    with pytest.raises(csv_import.ImportFileError, match="has changed since"):
        imported(csv_of(row(1)), now, resume=done)


def test_a_file_in_a_bucket_is_imported(csv_of):
    aws.s3().upload_file(str(csv_of(row(1), row(2))), settings.COVERS_BUCKET, "imports/books.csv")
    code, out, _err = run(f"s3://{settings.COVERS_BUCKET}/imports/books.csv")
    assert (code, stored().keys()) == (0, {"pg-1", "pg-2"})
    assert "2 rows: 2 books added" in out


def test_a_file_that_is_in_no_bucket_is_one_sentence(csv_of):
    with pytest.raises(CommandError, match=r"^s3://nowhere/books.csv cannot be read: ") as caught:
        run("s3://nowhere/books.csv")
    assert "\n" not in str(caught.value)


# --- The loading path itself -------------------------------------------------------------------------------


def draft(number, **said):
    facts = check_facts(
        **{"name": f"Book {number}", "category": "fiction", "price": "7.99", "authors": ["A"], **said}
    )
    return Draft(reference=number, book_id=f"b-{number}", facts=facts, stock=3)


def results(drafts, now):
    return {(each.reference, each.result) for each in load_books(drafts, at=now)}


def test_a_hundred_books_are_a_handful_of_calls(now, wire):
    with wire.count() as calls:
        results([draft(number) for number in range(100)], now)
    assert calls.total == 5  # which are there; 33 books with an opening and a contribution each, four times


def test_two_books_of_one_isbn_in_one_load_are_one_book(now):
    found = results([draft(number, isbn13="9780141439587") for number in range(3)], now)
    assert found == {(0, "added"), (1, "refused"), (2, "refused")}
    assert {claim.book_id for claim in Unique.scan()} == {"b-0"}


def test_a_taken_isbn_refuses_its_book_and_no_other(now):
    results([draft(0, isbn13="9780141439587")], now)
    found = results(
        [draft(number, isbn13="9780141439587" if number == 5 else None) for number in range(1, 9)], now
    )
    assert found == {(number, "refused" if number == 5 else "added") for number in range(1, 9)}
    assert stored().keys() == {f"b-{number}" for number in range(9) if number != 5}


def test_a_book_that_somebody_adds_meanwhile_is_left_as_it_is(now, monkeypatch):
    results([draft(1)], now)
    monkeypatch.setattr(loading, "known_ids", lambda ids: set())  # asked a moment too early
    found = results([draft(1, name="Another"), draft(2)], now)
    assert found == {(1, "present"), (2, "added")}
    assert stored()["b-1"].name == "Book 1"


def test_books_with_many_people_fit_their_transactions(now):
    people = [f"Person {number}" for number in range(20)]
    found = results([draft(number, authors=people) for number in range(12)], now)
    assert found == {(number, "added") for number in range(12)}
    assert len(list(Contribution.scan())) == 240


def test_a_busy_store_is_waited_for(now, monkeypatch, wire):
    monkeypatch.setattr(loading.patience.time, "sleep", lambda _: None)
    put_all, failures = loading._put_all, [1, 2]

    def busy(books):
        if failures:
            failures.pop()
            with wire.dynamodb.refuse():
                put_all(books)
        put_all(books)

    monkeypatch.setattr(loading, "_put_all", busy)
    assert results([draft(1)], now) == {(1, "added")}


def test_a_store_that_stays_away_is_raised(now, monkeypatch, wire):
    monkeypatch.setattr(loading.patience.time, "sleep", lambda _: None)
    monkeypatch.setattr(loading, "known_ids", lambda ids: set())
    with wire.dynamodb.refuse(), pytest.raises(TransactWriteError):
        results([draft(1)], now)
