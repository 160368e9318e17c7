"""An order on its way to the customer: packed, shipped, delivered; and what the shop writes about it.

Each step is taken once, however often it is asked for: the same again returns the order as it is.
``by`` is the member of staff, as the log names them. ``seen`` is the order's version as it stood on
the clerk's screen: when somebody else has done something since, ``OrderChangedError`` tells who, what
and when, and nothing is done. ``beside`` adds what belongs into the same transaction, such as the
admin's log. ``as_read`` is the order itself, where a consistent read has just brought it: it is read
again only when somebody was faster. All raise ``OrderNotFoundError``, and ``OrderBusyError`` when no
turn came.
"""

import logging
from datetime import datetime
from typing import Any, Unpack

from django.utils.translation import gettext as _

from bookstore.accounts.selectors import PostalAddress
from bookstore.dynamodb.tables import Beside, nothing_beside
from orders.carriers import check_parcel
from orders.errors import BadStepError, TooLateError
from orders.models import Address, Note, Order
from orders.selectors import get_order
from orders.states import SENT_ELSEWHERE, UNSENT, Status, may_become
from orders.steps import (
    Instruction,
    Rewrite,
    Step,
    check_parcel_seen,
    check_seen,
    check_text,
    in_turn,
    next_version,
    sent_before,
    take_step,
    too_late,
)

log = logging.getLogger(__name__)

NOTE_CHARACTERS = 2000
MOST_NOTES = 30  # on one order: an item of DynamoDB's ends at 400 KB, and a letter may take four bytes


def pack_order(*, seen: int | None = None, **told: Unpack[Instruction]) -> Order:
    """Say that a placed order is packed: from now on only staff may cancel it.

    Raises ``OrderChangedError``, also where the same clerk changed since what the parcel holds or where it
    goes: ``seen`` may stand on a paper. Raises ``TooLateError`` for an order that is not placed, or some of
    whose copies a pending refund is for: they may stay in the shop.
    """
    return _move_on(Status.PACKED, seen=seen, **told)


def ship_order(
    *, carrier: str, tracking_number: str, seen: int | None = None, **told: Unpack[Instruction]
) -> Order:
    """Say that a packed order has left, with whom and under which number; the customer hears by mail.

    ``carrier`` is a key of ``carriers.CARRIERS``; the number is kept in capitals, without spaces. An
    order that has left with another parcel is not changed: ``TooLateError``. Raises
    ``OrderChangedError``, ``BadStepError`` (``field`` says which of the two), and ``TooLateError`` as
    ``pack_order`` does, for an order that is not packed.
    """
    code, number = check_parcel(carrier, tracking_number)
    order = _move_on(Status.SHIPPED, seen=seen, carrier=code, tracking_number=number or None, **told)
    if (order.carrier, order.tracking_number or "") != (code, number):
        raise TooLateError(
            _("This order has left already, with %(parcel)s.")
            % {"parcel": " ".join(filter(None, (order.carrier_name, order.tracking_number)))}
        )
    return order


def deliver_order(*, seen: int | None = None, **told: Unpack[Instruction]) -> Order:
    """Say that a shipped order has arrived; nobody has anything more to do with it.

    Raises ``OrderChangedError``, and ``TooLateError`` for an order that is not on its way.
    """
    return _move_on(Status.DELIVERED, seen=seen, **told)


def _move_on(
    to: Status,
    *,
    customer_id: str,
    order_id: str,
    by: str,
    at: datetime,
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
    **values: Any,
) -> Order:
    @in_turn
    def move_on(order: Order) -> Order:
        check_seen(order, seen, by=by)
        if order.state is to:
            return order
        if not may_become(order.state, to):
            raise too_late(order)
        if order.spoken_for and order.state in UNSENT:
            raise TooLateError(
                _("A refund of some of its books is under way: go on when the payment provider has answered.")
            )
        if to is Status.PACKED:
            check_parcel_seen(order, seen)
        take_step(Step(order, to, by=by, reason="", at=at, **values), beside=beside)
        log.info("an order was %s", to, extra={"order_id": order_id})
        return order

    return move_on(as_read or get_order(customer_id, order_id))


def change_address(
    *,
    customer_id: str,
    order_id: str,
    address: PostalAddress,
    by: str,
    at: datetime,
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Send an order elsewhere, as long as it has not left; its history says that, and not from where.

    To the same address it is returned as it is. Raises ``BadAddressError``, ``OrderChangedError``, and
    ``TooLateError`` for an order that has left, or never will.
    """
    to = Address(**address.checked().as_dict())  # type: ignore[no-untyped-call]  # PynamoDB's

    @in_turn
    def send_elsewhere(order: Order) -> Order:
        check_seen(order, seen, by=by)
        if order.address.attribute_values == to.attribute_values:
            return order
        if order.state not in UNSENT:
            raise too_late(order)
        step = Step(order, order.state, by=by, reason=SENT_ELSEWHERE, at=at, address=to)
        take_step(step, beside=beside)
        return order

    return send_elsewhere(as_read or get_order(customer_id, order_id))


def note_order(
    *,
    customer_id: str,
    order_id: str,
    note_id: str,
    text: str,
    to_customer: bool,
    by: str,
    at: datetime,
    as_read: Order | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Write a note about an order, for the shop itself or to the customer, who gets it by mail, once.

    ``note_id`` is drawn with the form: the same again is the same note, and ``SentBeforeError`` when it says
    something else. Notes stand in no way of each other, so they ask for no version. Raises ``BadStepError``
    for a note that is empty or too long, for one more than an order holds, for one about a customer who was
    forgotten, whom it might name, and for one to a customer without an e-mail address.
    """
    text = check_text(text, most=NOTE_CHARACTERS, field="text", missing=_("Write something."))

    @in_turn
    def write_down(order: Order) -> Order:
        if there := next((note for note in order.notes if note.note_id == note_id), None):
            if (there.text, there.to_customer) != (text, to_customer):
                raise sent_before()
            return order
        if order.is_forgotten:
            raise BadStepError(
                _("The customer was forgotten: nothing more is written about this order."), field="text"
            )
        if len(order.notes) >= MOST_NOTES:
            raise BadStepError(_("This order has as many notes as it can hold."), field="text")
        if to_customer and not order.email:
            raise BadStepError(_("This customer can no longer be written to."), field="to_customer")
        note = Note(  # type: ignore[no-untyped-call]  # PynamoDB's
            note_id=note_id, text=text, at=at, by=by, to_customer=to_customer, version=next_version(order)
        )
        take_step(Rewrite(order, notes=[*order.notes, note]), beside=beside)
        return order

    return write_down(as_read or get_order(customer_id, order_id))
