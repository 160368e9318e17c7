"""The prices of many books changed by percent: by how much, what that comes to, and then once."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.admin.options import ACTION_SECONDS, tell_failures
from bookstore.dynamodb.admin.tools import ToolsAdmin
from bookstore.dynamodb.budget import waiting_at_most
from bookstore.dynamodb.tables import Beside
from catalog import prices
from catalog.drafts import check_price
from catalog.errors import BadBookError
from catalog.prices import NewPrice
from catalog.staff.fields import field_change

ROUNDINGS = [
    (prices.CENT, gettext_lazy("the nearest penny")),
    (prices.NINETY_NINE, gettext_lazy("the nearest price that ends in .99")),
    (prices.HALF, gettext_lazy("the nearest 0.50")),
]

# The books chosen, as they were: number, version, title, price. Signed, so that nobody adds to them.
type Chosen = Sequence[Sequence[Any]]


class PercentForm(forms.Form):
    """By how much, and how what comes out is rounded."""

    chosen = forms.CharField(widget=forms.HiddenInput)
    percent = forms.DecimalField(
        label=gettext_lazy("Percent"),
        min_value=prices.LEAST_PERCENT,
        max_value=prices.MOST_PERCENT,
        max_digits=5,
        decimal_places=2,
        help_text=gettext_lazy("Such as 5, or -12.5 to lower them."),
    )
    rounding = forms.ChoiceField(label=gettext_lazy("Round to"), choices=ROUNDINGS)


def ask(admin: ToolsAdmin, request: HttpRequest, books: Any) -> HttpResponseBase:
    """Ask by how much the prices of these books change."""
    chosen = [(book.pk, int(book.version), str(book), str(book.price)) for book in books]
    return _page(admin, request, PercentForm(initial={"chosen": _signed(request, "chosen", chosen)}), chosen)


def preview(admin: ToolsAdmin, request: HttpRequest) -> HttpResponseBase:
    """Show what each book would cost; change nothing."""
    form = PercentForm(request.POST)
    chosen = _opened(request, "chosen")
    if chosen is None:
        return _lost(admin, request)
    if not form.is_valid():
        return _page(admin, request, form, chosen)
    percent, rounding = form.cleaned_data["percent"], form.cleaned_data["rounding"]
    rows = [_row(each, percent, rounding) for each in chosen]
    moves = [
        (*each, str(row["new"]))
        for each, row in zip(chosen, rows, strict=True)
        if not row["problem"] and row["new"] != row["old"]
    ]
    plan = _signed(request, "plan", moves)
    return _page(admin, request, form, chosen, rows=rows, moves=len(moves), plan=plan)


def apply(admin: ToolsAdmin, request: HttpRequest) -> HttpResponseBase:
    """Change the prices that the preview showed, each once, and say which could not be."""
    plan = _opened(request, "plan")
    if plan is None:
        return _lost(admin, request)
    titles = {book_id: title for book_id, _version, title, _old, _new in plan}
    moves = [
        NewPrice(book_id, version, Decimal(old), Decimal(new)) for book_id, version, _title, old, new in plan
    ]

    def beside(each: NewPrice) -> Beside:
        row = admin.model(pk=each.book_id, name=titles[each.book_id])
        return admin.beside(request, row, changes=[field_change("price", each.old, each.new)])

    with waiting_at_most(ACTION_SECONDS):
        done = prices.reprice_books(prices=moves, at=timezone.now(), beside=beside)
    _report(request, done, titles)
    return HttpResponseRedirect(admin.address("changelist"))


def _report(request: HttpRequest, done: prices.Repriced, titles: dict[str, str]) -> None:
    if count := len(done.changed):
        told = ngettext("%(count)d price was changed.", "%(count)d prices were changed.", count)
        messages.success(request, told % {"count": count})
    if count := len(done.there):
        told = ngettext("%(count)d book costs that already.", "%(count)d books cost that already.", count)
        messages.info(request, told % {"count": count})
    tell_failures(request, [(titles[book_id], why) for book_id, why in done.refused.items()])
    if done.more:
        sentence = _("Not all prices were changed: go back a page and send the same form again for the rest.")
        messages.error(request, sentence)


def _row(each: Sequence[Any], percent: Decimal, rounding: str) -> dict[str, Any]:
    _book_id, _version, title, price = each
    old = Decimal(price)
    new = prices.percent_of(old, percent, rounding)
    try:
        check_price(new)
    except BadBookError as error:
        return {"title": title, "old": old, "new": old, "problem": str(error)}
    return {"title": title, "old": old, "new": new, "problem": ""}


def _page(
    admin: ToolsAdmin, request: HttpRequest, form: PercentForm, chosen: Chosen, **more: Any
) -> HttpResponseBase:
    count = len(chosen)
    books = [(title, Decimal(price)) for _book_id, _version, title, price in chosen]
    title = ngettext("Change the price of %(count)d book", "Change the prices of %(count)d books", count)
    context = admin.frame(request, title % {"count": count}, form=form, books=books, **more)
    return TemplateResponse(request, "admin/catalog/book/prices.html", context)


def _signed(request: HttpRequest, field: str, rows: Any) -> str:
    return signing.dumps(list(rows), salt=_salt(request, field), compress=True)


def _opened(request: HttpRequest, field: str) -> Chosen | None:
    """Return what a form brings back in a field; None for what this person's page did not sign for it."""
    try:
        opened: Chosen = signing.loads(request.POST.get(field, ""), salt=_salt(request, field))
    except signing.BadSignature:
        return None
    return opened


def _salt(request: HttpRequest, field: str) -> str:
    return f"catalog.prices.{field}:{request.user.pk}"


def _lost(admin: ToolsAdmin, request: HttpRequest) -> HttpResponseBase:
    messages.warning(request, _("Choose the books whose prices are to change. Nothing was changed."))
    return HttpResponseRedirect(admin.address("changelist"))
