"""A book's page before the public sees it, for staff alone: never cached, never indexed, nothing to buy."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from catalog import book_page, selectors
from catalog.errors import BookNotFoundError
from catalog.staff import pages


@pages.needs("view")
def preview(admin: Any, request: HttpRequest, book: Any) -> HttpResponseBase:
    """Show the page as it will be once the book is on sale, whether it is or not."""
    try:
        found = selectors.get_book(book.pk, withdrawn=True)
    except BookNotFoundError:
        return admin._get_obj_does_not_exist_redirect(request, admin.opts, book.pk)  # type: ignore[no-any-return]  # noqa: SLF001
    is_public = found.is_sold
    found.listing = found.category  # as if: nothing is stored
    context = {
        **book_page.context_of(found),
        "preview": {"is_public": is_public, "form": pages.address(admin, "change", book.pk)},
    }
    answer = TemplateResponse(request, "catalog/book.html", context)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
