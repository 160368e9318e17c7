"""The way back in a book's history: what it said at a moment, written as a new change."""

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
from catalog import services
from catalog.staff.fields import SAID, field_change, label_of, said
from catalog.staff.refusals import in_the_admins_words


@dataclass(frozen=True)
class WayBack:
    """A field that was changed since, with what it says now and what it said then."""

    name: str
    label: str
    now: str
    then: str
    problem: str = ""  # why it cannot be written back


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
        labels = {name: label_of(name) for name in SAID}
        names = {label: name for name, label in labels.items()}
        then: dict[str, str] = {}
        for entry in self._newer[1]:
            for change in entry.item.changes:
                name = change.name or names.get(change.field, "")
                if name in labels:
                    then[name] = change.old
        return [
            WayBack(
                name,
                labels[name],
                now,
                before,
                _("The log holds only its beginning: it stays as it is.") if audit.is_cut(before) else "",
            )
            for name, before in then.items()
            if (now := audit.written(getattr(self.row, name))) != before
            and not _is_same_number(opts.get_field(name), now, before)
        ]

    @property
    def possible(self) -> list[WayBack]:
        """What can be written back of it."""
        return [way for way in self.ways if not way.problem]


def _is_same_number(field: Any, now: str, then: str) -> bool:
    """Tell whether two values of a number's field are equal, such as 4.50 and 4.5."""
    if not isinstance(field, models.DecimalField) or not now or not then:
        return False
    try:
        return bool(field.to_python(now) == field.to_python(then))
    except ValidationError:  # as an older version may have written it
        return False


def _restore(admin: ToolsAdmin, request: HttpRequest, book: Any, form: RestoreForm) -> str:
    if not form.possible:
        raise RefusedError(_("Nothing was changed."))  # the page says why
    told = _("Went back to the version of %(moment)s.") % {"moment": form.moment}
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
