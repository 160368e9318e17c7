"""Django's ChangeList, paging by cursors in both directions, and the forms of its rows."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.forms.models import BaseModelFormSet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin.errors import BadPageError, MissingIndexError
from bookstore.dynamodb.admin.plans import Listing
from bookstore.dynamodb.pages import Page

if TYPE_CHECKING:
    from bookstore.dynamodb.admin.querysets import DynamoQuerySet

    _FormSet = BaseModelFormSet[Any, Any]
else:
    _FormSet = BaseModelFormSet


class CursorChangeList(ChangeList):
    """A list that knows the page after this one and the page before, but not how many there are.

    Filters, links, titles and the rest are Django's. Search results have numbered pages and a
    total. What cannot be shown is said in a message above the first page.
    """

    after: str | None = None
    before: str | None = None
    ends: bool = False
    queryset: "DynamoQuerySet"
    root_queryset: "DynamoQuerySet"
    model_admin: Any

    def get_filters(self, request: HttpRequest) -> Any:
        """Return the filters; what none of them offers is no choice."""
        found: Any = super().get_filters(request)
        for each in found[0]:
            if isinstance(each, SimpleListFilter) and (chosen := each.value()):
                offered = {str(value) for value, _label in each.lookup_choices}
                if chosen not in offered:
                    raise IncorrectLookupParameters(chosen)
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Return the rows in the order asked for; in the list's own, or an index's, where none has them in that."""
        asked: Any = super().get_queryset(request, exclude_parameters)
        self._reordered = False
        if asked.total is not None:
            return asked
        own: Any = self.model_admin.get_ordering(request) or self.opts.ordering
        for rows in (asked, asked.order_by(*own), asked.order_by()):
            with suppress(MissingIndexError):
                rows.plan()
                self._reordered = rows is not asked
                return rows
        return asked

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        """Return one field to order by: in a heading's link those of the orders before stand behind it."""
        return (super().get_ordering(request, queryset) or self.opts.ordering or ())[:1]

    def get_ordering_field_columns(self) -> dict[int, Any]:
        """Return the column by which the rows are in order, and which way, whatever the address says."""
        planned: Any = None
        with suppress(MissingIndexError):
            planned = self.queryset.plan()
        if isinstance(planned, Listing):
            for number, name in enumerate(self.list_display):
                field = str(self.get_ordering_field(name))
                if field.removeprefix("-") == planned.path.sorts:
                    return {number: "asc" if field.startswith("-") is planned.descending else "desc"}
        return {}

    def get_results(self, request: HttpRequest) -> None:
        """Read the page that the address asks for."""
        self._cursor = request.GET.get(PAGE_VAR, "")
        self.show_full_result_count, self.can_show_all = False, False
        self.show_admin_actions = True
        if self.queryset.total is not None:
            self._show_hits(self.queryset, self.queryset.total)
        else:
            self._tell_of_unknown_sort(request)
            page = self._page(request, self.queryset)
            self.after, self.before, self.ends = page.after, page.before, page.ends
            self.result_list = self.queryset.with_rows(list(page.items))
            # Equal, so that Django does not take the page's rows for all results.
            self.result_count = self.full_result_count = len(page.items)
            self.multi_page = False
            self.paginator = Paginator(page.items, self.list_per_page)
            self._offer_sorts()

    def _show_hits(self, found: "DynamoQuerySet", total: int) -> None:
        self.result_list, self.result_count, self.full_result_count = found, total, None
        self.page_num = found.before // self.list_per_page + 1  # whatever the address says
        self.multi_page = total > self.list_per_page
        # Only its page numbers are used; the rows were found by the search engine.
        reachable = min(total, self.model_admin.most_hits)
        self.paginator = Paginator(range(reachable), self.list_per_page)
        self.sortable_by = []

    def _page(self, request: HttpRequest, rows: "DynamoQuerySet") -> Page[Any]:
        """Return the page, or the first one with a message; raise ``MissingIndexError`` where no index has the rows."""
        size = self.list_per_page
        try:
            whole = self._takes_whole_rows(rows)
            return rows.page(size, self._cursor, whole=whole)
        except BadPageError:
            messages.warning(request, _("This page is no longer good; here is the first one."))
            return rows.page(size, whole=whole)
        except MissingIndexError:
            if rows.query.where != self.root_queryset.query.where:
                raise
            messages.info(request, self.model_admin.no_list)
            return Page(items=[])

    def _takes_whole_rows(self, rows: "DynamoQuerySet") -> bool:
        """Tell whether the index leaves out something that the list shows, or that editing needs."""
        if self.list_editable or self.model_admin.list_whole:
            return True
        planned = rows.plan()
        if not isinstance(planned, Listing):
            return False
        fields = {field.attname for field in self.model._meta.concrete_fields if not field.primary_key}
        return any(
            name in fields and not rows.source.is_projected(str(name), planned.path)
            for name in self.list_display
        )

    def _tell_of_unknown_sort(self, request: HttpRequest) -> None:
        asked = str(self.params.get(ORDER_VAR, "")).partition(".")[0].removeprefix("-")
        known = {
            str(number) for number, name in enumerate(self.list_display) if self.get_ordering_field(name)
        }
        # The link that takes a sort away asks for none.
        if asked and (self._reordered or asked not in known):
            messages.warning(request, _("This list cannot be sorted by that column."))

    def _offer_sorts(self) -> None:
        """Make those columns clickable by which an index sorts these rows."""
        possible = self.queryset.sortable_fields()
        allowed = self.list_display if self.sortable_by is None else self.sortable_by
        self.sortable_by = [
            str(name) for name in allowed if str(self.get_ordering_field(name)).removeprefix("-") in possible
        ]

    # --- For templates/admin/pagination.html -----------------------------------------------------------------

    @property
    def has_other_pages(self) -> bool:
        """Whether rows of this list stand on other pages, as far as is known."""
        return bool((self.after and not self.ends) or self.before or self.multi_page)

    @property
    def first_url(self) -> str | None:
        """The list's beginning, when this is not it."""
        return self.get_query_string() if self._cursor and not self.multi_page else None

    @property
    def before_url(self) -> str | None:
        """The page before this one."""
        return self.get_query_string({PAGE_VAR: self.before}) if self.before else None

    @property
    def after_url(self) -> str | None:
        """The page after this one."""
        return self.get_query_string({PAGE_VAR: self.after}) if self.after else None


class RowsFormSet(_FormSet):
    """The forms of ``list_editable``: one for each row of a page, which are read together."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Carry each row's key; Django would look every one up in the store. Say whose each field is."""
        super().add_fields(form, index)
        for name in form._meta.fields:
            form.fields[name].widget.attrs["aria-label"] = f"{form[name].label}: {form.instance}"
        model: Any = self.model
        key = model._meta.pk.name
        form.fields[key] = forms.CharField(
            required=False, widget=forms.HiddenInput, initial=form.fields[key].initial, label=""
        )

    def clean(self) -> None:
        """Refuse keys of rows that are not there, or not there any more."""
        super().clean()
        if any(form.instance._state.adding for form in self.forms):
            raise forms.ValidationError(
                _(
                    "A row of this list is gone. Nothing was saved: open the list again, and make your changes."
                )
            )
