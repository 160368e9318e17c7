"""The catalogue's public pages: the same for everyone, so that CloudFront may keep them."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from bookstore.caching import public_page
from bookstore.dynamodb.pages import BadCursorError
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.typesetting import whole_money
from catalog import book_page, selectors, structured_data
from catalog import search as book_search
from catalog.errors import (
    AuthorNotFoundError,
    BookNotFoundError,
    CategoryNotFoundError,
)
from catalog.forms import SearchForm
from catalog.search import Highlight, PriceBand, SearchResults

logger = logging.getLogger(__name__)

SORT_NAMES = {
    "title": gettext_lazy("Title"),
    "price": gettext_lazy("Price"),
    "rating": gettext_lazy("Best rated"),
    "date": gettext_lazy("Newest"),
}
SUBJECTS_SHOWN = 12
COVER_SECONDS = 24 * 60 * 60


@public_page
@require_safe
def categories(request: HttpRequest) -> HttpResponse:
    """Show every subject."""
    return render(request, "catalog/categories.html", {"categories": selectors.categories()})


@public_page
@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a page of one subject's books. A bad slug, sort or cursor is no page at all."""
    sort = request.GET.get("sort", "title")
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    if sort not in selectors.SORTS:
        raise Http404(sort)
    try:
        found = selectors.get_category(slug)
        page = selectors.books_in_category(slug=slug, sort=sort, after=after, before=before)
    except (CategoryNotFoundError, BadCursorError) as error:
        raise Http404(slug) from error
    path = reverse("catalog:category", args=[slug])
    if not page.items and (after or before):
        return redirect(_category_link(path, sort))  # what stood there was sold or moved since
    sorts = [(name, SORT_NAMES[name], _category_link(path, name)) for name in SORT_NAMES]
    # Pages further on, in the order of titles, are pages of their own; every other is a view of these.
    canonical = _category_link(path, "title", after=after if sort == "title" else "")
    context = {
        "category": found,
        "page": page,
        "sort": sort,
        "sorts": sorts,
        "first": not after and not before,
        "address": f"{settings.PUBLIC_ORIGIN}{canonical}",
        "previous": _category_link(path, sort, before=page.before) if page.before else "",
        "next": _category_link(path, sort, after=page.after) if page.after else "",
        "breadcrumb": structured_data.breadcrumb_data(
            (_("Categories"), reverse("catalog:categories")), (found.name, path)
        ),
    }
    return render(request, "catalog/category.html", context)


def _category_link(path: str, sort: str, **cursor: str) -> str:
    asked = {"sort": sort} if sort != "title" else {}
    asked |= {name: value for name, value in cursor.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path


@public_page
@require_safe
def book(request: HttpRequest, book_id: str, slug: str = "") -> HttpResponse:
    """Show one book; send an old or shortened address on to the right one for good."""
    try:
        found = selectors.get_book(book_id)
    except BookNotFoundError as error:
        raise Http404(book_id) from error
    if slug != found.slug:
        return redirect(found.get_absolute_url(), permanent=True)
    return render(request, "catalog/book.html", book_page.context_of(found))


@require_safe
def cover(request: HttpRequest, book_id: str) -> HttpResponse:  # noqa: ARG001 - every view takes a request
    """Draw the cover of a book that has none of its own. Past orders show withdrawn books too."""
    from catalog.covers import draw_cover  # noqa: PLC0415 - most processes draw none

    try:
        found = selectors.get_book(book_id, withdrawn=True)
    except BookNotFoundError as error:
        raise Http404(book_id) from error
    drawing = draw_cover(title=found.title, author=found.author, category=found.category)
    return HttpResponse(
        drawing,
        content_type="image/svg+xml",
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": f"public, max-age={COVER_SECONDS}",
        },
    )


@public_page
@require_safe
def author(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the books of one author, translator, illustrator or editor."""
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    try:
        found = selectors.author_page(slug, after=after, before=before)
    except (AuthorNotFoundError, BadCursorError) as error:
        raise Http404(slug) from error
    path = reverse("catalog:author", args=[slug])
    context = {
        "author": found,
        "first": not after and not before,
        "previous": f"{path}?{urlencode({'before': found.before})}" if found.before else "",
        "next": f"{path}?{urlencode({'after': found.after})}" if found.after else "",
    }
    return render(request, "catalog/author.html", context)


@public_page
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what was found, and what narrows it; help where nothing was, or nothing was asked."""
    form = SearchForm(request.GET)
    context: dict[str, object] = {"query": form.query, "categories": selectors.categories()}
    try:
        results = book_search.find(form.query)
    except SearchUnavailableError as error:
        logger.warning("search is away: %s", error.reason)
        return render(
            request, "catalog/search_unavailable.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    if form.query.page > max(results.pages, 1):
        raise Http404(form.query.page)
    books = selectors.books_by_id(results.ids)
    nothing = Highlight()
    context |= {
        "results": results,
        "hits": [(book, results.highlights.get(book.id, nothing)) for book in books.values() if book.is_sold],
        "narrowings": _narrowings(form, results),
        "meant": _search_link(form, q=results.did_you_mean) if results.did_you_mean else "",
        "previous": _search_link(form, page=form.query.page - 1) if form.query.page > 1 else "",
        "next": _search_link(form, page=form.query.page + 1) if form.query.page < results.pages else "",
    }
    return render(request, "catalog/search.html", context)


def _search_link(form: SearchForm, **changes: str | int) -> str:
    return f"{reverse('catalog:search')}?{urlencode(form.fields(**changes))}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that narrows the results down, or takes that back."""

    label: str
    link: str
    count: int | None = None
    is_chosen: bool = False


def _narrowings(form: SearchForm, results: SearchResults) -> list[tuple[str, str, list[Choice]]]:
    """Return what narrows the results: for each kind a short name, a heading, and its choices."""
    names = {summary.slug: summary.name for summary in selectors.categories()}
    subjects = [
        Choice(
            names.get(facet.slug, facet.slug.replace("-", " ").capitalize()),
            _search_link(form, category=facet.slug),
            facet.count,
            facet.is_chosen,
        )
        for number, facet in enumerate(results.facets.categories)
        if number < SUBJECTS_SHOWN or facet.is_chosen
    ]
    prices = [
        Choice(
            _band_name(facet.band), _search_link(form, price=facet.band.slug), facet.count, facet.is_chosen
        )
        for facet in results.facets.prices
        if facet.count or facet.is_chosen
    ]
    all_subjects = Choice(_("All"), _search_link(form, category=""), is_chosen=not form.query.category)
    all_prices = Choice(_("All"), _search_link(form, price=""), is_chosen=not form.query.price_band)
    return [
        ("category", _("Category"), [all_subjects, *subjects]),
        ("price", _("Price"), [all_prices, *prices]),
    ]


def _band_name(band: PriceBand) -> str:
    low = whole_money(band.at_least) if band.at_least is not None else ""
    high = whole_money(band.below) if band.below is not None else ""
    if not low:
        return _("Under %(price)s") % {"price": high}
    if not high:
        return _("%(price)s and over") % {"price": low}
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


@public_page
@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """Answer with authors and books that begin like what is being typed; with nothing when search is away."""
    try:
        suggestions = book_search.suggest(request.GET.get("q", ""))
    except SearchUnavailableError as error:
        logger.warning("suggestions are away: %s", error.reason)
        return HttpResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)
    return render(request, "catalog/_suggestions.html", {"suggestions": suggestions})
