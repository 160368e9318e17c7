"""Reviews in the admin: read, taken from the public, and given back."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.admin.paths import Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.admin.tools import Tool, ToolsAdmin
from bookstore.dynamodb.attributes import instant_text
from catalog import reviews
from catalog.models import HIDDEN, PUBLISHED
from catalog.models import Review as ReviewItem
from catalog.staff.refusals import in_the_admins_words

STATES = [(PUBLISHED, gettext_lazy("published")), (HIDDEN, gettext_lazy("hidden"))]
_BY_TIME: dict[str, Any] = {
    "range_key": "reviewed_key",
    "sorts": "reviewed_at",
    "write": instant_text,
    "goes_on": True,
}


class Review(FacadeModel):
    """A review as staff see it. Its words are its customer's: nobody else edits them."""

    key = models.CharField(primary_key=True, max_length=200, editable=False)
    book_id: str  # as Django calls the column of the next
    book = models.ForeignKey(
        "catalog.Book",
        models.DO_NOTHING,
        related_name="+",
        editable=False,
        verbose_name=gettext_lazy("book"),
    )
    customer_id = models.CharField(gettext_lazy("customer"), max_length=128, editable=False)
    stars = models.IntegerField(gettext_lazy("stars"), editable=False)
    title = models.CharField(gettext_lazy("headline"), max_length=200, editable=False)
    text = models.TextField(gettext_lazy("review"), editable=False)
    status = models.CharField(gettext_lazy("state"), max_length=20, editable=False, choices=STATES)
    reviewed_at = models.DateTimeField(gettext_lazy("written"), editable=False)

    source = Source(
        ReviewItem,
        paths=[
            Path(index=ReviewItem.by_status, hash_key="status", equals="status", **_BY_TIME),
            Path(index=ReviewItem.by_customer, hash_key="customer_id", equals="customer_id", **_BY_TIME),
            Path(hash_key="book_id", range_key="customer_id", equals="book_id", sorts="customer_id"),
        ],
    )

    class Meta(FacadeModel.Meta):
        app_label = "catalog"
        verbose_name = gettext_lazy("review")
        verbose_name_plural = gettext_lazy("reviews")
        ordering = ["-reviewed_at"]

    def __str__(self) -> str:
        # Not its words: the log repeats this, and outlives them.
        return _("Review of the book %(book)s") % {"book": self.book_id}


class StateFilter(admin.SimpleListFilter):
    """What the public sees, or what it does not: one of the two, since no index has both."""

    title = gettext_lazy("state")
    parameter_name = "status"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self._of_one = bool({"customer_id", "book_id", "book"} & request.GET.keys())

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002 - Django's signature
        """Return both."""
        return STATES

    def has_output(self) -> bool:
        """Stay away from one customer's or one book's reviews: their lists have both."""
        return bool(self.value()) or not self._of_one

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer both, and no list of all."""
        for state, label in self.lookup_choices:
            yield {
                "selected": state == (self.value() or PUBLISHED),
                "query_string": changelist.get_query_string({self.parameter_name: state}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002 - the same
        """Return the reviews of the one chosen."""
        return queryset.filter(status=self.value() or PUBLISHED)


def _hide(admin: Any, request: HttpRequest, row: Review, _form: Any) -> str:
    admin.take(request, row, reviews.hide_review, _("Hidden."))
    return _("The review is hidden, and its stars do not count.")


def _publish(admin: Any, request: HttpRequest, row: Review, _form: Any) -> str:
    admin.take(request, row, reviews.publish_review, _("Published again."))
    return _("The review is published, and its stars count again.")


@admin.register(Review)
class ReviewAdmin(ToolsAdmin):
    """Reviews, newest first."""

    list_display = ["reviewed_at", "book", "stars", "words", "status"]
    list_filter = [StateFilter]
    list_select_related = ["book"]
    actions = ["hide", "publish"]
    fields = readonly_fields = ("book_page", "stars", "title", "text", "status", "reviewed_at", "customer")
    tools = [
        Tool("hide", gettext_lazy("Hide"), "change", _hide, offered=lambda row: row.status == PUBLISHED),
        Tool(
            "publish", gettext_lazy("Publish"), "change", _publish, offered=lambda row: row.status == HIDDEN
        ),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Refuse: customers write reviews."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: one that is hidden can be published again."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: the words are somebody's own."""
        return False

    def has_judge_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may hide reviews, and publish them again."""
        return self.may(request, "change")

    def take(self, request: HttpRequest, row: Review, act: Callable[..., Any], told: str) -> None:
        """Hide a review or publish it, with the entry in the log."""
        with in_the_admins_words():
            act(book_id=row.book_id, customer_id=row.customer_id, beside=self.beside(request, row, told))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Head the review with the title of its book, which the page reads anyway."""
        with suppress(ObjectDoesNotExist):
            context["subtitle"] = _("Review of %(book)s") % {"book": context["original"].book}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("review"))
    def words(self, row: Review) -> str:
        """Return how it begins."""
        return Truncator(" · ".join(filter(None, (row.title, row.text)))).chars(90)

    @admin.display(description=gettext_lazy("book"))
    def book_page(self, row: Review) -> SafeString:
        """Lead to the book in the admin."""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:catalog_book_change", args=[row.book_id]), row.book
        )

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, row: Review) -> SafeString:
        """Lead to what else the same customer has said."""
        address = reverse("admin:catalog_review_changelist")
        said = _("All reviews of this customer")
        return format_html('<a href="{}?customer_id={}">{}</a>', address, row.customer_id, said)

    @admin.action(permissions=["judge"], description=gettext_lazy("Hide"))
    def hide(self, request: HttpRequest, queryset: Any) -> None:
        """Take reviews from the public."""

        def done(count: int) -> str:
            return ngettext("%(count)d review is hidden.", "%(count)d reviews are hidden.", count) % {
                "count": count
            }

        self.for_each(
            request,
            queryset,
            lambda row: self.take(request, row, reviews.hide_review, _("Hidden.")),
            done=done,
        )

    @admin.action(permissions=["judge"], description=gettext_lazy("Publish"))
    def publish(self, request: HttpRequest, queryset: Any) -> None:
        """Give reviews back to the public."""

        def done(count: int) -> str:
            sentence = ngettext("%(count)d review is published.", "%(count)d reviews are published.", count)
            return sentence % {"count": count}

        self.for_each(
            request,
            queryset,
            lambda row: self.take(request, row, reviews.publish_review, _("Published again.")),
            done=done,
        )
