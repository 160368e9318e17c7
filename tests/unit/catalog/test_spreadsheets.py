"""Books as rows: what goes out comes back the same, and what comes in wrong is told in a sentence."""

import csv
from decimal import Decimal
from io import StringIO

import pytest

from catalog import spreadsheet
from catalog.csv_import import ImportFileError
from catalog.drafts import BookFacts, changed_facts
from catalog.spreadsheet import Said, Unreadable

FULL = BookFacts(
    name="=1+1",
    category="fiction",
    price=Decimal("7.50"),
    authors=("Jane Austen", "@home"),
    translators=("Smith; Jones Ltd",),
    illustrators=("Baron; Münchhausen", "Ada"),
    editors=(),
    description="-A description,\nwith “quotes” and a\n\nparagraph.",
    isbn13="9780141439587",
    language="en",
    publisher="'=publisher",
    published_on="1817-12",
    pages=320,
    format="paperback",
    series="'series",
    location="+A4",
    prior_rating=Decimal("4.50"),
)
# With which a formula begins; some spreadsheets take the wide ones, too.
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BARE = BookFacts(name="Emma", category="fiction", price=Decimal("0.01"))


def file_of(**books: BookFacts) -> bytes:
    lines = [spreadsheet.book_line(book_id, facts) for book_id, facts in books.items()]
    return "".join([spreadsheet.heading_line(), *lines]).encode()


def rows_of(text: str | bytes) -> list[Said | Unreadable]:
    return spreadsheet.read(text if isinstance(text, bytes) else text.encode(), name="books.csv")


def test_a_file_that_nobody_touched_says_what_the_books_are() -> None:
    full, bare = rows_of(file_of(full=FULL, bare=BARE))
    assert isinstance(full, Said)
    assert isinstance(bare, Said)
    assert (full.line, full.book_id, bare.line, bare.book_id) == (
        2,
        "full",
        9,
        "bare",
    )  # cells of several lines
    # Said of a book of which something else was known, so that every column has to speak.
    assert changed_facts(BookFacts(name="x", category="x", price=Decimal(1), pages=9), **full.facts) == FULL
    assert changed_facts(FULL, **bare.facts) == BARE


def test_no_cell_is_a_formula_and_none_is_guarded_without_need() -> None:
    row = next(csv.DictReader(StringIO(file_of(b=FULL).decode("utf-8-sig"))))
    assert [cell for cell in row.values() if cell.startswith(SIGNS)] == []
    assert (row["title"], row["publisher"], row["series"]) == ("'=1+1", "''=publisher", "'series")
    assert row["price"] == "7.50"


@pytest.mark.parametrize("start", [*SIGNS, "'=", "''@", "'＝", "'", "a="])
def test_whatever_a_cell_begins_with_comes_back(start: str) -> None:
    cell = spreadsheet._guarded(f"{start}x")
    assert not cell.startswith(SIGNS)
    assert spreadsheet._plain(cell) == f"{start}x"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_of_several_countries_are_read(separator: str, end: str) -> None:
    text = end.join(
        [separator.join(line) for line in (("Number", "Our-Rating"), ("b-1", "4.5"), ("", ""), ("b-2", ""))]
    )
    for mark in ("", "\ufeff"):
        one, two = rows_of(mark + text)
        assert one == Said(2, "b-1", {"prior_rating": "4.5"})
        assert two == Said(4, "b-2", {"prior_rating": ""})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has no headings; they are number, title"),
        (b"\n\n", "has no headings"),
        (b"b-1,Emma\n", "has no headings"),
        ("title,price\nÉmile,3".encode("latin-1"), "save it as “CSV UTF-8”"),
        ("title,price\nEmma,3".encode("utf-16"), "save it as “CSV UTF-8”"),
        (b"PK\x03\x04\x00\xff", "save it as “CSV UTF-8”"),
        (b"number,title,pirce\n1,2,3", "a column “pirce”, which says nothing of a book"),
        (b"number,title,<b>\n1,2,3", "“<b>”"),
        (b"number,title,title\n1,2,3", "the column title twice"),
        (b"number,title\n", "no rows below its headings"),
        (b"number,title\n,\n , \n", "no rows below its headings"),
        (b"number,title\n" + b"1,x\n" * 1001, "more than 1,000 rows; divide it"),
        (b"number,title\n" + b"x" * 2_000_000, "2.0 MB; at most 2 MB are imported at once"),
    ],
)
def test_a_file_that_says_nothing_is_refused_with_a_sentence(content: bytes, told: str) -> None:
    with pytest.raises(ImportFileError) as refused:
        rows_of(content)
    assert told in str(refused.value)


def test_a_row_that_says_nothing_is_told_by_its_line_and_the_others_are_read() -> None:
    field = "x" * 140_000  # more than the csv module takes for a cell
    rows = rows_of(f"number,title\nb-1,Emma\nb-2\nb-3,A,B\nb-4,{field}\nb-5,\x00Persuasion\n")
    assert [type(row).__name__ for row in rows] == ["Said", "Unreadable", "Unreadable", "Unreadable", "Said"]
    assert rows[1] == Unreadable(3, "There are 1 columns; the first line has 2.")
    assert "is no row of a CSV file" in getattr(rows[3], "reason", "")
    assert [row.line for row in rows] == [2, 3, 4, 5, 6]
