"""Authors in the admin: their books, and how their names are printed in all of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db import models, router
from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.errors import RefusedError
from bookstore.dynamodb.admin.models import CHANGED
from bookstore.dynamodb.admin.options import ACTION_SECONDS, tell_failures
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from bookstore.dynamodb.budget import waiting_at_most
from bookstore.dynamodb.pages import BadCursorError
from bookstore.dynamodb.tables import Beside
from bookstore.opensearch.errors import SearchUnavailableError
from catalog import keys, search, selectors, services
from catalog.drafts import BookFacts, facts_of
from catalog.errors import AuthorNotFoundError, BadBookError
from catalog.models import Book as BookItem
from catalog.models import Contribution
from catalog.staff.fields import logged_changes

ALREADY_SO = gettext_lazy("All these books print the name so already.")
SLUG_CHARACTERS = 100  # no author's is as long; DynamoDB refuses keys of 2 KB as a mistake


class Authors(Source):
    """Authors are what their books say of them; no index lists them all."""

    most_keys = 1  # each is a Query

    def __init__(self) -> None:
        super().__init__(Contribution, paths=[])

    def get_many(self, keys: Sequence[str]) -> list[Any]:
        """Return authors by their slugs: one Query of one item each."""
        return [
            self.author(str(slug), item.name)
            for slug in keys
            if 0 < len(str(slug)) <= SLUG_CHARACTERS
            for item in Contribution.query(str(slug), limit=1, page_size=1)
        ]

    def author(self, slug: str, name: str) -> Any:
        """Make the row of an author."""
        return self.model.from_db(router.db_for_read(self.model), ["slug", "name"], [slug, name])


class Author(FacadeModel):
    """An author, translator, illustrator or editor as staff see them."""

    slug = models.CharField(gettext_lazy("address"), primary_key=True, max_length=200, editable=False)
    name = models.CharField(gettext_lazy("name"), max_length=200, editable=False)

    source = Authors()

    class Meta(FacadeModel.Meta):
        app_label = "catalog"
        verbose_name = gettext_lazy("author")
        verbose_name_plural = gettext_lazy("authors")

    def __str__(self) -> str:
        return self.name


class NameForm(ToolForm):
    """How a name is printed."""

    name = forms.CharField(
        label=gettext_lazy("Name as printed"),
        widget=AdminTextInputWidget,
        help_text=gettext_lazy("Another spelling may mean another address."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = self.row.name


def _rename(_admin: ToolsAdmin, request: HttpRequest, author: Author, form: NameForm) -> str:
    """Print the name otherwise in all the books, and say which could not be changed."""
    name = form.cleaned_data["name"]

    def beside(book: BookItem, after: BookFacts) -> Beside:
        item = audit.entry_of(
            label="catalog.book",
            key=book.id,
            shown=book.title,
            user=request.user,
            kind=CHANGED,
            changes=logged_changes(facts_of(book), after),
        )
        return partial(audit.record, item=item)

    try:
        with waiting_at_most(ACTION_SECONDS):
            done = services.rename_author(slug=author.pk, name=name, at=timezone.now(), beside=beside)
    except BadBookError as error:
        raise RefusedError({"name": str(error)}) from error
    if done.changed and not (done.more or done.refused):
        author.pk = keys.author_slug(name)  # where all the books are now
    return _report(request, done)


@admin.register(Author)
class AuthorAdmin(ToolsAdmin):
    """Authors, found by the beginnings of their names."""

    list_display = ["name"]
    search_fields = ["name"]  # shows the box
    search_help_text = gettext_lazy("The beginning of a name, whoever has books on sale")
    tools = [
        Tool(
            "rename",
            gettext_lazy("Correct the name"),
            "change",
            _rename,
            form=NameForm,
            explained=gettext_lazy("In all books that are on sale, whatever the part in them."),
        )
    ]

    class Media:
        css = {"all": ["css/counter.css"]}

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Return whose names begin so, out of the search engine alone."""
        if not search_term.strip():
            return super().get_search_results(request, queryset, search_term)
        try:
            names = search.suggested_authors(search_term)
        except SearchUnavailableError as error:
            messages.warning(request, str(error))
            names = []
        source: Authors = self.model.source
        rows = [source.author(keys.author_slug(name), name) for name in names]
        return queryset.with_rows(rows, total=len(rows)), False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Refuse: an author comes with a book."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: an author goes with the books."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: the books say who an author is; only how the name is printed in them is corrected."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - the same
        extra_context: Any = None,  # noqa: ARG002 - the same
    ) -> Any:
        """Show an author's books, and a form for the name."""
        if request.method == "POST":
            raise PermissionDenied
        return self.page("view", partial(self._page, slug=unquote(object_id)))(request)

    def tool_view(self, request: HttpRequest, object_id: str, tool: str) -> HttpResponseBase:
        """Do as ever; a correction that is sent twice leads to where the books went with the first."""
        if request.method == "POST" and self.may(request, "change"):
            moved = keys.author_slug(request.POST.get("name", ""))
            if not self.get_object(request, unquote(object_id)) and self.get_object(request, moved):
                messages.success(request, ALREADY_SO)
                return HttpResponseRedirect(self.address("change", moved))
        return super().tool_view(request, object_id, tool)

    def _page(self, request: HttpRequest, *, slug: str) -> HttpResponseBase:
        after, before = request.GET.get("after", ""), request.GET.get("before", "")
        try:
            found = self._books(request, slug, after=after, before=before)
        except AuthorNotFoundError as error:
            messages.warning(request, str(error))
            return HttpResponseRedirect(self.address("changelist"))
        author = self.model.source.author(slug, found.name)
        tools = self.tools_of(request, author)
        context = self.frame(request, found.name, author=author, page=found, tools=tools)
        return TemplateResponse(request, "admin/catalog/author/author.html", context)

    def _books(self, request: HttpRequest, slug: str, **cursors: str) -> selectors.AuthorPage:
        try:
            return selectors.author_page(slug, **cursors)
        except BadCursorError:
            messages.warning(request, _("This page is no longer good; here is the first one."))
            return selectors.author_page(slug)


def _report(request: HttpRequest, done: services.Renamed) -> str:
    """Say which books were not changed; return the sentence on the others."""
    tell_failures(request, list(done.refused.items()))
    if done.more:
        messages.warning(request, _("There are more books: change the name once more, and they follow."))
    count = len(done.changed)
    if not count and not done.refused:
        return str(ALREADY_SO)
    told = ngettext(
        "The name was changed in %(count)d book.", "The name was changed in %(count)d books.", count
    )
    return told % {"count": count}
