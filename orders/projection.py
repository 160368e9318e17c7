"""What follows from a change of an order: what staff find, a mail to the customer, and the address kept for the next time."""

import logging
import smtplib
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import TransactWriteError

from bookstore.accounts.selectors import PostalAddress
from bookstore.accounts.services import remember_address
from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes
from bookstore.dynamodb.tables import transaction
from bookstore.opensearch.errors import UnindexableError
from bookstore.streams.errors import UnprojectableError
from bookstore.streams.records import Change
from bookstore.streams.registry import projects
from orders import mail, search
from orders.models import REFUND_DONE, Order, refusal_id
from orders.selectors import find_order
from orders.states import Status

log = logging.getLogger(__name__)

ADDRESS = "address"  # beside the mails' kinds: the order's address was kept


@projects("Orders")
def index_order(change: Change) -> None:
    """Let staff find the order as it now is, or no more; an older record changes nothing."""
    try:
        if change.new is not None:
            search.put_order(change.new)
        else:
            search.remove_order(
                change.keys["orderId"],
                last_version=int((change.old or {})["version"]),
                at=change.approximate_creation,
            )
    except UnindexableError as error:
        raise UnprojectableError(f"the search index cannot hold this order: {error}") from error
    except KeyError as error:
        raise UnprojectableError("the removed order's version is unknown") from error


@projects("Orders")
def write_to_customer(change: Change) -> None:
    """Send each mail that an order calls for, at most once.

    A mail is claimed in the order before it is sent. A claim that another record, or an
    earlier delivery of this one, has made sends nothing; a claim whose mail then could not be
    sent is an error in the log, and no second attempt: nobody gets two.
    """
    for kind in mails_due(change.new):
        order = find_order(change.keys["customerId"], change.keys["orderId"])
        if order is None or not _claim(order.customer_id, order.order_id, kind):
            continue
        try:
            mail.write_mail(order, kind).send()
        except (OSError, smtplib.SMTPException, ClientError, BotoCoreError):
            log.exception(
                "the mail “%s” was claimed and could not be sent", kind, extra={"order_id": order.order_id}
            )


def mails_due(order: dict[str, Any] | None) -> list[str]:
    """Return which mails an order's image calls for and has not got yet: kinds, with a name where there are several.

    An order that was cancelled before it was paid gets none: its customer heard on the page. One
    whose money came too late does. The money of a cancelled order is told with the cancellation, unless
    the provider has refused it: then the cancellation says that another mail follows.
    """
    if not order or not order.get("email"):
        return []
    status = order["status"]
    was = {step["status"] for step in order["history"]}
    due = []
    if status == Status.PLACED:
        due.append(mail.PLACED)
    if status == Status.SHIPPED:
        due.append(mail.SHIPPED)
    cancelled = Status.CANCELLED in was
    notes = order.get("notes") or ()
    refused = refusal_id(order["orderId"]) in {note["noteId"] for note in notes}
    if cancelled and (status == Status.REFUNDED or Status.PLACED in was or refused):
        due.append(mail.CANCELLED)
    due += [
        mail.named(mail.REFUNDED, refund["refundId"])
        for refund in order.get("refunds") or ()
        if refund["state"] == REFUND_DONE
        and refund["amount"]
        and not (cancelled and refund["refundId"] == order["orderId"] and not refused)
    ]
    due += [mail.named(mail.NOTE, note["noteId"]) for note in notes if note.get("toCustomer")]
    return [kind for kind in due if kind not in (order.get("mailed") or ())]


def _claim(customer_id: str, order_id: str, kind: str) -> bool:
    """Claim what is done once for an order; tell whether nobody had, and its customer is not forgotten.

    One write, but as a transaction: botocore may repeat it when its answer was lost, and does
    not take its own claim for another's.
    """

    def write_it() -> None:
        with transaction() as write:
            write.update(
                Order(customer_id, order_id),
                actions=[Order.mailed.set(Order.mailed.append([kind])), *Order.rewritten()],
                condition=Order.email.exists() & ~Order.mailed.contains(kind),
            )

    try:
        through_conflicts(write_it)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error):
            return False
        raise
    return True


@projects("Orders")
def keep_address(change: Change) -> None:
    """Keep the address of an order that was just placed for the customer's next one.

    Not in the request, which has a store call too few for it. It is claimed in the order, as mails
    are: an address that the customer has removed since does not come back with an old record.
    """
    before, now = change.old or {}, change.new or {}
    if now.get("status") != Status.PLACED or before.get("status") != Status.AWAITING_PAYMENT:
        return
    if _claim(change.keys["customerId"], change.keys["orderId"], ADDRESS):
        remember_address(customer_id=change.keys["customerId"], address=PostalAddress.of(now["address"]))
