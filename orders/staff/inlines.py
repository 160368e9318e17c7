"""What an order is of and what happened with it, below its form. Nobody edits any of it there."""

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy

from bookstore.actors import who
from bookstore.dynamodb.admin.embedded import EmbeddedModel, ShownInline
from bookstore.typesetting import money
from orders.models import REFUND_DONE, REFUND_PENDING
from orders.states import LABELS, REASONS, Status


class _Row(EmbeddedModel):
    """A row of one of an order's lists."""

    order = models.ForeignKey("orders.Order", models.DO_NOTHING, related_name="+")

    class Meta(EmbeddedModel.Meta):
        abstract = True


class _Act(_Row):
    """What somebody did at some time."""

    at = models.DateTimeField()
    by = models.CharField(max_length=320)

    class Meta(_Row.Meta):
        abstract = True


class Line(_Row):
    """A line item."""

    book_id = models.CharField(max_length=64)
    name = models.CharField(max_length=300)
    author = models.CharField(gettext_lazy("author"), max_length=2000)
    price = models.DecimalField(max_digits=9, decimal_places=2)
    quantity = models.IntegerField(gettext_lazy("copies"))
    credited = models.IntegerField(gettext_lazy("gone back"), default=0)

    class Meta(_Row.Meta):
        verbose_name = gettext_lazy("book")
        verbose_name_plural = gettext_lazy("books")

    def __str__(self) -> str:
        return self.name


class Refund(_Act):
    """Money on its way back, or there."""

    amount = models.DecimalField(max_digits=9, decimal_places=2)
    state = models.CharField(
        gettext_lazy("state"),
        max_length=10,
        choices=[(REFUND_PENDING, gettext_lazy("on its way")), (REFUND_DONE, gettext_lazy("made"))],
    )
    reason = models.TextField()

    class Meta(_Act.Meta):
        verbose_name = gettext_lazy("refund")
        verbose_name_plural = gettext_lazy("refunds")

    def __str__(self) -> str:
        return str(self.amount)


class Note(_Act):
    """What the shop wrote about an order."""

    to_customer = models.BooleanField(gettext_lazy("to the customer"), default=False)
    text = models.TextField(gettext_lazy("note"))

    class Meta(_Act.Meta):
        verbose_name = gettext_lazy("note")
        verbose_name_plural = gettext_lazy("notes")

    def __str__(self) -> str:
        return self.text


class Step(_Act):
    """One step in an order's life."""

    status = models.CharField(
        gettext_lazy("state"), max_length=20, choices=[(str(each), LABELS[each]) for each in Status]
    )
    reason = models.TextField()

    class Meta(_Act.Meta):
        verbose_name = gettext_lazy("step")
        verbose_name_plural = gettext_lazy("what happened")

    def __str__(self) -> str:
        return self.status


class LineInline(ShownInline):
    """The books of an order."""

    model = Line
    attribute = "lines"
    fields = ("title", "author", "unit_price", "quantity", "credited")

    @admin.display(description=gettext_lazy("title"))
    def title(self, line: Line) -> SafeString:
        """Lead to the book in the admin."""
        address = reverse("admin:catalog_book_change", args=[line.book_id])
        return format_html('<a href="{}">{}</a>', address, line.name)

    @admin.display(description=gettext_lazy("unit price"))
    def unit_price(self, line: Line) -> str:
        """Return what a copy cost."""
        return money(line.price)


class _ActInline(ShownInline):
    """An inline of what somebody did."""

    @admin.display(description=gettext_lazy("why"))
    def why(self, act: Refund | Step) -> str:
        """Return the reason, in words where it is one of the shop's own."""
        return str(REASONS.get(act.reason, act.reason))

    @admin.display(description=gettext_lazy("when and who"))
    def moment(self, act: _Act) -> SafeString:
        """Return when it was done, and below it by whom: a telephone has no room for both side by side."""
        return format_html(
            '<span class="dispatch-when">{}</span><br><span class="quiet">{}</span>',
            date_format(localtime(act.at), "DATETIME_FORMAT"),
            who(act.by),
        )


class RefundInline(_ActInline):
    """What went back."""

    model = Refund
    attribute = "refunds"
    fields = ("moment", "amount_shown", "state", "why")

    @admin.display(description=gettext_lazy("amount"))
    def amount_shown(self, refund: Refund) -> str:
        """Return how much went back."""
        return money(refund.amount)


class NoteInline(_ActInline):
    """What was written."""

    model = Note
    attribute = "notes"
    fields = ("moment", "text", "to_customer")


class StepInline(_ActInline):
    """What happened."""

    model = Step
    attribute = "history"
    fields = ("moment", "status", "why")
