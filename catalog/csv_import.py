"""Books out of CSV files: which column says what, and what a row comes to.

A *mapping* is a TOML file with a table for each thing that is said about a book, ``book_id``,
``stock``, ``added_on`` (the day it came into the shop) or a field of ``drafts.BookFacts``. A table
has either ``column``, or ``demonstration = true`` for a value derived from the id. Beside
``column`` may stand:

=============  =====================================================================
``prefix``     put before what the column says
``separator``  stands between several values: all for people, else the first counts
``inverted``   names read ``Austen, Jane (1775-1817)``; they become ``Jane Austen``
``shorten``    too long a text is cut at a word
``optional``   the file need not have the column
=============  =====================================================================
"""

import contextlib
import csv
import hashlib
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3TransferFailedError
from botocore.exceptions import BotoCoreError, ClientError
from django.utils.translation import gettext as _

from bookstore import aws
from catalog import keys
from catalog.categories import CATEGORY_CHARACTERS
from catalog.drafts import (
    FACTS,
    NAME_CHARACTERS,
    PEOPLE,
    TITLE_CHARACTERS,
    check_book_id,
    check_facts,
    check_stock,
    plain_line,
)
from catalog.errors import BadBookError
from catalog.loading import Draft

if TYPE_CHECKING:
    from _csv import Reader

MAPPINGS = Path(__file__).parent / "mappings"
ENCODING = "utf-8-sig"

_TARGETS = ("book_id", "stock", "added_on", *(name for name in FACTS if name != "cover"))
_NEEDED = ("book_id", "name", "category", "price")
# What may follow a name and still belong to it; "Baron", "Mrs." or "Earl of" does not.
_SUFFIX = re.compile(r"(Jr|Sr)\.?|[IVX]+")


class ImportFileError(Exception):
    """The file or its mapping cannot be read at all; the message is one sentence saying why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Where one thing about a book comes from."""

    column: str = ""
    prefix: str = ""
    separator: str = ""
    inverted: bool = False
    shorten: bool = False
    optional: bool = False
    demonstration: bool = False


type MappingRules = Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is a book; ``category_name`` is what the file calls its category."""

    draft: Draft
    category_name: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is none, and why: a sentence for each wrong field."""

    line: int
    reason: str


# --- Mappings ----------------------------------------------------------------------------------------------


def read_mapping(name: str) -> MappingRules:
    """Return a mapping by its built-in name or from a TOML file; raise ``ImportFileError``."""
    path = MAPPINGS / f"{name}.toml" if re.fullmatch(r"[a-z0-9-]+", name) else Path(name)
    try:
        with path.open("rb") as file:
            told = tomllib.load(file)
    except OSError:
        known = ", ".join(built_in_mappings())
        raise ImportFileError(
            f"There is no mapping {name!r}; built in are {known}, or name a TOML file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImportFileError(f"The mapping {name} is no TOML: {error}.") from None
    return {target: _rule(name, target, rule) for target, rule in _checked(name, told).items()}


def built_in_mappings() -> list[str]:
    """Return the names of the mappings that come with the shop."""
    return sorted(path.stem for path in MAPPINGS.glob("*.toml"))


def _checked(name: str, told: dict[str, Any]) -> dict[str, Any]:
    if strange := sorted(told.keys() - set(_TARGETS)):
        raise ImportFileError(f"The mapping {name} tells of {', '.join(strange)}, which no book has.")
    if missing := [target for target in _NEEDED if target not in told]:
        raise ImportFileError(f"The mapping {name} does not tell where {', '.join(missing)} comes from.")
    return told


def _rule(name: str, target: str, told: Any) -> Rule:
    try:
        rule = Rule(**told)
    except TypeError:
        known = ", ".join(Rule.__slots__)
        raise ImportFileError(f"The mapping {name} may say of {target}: {known}; not {told!r}.") from None
    wrong = [key for key, value in told.items() if type(value) is not type(getattr(Rule(), key))]
    if wrong or bool(rule.column) == rule.demonstration:
        raise ImportFileError(
            f"The mapping {name} must give {target} either a column's name or demonstration = true."
        )
    if rule.demonstration and target not in _DEMONSTRATIONS:
        raise ImportFileError(f"The mapping {name} cannot derive {target} from the id for a demonstration.")
    return rule


# --- Files -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BookFile:
    """A CSV file that has been looked through once: readable to its end, with the columns asked for."""

    name: str  # as it was asked for
    path: Path
    rules: MappingRules
    encoding: str
    header: tuple[str, ...]
    rows: int

    def read(self) -> Iterator[Row | BadRow]:
        """Return what each row comes to, in the file's order."""
        columns = {column: place for place, column in enumerate(self.header)}
        for line, cells in _lines(self.path, self.encoding):
            if isinstance(cells, str):
                yield BadRow(line, cells)
            elif len(cells) != len(self.header):
                told = _("There are %(found)d columns; the first line has %(expected)d.")
                yield BadRow(line, told % {"found": len(cells), "expected": len(self.header)})
            else:
                yield _row(line, {column: cells[place] for column, place in columns.items()}, self.rules)


@contextlib.contextmanager
def open_file(source: str | Path, rules: MappingRules, *, encoding: str = ENCODING) -> Iterator[BookFile]:
    """Look through a CSV file, so that nothing is loaded out of one that cannot be read.

    ``source`` is a path or ``s3://bucket/key``, which is fetched into a file that goes at the
    end of the block. Raises ``ImportFileError``.
    """
    with contextlib.ExitStack() as until_read:
        name = str(source)
        path = until_read.enter_context(_fetched(name)) if name.startswith("s3://") else Path(source)
        yield _looked_through(name, path, rules, encoding)


@contextlib.contextmanager
def _fetched(address: str) -> Iterator[Path]:
    bucket, _slash, key = address.removeprefix("s3://").partition("/")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        try:
            aws.s3().download_fileobj(bucket, key, file)
        except (BotoCoreError, ClientError, S3TransferFailedError) as error:
            raise ImportFileError(f"{address} cannot be read: {error}.") from None
        file.flush()
        yield Path(file.name)


def _looked_through(name: str, path: Path, rules: MappingRules, encoding: str) -> BookFile:
    try:
        with path.open(encoding=encoding, newline="") as file:
            header = tuple(cell.strip() for cell in next(csv.reader(file), []))
        rows = sum(1 for _line in _lines(path, encoding))
    except OSError as error:
        raise ImportFileError(f"{name} cannot be read: {error.strerror}.") from None
    except LookupError:
        raise ImportFileError(f"There is no encoding called {encoding!r}.") from None
    except UnicodeDecodeError as error:
        raise ImportFileError(
            f"{name} is not written in {encoding}: {error.reason}; say another with --encoding."
        ) from None
    except csv.Error as error:
        raise ImportFileError(f"{name} is no CSV file: {error}.") from None
    wanted = {rule.column for rule in rules.values() if rule.column and not rule.optional}
    if missing := sorted(wanted - set(header)):
        raise ImportFileError(f"{name} has no column {', '.join(missing)}; the mapping needs it.")
    return BookFile(name, path, rules, encoding, header, rows)


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, list[str] | str]]:
    """Return each row behind the header, as ``numbered_rows`` does."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file)
        next(reader, None)
        yield from numbered_rows(reader)


def numbered_rows(reader: "Reader") -> Iterator[tuple[int, list[str] | str]]:
    """Return each row that is left with the line on which it begins; a sentence where it is no row."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, _("This is no row of a CSV file: %(why)s.") % {"why": error}
            continue
        if cells:
            yield line, cells


# --- Rows --------------------------------------------------------------------------------------------------


def _row(line: int, cells: Mapping[str, str], rules: MappingRules) -> Row | BadRow:
    said = _said(cells, rules)
    book_id, stock, category_name = said.pop("book_id"), said.pop("stock", ""), said["category"]
    added_on = said.pop("added_on", "")
    said["category"] = keys.category_slug(category_name) if category_name else ""
    problems: dict[str, str] = {}
    noting(problems, lambda: check_book_id(book_id))
    noting(problems, lambda: _check_category(category_name))
    copies = noting(problems, lambda: check_stock(_whole(stock)))
    added_at = noting(problems, lambda: _day(added_on))
    facts = noting(problems, lambda: check_facts(**said))
    if problems or copies is None or facts is None:
        return BadRow(line, " ".join(f"{field}: {problem}" for field, problem in problems.items()))
    return Row(
        Draft(reference=line, book_id=book_id, facts=facts, stock=copies, added_at=added_at), category_name
    )


def noting[Checked](problems: dict[str, str], check: Callable[[], Checked]) -> Checked | None:
    """Return what a check returns; note its problems instead of raising them."""
    try:
        return check()
    except BadBookError as error:
        problems |= error.problems
        return None


def _said(cells: Mapping[str, str], rules: MappingRules) -> dict[str, Any]:
    """Return what a row says, as it says it."""
    book_id = _text(rules["book_id"], cells)
    said: dict[str, Any] = {}
    for target, rule in rules.items():
        if rule.demonstration:
            said[target] = _DEMONSTRATIONS[target](book_id)
        elif rule.column in cells:
            said[target] = _people(rule, cells) if target in PEOPLE else _text(rule, cells)
    return said


def _text(rule: Rule, cells: Mapping[str, str]) -> str:
    text = cells[rule.column]
    if rule.separator:
        text = text.partition(rule.separator)[0]
    text = " ".join(text.split())
    return f"{rule.prefix}{_shortened(text, TITLE_CHARACTERS) if rule.shorten else text}"


def _people(rule: Rule, cells: Mapping[str, str]) -> list[str]:
    written = cells[rule.column].split(rule.separator) if rule.separator else [cells[rule.column]]
    names = (uninverted(name) if rule.inverted else " ".join(name.split()) for name in written)
    return [_shortened(name, NAME_CHARACTERS) if rule.shorten else name for name in names if name]


def uninverted(name: str) -> str:
    """Return a library's heading as a cover prints it.

    ``Jefferson, Thomas (1743-1826)`` is Thomas Jefferson; years, fuller forms and titles go, ``Jr.``
    stays. What is no inverted name, such as ``United States. Bureau of the Census``, stays as it is.
    """
    without_years = re.sub(r"\s*\([^()]*\)", "", name)
    parts = [" ".join(part.split()) for part in without_years.split(",")]
    parts = [part for part in parts if part and not part.startswith("active ")]
    family, given, *others = [*parts, "", ""][: max(len(parts), 2)]
    suffixes = [part for part in others if _SUFFIX.fullmatch(part)]
    return ", ".join([f"{given} {family}".strip(), *suffixes])


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most - 1].rpartition(' ')[0] or text[: most - 1]}…"


def _check_category(name: str) -> None:
    try:
        plain_line(name, most=CATEGORY_CHARACTERS)
    except ValueError as error:
        raise BadBookError({"category": str(error)}) from error


def _whole(number: str | int) -> int:
    try:
        return int(number or 0)
    except ValueError:
        raise BadBookError({"stock": _("This is not a whole number.")}) from None


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise BadBookError({"added_on": _("This is no day, such as 2026-11-22.")}) from None


# --- Values for a demonstration ----------------------------------------------------------------------------


def _drawn(book_id: str, what: str) -> int:
    """Return a large number that is always the same for a book, and another for everything derived from it."""
    return int.from_bytes(hashlib.sha256(f"{what}:{book_id}".encode()).digest()[:8])


def _demonstration_price(book_id: str) -> str:
    """Between 3.99 and 24.49, on the steps that booksellers like."""
    return str(Decimal("3.99") + Decimal("0.50") * (_drawn(book_id, "price") % 42))


def _demonstration_stock(book_id: str) -> int:
    """Mostly a good pile, now and then a few, and one book in thirty sold out."""
    drawn = _drawn(book_id, "stock")
    return 0 if drawn % 30 == 0 else 1 + drawn // 30 % 60


def _demonstration_rating(book_id: str) -> str:
    """Between 3.0 and 4.9."""
    return str(Decimal(30 + _drawn(book_id, "rating") % 20) / 10)


def _demonstration_day(book_id: str) -> str:
    """Between 2006 and 2025: a library that comes in one night is not new on the shelves."""
    return (date(2006, 1, 1) + timedelta(_drawn(book_id, "added_on") % (20 * 365))).isoformat()


_DEMONSTRATIONS: Mapping[str, Callable[[str], Any]] = {
    "price": _demonstration_price,
    "stock": _demonstration_stock,
    "prior_rating": _demonstration_rating,
    "added_on": _demonstration_day,
}
