"""Money: a ``Decimal`` in the shop's one currency, in whole cents, never a float."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")

# The largest amount that any price, line or total may reach. It keeps sort keys and
# columns of a fixed width, and stops a mistyped price before it is multiplied.
MOST = Decimal("99999999.99")


def to_cents(amount: Decimal | int | str) -> Decimal:
    """Round an amount to whole cents, half up.

    Raises ``TypeError`` for a float, whose cents were lost before it came here, and
    ``ValueError`` for what is no amount at all: words, NaN, infinity, more than ``MOST``.
    """
    if isinstance(amount, float):
        msg = f"money is Decimal, never float: {amount!r}"
        raise TypeError(msg)
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        msg = f"not an amount of money: {amount!r}"
        raise ValueError(msg) from error
    if not value.is_finite() or abs(value) > MOST:
        msg = f"not an amount of money: {amount!r}"
        raise ValueError(msg)
    return value.quantize(CENT, ROUND_HALF_UP)
