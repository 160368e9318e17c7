"""What can be asked about orders. Another customer's order is not there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.accounts.selectors import PostalAddress
from bookstore.actors import BY_CUSTOMER, BY_PAYMENT, BY_SHOP
from bookstore.dynamodb.pages import Page, query_page
from bookstore.streams.records import plain_image
from bookstore.typesetting import money
from orders.errors import OrderNotFoundError
from orders.ids import first_id_of, is_order_id, read_number
from orders.models import Order, Refund, StatusChange, UnpaidOrder
from orders.queues import queue_keys
from orders.states import LABELS, REASONS, Status

ORDERS_A_PAGE = 10
WAITING_COUNTED = 50  # of each kind, on the admin's front page; what is more is not counted

_BY = {
    BY_CUSTOMER: gettext_lazy("by you"),
    BY_PAYMENT: gettext_lazy("by the payment provider"),
    BY_SHOP: gettext_lazy("by the shop"),
}


@dataclass(frozen=True)
class Step:
    """One step in an order's life, in words for the customer."""

    label: str
    at: datetime
    by: str
    note: str
    url: str = ""  # a page that tells more, such as the carrier's
    link: str = ""  # what its link says


def find_order(customer_id: str, order_id: str) -> Order | None:
    """Return a customer's order, read consistently with one GetItem; ``None`` when there is none."""
    if not customer_id or not is_order_id(order_id):
        return None
    try:
        return Order.get(customer_id, order_id, consistent_read=True)
    except Order.DoesNotExist:
        return None


def get_order(customer_id: str, order_id: str) -> Order:
    """Return a customer's order with one GetItem; raise ``OrderNotFoundError``."""
    order = find_order(customer_id, order_id)
    if order is None:
        raise OrderNotFoundError(_("We do not know this order."))
    return order


def admin_key(customer_id: str, order_id: str) -> str:
    """Return the key of an order in the admin: of its page, and of its entries in the log."""
    from bookstore.dynamodb.admin.sources import KEY_SEPARATOR  # noqa: PLC0415 - imports all of the admin

    return KEY_SEPARATOR.join((customer_id, order_id))


def find_marker(customer_id: str) -> UnpaidOrder | None:
    """Return what marks a customer's unpaid order, read consistently with one GetItem."""
    try:
        return UnpaidOrder.get(customer_id, consistent_read=True)
    except UnpaidOrder.DoesNotExist:
        return None


def orders_of(customer_id: str, *, after: str = "", before: str = "") -> Page[Order]:
    """Return ten of a customer's orders, newest first, with one Query.

    Raises ``dynamodb.pages.BadCursorError``; a cursor is only good for its own customer.
    """
    return query_page(
        Order,
        customer_id,
        Order.order_id,
        list_name=f"orders:{customer_id}",
        size=ORDERS_A_PAGE,
        ascending=False,
        after=after,
        before=before,
    )


def unpaid_order_holding(customer_id: str, book_ids: Collection[str]) -> Order | None:
    """Return a recent order of the customer that awaits payment and holds one of these books.

    One Query of the ten newest orders; an unpaid one is half an hour old at most.
    """
    newest = Order.query(
        customer_id,
        consistent_read=True,
        scan_index_forward=False,
        limit=ORDERS_A_PAGE,
        page_size=ORDERS_A_PAGE,
    )
    for order in newest:
        if order.may_be_paid and any(line.book_id in book_ids for line in order.lines):
            return order
    return None


def holds(order: Order, book_id: str) -> bool:
    """Tell whether an order made a book the customer's."""
    return order.is_bought and book_id in {line.book_id for line in order.lines if line.kept}


def timeline(order: Order) -> list[Step]:
    """Return what happened to an order, oldest first, in words for the customer.

    What the shop wrote to itself is left out, and so are staff's names and reasons.
    """
    steps = [_step(order, step) for step in order.history]
    # The last of a cancelled or returned order's money is told by the step "refunded".
    steps += [_refund(order, refund) for refund in order.refunds if refund.refund_id != order.order_id]
    steps += [
        Step(label=_("A note from us"), at=note.at, by=_by(note.by), note=note.text)
        for note in order.notes
        if note.to_customer
    ]
    return sorted(steps, key=lambda step: step.at)


def _step(order: Order, step: StatusChange) -> Step:
    status = Status(step.status)
    note = str(REASONS.get(step.reason, ""))
    if status is Status.REFUNDED and not note:
        note = _("%(total)s went back to you in all.") % {"total": money(order.given_back, order.currency)}
    sent = status is Status.SHIPPED and bool(order.carrier)
    if sent and not order.tracking_url:
        note = order.carrier_name
    link = f"{order.carrier_name} {order.tracking_number}" if sent and order.tracking_url else ""
    url = order.tracking_url if link else ""
    return Step(label=str(LABELS[status]), at=step.at, by=_by(step.by), note=note, url=url, link=link)


def _refund(order: Order, refund: Refund) -> Step:
    titles = {line.book_id: line.name for line in order.lines}
    told = [f"{each.quantity} × {titles.get(each.book_id, each.book_id)}" for each in refund.copies]
    amount = {"amount": money(refund.amount, order.currency)}
    if not refund.is_done:
        told.append(_("%(amount)s is on its way back to you.") % amount)
    elif refund.amount:
        told.append(_("%(amount)s went back to you.") % amount)
    label = _("Books came back") if refund.returned else _("Refund")
    return Step(label=label, at=refund.at, by=_by(refund.by), note="\n".join(told))


def _by(who: str) -> str:
    return str(_BY.get(who, _BY[BY_SHOP]))  # a customer need not know which bookseller


def address_lines(order: Order) -> list[str]:
    """Return where an order goes, as on an envelope; nothing once its customer was forgotten."""
    parts = {name: getattr(order.address, name) for name in order.address.get_attributes()}
    return PostalAddress.of(parts).lines if parts["name"] else []


def queued(queue: str, *, drawn_before: datetime | None = None) -> Iterator[Order]:
    """Return the open orders of one queue, oldest first, with what a list shows.

    ``queue`` is one of ``queues.QUEUES``. Paged Queries of the ``queue`` index, one for each
    shard, which is a moment behind the table: read an order itself before acting on it. For commands.
    """
    shards = [standing_in(key, drawn_before=drawn_before) for key in queue_keys(str(queue))]
    return merge(*shards, key=lambda order: order.order_id)


def standing_in(key: str, *, drawn_before: datetime | None = None) -> Iterator[Order]:
    """Return the orders that stand in one partition of the ``queue`` index, oldest first; as ``queued``."""
    older = Order.order_id < first_id_of(drawn_before) if drawn_before else None
    return iter(Order.queue.query(key, older))


@dataclass(frozen=True)
class Waiting:
    """How many orders wait for staff; one more than ``WAITING_COUNTED`` stands for any number above it."""

    to_pack: int
    to_ship: int
    late: int


def waiting(*, at: datetime) -> Waiting:
    """Return how many orders are to be packed, to be shipped, and late, none of them counted to the end.

    One Query for each of the two queues and each of their shards, of ``WAITING_COUNTED`` orders and one.
    """
    most = WAITING_COUNTED + 1
    found = {
        queue: [order.order_id for key in queue_keys(queue) for order in _oldest_in(key, most)]
        for queue in (Status.PLACED, Status.PACKED)
    }
    late = first_id_of(late_since(at))
    return Waiting(
        to_pack=min(len(found[Status.PLACED]), most),
        to_ship=min(len(found[Status.PACKED]), most),
        late=min(sum(order_id < late for ids in found.values() for order_id in ids), most),
    )


def late_since(at: datetime) -> datetime:
    """Return when an order is late that was begun before; the same all day, so that a list's links stay good."""
    today = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=settings.LATE_ORDER_DAYS)


def _oldest_in(key: str, most: int) -> Iterator[Order]:
    return iter(Order.queue.query(key, limit=most, page_size=most))


def orders_numbered(number: str) -> list[Order]:
    """Return the orders of a number that somebody reads out, with what a list shows: one, or none.

    It may be typed as people do, see ``ids.read_number``. Two orders in a thousand million million
    share a number; then both are returned.
    """
    return list(Order.by_number.query(read)) if (read := read_number(number)) else []


def all_orders_of(customer_id: str) -> Iterator[Order]:
    """Return every order of a customer, for export and erasure; paged, not for a request path."""
    return iter(Order.query(customer_id, consistent_read=True))


def order_images(*, after: tuple[str, str] | None = None) -> Iterator[list[dict[str, Any]]]:
    """Return every order as a stream record would show it, a scanned page at a time, read consistently.

    ``after`` has the customer and the id of an order that came before, there or not: those
    behind it come, in the same order. For rebuilds; nothing that a visitor waits for may call it.
    """
    connection = Order._get_connection()  # noqa: SLF001 - raw items, so that a broken one stops nobody
    start: Any = None  # a key, whatever PynamoDB's annotation says
    if after:
        start = {"customerId": {"S": after[0]}, "orderId": {"S": after[1]}}
    while True:
        answer = connection.scan(exclusive_start_key=start, consistent_read=True)
        yield [plain_image(item) for item in answer["Items"]]
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
