"""The audit log: who changed what, when, from which value to which. It only ever grows.

A row's history shows it, and the front page's panel of recent actions.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.admin.models import ADDED, CHANGED, DELETED, FieldChange, LogItem
from bookstore.dynamodb.admin.spreadsheets import csv_line
from bookstore.dynamodb.attributes import instant_text

ENTRIES_SHOWN = 100  # on a page of a row's history, newest first
VALUE_CHARACTERS = 12_000  # of an old or a new value; DynamoDB's items end at 400 KB
SHOWN_CHARACTERS = 500  # of them, in a history; older entries have no more
BRIEF_CHARACTERS = 60  # of them, on the front page


# A field as the form called it, its old and its new value, and perhaps the field's name in the model.
type Change = tuple[str, Any, Any] | tuple[str, Any, Any, str]


def entry(
    *,
    user: Any,
    row: Any,
    kind: str,
    changes: Iterable[Change] = (),
    message: str = "",
    at: datetime | None = None,
) -> LogItem:
    """Return an entry that is not stored yet."""
    return entry_of(
        label=row._meta.label_lower,
        key=str(row.pk),
        shown=str(row),
        user=user,
        kind=kind,
        changes=changes,
        message=message,
        at=at,
    )


def entry_of(
    *,
    label: str,
    key: str,
    shown: str,
    user: Any,
    kind: str,
    changes: Iterable[Change] = (),
    message: str = "",
    at: datetime | None = None,
) -> LogItem:
    """Return an entry as above for who has no façade at hand: a row is its label, such as ``notes.note``, and key.

    ``user`` may be a ``Person``: work that goes on after a request knows no more of who asked for it.
    """
    now = at or timezone.now()
    return LogItem(
        target_of(label, key),
        f"{instant_text(now)}#{secrets.token_hex(4)}",
        at=now,
        day=instant_text(now)[:10],
        user_id=str(user.pk),
        user_name=str(user),
        kind=kind,
        shown=Truncator(shown).chars(200),
        message=message,
        changes=[
            FieldChange(  # type: ignore[no-untyped-call]  # PynamoDB's
                field=str(field), old=written(old), new=written(new), name=name[0] if name else None
            )
            for field, old, new, *name in changes
        ],
    )


def record(write: TransactWrite, item: LogItem) -> None:
    """Add an entry to a transaction: the change and its trace happen together or not at all."""
    write.save(item, condition=LogItem.target.does_not_exist())


def store(item: LogItem) -> None:
    """Store an entry on its own, for what has no transaction."""
    item.save(condition=LogItem.target.does_not_exist())


def target_of(label: str, key: str) -> str:
    """Return what the entries of one row stand under."""
    return f"{label}#{key}"


def written(value: Any) -> str:
    """Return a value as the log shows it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = ", ".join(written(each) for each in value)
    elif isinstance(value, dict):
        value = "; ".join(f"{name} {written(each)}" for name, each in value.items() if each not in (None, ""))
    elif isinstance(value, bool):
        value = _("yes") if value else _("no")
    return Truncator(str(value)).chars(VALUE_CHARACTERS)


def is_cut(value: str) -> bool:
    """Tell whether the log holds only the beginning of a value."""
    return value.endswith("…") and len(value) in {SHOWN_CHARACTERS, VALUE_CHARACTERS}


@dataclass(frozen=True)
class Person:
    """Whom an entry names, by the name that the person had then."""

    pk: str
    name: str

    def __str__(self) -> str:
        return self.name


class Entry:
    """An entry of the log, in the names of Django's ``LogEntry``."""

    def __init__(self, item: LogItem) -> None:
        self.item = item
        self.action_time: datetime = item.at
        self.user = Person(item.user_id, item.user_name)
        self.label, _hash, self.object_id = str(item.target).partition("#")
        self.object_repr: str = item.shown
        self.is_addition, self.is_change, self.is_deletion = (
            item.kind == kind for kind in (ADDED, CHANGED, DELETED)
        )

    def __str__(self) -> str:
        return f"{self.get_change_message()}"

    @cached_property
    def _model(self) -> Any:
        try:
            return apps.get_model(self.label)
        except LookupError:  # it is no more
            return None

    @property
    def kind_of_row(self) -> str:
        """What kind of row it is, such as ``Note``; empty for one that is no more."""
        return str(capfirst(self._model._meta.verbose_name)) if self._model else ""

    @property
    def row_name(self) -> str:
        """What the row was called; after what kind it is where that is but its key."""
        if self.object_repr in {"", self.object_id}:
            return f"{self.kind_of_row} {self.object_id}".strip()
        return self.object_repr

    def get_change_message(self) -> str:
        """Return the whole story: each field with its old and its new value."""
        return self._told(SHOWN_CHARACTERS)

    @property
    def in_brief(self) -> str:
        """The same with the beginnings of the values."""
        return self._told(BRIEF_CHARACTERS)

    def _told(self, characters: int) -> str:
        if self.item.message:
            parts = [str(self.item.message)]
        elif self.is_addition:
            parts = [_("Added.")]
        elif self.is_deletion:
            parts = [_("Deleted.")]
        else:
            parts = [] if self.item.changes else [_("No fields changed.")]
        return " ".join([*parts, *(self._change_told(each, characters) for each in self.item.changes)])

    def _change_told(self, change: FieldChange, characters: int) -> str:
        old, new = self._said(change, change.old), self._said(change, change.new)
        if not old:
            sentence = _("%(field)s set to “%(new)s”.")
        elif not new:
            sentence = _("%(field)s “%(old)s” removed.")
        elif old == new:  # two of what is said alike, such as pictures
            sentence = _("%(field)s replaced.")
        else:
            sentence = _("%(field)s changed from “%(old)s” to “%(new)s”.")
        old, new = (Truncator(value).chars(characters) for value in (old, new))
        return sentence % {"field": change.field, "old": old, "new": new}

    def _said(self, change: FieldChange, value: str) -> str:
        """Return a value as its façade says it; the older entries name the field as the form called it."""
        say = getattr(self._model, "value_said", None)
        if not value or say is None:
            return value
        fields = self._model._meta.fields
        named = (each.name for each in fields if capfirst(each.verbose_name) == change.field)
        return str(say(change.name or next(named, ""), value))

    def get_admin_url(self) -> str | None:
        """Return the address of the row's form; None where there is none."""
        app_label, _dot, name = self.label.partition(".")
        try:
            return reverse(f"admin:{app_label}_{name}_change", args=(quote(self.object_id),))
        except NoReverseMatch:
            return None


def history(label: str, key: str, *, limit: int = ENTRIES_SHOWN, before: str = "") -> list[Entry]:
    """Return a row's latest entries, newest first, or those before one of them by its ``log_key``: one Query."""
    older = LogItem.log_key < before if before else None
    found = LogItem.query(
        target_of(label, key), older, scan_index_forward=False, limit=limit, page_size=limit
    )
    return [Entry(item) for item in found]


class RecentActions:
    """What Django's front-page panel asks of a queryset of log entries: ``filter`` and a slice, one Query."""

    def __init__(self, user_id: str = "") -> None:
        self._user_id = user_id

    def filter(self, *, user__pk: Any) -> "RecentActions":
        """Return one person's."""
        return RecentActions(str(user__pk))

    def __getitem__(self, part: slice) -> list[Entry]:
        if not self._user_id:
            return []
        limit = part.stop
        found = LogItem.by_user.query(self._user_id, scan_index_forward=False, limit=limit, page_size=limit)
        return [Entry(item) for item in found]


def entries_between(first: date, last: date) -> Iterator[Entry]:
    """Yield everybody's entries of some days (UTC), both included, oldest first; a Query a day, for commands."""
    day = first
    while day <= last:
        for item in LogItem.by_day.query(day.isoformat()):
            yield Entry(item)
        day += timedelta(days=1)


CSV_HEADER = (
    "at",
    "user_id",
    "user",
    "action",
    "row",
    "name",
    "field",
    "old",
    "new",
    "message",
    "request_id",
)


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the log as CSV, a line for each field that changed; no cell is a formula."""
    yield csv_line(CSV_HEADER)
    for each in entries:
        item = each.item
        head = (instant_text(item.at), item.user_id, item.user_name, item.kind, item.target, item.shown)
        tail = (item.message, item.request_id or "")
        changes = [(change.field, change.old, change.new) for change in item.changes]
        for change in changes or [("", "", "")]:
            yield csv_line((*head, *change, *tail))
