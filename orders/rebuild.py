"""A new search index of orders out of the table alone, while the shop sells on."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime

from bookstore.opensearch import rebuild
from bookstore.opensearch.rebuild import Rebuilt
from bookstore.pieces import Until, never
from orders.search import ORDERS, entry_of
from orders.selectors import order_images


def rebuild_order_search(
    *,
    at: datetime,
    on_orders: Callable[[int], object],
    if_needed: bool = False,
    resume: Rebuilt | None = None,
    until: Until = never,
) -> Rebuilt:
    """Build a new index of orders and exchange it for the old one, as ``bookstore.opensearch.rebuild`` does.

    ``if_needed`` leaves an index that this code could have made as it is.
    """
    if if_needed and resume is None and ORDERS.is_as_made_today():
        return Rebuilt(ORDERS.current()[0], finished=True)
    done = deepcopy(resume) if resume else Rebuilt(ORDERS.start_building(at=at))
    rows = rebuild.Rows(
        behind=lambda place: order_images(after=(place[0], place[1]) if place else None),
        place_of=lambda image: [image["customerId"], image["orderId"]],
        key_of=lambda image: str(image["orderId"]),
        entry_of=entry_of,
    )
    rebuild.rebuild(ORDERS, rows, done, at=at, on_documents=on_orders, until=until)
    return done
