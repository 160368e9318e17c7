from decimal import Decimal

import pytest

from orders.projection import mails_due


def image(status: str, *history: str, mailed: tuple[str, ...] = (), email: str | None = "reader@example.com"):
    return {
        "orderId": "o-1",
        "status": status,
        "history": [{"status": each} for each in history],
        "mailed": list(mailed),
        "email": email,
    }


@pytest.mark.parametrize(
    ("order", "due"),
    [
        (image("awaiting_payment", "awaiting_payment"), ""),
        (image("placed", "awaiting_payment", "placed"), "placed"),
        (image("placed", "awaiting_payment", "placed", mailed=("placed",)), ""),
        (image("packed", "awaiting_payment", "placed", "packed"), ""),
        (image("shipped", "awaiting_payment", "placed", "packed", "shipped"), "shipped"),
        (image("refunded", "awaiting_payment", "placed", "returned", "refunded"), ""),  # by an older version
        (image("cancelled", "awaiting_payment", "cancelled"), ""),
        (image("cancelled", "awaiting_payment", "placed", "cancelled"), "cancelled"),
        (
            image("refunded", "awaiting_payment", "placed", "cancelled", "refunded", mailed=("placed",)),
            "cancelled",
        ),
        (image("refunded", "awaiting_payment", "cancelled", "refunded"), "cancelled"),  # the money came late
        (image("refunded", "awaiting_payment", "cancelled", "refunded", mailed=("cancelled",)), ""),
        (image("placed", "awaiting_payment", "placed", email=None), ""),
        (None, ""),
    ],
)
def test_which_mail_an_orders_image_calls_for(order, due):
    assert mails_due(order) == ([due] if due else [])


def test_an_image_without_the_newer_attributes_calls_for_its_mail():
    order = image("placed", "placed")
    del order["mailed"]
    assert mails_due(order) == ["placed"]


def refund(refund_id: str = "r-1", state: str = "done", amount: str = "4.50") -> dict:
    return {"refundId": refund_id, "state": state, "amount": Decimal(amount)}


def test_each_refund_that_is_done_and_each_note_to_the_customer_calls_for_a_mail_of_its_own():
    order = image("delivered", "awaiting_payment", "placed", "packed", "shipped", "delivered") | {
        "refunds": [refund(), refund("r-2"), refund("r-3", "pending"), refund("r-4", amount="0")],
        "notes": [
            {"noteId": "n-1", "toCustomer": True},
            {"noteId": "n-2", "toCustomer": False},
            {"noteId": "n-3"},
        ],
        "mailed": ["placed", "refunded:r-1"],
    }
    assert mails_due(order) == ["refunded:r-2", "note:n-1"]


@pytest.mark.parametrize(("way", "due"), [("cancelled", ["cancelled"]), ("returned", ["refunded:o-1"])])
def test_the_rest_of_the_money_is_told_once_with_what_it_is_for(way, due):
    order = image("refunded", "awaiting_payment", "placed", way, "refunded", mailed=("placed",))
    order |= {"refunds": [refund("o-1")]}
    assert mails_due(order) == due
    refused = {"notes": [{"noteId": "refused-o-1"}]}
    assert mails_due(order | refused) == list(dict.fromkeys([*due, "refunded:o-1"]))
