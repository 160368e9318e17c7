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
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from bookstore.dynamodb.admin.audit import record
from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError
from bookstore.dynamodb.admin.models import CHANGED
from bookstore.dynamodb.admin.options import FacadeAdmin
from bookstore.dynamodb.tables import Beside

SEEN, TOKEN = "_seen", "_token"  # the hidden fields of every tool's form
_TOKEN = re.compile(r"[0-9a-f]{16}", re.ASCII)


class ToolForm(forms.Form):
    """What a tool asks. ``row`` is the row as it is now, which may decide what can be asked."""

    def __init__(self, data: Any = None, *, row: Any, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.row = row
        for name in (SEEN, TOKEN):
            self.fields[name] = forms.CharField(
                widget=forms.HiddenInput, required=False, max_length=40, label=""
            )
        self.initial.update({SEEN: row.version_seen(), TOKEN: secrets.token_hex(8)})

    @property
    def asked(self) -> list[str]:
        """The fields that a person fills in."""
        return [name for name in self.fields if name not in {SEEN, TOKEN}]

    @property
    def seen(self) -> int | None:
        """The version that the reader saw; None of a row that has none."""
        return int(self.cleaned_data[SEEN]) if self.row.source.version else None

    @property
    def token(self) -> str:
        """What tells this form from every other; the same when it is sent again."""
        return str(self.cleaned_data[TOKEN])

    def clean(self) -> dict[str, Any]:
        """Refuse a form that was not ours."""
        cleaned = super().clean() or self.cleaned_data
        seen, token = str(cleaned.get(SEEN, "")), str(cleaned.get(TOKEN, ""))
        known = not self.row.source.version or (seen.isascii() and seen.isdigit())
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

    @property
    def asks(self) -> bool:
        """Whether it has a page of its own."""
        return self.form is not ToolForm


class ToolsAdmin(FacadeAdmin):
    """A FacadeAdmin with ``tools``."""

    tools: Sequence[Tool] = ()

    def get_urls(self) -> Any:
        """Give each tool an address below the row's."""
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}_tool"
        view = require_http_methods(["GET", "HEAD", "POST"])(self.tool_view)
        return [path("<path:object_id>/do/<slug:tool>/", wrap(view), name=name), *super().get_urls()]

    def may_use(self, request: HttpRequest, tool: Tool) -> bool:
        """Tell whether somebody has the right that a tool takes, and may see the row."""
        return self.may(request, tool.right) and self.has_view_permission(request)

    def may(self, request: HttpRequest, right: str) -> bool:
        """Tell whether somebody has a right of this model, as in ``app.<right>_model``."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.{right}_{self.opts.model_name}"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Show what can be done with the row as it is, by this person."""
        row = context.get("original")
        if row is not None:
            context["tools"] = [
                (tool, self._address(row, tool.name), tool.form(row=row))
                for tool in self.tools
                if tool.offered(row) and self.may_use(request, tool)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def beside(self, request: HttpRequest, row: Any, message: str, **told: Any) -> Beside:
        """Return what writes an entry of the log in the transaction of what it tells of."""
        return partial(record, item=self.log_entry(request, row, CHANGED, message=message, **told))

    def tool_view(self, request: HttpRequest, object_id: str, tool: str) -> Any:
        """Show a tool's form, or do what it says; either way nothing but a sentence comes of what cannot be."""
        wanted = next((each for each in self.tools if each.name == tool), None)
        if wanted is None:
            raise Http404(tool)
        if not self.may_use(request, wanted):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if request.method == "POST":
            return self._use(request, wanted, row)
        if not wanted.asks or not wanted.offered(row):
            if wanted.asks:
                messages.warning(request, _("There is nothing to do any more: see below."))
            return HttpResponseRedirect(self._address(row))
        return self._tool_page(request, wanted, wanted.form(row=row))

    def _use(self, request: HttpRequest, tool: Tool, row: Any) -> Any:
        form = tool.form(request.POST, row=row)
        if form.is_valid():
            try:
                said = tool.act(self, request, row, form)
            except ChangedMeanwhileError as error:
                row = self.get_object(request, str(row.pk)) or row
                form = self._asked_again(request, tool, row)
                form.refuse({"": str(error)})
            except RefusedError as error:
                form.refuse(error.problems)
            else:
                messages.success(request, said)
                return HttpResponseRedirect(self._address(row))
        if tool.asks and tool.offered(row):
            return self._tool_page(request, tool, form)
        messages.error(request, " ".join(str(each) for told in form.errors.values() for each in told))
        return HttpResponseRedirect(self._address(row))

    def _asked_again(self, request: HttpRequest, tool: Tool, row: Any) -> ToolForm:
        """Return the form as it was filled in, of somebody who has been told how the row stands now."""
        data: Any = request.POST.copy()
        data[SEEN] = str(row.version_seen())
        return tool.form(data, row=row)

    def _address(self, row: Any, tool: str = "") -> str:
        name = f"{self.opts.app_label}_{self.opts.model_name}_{'tool' if tool else 'change'}"
        return reverse(f"admin:{name}", args=[quote(row.pk), *([tool] if tool else [])])

    def _tool_page(self, request: HttpRequest, tool: Tool, form: ToolForm) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": tool.label,
            "subtitle": str(form.row),
            "tool": tool,
            "form": form,
            "hidden": [form[SEEN], form[TOKEN]],
            "fieldset": helpers.Fieldset(form, fields=form.asked, model_admin=self),  # type: ignore[arg-type]  # a plain form is as good
            "original": form.row,
            "back": self._address(form.row),
            "opts": self.opts,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/tool.html", context)


__all__ = ["Tool", "ToolForm", "ToolsAdmin"]
