"""How orders are paid: one interface, and the providers behind it."""

from django.conf import settings
from django.utils.translation import gettext as _

from orders.payments.base import PaymentUnavailableError, Provider


def provider() -> Provider:
    """Return the provider that ``PAYMENT_PROVIDER`` names.

    Raises ``PaymentUnavailableError`` when it names none: the shop takes no orders then.
    """
    if settings.PAYMENT_PROVIDER == "demonstration":
        from orders.payments.demonstration import Demonstration  # noqa: PLC0415 - only where it is used

        return Demonstration()
    raise PaymentUnavailableError(_("We cannot take orders yet: there is no way to pay."))
