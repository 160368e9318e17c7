"""A book's stock: how many copies there are and why, receiving, adjusting, and the shelf they stand on."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.pages import BadCursorError
from catalog import ledger, services
from catalog.errors import BadBookError, BookChangedError, BookNotFoundError, CatalogError, StockChangedError
from catalog.staff import pages
from catalog.stock import adjust_stock, receive_stock

REASONS = (  # offered; any other words do as well
    gettext_lazy("Counted"),
    gettext_lazy("Damaged"),
    gettext_lazy("Lost"),
    gettext_lazy("Found again"),
    gettext_lazy("Sent back to the publisher"),
)
SEEN_AT_MOST = 10**15  # of what a page said itself: more than a shop can have, and a number to DynamoDB


class ReceiveForm(forms.Form):
    """Copies that came in."""

    form_id = forms.CharField(widget=forms.HiddenInput)
    copies = forms.IntegerField(
        label=gettext_lazy("Copies that came in"), widget=forms.NumberInput(attrs={"min": 1})
    )
    reason = forms.CharField(
        label=gettext_lazy("Note"), required=False, widget=forms.TextInput(attrs={"class": "vTextField"})
    )


class AdjustForm(forms.Form):
    """What was counted on the shelf, against what the page showed."""

    form_id = forms.CharField(widget=forms.HiddenInput)
    seen = forms.IntegerField(min_value=0, max_value=SEEN_AT_MOST, widget=forms.HiddenInput)
    counted = forms.IntegerField(
        label=gettext_lazy("Copies there are"), widget=forms.NumberInput(attrs={"min": 0})
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,  # the service says so, in better words
        widget=forms.TextInput(attrs={"class": "vTextField", "list": "reasons"}),
    )


class ShelveForm(forms.Form):
    """The shelf a book stands on."""

    version = forms.IntegerField(min_value=0, max_value=SEEN_AT_MOST, widget=forms.HiddenInput)
    location = forms.CharField(
        label=gettext_lazy("Shelf"), required=False, widget=forms.TextInput(attrs={"class": "vTextField"})
    )


FORMS: Mapping[str, type[forms.Form]] = {"receive": ReceiveForm, "adjust": AdjustForm, "shelve": ShelveForm}


@pages.needs("view")
def stock(admin: Any, request: HttpRequest, book: Any) -> HttpResponseBase:
    """Show a book's stock and its ledger: one GetItem, one Query."""
    return _page(admin, request, book)


def change(admin: Any, request: HttpRequest, object_id: str, *, step: str) -> HttpResponseBase:
    """Receive, adjust or shelve, whichever the address says, and lead back to the page."""
    if step not in FORMS:
        raise Http404(step)
    answer: HttpResponseBase = pages.needs(step)(_change)(admin, request, object_id, step=step)
    return answer


def _change(admin: Any, request: HttpRequest, book: Any, *, step: str) -> HttpResponseBase:
    here = pages.address(admin, "stock", book.pk)
    if request.method != "POST":
        return HttpResponseRedirect(here)
    form = FORMS[step](request.POST, prefix=step)
    if form.is_valid():
        try:
            told = _STEPS[step](request, book, form.cleaned_data)
        except BookNotFoundError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(here)
        except BadBookError as error:
            for field, problem in error.problems.items():
                form.add_error(field if field in form.fields else None, problem)
        except (StockChangedError, BookChangedError) as error:
            form = _anew(form, step, book := admin.get_object(request, book.pk), error)
        else:
            messages.success(request, told) if told else messages.info(
                request, _("This form was sent before: nothing was changed again.")
            )
            return HttpResponseRedirect(here)
    return _page(admin, request, book, **{step: form})


def _anew(form: forms.Form, step: str, book: Any, error: CatalogError) -> forms.Form:
    """Return the form as it was filled in, on what the book has now, with what somebody else did."""
    now = {"seen": book.stock, "version": book.version}
    data = {form.add_prefix(name): now.get(name, form.cleaned_data.get(name, "")) for name in form.fields}
    again = FORMS[step](data, prefix=step)
    again.is_valid()
    again.add_error(None, f"{error} {_('Nothing was changed: send it again if it still holds.')}")
    return again


def _page(admin: Any, request: HttpRequest, book: Any, **bound: forms.Form) -> HttpResponseBase:
    older, newer = request.GET.get("older", ""), request.GET.get("newer", "")
    try:
        page = ledger.ledger_page(book.pk, stock=book.stock, older=older, newer=newer)
    except BadCursorError:
        messages.warning(request, _("This page is no longer good; here is the first one."))
        page = ledger.ledger_page(book.pk, stock=book.stock)
    initial: Mapping[str, dict[str, Any]] = {
        "receive": {"form_id": pages.draw_form_id()},
        "adjust": {"form_id": pages.draw_form_id(), "seen": book.stock, "counted": book.stock},
        "shelve": {"version": book.version, "location": book.location},
    }
    shown = {
        step: bound.get(step) or FORMS[step](initial=initial[step], prefix=step)
        for step in FORMS
        if pages.may(request, step, admin.opts)
    }
    context = pages.frame(
        admin,
        request,
        book,
        title=_("Stock: %(title)s") % {"title": book},
        page=page,
        steps=[(step, form, *_WORDS[step]) for step, form in shown.items()],
        reasons=REASONS,
    )
    return TemplateResponse(request, "admin/catalog/book/stock.html", context)


_WORDS = {
    "receive": (gettext_lazy("Receive"), gettext_lazy("Add to the stock")),
    "adjust": (gettext_lazy("Adjust"), gettext_lazy("Set the stock")),
    "shelve": (gettext_lazy("Shelf"), gettext_lazy("Put there")),
}


def _receive(request: HttpRequest, book: Any, said: dict[str, Any]) -> str:
    copies = said["copies"]
    told = ngettext("Received %(count)d copy.", "Received %(count)d copies.", copies) % {"count": copies}
    done = receive_stock(
        book_id=book.pk,
        copies=copies,
        reason=said["reason"],
        by=str(request.user),
        at=timezone.now(),
        form_id=said["form_id"],
        beside=pages.logged(request, book, told),
    )
    return told if done else ""


def _adjust(request: HttpRequest, book: Any, said: dict[str, Any]) -> str:
    seen, counted = said["seen"], said["counted"]
    done = adjust_stock(
        book_id=book.pk,
        seen=seen,
        counted=counted,
        reason=said["reason"],
        by=str(request.user),
        at=timezone.now(),
        form_id=said["form_id"],
        beside=pages.logged(
            request,
            book,
            _("Adjusted the stock from %(seen)d to %(counted)d: %(reason)s.")
            % {"seen": seen, "counted": counted, "reason": said["reason"]},
        ),
    )
    return _("The stock is %(count)d now.") % {"count": counted} if done else ""


def _shelve(request: HttpRequest, book: Any, said: dict[str, Any]) -> str:
    location = said["location"] or None
    services.revise_book(
        book_id=book.pk,
        version=said["version"],
        at=timezone.now(),
        beside=pages.logged(request, book, changes=[(_("Shelf"), book.location, location)]),
        location=location,
    )
    return _("The book stands there now.") if location else _("The book stands on no shelf now.")


_STEPS = {"receive": _receive, "adjust": _adjust, "shelve": _shelve}
