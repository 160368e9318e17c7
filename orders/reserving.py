"""From a cart to an order that awaits payment: the copies are set aside, the cart stays, no money has moved."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import compress

from django.conf import settings
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pynamodb.exceptions import DeleteError, TransactWriteError, UpdateError

from bookstore.accounts.selectors import PostalAddress
from bookstore.actors import BY_CUSTOMER
from bookstore.dynamodb.conflicts import is_conflict, through_conflicts
from bookstore.dynamodb.errors import (
    CONDITION_FAILED,
    cancellation_codes,
    is_condition_failure,
    refused_updates,
)
from bookstore.dynamodb.tables import transaction
from bookstore.money import to_cents
from bookstore.typesetting import money
from cart.selectors import MOST_TITLES, Cart, CartLineView, cart_of
from catalog import stock
from catalog.selectors import books_by_id
from orders.errors import (
    BooksUnavailableError,
    CartChangedError,
    CartEmptyError,
    OrderBusyError,
    OrderError,
    PriceChangedError,
    TooManyTitlesError,
)
from orders.ids import AgreedLine, number_of
from orders.models import Address, Order, OrderLine, StatusChange, UnpaidOrder
from orders.queues import queue_key
from orders.selectors import find_marker, find_order, get_order
from orders.services import give_up
from orders.states import REPLACED, Status
from orders.steps import ROUNDS

log = logging.getLogger(__name__)


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
    it, ``payments.base.PaymentError``; ``BadAddressError``, and ``ValueError`` where parts of the address are
    missing. Nothing is reserved then.
    """
    to = (address if isinstance(address, PostalAddress) else PostalAddress.of(address)).checked()
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
                return _sent_again(there, to)
            raise
        order = _draft(cart, customer_id=customer_id, email=email, order_id=order_id, to=to, at=at)
        refused = _write_reservation(order)
        if not refused:
            log.info("an order was reserved", extra={"order_id": order_id})
            return order
        is_there, sold = refused[0], refused[-len(order.lines) :]
        there = find_order(customer_id, order_id) if is_there else None
        if there := there or _unpaid_like(cart, customer_id, at=at):
            return _sent_again(there, to)
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
    if order is None or not order.may_be_paid or order.set_aside_until <= at:
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
        order = give_up(order, by=BY_CUSTOMER, reason=REPLACED, at=at)
        return order if order.is_bought else None
    try:
        through_conflicts(lambda: marker.delete(condition=UnpaidOrder.order_id == marker.order_id))
    except DeleteError as error:
        if not is_condition_failure(error):
            raise
    return None


def _sent_again(order: Order, to: PostalAddress) -> Order:
    """Give an order that is not paid yet the address that came with its form this time."""
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
        return PriceChangedError(_("Your order now comes to %(total)s.") % total)
    titles = ", ".join(f"“{line.title}”" for line in changed)
    return PriceChangedError(
        ngettext(
            "The price of %(titles)s has changed. Your order now comes to %(total)s.",
            "The prices of %(titles)s have changed. Your order now comes to %(total)s.",
            len(changed),
        )
        % {"titles": titles, **total}
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
    to: PostalAddress,
    at: datetime,
) -> Order:
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
