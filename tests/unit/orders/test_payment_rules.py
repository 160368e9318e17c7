import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bookstore.aws import NotLocalError
from bookstore.devstack.payment_provider import (
    CARDS,
    PAYS,
    SIGNATURE_HEADER,
    Ledger,
    ProviderError,
    card_number,
    mistakes_in,
    signature,
)
from orders import payments
from orders.payments import demonstration
from orders.payments.base import PaymentState, PaymentUnavailableError, WebhookError
from orders.payments.demonstration import Demonstration

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)
WANTED = {
    "order_id": "o-1",
    "customer_id": "c-1",
    "number": "A",
    "amount": "12.98",
    "currency": "GBP",
    "return_url": "http://localhost:8000/checkout/return/?order=o-1",
    "webhook_url": "http://localhost:8000/payments/webhook/",
}


@pytest.mark.parametrize("name", ["PUBLIC_ORIGIN", "PAYMENT_ORIGIN"])
@pytest.mark.parametrize(
    "origin", ["https://shop.example", "http://10.0.0.7:8000", "http://localhost.evil.example", ""]
)
def test_the_demonstration_refuses_to_be_made_where_people_buy(settings, name, origin):
    setattr(settings, name, origin)
    with pytest.raises(NotLocalError, match=f"{name} is not on this machine"):
        payments.provider()


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:9", "http://[::1]:9"])
def test_the_demonstration_is_made_on_this_machine(settings, origin):
    settings.PUBLIC_ORIGIN = settings.PAYMENT_ORIGIN = origin
    assert payments.provider().name == "demonstration"


def test_a_shop_without_a_provider_says_so(settings):
    settings.PAYMENT_PROVIDER = ""
    with pytest.raises(PaymentUnavailableError, match="cannot take orders yet"):
        payments.provider()


def webhook(body: bytes, *, at: int, secret: str) -> dict[str, str]:
    return {SIGNATURE_HEADER: f"t={at},v1={signature(secret, at, body)}"}


def test_shop_and_provider_sign_alike():
    assert signature("secret", 17, b"{}") == demonstration.sign("secret", 17, b"{}")
    assert demonstration.SIGNATURE_HEADER == SIGNATURE_HEADER


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_a_signed_webhook_is_read(settings, late):
    body = json.dumps({"payment": WANTED | {"state": "paid", "reference": "demo_1"}}).encode()
    headers = webhook(body, at=int(NOW.timestamp()) + late, secret=settings.PAYMENT_WEBHOOK_SECRET)
    payment = Demonstration().read_webhook(headers, body, at=NOW)
    assert (payment.order_id, payment.state, payment.amount) == ("o-1", PaymentState.PAID, Decimal("12.98"))


@pytest.mark.parametrize("late", [-301, 301, 10**9])
def test_a_webhook_is_good_for_five_minutes(settings, late):
    body = json.dumps({"payment": WANTED | {"state": "paid"}}).encode()
    headers = webhook(body, at=int(NOW.timestamp()) + late, secret=settings.PAYMENT_WEBHOOK_SECRET)
    with pytest.raises(WebhookError, match="too old"):
        Demonstration().read_webhook(headers, body, at=NOW)


def test_a_webhook_with_one_bit_changed_is_refused(settings):
    body = json.dumps({"payment": WANTED | {"state": "declined"}}).encode()
    headers = webhook(body, at=int(NOW.timestamp()), secret=settings.PAYMENT_WEBHOOK_SECRET)
    with pytest.raises(WebhookError, match="wrong"):
        Demonstration().read_webhook(headers, body.replace(b"declined", b"paid"), at=NOW)


@pytest.mark.parametrize("number", [PAYS, "4242 4242 4242 4242", "4242-4242-4242-4242 ", *sorted(CARDS)])
def test_a_test_card_is_accepted_as_people_type_it(number):
    assert mistakes_in({"card_number": number, "expiry": "11/26", "cvc": "123"}, today=NOW) == {}
    assert card_number({"card_number": number}) in CARDS


@pytest.mark.parametrize(
    ("expiry", "good"),
    [
        ("11/26", True),
        ("12/26", True),
        ("01/27", True),
        ("10/26", False),
        ("12/25", False),
        ("11 / 26", True),
        ("1/27", False),
    ],
)
def test_a_card_is_good_until_the_end_of_its_month(expiry, good):
    wrong = mistakes_in({"card_number": PAYS, "expiry": expiry, "cvc": "123"}, today=NOW)
    assert (wrong == {}) is good


@pytest.mark.parametrize(
    "number", ["4242424242424241", "1", "4" * 40, "4242x4242424242424", "４２４２４２４２４２４２４２４２"]
)
def test_a_number_that_is_no_cards_is_told(number):
    assert "one of its digits is wrong" in mistakes_in({"card_number": number}, today=NOW)["card_number"]


def test_the_ledger_answers_only_once_its_file_holds_the_answer(tmp_path: Path):
    ledger = Ledger(tmp_path / "payments.json")
    payment = ledger.open(WANTED)
    ledger.pay(payment.secret, declined=False)
    ledger.refund("o-1", amount="12.98", key="k")
    again = Ledger(tmp_path / "payments.json")
    assert again.payment("o-1") == payment
    assert again.payment("o-1").refunds == 1
    assert (tmp_path / "payments.json").stat().st_mode & 0o077 == 0  # for its owner alone
    assert PAYS not in (tmp_path / "payments.json").read_text()


def test_a_payment_is_taken_once_however_often_the_button_is_pressed(tmp_path: Path):
    ledger = Ledger(None)
    secret = ledger.open(WANTED).secret
    for declined in (False, True, False):
        assert ledger.pay(secret, declined=declined).state == "paid"
    assert len(ledger.due(1e12)) == 1


def test_a_refund_needs_money_a_key_and_an_amount_that_is_left():
    ledger = Ledger(None)
    secret = ledger.open(WANTED).secret
    with pytest.raises(ProviderError, match="unpaid"):
        ledger.refund("o-1", amount="12.98", key="k")
    ledger.pay(secret, declined=False)
    for amount, key in (("12.98", ""), ("", "k"), ("0.00", "k"), ("-1.00", "k"), ("1", "k"), ("1.00", "a b")):
        with pytest.raises(ProviderError, match="needs a key, and an amount"):
            ledger.refund("o-1", amount=amount, key=key)
    with pytest.raises(ProviderError, match=r"Only 12\.98"):
        ledger.refund("o-1", amount="12.99", key="k")
    assert ledger.payment("o-1").state == "paid"


def test_refunds_in_part_are_told_apart_by_their_keys_and_never_exceed_the_payment(tmp_path: Path):
    ledger = Ledger(tmp_path / "payments.json")
    ledger.pay(ledger.open(WANTED).secret, declined=False)
    for _twice in range(2):
        paid = ledger.refund("o-1", amount="10.00", key="k1")
        assert (paid.state, paid.refunded, paid.refunds) == ("paid", "10.00", 1)
    with pytest.raises(ProviderError, match="another amount"):
        ledger.refund("o-1", amount="1.00", key="k1")
    with pytest.raises(ProviderError, match=r"Only 2\.98"):
        ledger.refund("o-1", amount="2.99", key="k2")
    ledger = Ledger(tmp_path / "payments.json")
    paid = ledger.refund("o-1", amount="2.98", key="k2")
    assert (paid.state, paid.refunded, paid.refunds) == ("refunded", "12.98", 2)


def test_a_card_that_takes_nothing_back_refuses_the_same_refund_for_good():
    ledger = Ledger(None)
    payment = ledger.open(WANTED)
    ledger.pay(payment.secret, declined=False, takes_nothing_back=True)
    for _twice in range(2):
        with pytest.raises(ProviderError, match="takes nothing back"):
            ledger.refund("o-1", amount="1.00", key="k")
        payment.takes_nothing_back = False  # the bank thinks better of it, and the key stays refused
    assert ledger.refund("o-1", amount="1.00", key="another").refunds == 1


def test_a_state_file_of_whole_refunds_alone_is_read(tmp_path: Path):
    ledger = Ledger(tmp_path / "payments.json")
    ledger.pay(ledger.open(WANTED).secret, declined=False)
    ledger.refund("o-1", amount="12.98", key="o-1")
    kept = json.loads((tmp_path / "payments.json").read_text())
    for name in ("answers", "refunded", "takes_nothing_back"):
        del kept["payments"][0][name]
    kept["payments"][0]["refund_key"] = "o-1"
    (tmp_path / "payments.json").write_text(json.dumps(kept))
    assert Ledger(tmp_path / "payments.json").refund("o-1", amount="12.98", key="o-1").refunds == 1


def test_a_webhook_is_postponed_twice_as_long_each_time_and_given_up_after_an_hour():
    ledger = Ledger(None)
    ledger.pay(ledger.open(WANTED).secret, declined=False)
    ((delivery, _payment),) = ledger.due(1e12)
    pauses = []
    for _attempt in range(8):
        ledger.postpone(delivery, delivery.first_at)
        pauses.append(delivery.due_at - delivery.first_at)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    ledger.postpone(delivery, delivery.first_at + 3601)
    assert ledger.due(1e12) == []


def test_a_taken_state_file_of_nonsense_is_not_overwritten(tmp_path: Path):
    state = tmp_path / "payments.json"
    state.write_text("not json")
    with pytest.raises(json.JSONDecodeError):
        Ledger(state)
    assert state.read_text() == "not json"
