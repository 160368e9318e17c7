from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from bookstore.dynamodb.attributes import DecimalAttribute, InstantAttribute, MoneyAttribute


def test_money_keeps_its_cents_though_dynamodb_drops_trailing_zeros():
    money = MoneyAttribute()
    assert money.serialize(Decimal("3.2")) == "3.20"
    assert str(money.deserialize("3.2")) == "3.20"


@pytest.mark.parametrize("attribute", [MoneyAttribute(), DecimalAttribute()])
def test_a_float_is_never_stored(attribute):
    with pytest.raises(TypeError, match="never float"):
        attribute.serialize(3.2)


def test_a_decimal_comes_back_exactly():
    decimal = DecimalAttribute()
    assert decimal.deserialize(decimal.serialize(Decimal("4.333"))) == Decimal("4.333")


def test_instants_are_written_in_utc_and_sort_by_time():
    instant = InstantAttribute()
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    paris = noon.astimezone(timezone(timedelta(hours=1)))
    assert instant.serialize(noon) == instant.serialize(paris) == "2026-01-31T12:00:00.000000Z"
    assert instant.serialize(noon) < instant.serialize(noon + timedelta(microseconds=1))
    assert instant.deserialize(instant.serialize(noon)) == noon


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="aware"):
        InstantAttribute().serialize(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
