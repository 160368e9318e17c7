"""Who did something where no member of staff did, as orders and the stock ledger name them."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

BY_CUSTOMER, BY_SHOP, BY_PAYMENT = "customer", "shop", "payment"

_WHO: Mapping[str, Promise] = {
    BY_CUSTOMER: gettext_lazy("the customer"),
    BY_SHOP: gettext_lazy("the shop itself"),
    BY_PAYMENT: gettext_lazy("the payment provider"),
}


def who(by: str) -> str:
    """Return whom a history or a ledger names, in words for staff; a person is named as they are."""
    return str(_WHO.get(by, by))
