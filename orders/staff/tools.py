"""What staff do with one order: each tool asks what it has to know, and has a service do it.

Free words (a reason, a note) and a parcel's number stand in the order, with the person they may speak
of, and go when the person is erased. The log outlives both: it says that there are such, and no more.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.accounts.errors import BadAddressError
from bookstore.dynamodb.admin import errors
from bookstore.dynamodb.admin.tools import Tool, ToolForm
from bookstore.typesetting import money
from orders import fulfilment, refunds, services
from orders.carriers import CARRIERS
from orders.errors import OrderChangedError, OrderError, SentBeforeError
from orders.models import Order
from orders.payments.base import PaymentError, PaymentRefusedError
from orders.staff.forms import CancelForm, NoteForm, RefundForm, ReturnForm, SettleForm, ShipForm
from orders.states import CANCELLABLE_BY_STAFF, SENT, Status
from orders.steps import Instruction

in_the_admins_words = partial(
    errors.in_the_admins_words,
    (OrderError, PaymentError, BadAddressError),
    changed=(OrderChangedError, SentBeforeError),
)


def of(request: HttpRequest, row: Any) -> Instruction:
    """Return what every service is told: which order, who, when."""
    return {
        "customer_id": row.customer_id,
        "order_id": row.order_id,
        "by": str(request.user),
        "at": timezone.now(),
    }


def _asked(admin: Any, request: HttpRequest, row: Any, said: str, changes: Sequence[Any] = ()) -> Instruction:
    """Return the same with the order as it was read for the form, and with an entry of the log beside."""
    beside = admin.beside(request, row, said, changes=changes)
    return {**of(request, row), "as_read": row.order, "beside": beside}


def _pack(admin: Any, request: HttpRequest, row: Any, form: ToolForm) -> str:
    with in_the_admins_words():
        fulfilment.pack_order(**_asked(admin, request, row, _("Packed.")), seen=form.seen)
    return _("%(order)s is packed.") % {"order": row}


def _ship(admin: Any, request: HttpRequest, row: Any, form: ShipForm) -> str:
    carrier, number = form.cleaned_data["carrier"], form.cleaned_data["tracking_number"]
    asked = _asked(admin, request, row, _("Shipped."), [(_("Carrier"), "", str(CARRIERS[carrier].name))])
    with in_the_admins_words():
        order = fulfilment.ship_order(**asked, seen=form.seen, carrier=carrier, tracking_number=number)
    if not order.email:
        return _("%(order)s is on its way.") % {"order": row}
    return _("%(order)s is on its way; the customer hears by e-mail.") % {"order": row}


def _deliver(admin: Any, request: HttpRequest, row: Any, form: ToolForm) -> str:
    with in_the_admins_words():
        fulfilment.deliver_order(**_asked(admin, request, row, _("Delivered.")), seen=form.seen)
    return _("%(order)s is delivered.") % {"order": row}


def _cancel(admin: Any, request: HttpRequest, row: Any, form: CancelForm) -> str:
    asked = _asked(admin, request, row, _("Cancelled; the order says why."))
    with in_the_admins_words():
        order = services.cancel_order(**asked, seen=form.seen, reason=form.why)
    if refusal := refunds.refusal_of(order):
        return _("%(order)s is cancelled. %(refusal)s The money is still to be given back.") % {
            "order": row,
            "refusal": refusal,
        }
    if order.queue_name:
        return _("%(order)s is cancelled. The money goes back as soon as the payment provider answers.") % {
            "order": row
        }
    if order.state is Status.CANCELLED:
        return _("%(order)s is cancelled. Nothing had been paid.") % {"order": row}
    return _("%(order)s is cancelled, and what was paid went back.") % {"order": row}


def _refund(admin: Any, request: HttpRequest, row: Any, form: RefundForm) -> str:
    amount = form.sum_asked
    shown = "" if amount is None else money(amount, row.currency)
    changes = [(_("Amount"), "", shown), (_("Copies"), "", form.copies_named)]
    told = _("A refund was asked for.")  # the provider has not said yes to it then
    with in_the_admins_words():
        try:
            order = refunds.refund_order(
                **_asked(admin, request, row, told, [each for each in changes if each[2]]),
                seen=form.seen,
                refund_id=form.token,
                amount=amount,
                lines=form.copies or None,
                restock=form.cleaned_data["restock"],
                reason=form.why,
            )
        except PaymentRefusedError:
            admin.log_change(request, row, str(refunds.REFUSED))
            raise
    return _money_said(order, form.token)


def _return(admin: Any, request: HttpRequest, row: Any, form: ReturnForm) -> str:
    told = _("Returned.") if row.order.is_forgotten else _("Returned; the order says why.")
    with in_the_admins_words():
        try:
            order = refunds.return_order(
                **_asked(admin, request, row, told, [(_("Copies"), "", form.copies_named)]),
                seen=form.seen,
                refund_id=form.token,
                lines=form.copies,
                restock=form.cleaned_data["restock"],
                reason=form.why,
            )
        except PaymentRefusedError as error:  # the books are back all the same
            admin.log_change(request, row, str(refunds.REFUSED))
            return _("The return is noted. %(refusal)s No money went back.") % {"refusal": error}
    return _money_said(order, form.token)


def _money_said(order: Order, refund_id: str) -> str:
    """Say what became of the money that a form asked for, which of a whole order is the rest of it."""
    if refusal := refunds.refusal_of(order):
        return _("It is noted. %(refusal)s The money is still to be given back.") % {"refusal": refusal}
    asked = next((each for each in order.refunds if each.refund_id in (refund_id, order.order_id)), None)
    if asked and asked.is_done and asked.amount:
        return _("%(amount)s went back to the customer.") % {"amount": money(asked.amount, order.currency)}
    waits = not asked.is_done if asked else order.state is Status.RETURNED and order.queue_name
    if waits:
        return _("It is noted. The money goes back as soon as the payment provider answers.")
    return _("It is noted. No money went back.")


def _settle(admin: Any, request: HttpRequest, row: Any, form: SettleForm) -> str:
    told = _("The money was given back another way; the order says how.")
    if row.order.is_forgotten:
        told = _("The money was given back another way.")
    asked = _asked(admin, request, row, told)
    with in_the_admins_words():
        refunds.settle_otherwise(**asked, seen=form.seen, reason=form.why)
    return _("%(order)s is settled.") % {"order": row}


def _note(admin: Any, request: HttpRequest, row: Any, form: NoteForm) -> str:
    text, to_customer = form.cleaned_data["text"], form.cleaned_data["to_customer"]
    told = _("A note was written to the customer.") if to_customer else _("A note was written.")
    asked = _asked(admin, request, row, told)
    with in_the_admins_words():
        fulfilment.note_order(**asked, note_id=form.token, text=text, to_customer=to_customer)
    return (
        _("The note is kept, and goes to the customer by e-mail.") if to_customer else _("The note is kept.")
    )


TOOLS = (
    Tool("pack", gettext_lazy("Pack"), "pack", _pack, offered=lambda row: row.state is Status.PLACED),
    Tool(
        "ship",
        gettext_lazy("Ship"),
        "ship",
        _ship,
        form=ShipForm,
        offered=lambda row: row.state is Status.PACKED,
        explained=gettext_lazy(
            "The parcel has left the shop. The customer is told by e-mail, with the number."
        ),
    ),
    Tool(
        "deliver",
        gettext_lazy("Delivered"),
        "ship",
        _deliver,
        offered=lambda row: row.state is Status.SHIPPED,
    ),
    Tool(
        "return",
        gettext_lazy("Take back"),
        "refund",
        _return,
        form=ReturnForm,
        offered=lambda row: row.state in SENT and any(line.kept for line in row.order.lines),
        explained=gettext_lazy(
            "These copies came back to the shop. What they cost goes back to the customer."
        ),
    ),
    Tool(
        "refund",
        gettext_lazy("Refund"),
        "refund",
        _refund,
        form=RefundForm,
        offered=lambda row: row.order.refundable > 0,
        explained=gettext_lazy(
            "Money goes back through the payment provider. Say which copies it is for, or how much."
        ),
    ),
    Tool(
        "settle",
        gettext_lazy("Given back another way"),
        "refund",
        _settle,
        form=SettleForm,
        offered=lambda row: bool(refunds.refusal_of(row.order)),
        explained=gettext_lazy(
            "The payment provider refuses to give this money back. Say here that it went another way, "
            "such as by bank transfer."
        ),
    ),
    Tool(
        "cancel",
        gettext_lazy("Cancel the order"),
        "cancel",
        _cancel,
        form=CancelForm,
        offered=lambda row: row.state in CANCELLABLE_BY_STAFF,
        explained=gettext_lazy("The copies go back into stock, and what was paid to the customer."),
    ),
    Tool(
        "note",
        gettext_lazy("Write a note"),
        "change",
        _note,
        form=NoteForm,
        offered=lambda row: not row.order.is_forgotten,
    ),
)
