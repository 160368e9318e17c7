"""A book's stock: how many copies there are and why, receiving, adjusting, and the shelf they stand on."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from bookstore.dynamodb.pages import BadCursorError
from catalog import ledger, services
from catalog.staff.fields import field_change
from catalog.staff.refusals import in_the_admins_words
from catalog.stock import adjust_stock, receive_stock

REASONS = (  # offered; any other words do as well
    gettext_lazy("Counted"),
    gettext_lazy("Damaged"),
    gettext_lazy("Lost"),
    gettext_lazy("Found again"),
    gettext_lazy("Sent back to the publisher"),
)


class ReasonInput(AdminTextInputWidget):
    """A line of text that offers the usual reasons."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Add the list that the browser offers."""
        field = super().render(name, value, {**(attrs or {}), "list": f"{name}s"}, renderer)
        offered = format_html_join("", '<option value="{}"></option>', ((reason,) for reason in REASONS))
        return format_html('{}<datalist id="{}s">{}</datalist>', field, name, offered)


class ReceiveForm(ToolForm):
    """Copies that came in."""

    copies = forms.IntegerField(
        label=gettext_lazy("Copies that came in"), widget=forms.NumberInput(attrs={"min": 1})
    )
    reason = forms.CharField(label=gettext_lazy("Note"), required=False, widget=AdminTextInputWidget)


class AdjustForm(ToolForm):
    """What was counted on the shelf, against what the page showed."""

    counted = forms.IntegerField(
        label=gettext_lazy("Copies there are"), widget=forms.NumberInput(attrs={"min": 0})
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,  # the service says so, in better words
        widget=ReasonInput,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["counted"] = self.row.stock

    @staticmethod
    def seen_of(row: Any) -> int:
        """Return the copies: what is said of the book may change while somebody counts them."""
        return int(row.stock)


class ShelveForm(ToolForm):
    """The shelf a book stands on."""

    location = forms.CharField(label=gettext_lazy("Shelf"), required=False, widget=AdminTextInputWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["location"] = self.row.location


def page(admin: ToolsAdmin, request: HttpRequest, book: Any) -> TemplateResponse:
    """Show a book's stock and its ledger: one GetItem, one Query."""
    older, newer = request.GET.get("older", ""), request.GET.get("newer", "")
    try:
        found = ledger.ledger_page(book.pk, stock=book.stock, older=older, newer=newer)
    except BadCursorError:
        messages.warning(request, _("This page is no longer good; here is the first one."))
        found = ledger.ledger_page(book.pk, stock=book.stock)
    tools = admin.tools_of(request, book, "stock")
    context = admin.frame(request, _("Stock"), book, page=found, tools=tools)
    return TemplateResponse(request, "admin/catalog/book/stock.html", context)


def _receive(admin: ToolsAdmin, request: HttpRequest, book: Any, form: ReceiveForm) -> str:
    copies = form.cleaned_data["copies"]
    told = ngettext("Received %(count)d copy.", "Received %(count)d copies.", copies) % {"count": copies}
    with in_the_admins_words():
        done = receive_stock(
            book_id=book.pk,
            copies=copies,
            reason=form.cleaned_data["reason"],
            by=str(request.user),
            at=timezone.now(),
            form_id=form.token,
            beside=admin.beside(request, book, told),
        )
    return told if done else _sent_before()


def _adjust(admin: ToolsAdmin, request: HttpRequest, book: Any, form: AdjustForm) -> str:
    seen, counted, reason = form.seen or 0, form.cleaned_data["counted"], form.cleaned_data["reason"]
    told = _("Adjusted the stock from %(seen)d to %(counted)d: %(reason)s.")
    with in_the_admins_words():
        done = adjust_stock(
            book_id=book.pk,
            seen=seen,
            counted=counted,
            reason=reason,
            by=str(request.user),
            at=timezone.now(),
            form_id=form.token,
            beside=admin.beside(request, book, told % {"seen": seen, "counted": counted, "reason": reason}),
        )
    return _("The stock is %(count)d now.") % {"count": counted} if done else _sent_before()


def _sent_before() -> str:
    return _("This form was sent before: nothing was changed again.")


def _shelve(admin: ToolsAdmin, request: HttpRequest, book: Any, form: ShelveForm) -> str:
    location = form.cleaned_data["location"] or None
    with in_the_admins_words():
        services.revise_book(
            book_id=book.pk,
            version=form.seen or 0,
            at=timezone.now(),
            beside=admin.beside(request, book, changes=[field_change("location", book.location, location)]),
            location=location,
        )
    return _("The book stands there now.") if location else _("The book stands on no shelf now.")


TOOLS = (
    Tool("receive", gettext_lazy("Receive"), "receive", _receive, form=ReceiveForm, page="stock"),
    Tool("adjust", gettext_lazy("Adjust"), "adjust", _adjust, form=AdjustForm, page="stock"),
    Tool("shelve", gettext_lazy("Put on a shelf"), "shelve", _shelve, form=ShelveForm, page="stock"),
)
