"""Money and books that come back: refunds in part or whole, returns, and what the shop owes.

Money moves at the provider, outside of any transaction. So an order first says that a refund is
pending, and stands in a queue for it; then the provider is asked, under a key that makes the same
refund one however often it is asked for; then the order says that the money went back. Whoever
dies in between, and whatever does not answer, leaves an order that ``release_unpaid`` settles
later. A refund that is pending counts as spent, so that two clerks together never give back more
than was paid.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.actors import BY_PAYMENT, who
from bookstore.dynamodb.tables import Beside, nothing_beside
from bookstore.money import to_cents
from bookstore.typesetting import money
from orders import payments
from orders.errors import BadStepError, OrderBusyError
from orders.models import REFUND_DONE, REFUND_PENDING, CreditedCopies, Note, Order, Refund, refusal_id
from orders.payments.base import (
    Payment,
    PaymentRefusedError,
    PaymentState,
    PaymentUnavailableError,
)
from orders.queues import queue_key, queue_of
from orders.selectors import admin_key, get_order
from orders.states import BOUGHT, NOTHING_PAID, OWING, SENT, Status
from orders.steps import (
    OvertakenError,
    Rewrite,
    Step,
    check_copies,
    check_reason,
    check_same_step,
    check_seen,
    credited,
    free_copies,
    in_turn,
    kept_copies,
    next_version,
    restocking,
    sent_before,
    take_step,
    too_late,
)

log = logging.getLogger(__name__)

MOST_REFUNDS = 30  # of one order, as of notes
NOTHING = Decimal("0.00")
REFUSED = gettext_lazy("The payment provider refused the refund.")  # as the admin's log has it
_REFUND_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


def refund_order(
    *,
    customer_id: str,
    order_id: str,
    refund_id: str,
    by: str,
    at: datetime,
    reason: str,
    amount: Decimal | None = None,
    lines: Mapping[str, int] | None = None,
    restock: bool = False,
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Give some or all of the money of an order back, once.

    ``amount`` is money, ``lines`` are copies by book, which count as sold no longer and, with
    ``restock``, go back into stock; copies without an amount are refunded at what they cost. At least
    one of them is said. ``refund_id`` is drawn with the form, 1 to 64 letters, digits, ``-`` and
    ``_``: the same again is the same refund, and ``SentBeforeError`` when it says something else. When
    all that was paid has gone back, an order that was sent is ``refunded``; one that was not is cancelled
    instead, also where no copy of it would be left to send.

    A provider that does not answer leaves the refund pending (``order.pending_refunds``), to be settled
    by ``release_unpaid``. One that says no leaves the order as it was: ``PaymentRefusedError``, whose
    message is a sentence. ``beside`` goes with the first write, before the provider is asked, and
    ``as_read`` is as in ``fulfilment``. Raises ``BadStepError`` (``field`` says what of),
    ``OrderChangedError``, ``TooLateError`` for an order that nobody paid, or whose money all goes back
    anyway (it was cancelled, or sent back whole), ``OrderNotFoundError``, ``OrderBusyError``.
    """
    _check_id(refund_id)

    @in_turn
    def refund_some(order: Order) -> Order:
        why = check_reason(order, reason)
        if refund := _refund_of(order, refund_id):
            _check_same(order, refund, amount=amount, lines=lines, restock=restock, reason=why)
            return _make_now(order, refund, at=at)
        check_seen(order, seen, by=by)
        if order.state not in BOUGHT:
            raise too_late(order)
        refund = _draft(
            order, refund_id, amount=amount, lines=lines, restock=restock, by=by, reason=why, at=at
        )
        take_step(_with_refunds(order, [*order.refunds, refund]), beside=beside)
        return _make_now(order, refund, at=at)

    return refund_some(as_read or get_order(customer_id, order_id))


def return_order(
    *,
    customer_id: str,
    order_id: str,
    refund_id: str,
    by: str,
    at: datetime,
    reason: str,
    lines: Mapping[str, int] | None = None,
    restock: bool = False,
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Take back books of an order that was sent, all that are kept or those of ``lines``, and refund them.

    ``lines`` are copies by book. When no copy is kept any more the order is ``returned``, and all
    that is left of its money goes back; of some copies what they cost goes back, as far as it has not.
    They go into stock only with ``restock``, when a bookseller has looked at them. ``refund_id`` as for
    ``refund_order``. Whatever the provider says, the books are back: money that it does not give is
    owed for a whole order, and for some copies refused with a sentence. A whole order that is sent again
    with another reason, or another ``restock``, is an ``OrderChangedError``.

    Raises what ``refund_order`` raises, ``TooLateError`` for an order that was not sent.
    """
    _check_id(refund_id)

    @in_turn
    def take_back(order: Order) -> Order:
        why = check_reason(order, reason)
        if refund := _refund_of(order, refund_id):
            _check_same(order, refund, amount=refund.amount, lines=lines, restock=restock, reason=why)
            return _make_now(order, refund, at=at)
        check_seen(order, seen, by=by)
        if order.state is Status.RETURNED or _was_returned(order):
            check_same_step(order, Status.RETURNED, by=by, reason=why, restock=restock)
            return settle_now(order, at=at)
        if order.state not in SENT:
            raise too_late(order)
        kept = kept_copies(order)
        copies = dict(lines) if lines is not None else kept
        if copies != kept or not kept:  # whoever has all of them has those of a pending refund too
            check_copies(order, copies)
        restocks = restocking(order, copies, by=by, reason=why, at=at) if restock else ()
        after = credited(order, copies, as_="returned")
        if copies == kept:
            step: Rewrite = Step(
                order,
                Status.RETURNED,
                by=by,
                reason=why,
                restock=restock,
                owing=True,
                at=at,
                lines=after,
            )
            take_step(step, restocks=restocks, beside=beside)
            return settle_now(order, at=at)
        _check_room(order, field="lines")
        amount = min(_cost_of(order, copies), order.refundable)
        refund = _refund(order, refund_id, amount, copies=copies, by=by, reason=why, at=at)
        refund.returned, refund.restock = True, restock
        if not amount:
            refund.state = REFUND_DONE
        step = _with_refunds(order, [*order.refunds, refund], lines=after)
        take_step(step, restocks=restocks, beside=beside)
        return _make_now(order, refund, at=at)

    return take_back(as_read or get_order(customer_id, order_id))


# What the shop owes.


def settle_otherwise(
    *,
    customer_id: str,
    order_id: str,
    by: str,
    at: datetime,
    reason: str,
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Say that the money owed for a cancelled or returned order went back another way, such as by bank transfer.

    Only for money that the provider has refused to give back: whatever else is owed ``release_unpaid``
    gives back, and it would go twice. ``reason`` says how. The second time returns the order.

    Raises ``BadStepError`` without a reason, ``OrderChangedError``, ``TooLateError`` for an order of which
    no refund was refused, ``OrderNotFoundError``, ``OrderBusyError``, and ``PaymentUnavailableError`` while
    the provider does not say how much was paid.
    """

    @in_turn
    def settle_so(order: Order) -> Order:
        why = check_reason(order, reason)
        check_seen(order, seen, by=by)
        if order.state is Status.REFUNDED:
            return order
        if not refusal_of(order) or order.pending_refunds:
            raise too_late(order)
        rest = payments.provider().payment_of(order_id).amount - order.refunded
        refund = _last_of(order, rest, by=by, reason=why, at=at)
        refund.otherwise = True
        step = Step(
            order,
            Status.REFUNDED,
            by=by,
            reason=why,
            at=at,
            refunds=[*order.refunds, refund],
            refunded=order.refunded + rest,
        )
        take_step(step, beside=beside)
        return order

    return settle_so(as_read or get_order(customer_id, order_id))


def refusal_of(order: Order) -> str:
    """Return the sentence with which the provider refused the money that is owed; empty where it did not."""
    if order.state not in OWING or not order.queue_name:
        return ""
    return order.refusal


def settle_now(order: Order, *, at: datetime) -> Order:
    """Settle at once what is owed; what the provider does not do now is left in the queue, for later."""
    if order.state not in OWING or not order.queue_name:
        return order
    try:
        return settle(order, at=at)
    except PaymentUnavailableError:
        log.warning(
            "a refund has to wait: the payment provider does not answer", extra={"order_id": order.order_id}
        )
    except PaymentRefusedError as error:
        return note_refusal(order, order.order_id, error, at=at)
    return order


def settle(order: Order, *, at: datetime) -> Order:
    """Make an order's pending refunds, and give back what the shop holds for a cancelled or returned one.

    Raises ``PaymentUnavailableError``; and ``PaymentRefusedError`` where the rest of the money is
    refused, which stays owed. A pending refund that is refused is dropped, with a note to staff.
    """
    for refund in order.pending_refunds:
        try:
            order = _make(order, refund, at=at)
        except PaymentRefusedError as error:
            order = note_refusal(
                get_order(order.customer_id, order.order_id), str(refund.refund_id), error, at=at
            )
    if order.state not in OWING:
        return order
    payment = payments.provider().close(order.order_id)
    if payment.state in (PaymentState.PAID, PaymentState.REFUNDED):
        return _give_back(order, payment, at=at)
    with suppress(OvertakenError):
        take_step(Step(order, order.state, by=BY_PAYMENT, reason=NOTHING_PAID, at=at))
    return order


@in_turn
def _give_back(order: Order, payment: Payment, *, at: datetime) -> Order:
    """Refund what is left of a payment, once, and say so in the order, for whom and why it was cancelled or returned.

    The order's id is the key by which the provider knows a second request for the same refund.
    """
    if order.state is Status.REFUNDED:
        return order
    if order.pending_refunds:
        return settle(order, at=at)
    rest = payment.amount - order.refunded
    said: dict[str, Any] = {}
    if rest > 0:
        if payment.state is PaymentState.PAID:
            payments.provider().refund(order.order_id, rest, key=order.order_id)
            log.info("a payment was refunded", extra={"order_id": order.order_id})
        cause = next(step for step in order.history if step.status == order.status)
        refund = _last_of(order, rest, by=cause.by, reason=cause.reason, at=at)
        said = {"refunds": [*order.refunds, refund], "refunded": order.refunded + rest}
    take_step(Step(order, Status.REFUNDED, by=BY_PAYMENT, reason="", at=at, **said))
    return order


# One refund, from asked for to done.


def _make_now(order: Order, refund: Refund, *, at: datetime) -> Order:
    """Make a refund at once; it stays pending where the provider does not answer, or the order is too busy."""
    if refund.is_done:
        return order
    try:
        return _make(order, refund, at=at)
    except (PaymentUnavailableError, OrderBusyError) as error:
        log.warning("a refund is pending: %s", type(error).__name__, extra={"order_id": order.order_id})
        return order


def _make(order: Order, refund: Refund, *, at: datetime) -> Order:
    """Have the provider make a pending refund, and say so in the order; raise what the provider raises."""
    try:
        payments.provider().refund(order.order_id, refund.amount, key=f"{order.order_id}.{refund.refund_id}")
    except PaymentRefusedError:
        _drop(order, refund)
        raise
    log.info("a refund was made", extra={"order_id": order.order_id})
    return _say_done(order, refund, at=at)


@in_turn
def _say_done(order: Order, refund: Refund, *, at: datetime) -> Order:
    """Say in an order that a refund was made, with what follows from it: all in one transaction, once.

    A refund that somebody took off meanwhile is put back: the money went.
    """
    there = _refund_of(order, refund.refund_id)
    if there and there.is_done:
        return order
    done = Refund(**(refund.attribute_values | {"state": REFUND_DONE}))  # type: ignore[no-untyped-call]  # PynamoDB's
    refunds = [*(each for each in order.refunds if each.refund_id != refund.refund_id), done]
    refunded = sum((each.amount for each in refunds if each.is_done), NOTHING)
    copies = {} if refund.returned else refund.copies_by_book
    kept = kept_copies(order)
    copies = {book: min(number, kept[book]) for book, number in copies.items() if book in kept}
    values: dict[str, Any] = {"refunds": refunds, "refunded": refunded}
    if copies:
        values["lines"] = credited(order, copies, as_="refunded")
    if refunded >= order.total and order.state in SENT:
        step: Rewrite = Step(order, Status.REFUNDED, by=refund.by, reason=refund.reason, at=at, **values)
    else:
        step = _with_refunds(order, **values)
    back = copies if refund.restock else {}
    take_step(step, restocks=restocking(order, back, by=refund.by, reason=refund.reason, at=at))
    return order


@in_turn
def _drop(order: Order, refund: Refund) -> Order:
    """Take a refund that was refused off its order. Of copies that came back it stays, without money."""
    there = _refund_of(order, refund.refund_id)
    if there is None or there.is_done:
        return order
    refunds = [each for each in order.refunds if each.refund_id != refund.refund_id]
    if there.returned:
        kept = Refund(**(there.attribute_values | {"state": REFUND_DONE, "amount": NOTHING}))  # type: ignore[no-untyped-call]  # PynamoDB's
        refunds.append(kept)
    take_step(_with_refunds(order, refunds))
    return order


def _with_refunds(order: Order, refunds: list[Refund], **values: object) -> Rewrite:
    """Return a change of an order's refunds that leaves its state, and puts it into the queue that follows."""
    pending = any(not each.is_done for each in refunds)
    owing = order.state in OWING and bool(order.queue_name)
    queue = queue_of(order.state, owing=owing, refunding=pending)
    return Rewrite(order, refunds=refunds, queue_name=queue and queue_key(queue, order.order_id), **values)


@in_turn
def note_refusal(order: Order, refund_id: str, error: PaymentRefusedError, *, at: datetime) -> Order:
    """Leave staff a note, once, that the provider refused a refund while nobody was looking; and in their log."""
    note_id = refusal_id(refund_id)
    if any(note.note_id == note_id for note in order.notes):
        return order
    note = Note(  # type: ignore[no-untyped-call]  # PynamoDB's
        note_id=note_id, text=str(error), at=at, by=BY_PAYMENT, version=next_version(order)
    )
    take_step(Rewrite(order, notes=[*order.notes, note]), beside=_in_the_log(order, at=at))
    log.error("the payment provider refused a refund", extra={"order_id": order.order_id})
    return order


def _in_the_log(order: Order, *, at: datetime) -> Beside:
    """Return what tells the admin's log that the provider refused; why stands in the order, which can be erased."""
    from bookstore.dynamodb.admin import audit, models  # noqa: PLC0415 - brings some of Django's admin

    item = audit.entry_of(
        label="orders.order",
        key=admin_key(order.customer_id, order.order_id),
        shown=order.number,
        user=audit.Person(BY_PAYMENT, who(BY_PAYMENT)),
        kind=models.CHANGED,
        message=str(REFUSED),
        at=at,
    )
    return partial(audit.record, item=item)


def _draft(
    order: Order,
    refund_id: str,
    *,
    amount: Decimal | None,
    lines: Mapping[str, int] | None,
    restock: bool,
    by: str,
    reason: str,
    at: datetime,
) -> Refund:
    """Return the refund that a clerk asks for; raise ``BadStepError`` where it cannot be."""
    if amount is None and not lines:
        raise BadStepError(_("Say how much, or which copies."), field="amount")
    _check_room(order, field="amount")
    copies = dict(lines or {})
    if restock and not copies:
        raise BadStepError(_("Say which copies go back into stock."), field="restock")
    if copies:
        check_copies(order, copies)
    try:
        asked = to_cents(_cost_of(order, copies) if amount is None else amount)
    except (TypeError, ValueError) as error:
        raise BadStepError(_("This is not an amount of money."), field="amount") from error
    if asked <= 0 or (amount is not None and asked != amount):
        raise BadStepError(_("A refund is some money, in whole pence."), field="amount")
    if asked > order.refundable:
        raise BadStepError(
            _("At most %(rest)s of this order can still be refunded.")
            % {"rest": money(order.refundable, order.currency)},
            field="amount",
        )
    nothing_left = asked == order.refundable or not free_copies(order) - Counter(copies)
    if nothing_left and order.state not in SENT:
        raise BadStepError(
            _("This order has not left yet: cancel it, and all its money goes back."), field="amount"
        )
    refund = _refund(order, refund_id, asked, copies=copies, by=by, reason=reason, at=at)
    refund.restock = restock
    return refund


def _refund(
    order: Order,
    refund_id: str,
    amount: Decimal,
    *,
    by: str,
    reason: str,
    at: datetime,
    copies: Mapping[str, int] | None = None,
) -> Refund:
    return Refund(  # type: ignore[no-untyped-call]  # PynamoDB's
        refund_id=refund_id,
        amount=amount,
        at=at,
        by=by,
        reason=reason,
        state=REFUND_PENDING,
        copies=[
            CreditedCopies(book_id=book_id, quantity=number)  # type: ignore[no-untyped-call]  # PynamoDB's
            for book_id, number in (copies or {}).items()
        ],
        version=next_version(order),
    )


def _last_of(order: Order, amount: Decimal, *, by: str, reason: str, at: datetime) -> Refund:
    """Return the refund, made, of all that is left: of the money, and of the copies that none was for yet."""
    told = sum((Counter(each.copies_by_book) for each in order.refunds), Counter[str]())
    copies = Counter({line.book_id: int(line.quantity) for line in order.lines}) - told
    refund = _refund(order, order.order_id, amount, by=by, reason=reason, at=at, copies=copies)
    refund.state = REFUND_DONE
    return refund


def _refund_of(order: Order, refund_id: str) -> Refund | None:
    return next((each for each in order.refunds if each.refund_id == refund_id), None)


def _check_same(
    order: Order,
    there: Refund,
    *,
    amount: Decimal | None,
    lines: Mapping[str, int] | None,
    restock: bool,
    reason: str,
) -> None:
    """Raise ``SentBeforeError`` when a form that is sent again does not say what it said the first time."""
    copies = there.copies_by_book
    costs = _cost_of(order, copies) if amount is None else amount
    if (dict(lines or {}), costs, restock, reason) != (copies, there.amount, there.restock, there.reason):
        raise sent_before()


def _was_returned(order: Order) -> bool:
    return order.state is Status.REFUNDED and any(each.status == Status.RETURNED for each in order.history)


def _cost_of(order: Order, copies: Mapping[str, int]) -> Decimal:
    prices = {line.book_id: line.price for line in order.lines}
    return sum((prices[book_id] * number for book_id, number in copies.items()), NOTHING)


def _check_room(order: Order, *, field: str) -> None:
    if len(order.refunds) >= MOST_REFUNDS:
        raise BadStepError(_("This order has as many refunds as it can hold."), field=field)


def _check_id(refund_id: str) -> None:
    if not _REFUND_ID.fullmatch(refund_id):
        raise BadStepError(_("This form is broken. Please open it again."), field="refund_id")
