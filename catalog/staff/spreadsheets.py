"""Books as spreadsheets in the admin: taking a selection or the whole catalogue home, and bringing books back."""

import re
import secrets
from functools import partial
from itertools import batched
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.dynamodb.admin.pages import PagesAdmin
from bookstore.tasks import calls, services
from bookstore.tasks.errors import TaskNotBegunError
from bookstore.tasks.models import Task
from catalog import book_export, book_import, spreadsheet
from catalog.book_export import SelectionTooLargeError
from catalog.book_import import PlanGoneError
from catalog.csv_import import ImportFileError
from catalog.selectors import BOOKS_A_BATCH, books_by_id

_NAME = re.compile(r"[0-9a-f]{32}")


class SpreadsheetPages(PagesAdmin):
    """What a ``BookAdmin`` is told of spreadsheets: the action ``export_csv``, and the pages behind the list's links."""

    @admin.action(permissions=["view"], description=gettext_lazy("Export selected books as CSV"))
    def export_csv(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Answer with a file of the selection; with a sentence where that is too large for an answer."""
        keys = batched([row.pk for row in queryset], BOOKS_A_BATCH)
        try:
            content = book_export.selection(book for some in keys for book in books_by_id(some).values())
        except SelectionTooLargeError as error:
            messages.warning(request, str(error))
            return None
        name = book_export.file_name(timezone.localtime())
        return HttpResponse(
            content,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the links to those who may follow them."""
        more = {"may_import": self.may(request, "import"), **(extra_context or {})}
        return super().changelist_view(request, more)

    def get_urls(self) -> Any:
        """Put these pages before Django's own."""
        imports, exports = partial(self.page, "import"), partial(self.page, "view")
        return [
            path("import/", imports(self.import_view), name="catalog_book_import"),
            path("import/<slug:import_id>/", imports(self.plan_view), name="catalog_book_import_plan"),
            path("export/", exports(self.export_view), name="catalog_book_export"),
            path("export/<slug:export_id>/", exports(self.exported_view), name="catalog_book_exported"),
            *super().get_urls(),
        ]

    # --- Import ------------------------------------------------------------------------------------------

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file, and lead to what it would change."""
        problem = ""
        if request.method == "POST":
            try:
                plan = _plan_of(request.FILES.get("file"))
            except ImportFileError as error:
                problem = str(error)
            else:
                return HttpResponseRedirect(self.address("import_plan", book_import.keep(plan)))
        return self._page(
            request,
            "import.html",
            title=_("Import books"),
            problem=problem,
            columns=spreadsheet.COLUMNS,
            most_rows=spreadsheet.MOST_ROWS,
            most_bytes=spreadsheet.MOST_BYTES,
            most_megabytes=spreadsheet.MOST_BYTES // 1_000_000,
        )

    def plan_view(self, request: HttpRequest, import_id: str) -> HttpResponse:
        """Show what an import would change; after a yes, once, what became of it."""
        task = calls.find_task(book_import.task_id_of(_name(import_id)))
        now = timezone.now()
        asked_at = calls.when_asked(request.GET.get("asked", ""), at=now)
        state = calls.state_of(task, at=now, asked_at=asked_at)
        try:
            # A look at how far it is, every two seconds, needs no plan.
            under_way = state == services.RUNNING and _asks_for_part(request)
            plan = None if under_way else book_import.kept(import_id)
        except PlanGoneError as error:
            if state != services.DONE:  # what became of it is told for as long as the task is kept
                messages.error(request, str(error))
                return HttpResponseRedirect(self.address("import"))
            plan = None
        here = self.address("import_plan", import_id)
        if request.method == "POST":
            if state in {"", services.FAILED}:
                return self._asked(
                    request,
                    here,
                    lambda: book_import.ask_to_apply(
                        import_id, user_id=str(request.user.pk), user_name=str(request.user)
                    ),
                )
            return HttpResponseRedirect(here)
        return self._page(
            request,
            "import_plan.html",
            "_import_state.html",
            title=_("Import of %(name)s") % {"name": plan.name} if plan else _("Import of books"),
            plan=plan,
            here=here,
            task=task,
            state=state,
            asked=asked_at is not None,
            reached=_reached(task),
        )

    # --- Export ------------------------------------------------------------------------------------------

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Offer the whole catalogue as a file, and begin to make it."""
        if request.method == "POST":
            export_id = _name(request.POST.get("export", ""))
            here = self.address("exported", export_id)
            return self._asked(request, here, lambda: book_export.ask_to_export(export_id))
        return self._page(
            request, "export.html", title=_("Export the catalogue"), export_id=secrets.token_hex(16)
        )

    def exported_view(self, request: HttpRequest, export_id: str) -> HttpResponse:
        """Show how an export comes on, and lead to its file."""
        task = calls.find_task(book_export.task_id_of(_name(export_id)))
        now = timezone.now()
        asked_at = calls.when_asked(request.GET.get("asked", ""), at=now)
        state = calls.state_of(task, at=now, asked_at=asked_at)
        link = ""
        if task is not None and state == services.DONE and now - task.updated_at < book_export.KEPT:
            name = book_export.file_name(timezone.localtime(task.started_at))
            link = book_export.link_to(export_id, name=name)
        return self._page(
            request,
            "export.html",
            "_export_state.html",
            title=_("Export the catalogue"),
            export_id=export_id,
            asked=True,
            task=task,
            state=state,
            link=link,
            reached=_reached(task),
        )

    # --- Both --------------------------------------------------------------------------------------------

    def _asked(self, request: HttpRequest, here: str, ask: Any) -> HttpResponse:
        now = timezone.now()
        try:
            ask()
        except TaskNotBegunError:
            messages.error(request, _("Nobody could be asked to do it. Nothing was done; try again."))
            return HttpResponseRedirect(here)
        return HttpResponseRedirect(f"{here}?asked={now.timestamp()}")

    def _page(self, request: HttpRequest, page: str, part: str = "", **more: Any) -> TemplateResponse:
        """Show a page, or the part of it that htmx asks for while a task goes on."""
        template = part if part and _asks_for_part(request) else page
        return TemplateResponse(request, f"admin/catalog/book/{template}", self.frame(request, **more))


def _plan_of(sent: Any) -> book_import.Plan:
    """Return what a file that was sent would change; raise ``ImportFileError``."""
    if sent is None or not sent.size:
        raise ImportFileError(_("Choose a file that is not empty."))
    name = str(sent.name)[:100]
    spreadsheet.check_size(sent.size, name=name)
    return book_import.plan_of(sent.read(), name=name)


def _asks_for_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _name(text: str) -> str:
    """Return an import's or an export's name, as the shop draws them; 404 for another."""
    if not _NAME.fullmatch(text):
        raise Http404
    return text


def _reached(task: Task | None) -> dict[str, Any]:
    return (task.reached or {}) if task is not None else {}
