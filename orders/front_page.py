"""What orders show on the admin's front page."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin.panels import Column, Panel, Row, front_page
from orders import selectors

PLACE = 10  # before all else: it is what there is to do


@front_page("orders-waiting", right="orders.view_order")
def orders_waiting(request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001 - everyone sees the same
    """Show how many orders wait, up to a bound: a Query for each queue and shard."""
    waiting = selectors.waiting(at=timezone.now())
    yield Panel(
        "orders-waiting",
        _("Orders waiting"),
        columns=[Column(_("Waiting")), Column(_("Orders"), str)],
        rows=[
            Row((_("To pack"), _counted(waiting.to_pack)), url=_queue("to-pack")),
            Row((_("To ship"), _counted(waiting.to_ship)), url=_queue("to-ship")),
            Row((_("Late"), _counted(waiting.late)), url=_queue("late")),
        ],
        reach=10,
        wide=True,
        place=PLACE,
    )


def _queue(name: str) -> str:
    return f"{reverse('admin:orders_order_changelist')}?queue={name}"


class AtLeast(int):
    """A number of orders that were not counted to the end."""

    def __str__(self) -> str:
        return f"{int(self)}+"


def _counted(orders: int) -> int:
    return AtLeast(selectors.WAITING_COUNTED) if orders > selectors.WAITING_COUNTED else orders
