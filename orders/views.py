"""Checkout and the customer's orders. Each view translates a request into one service call."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookstore.accounts.selectors import saved_addresses
from bookstore.caching import private_page, signed_webhook
from bookstore.dynamodb.pages import BadCursorError
from bookstore.logs import note_order
from bookstore.typesetting import money
from cart.errors import CartError
from cart.selectors import MOST_TITLES, Cart, cart_of
from catalog.errors import CatalogError, NotBoughtError
from catalog.reviews import MOST_STARS
from catalog.selectors import review_of
from orders import payments, reserving, selectors, services
from orders.errors import (
    BooksUnavailableError,
    CartChangedError,
    CartEmptyError,
    OfferError,
    OrderBusyError,
    OrderNotFoundError,
    PriceChangedError,
    TooLateError,
    TooManyTitlesError,
)
from orders.forms import CheckoutForm, RatingForm
from orders.ids import AgreedLine, Offer, draw_order_id, is_order_id, read_offer, sign_offer
from orders.models import Order, OrderLine
from orders.payments.base import PaymentError, PaymentUnavailableError, WebhookError
from orders.states import DECLINED, Status

# Ratings' forms stand in the order's page itself up to so many titles; beyond, each has a page
# of its own, so that no order makes a page of more than 60 KB.
MOST_RATED_HERE = 8
_STARS = range(MOST_STARS, 0, -1)


# Checkout.


@private_page
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def checkout(request: HttpRequest) -> HttpResponse:
    """Show address, delivery and summary; a POST reserves and sends the customer to pay."""
    posted = request.method == "POST"
    try:
        payments.provider()
    except PaymentUnavailableError as error:
        status = HTTPStatus.SERVICE_UNAVAILABLE if posted else HTTPStatus.OK
        return render(request, "orders/no_orders.html", {"refusal": error}, status=status)
    if posted:
        return _reserve(request)
    cart = cart_of(_customer(request))
    if refusal := _why_no_checkout(cart):
        return _no_checkout(request, cart, refusal)
    kept = saved_addresses(_customer(request))
    chosen = next(
        (each for each in kept if each.key == request.GET.get("address")), kept[0] if kept else None
    )
    form = CheckoutForm(initial=chosen.as_dict() if chosen else None)
    return _checkout_page(request, cart, form, kept=kept)


def _why_no_checkout(cart: Cart) -> str:
    if not cart.lines:
        return _("Your cart is empty. Put a book into it first.")
    return " ".join(cart.problems)


def _no_checkout(request: HttpRequest, cart: Cart, refusal: str) -> HttpResponse:
    """Lead to what is the matter: the cart, or the customer's own unpaid order that holds its books."""
    missing = {line.book_id for line in cart.lines if not line.available}
    if missing and (unpaid := selectors.unpaid_order_holding(_customer(request), missing)):
        messages.warning(
            request, _("Your books are set aside in this order. Please pay it, or cancel it first.")
        )
        return _see_order(unpaid.order_id)
    messages.error(request, refusal)
    return _see("cart:cart")


def _reserve(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    form = CheckoutForm(request.POST)
    try:
        offer = read_offer(request.POST.get("order", ""), customer_id=_customer(request), at=at)
    except OfferError as error:
        return _checkout_again(request, form, str(error))
    if not form.is_valid():
        return _checkout_again(request, form, _("Please look at the marked fields."), offer=offer)
    _note(offer.order_id)
    try:
        order = reserving.reserve(
            customer_id=_customer(request),
            email=_email(request),
            order_id=offer.order_id,
            agreed_total=offer.total,
            agreed_lines=offer.lines,
            address=form.address,
            at=at,
        )
    except (CartEmptyError, TooManyTitlesError, BooksUnavailableError) as error:
        return _no_checkout(request, cart_of(_customer(request)), str(error))
    except (PriceChangedError, CartChangedError, OrderBusyError, PaymentError) as error:
        away = isinstance(error, PaymentUnavailableError)  # and an unpaid order has to make way first
        status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.CONFLICT
        return _checkout_again(request, form, str(error), status=status)
    if order.state is Status.CANCELLED:
        # An old page, sent once more after its order had been given up.
        messages.error(request, _("That order was cancelled. Here is a new one."))
        return _see("orders:checkout")
    if order.is_bought and order.order_id != offer.order_id:
        messages.info(request, _("You have just paid this order. Nothing else was ordered."))
    return _pay(request, order)


def _checkout_again(
    request: HttpRequest,
    form: CheckoutForm,
    refusal: str,
    *,
    offer: Offer | None = None,
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> HttpResponse:
    """Show the page anew, with what was typed, today's prices and what is the matter."""
    cart = cart_of(_customer(request))
    if why := _why_no_checkout(cart):
        return _no_checkout(request, cart, why)
    if offer and offer.lines != _offered(cart):
        offer = None
    return _checkout_page(request, cart, form, refusal=refusal, offer=offer, status=status)


def _checkout_page(
    request: HttpRequest,
    cart: Cart,
    form: CheckoutForm,
    *,
    kept: tuple[object, ...] = (),
    refusal: str = "",
    offer: Offer | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    offer = offer or Offer(draw_order_id(at=timezone.now()), _offered(cart))
    context = {
        "cart": cart,
        "form": form,
        "addresses": kept,
        "refusal": refusal,
        "order": sign_offer(offer, customer_id=_customer(request)),
        "total": offer.total,
        "most_titles": MOST_TITLES,
    }
    return render(request, "orders/checkout.html", context, status=status)


def _offered(cart: Cart) -> dict[str, AgreedLine]:
    return {line.book_id: AgreedLine(line.quantity, line.price) for line in cart.lines}


def _pay(request: HttpRequest, order: Order) -> HttpResponse:
    """Send the customer to the provider's page, or, where there is nothing to pay, to the order."""
    if not order.may_be_paid:
        return _see_order(order.order_id)
    try:
        page = payments.provider().start(order, return_url(order.order_id))
    except PaymentError as error:
        messages.error(request, f"{error} {_('Your books are set aside meanwhile.')}")
        return _see_order(order.order_id)
    return _see_other(page)


def return_url(order_id: str) -> str:
    """Return the absolute address to which the provider sends the customer back."""
    return f"{settings.PUBLIC_ORIGIN}{reverse('orders:checkout-return')}?{urlencode({'order': order_id})}"


@private_page
@require_safe
@login_required
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Take the customer who comes back from the provider on to where the payment leads."""
    order_id = request.GET.get("order", "")
    _note(order_id)
    try:
        order = services.follow_payment(customer_id=_customer(request), order_id=order_id, at=timezone.now())
    except OrderNotFoundError as error:
        raise Http404(order_id) from error
    except (PaymentError, OrderBusyError) as error:
        messages.error(request, f"{error} {_('We look after your payment, and tell you by e-mail.')}")
        return _see_order(order_id)
    if order.state is Status.CANCELLED and not order.queue_name:
        declined = order.history[-1].reason == DECLINED
        messages.error(
            request,
            _("Your card was declined, and nothing was charged. Your cart is as it was.")
            if declined
            else _("This order was cancelled, and nothing was charged. Your cart is as it was."),
        )
        return _see("orders:checkout")
    if order.state is Status.AWAITING_PAYMENT:
        messages.info(request, _("This order is not paid yet."))
    elif order.is_bought:
        messages.success(request, _("Thank you. Your order %(number)s is placed.") % {"number": order.number})
    elif order.state is Status.CANCELLED:
        messages.error(
            request,
            _("This order was cancelled. If it was paid, we look after the money, and tell you by e-mail."),
        )
    elif order.placed_at is None:
        messages.error(request, _("This order was cancelled, and your money goes back to you."))
    # Of an old page, whose order has come back meanwhile, the order itself tells.
    return _see_order(order_id)


@signed_webhook
@require_POST
def payment_webhook(request: HttpRequest) -> HttpResponse:
    """Hear from the provider. An answer that is not 2xx makes it tell again later."""
    at = timezone.now()
    try:
        provider = payments.provider()
    except PaymentUnavailableError as error:
        raise Http404 from error
    try:
        payment = provider.read_webhook(request.headers, request.body, at=at)
    except WebhookError as error:
        return HttpResponse(str(error), status=HTTPStatus.BAD_REQUEST, content_type="text/plain")
    _note(payment.order_id)
    try:
        services.receive_payment(payment=payment, at=at)
    except (PaymentUnavailableError, OrderBusyError) as error:
        return HttpResponse(str(error), status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain")
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


# The customer's orders.


@private_page
@require_safe
@login_required
def orders(request: HttpRequest) -> HttpResponse:
    """Show the customer's orders, newest first."""
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    try:
        page = selectors.orders_of(_customer(request), after=after, before=before)
    except BadCursorError as error:
        raise Http404 from error
    context = {
        "orders": page.items,
        "next": f"?{urlencode({'after': page.after})}" if page.after else "",
        "previous": f"?{urlencode({'before': page.before})}" if page.before else "",
    }
    return render(request, "orders/orders.html", context)


@private_page
@require_safe
@login_required
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show one of the customer's orders; anybody else's is a 404."""
    found = _order_or_404(request, order_id)
    context = {
        "order": found,
        "address": selectors.address_lines(found),
        "timeline": selectors.timeline(found),
        "stars": _STARS,
        "rates_here": found.is_bought and len(found.lines) <= MOST_RATED_HERE,
    }
    return render(request, "orders/order.html", context)


type _Action = Callable[..., HttpResponse]  # of a request, an order's id, and what the address adds


def _order_action(view: _Action) -> Callable[..., HttpResponseBase]:
    """Wrap what a button of the order's page does: POST alone, for a signed-in customer.

    A GET, as after a sign-in on the way, leads to the order's page; a foreign order is a 404.
    """

    @wraps(view)
    def act(request: HttpRequest, order_id: str, **others: str) -> HttpResponse:
        if request.method != "POST":
            return _see_order(_order_or_404(request, order_id).order_id)
        _note(order_id)
        try:
            return view(request, order_id, **others)
        except OrderNotFoundError as error:
            raise Http404(order_id) from error

    allowed: _Action = require_http_methods(["GET", "HEAD", "POST"])(login_required(act))
    return private_page(allowed)


@_order_action
def pay(request: HttpRequest, order_id: str) -> HttpResponse:
    """Send the customer to the provider's page once more."""
    return _pay(request, selectors.get_order(_customer(request), order_id))


@_order_action
def cancel(request: HttpRequest, order_id: str) -> HttpResponse:
    """Cancel the order; stock and money go back."""
    try:
        cancelled = services.cancel_order(
            customer_id=_customer(request), order_id=order_id, at=timezone.now()
        )
    except (TooLateError, PaymentError, OrderBusyError) as error:
        messages.error(request, str(error))
        return _see_order(order_id)
    if cancelled.state is Status.REFUNDED:
        said = _("Your order is cancelled, and %(total)s goes back to you.") % {
            "total": money(cancelled.given_back, cancelled.currency)
        }
    elif cancelled.refusal:
        said = _("Your order is cancelled. We shall write to you about the money.")
    elif cancelled.queue_name:
        said = _("Your order is cancelled. If it was paid, the money goes back to you soon.")
    else:
        said = _("Your order is cancelled. Nothing was charged.")
    messages.success(request, said)
    return _see_order(order_id)


@_order_action
def again(request: HttpRequest, order_id: str) -> HttpResponse:
    """Put the order's books into the cart once more."""
    try:
        added = services.buy_again(customer_id=_customer(request), order_id=order_id, at=timezone.now())
    except CartError as error:
        messages.error(request, str(error))
        return _see_order(order_id)
    if added.titles:
        messages.success(
            request,
            ngettext(
                "%(titles)d title of this order is in your cart.",
                "%(titles)d titles of this order are in your cart.",
                len(added.titles),
            )
            % {"titles": len(added.titles)},
        )
    if added.refused:
        messages.warning(request, " ".join(added.refused))
    return _see("cart:cart")


@private_page
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rate(request: HttpRequest, order_id: str, book_id: str) -> HttpResponse:
    """Show the form to rate a book that the order holds, with what was said before; a POST rates it."""
    bought = _order_or_404(request, order_id)
    line = next((each for each in bought.lines if each.book_id == book_id), None)
    if line is None:
        raise Http404(book_id)
    if request.method != "POST":
        if not selectors.holds(bought, book_id):
            messages.error(request, str(NotBoughtError()))
            return _see_order(order_id)
        return _rating_page(request, bought, line, review_of(book_id, bought.customer_id))
    form = RatingForm(request.POST)
    if not form.is_valid():
        return _rating_page(request, bought, line, request.POST, refusal=form.sentence)
    try:
        services.rate_from_order(
            order=bought,
            book_id=book_id,
            stars=form.cleaned_data["stars"],
            title=form.cleaned_data["title"],
            text=form.cleaned_data["text"],
            at=timezone.now(),
        )
    except CatalogError as error:
        return _rating_page(request, bought, line, form.cleaned_data, refusal=str(error))
    messages.success(request, _("Thank you for your rating."))
    return _see_order(order_id)


def _rating_page(
    request: HttpRequest, bought: Order, line: OrderLine, review: object, *, refusal: str = ""
) -> HttpResponse:
    context = {"order": bought, "line": line, "review": review, "stars": _STARS, "refusal": refusal}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK
    return render(request, "orders/rate.html", context, status=status)


def _order_or_404(request: HttpRequest, order_id: str) -> Order:
    try:
        return selectors.get_order(_customer(request), order_id)
    except OrderNotFoundError as error:
        raise Http404(order_id) from error


def _note(order_id: str) -> None:
    """Name the order in the log, unless the address was made up."""
    if is_order_id(order_id):
        note_order(order_id)


def _customer(request: HttpRequest) -> str:
    if not request.user.is_authenticated:
        msg = "only views behind login_required ask for the customer"
        raise TypeError(msg)
    return request.user.customer_id


def _email(request: HttpRequest) -> str:
    return request.user.email if request.user.is_authenticated else ""


def _see_order(order_id: str) -> HttpResponse:
    return _see("orders:detail", order_id)


def _see(name: str, *args: str) -> HttpResponse:
    return _see_other(reverse(name, args=args))


def _see_other(url: str) -> HttpResponse:
    """Answer 303: the browser goes on with a GET, whatever it sent."""
    response = HttpResponseRedirect(url)
    response.status_code = HTTPStatus.SEE_OTHER
    return response
