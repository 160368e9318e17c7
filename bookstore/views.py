"""The front door: home, the visitor's own fragment, error pages, and what machines ask for."""

import time
from http import HTTPStatus
from threading import Lock

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from django.views.decorators.http import require_safe

from bookstore.caching import private_page, public_page
from cart.owner import owner_of
from cart.selectors import count_copies
from catalog import readiness
from catalog import selectors as catalog
from leaderboard import selectors as leaderboard

SHOP = {
    "name": "Foolscap",
    "currency": settings.CURRENCY,
    "origin": settings.PUBLIC_ORIGIN,
}
READINESS_KEPT_SECONDS = 5.0
ARRIVALS = 12
BESTSELLERS = 10


def shop(request: HttpRequest) -> dict[str, object]:
    """Give every template the shop's constants and the page's own address.

    It asks for neither session nor user: a public page is the same for everyone.
    """
    return {"shop": SHOP, "address": f"{settings.PUBLIC_ORIGIN}{escape_uri_path(request.path)}"}


@public_page
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what is new, what sells, and every subject."""
    today = timezone.localdate()
    categories = catalog.categories()
    context = {
        "categories": categories,
        "book_count": sum(category.count for category in categories),
        "arrivals": catalog.new_arrivals(limit=ARRIVALS, today=today),
        "ranked": leaderboard.bestsellers(period="all", limit=BESTSELLERS, today=today),
    }
    return render(request, "home.html", context)


@private_page
@require_safe
def visitor(request: HttpRequest) -> HttpResponse:
    """Answer with what is this visitor's own on a page that is everyone's: account, cart count, messages."""
    context = {
        "user": request.user,
        "copies": count_copies(owner_of(request)),
        "next": _page_shown(request),
        "staff_path": settings.ADMIN_PATH,  # not reversed: no page of the shop knows the admin's addresses
    }
    return render(request, "includes/visitor.html", context)


def _page_shown(request: HttpRequest) -> str:
    """Return the path of the page that asks, to come back to after signing in."""
    address = request.headers.get("HX-Current-URL", "")
    page = address.removeprefix(settings.PUBLIC_ORIGIN)
    return page if page != address and page.startswith("/") else "/"


@public_page
@require_safe
def sitemap(request: HttpRequest, part: int = 0) -> HttpResponse:
    """Answer with the map that `build_sitemap` stored, or a part of it; until there is one, with a short one."""
    name = f"sitemap-{part}.xml" if part else "sitemap.xml"
    try:
        with default_storage.open(name) as stored:
            return HttpResponse(stored.read(), content_type="application/xml")
    except FileNotFoundError as error:
        if part:
            raise Http404(name) from error
        context = {"categories": catalog.categories()}
        return render(request, "sitemap.xml", context, content_type="application/xml")


@public_page
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tell search engines what is not for them, and where the map is."""
    return render(request, "robots.txt", content_type="text/plain; charset=utf-8")


@public_page
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - every view takes a request
    """Send a browser that asks for the old address on to the picture."""
    return redirect(static("img/favicon.ico"))


@private_page
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - every view takes a request
    """Say that this process is alive; it asks no store."""
    return HttpResponse("alive\n", content_type="text/plain")


@private_page
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - every view takes a request
    """Say whether every store answers and the catalogue is loaded: yes or no, the reasons are in the log."""
    if _readiness.is_ready():
        return HttpResponse("ready\n", content_type="text/plain")
    return HttpResponse("not ready\n", content_type="text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE)


class _Readiness:
    """The last answer, kept for a few seconds, so that nobody can wear out the stores by asking."""

    def __init__(self) -> None:
        self._ready = False
        self._good_until = 0.0  # on the monotonic clock
        self._lock = Lock()

    def is_ready(self) -> bool:
        """Tell what is known, or ask all three stores."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                self._ready = readiness.is_ready() and leaderboard.top_rated(limit=1) is not None
                self._good_until = time.monotonic() + READINESS_KEPT_SECONDS
            return self._ready

    def forget(self) -> None:
        """Ask again the next time."""
        with self._lock:
            self._good_until = 0.0


_readiness = _Readiness()


def broken(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Say that it was our mistake, with as little as can be, since anything may be broken."""
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)
