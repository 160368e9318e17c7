"""What happens to an order that was reserved: paid, cancelled, given up. ``fulfilment`` and ``refunds`` go on.

Each step is one transaction on the order as it was read: whoever comes second finds the step
taken, reads again, and does what is left to do, which may be nothing. Money moves at the
provider, outside of any transaction: so the order says first that money is owed, in its
queue, and says that it went back only after it did. Whoever dies in between leaves an order
that ``release_unpaid`` settles later.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.utils.translation import gettext as _

from bookstore.accounts.errors import ErasureRefusedError
from bookstore.actors import BY_CUSTOMER, BY_PAYMENT, BY_SHOP
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import (
    is_transient,
)
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from cart.services import AddedBooks, add_books, drop_line
from catalog import reviews
from catalog.errors import NotBoughtError
from orders import payments
from orders.errors import OrderBusyError, TooLateError
from orders.models import Address, Order, Refund
from orders.payments.base import Payment, PaymentRefusedError, PaymentState, PaymentUnavailableError
from orders.queues import FORMER, MOST_SHARDS, OWED, QUEUES, keys_beyond, queue_key
from orders.refunds import note_refusal, settle, settle_now
from orders.selectors import (
    all_orders_of,
    find_order,
    get_order,
    holds,
    queued,
    standing_in,
)
from orders.states import (
    ABANDONED,
    CANCELLABLE_BY_CUSTOMER,
    CANCELLABLE_BY_STAFF,
    DECLINED,
    ERASED,
    REASONS,
    WRONG_AMOUNT,
    Status,
)
from orders.steps import (
    OvertakenError,
    Rewrite,
    Step,
    check_reason,
    check_same_step,
    check_seen,
    credited,
    in_turn,
    kept_copies,
    marker_of,
    restocking,
    take_step,
)

log = logging.getLogger(__name__)


# Paying.


def confirm(*, customer_id: str, order_id: str, payment: Payment, at: datetime) -> Order:
    """Place an order whose money has come: one GetItem and one transaction.

    Each line of the cart that still is as it was ordered leaves the cart; one changed since
    stays. The second time, and after webhook and return have raced, the order is returned as
    it is. Money for an order that is cancelled by now, or money of another amount, is owed, and given
    back as ``settle_now`` does.

    Raises ``OrderNotFoundError``, and ``ValueError`` for a payment that was not made.
    """
    if payment.state is not PaymentState.PAID:
        msg = f"an order is confirmed by a payment that was made, this one is {payment.state}"
        raise ValueError(msg)
    return _take_money(get_order(customer_id, order_id), payment, at=at)


def follow_payment(*, customer_id: str, order_id: str, at: datetime) -> Order:
    """Ask the provider how an order's payment stands, and act on it; return the order as it is then.

    Paid: the order is placed. Declined: the copies go back into stock. Unpaid: it waits on.
    Raises ``OrderNotFoundError`` and ``payments.base.PaymentUnavailableError``.
    """
    order = get_order(customer_id, order_id)
    if order.state not in (Status.AWAITING_PAYMENT, Status.CANCELLED):
        return order  # the webhook was first
    return _follow(order, payments.provider().payment_of(order_id), at=at)


def receive_payment(*, payment: Payment, at: datetime) -> None:
    """Act on what the provider's webhook tells; the second time changes nothing.

    Money for an order that does not exist is given back, and is an error in the log.
    """
    order = find_order(payment.customer_id, payment.order_id)
    if order is not None:
        _follow(order, payment, at=at)
    elif payment.state is PaymentState.PAID:
        log.error("money came for an order that does not exist", extra={"order_id": payment.order_id})
        try:
            payments.provider().refund(payment.order_id, payment.amount, key=payment.order_id)
        except PaymentRefusedError:  # telling us again would not help
            log.exception("that money does not go back", extra={"order_id": payment.order_id})


def _follow(order: Order, payment: Payment, *, at: datetime) -> Order:
    if payment.state is PaymentState.PAID:
        return _take_money(order, payment, at=at)
    if payment.state is PaymentState.DECLINED:
        return _release(order, by=BY_PAYMENT, reason=DECLINED, at=at)
    return order


@in_turn
def _take_money(order: Order, payment: Payment, *, at: datetime) -> Order:
    if order.state is Status.CANCELLED:
        log.warning("money came for a cancelled order", extra={"order_id": order.order_id})
        if not order.queue_name:  # it was settled: whoever dies from here on leaves word of the money
            take_step(Rewrite(order, queue_name=queue_key(OWED, order.order_id)))
        return settle_now(order, at=at)
    if order.state is not Status.AWAITING_PAYMENT:
        return order  # taken before
    if (payment.amount, payment.currency) != (order.total, order.currency):
        log.error("a payment is not the amount of its order", extra={"order_id": order.order_id})
        _cancel(order, by=BY_PAYMENT, reason=WRONG_AMOUNT, owing=True, at=at)
        return settle_now(order, at=at)
    _place(order, payment, at=at)
    log.info("an order was placed", extra={"order_id": order.order_id})
    return order


def _place(order: Order, payment: Payment, *, at: datetime) -> None:
    """Make an order placed and take its lines out of the cart, but for those that were changed since."""
    step = Step(order, Status.PLACED, by=BY_PAYMENT, reason="", at=at, payment_reference=payment.reference)
    lines = [
        partial(drop_line, owner=order.customer_id, book_id=line.book_id, quantity=int(line.quantity))
        for line in order.lines
    ]
    take_step(step, deletes=[marker_of(order), *lines])


# Cancelling: the copies go back, and money with them.


@in_turn
def _release(order: Order, *, by: str, reason: str, at: datetime) -> Order:
    """Give up an order that was not paid, once it is known that no money will come; the cart stays."""
    if order.state is Status.AWAITING_PAYMENT:
        _cancel(order, by=by, reason=reason, owing=False, at=at)
    return order


def cancel_order(
    *,
    customer_id: str,
    order_id: str,
    at: datetime,
    by: str = BY_CUSTOMER,
    reason: str = "",
    as_read: Order | None = None,
    seen: int | None = None,
    beside: Beside = nothing_beside,
) -> Order:
    """Cancel an order that is not packed yet: stock back and money back, each exactly once.

    ``by`` is ``customer`` or a member of staff, who may also cancel a packed one and has to say why.
    ``as_read``, ``seen`` and ``beside`` are as in ``fulfilment``. When the provider cannot be reached, or
    refuses, the order is cancelled all the same, and stands in the queue ``owed`` until
    ``release_unpaid`` has given the money back. The second time returns the cancelled order, and is an
    ``OrderChangedError`` where the same clerk gives another reason.

    Raises ``OrderNotFoundError``, ``OrderChangedError``, ``BadStepError`` without a reason, and
    ``TooLateError`` for an order that has gone too far.
    """
    allowed = CANCELLABLE_BY_CUSTOMER if by == BY_CUSTOMER else CANCELLABLE_BY_STAFF

    @in_turn
    def cancel(order: Order) -> Order:
        why = check_reason(order, reason, needed=by not in (BY_CUSTOMER, BY_SHOP, BY_PAYMENT))
        check_seen(order, seen, by=by)
        if order.state is Status.CANCELLED or _was_cancelled(order):
            check_same_step(order, Status.CANCELLED, by=by, reason=why)
            return settle_now(order, at=at)
        if order.state not in allowed:
            raise TooLateError(
                _("This order can no longer be cancelled: it is %(state)s.") % {"state": order.label.lower()}
            )
        owing = order.state is not Status.AWAITING_PAYMENT or _may_hold_money(order)
        _cancel(order, by=by, reason=why, owing=owing, at=at, beside=beside)
        log.info("an order was cancelled", extra={"order_id": order_id})
        return settle_now(order, at=at)

    return cancel(as_read or get_order(customer_id, order_id))


def _was_cancelled(order: Order) -> bool:
    return order.state is Status.REFUNDED and any(each.status == Status.CANCELLED for each in order.history)


def _may_hold_money(order: Order) -> bool:
    """Close an unpaid order's payment, and tell whether money had come already, or may have."""
    try:
        return payments.provider().close(order.order_id).state is PaymentState.PAID
    except PaymentUnavailableError:
        return True


def _cancel(
    order: Order, *, by: str, reason: str, owing: bool, at: datetime, beside: Beside = nothing_beside
) -> None:
    """Cancel an order and put its copies back."""
    copies = kept_copies(order)
    lines = credited(order, copies, as_="cancelled")
    step = Step(order, Status.CANCELLED, by=by, reason=reason, owing=owing, at=at, lines=lines)
    deletes = [marker_of(order)] if order.may_be_paid else []
    restocks = restocking(order, copies, by=by, reason=reason, at=at)
    take_step(step, deletes=deletes, restocks=restocks, beside=beside)


# What the shop does by itself.


@dataclass
class Released:
    """What became of the orders that waited too long."""

    released: int = 0  # nothing was paid: stock went back
    confirmed: int = 0  # money had come, unnoticed
    settled: int = 0  # cancelled ones whose money went back, or never came
    left: int = 0  # for the next round: the provider or a store did not answer

    @property
    def anything(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.released or self.confirmed or self.settled or self.left)


def release_unpaid(*, at: datetime) -> Released:
    """Settle every order that nobody paid for ``UNPAID_ORDER_MINUTES``, and every refund that is due.

    The provider is told to close the payment first, and answers whether money has come: from
    then on none can. An order that was paid is placed, any other gives its copies back. Safe at any
    time, in parallel and beside a payment of the same moment. One order's trouble, of whatever
    kind, is logged and does not stop the others; DynamoDB's does, and is raised.
    """
    done = Released()
    since = _abandoned_before(at)
    # An id is drawn before its order is made: the index's range holds all candidates, and a few more.
    for listed in queued(Status.AWAITING_PAYMENT, drawn_before=since):
        if listed.ordered_at <= since:
            _attempt(listed, done, at=at)
    for listed in queued(OWED):
        _attempt(listed, done, at=at)
    _requeue_strays(at=at)
    return done


def _attempt(listed: Order, done: Released, *, at: datetime) -> None:
    try:
        order = find_order(listed.customer_id, listed.order_id)
        if order is None or not order.queue_name:
            return  # the index is a moment behind
        if order.state is Status.AWAITING_PAYMENT:
            if give_up(order, by=BY_SHOP, reason=ABANDONED, at=at).state is Status.CANCELLED:
                done.released += 1
            else:
                done.confirmed += 1
        else:
            _settle_later(order, done, at=at)
    except Exception as error:
        if is_transient(error):
            raise  # the store is away: the next order would fare no better
        log.exception("an open order could not be settled", extra={"order_id": listed.order_id})
        done.left += 1


def _settle_later(order: Order, done: Released, *, at: datetime) -> None:
    try:
        settle(order, at=at)
        done.settled += 1
    except PaymentRefusedError as error:
        note_refusal(order, order.order_id, error, at=at)
        done.left += 1


def _requeue_strays(*, at: datetime) -> None:
    """Move orders out of what is read no longer: queues of older names, shards of a larger ``QUEUE_SHARDS``.

    Of the latter one shard of each queue a round, which the minute chooses: one Query each, and nearly
    always empty.
    """
    number = int(at.timestamp()) // 60 % MOST_SHARDS
    for name in (*QUEUES, *FORMER):
        for key in keys_beyond(name, number):
            for listed in standing_in(key):
                _requeue(listed, key, OWED if name in FORMER else name)


def _requeue(listed: Order, key: str, name: str) -> None:
    order = find_order(listed.customer_id, listed.order_id)
    if order and order.queue_name == key:
        with suppress(OvertakenError, OrderBusyError):  # it is met again
            take_step(Rewrite(order, queue_name=queue_key(name, order.order_id)))


def _abandoned_before(at: datetime) -> datetime:
    """Return when an order must have been made to be given up by now, unless it is paid."""
    return at - timedelta(minutes=settings.UNPAID_ORDER_MINUTES)


def give_up(order: Order, *, by: str, reason: str, at: datetime) -> Order:
    """Let an unpaid order be paid no more and put its copies back; place it if money had come before."""
    payment = payments.provider().close(order.order_id)
    if payment.state is PaymentState.PAID:
        return _take_money(order, payment, at=at)
    if payment.state is PaymentState.DECLINED:
        reason = DECLINED
    return _release(order, by=by, reason=reason, at=at)


# What customers do with their orders.


def buy_again(*, customer_id: str, order_id: str, at: datetime) -> AddedBooks:
    """Put an order's books into the cart, as many copies each, as far as they are sold today.

    Raises ``OrderNotFoundError`` and ``cart.errors.CartBusyError``.
    """
    order = get_order(customer_id, order_id)
    return add_books(
        owner=customer_id, wanted={line.book_id: int(line.quantity) for line in order.lines}, at=at
    )


def rate_from_order(*, order: Order, book_id: str, stars: int, title: str, text: str, at: datetime) -> None:
    """Rate a book that this order holds; a second rating replaces the first.

    Raises ``catalog.errors.NotBoughtError`` unless the order is paid and neither cancelled nor
    returned, and what ``catalog.reviews.rate_book`` raises.
    """
    if not holds(order, book_id):
        raise NotBoughtError
    reviews.rate_book(
        book_id=book_id,
        customer_id=order.customer_id,
        order_id=order.order_id,
        stars=stars,
        title=title,
        text=text,
        at=at,
    )


def check_erasable(orders: Iterable[Order]) -> None:
    """Raise ``ErasureRefusedError`` while one of a customer's orders could not be delivered or refunded."""
    if any(order.queue_name for order in orders):
        raise ErasureRefusedError(
            _("You have an order under way. Please wait until it is delivered, or cancel it first.")
        )


def erase_customer(*, customer_id: str, at: datetime) -> None:
    """Take the person out of a customer's orders; what was sold, and for how much, stays on record.

    Name, address, e-mail, the parcel's number, notes, and what staff gave as reasons, where they may
    have named anybody.

    The second time there is nothing to take out. Raises ``ErasureRefusedError``, before anything is
    changed, while an order is still under way: it could not be delivered or refunded.
    """
    orders = list(all_orders_of(customer_id))
    check_erasable(orders)
    for order in orders:
        if order.email or not order.is_forgotten or order.notes:
            through_conflicts(partial(_erase, customer_id, order.order_id, at=at), reads_anew=True)


def _erase(customer_id: str, order_id: str, *, at: datetime) -> None:
    """Take the person out of an order as it is now; status and queue are others' to write."""
    order = get_order(customer_id, order_id)
    check_erasable([order])
    nobody = Address(name="", line1="", city="", postcode="", country="")  # type: ignore[no-untyped-call]  # PynamoDB's
    step = Step(
        order,
        order.state,
        by=BY_CUSTOMER,
        reason=ERASED,
        at=at,
        email=None,
        address=nobody,
        tracking_number=None,
        notes=[],
        refunds=[_told_no_more(refund) for refund in order.refunds],
    )
    for told in step.values["history"]:
        told.reason = told.reason if told.reason in REASONS else ""
    with transaction() as write:
        step.write(write)


def _told_no_more(refund: Refund) -> Refund:
    return Refund(**(refund.attribute_values | {"reason": ""}))  # type: ignore[no-untyped-call]  # PynamoDB's
