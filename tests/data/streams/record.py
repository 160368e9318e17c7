"""Record the events beside this file anew: `.venv/bin/python -m tests.data.streams.record`.

Each scene is played through the shop's own services on a local AWS of its own; what its
streams then hold is written down as the projector gets it, in Lambda's shape.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402 - the apps come first

from bookstore.devstack import stores as embedded  # noqa: E402
from bookstore.dynamodb.tables import all_tables, connection, table_name  # noqa: E402
from bookstore.streams.handler import BatchResponse  # noqa: E402
from bookstore.streams.pump import Pump  # noqa: E402
from cart.services import add_to_cart  # noqa: E402
from catalog import reviews  # noqa: E402
from catalog import services as catalogue  # noqa: E402
from catalog.models import Book  # noqa: E402
from orders import reserving  # noqa: E402
from orders import services as ordering  # noqa: E402
from orders.ids import draw_order_id  # noqa: E402
from orders.models import Order  # noqa: E402
from orders.payments.base import Payment, PaymentState  # noqa: E402
from orders.refunds import return_order  # noqa: E402
from orders.states import Status  # noqa: E402
from tests import factories  # noqa: E402
from tests import settings as ports  # noqa: E402
from tests.integration.orders.buying import send_on  # noqa: E402

FOLDER = Path(__file__).parent
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def reserved(customer_id: str = "c-1") -> Order:
    for book_id, copies in (("emma", 2), ("persuasion", 1)):
        add_to_cart(
            owner=customer_id, book_id=book_id, quantity=copies, seen_price="7.99", at=AT, guest=False
        )
    return reserving.reserve(
        customer_id=customer_id,
        email="reader@example.com",
        order_id=draw_order_id(at=AT),
        agreed_total=Decimal("23.97"),
        address=factories.ADDRESS,
        at=AT,
    )


def placed(customer_id: str = "c-1") -> Order:
    order = reserved(customer_id)
    payment = Payment(order.order_id, customer_id, PaymentState.PAID, order.total, order.currency, "pay-1")
    return ordering.confirm(
        customer_id=customer_id, order_id=order.order_id, payment=payment, at=AT + timedelta(minutes=1)
    )


def move_on(order: Order, *steps: Status) -> None:
    for hours, step in enumerate(steps, start=1):
        send_on(order, step, by="staff", at=AT + timedelta(hours=hours))


def order_placed() -> None:
    placed()


def order_delivered() -> None:
    move_on(placed(), Status.PACKED, Status.SHIPPED, Status.DELIVERED)


def order_returned() -> None:
    move_on(placed(), Status.PACKED, Status.SHIPPED, Status.RETURNED)


def order_partly_returned() -> None:
    order = placed()
    move_on(order, Status.PACKED, Status.SHIPPED)
    named = {"customer_id": order.customer_id, "order_id": order.order_id, "by": "staff", "reason": "Torn."}
    for number, hours in enumerate((3, 4), start=1):  # the second time the same click
        return_order(
            **named,
            refund_id="r-1",
            lines={"emma": 1},
            restock=True,
            at=AT + timedelta(hours=hours, minutes=number),
        )


def order_declined() -> None:
    order = reserved()
    payment = Payment(order.order_id, "c-1", PaymentState.DECLINED, order.total, order.currency, "pay-1")
    ordering.receive_payment(payment=payment, at=AT)


def order_cancelled() -> None:
    order = placed()
    ordering.cancel_order(customer_id=order.customer_id, order_id=order.order_id, at=AT + timedelta(hours=1))


def order_removed() -> None:
    placed().delete()


def order_erased() -> None:
    order = placed()
    move_on(order, Status.PACKED, Status.SHIPPED, Status.DELIVERED)
    ordering.erase_customer(customer_id=order.customer_id, at=AT + timedelta(days=1))


def order_without_books() -> None:
    """An item that lost its lines, as a broken import might leave it."""
    order = placed()
    order.update([Order.lines.remove(), Order.version.add(1)])


def order_of_unknown_book() -> None:
    """An item whose second book the catalogue does not know, as data brought in from elsewhere may have."""
    order = placed()
    order.refresh()
    item = order.serialize()
    order.delete()
    item["orderId"] = {"S": draw_order_id(at=AT)}
    item["books"]["L"][1]["M"]["bookId"] = {"S": "nobody-knows-it"}
    connection().dispatch("PutItem", {"TableName": table_name("Orders"), "Item": item})


def book_revised() -> None:
    catalogue.revise_book(book_id="emma", version=1, price=Decimal("8.99"), at=AT)


def book_rated() -> None:
    order = placed()
    for customer, stars in (("c-1", 5), ("c-2", 4), ("c-3", 5)):
        reviews.rate_book(book_id="emma", customer_id=customer, order_id=order.order_id, stars=stars, at=AT)


def book_withdrawn() -> None:
    catalogue.withdraw_book(book_id="emma", at=AT)


def book_brought_back() -> None:
    catalogue.withdraw_book(book_id="emma", at=AT)
    catalogue.bring_back_book(book_id="emma", at=AT)


def book_removed() -> None:
    Book("emma").delete()


SCENES: list[Callable[[], None]] = [
    order_placed,
    order_delivered,
    order_returned,
    order_partly_returned,
    order_declined,
    order_cancelled,
    order_removed,
    order_erased,
    order_without_books,
    order_of_unknown_book,
    book_revised,
    book_rated,
    book_withdrawn,
    book_brought_back,
    book_removed,
]


def record(scene: Callable[[], None]) -> list[dict[str, Any]]:
    """Play a scene on empty tables; return all records of Books and Orders in the order they were written."""
    for table in all_tables():
        if table.exists():
            table.delete_table()
        table.create_table(wait=True)
    for title in ("Emma", "Persuasion"):
        factories.book(title, book_id=title.lower(), price="7.99", prior_rating=Decimal("4.20"), at=AT)
    scene()
    records: list[dict[str, Any]] = []

    def keep(event: Any, _context: object) -> BatchResponse:
        records.extend(event["Records"])
        return {"batchItemFailures": []}

    Pump(deliver=keep).drain()
    return sorted(records, key=lambda each: int(each["dynamodb"]["SequenceNumber"]))


def main() -> None:
    with contextlib.ExitStack() as running:
        aws = embedded.start_aws(port=ports.AWS_PORT)
        running.callback(aws.stop)
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = settings.AWS_ENDPOINT_URL
        for scene in (each for each in SCENES if not sys.argv[1:] or each.__name__ in sys.argv[1:]):
            file = FOLDER / f"{scene.__name__}.json"
            records = record(scene)
            file.write_text(json.dumps({"Records": records}, indent=1, sort_keys=True) + "\n")
            print(f"{file.name}: {len(records)} records")  # noqa: T201 - a tool for the terminal


if __name__ == "__main__":
    main()
