"""What happens to an order: reserved, paid, cancelled, given up. ``fulfilment`` and ``refunds`` go on.

Each step is one transaction on the order as it was read: whoever comes second finds the step
taken, reads again, and does what is left to do, which may be nothing. Money moves at the
provider, outside of any transaction: so the order says first that money is owed, in its
queue, and says that it went back only after it did. Whoever dies in between leaves an order
that ``release_unpaid`` settles later.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import compress

from django.conf import settings
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pynamodb.exceptions import DeleteError, TransactWriteError, UpdateError

from bookstore.accounts.errors import ErasureRefusedError
from bookstore.accounts.selectors import PostalAddress
from bookstore.dynamodb.conflicts import is_conflict, through_conflicts
from bookstore.dynamodb.errors import (
    CONDITION_FAILED,
    cancellation_codes,
    is_condition_failure,
    is_transient,
    refused_updates,
)
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from bookstore.money import to_cents
from bookstore.typesetting import money
from cart.selectors import MOST_TITLES, Cart, CartLineView, cart_of
from cart.services import AddedBooks, add_books, drop_line
from catalog import reviews, stock
from catalog.errors import NotBoughtError
from catalog.selectors import books_by_id
from orders import payments
from orders.errors import (
    BooksUnavailableError,
    CartChangedError,
    CartEmptyError,
    OrderBusyError,
    OrderError,
    PriceChangedError,
    TooLateError,
    TooManyTitlesError,
)
from orders.ids import AgreedLine, number_of
from orders.models import Address, Order, OrderLine, Refund, StatusChange, UnpaidOrder
from orders.payments.base import Payment, PaymentRefusedError, PaymentState, PaymentUnavailableError
from orders.queues import FORMER, MOST_SHARDS, OWED, QUEUES, key_beyond, queue_key
from orders.refunds import give_back, note_refusal, settle, settle_now
from orders.selectors import (
    all_orders_of,
    find_marker,
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
    REPLACED,
    WRONG_AMOUNT,
    Status,
)
from orders.steps import (
    BY_CUSTOMER,
    BY_PAYMENT,
    BY_SHOP,
    ROUNDS,
    OvertakenError,
    Rewrite,
    Step,
    check_reason,
    check_seen,
    credited,
    in_turn,
    kept_copies,
    marker_of,
    restocking,
    take_step,
)

log = logging.getLogger(__name__)


# Reserving: the copies are set aside, the cart stays, no money has moved.


def reserve(
    *,
    customer_id: str,
    email: str,
    order_id: str,
    agreed_total: Decimal,
    address: PostalAddress | Mapping[str, str | None],
    at: datetime,
    agreed_lines: Mapping[str, AgreedLine] | None = None,
) -> Order:
    """Turn the customer's cart into an order awaiting payment, all of it or none of it.

    One Query, one BatchGetItem and one transaction, which puts the order with its marker and
    takes each copy from stock. ``agreed_total`` is what the page showed, ``agreed_lines`` by book
    where the total came from: what the books cost today must be the same. The same ``order_id``
    again returns the order that is there, whatever became of it and of the cart; as long as it
    awaits payment it takes the address that was sent last.

    A customer has one order awaiting payment at most. One of the same books at the same prices is
    returned in the place of another like it, with the address that was sent last; one of other
    books, or one left too long, is given up for the new one. Had it been paid already, it is
    placed and returned, and nothing new is ordered.

    Raises ``CartEmptyError``, ``TooManyTitlesError``, ``BooksUnavailableError``,
    ``PriceChangedError``, ``CartChangedError``, ``OrderBusyError`` when others were buying
    the same books too fast, or, where an order had to be given up and the provider does not let
    it, ``payments.base.PaymentError``. Nothing is reserved then.
    """
    for _round in range(ROUNDS):
        cart = cart_of(customer_id, at=at)
        try:
            _check_orderable(cart)
            _check_agreed(cart, agreed_total, agreed_lines)
        except OrderError as error:
            # Sent twice: the first has taken the last copies, or has been paid and emptied the cart.
            there = find_order(customer_id, order_id)
            if there is None and isinstance(error, BooksUnavailableError):
                there = _unpaid_like(cart, customer_id, at=at)
            if there:
                return _sent_again(there, address)
            raise
        order = _draft(cart, customer_id=customer_id, email=email, order_id=order_id, address=address, at=at)
        refused = _write_reservation(order)
        if not refused:
            log.info("an order was reserved", extra={"order_id": order_id})
            return order
        is_there, sold = refused[0], refused[-len(order.lines) :]
        there = find_order(customer_id, order_id) if is_there else None
        if there := there or _unpaid_like(cart, customer_id, at=at):
            return _sent_again(there, address)
        if any(sold):
            raise _why_refused(cart, list(compress(cart.lines, sold)))
        if paid := _make_way(customer_id, at=at):
            return paid
    raise OrderBusyError(_busy_shop())


def _write_reservation(order: Order) -> list[bool]:
    """Put an order and its marker, and take its copies; return what was refused, nothing when all is done.

    Refused may be the order, its marker, what else is put, and each line, in this order.
    """

    def write_all() -> None:
        with transaction() as write:
            write.save(order, condition=Order.order_id.does_not_exist())
            write.save(marker, condition=UnpaidOrder.order_id.does_not_exist())
            for line in order.lines:
                stock.take_copies(
                    write,
                    book_id=line.book_id,
                    copies=int(line.quantity),
                    price=line.price,
                    order_id=order.order_id,
                    by=BY_CUSTOMER,
                    at=order.ordered_at,
                )

    marker = UnpaidOrder(order.customer_id, order_id=order.order_id)
    try:
        through_conflicts(write_all)
    except TransactWriteError as error:
        if is_conflict(error):
            raise OrderBusyError(_busy_shop()) from error
        codes = cancellation_codes(error)
        if CONDITION_FAILED not in codes:
            raise
        placed = [code == CONDITION_FAILED for code in codes[:2]]  # puts come first
        return placed + refused_updates(codes, last=len(order.lines))
    return []


def _busy_shop() -> str:
    return _("Many people are buying these books right now. Please try again in a moment.")


def _unpaid_like(cart: Cart, customer_id: str, *, at: datetime) -> Order | None:
    """Return the customer's unpaid order if it is of what the cart holds, and not to be released any moment."""
    marker = find_marker(customer_id)
    order = find_order(customer_id, marker.order_id) if marker else None
    if order is None or not order.may_be_paid or order.ordered_at <= _abandoned_before(at):
        return None
    ordered = {line.book_id: AgreedLine(int(line.quantity), line.price) for line in order.lines}
    wanted = {line.book_id: AgreedLine(line.quantity, line.price) for line in cart.lines}
    return order if ordered == wanted else None


def _make_way(customer_id: str, *, at: datetime) -> Order | None:
    """Free the customer's marker for a new order; return the order it was for if that turns out to be paid.

    A marker outlives its order's wait only if something other than this code wrote either: then
    it is dropped.
    """
    marker = find_marker(customer_id)
    if marker is None:
        return None  # just released
    order = find_order(customer_id, marker.order_id)
    if order and order.may_be_paid:
        order = _give_up(order, by=BY_CUSTOMER, reason=REPLACED, at=at)
        return order if order.is_bought else None
    try:
        through_conflicts(lambda: marker.delete(condition=UnpaidOrder.order_id == marker.order_id))
    except DeleteError as error:
        if not is_condition_failure(error):
            raise
    return None


def _sent_again(order: Order, address: PostalAddress | Mapping[str, str | None]) -> Order:
    """Give an order that is not paid yet the address that came with its form this time."""
    to = _postal(address)
    if order.state is not Status.AWAITING_PAYMENT or PostalAddress.of(order.address.attribute_values) == to:
        return order
    sent = Address(**to.as_dict())  # type: ignore[no-untyped-call]  # PynamoDB's
    try:
        through_conflicts(
            lambda: order.update(
                [Order.address.set(sent), *Order.rewritten()],
                condition=Order.status == str(Status.AWAITING_PAYMENT),
            )
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise
        return get_order(order.customer_id, order.order_id)  # paid or given up meanwhile
    return order


def _check_orderable(cart: Cart) -> None:
    if not cart.lines:
        raise CartEmptyError(_("Your cart is empty."))
    if cart.titles > MOST_TITLES:
        raise TooManyTitlesError(cart.limit_notice)
    if cart.problems:
        raise BooksUnavailableError(" ".join(cart.problems))


def _check_agreed(cart: Cart, agreed_total: Decimal, agreed_lines: Mapping[str, AgreedLine] | None) -> None:
    if agreed_lines is not None:
        agreed = {book_id: line.quantity for book_id, line in agreed_lines.items()}
        if agreed != {line.book_id: line.quantity for line in cart.lines}:
            raise CartChangedError(
                _("Your cart has changed since this page was shown. It now comes to %(total)s.")
                % {"total": money(cart.subtotal)}
            )
        if changed := [line for line in cart.lines if line.price != agreed_lines[line.book_id].price]:
            raise _price_changed(cart, changed)
    if cart.subtotal != agreed_total:
        raise _price_changed(cart, [line for line in cart.lines if line.price_changed])


def _price_changed(cart: Cart, changed: Sequence[CartLineView]) -> PriceChangedError:
    total = {"total": money(cart.subtotal)}
    if not changed:
        return PriceChangedError(_("Your order now comes to %(total)s.") % total, total=cart.subtotal)
    titles = ", ".join(f"“{line.title}”" for line in changed)
    return PriceChangedError(
        ngettext(
            "The price of %(titles)s has changed. Your order now comes to %(total)s.",
            "The prices of %(titles)s have changed. Your order now comes to %(total)s.",
            len(changed),
        )
        % {"titles": titles, **total},
        total=cart.subtotal,
    )


def _why_refused(cart: Cart, refused: Sequence[CartLineView]) -> OrderError:
    """Read the refused books once more, and say what is the matter with them."""
    books = books_by_id([line.book_id for line in refused])
    ids = {line.book_id for line in refused}
    today = Cart(
        tuple(
            replace(line, book=books.get(line.book_id)) if line.book_id in ids else line
            for line in cart.lines
        )
    )
    if today.problems:
        return BooksUnavailableError(" ".join(today.problems))
    before = {line.book_id: line.price for line in cart.lines}
    if changed := [line for line in today.lines if line.price != before[line.book_id]]:
        return _price_changed(today, changed)
    # Somebody else's copies came back in this very moment, or a replica has not heard yet.
    titles = ", ".join(f"“{line.title}”" for line in refused)
    return BooksUnavailableError(
        _("%(titles)s just went to another customer. Please try again.") % {"titles": titles}
    )


def _draft(
    cart: Cart,
    *,
    customer_id: str,
    email: str,
    order_id: str,
    address: PostalAddress | Mapping[str, str | None],
    at: datetime,
) -> Order:
    to = _postal(address)
    subtotal = to_cents(cart.subtotal)
    discount = delivery = tax = Decimal("0.00")
    reserved = StatusChange(status=str(Status.AWAITING_PAYMENT), at=at, by=BY_CUSTOMER)  # type: ignore[no-untyped-call]  # PynamoDB's
    return Order(
        customer_id,
        order_id,
        number=number_of(order_id),
        ordered_at=at,
        lines=[_order_line(line) for line in cart.lines],
        subtotal=subtotal,
        discount=discount,
        delivery=delivery,
        tax=tax,
        total=to_cents(subtotal - discount + delivery + tax),
        currency=settings.CURRENCY,
        status=str(Status.AWAITING_PAYMENT),
        history=[reserved],
        address=Address(**to.as_dict()),  # type: ignore[no-untyped-call]  # PynamoDB's
        email=email or None,
        payment_provider=settings.PAYMENT_PROVIDER or None,
        queue_name=queue_key(str(Status.AWAITING_PAYMENT), order_id),
        month_name=localtime(at).strftime("%Y-%m"),
    )


def _postal(address: PostalAddress | Mapping[str, str | None]) -> PostalAddress:
    return address if isinstance(address, PostalAddress) else PostalAddress.of(address)


def _order_line(line: CartLineView) -> OrderLine:
    return OrderLine(  # type: ignore[no-untyped-call]  # PynamoDB's
        book_id=line.book_id,
        name=line.title,
        author=line.book.author if line.book else "",
        cover=line.book.cover if line.book else None,
        category=line.book.category if line.book else None,
        price=line.price,
        quantity=line.quantity,
    )


# Paying.


def confirm(*, customer_id: str, order_id: str, payment: Payment, at: datetime) -> Order:
    """Place an order whose money has come: one GetItem and one transaction.

    Each line of the cart that still is as it was ordered leaves the cart; one changed since
    stays. The second time, and after webhook and return have raced, the order is returned as
    it is. Money for an order that is cancelled by now, or money of another amount, is given back.

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
        payments.provider().refund(payment.order_id, payment.amount, key=payment.order_id)


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
        return give_back(order, payment, at=at)
    if order.state is not Status.AWAITING_PAYMENT:
        return order  # taken before
    if (payment.amount, payment.currency) != (order.total, order.currency):
        log.error("a payment is not the amount of its order", extra={"order_id": order.order_id})
        _cancel(order, by=BY_PAYMENT, reason=WRONG_AMOUNT, owing=True, at=at)
        return give_back(order, payment, at=at)
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


def release(*, customer_id: str, order_id: str, reason: str, at: datetime, by: str = BY_SHOP) -> Order:
    """Give up an order that was not paid: its copies go back into stock, once, and the cart stays.

    The caller knows that no money will come: it was declined, or the payment is closed. An
    order that no longer awaits payment is returned as it is. Raises ``OrderNotFoundError``.
    """
    return _release(get_order(customer_id, order_id), by=by, reason=reason, at=at)


@in_turn
def _release(order: Order, *, by: str, reason: str, at: datetime) -> Order:
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
    ``as_read``, ``seen`` and ``beside`` are as in ``fulfilment``. When the provider cannot be reached, or refuses, the order is cancelled all the same, and
    stands in the queue ``owed`` until ``release_unpaid`` has given the money back. The second
    time returns the cancelled order.

    Raises ``OrderNotFoundError``, ``OrderChangedError``, ``BadStepError`` without a reason, and
    ``TooLateError`` for an order that has gone too far.
    """
    allowed = CANCELLABLE_BY_CUSTOMER if by == BY_CUSTOMER else CANCELLABLE_BY_STAFF
    reason = check_reason(reason, needed=by not in (BY_CUSTOMER, BY_SHOP, BY_PAYMENT))

    @in_turn
    def cancel(order: Order) -> Order:
        check_seen(order, seen, by=by)
        if order.state is Status.CANCELLED or _was_cancelled(order):
            return settle_now(order, at=at)
        if order.state not in allowed:
            raise TooLateError(
                _("This order can no longer be cancelled: it is %(state)s.") % {"state": order.label.lower()}
            )
        owing = order.state is not Status.AWAITING_PAYMENT or _may_hold_money(order)
        _cancel(order, by=by, reason=reason, owing=owing, at=at, beside=beside)
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
            if _give_up(order, by=BY_SHOP, reason=ABANDONED, at=at).state is Status.CANCELLED:
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
    """Move orders out of what is read no longer: shards of a larger ``QUEUE_SHARDS``, queues of older names.

    One shard of each queue a round, which the minute chooses: one Query each, and nearly always empty.
    """
    number = int(at.timestamp()) // 60 % MOST_SHARDS
    for name in (*QUEUES, *FORMER):
        key = key_beyond(name, number)
        for listed in standing_in(key) if key else ():
            order = find_order(listed.customer_id, listed.order_id)
            if order and order.queue_name == key:
                with suppress(OvertakenError):  # it is met again
                    take_step(
                        Rewrite(order, queue_name=queue_key(OWED if name in FORMER else name, order.order_id))
                    )


def _abandoned_before(at: datetime) -> datetime:
    """Return when an order must have been made to be given up by now, unless it is paid."""
    return at - timedelta(minutes=settings.UNPAID_ORDER_MINUTES)


def _give_up(order: Order, *, by: str, reason: str, at: datetime) -> Order:
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
        if order.email or order.address.name or order.notes:
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
