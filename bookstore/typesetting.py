"""How values are set in templates: money, stars, dates as printed, languages, structured data.

Templates load this as ``{% load typesetting %}``.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.conf import settings
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import Message
from django.utils.dates import MONTHS
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from bookstore.money import to_cents

register = template.Library()

SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}

# What would end a <script> element, or begin a comment inside it.
_SCRIPT_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@register.filter
def money(amount: Decimal, currency: str = "") -> str:
    """Write an amount with its currency, ``£1,234.50``; the shop's currency unless told otherwise."""
    currency = currency or settings.CURRENCY
    symbol = SYMBOLS.get(currency, f"{currency}\u00a0")
    figures = number_format(abs(to_cents(amount)), decimal_pos=2, force_grouping=True)
    return f"{'−' if amount < 0 else ''}{symbol}{figures}"


@register.filter
def whole_money(amount: Decimal, currency: str = "") -> str:
    """Write an amount as ``money`` does, without the pennies where there are none: ``£8``."""
    return money(amount, currency).removesuffix(number_format(Decimal(0), decimal_pos=2)[1:])


@register.simple_tag
def stars(rating: Decimal | int) -> SafeString:
    """Draw a rating of 0 to 5 as stars, to the nearest half, with the figure for those who cannot see them."""
    exact = Decimal(rating)
    halves = int((exact * 2).quantize(Decimal(1), ROUND_HALF_UP))
    figure = number_format(exact.quantize(Decimal("0.1"), ROUND_HALF_UP).normalize())
    return format_html(
        '<span class="stars stars--{}" role="img" aria-label="{}"></span>',
        max(0, min(10, halves)),
        _("%(rating)s out of 5 stars") % {"rating": figure},
    )


@register.filter
def one_place(rating: Decimal) -> str:
    """Write a rating with one place after the point, as beside its stars."""
    return number_format(Decimal(rating).quantize(Decimal("0.1"), ROUND_HALF_UP))


@register.filter
def printed_date(published_on: str) -> str:
    """Write ``1813``, ``1813-01`` or ``1813-01-28`` as a reader would; anything else as it stands."""
    parts = published_on.split("-")
    try:
        numbers = [int(part) for part in parts]
        if len(numbers) == 3:  # noqa: PLR2004 - year, month, day
            return date_format(date(*numbers), "j F Y")
        if len(numbers) == 2:  # noqa: PLR2004 - year, month
            return f"{MONTHS[numbers[1]]} {numbers[0]}"
    except (ValueError, KeyError):
        return published_on
    return published_on


@register.filter
def language_name(code: str) -> str:
    """Name a language by its ISO 639-1 code; an unknown code stands for itself."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


@register.simple_tag(takes_context=True)
def pending_messages(context: template.Context) -> Iterable[Message]:
    """Return what the shop has to say to this visitor, once. Only private pages may ask."""
    request = getattr(context, "request", None)
    return get_messages(request) if request else []


@register.simple_tag
def json_ld(data: Mapping[str, object]) -> SafeString:
    """Write structured data as a data block that no title or review can break out of."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_SCRIPT_ESCAPES)
    return mark_safe(f'<script type="application/ld+json">{text}</script>')  # noqa: S308 - escaped above
