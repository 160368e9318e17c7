"""Books as rows of a spreadsheet: what staff take home, and what they bring back.

The same columns go out and come in, so that a file that nobody touched changes nothing. A cell
that a spreadsheet would take for a formula goes out behind an apostrophe, which is taken off
again; a title that begins with an apostrophe and a formula gets another one.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from io import StringIO
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin.spreadsheets import CALCULATES, csv_line
from catalog.csv_import import ImportFileError, numbered_rows
from catalog.drafts import PEOPLE, BookFacts

MOST_ROWS = 1_000
MOST_BYTES = 2_000_000

NUMBER = "number"
# What each column says about a book, by its heading.
COLUMNS: Mapping[str, str] = {
    NUMBER: "book_id",
    "title": "name",
    "authors": "authors",
    "translators": "translators",
    "illustrators": "illustrators",
    "editors": "editors",
    "category": "category",
    "price": "price",
    "description": "description",
    "isbn": "isbn13",
    "language": "language",
    "publisher": "publisher",
    "published_on": "published_on",
    "pages": "pages",
    "format": "format",
    "series": "series",
    "shelf": "location",
    "our_rating": "prior_rating",
}
HEADINGS = {field: heading for heading, field in COLUMNS.items()}

_SIGN = f"[{re.escape(''.join(CALCULATES))}]"
_CALCULATES = re.compile(f"'*{_SIGN}")
_GUARDED = re.compile(f"'+{_SIGN}")


# --- Going out ---------------------------------------------------------------------------------------------


def heading_line() -> str:
    """Return the first line of a file, with the mark by which Excel knows UTF-8."""
    return f"\ufeff{csv_line(COLUMNS)}"


def book_line(book_id: str, facts: BookFacts) -> str:
    """Return a book as a line of a file; no cell of it is a formula."""
    said: dict[str, Any] = {**asdict(facts), "book_id": book_id}
    return csv_line(_guarded(_written(said[field])) for field in COLUMNS.values())


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):  # as DynamoDB's numbers come
        return f"{value:g}"
    if isinstance(value, tuple):  # of people; a name with a semicolon in it gets a line of its own
        return (
            "".join(f"{name}\n" for name in value) if any(";" in name for name in value) else "; ".join(value)
        )
    return str(value)


def _guarded(cell: str) -> str:
    return f"'{cell}" if _CALCULATES.match(cell) else cell


# --- Coming in ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says of a book, as it says it: only the columns that the file has."""

    line: int
    book_id: str  # empty for a new book that has no number yet
    facts: dict[str, Any]
    drawn: bool = False  # whether the number was made of the facts


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that says nothing, and why."""

    line: int
    reason: str


def check_size(length: int, *, name: str) -> None:
    """Refuse a file by its length in bytes, before anybody reads it; raise ``ImportFileError``."""
    if length > MOST_BYTES:
        told = _("%(name)s has %(size).1f MB; at most %(most)d MB are imported at once.")
        raise ImportFileError(
            told % {"name": name, "size": length / 1_000_000, "most": MOST_BYTES // 1_000_000}
        )


def read(content: bytes, *, name: str) -> list[Said | Unreadable]:
    """Return what a file's rows say; raise ``ImportFileError`` with a sentence for a file that says nothing.

    It is UTF-8, with or without its mark, and its cells stand between commas, semicolons or
    tabs, as spreadsheets of several countries write them.
    """
    check_size(len(content), name=name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportFileError(
            _("%(name)s is not written in UTF-8: in Excel, save it as “CSV UTF-8”.") % {"name": name}
        ) from None
    lines = text.splitlines(keepends=True)
    separator = max(",;\t", key=lambda each: len(_cells(lines[:1], each)))
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    header = _header(name, _cells(lines[:1], separator))
    next(reader, None)
    rows: list[Said | Unreadable] = []
    for line, cells in numbered_rows(reader):
        if len(rows) == MOST_ROWS:
            told = _("%(name)s has more than %(most)s rows; divide it, and import one part after another.")
            raise ImportFileError(
                told % {"name": name, "most": number_format(MOST_ROWS, force_grouping=True)}
            )
        if isinstance(cells, str):
            rows.append(Unreadable(line, cells))
        elif any(cell.strip() for cell in cells):
            rows.append(_said(line, header, cells))
    if not rows:
        raise ImportFileError(_("%(name)s has no rows below its headings.") % {"name": name})
    return rows


def _cells(lines: list[str], separator: str) -> list[str]:
    try:
        return next(csv.reader(lines, delimiter=separator), [])
    except csv.Error:
        return []


def _header(name: str, cells: list[str]) -> list[str]:
    """Return what each column says about a book; refuse a file that has other columns, or two of a kind."""
    header = [re.sub(r"[\s_-]+", "_", cell.strip().lower()) for cell in cells]
    known = ", ".join(COLUMNS)
    if not set(header) & COLUMNS.keys():
        raise ImportFileError(
            _("The first line of %(name)s has no headings; they are %(known)s.")
            % {"name": name, "known": known}
        )
    if strange := [cells[place] for place, heading in enumerate(header) if heading not in COLUMNS]:
        told = _("%(name)s has a column “%(strange)s”, which says nothing of a book; there are %(known)s.")
        raise ImportFileError(told % {"name": name, "strange": "”, “".join(strange)[:100], "known": known})
    if twice := [heading for heading in COLUMNS if header.count(heading) > 1]:
        raise ImportFileError(
            _("%(name)s has the column %(twice)s twice.") % {"name": name, "twice": ", ".join(twice)}
        )
    return [COLUMNS[heading] for heading in header]


def _said(line: int, header: list[str], cells: list[str]) -> Said | Unreadable:
    if len(cells) != len(header):
        told = _("There are %(found)d columns; the first line has %(expected)d.")
        return Unreadable(line, told % {"found": len(cells), "expected": len(header)})
    facts: dict[str, Any] = {
        field: _people(cell) if field in PEOPLE else _plain(cell)
        for field, cell in zip(header, cells, strict=True)
    }
    return Said(line, str(facts.pop("book_id", "")), facts)


def _plain(cell: str) -> str:
    cell = cell.strip(" ")
    return cell[1:] if _GUARDED.match(cell) else cell


def _people(cell: str) -> list[str]:
    names = _plain(cell)
    return [name.strip() for name in names.split("\n" if "\n" in names else ";") if name.strip()]
