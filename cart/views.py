"""The cart's pages. Each translates a request into one service call and says what happened."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bookstore.caching import private_page
from cart import services
from cart.errors import CartError, LineNotFoundError
from cart.forms import LONGEST_ID, AddForm, LineForm
from cart.owner import is_guest, new_guest, owner_of, remember_guest
from cart.selectors import MOST_COPIES, MOST_TITLES, cart_of
from cart.services import Removed

CHANGED = "cart-changed"  # htmx event on the body: whoever shows the number of copies reads it again


@private_page
@require_safe
def cart(request: HttpRequest) -> HttpResponse:
    """Show the cart at today's prices."""
    owner = owner_of(request)
    removed = services.read_undo_token(request.GET.get("removed", ""), owner=owner) if owner else None
    return _render_cart(request, owner, "cart/cart.html", removed=removed)


@private_page
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put copies of a book into the cart; a guest without one gets a cart and its cookie."""
    form = AddForm(request.POST)
    if not form.is_valid():
        return _after_adding(request, refusal=form.sentence)
    owner = owner_of(request) or new_guest()
    try:
        added = services.add_to_cart(
            owner=owner,
            book_id=form.cleaned_data["bookId"],
            quantity=form.cleaned_data["quantity"],
            seen_price=request.POST.get("price"),
            at=timezone.now(),
            guest=is_guest(owner),
        )
    except CartError as error:
        return _after_adding(request, refusal=str(error))
    response = _after_adding(request, added=added)
    if is_guest(owner):
        remember_guest(response, owner)
    return response


def _after_adding(
    request: HttpRequest, *, added: services.Added | None = None, refusal: str = ""
) -> HttpResponse:
    """Say what happened: in place for htmx, on the cart page for everyone else."""
    if request.headers.get("HX-Request"):
        # Also a refusal is 200 here: it is the answer to show beside the button, not an error page.
        response = render(request, "cart/_added.html", {"added": added, "refusal": refusal})
        if added:
            response["HX-Trigger"] = CHANGED
        return response
    if added:
        messages.success(request, added.sentence)
    else:
        messages.error(request, refusal)
    return _see_cart()


@private_page
@require_POST
def line(request: HttpRequest, book_id: str) -> HttpResponse:
    """Change how many copies a line holds, take it out, or put it back."""
    owner = owner_of(request)
    removed: Removed | None = None
    try:
        if owner is None or len(book_id) > LONGEST_ID:
            raise LineNotFoundError(_("This book is no longer in your cart."))
        removed = _change_line(request, owner, book_id)
    except CartError as error:
        return _after_change(request, owner, refusal=str(error))
    return _after_change(request, owner, removed=removed)


def _change_line(request: HttpRequest, owner: str, book_id: str) -> Removed | None:
    at = timezone.now()
    if token := request.POST.get("undo", ""):
        if (removed := services.read_undo_token(token, owner=owner)) and removed.book_id == book_id:
            services.put_back(owner=owner, removed=removed, at=at, guest=is_guest(owner))
            return None
        raise LineNotFoundError(_("It is too late to put this book back. Please look for it in the shop."))
    if request.POST.get("action") == "remove":
        return services.remove_line(owner=owner, book_id=book_id, at=at)
    form = LineForm(request.POST)
    if not form.is_valid():
        raise CartError(form.sentence)
    if form.cleaned_data["quantity"] == 0:
        return services.remove_line(owner=owner, book_id=book_id, at=at)
    services.change_quantity(owner=owner, book_id=book_id, quantity=form.cleaned_data["quantity"], at=at)
    return None


def _after_change(
    request: HttpRequest, owner: str | None, *, removed: Removed | None = None, refusal: str = ""
) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = _render_cart(request, owner, "cart/_cart.html", removed=removed, refusal=refusal)
        response["HX-Trigger"] = CHANGED
        return response
    if refusal:
        messages.error(request, refusal)
    return _see_cart(removed=services.undo_token(removed, owner=owner) if removed and owner else "")


def _render_cart(
    request: HttpRequest,
    owner: str | None,
    template: str,
    *,
    removed: Removed | None = None,
    refusal: str = "",
) -> HttpResponse:
    shown = cart_of(owner)
    if removed and removed.book_id in {each.book_id for each in shown.lines}:
        removed = None  # it is back
    context = {
        "cart": shown,
        "refusal": refusal,
        "removed": removed,
        "undo": services.undo_token(removed, owner=owner) if removed and owner else "",
        "most_copies": MOST_COPIES,
        "most_titles": MOST_TITLES,
    }
    return render(request, template, context)


def _see_cart(*, removed: str = "") -> HttpResponse:
    response = redirect("cart:cart")
    response.status_code = 303  # the browser asks for the cart with GET, whatever it sent
    if removed:
        response["Location"] += "?" + urlencode({"removed": removed})
    return response
