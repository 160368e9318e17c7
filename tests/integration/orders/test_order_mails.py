"""What the stream of orders sends to customers: each mail at most once, and none for nothing."""

import json
import smtplib
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from django.core import mail
from django.core.mail import EmailMessage

from bookstore.accounts.models import CustomerItem
from bookstore.accounts.selectors import saved_addresses
from bookstore.accounts.services import remember_address, remove_address
from bookstore.accounts.signals import customer_erased
from bookstore.streams.pump import Pump
from bookstore.streams.records import Change
from orders.fulfilment import note_order
from orders.models import Order
from orders.projection import write_to_customer
from orders.refunds import refund_order, return_order, settle_otherwise
from orders.services import cancel_order
from orders.states import Status
from tests import factories
from tests.integration.orders.buying import (
    decline,
    fill_cart,
    named,
    pay_at,
    place,
    reserve,
    send_on,
    the_order,
)
from tests.unit.bookstore.reading_settings import COMPLETE, read_settings

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def outbox() -> list[EmailMessage]:
    mail.outbox = []
    return mail.outbox


@pytest.fixture
def order(provider) -> Order:
    factories.book("Emma & Co", price="7.99", stock=9, book_id="b-emma")
    fill_cart(b_emma=2)
    order = reserve(total="15.98")
    pay_at(provider, order)
    return order


def seen_by_the_stream(order: Order) -> Change:
    """Make the record of an order as it is now."""
    stored = Order.get(order.customer_id, order.order_id)
    image = {
        "customerId": stored.customer_id,
        "orderId": stored.order_id,
        "status": stored.status,
        "email": stored.email,
        "history": [{"status": step.status} for step in stored.history],
        "mailed": list(stored.mailed),
    }
    keys = {"customerId": stored.customer_id, "orderId": stored.order_id}
    return Change("Orders", keys, None, image, "1", "INSERT", NOW)


def test_a_placed_order_is_confirmed_by_mail_once(order, pump, outbox):
    place(order)
    pump()
    pump()
    (message,) = outbox
    assert message.to == ["reader@example.com"]
    assert message.subject == f"Your order {order.number}"
    assert "2 × Emma & Co, Jane Austen: £15.98" in message.body
    assert f"/orders/{order.order_id}/" in message.body
    assert sorted(the_order().mailed) == ["address", "placed"]


def test_an_order_that_is_not_paid_gets_no_mail(order, pump, outbox):
    pump()
    decline(order)
    pump()
    assert outbox == []


def test_a_cancelled_order_is_told_once(order, pump, outbox):
    place(order)
    pump()
    cancel_order(customer_id="c-1", order_id=order.order_id, at=NOW)
    pump()
    pump()
    assert [message.subject for message in outbox] == [
        f"Your order {order.number}",
        f"Your order {order.number} is cancelled",
    ]
    assert "£15.98 went back to you" in outbox[1].body


@pytest.mark.parametrize("in_time", [True, False])
def test_money_that_the_provider_refuses_is_promised_no_way_and_told_when_it_went(
    provider, pump, outbox, in_time
):
    factories.book("Emma", price="7.99", stock=9, book_id="b-emma")
    fill_cart(b_emma=1)
    order = reserve(total="7.99")
    pay_at(provider, order, takes_nothing_back=True)
    told = named(place(order), at=NOW)
    cancel_order(**told, reason="Rude.")
    if in_time:  # else the stream is late, and tells of both at once
        pump()
    settle_otherwise(**told, reason="By bank transfer.")
    for _twice in range(2):
        pump()
    cancelled, refund = (message.body for message in outbox[-2:])
    assert len(outbox) == 3
    assert "We shall write to you about the money." in cancelled
    assert f"£7.99 of your order {order.number} went back to you.\n" in refund
    assert not any("the way you paid" in message.body for message in outbox)


def test_parcel_refund_and_note_are_told_once_each(order, pump, outbox):
    place(order)
    told = named(order, at=NOW)
    send_on(order, Status.PACKED, Status.SHIPPED)
    note_order(**told, note_id="n-1", text="It may be late.\nSorry & thanks.", to_customer=True)
    note_order(**told, note_id="n-2", text="Rude.", to_customer=False)
    refund_order(**told, refund_id="r-1", lines={"b-emma": 1}, reason="Rude.")
    refund_order(**told, refund_id="r-2", amount=Decimal("1.00"), reason="Rude.")
    return_order(**told, refund_id="r-3", reason="Rude.")
    for _twice in range(2):
        pump()
    assert [message.subject for message in outbox] == [
        f"Your order {order.number}",
        f"Your order {order.number} is on its way",
        f"About your order {order.number}",
        *3 * [f"A refund for your order {order.number}"],
    ]
    shipped, note, *refunds = (message.body for message in outbox[1:])
    assert "DPD" in shipped
    assert "https://track.dpd.co.uk/search?reference=1234567890" in shipped
    assert "It may be late.\nSorry & thanks." in note
    for refund, amount, copies in zip(refunds, ("£7.99", "£1.00", "£6.99"), (1, 0, 1), strict=True):
        assert f"{amount} of your order {order.number} went back to you" in refund
        assert refund.count("1 × Emma & Co, Jane Austen\n") == copies
        assert "\n\n\n" not in refund
    assert not any("Rude" in message.body or "anna" in message.body for message in outbox)


def test_the_same_record_again_sends_nothing(order, outbox):
    place(order)
    change = seen_by_the_stream(order)
    for _again in range(3):
        write_to_customer(change)
    assert len(outbox) == 1


def test_a_claim_whose_mail_fails_is_logged_and_not_repeated(order, outbox, monkeypatch, caplog):
    place(order)
    change = seen_by_the_stream(order)

    def refuse(self: Any, fail_silently: bool = False) -> int:  # noqa: FBT002
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    write_to_customer(change)
    assert "was claimed and could not be sent" in caplog.text
    assert "reader@example.com" not in caplog.text
    monkeypatch.undo()
    write_to_customer(change)
    assert outbox == []
    assert the_order().mailed == ["placed"]


def test_a_removed_order_and_a_forgotten_customer_get_nothing(order, outbox):
    place(order)
    change = seen_by_the_stream(order)
    the_order().update([Order.email.remove()])
    write_to_customer(change)
    the_order().delete()
    write_to_customer(change)
    write_to_customer(Change("Orders", change.keys, change.new, None, "2", "REMOVE", NOW))
    assert outbox == []


def test_a_claim_counts_as_a_write(order, outbox):
    place(order)
    write_to_customer(seen_by_the_stream(order))
    assert int(the_order().version) == 3


def test_the_address_of_a_placed_order_is_kept_for_the_next(order, pump):
    pump()
    assert saved_addresses("c-1") == ()
    place(order)
    pump()
    pump()
    assert [address.city for address in saved_addresses("c-1")] == ["York"]


def test_a_removed_address_stays_away_when_the_records_come_again(order, pump):
    place(order)
    pump()
    (kept,) = saved_addresses("c-1")
    remove_address(customer_id="c-1", key=kept.key)
    Pump().drain()
    assert saved_addresses("c-1") == ()


def test_a_forgotten_customer_gets_no_address_from_old_records(order, pump):
    place(order)
    cancel_order(customer_id="c-1", order_id=order.order_id, at=NOW)
    customer_erased.send(sender=None, customer_id="c-1", at=NOW)
    CustomerItem("c-1").update([CustomerItem.erased_at.set(NOW)])
    pump()
    assert saved_addresses("c-1") == ()
    remember_address(customer_id="c-1", address=factories.ADDRESS)
    assert saved_addresses("c-1") == ()


@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_a_claim_whose_answer_was_lost_still_sends_the_mail(order, outbox, lose_answer, operation):
    place(order)
    change = seen_by_the_stream(order)
    lose_answer(operation)
    write_to_customer(change)
    assert len(outbox) == 1
    assert the_order().mailed == ["placed"]


def test_on_aws_the_mail_goes_through_ses(order, pump, settings):
    here = {"AWS_ENDPOINT_URL": settings.AWS_ENDPOINT_URL, "AWS_REGION": settings.AWS_REGION}
    deployed = read_settings(**COMPLETE | here | {"MAIL_BACKEND": "django_ses.SESBackend"})
    settings.MAILERS, settings.AWS_SES_AUTO_THROTTLE = deployed["MAILERS"], deployed["AWS_SES_AUTO_THROTTLE"]
    boto3.client("ses", region_name=settings.AWS_REGION).verify_email_identity(
        EmailAddress=settings.DEFAULT_FROM_EMAIL
    )
    place(order)
    pump()
    with urllib.request.urlopen(f"{settings.AWS_ENDPOINT_URL}/_ministack/ses/messages", timeout=5) as answer:
        (sent,) = json.load(answer)["messages"]["000000000000"]
    assert "reader@example.com" in str(sent)
    assert order.number in str(sent)
