"""What each group of staff may do in the admin: one table.

A right is Django's ``app.action_model``; ``*`` stands for any word. ``staff`` opens the admin
and shows every list; the other groups add to it and are worth nothing without it.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

STAFF, CATALOGUE, ORDERS, SUPPORT, OWNER = "staff", "catalogue", "orders", "support", "owner"

RIGHTS: Mapping[str, tuple[str, ...]] = {
    STAFF: ("*.view_*",),
    CATALOGUE: (
        "catalog.add_book",
        "catalog.change_book",
        "catalog.import_book",
        "catalog.withdraw_book",
        "catalog.reprice_book",
        "catalog.shelve_book",
        "catalog.add_category",
        "catalog.change_category",
        "catalog.delete_category",
        "catalog.change_author",
    ),
    ORDERS: (
        "orders.change_order",
        "orders.pack_order",
        "orders.ship_order",
        "orders.cancel_order",
        "orders.refund_order",
        "catalog.receive_book",
        "catalog.adjust_book",
        "catalog.shelve_book",
    ),
    SUPPORT: (
        "orders.change_order",
        "orders.cancel_order",
        "catalog.change_review",
        "accounts.signout_customer",
        "accounts.disable_customer",
    ),
    OWNER: ("*",),
}


def may(groups: Iterable[str], right: str) -> bool:
    """Tell whether a member of these groups has a right."""
    held = set(groups)
    if STAFF not in held:
        return False
    return any(fnmatchcase(right, each) for group in held for each in RIGHTS.get(group, ()))
