"""Signing in and out, and the customer's account."""

from dataclasses import replace
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

from bookstore.accounts import attempts, selectors, services, signals
from bookstore.accounts.errors import (
    AccountDisabledError,
    AccountError,
    AddressNotFoundError,
    CognitoUnavailableError,
    EmailNotVerifiedError,
    ErasureRefusedError,
    SignInExpiredError,
)
from bookstore.accounts.forms import AddressForm, ErasureForm
from bookstore.accounts.models import User
from bookstore.caching import private_page

# Why nobody was signed in: a word in the address of the page that says so, and its sentence.
REASONS: dict[type[AccountError], str] = {
    SignInExpiredError: "expired",
    EmailNotVerifiedError: "unverified",
    AccountDisabledError: "closed",
    CognitoUnavailableError: "unavailable",
}
SENTENCES = {
    "expired": gettext_lazy(
        "This sign-in was already used, took longer than ten minutes, or was begun in another browser."
    ),
    "unverified": gettext_lazy(
        "Your e-mail address is not confirmed yet. Please enter the code that we sent to it, then sign in."
    ),
    "closed": gettext_lazy(
        "This account has been closed. Please write to us if you think that this is a mistake."
    ),
    "unavailable": gettext_lazy(
        "Our sign-in service does not answer at the moment. Please try again in a minute."
    ),
    "cancelled": gettext_lazy("You left the sign-in page before you were signed in."),
    "refused": gettext_lazy("Our sign-in service did not recognise this sign-in."),
}


class SignIn(OIDCAuthenticationRequestView):  # type: ignore[misc]  # the package ships no types
    """Sends the browser to Cognito with state, nonce and PKCE, all drawn afresh."""

    http_method_names = ["get"]

    def endpoint(self) -> str:
        """Return the page of Cognito to go to."""
        return str(settings.OIDC_OP_AUTHORIZATION_ENDPOINT)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Begin an attempt; whoever is signed in already just goes on."""
        next_page = attempts.safe_next(request.GET.get("next"))
        again = request.GET.get("again") == "1"  # staff, whose time in the admin is over
        if request.user.is_authenticated and not again:
            return HttpResponseRedirect(next_page)
        endpoint = self.endpoint()
        if not endpoint.startswith(f"{settings.COGNITO_ORIGIN}/"):
            return HttpResponseRedirect(endpoint)  # a page that leads back to the sign-in by itself
        attempt = attempts.begin(next_page=next_page)
        query = {
            "response_type": "code",
            "scope": settings.OIDC_RP_SCOPES,
            "client_id": settings.COGNITO_CLIENT_ID,
            "redirect_uri": _oidc().return_url(),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "login"} if again else {}),
            **self.get_extra_params(request),
        }
        response = HttpResponseRedirect(f"{endpoint}?{urlencode(query)}")
        attempt.keep(request, response)
        return response


class SignUp(SignIn):
    """Sends the browser to Cognito's page for a new account, which signs in at its end."""

    def endpoint(self) -> str:
        """Return the sign-up page: Cognito's own unless the settings name another."""
        return settings.COGNITO_SIGN_UP_URL or f"{settings.COGNITO_ORIGIN}/signup"


class ForgottenPassword(SignIn):
    """Sends the browser to Cognito's page for a new password."""

    def endpoint(self) -> str:
        """Return that page: Cognito's own unless the settings name another."""
        return settings.COGNITO_FORGOTTEN_PASSWORD_URL or f"{settings.COGNITO_ORIGIN}/forgotPassword"


class SignInReturn(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # the package ships no types
    """Where Cognito sends the browser back to: exchanges the code and begins the session."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Sign in, or say why not; an answer that came before changes nothing."""
        attempt = attempts.find(request, state=request.GET.get("state", ""))
        if attempt is None:
            return self._again(request, settings.LOGIN_REDIRECT_URL)
        if "code" not in request.GET:
            cancelled = request.GET.get("error") == "access_denied"
            return self._failed("cancelled" if cancelled else "refused", attempt)
        try:
            user = auth.authenticate(request, nonce=attempt.nonce, code_verifier=attempt.verifier)
        except SignInExpiredError:
            return self._again(request, attempt.next, attempt)
        except AccountError as error:
            return self._failed(REASONS.get(type(error), "refused"), attempt)
        if not isinstance(user, User):
            return self._failed("refused", attempt)
        auth.login(request, user)  # under a new session key, so that one set beforehand is worth nothing
        signals.customer_signed_in.send(sender=User, request=request, customer_id=user.customer_id)
        response = HttpResponseRedirect(attempt.next)
        attempt.end(response)
        return response

    def _again(
        self, request: HttpRequest, next_page: str, attempt: attempts.Attempt | None = None
    ) -> HttpResponse:
        """Answer a reload, the back button, or the second of two clicks: the first may have done it."""
        if not request.user.is_authenticated:
            return self._failed("expired", attempt)
        response = HttpResponseRedirect(next_page)
        if attempt:
            attempt.end(response)
        return response

    def _failed(self, reason: str, attempt: attempts.Attempt | None = None) -> HttpResponse:
        query = {"reason": reason}
        if attempt and attempt.next != settings.LOGIN_REDIRECT_URL:
            query["next"] = attempt.next
        response = HttpResponseRedirect(f"{self.failure_url}?{urlencode(query)}")
        if attempt:
            attempt.end(response)
        return response


class SignOut(OIDCLogoutView):  # type: ignore[misc]  # the package ships no types
    """Ends the session here, then Cognito's own, and comes back to the home page.

    The second time, with nobody signed in, it just goes home.
    """

    http_method_names = ["post"]


@require_safe
@private_page
def sign_in_failed(request: HttpRequest) -> HttpResponse:
    """Say why nobody was signed in, and what to do."""
    reason = request.GET.get("reason", "")
    next_page = attempts.safe_next(request.GET.get("next"))
    again = f"{settings.LOGIN_URL}?{urlencode({'next': next_page})}"
    sentence = SENTENCES.get(reason, SENTENCES["refused"])
    return render(
        request, "accounts/sign_in_failed.html", {"sentence": sentence, "again": again, "reason": reason}
    )


@require_safe
@private_page
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the profile: e-mail address, addresses, and what can be done with the account."""
    user = _user(request)
    # The address that this sign-in was for; another browser's may have come later.
    customer = replace(selectors.get_customer(user.customer_id), email=user.email)
    context = {"customer": customer, "addresses_kept": services.ADDRESSES_KEPT}
    return render(request, "accounts/account.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@private_page
@login_required
def add_address(request: HttpRequest) -> HttpResponse:
    """Keep another address."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.add_address(customer_id=_customer_id(request), address=form.address)
        except AccountError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The address is kept."))
            return _see(reverse("account"))
    return _address_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@private_page
@login_required
def change_address(request: HttpRequest, key: str) -> HttpResponse:
    """Change an address that is kept."""
    customer_id = _customer_id(request)
    if request.method == "POST":
        form = AddressForm(request.POST)
        if form.is_valid():
            try:
                services.change_address(customer_id=customer_id, key=key, address=form.address)
            except AddressNotFoundError as error:
                messages.warning(request, error.message)
            except AccountError as error:
                form.add_error(None, error.message)
                return _address_page(request, form, key)
            else:
                messages.success(request, _("The address is changed."))
            return _see(reverse("account"))
        return _address_page(request, form, key)
    kept = {address.key: address for address in selectors.saved_addresses(customer_id)}
    if key not in kept:
        messages.warning(request, _("This address is no longer kept."))
        return _see(reverse("account"))
    return _address_page(request, AddressForm(initial=kept[key].as_dict()), key)


@require_POST
@private_page
@login_required
def remove_address(request: HttpRequest, key: str) -> HttpResponse:
    """Forget an address."""
    try:
        services.remove_address(customer_id=_customer_id(request), key=key)
    except AccountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The address is removed."))
    return _see(reverse("account"))


@require_safe
@private_page
@login_required
def export(request: HttpRequest) -> HttpResponse:
    """Hand the customer all that the shop keeps about them, as one file."""
    document = services.export_customer(customer_id=_customer_id(request), at=timezone.now())
    return HttpResponse(
        document,
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="my-bookshop-data.json"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@private_page
@login_required
def erase(request: HttpRequest) -> HttpResponse:
    """Ask whether the account shall go, and let it go."""
    form = ErasureForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.erase_customer(customer_id=_customer_id(request), at=timezone.now())
        except ErasureRefusedError as error:
            form.add_error(None, error.message)
        else:
            auth.logout(request)
            messages.success(
                request, _("Your account and what we knew about you are gone. Thank you for reading.")
            )
            return _see(_oidc().logout_url())
    return render(request, "accounts/erase.html", {"form": form}, status=_status(form))


@require_POST
@private_page
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End the customer's sessions in all browsers, this one too."""
    services.sign_out_everywhere(customer_id=_customer_id(request))
    auth.logout(request)
    messages.success(request, _("You are signed out in every browser."))
    return _see(_oidc().logout_url())


def _user(request: HttpRequest) -> User:
    """Return whom ``login_required`` let in."""
    return cast("User", request.user)


def _customer_id(request: HttpRequest) -> str:
    return _user(request).customer_id


def _address_page(request: HttpRequest, form: AddressForm, key: str = "") -> HttpResponse:
    return render(request, "accounts/address.html", {"form": form, "key": key}, status=_status(form))


def _status(form: AddressForm | ErasureForm) -> int:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _see(address: str) -> HttpResponse:
    """Send the browser on with a GET, so that a reload does not send the form again."""
    response = redirect(address)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _oidc() -> ModuleType:
    """Import what checks tokens when somebody signs in: its cryptography slows a new function's first page."""
    return import_module("bookstore.accounts.oidc")
