"""What staff are asked about an order. What may be is the services' to say; here is what can be typed."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.dynamodb.admin.tools import TOKEN, ToolForm
from bookstore.typesetting import money
from orders.carriers import CARRIERS
from orders.fulfilment import NOTE_CHARACTERS
from orders.models import Refund
from orders.steps import REASON_CHARACTERS


class _Reasoned(ToolForm):
    """Asks why, unless the customer was forgotten: the order would not keep it."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=REASON_CHARACTERS,
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("For the shop’s own record; the customer does not see it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.row.order.is_forgotten:
            del self.fields["reason"]

    @property
    def why(self) -> str:
        """What was said; empty where nobody was asked."""
        return str(self.cleaned_data.get("reason", ""))


class ShipForm(ToolForm):
    """With whom a parcel leaves, and under which number."""

    carrier = forms.ChoiceField(
        label=gettext_lazy("Carrier"),
        choices=lambda: [("", "---------"), *((code, each.name) for code, each in CARRIERS.items())],
    )
    tracking_number = forms.CharField(
        label=gettext_lazy("Tracking number"),
        max_length=60,
        required=False,
        widget=AdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("As on the label; spaces do no harm. Leave it empty for a letter."),
    )


class CancelForm(_Reasoned):
    """Why an order is cancelled."""


class SettleForm(_Reasoned):
    """How money went back that the provider refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "reason" in self.fields:
            self.fields["reason"].label = _("How")


class _CopiesForm(_Reasoned):
    """Asks how many copies of each book that the order still holds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A form that is sent again may say again what went back since because of it.
        before = self.refund_before.copies_by_book if self.refund_before else {}
        lines = {}
        for number, line in enumerate(self.row.order.lines):
            if most := line.kept + before.get(line.book_id, 0):
                lines[f"copies_{number}"] = forms.IntegerField(
                    label=line.name,
                    min_value=0,
                    max_value=most,
                    required=False,
                    initial=self.copies_offered(line.kept),
                    help_text=ngettext(
                        "of %(kept)d copy at %(price)s", "of %(kept)d copies at %(price)s", line.kept
                    )
                    % {"kept": line.kept, "price": money(line.price, self.row.order.currency)},
                )
        self.fields = {**lines, **self.fields}

    @property
    def refund_before(self) -> Refund | None:
        """The refund that came of this form when it was sent before."""
        token = self.data.get(TOKEN)
        return next((each for each in self.row.order.refunds if each.refund_id == token), None)

    def copies_offered(self, kept: int) -> int | None:  # noqa: ARG002 - for those below
        """Return how many copies of a book the form has to begin with."""
        return None

    @property
    def copies(self) -> dict[str, int]:
        """The copies asked for, by book."""
        asked = {
            line.book_id: self.cleaned_data.get(f"copies_{number}") or 0
            for number, line in enumerate(self.row.order.lines)
        }
        return {book_id: copies for book_id, copies in asked.items() if copies}

    @property
    def copies_named(self) -> list[str]:
        """The same as the log has them."""
        asked = self.copies
        return [
            f"{copies} × {line.name}" for line in self.row.order.lines if (copies := asked.get(line.book_id))
        ]


class RefundForm(_CopiesForm):
    """What goes back to the customer: copies at what they cost, an amount, or all that is left."""

    field_order = ["amount", "everything", "restock", "reason"]

    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        required=False,
        help_text=gettext_lazy("Leave it empty to refund the copies above at what they cost."),
    )
    everything = forms.BooleanField(required=False)
    restock = forms.BooleanField(label=gettext_lazy("Put these copies back into stock"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        order = self.row.order
        self.fields["everything"].label = _("All that is left: %(rest)s") % {
            "rest": money(order.refundable, order.currency)
        }

    def clean(self) -> dict[str, Any]:
        """Refuse two sums at once: whoever typed one of them meant it."""
        cleaned = super().clean()
        if cleaned.get("everything") and cleaned.get("amount") is not None:
            self.add_error("amount", _("Say an amount, or all that is left, not both."))
        return cleaned

    @property
    def sum_asked(self) -> Decimal | None:
        """The amount asked for; None for what the copies cost."""
        if self.cleaned_data.get("everything"):
            before = self.refund_before.amount if self.refund_before else Decimal(0)
            return Decimal(self.row.order.refundable + before)
        return self.cleaned_data.get("amount")


class ReturnForm(_CopiesForm):
    """Which copies came back."""

    restock = forms.BooleanField(
        label=gettext_lazy("They are as good as new: put them back into stock"), required=False
    )
    field_order = ["restock", "reason"]

    def copies_offered(self, kept: int) -> int:
        """Begin with all of them."""
        return kept


class NoteForm(ToolForm):
    """What is written about an order, and for whom."""

    text = forms.CharField(
        label=gettext_lazy("Note"), max_length=NOTE_CHARACTERS, widget=AdminTextareaWidget(attrs={"rows": 5})
    )
    to_customer = forms.TypedChoiceField(
        label=gettext_lazy("For"),
        coerce=lambda value: value == "yes",
        choices=[("no", gettext_lazy("Ourselves")), ("yes", gettext_lazy("The customer, by e-mail"))],
        initial="no",
        widget=forms.RadioSelect,
    )
