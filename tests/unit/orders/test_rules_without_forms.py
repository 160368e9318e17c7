"""No rule lives only in a form: what the forms of orders and of addresses refuse, the services refuse too."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from bookstore.accounts import services as accounts
from bookstore.accounts.errors import BadAddressError
from bookstore.accounts.forms import AddressForm
from bookstore.accounts.selectors import PostalAddress
from bookstore.dynamodb.admin.sites import load
from orders import fulfilment, refunds, reserving, services
from orders.errors import BadStepError, TooLateError
from orders.models import Address, Order, OrderLine
from tests import factories
from tests.rules import AskedTheStoreError, close_the_store, refused_by, taken

ORDER_ID = "019ac000-0000-7000-8000-000000000000"
ASKED: dict[str, Any] = {
    "customer_id": "c-1",
    "order_id": ORDER_ID,
    "by": "clerk@example.com",
    "at": datetime(2026, 11, 28, 12, tzinfo=UTC),
    # At hand, since what is asked about an order depends on it.
    "as_read": Order(
        "c-1",
        ORDER_ID,
        status="placed",
        total=Decimal("10.00"),
        lines=[OrderLine(book_id="b-1", name="Emma", price=Decimal("5.00"), quantity=2)],
        address=Address(**factories.ADDRESS),
        email="reader@example.com",
        history=[],
        version=1,
    ),
}
HOME = PostalAddress("A Reader", "1 High Street", "Leeds", "LS1 1AA", "GB")

cancel = partial(services.cancel_order, **ASKED)
refund = partial(
    refunds.refund_order, **ASKED, refund_id="0" * 16, amount=None, lines={"b-1": 1}, restock=False
)
take_back = partial(refunds.return_order, **ASKED, refund_id="0" * 16, lines={"b-1": 1}, restock=False)
settle = partial(refunds.settle_otherwise, **ASKED)
ship = partial(fulfilment.ship_order, **{**ASKED, "carrier": "letter", "tracking_number": ""})
note = partial(fulfilment.note_order, **ASKED, note_id="0" * 16, to_customer=False)


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    close_the_store(monkeypatch)


@pytest.mark.parametrize(
    ("call", "form", "field"),
    [
        (cancel, "CancelForm", "reason"),
        (refund, "RefundForm", "reason"),
        (take_back, "ReturnForm", "reason"),
        (settle, "SettleForm", "reason"),
        (note, "NoteForm", "text"),
        (ship, "ShipForm", "carrier"),
        (ship, "ShipForm", "tracking_number"),
    ],
)
def test_what_a_form_for_staff_refuses_its_service_refuses(
    call: Callable[..., Any], form: str, field: str
) -> None:
    load()
    from orders.staff import forms  # noqa: PLC0415 - the admin is imported where it is needed

    right = {"reason": "Damaged", "text": "Call them.", "carrier": "letter", "tracking_number": ""}[field]
    with pytest.raises((AskedTheStoreError, TooLateError)):  # what was said is taken
        call(**{field: right})
    refused = refused_by(getattr(forms, form).base_fields[field])
    assert refused
    assert taken(lambda text: call(**{field: text}), refused, refusal=BadStepError) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda address: accounts.add_address(customer_id="c-1", address=address),
        lambda address: accounts.change_address(customer_id="c-1", key="k", address=address),
        lambda address: fulfilment.change_address(**ASKED, address=address),
        lambda address: reserving.reserve(
            customer_id="c-1",
            email="",
            order_id="o-1",
            agreed_total=Decimal(1),
            address=address,
            at=ASKED["at"],
        ),
    ],
)
def test_what_the_form_of_an_address_refuses_its_services_refuse(call: Callable[..., Any]) -> None:
    with pytest.raises(AskedTheStoreError):
        call(HOME)
    for name, field in AddressForm.base_fields.items():
        refused = [replace(HOME, **{name: text}) for text in refused_by(field)]
        assert taken(call, refused, refusal=BadAddressError) == [], name
