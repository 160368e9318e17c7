"""The way back in a book's history: what it said at a moment, written as a new change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.errors import RefusedError
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from catalog import selectors, services
from catalog.staff.fields import SAID, field_change, label_of, said, said_in_the_log
from catalog.staff.refusals import in_the_admins_words

# The shelf goes with the copies, which nothing takes back.
RESTORED = tuple(name for name in SAID if name != "location")


@dataclass(frozen=True)
class WayBack:
    """A field that was changed since, with what it says now and what it said then."""

    name: str
    label: str
    now: str
    then: str
    problem: str = ""  # why it cannot be written back

    @property
    def now_said(self) -> str:
        """What it says now, as a history has it."""
        return said_in_the_log(self.name, self.now)

    @property
    def then_said(self) -> str:
        """What it said then, as a history has it."""
        return said_in_the_log(self.name, self.then)


class RestoreForm(ToolForm):
    """Which version is gone back to: the one after an entry of the log. One Query, whatever is asked of it."""

    entry = forms.CharField(widget=forms.HiddenInput, required=False)

    @cached_property
    def _newer(self) -> tuple[datetime | None, list[audit.Entry]]:
        """When the entry was written, and those since; no moment where the log has no such entry."""
        entries = audit.history("catalog.book", str(self.row.pk))
        keys = [str(each.item.log_key) for each in entries]
        if (key := self["entry"].value()) not in keys:
            return None, []
        place = keys.index(key)
        return entries[place].action_time, entries[:place]

    @property
    def moment(self) -> str:
        """When the book was so; empty where the log does not go back to that."""
        moment, _newer = self._newer
        return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else ""

    @cached_property
    def ways(self) -> list[WayBack]:
        """What has changed since; of each field the first change counts, and what is so again is left out."""
        opts = self.row._meta  # noqa: SLF001 - what Django calls it
        then: dict[str, str] = {}
        for entry in self._newer[1]:
            then.update(_said_before(entry))
        return [
            WayBack(name, label_of(name), now, before, _why_not(name, before))
            for name, before in then.items()
            if (now := audit.written(getattr(self.row, name))) != before
            and not _is_same_number(opts.get_field(name), now, before)
        ]

    @property
    def possible(self) -> list[WayBack]:
        """What can be written back of it."""
        return [way for way in self.ways if not way.problem]


def _why_not(name: str, before: str) -> str:
    """Return why what a field said cannot be written back; empty where it can."""
    if audit.is_cut(before):
        return _("The log holds only its beginning: it stays as it is.")
    if name == "category" and all(each.slug != before for each in selectors.categories()):
        return _("There is no such category any more: it stays as it is.")
    return ""


def _said_before(entry: audit.Entry) -> Iterator[tuple[str, str]]:
    """Yield the fields that an entry changed and that can be written back, with what each said before."""
    names = {label_of(name): name for name in RESTORED}
    for change in entry.item.changes:
        name = change.name or names.get(change.field, "")
        if name in RESTORED:
            yield name, change.old


def ways_back(entries: Sequence[audit.Entry]) -> set[str]:
    """Return the keys of those of a book's latest entries, newest first, from which a way leads back.

    With such an entry the book came to say something else, and so it did once more since. The
    oldest one leads back to what the book said before all the others, whatever it tells of itself.
    """
    ways, is_changed_since = set(), False
    for entry in entries:
        is_change = entry.is_addition or any(_said_before(entry))
        if is_changed_since and (is_change or entry is entries[-1]):
            ways.add(str(entry.item.log_key))
        is_changed_since = is_changed_since or is_change
    return ways


def _is_same_number(field: Any, now: str, then: str) -> bool:
    """Tell whether two values of a number's field are equal, such as 4.50 and 4.5."""
    if not isinstance(field, models.DecimalField) or not now or not then:
        return False
    try:
        return bool(field.to_python(now) == field.to_python(then))
    except ValidationError:  # as an older version may have written it
        return False


def _restore(admin: ToolsAdmin, request: HttpRequest, book: Any, form: RestoreForm) -> str:
    told = _("Went back to the version of %(moment)s.") % {"moment": form.moment}
    if form.moment and not form.ways:  # as after the same form
        return told
    if not form.possible:
        raise RefusedError(_("Nothing was changed."))  # the page says why
    changes = [field_change(way.name, way.now, way.then) for way in form.possible]
    with in_the_admins_words():
        services.revise_book(
            book_id=book.pk,
            version=form.seen or 0,
            at=timezone.now(),
            beside=admin.beside(request, book, told, changes=changes),
            **said({way.name: way.then for way in form.possible}),
        )
    return told


RESTORE = Tool(
    "restore",
    gettext_lazy("Restore this version"),
    "change",
    _restore,
    form=RestoreForm,
    page="history",
    template="admin/catalog/book/restore.html",
)
