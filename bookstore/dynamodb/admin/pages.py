"""Pages of an admin beside Django's own: for whom each is, the row that it is about, and the frame around it."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from bookstore.dynamodb.admin.errors import AwayError
from bookstore.dynamodb.admin.options import FacadeAdmin

type View = Callable[..., HttpResponseBase]


class PagesAdmin(FacadeAdmin):
    """A FacadeAdmin with pages of its own; their templates extend ``admin/page.html``."""

    def may(self, request: HttpRequest, right: str) -> bool:
        """Tell whether somebody has a right of this model, as in ``app.<right>_model``."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.{right}_{self.opts.model_name}"))

    def page(self, right: str, answer: View) -> View:
        """Return the view of a page for those who have a right; everybody else gets a 403."""

        def view(request: HttpRequest, **said: Any) -> HttpResponseBase:
            if not self.may(request, right):
                raise PermissionDenied
            return answer(request, **said)

        return self.admin_site.admin_view(view)

    def page_of_row(self, right: str, answer: View) -> View:
        """Return the same of a page about a row, which ``answer`` is given; where there is none, the list says so."""

        def about(request: HttpRequest, *, object_id: str, **said: Any) -> HttpResponseBase:
            try:
                row = self.get_object(request, unquote(object_id))
            except AwayError as error:
                return self.to_the_list(request, error)
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
            return answer(request, row, **said)

        return self.page(right, about)

    def address(self, page: str, key: str | None = None, *rest: str) -> str:
        """Return the path of one of the admin's pages, such as ``changelist``, or of a row's, such as ``change``."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        arguments = [] if key is None else [quote(key), *rest]
        return reverse(name, args=arguments, current_app=self.admin_site.name)

    def frame(self, request: HttpRequest, title: Any, row: Any = None, **more: Any) -> dict[str, Any]:
        """Return what ``admin/page.html`` shows around a page, and ``more`` for the page itself."""
        request.current_app = self.admin_site.name  # Django's templates look for it
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None if row is None else str(row),
            "original": row,
            "opts": self.opts,
            "media": self.media,
            **more,
        }


__all__ = ["PagesAdmin"]
