"""A book's history, and the way back: what it said at a moment, written as a new change."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin import audit
from catalog import services
from catalog.errors import BadBookError, BookChangedError, BookNotFoundError, DuplicateIsbnError
from catalog.staff import pages
from catalog.staff.fields import SAID, said


@dataclass(frozen=True)
class WayBack:
    """A field that was changed since, with what it says now and what it said then."""

    name: str
    label: str
    now: str
    then: str
    problem: str = ""  # why it cannot be written back


@pages.needs("change")
def restore(admin: Any, request: HttpRequest, book: Any, *, entry: str) -> HttpResponseBase:
    """Show what going back to the version after an entry of the log would change; on POST, change it.

    One GetItem and one Query; the save is ``revise_book``, against the version that was shown.
    """
    entries = audit.history(admin.opts.label_lower, str(book.pk))
    keys = [str(each.item.log_key) for each in entries]
    here = pages.address(admin, "history", book.pk)
    if (key := unquote(entry)) not in keys:
        messages.warning(request, _("The log has no such entry of this book, or it is too long ago."))
        return HttpResponseRedirect(here)
    place = keys.index(key)
    ways = _ways_back(admin, book, entries[:place])
    moment = date_format(timezone.localtime(entries[place].action_time), "DATETIME_FORMAT")
    title = _("%(title)s as of %(moment)s") % {"title": book, "moment": moment}
    possible = [way for way in ways if not way.problem]
    if request.method == "POST" and possible:
        told = _("Went back to the version of %(moment)s.") % {"moment": moment}
        if _write_back(request, book, possible, told):
            messages.success(request, told)
            return HttpResponseRedirect(pages.address(admin, "change", book.pk))
        return HttpResponseRedirect(request.get_full_path())
    context = pages.frame(
        admin, request, book, title=title, ways=ways, possible=possible, moment=moment, seen=book.version
    )
    return TemplateResponse(request, "admin/catalog/book/restore.html", context)


def _ways_back(admin: Any, book: Any, newer: list[audit.Entry]) -> list[WayBack]:
    """Return what the entries after a moment have changed and is not so again; of each field the first change counts."""
    names = {str(capfirst(admin.opts.get_field(name).verbose_name)): name for name in SAID}
    then: dict[str, str] = {}
    labels = {name: label for label, name in names.items()}
    for entry in newer:
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
        if (now := audit.written(getattr(book, name))) != before
        and not _is_same_number(admin.opts.get_field(name), now, before)
    ]


def _is_same_number(field: Any, now: str, then: str) -> bool:
    """Tell whether two values of a number's field are equal, such as 4.50 and 4.5."""
    if not isinstance(field, models.DecimalField) or not now or not then:
        return False
    try:
        return bool(field.to_python(now) == field.to_python(then))
    except ValidationError:  # as an older version may have written it
        return False


def _write_back(request: HttpRequest, book: Any, ways: list[WayBack], told: str) -> bool:
    """Write old values back; tell whether that was done, and the person why not."""
    seen = request.POST.get("seen", "")
    try:
        services.revise_book(
            book_id=book.pk,
            version=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else 0,  # noqa: PLR2004 - digits
            at=timezone.now(),
            beside=pages.logged(
                request, book, told, [(way.label, way.now, way.then, way.name) for way in ways]
            ),
            **said({way.name: way.then for way in ways}),
        )
    except (BookChangedError, BookNotFoundError, DuplicateIsbnError, BadBookError) as error:
        messages.error(request, _("Nothing was changed: %(why)s") % {"why": error})
        return False
    return True
