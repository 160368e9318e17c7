"""What can be done with one row beside changing its fields: ship an order, lend a book.

A tool has a right, an address and, where it has to know something, a form of its own; one that
asks nothing is a button on the row's form. Each form carries what its reader saw of the row, and
a token of its own: whatever comes of it can be told from what another form asked for, so that a
form that is sent twice may be acted upon once.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bookstore.dynamodb.admin.audit import record
from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError
from bookstore.dynamodb.admin.models import CHANGED
from bookstore.dynamodb.admin.pages import PagesAdmin
from bookstore.dynamodb.tables import Beside

SEEN, TOKEN = "_seen", "_token"  # the hidden fields of every tool's form
_DIGITS = 16  # of either: more than a version has, and the token exactly
_TOKEN = re.compile(rf"[0-9a-f]{{{_DIGITS}}}", re.ASCII)


class ToolForm(forms.Form):
    """What a tool asks. ``row`` is the row as it is now, which may decide what can be asked."""

    def __init__(self, data: Any = None, *, row: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.row = row
        for name in (SEEN, TOKEN):
            self.fields[name] = forms.CharField(
                widget=forms.HiddenInput, required=False, max_length=_DIGITS, label=""
            )
        self.initial.update({SEEN: self.seen_of(row), TOKEN: secrets.token_hex(_DIGITS // 2)})

    @staticmethod
    def seen_of(row: Any) -> int | None:
        """Return what a reader sees of a row that others may change: its version; None where it has none.

        Override it where another number, such as a count, is what the reader goes by.
        """
        version: int | None = row.version_seen()
        return version

    @property
    def asked(self) -> list[str]:
        """The fields that a person fills in."""
        return [field.name for field in self.visible_fields()]

    @property
    def fieldset(self) -> helpers.Fieldset:
        """The same, as Django's template for fields takes them."""
        return helpers.Fieldset(self, fields=self.asked)  # type: ignore[arg-type]  # a plain form is as good

    @property
    def seen(self) -> int | None:
        """What the reader saw; None of a row that has no version."""
        return None if self.seen_of(self.row) is None else int(self.cleaned_data[SEEN])

    @property
    def token(self) -> str:
        """What tells this form from every other; the same when it is sent again."""
        return str(self.cleaned_data[TOKEN])

    def clean(self) -> dict[str, Any]:
        """Refuse a form that was not ours."""
        cleaned = super().clean() or self.cleaned_data
        seen, token = str(cleaned.get(SEEN, "")), str(cleaned.get(TOKEN, ""))
        known = self.seen_of(self.row) is None or (seen.isascii() and seen.isdigit())
        if not known or not _TOKEN.fullmatch(token):
            self.add_error(None, _("This form is broken. Please open it again."))
        return cleaned

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Say what the application refused, beside its field where there is one."""
        for name, problem in problems.items():
            self.add_error(name if name in self.asked else None, problem)


@dataclass(frozen=True)
class Tool:
    """One thing that can be done with a row."""

    name: str  # in its address
    label: str | Promise
    right: str  # as in Django's ``app.<right>_model``
    # Does it, of the admin, a request, the row and the form that was filled in, and returns the sentence
    # that says so. Raises ``RefusedError``, or ``ChangedMeanwhileError`` with who did what.
    act: Callable[[Any, HttpRequest, Any, Any], str]
    form: type[ToolForm] = ToolForm
    explained: str | Promise = ""  # above the form
    offered: Callable[[Any], bool] = lambda _row: True  # whether there is any use in it as the row is
    page: str = "change"  # of the row, which offers it, and which it leads back to
    template: str = "admin/tool.html"

    @property
    def asks(self) -> bool:
        """Whether it has a page of its own."""
        return self.form is not ToolForm


class ToolsAdmin(PagesAdmin):
    """An admin with ``tools``."""

    tools: Sequence[Tool] = ()

    def get_urls(self) -> Any:
        """Give each tool an address below the row's."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_tool"
        view = self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(self.tool_view))
        return [path("<path:object_id>/do/<slug:tool>/", view, name=name), *super().get_urls()]

    def tools_of(
        self, request: HttpRequest, row: Any, page: str = "change"
    ) -> list[tuple[Tool, str, ToolForm]]:
        """Return what this person can do with a row as it is, on one of its pages: each with address and form."""
        return [
            (tool, self.address("tool", row.pk, tool.name), tool.form(row=row, auto_id=f"id_{tool.name}_%s"))
            for tool in self.tools
            if tool.page == page and tool.offered(row) and self.may(request, tool.right)
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Show what can be done with the row."""
        if row := context.get("original"):
            context["tools"] = self.tools_of(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def beside(self, request: HttpRequest, row: Any, message: str = "", **told: Any) -> Beside:
        """Return what writes an entry of the log in the transaction of what it tells of."""
        return partial(record, item=self.log_entry(request, row, CHANGED, message=message, **told))

    def tool_view(self, request: HttpRequest, object_id: str, tool: str) -> HttpResponseBase:
        """Show a tool's form, or do what it says; either way nothing but a sentence comes of what cannot be."""
        wanted = next((each for each in self.tools if each.name == tool), None)
        if wanted is None:
            raise Http404(tool)
        return self.page_of_row(wanted.right, partial(self._tool, tool=wanted))(request, object_id=object_id)

    def _tool(self, request: HttpRequest, row: Any, *, tool: Tool) -> HttpResponseBase:
        if request.method == "POST":
            return self._use(request, tool, row)
        if not tool.asks or not tool.offered(row):
            if tool.asks:
                messages.warning(request, _("There is nothing to do any more: see below."))
            return self._back(tool, row)
        # As in Django's own forms, the address may say what a field begins with.
        return self._tool_page(request, tool, tool.form(row=row, initial=request.GET.dict()))

    def _use(self, request: HttpRequest, tool: Tool, row: Any) -> HttpResponseBase:
        form = tool.form(request.POST, row=row)
        if form.is_valid():
            try:
                said = tool.act(self, request, row, form)
            except ChangedMeanwhileError as error:
                row = self.get_object(request, str(row.pk)) or row
                form = self._asked_again(request, tool, row, SEEN)
                form.refuse({"": str(error)})
            except RefusedError as error:
                form = self._asked_again(request, tool, row, TOKEN)
                form.refuse(error.problems)
            else:
                messages.success(request, said)
                return self._back(tool, row)
        if tool.asks and tool.offered(row):
            return self._tool_page(request, tool, form)
        messages.error(request, " ".join(str(each) for told in form.errors.values() for each in told))
        return self._back(tool, row)

    def _asked_again(self, request: HttpRequest, tool: Tool, row: Any, anew: str) -> ToolForm:
        """Return the form as it was filled in, with one of its hidden fields as a new form has it.

        ``SEEN`` for somebody who has been told how the row stands now. ``TOKEN`` where nothing was done:
        whoever remembers the old one, such as a payment provider, would say no to it for ever.
        """
        data: Any = request.POST.copy()
        data[anew] = str(tool.form(row=row).initial[anew])
        return tool.form(data, row=row)

    def _back(self, tool: Tool, row: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.address(tool.page, row.pk))

    def _tool_page(self, request: HttpRequest, tool: Tool, form: ToolForm) -> TemplateResponse:
        key = form.row.pk
        address, back = self.address("tool", key, tool.name), self.address(tool.page, key)
        context = self.frame(request, tool.label, form.row, tool=tool, form=form, address=address, back=back)
        return TemplateResponse(request, tool.template, context)


__all__ = ["Tool", "ToolForm", "ToolsAdmin"]
