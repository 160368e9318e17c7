"""ModelAdmin over a façade: Django's, where it can be."""

import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ActionLocation, ShowFacets, helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import model_ngettext, unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pynamodb.exceptions import PynamoDBException

from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.changelists import CursorChangeList, RowsFormSet
from bookstore.dynamodb.admin.errors import (
    AwayError,
    ChangedMeanwhileError,
    MissingIndexError,
    RefusedError,
    SearchAwayError,
)
from bookstore.dynamodb.admin.forms import SEEN, FacadeForm, changed_by_others, they_changed
from bookstore.dynamodb.admin.models import ADDED, CHANGED, DELETED, LogItem
from bookstore.dynamodb.admin.querysets import MOST_ROWS, DynamoQuerySet
from bookstore.dynamodb.budget import waiting_at_most
from bookstore.dynamodb.errors import is_transient
from bookstore.dynamodb.pages import page_number

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

# That an action may take: API Gateway, as most gateways, hangs up after 29 seconds, and the row that was
# begun last has the other nine. DynamoDB may be waited for as long; a page has less.
ACTION_SECONDS = 20.0
STAMPS = "_stamps"  # the hidden field with those of the ticked rows, as they were seen, in their order
LOG_KEY_CHARACTERS = 100  # more than any has: what an address says is no longer than a key may be
AUTOCOMPLETED = 20  # hits a page, as Django's view has it
FAILURES_TOLD = 5  # by name; the others are counted
NAME_CHARACTERS = 60  # of each: messages are kept in a cookie, which holds two kilobytes or nothing


@dataclass(frozen=True)
class Hits:
    """What a search found: the keys of one page, and how many there are in all.

    A search that has the whole ``rows`` at hand gives them too: they are not read again.
    """

    keys: Sequence[str]
    total: int
    rows: Sequence[Any] | None = None


class FirstPage(Paginator):  # type: ignore[type-arg]  # of whatever rows
    """Pages of rows that nobody counts: there is the first one."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, as far as anybody knows."""
        rows: Any = self.object_list
        try:
            return int(rows.count())
        except MissingIndexError:
            self.object_list = rows.with_rows(rows[: self.per_page])
            return len(self.object_list)


class FacadeAdmin(_ModelAdmin):
    """Lists by index, forms that lock optimistically, and a log of every change.

    ``search`` may be overridden to ask a search engine; set ``search_fields`` to show its box.
    Rows of an index that lacks a column of ``list_display`` are completed by a BatchGetItem;
    ``list_whole`` does so always, for columns that are methods.
    """

    form = FacadeForm
    paginator = FirstPage
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 25
    list_whole = False
    no_list = gettext_lazy("Choose a filter, or search.")  # said where no index holds all rows
    most_hits = 10_000  # beyond which the search engine shows none

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        _know_content_type(model)

    def search(
        self, request: HttpRequest, term: str, *, filters: dict[str, Any], page: int, size: int
    ) -> Hits:
        """Ask the search engine; raise ``SearchAwayError`` when it does not answer."""
        raise NotImplementedError

    # --- Lists -------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002, D102 - Django's
        return CursorChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Answer with the list; with 403 where an action is asked for that this person has no right to."""
        self._check_action(request, ActionLocation.CHANGE_LIST, "action")
        try:
            answer = super().changelist_view(request, extra_context)
        except RefusedError as error:
            return self.to_the_list(request, error)
        listed = getattr(answer, "context_data", {}).get("cl")
        if listed is not None and listed.formset is not None and listed.formset.is_bound:
            # Shown again, a row stands beside its own form, wherever the list has it by now.
            listed.result_list = [form.instance for form in listed.formset.forms]
        return answer

    def _check_action(self, request: HttpRequest, location: Any, field: str) -> None:
        """Refuse an action that was not offered: Django takes it for no action, and answers with the page."""
        if named := set(request.POST.getlist(field)):
            offered = self.get_actions(request, location)
            if named & {each.name for each in self._get_base_actions(location)} - offered.keys():  # type: ignore[attr-defined]  # the stubs leave it out
                raise PermissionDenied

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; the plain one, with a message, when the address asks for what no list has.

        The request asks for the plain one from then on, so that headings and columns follow the rows.
        Raises ``RefusedError`` where all rows of the list that is not there were chosen for an action.
        """
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters:
            sentence = _("There is no such filter; here is the whole list.")
        except MissingIndexError:
            sentence = _("This list cannot be filtered by that, or not by all of it together.")
        if _is_across(request):
            raise RefusedError(
                f"{sentence} {_('This is not the list that you chose from. Nothing was done.')}"
            )
        if request.method != "POST":  # which leads to a page that says so
            messages.warning(request, sentence)
        kept: Any = QueryDict(mutable=True)
        for name in ("_popup", "_to_field"):
            if name in request.GET:
                kept[name] = request.GET[name]
        request.GET = kept
        return super().get_changelist_instance(request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Return what the search engine finds, for the list's box and for autocompletion."""
        match = request.resolver_match
        completing = match is not None and match.url_name == "autocomplete"
        if not search_term.strip():
            # A list that no index gives has nothing to offer before a letter is typed.
            return (_listed(queryset) if completing else queryset), False
        size = AUTOCOMPLETED if completing else self.list_per_page
        page = page_number(request.GET.get("page" if completing else PAGE_VAR, ""))
        page = min(max(page, 1), max(self.most_hits // size, 1))

        def ask() -> Hits:
            return self.search(
                request, search_term.strip(), filters=queryset.equalities(), page=page, size=size
            )

        try:
            hits = ask()
            if page > 1 and not hits.keys and not completing:
                messages.warning(request, _("This page is no longer good; here is the first one."))
                page = 1
                hits = ask()
        except SearchAwayError as error:
            messages.warning(request, str(error))
            hits = Hits((), 0)
        except MissingIndexError:
            messages.warning(request, _("A search cannot be narrowed by that filter: take it away first."))
            hits = Hits((), 0)
        before = (page - 1) * size
        if hits.rows is not None:
            return queryset.with_rows(hits.rows, total=hits.total, before=before), False
        return queryset.hits(hits.keys, total=hits.total, before=before), False

    # --- Forms -------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the parts of a row's key, once it has one: DynamoDB changes no key."""
        named = super().get_readonly_fields(request, obj)
        keys = {obj.source.hash_key, obj.source.range_key} if obj is not None else set()
        parts = [
            field.name for field in self.opts.concrete_fields if field.attname in keys and field.editable
        ]
        return [*named, *(name for name in parts if name not in named)]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Have each field carry the value that the reader saw."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and not isinstance(field, forms.FileField):
            field.show_hidden_initial = True
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Return the form, which repeats what the application refused, and helps nobody who may only look."""
        if change and not self.has_change_permission(request, obj):
            kwargs["help_texts"] = {field.name: "" for field in self.opts.get_fields()}
        form = super().get_form(request, obj, change, **kwargs)
        form.refused = getattr(request, "_refused", {})  # type: ignore[attr-defined]  # FacadeForm's
        return form

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> Any:
        """Show an embedded list as it is stored where somebody else changed it meanwhile: its rows may be others."""
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if "data" in kwargs and not obj._state.adding and inline.has_change_permission(request, obj):
            sent = inline.get_formset(request, obj)(**kwargs)
            if sent.is_outdated():
                settled = sent.says(obj) or not sent.has_changed()
                kwargs = {"instance": obj, "prefix": prefix, "settled": settled}
                if not settled:
                    sentence = _(
                        "The list of %(name)s shows what is stored now; make your changes to it again."
                    )
                    messages.warning(request, sentence % {"name": inline.opts.verbose_name_plural})
        return kwargs

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form of a list's row, which sees others' changes too."""
        return super().get_changelist_form(request, **{"form": FacadeForm, **kwargs})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the forms of a list's rows."""
        return super().get_changelist_formset(request, **{"formset": RowsFormSet, **kwargs})

    def _save_formset(self, request: HttpRequest, formset: Any) -> None:
        """Save the rows of a list that were changed, each by itself, and say which could not be."""
        changed = {form.instance: form for form in formset.forms if form.has_changed()}

        def save(row: Any) -> None:
            self.save_form(request, changed[row], change=True)
            self.save_model(request, row, changed[row], change=True)
            self.save_related(request, changed[row], formsets=[], change=True)

        def done(count: int) -> str:
            sentence = ngettext("%(count)d %(rows)s was saved.", "%(count)d %(rows)s were saved.", count)
            return sentence % {"count": count, "rows": model_ngettext(self.opts, count)}

        with waiting_at_most(ACTION_SECONDS):
            mine = [row for row in changed if self.has_change_permission(request, row)]
            self.for_each(request, mine, save, done=done)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Answer with the form again when the application, or somebody else's change, was in the way."""
        location = ActionLocation.CHANGE_FORM
        self._check_action(request, location, f"{location.value}-action")
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ChangedMeanwhileError:
            # It was saved between our reading and our writing: read anew, the form sees it by itself.
            if object_id is None or "_saveasnew" in request.POST:
                if row := self._made_before(request):
                    return self.response_add(request, row)
                request._refused = {self.opts.pk.name: _("There is such a row already.")}  # type: ignore[attr-defined]
        except RefusedError as error:
            request._refused = error.problems  # type: ignore[attr-defined]
        except AwayError as error:
            return self.to_the_list(request, error)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _made_before(self, request: HttpRequest) -> Any:
        """Return the row that the form for a new one has made already, when it was sent twice; else None."""
        form: Any = self.get_form(request)(request.POST, request.FILES)
        if not form.is_valid():
            return None
        row = self.get_object(request, _keyed(form.instance).pk)
        lists, _inlines = self._create_formsets(request, form.instance, change=False)  # type: ignore[attr-defined]  # the stubs leave it out
        return row if row is not None and all(each.says(row) for each in (form, *lists)) else None

    def to_the_list(self, request: HttpRequest, error: AwayError | RefusedError) -> HttpResponse:
        """Lead to the list, which says why this is not what was asked for."""
        messages.error(request, str(error))
        opts = self.opts
        return HttpResponseRedirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:  # noqa: FBT001 - Django's signature
        """Return the row as the form says it, and remember what that is: ``save_model`` may say more."""
        row = super().save_form(request, form, change)
        form.said = {name: getattr(row, name) for name in row.known_fields()}
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Wait: the row's embedded lists belong into the same write. What an override sets is stored with them."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Write the row, with its embedded lists and the log's entry, in one transaction."""
        row = form.instance
        changed = {
            row._meta.get_field(name).attname: getattr(row, row._meta.get_field(name).attname)
            for name in form.changed_data
        }
        changes = [
            (_label(form, name), form.initial.get(name), form.cleaned_data[name], name)
            for name in form.changed_data
        ]
        for name, said in form.said.items():
            if (value := getattr(row, name)) != said:
                changed[name] = value
                title = str(capfirst(row._meta.get_field(name).verbose_name))
                changes.append((title, said, value, name))
        for formset in formsets:
            if formset.has_changed():
                before, after = formset.stored_list(), formset.wanted_list()
                changed[formset.attribute] = after
                title = str(capfirst(formset.model._meta.verbose_name_plural))
                changes.append((title, before, after, formset.attribute))
        _keyed(row)
        item = self.log_entry(request, row, CHANGED if change else ADDED, changes)
        beside = partial(audit.record, item=item)
        if not change:
            for name, value in changed.items():
                setattr(row, name, value)
            row.source.create(row, beside=beside)
        elif changed:
            row.source.update(row, changed=changed, version=form.version_seen, beside=beside)
        row.stored().logged = item

    def construct_change_message(self, request: Any, form: Any, formsets: Any, add: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        """Return nothing: the log holds the values themselves."""
        return []

    # --- The log -----------------------------------------------------------------------------------------

    def log_entry(
        self,
        request: HttpRequest,
        row: Any,
        kind: str,
        changes: Iterable[audit.Change] = (),
        message: str = "",
    ) -> LogItem:
        """Return what the log is to say of a change; override it for what must not stand in a log."""
        return audit.entry(user=request.user, row=row, kind=kind, changes=changes, message=message)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Do nothing where the entry was written with the row, in one transaction; else write it."""
        return self._log_unless_done(request, obj, ADDED, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Do nothing where the entry was written with the row, in one transaction; else write it."""
        return self._log_unless_done(request, obj, CHANGED, message)

    def _log_unless_done(self, request: HttpRequest, row: Any, kind: str, message: Any) -> None:
        if getattr(row, "logged", None) is None:
            audit.store(
                self.log_entry(request, row, kind, message=message if isinstance(message, str) else "")
            )

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Do nothing: the entry is written in the transaction that deletes."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show a row's history out of the audit log, newest first; an address says before which entry."""
        try:
            row = self.get_object(request, unquote(object_id))
        except AwayError as error:
            return self.to_the_list(request, error)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        before = request.GET.get("before", "")[:LOG_KEY_CHARACTERS]
        entries = audit.history(
            self.opts.label_lower, str(row.pk), limit=audit.ENTRIES_SHOWN + 1, before=before
        )
        shown, older = entries[: audit.ENTRIES_SHOWN], entries[audit.ENTRIES_SHOWN :]
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Change history: %s") % row,
            "subtitle": None,
            "action_list": shown,
            "older": shown[-1].item.log_key if older else None,
            "newest": not before,
            "module_name": str(capfirst(self.opts.verbose_name_plural)),
            "object": row,
            "opts": self.opts,
            "preserved_filters": self.get_preserved_filters(request),
            **(extra_context or {}),
        }
        template = self.object_history_template or [
            f"admin/{self.opts.app_label}/{self.opts.model_name}/object_history.html",
            f"admin/{self.opts.app_label}/object_history.html",
            "admin/object_history.html",
        ]
        return TemplateResponse(request, template, context)

    # --- Deleting ----------------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes; rows are read once, and have no relations that go along."""
        return super().get_deleted_objects(list(objs), request)

    def why_kept(self, row: Any) -> str:  # noqa: ARG002 - for those that override it
        """Return why a row cannot be deleted, where that is known before anybody is asked."""
        return ""

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> Any:
        """Say so instead of asking; else have the question carry what its reader saw of the row, as a form does."""
        row = context["object"]
        form = self.get_form(request, row, change=True)(instance=row)
        return super().render_delete_form(request, {**context, "kept": self.why_kept(row), "form": form})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row together with the log's entry, unless somebody changed it since this person was asked."""
        if SEEN in request.POST:
            form = self.get_form(request, obj, change=True)(request.POST, instance=obj)
            others = [name for name, _stored in changed_by_others(form)]
            if others or request.POST[SEEN] != str(obj.stamp()):
                sentence = _("Someone else saved this meanwhile, and it was not deleted.")
                raise ChangedMeanwhileError(sentence + they_changed(form, others))
        obj.source.delete(obj, beside=partial(audit.record, item=self.log_entry(request, obj, DELETED)))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Say so when the row cannot go."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except (ChangedMeanwhileError, RefusedError) as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        except AwayError as error:
            return self.to_the_list(request, error)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete the rows of a selection one by one, and say which could not go, or were changed meanwhile."""
        seen = self.stamps_seen(request)

        def delete(row: Any) -> None:
            if seen and seen.get(row.pk) != row.stamp():
                raise ChangedMeanwhileError
            self.delete_model(request, row)

        def done(count: int) -> str:
            sentence = ngettext("%(count)d %(rows)s was deleted.", "%(count)d %(rows)s were deleted.", count)
            return sentence % {"count": count, "rows": model_ngettext(self.opts, count)}

        self.for_each(request, queryset, delete, done=done)

    # --- Actions -----------------------------------------------------------------------------------------

    def response_action(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action on the ticked rows, or on all rows of the list, up to ``MOST_ROWS`` of them."""
        _action_ends(request)  # so many seconds from now on
        with waiting_at_most(ACTION_SECONDS):
            try:
                return self._act(request, queryset, *args, **kwargs)
            except (RefusedError, AwayError) as error:
                messages.warning(request, str(error))
                return None

    def _act(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> HttpResponse | None:
        try:
            keys = self._all_of(queryset) if _is_across(request) else self._ticked(request)
            if len(keys) > MOST_ROWS:
                sentence = _(
                    "An action takes at most %(most)s rows at once: narrow the list first. Nothing was done."
                )
                messages.warning(request, sentence % {"most": number_format(MOST_ROWS, force_grouping=True)})
                return None
            chosen = self._chosen(request, keys)
        except MissingIndexError:
            sentence = _("There is no list of just these: tick rows, or choose a filter. Nothing was done.")
            messages.warning(request, sentence)
            return None
        response: HttpResponse | None = super().response_action(request, chosen, *args, **kwargs)
        return response

    def _ticked(self, request: HttpRequest) -> Sequence[str]:
        return list(dict.fromkeys(request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)))

    def stamps_seen(self, request: HttpRequest) -> dict[str, int]:
        """Return the stamps of the ticked rows, as their reader saw them, by key; none where the page carries none.

        Raises ``RefusedError`` unless there is one for each row.
        """
        if STAMPS not in request.POST:
            return {}
        try:
            return dict(zip(self._ticked(request), map(int, request.POST[STAMPS].split()), strict=True))
        except ValueError:
            raise RefusedError(_("This form is broken. Please open it again.")) from None

    def _all_of(self, queryset: DynamoQuerySet) -> Sequence[str]:
        if queryset.total is not None:
            raise RefusedError(
                _("An action on all hits of a search is not possible: tick rows, or filter instead.")
            )
        return [row.pk for row in queryset[: MOST_ROWS + 1]]

    def _chosen(self, request: HttpRequest, keys: Sequence[str]) -> Any:
        """Return the rows of these keys, of those that this admin shows to this person at all."""
        shown: Any = self.get_queryset(request).order_by()
        rows: list[Any] = []
        for some in batched(keys, shown.source.most_keys):
            if time.monotonic() >= _action_ends(request):
                raise AwayError(_("It took too long to read the rows: choose fewer. Nothing was done."))
            rows += shown.filter(pk__in=some)
        chosen = _Chosen(self.model, shown.filter(pk__in=keys).query)
        chosen._result_cache = rows
        return chosen

    def for_each(
        self,
        request: HttpRequest,
        rows: Iterable[Any],
        act: Callable[[Any], object],
        *,
        done: Callable[[int], str],
    ) -> int:
        """Do something with each row of an action's selection, and report; return how often it worked.

        One that is refused does not stop the others. Where DynamoDB answers no more, or
        ``ACTION_SECONDS`` are over, no other row is begun, and what was done is reported all the same:
        the action is then run again for the rest, so it has to be one that may happen twice to a row.
        ``done`` makes the sentence for the rows that worked out of their number.
        """
        worked, failed, left = 0, [], list(rows)
        while left and time.monotonic() < _action_ends(request):
            try:
                act(left[0])
            except (ChangedMeanwhileError, RefusedError, AwayError) as error:
                failed.append((left[0], error))
            except (PynamoDBException, BotoCoreError, ClientError) as error:
                if not is_transient(error) or not (worked or failed):
                    raise
                break
            else:
                worked += 1
            left.pop(0)
        if worked:
            messages.success(request, done(worked))
        tell_failures(request, failed)
        if left:
            sentence = ngettext(
                "It took too long: %(first)s is left. Do the same once more for it.",
                "It took too long: %(count)d are left, from %(first)s on. Do the same once more for them.",
                len(left),
            )
            messages.error(request, sentence % {"count": len(left), "first": _in_short(left[0])})
        return worked

    # --- What would ask content types ------------------------------------------------------------------------

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        """Return the row's own page."""
        if obj is None or not self.view_on_site or not hasattr(obj, "get_absolute_url"):
            return None
        return str(obj.get_absolute_url())


class _Chosen(DynamoQuerySet):
    """The rows of an action, which were read already; those of them that an action filters are read once more."""

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        """Return the same where Django filters by the ticked keys once more."""
        if not args and kwargs.keys() == {"pk__in"} and {row.pk for row in self} <= set(kwargs["pk__in"]):
            return self
        return super().filter(*args, **kwargs)


def _keyed(row: Any) -> Any:
    """Return the row; a new one that was given no key gets its source's."""
    if row.pk in (None, ""):
        row.pk = row.source.key_of(row)
    return row


def tell_failures(request: HttpRequest, failed: Sequence[tuple[object, object]]) -> None:
    """Say how many of many rows failed, if any, and of the first of them which and why."""
    if failed:
        sentence = ngettext(
            "Nothing was done with %(which)s", "Nothing was done with %(count)d: %(which)s", len(failed)
        )
        told = [f"{_in_short(row)}: {why}" for row, why in failed[:FAILURES_TOLD]]
        which = " ".join(told) + (" …" if len(failed) > FAILURES_TOLD else "")
        messages.error(request, sentence % {"count": len(failed), "which": which})


def _in_short(row: object) -> str:
    return Truncator(str(row)).chars(NAME_CHARACTERS)


def _is_across(request: HttpRequest) -> bool:
    """Tell whether somebody chose all rows of a list, on every page."""
    return request.POST.get("select_across", "0") != "0"


def _action_ends(request: HttpRequest) -> float:
    """Return when by the clock no other row is begun: ``ACTION_SECONDS`` after a request first asks."""
    ends: float = request.__dict__.setdefault("_action_ends", time.monotonic() + ACTION_SECONDS)
    return ends


def _listed(queryset: DynamoQuerySet) -> DynamoQuerySet:
    try:
        queryset.plan()
    except MissingIndexError:
        return queryset.with_rows([], total=0)
    return queryset


def _label(form: Any, name: str) -> str:
    return str(form[name].label)


def _know_content_type(model: Any) -> None:
    """Tell Django's content types of a model: a change form asks for its number, and there is no table."""
    meta = model._meta
    number = zlib.crc32(meta.label_lower.encode())
    made = ContentType(id=number, app_label=meta.app_label, model=meta.model_name)
    manager: Any = ContentType.objects
    manager._add_to_cache("default", made)


__all__ = ["FacadeAdmin", "Hits", "tell_failures"]
