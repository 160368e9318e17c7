from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from bookstore.caching import public_page
from leaderboard import selectors

TOP = 20

PERIOD_NAMES = {
    "week": _("Last seven days"),
    "month": _("Last thirty days"),
    "all": _("All time"),
}


@public_page
@require_safe
def bestsellers(request: HttpRequest) -> HttpResponse:
    """Show the Top 20 by copies sold, of all time or of a period; say so when the list is away."""
    period = request.GET.get("period", "all")
    if period not in selectors.PERIODS:
        raise Http404(period)
    ranked = selectors.bestsellers(period=period, limit=TOP, today=timezone.localdate())
    context = {
        "ranked": ranked,
        "period": period,
        "period_name": PERIOD_NAMES[period],
        "periods": [(key, PERIOD_NAMES[key]) for key in selectors.PERIODS],
    }
    return render(request, "leaderboard/bestsellers.html", context)


@public_page
@require_safe
def top_rated(request: HttpRequest) -> HttpResponse:
    """Show the Top 20 by rating; say so when the list is away."""
    return render(request, "leaderboard/top_rated.html", {"ranked": selectors.top_rated(limit=TOP)})
