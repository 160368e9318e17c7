"""Covers in the admin: a page to send one, one that shows how it comes on, and the way back to the drawing."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from bookstore.tasks import calls
from bookstore.tasks.errors import TaskNotBegunError
from catalog import cover_names, cover_upload, services
from catalog.staff.fields import field_change
from catalog.staff.refusals import in_the_admins_words


class CoverPages(ToolsAdmin):
    """What a ``BookAdmin`` is told of covers: ``cover_shown`` for its forms, ``cover_seen``, and the pages behind."""

    @admin.display(description=gettext_lazy("cover"))
    def cover_shown(self, book: Any) -> str:
        """Return the book's cover as a picture that leads to its page."""
        if not book.pk or book._state.adding:  # noqa: SLF001 - how Django says that there is no such row yet
            return _("Save the book first; it has a drawn cover until you send one.")
        return self._to_the_page(book, _("See it large, or change it"))

    @admin.display(description=gettext_lazy("cover"))
    def cover_seen(self, book: Any) -> str:
        """Return the same for who may only look."""
        return self._to_the_page(book, _("See it large"))

    def _to_the_page(self, book: Any, words: str) -> str:
        return format_html(
            '<a class="cover-link" href="{}"><img class="cover-now" src="{}" width="80" height="120" alt=""> {}</a>',
            self.address("cover", book.pk),
            address_of(book),
            words,
        )

    def get_urls(self) -> Any:
        """Put the pages of a book's cover before Django's own."""
        return [
            path(
                "<path:object_id>/cover/",
                self.page_of_row("view", self.cover_view),
                name="catalog_book_cover",
            ),
            path(
                "<path:object_id>/cover/<slug:upload_id>/<slug:seen>/",
                self.page_of_row("change", self.cover_upload_view),
                name="catalog_book_cover_upload",
            ),
            *super().get_urls(),
        ]

    def cover_view(self, request: HttpRequest, book: Any) -> HttpResponse:
        """Show a book's cover, to those who may change it with a form that leads to the bucket."""
        if not self.has_change_permission(request):
            return self._shown(request, book)
        upload_id = cover_upload.new_upload_id()
        here = self._upload_page(book.pk, upload_id, cover_upload.digest_of(book.cover))
        form = cover_upload.form(upload_id=upload_id, come_back_to=settings.PUBLIC_ORIGIN + here)
        shown = self._shown(request, book, form=form, tools=self.tools_of(request, book, "cover"))
        # A form may lead from here, and from nowhere else, to the bucket.
        policy: Any = settings.SECURE_CSP
        shown._csp_config = policy | {"form-action": [*policy["form-action"], form.origin]}  # type: ignore[attr-defined]  # noqa: SLF001 - what `csp_override` sets
        return shown

    def cover_upload_view(self, request: HttpRequest, book: Any, upload_id: str, seen: str) -> HttpResponse:
        """Take note of a file that S3 has, once; then show how its cover comes on.

        S3 sends the browser here with the file's key. It is a GET that begins something: whoever
        knows the upload's name has sent the file, and a second one begins nothing more.
        """
        here = self._upload_page(book.pk, upload_id, seen)
        now = timezone.now()
        asked_at = calls.when_asked(request.GET.get("asked", ""), at=now)
        upload = cover_upload.find_upload(book_id=book.pk, upload_id=upload_id, asked_at=asked_at)
        key = request.POST.get("key") or request.GET.get("key") or upload.key
        if (key and key != upload.key) or request.method == "POST":
            if not cover_upload.is_key_of(upload_id, key):
                messages.error(request, _("That is no file of this form. Please send it again."))
                return HttpResponseRedirect(self.address("cover", book.pk))
            try:
                cover_upload.ask_for_cover(
                    book_id=book.pk,
                    upload_id=upload_id,
                    key=key,
                    seen=seen,
                    user_id=str(request.user.pk),
                    user_name=str(request.user),
                )
            except TaskNotBegunError:
                messages.error(
                    request, _("The picture has come, but nobody could be asked to make the cover.")
                )
                upload = cover_upload.Upload("failed", key=key)
                return self._shown(request, book, upload=upload, here=here)
            return HttpResponseRedirect(f"{here}?asked={now.timestamp()}")
        if request.headers.get("HX-Request") == "true":
            return self._shown(request, book, "_cover_state.html", upload=upload, here=here)
        return self._shown(request, book, upload=upload, here=here)

    def _shown(
        self, request: HttpRequest, book: Any, template: str = "cover.html", **more: Any
    ) -> TemplateResponse:
        context = {
            **self.frame(request, _("Cover"), book),
            "cover_address": address_of(book),
            "has_picture": _has_picture(book),
            "cover_page": self.address("cover", book.pk),
            "most_bytes": cover_upload.MOST_BYTES,
            "most_megabytes": cover_upload.MOST_BYTES // cover_upload.MEGABYTE,
            **more,
        }
        return TemplateResponse(request, f"admin/catalog/book/{template}", context)

    def _upload_page(self, key: str, upload_id: str, seen: str) -> str:
        return self.address("cover_upload", key, upload_id, seen)


def _has_picture(book: Any) -> bool:
    return bool(book.cover) and not cover_names.is_drawn(book.cover)


def _withdraw_picture(admin: ToolsAdmin, request: HttpRequest, book: Any, form: ToolForm) -> str:
    if not _has_picture(book):
        return _("This book has its drawn cover.")
    with in_the_admins_words():
        services.revise_book(
            book_id=book.pk,
            version=form.seen or 0,
            at=timezone.now(),
            beside=admin.beside(request, book, changes=[field_change("cover", book.cover, _("drawn"))]),
            cover=None,
        )
    return _("The picture is withdrawn: the book has its drawn cover again.")


WITHDRAW_PICTURE = Tool(
    "withdraw_picture",
    gettext_lazy("Withdraw the picture"),
    "change",
    _withdraw_picture,
    explained=gettext_lazy(
        "The book goes back to the cover that the shop draws. Orders that show the picture go on showing it."
    ),
    offered=_has_picture,
    page="cover",
)


def address_of(book: Any) -> str:
    """Return where a row's cover is: in the bucket, or drawn on demand by the shop."""
    if book.cover:
        return cover_names.address_of(book.cover)
    return reverse("catalog:cover", args=[book.pk])
