"""Books that staff bring as a spreadsheet: first what would change, row by row, then exactly that.

A *plan* is made of the file and of the books as they are, and kept in the bucket for a day. Who
reads it says yes or nothing; the tasks function then does what the plan says, each row by the service that a
form would use, on the version of the book that the reader saw. A book that was changed meanwhile
is left alone and told of; the others are done.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from bookstore import aws
from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.models import ADDED, CHANGED
from bookstore.dynamodb.tables import Beside
from bookstore.pieces import Until, never
from bookstore.tasks import calls
from catalog import selectors, services
from catalog.categories import recount_categories
from catalog.csv_import import noting
from catalog.drafts import FACTS, PEOPLE, BookFacts, changed_facts, check_book_id, check_facts, facts_of
from catalog.errors import BadBookError, BookChangedError, BookExistsError, BookNotFoundError, CatalogError
from catalog.models import Book
from catalog.spreadsheet import HEADINGS, Said, Unreadable, read
from catalog.staff.fields import logged_changes

COMMAND = "apply_books"
FOLDER = "uploads/imports"
DRAWN_CHARACTERS = 16  # of the number of a book that came without one
SHOWN_CHARACTERS = 300  # of an old or a new value
FAILURES_TOLD = 200  # with title and reason; how far a task has come is an item of 400 KB at most
TITLE_CHARACTERS = 80  # of each

NEW, CHANGES, UNCHANGED, REFUSED = "new", "changed", "unchanged", "refused"


class PlanGoneError(CatalogError):
    """The plan was made more than a day ago, or never."""

    def __init__(self) -> None:
        super().__init__(_("This import is not there any more: send the file again."))


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What a row of the file comes to."""

    line: int
    kind: str
    book_id: str = ""
    title: str = ""
    version: int = 0  # of the book that the plan was made of
    said: dict[str, Any] = field(default_factory=dict)  # what a service is told
    changes: tuple[tuple[str, str, str], ...] = ()  # heading, old and new value, as people read them
    reason: str = ""  # why it is refused


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What an import would do."""

    name: str  # the file's
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each kind."""
        found = Counter(row.kind for row in self.rows)
        return {kind: found[kind] for kind in (NEW, CHANGES, UNCHANGED, REFUSED)}

    @property
    def told(self) -> list[Row]:
        """The rows that are worth reading: all but those that change nothing."""
        return [row for row in self.rows if row.kind != UNCHANGED]

    @property
    def does_something(self) -> bool:
        """Whether there is anything to say yes to."""
        return any(row.kind in {NEW, CHANGES} for row in self.rows)


@dataclass
class Applied:
    """How far a plan has been carried out; see ``bookstore.pieces``."""

    rows: int
    read: int = 0  # of them
    added: int = 0
    changed: int = 0
    left_alone: int = 0
    failed: list[list[str]] = field(default_factory=list)  # of those, the first: line, title and why
    finished: bool = False


# --- Making a plan -----------------------------------------------------------------------------------------


def plan_of(content: bytes, *, name: str) -> Plan:
    """Return what a file would change, without changing anything: one BatchGetItem for each hundred books.

    Raises ``ImportFileError`` for a file that cannot be read at all.
    """
    rows = [_numbered(row) for row in read(content, name=name)]
    known = _books(row.book_id for row in rows if isinstance(row, Said))
    categories = _Categories()
    seen: set[str] = set()
    planned = [
        Row(line=row.line, kind=REFUSED, reason=row.reason)
        if isinstance(row, Unreadable)
        else _planned(row, known, categories, seen)
        for row in rows
    ]
    return Plan(name=name, rows=tuple(_with_isbns_of_their_own(planned)))


def _numbered(row: Said | Unreadable) -> Said | Unreadable:
    """Return a row with a number: one that has none gets it from what it says, so that the same file says it again."""
    if isinstance(row, Unreadable) or row.book_id:
        return row
    said = json.dumps(row.facts, sort_keys=True).encode()
    return replace(row, book_id=sha256(said).hexdigest()[:DRAWN_CHARACTERS], drawn=True)


def _books(ids: Iterable[str]) -> dict[str, Book]:
    found: dict[str, Book] = {}
    for some in batched(dict.fromkeys(each for each in ids if _is_id(each)), selectors.BOOKS_A_BATCH):
        found |= selectors.books_by_id(some)
    return found


def _is_id(text: str) -> bool:
    try:
        return bool(check_book_id(text))
    except BadBookError:
        return False


class _Categories:
    """Finds a category by its address or its name, as people write it."""

    def __init__(self) -> None:
        there = selectors.categories()
        self._slugs = {each.name.casefold(): each.slug for each in there} | {
            each.slug: each.slug for each in there
        }

    def slug_of(self, written: str) -> str:
        """Return the category's slug; raise ``BadBookError`` where there is none."""
        name = " ".join(written.split())
        slug = self._slugs.get(name.casefold())
        if slug is None and name:
            raise BadBookError(
                {"category": _("There is no category “%(name)s”: add it first.") % {"name": name[:80]}}
            )
        return slug or ""


def _planned(row: Said, known: Mapping[str, Book], categories: _Categories, seen: set[str]) -> Row:
    title = str(row.facts.get("name", ""))
    refused = partial(Row, line=row.line, kind=REFUSED, book_id=row.book_id, title=title)
    if row.book_id in seen:
        return refused(
            reason=_("Another row of this file has the same number, or says the same without one.")
        )
    seen.add(row.book_id)
    book = known.get(row.book_id)
    if book and row.drawn:  # it came in by this row, and what was changed since is not to be taken back
        return Row(line=row.line, kind=UNCHANGED, book_id=row.book_id, title=book.name)
    said = dict(row.facts)
    ill_placed: dict[str, str] = {}
    if "category" in said:
        said["category"] = noting(ill_placed, lambda: categories.slug_of(row.facts["category"])) or ""
    before = facts_of(book) if book else None
    problems: dict[str, str] = {}
    book_id = noting(problems, lambda: check_book_id(row.book_id))
    after = noting(problems, lambda: changed_facts(before, **said) if before else check_facts(**said))
    problems |= ill_placed  # which says more than that there is no category
    if problems or book_id is None or after is None:
        return refused(reason=" ".join(f"{HEADINGS[each]}: {problem}" for each, problem in problems.items()))
    changed = [name for name in FACTS if getattr(after, name) != getattr(before, name, _blank(name))]
    if book and not changed:
        return Row(line=row.line, kind=UNCHANGED, book_id=book_id, title=after.name)
    return Row(
        line=row.line,
        kind=CHANGES if book else NEW,
        book_id=book_id,
        title=after.name,
        version=int(book.version) if book else 0,
        said={name: _as_json(getattr(after, name)) for name in changed},
        changes=tuple(
            (HEADINGS[name], _shown(getattr(before, name, None)), _shown(getattr(after, name)))
            for name in changed
        ),
    )


def _blank(name: str) -> Any:
    """Return what a new book has where nothing is said of it."""
    return () if name in PEOPLE else "" if name == "description" else None


def _as_json(value: Any) -> Any:
    """Return a fact as a service takes it, and JSON carries it."""
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, int) else str(value)


def _shown(value: Any) -> str:
    return Truncator(audit.written(value)).chars(SHOWN_CHARACTERS)


def _with_isbns_of_their_own(rows: Sequence[Row]) -> Iterator[Row]:
    """Refuse the rows whose new ISBN another book has, or an earlier row claims."""
    wanted = {row.book_id: row.said["isbn13"] for row in rows if row.said.get("isbn13")}
    holders = selectors.holders_of_isbns(wanted.values())
    for row in rows:
        isbn = wanted.get(row.book_id) if row.said else None
        if isbn and holders.setdefault(isbn, row.book_id) != row.book_id:
            reason = _("Another book has the ISBN %(isbn)s.") % {"isbn": isbn}
            yield Row(line=row.line, kind=REFUSED, book_id=row.book_id, title=row.title, reason=reason)
        else:
            yield row


# --- Keeping it --------------------------------------------------------------------------------------------


def keep(plan: Plan) -> str:
    """Put a plan into the bucket for a day; return the import's name, which nobody can guess."""
    import_id = secrets.token_hex(16)
    aws.s3().put_object(
        Bucket=settings.COVERS_BUCKET,
        Key=f"{FOLDER}/{import_id}.json",
        Body=json.dumps(asdict(plan)).encode(),
        ContentType="application/json",
    )
    return import_id


def kept(import_id: str) -> Plan:
    """Return a plan that was kept; raise ``PlanGoneError``."""
    try:
        found = aws.s3().get_object(Bucket=settings.COVERS_BUCKET, Key=f"{FOLDER}/{import_id}.json")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "AccessDenied", "404", "403"}:
            raise PlanGoneError from error
        raise
    told = json.loads(found["Body"].read())
    rows = (Row(**{**row, "changes": tuple(map(tuple, row["changes"]))}) for row in told["rows"])
    return Plan(name=told["name"], rows=tuple(rows))


# --- Carrying it out ---------------------------------------------------------------------------------------


def task_id_of(import_id: str) -> str:
    """Return the task that carries out an import, of which there is one."""
    return f"import-{import_id}"


def ask_to_apply(import_id: str, *, user_id: str, user_name: str) -> None:
    """Have a kept plan carried out; asked twice it is done once. Raises ``TaskNotBegunError``."""
    calls.ask_for(COMMAND, [import_id, user_id, user_name], task_id=task_id_of(import_id))


def apply(
    plan: Plan,
    *,
    by: audit.Person,
    at: datetime,
    on_rows: Callable[[int], None],
    resume: Applied | None = None,
    until: Until = never,
) -> Applied:
    """Do what a plan says, row by row, each with its entry in the log in the name of ``by``.

    ``on_rows`` is told how many more rows are done. A row that is done already, by a piece that was
    killed, counts as done. Raises the stores' errors: call it again.
    """
    todo = [row for row in plan.rows if row.kind in {NEW, CHANGES}]
    done = resume or Applied(len(todo))
    for row in todo[done.read :]:
        try:
            _carry_out(row, plan.name, by=by, at=at)
        except CatalogError as error:
            done.left_alone += 1
            if len(done.failed) < FAILURES_TOLD:
                done.failed.append([str(row.line), row.title[:TITLE_CHARACTERS], str(error)])
        else:
            done.added += row.kind == NEW
            done.changed += row.kind == CHANGES
        done.read += 1
        on_rows(1)
        if done.read < len(todo) and until():
            return done
    moves = (move for row in todo for move in row.changes if move[0] == HEADINGS["category"])
    recount_categories({slug for _heading, old, new in moves for slug in (old, new) if slug})
    done.finished = True
    return done


def _carry_out(row: Row, name: str, *, by: audit.Person, at: datetime) -> None:
    def beside(changes: Iterable[audit.Change] = ()) -> Beside:
        item = audit.entry_of(
            label="catalog.book",
            key=row.book_id,
            shown=row.title,
            user=by,
            kind=ADDED if row.kind == NEW else CHANGED,
            message=_("Imported from %(name)s, line %(line)d.") % {"name": name, "line": row.line},
            changes=changes,
            at=at,
        )
        return partial(audit.record, item=item)

    try:
        if row.kind == NEW:
            services.add_book(book_id=row.book_id, at=at, beside=beside(), **row.said)
        else:
            # The plan shows the beginnings of values; the log holds the whole of them.
            before: BookFacts = facts_of(selectors.get_book(row.book_id, withdrawn=True))
            after = changed_facts(before, **row.said)
            services.revise_book(
                book_id=row.book_id,
                version=row.version,
                at=at,
                beside=beside(logged_changes(before, after)),
                **row.said,
            )
    except (BookExistsError, BookChangedError):
        if not _says_so_already(row):
            raise


def _says_so_already(row: Row) -> bool:
    """Tell whether the book is as the row wants it: by a piece of the same import, or by chance."""
    try:
        facts: BookFacts = facts_of(selectors.get_book(row.book_id, withdrawn=True))
    except BookNotFoundError:
        return False
    return changed_facts(facts, **row.said) == facts
