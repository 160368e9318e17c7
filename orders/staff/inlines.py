"""What an order is of and what happened with it, below its form. Nobody edits any of it there."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from bookstore.dynamodb.admin.embedded import EmbeddedModel, ShownInline
from bookstore.typesetting import money
from orders.models import REFUND_DONE, REFUND_PENDING
from orders.states import LABELS, REASONS, Status
from orders.steps import who


class Line(EmbeddedModel):
    """A line item."""

    order = models.ForeignKey("orders.Order", models.DO_NOTHING, related_name="+")
    book_id = models.CharField(max_length=64)
    name = models.CharField(gettext_lazy("title"), max_length=300)
    author = models.CharField(gettext_lazy("author"), max_length=2000)
    price = models.DecimalField(gettext_lazy("unit price"), max_digits=9, decimal_places=2)
    quantity = models.IntegerField(gettext_lazy("copies"))
    credited = models.IntegerField(gettext_lazy("gone back"), default=0)

    class Meta(EmbeddedModel.Meta):
        verbose_name = gettext_lazy("book")
        verbose_name_plural = gettext_lazy("books")

    def __str__(self) -> str:
        return self.name


class Refund(EmbeddedModel):
    """Money on its way back, or there."""

    order = models.ForeignKey("orders.Order", models.DO_NOTHING, related_name="+")
    at = models.DateTimeField(gettext_lazy("when"))
    by = models.CharField(max_length=320)
    amount = models.DecimalField(gettext_lazy("amount"), max_digits=9, decimal_places=2)
    state = models.CharField(
        gettext_lazy("state"),
        max_length=10,
        choices=[(REFUND_PENDING, gettext_lazy("on its way")), (REFUND_DONE, gettext_lazy("made"))],
    )
    reason = models.TextField(gettext_lazy("why"))

    class Meta(EmbeddedModel.Meta):
        verbose_name = gettext_lazy("refund")
        verbose_name_plural = gettext_lazy("refunds")

    def __str__(self) -> str:
        return str(self.amount)


class Note(EmbeddedModel):
    """What the shop wrote about an order."""

    order = models.ForeignKey("orders.Order", models.DO_NOTHING, related_name="+")
    at = models.DateTimeField(gettext_lazy("when"))
    by = models.CharField(max_length=320)
    to_customer = models.BooleanField(gettext_lazy("to the customer"), default=False)
    text = models.TextField(gettext_lazy("note"))

    class Meta(EmbeddedModel.Meta):
        verbose_name = gettext_lazy("note")
        verbose_name_plural = gettext_lazy("notes")

    def __str__(self) -> str:
        return self.text


class Step(EmbeddedModel):
    """One step in an order's life."""

    order = models.ForeignKey("orders.Order", models.DO_NOTHING, related_name="+")
    at = models.DateTimeField(gettext_lazy("when"))
    status = models.CharField(
        gettext_lazy("state"), max_length=20, choices=[(str(each), LABELS[each]) for each in Status]
    )
    by = models.CharField(max_length=320)
    reason = models.TextField()

    class Meta(EmbeddedModel.Meta):
        verbose_name = gettext_lazy("step")
        verbose_name_plural = gettext_lazy("what happened")

    def __str__(self) -> str:
        return self.status


class _Told(ShownInline):
    """An inline of things that somebody did."""

    @admin.display(description=gettext_lazy("who"))
    def person(self, row: Any) -> str:
        """Return who did it."""
        return who(row.by)


class LineInline(ShownInline):
    """The books of an order."""

    model = Line
    attribute = "lines"
    readonly_fields = ["title", "author", "unit_price", "quantity", "credited"]
    fields = tuple(readonly_fields)

    @admin.display(description=gettext_lazy("title"))
    def title(self, line: Line) -> SafeString:
        """Lead to the book in the admin."""
        address = reverse("admin:catalog_book_change", args=[line.book_id])
        return format_html('<a href="{}">{}</a>', address, line.name)

    @admin.display(description=gettext_lazy("unit price"))
    def unit_price(self, line: Line) -> str:
        """Return what a copy cost."""
        return money(line.price)


class RefundInline(_Told):
    """What went back."""

    model = Refund
    attribute = "refunds"
    readonly_fields = ["at", "sum_", "state", "reason", "person"]
    fields = tuple(readonly_fields)

    @admin.display(description=gettext_lazy("amount"))
    def sum_(self, refund: Refund) -> str:
        """Return how much went back."""
        return money(refund.amount)


class NoteInline(_Told):
    """What was written."""

    model = Note
    attribute = "notes"
    readonly_fields = ["at", "text", "to_customer", "person"]
    fields = tuple(readonly_fields)


class StepInline(_Told):
    """What happened."""

    model = Step
    attribute = "history"
    readonly_fields = ["at", "status", "why", "person"]
    fields = tuple(readonly_fields)

    @admin.display(description=gettext_lazy("why"))
    def why(self, step: Step) -> str:
        """Return the reason, in words where it is one of the shop's own."""
        return str(REASONS.get(step.reason, step.reason))
