"""What all pages about one book have in common: the right that each needs, the book, the frame around."""

import secrets
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.models import CHANGED
from bookstore.dynamodb.tables import Beside
from catalog.models import Book

type Page = Callable[..., HttpResponseBase]


def needs(right: str) -> Callable[[Page], Page]:
    """Make a page of a function of the admin, the request and a book, for those who have a right to it.

    Anybody else gets a 403, whether there is such a book or not.
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        def answer(admin: Any, request: HttpRequest, object_id: str, **kwargs: Any) -> HttpResponseBase:
            check(request, right, admin.opts)
            row = admin.get_object(request, unquote(object_id))
            if row is None:
                missing: HttpResponseBase = admin._get_obj_does_not_exist_redirect(  # noqa: SLF001 - Django's own answer
                    request, admin.opts, object_id
                )
                return missing
            return page(admin, request, row, **kwargs)

        return answer

    return decorate


def may(request: HttpRequest, right: str, opts: Any) -> bool:
    """Tell whether somebody may do something with books, categories or authors."""
    return bool(request.user.has_perm(f"{opts.app_label}.{right}_{opts.model_name}"))


def check(request: HttpRequest, right: str, opts: Any) -> None:
    """Refuse whoever may not."""
    if not may(request, right, opts):
        raise PermissionDenied


def frame(admin: Any, request: HttpRequest, row: Any = None, **more: Any) -> dict[str, Any]:
    """Return what the templates of these pages need beside their own."""
    request.current_app = admin.admin_site.name  # Django's templates look for it
    return {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "media": admin.media,
        "original": row,
        "object": row,
        **more,
    }


def address(admin: Any, page: str, *keys: str) -> str:
    """Return the path of one of the admin's pages: ``change``, ``stock`` and so on."""
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{page}"
    return reverse(name, args=[quote(key) for key in keys], current_app=admin.admin_site.name)


def logged(request: HttpRequest, row: Any, message: str = "", changes: Iterable[audit.Change] = ()) -> Beside:
    """Return what adds the log's entry on a change of a row to its transaction."""
    item = audit.entry(user=request.user, row=row, kind=CHANGED, message=message, changes=changes)
    return partial(audit.record, item=item)


def logged_book(request: HttpRequest, book: Book, changes: Iterable[audit.Change]) -> Beside:
    """Return the same for a book that was read without the admin's form."""
    item = audit.entry_of(
        label="catalog.book", key=book.id, shown=book.title, user=request.user, kind=CHANGED, changes=changes
    )
    return partial(audit.record, item=item)


def draw_form_id() -> str:
    """Draw what tells one form from another, so that the same one sent twice counts once."""
    return secrets.token_hex(8)
