"""A book's page before the public sees it, for staff alone: never cached, never indexed, nothing to buy."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from bookstore.dynamodb.admin.pages import PagesAdmin
from catalog import book_page, selectors


def page(admin: PagesAdmin, request: HttpRequest, book: Any) -> TemplateResponse:
    """Show the page as it will be once the book is on sale, whether it is or not."""
    found = selectors.get_book(book.pk, withdrawn=True)
    is_public = found.is_sold
    found.listing = found.category  # as if: nothing is stored
    context = {
        **book_page.context_of(found),
        "preview": {"is_public": is_public, "form": admin.address("change", book.pk)},
    }
    answer = TemplateResponse(request, "catalog/book.html", context)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
