"""Who takes parcels to customers, and where each tells how far one has come."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.errors import BadStepError

_S10 = r"[A-Z]{2}[0-9]{9}[A-Z]{2}"  # https://www.upu.int/en/postal-solutions/programmes-services/standards


@dataclass(frozen=True)
class Carrier:
    """A carrier, the form of its tracking numbers, and the page that follows one."""

    name: str | Promise
    page: str = ""  # with {number}; empty where nothing can be followed
    numbers: str = ""  # a regular expression

    @property
    def tracks(self) -> bool:
        """Whether its parcels have numbers."""
        return bool(self.page)

    def url(self, number: str) -> str:
        """Return the page that tells where a parcel is; empty where there is none."""
        return self.page.format(number=quote(number, safe="")) if self.page and number else ""


CARRIERS: Mapping[str, Carrier] = {
    "royal-mail": Carrier(
        "Royal Mail",
        "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
        rf"{_S10}|[0-9A-Z]{{16}}|[0-9A-Z]{{21}}",
    ),
    "parcelforce": Carrier(
        "Parcelforce",
        "https://www.parcelforce.com/track-trace?trackNumber={number}",
        rf"{_S10}|[A-Z]{{2}}[0-9]{{7}}",
    ),
    "dpd": Carrier(
        "DPD", "https://track.dpd.co.uk/search?reference={number}", r"[0-9]{10}|[0-9]{14}[0-9A-Z]?"
    ),
    "evri": Carrier("Evri", "https://www.evri.com/track/parcel/{number}/details", r"[0-9A-Z]{16}"),
    "dhl": Carrier(
        "DHL",
        "https://www.dhl.com/gb-en/home/tracking.html?tracking-id={number}",
        r"[0-9]{10}|[0-9A-Z]{12,22}",
    ),
    "ups": Carrier("UPS", "https://www.ups.com/track?tracknum={number}", r"1Z[0-9A-Z]{16}"),
    "letter": Carrier(gettext_lazy("Letter post, not tracked")),
}


def check_parcel(carrier: str, tracking_number: str) -> tuple[str, str]:
    """Return a carrier's code and a tracking number as the order keeps them: in capitals, without spaces.

    Raises ``BadStepError`` for a carrier that is not in the table, and for a number that cannot be one of
    its own.
    """
    known = CARRIERS.get(carrier)
    if known is None:
        raise BadStepError(_("Choose one of the carriers in the list."), field="carrier")
    number = re.sub(r"[\s-]", "", tracking_number).upper()
    if not known.tracks:
        if number:
            raise BadStepError(_("A letter that is not tracked has no number."), field="tracking_number")
        return carrier, ""
    if not re.fullmatch(known.numbers, number, re.ASCII):
        raise BadStepError(
            _("This is not a tracking number of %(carrier)s.") % {"carrier": known.name},
            field="tracking_number",
        )
    return carrier, number
