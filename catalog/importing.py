"""The import of a CSV file of books, whole or in pieces."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched

from bookstore.pieces import Until, never
from catalog import categories, sitemap
from catalog.csv_import import BadRow, BookFile, ImportFileError, Row
from catalog.loading import Draft, load_books
from catalog.selectors import BOOKS_A_BATCH
from catalog.shelves import Shelves


@dataclass
class Imported:
    """What an import came to, or how far it has come; see ``bookstore.pieces``."""

    rows: int  # of the file
    read: int = 0  # of them
    added: int = 0
    present: int = 0
    refused: int = 0
    finished: bool = False


def import_books(
    file: BookFile,
    *,
    at: datetime,
    on_rows: Callable[[int], None],
    refuse: Callable[[int, str], None],
    resume: Imported | None = None,
    until: Until = never,
) -> Imported:
    """Add a file's books, with the categories that they need; those that are there stay as they are.

    ``on_rows`` is told how many more rows are done, ``refuse`` each row that is no new book, by its
    line, and why. Killed, the same call goes on where it was, only that books added before count as
    present.

    ``until`` is asked after each hundred rows; what is returned then is not ``finished``, and
    ``resume`` goes on with it, without a look at the store for the rows before. Raises
    ``ImportFileError`` when the file is another one since, and the store's errors.
    """
    done = replace(resume) if resume else Imported(file.rows)
    if done.rows != file.rows:
        raise ImportFileError(f"{file.name} has changed since: import it from the beginning.")
    shelves = Shelves()
    seen: set[str] = set()
    number = 0
    for rows in batched(file.read(), BOOKS_A_BATCH):
        number += len(rows)
        drafts = _drafts(rows, shelves)
        if number <= done.read:
            seen.update(draft.book_id for draft in drafts)
            continue
        bad = [(row.line, row.reason) for row in rows if isinstance(row, BadRow)]
        outcomes = list(load_books(drafts, at=at, seen=seen))
        bad += [(each.reference, each.reason) for each in outcomes if each.result == "refused"]
        for line, reason in bad:
            refuse(line, reason)
        results = Counter(each.result for each in outcomes)
        done.added += results["added"]
        done.present += results["present"]
        done.refused += len(bad)
        done.read = number
        on_rows(len(rows))
        if until():
            return done
    categories.recount_categories(shelves.met)
    if done.added:
        sitemap.build()
    done.finished = True
    return done


def _drafts(rows: Iterable[Row | BadRow], shelves: Shelves) -> list[Draft]:
    """Return the rows that are books, with their categories provided for."""
    drafts: list[Draft] = []
    for row in rows:
        if isinstance(row, Row):
            shelves.provide(row.draft.facts.category, name=row.category_name)
            drafts.append(row.draft)
    return drafts
