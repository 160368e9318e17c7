from decimal import Decimal

import pytest

from catalog.prices import CENT, HALF, NINETY_NINE, percent_of


@pytest.mark.parametrize(
    ("price", "percent", "rounding", "becomes"),
    [
        ("7.99", "10", CENT, "8.79"),  # 8.789
        ("10.10", "-25", CENT, "7.58"),  # 7.575 goes up
        ("5.00", "0", CENT, "5.00"),
        ("5.00", "-12.5", HALF, "4.50"),  # 4.375
        ("5.00", "15", HALF, "6.00"),  # 5.75 goes up
        ("10.00", "4.9", NINETY_NINE, "10.99"),  # 10.49 is as far from 9.99, and goes up
        ("10.00", "4.8", NINETY_NINE, "9.99"),
        ("7.99", "0", NINETY_NINE, "7.99"),
        ("0.30", "0", NINETY_NINE, "-0.01"),  # which no book may cost, and is refused
        ("9999.00", "400", CENT, "49995.00"),  # the same
    ],
)
def test_a_price_by_percent_is_rounded_half_up_as_it_says(price, percent, rounding, becomes):
    found = percent_of(Decimal(price), Decimal(percent), rounding)
    assert (found, str(found)) == (Decimal(becomes), becomes)
