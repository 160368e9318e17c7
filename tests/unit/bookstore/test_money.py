from decimal import Decimal

import pytest

from bookstore.money import MOST, to_cents


def test_amounts_are_rounded_half_up_to_whole_cents():
    assert to_cents(Decimal("2.345")) == Decimal("2.35")
    assert str(to_cents("3.2")) == "3.20"


def test_a_float_is_refused():
    with pytest.raises(TypeError, match="never float"):
        to_cents(3.2)  # type: ignore[arg-type]


@pytest.mark.parametrize("nonsense", ["", "NaN", "Infinity", "twelve", "1e20", MOST + 1])
def test_what_is_no_amount_is_refused(nonsense):
    with pytest.raises(ValueError, match="not an amount"):
        to_cents(nonsense)
