"""The site: Django's, with sign-in elsewhere and a log of its own."""

from functools import wraps
from http import HTTPStatus
from importlib import import_module
from threading import RLock
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import actions
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import engines
from django.template.library import import_library
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string, module_has_submodule
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.i18n import JavaScriptCatalog

from bookstore.dynamodb.admin import audit, panels

TEMPLATE_LIBRARIES = ("admin_filters", "admin_list", "admin_modify", "admin_urls", "log")


@admin.action(permissions=["delete"], description=gettext_lazy("Delete selected %(verbose_name_plural)s"))
def delete_selected(modeladmin: Any, request: HttpRequest, queryset: Any) -> Any:
    """Ask, as Django's action does; then delete one row after another, and report those that could not go."""
    if not request.POST.get("post"):
        return actions.delete_selected(modeladmin, request, queryset)
    if not all(modeladmin.has_delete_permission(request, row) for row in queryset):
        raise PermissionDenied
    modeladmin.delete_queryset(request, queryset)
    return None


class DynamoAdminSite(admin.AdminSite):
    """An admin site without SQL: what ``django.contrib.admin.site`` is in a project that installs this library."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.empty_value_display = "–"  # as it is printed: Django's is a hyphen
        self.add_action(delete_selected, "delete_selected")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page needs, so that no other page of the project pays for it."""
        context = {
            **super().each_context(request),
            "request": request,
            "user": request.user,
            "messages": get_messages(request),
        }
        if getattr(request, "_dont_enforce_csrf_checks", False):
            # The project checks otherwise: no token is drawn, printed or kept in a cookie.
            context["csrf_token"] = ""
        return context

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Have a view say to whoever works here, and may not do this, that a right is missing."""
        checked: Any = super().admin_view(view, cacheable)

        @wraps(checked)
        def told(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return checked(request, *args, **kwargs)
            except PermissionDenied:
                if not self.has_permission(request):
                    raise  # for the project's own page
                context = {**self.each_context(request), "title": _("A right is missing")}
                return TemplateResponse(request, "admin/403.html", context, status=HTTPStatus.FORBIDDEN)

        return told

    def get_urls(self) -> list[Any]:
        """Return Django's addresses, and one for the CSV of each panel of the front page."""
        return [
            path("figures/<slug:name>.csv", self.admin_view(self.figures), name="figures"),
            # Before Django's, which looks in an SQL table for the row's page: forms here link to it themselves.
            path("r/<path:content_type_id>/<path:object_id>/", self.admin_view(self.row_page)),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show Django's front page, with the panels that the person may see above it."""
        return super().index(request, {"panels": panels.panels_for(request), **(extra_context or {})})

    def figures(self, request: HttpRequest, name: str) -> HttpResponse:
        """Answer with a panel's numbers as CSV."""
        panel = panels.panel_for(request, name)
        if panel.away:
            return HttpResponse(panel.away, status=503, content_type="text/plain; charset=utf-8")
        return HttpResponse(
            "".join(panel.csv_lines()),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}-{timezone.localdate()}.csv"'},
        )

    def row_page(self, _request: HttpRequest, **_key: str) -> Any:
        """Answer that there is no such page."""
        raise Http404

    def get_log_entries(self, request: HttpRequest) -> Any:  # noqa: ARG002 - Django's signature
        """Return what the front page's panel reads."""
        return audit.RecentActions()

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - the same
        """Send a stranger to the project's sign-in; refuse whoever is signed in and no member of staff."""
        index = reverse("admin:index", current_app=self.name)
        wanted = request.GET.get("next") or index
        if self.has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated:
            raise PermissionDenied
        return HttpResponseRedirect(f"{settings.LOGIN_URL}?{urlencode({'next': wanted})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - the same
        """Sign out as everywhere else: by the view that ``ADMIN_LOGOUT_VIEW`` names."""
        return import_string(settings.ADMIN_LOGOUT_VIEW).as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002 - the same
        """Refuse: passwords are kept elsewhere."""
        raise Http404

    password_change_done = password_change

    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - the same
        """Answer with the words of the admin's scripts."""
        return JavaScriptCatalog.as_view(packages=["bookstore.dynamodb.admin.stock"])(request)


_loading = RLock()
_loaded = False


def load() -> None:
    """Import every app's ``admin`` and ``front_page``, and let templates use Django's admin tags; the second time nothing."""
    global _loaded  # noqa: PLW0603 - once in a process
    with _loading:
        if _loaded:
            return
        for app in apps.get_app_configs():
            for name in ("admin", "front_page"):
                # Those of Django itself show SQL tables.
                if not app.name.startswith("django.") and module_has_submodule(app.module, name):
                    import_module(f"{app.name}.{name}")
        for name in TEMPLATE_LIBRARIES:
            library = import_library(f"django.contrib.admin.templatetags.{name}")
            engines["django"].engine.template_libraries[name] = library  # type: ignore[attr-defined]  # of this backend
        _loaded = True
