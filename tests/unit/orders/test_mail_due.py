import pytest

from orders.projection import mail_due


def image(status: str, *history: str, mailed: tuple[str, ...] = (), email: str | None = "reader@example.com"):
    return {
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
    assert mail_due(order) == due


def test_an_image_without_the_newer_attributes_calls_for_its_mail():
    order = image("placed", "placed")
    del order["mailed"]
    assert mail_due(order) == "placed"
