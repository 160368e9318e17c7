from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from orders.errors import OfferError
from orders.ids import (
    CROCKFORD,
    AgreedLine,
    Offer,
    draw_order_id,
    drawn_at,
    first_id_of,
    is_order_id,
    number_of,
    read_number,
    read_offer,
    sign_offer,
)

NOW = datetime(2026, 11, 22, 17, 5, 0, 123456, tzinfo=UTC)
OFFER = Offer(
    "0199d000-0000-7000-8000-000000000000",
    {"b-1": AgreedLine(2, Decimal("7.99")), "b-2": AgreedLine(1, Decimal("5.00"))},
)


def test_an_id_is_a_uuid_of_version_7_that_tells_when_it_was_drawn():
    order_id = draw_order_id(at=NOW)
    uuid = UUID(order_id)
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert is_order_id(order_id)
    assert drawn_at(order_id) == NOW.replace(microsecond=123000)


def test_ids_sort_by_time_and_never_repeat():
    moments = [NOW + timedelta(milliseconds=number) for number in range(200)]
    ids = [draw_order_id(at=at) for at in moments]
    assert ids == sorted(ids)
    assert len({draw_order_id(at=NOW) for _ in range(1000)}) == 1000


def test_a_bound_lies_between_earlier_ids_and_those_of_its_moment():
    for _many in range(100):
        assert draw_order_id(at=NOW - timedelta(milliseconds=1)) < first_id_of(NOW) < draw_order_id(at=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0199d000-0000-4000-8000-000000000000",  # another version
        "0199d000-0000-7000-0000-000000000000",  # no variant
        "0199D000-0000-7000-8000-000000000000",
        "0199d000-0000-7000-8000-000000000000\n",
        "٠199d000-0000-7000-8000-000000000000",
    ],
)
def test_what_is_no_id_is_told(text):
    assert not is_order_id(text)


def test_a_number_is_ten_characters_that_can_be_read_out():
    for _many in range(200):
        number = number_of(draw_order_id(at=NOW))
        assert len(number) == 10
        assert set(number) <= set(CROCKFORD)
    assert not set("ILOU") & set(CROCKFORD)


def test_a_number_comes_from_the_random_bits_and_tells_no_time():
    assert number_of("0199d000-0000-7000-8000-000000000000") == "0000000000"
    assert number_of("0199ffff-ffff-7fff-8000-000000000001") == "0000000001"
    assert number_of("0199d000-0000-7000-8003-ffffffffffff") == "ZZZZZZZZZZ"
    assert number_of("0199d000-0000-7000-8000-00000000001f") == "000000000Z"


def test_an_offer_comes_back_as_it_was_signed():
    at = drawn_at(OFFER.order_id) + timedelta(hours=24)
    assert read_offer(sign_offer(OFFER, customer_id="c-1"), customer_id="c-1", at=at) == OFFER
    assert OFFER.total == Decimal("20.98")


def test_an_offer_is_good_for_its_customer_and_for_a_day():
    token = sign_offer(OFFER, customer_id="c-1")
    at = drawn_at(OFFER.order_id)
    with pytest.raises(OfferError, match="could not read this form"):
        read_offer(token, customer_id="c-2", at=at)
    with pytest.raises(OfferError, match="more than a day"):
        read_offer(token, customer_id="c-1", at=at + timedelta(hours=24, seconds=1))


@pytest.mark.parametrize("token", ["", ":", "a:b", ".:x", "é", "\x00", "x" * 10_000])
def test_a_forged_offer_is_refused(token):
    with pytest.raises(OfferError):
        read_offer(token, customer_id="c-1", at=NOW)


def test_an_offer_with_any_character_changed_is_refused():
    token = sign_offer(OFFER, customer_id="c-1")
    for place in range(0, len(token), 7):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(OfferError):
            read_offer(forged, customer_id="c-1", at=drawn_at(OFFER.order_id))


def test_an_offer_of_thirty_titles_is_a_short_field():
    lines = {f"b-{number:013}": AgreedLine(20, Decimal("1234.56")) for number in range(30)}
    assert len(sign_offer(Offer(OFFER.order_id, lines), customer_id="c-1")) < 1500


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0A1B2C3D4E", "0A1B2C3D4E"),
        (" 0a1b2-c3d4e ", "0A1B2C3D4E"),
        ("#oAlB2C3D4E", "0A1B2C3D4E"),
        ("0A1B2C3D4", ""),
        ("0A1B2C3D4U", ""),
        ("", ""),
    ],
)
def test_a_number_is_read_as_it_was_heard(typed, number):
    assert read_number(typed) == number
