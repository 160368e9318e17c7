"""The life of an order: its states, and which may follow which. Written here and nowhere else."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Status(StrEnum):
    """Where an order stands."""

    AWAITING_PAYMENT = "awaiting_payment"  # the copies are set aside, no money has come
    PLACED = "placed"  # paid
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"  # the copies are back in stock
    RETURNED = "returned"  # the customer sent the books back
    REFUNDED = "refunded"  # all the money went back


NEXT: dict[Status, frozenset[Status]] = {
    Status.AWAITING_PAYMENT: frozenset({Status.PLACED, Status.CANCELLED}),
    Status.PLACED: frozenset({Status.PACKED, Status.CANCELLED}),
    Status.PACKED: frozenset({Status.SHIPPED, Status.CANCELLED}),
    Status.SHIPPED: frozenset({Status.DELIVERED, Status.RETURNED, Status.REFUNDED}),
    Status.DELIVERED: frozenset({Status.RETURNED, Status.REFUNDED}),
    Status.CANCELLED: frozenset({Status.REFUNDED}),
    Status.RETURNED: frozenset({Status.REFUNDED}),
    Status.REFUNDED: frozenset(),
}

# Somebody still has something to do: the order stands in the queue of its state. A cancelled
# or returned one stands in ``queues.OWED`` as long as the shop may hold money for it.
OPEN = frozenset({Status.AWAITING_PAYMENT, Status.PLACED, Status.PACKED, Status.SHIPPED})
OWING = frozenset({Status.CANCELLED, Status.RETURNED})

# Paid for, and neither cancelled nor sent back: the books are the customer's.
BOUGHT = frozenset({Status.PLACED, Status.PACKED, Status.SHIPPED, Status.DELIVERED})

# It is still in the shop, and may go to another address.
UNSENT = frozenset({Status.AWAITING_PAYMENT, Status.PLACED, Status.PACKED})

# It has left the shop, and may come back.
SENT = frozenset({Status.SHIPPED, Status.DELIVERED})

CANCELLABLE_BY_CUSTOMER = frozenset({Status.AWAITING_PAYMENT, Status.PLACED})
CANCELLABLE_BY_STAFF = CANCELLABLE_BY_CUSTOMER | {Status.PACKED}

LABELS: dict[Status, Promise] = {
    Status.AWAITING_PAYMENT: _("Awaiting payment"),
    Status.PLACED: _("Placed"),
    Status.PACKED: _("Packed"),
    Status.SHIPPED: _("Shipped"),
    Status.DELIVERED: _("Delivered"),
    Status.CANCELLED: _("Cancelled"),
    Status.RETURNED: _("Returned"),
    Status.REFUNDED: _("Refunded"),
}

# What became of a line, once no copy of it is kept.
LINE_LABELS: dict[str, Promise] = {
    "cancelled": _("Cancelled"),
    "returned": _("Returned"),
    "refunded": _("Refunded"),
}

# Why a step was taken where no clerk has said it, as an order's history keeps it.
DECLINED = "declined"
ABANDONED = "abandoned"
WRONG_AMOUNT = "wrong_amount"
NOTHING_PAID = "nothing_paid"
REPLACED = "replaced"
ERASED = "erased"
SENT_ELSEWHERE = "sent_elsewhere"

REASONS: dict[str, Promise] = {
    DECLINED: _("The card was declined."),
    ABANDONED: _("It was not paid in time."),
    WRONG_AMOUNT: _("The payment was not the amount of the order."),
    NOTHING_PAID: _("Nothing was charged."),
    REPLACED: _("You ordered anew before it was paid."),
    ERASED: _("Name and address were erased."),
    SENT_ELSEWHERE: _("The address was changed."),
}


def may_become(status: Status, other: Status) -> bool:
    """Tell whether an order in one state may pass into another."""
    return other in NEXT[status]
