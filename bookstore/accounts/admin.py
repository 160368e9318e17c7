"""Customers in the admin for staff: found at Cognito, shown, signed out and disabled. Nothing else of them is changed."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.accounts import selectors, services, signals
from bookstore.accounts.errors import AccountError, CognitoUnavailableError
from bookstore.dynamodb.admin.errors import AwayError, SearchAwayError, in_the_admins_words
from bookstore.dynamodb.admin.options import Hits
from bookstore.dynamodb.admin.sources import FacadeModel, OutsideSource
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin


class AtCognito(OutsideSource):
    """Customers come from the user pool, which lists them by what they are asked for alone."""

    def find(self, keys: Sequence[str]) -> Iterable[selectors.Person]:
        """Return the people of these numbers, one after another."""
        try:
            people = [selectors.find_person(key) for key in keys]
        except CognitoUnavailableError as error:
            raise AwayError(str(error)) from error
        return [person for person in people if person]


class Customer(FacadeModel):
    """A customer, or a member of staff, as staff see them."""

    customer_id = models.CharField(gettext_lazy("number"), primary_key=True, max_length=128, editable=False)
    email = models.CharField(gettext_lazy("e-mail address"), max_length=300, editable=False)
    name = models.CharField(gettext_lazy("name"), max_length=300, editable=False)
    state = models.CharField(
        gettext_lazy("account"),
        max_length=40,
        editable=False,
        choices=[
            ("CONFIRMED", gettext_lazy("confirmed")),
            ("UNCONFIRMED", gettext_lazy("e-mail address not confirmed yet")),
            ("FORCE_CHANGE_PASSWORD", gettext_lazy("first password not changed yet")),
            ("RESET_REQUIRED", gettext_lazy("password has to be reset")),
            ("EXTERNAL_PROVIDER", gettext_lazy("signs in elsewhere")),
        ],
    )
    may_sign_in = models.BooleanField(gettext_lazy("may sign in"), default=True, editable=False)
    is_open_at_cognito = models.BooleanField(default=True, editable=False)
    made_at = models.DateTimeField(gettext_lazy("account made"), editable=False)
    first_seen_at = models.DateTimeField(gettext_lazy("first sign-in"), null=True, editable=False)
    groups = models.JSONField(gettext_lazy("groups"), default=list, editable=False)
    addresses = models.JSONField(gettext_lazy("addresses"), default=list, editable=False)

    source = AtCognito()

    class Meta(FacadeModel.Meta):
        app_label = "accounts"
        verbose_name = gettext_lazy("customer")
        verbose_name_plural = gettext_lazy("customers")

    def __str__(self) -> str:
        return self.email or self.customer_id


def _take(
    admin: ToolsAdmin, request: HttpRequest, customer: Customer, act: Callable[..., Any], **told: Any
) -> None:
    """Have a service do something with an account, with the entry in the log."""
    with in_the_admins_words(AccountError):
        act(customer_id=customer.pk, by=request.user, beside=admin.beside(request, customer, **told))


def _sign_out(admin: ToolsAdmin, request: HttpRequest, customer: Customer, _form: ToolForm) -> str:
    _take(admin, request, customer, services.sign_out_by_staff, message=_("Signed out everywhere."))
    if customer.pk == request.user.pk:
        request.session.flush()  # it has ended: what this request knows of it is not to be stored
    return _("The customer is signed out everywhere.")


def _disable(admin: ToolsAdmin, request: HttpRequest, customer: Customer, _form: ToolForm) -> str:
    changes = [(_("May sign in"), customer.may_sign_in, False)]
    _take(admin, request, customer, services.disable_account, changes=changes)
    return _("The account is disabled.")


def _enable(admin: ToolsAdmin, request: HttpRequest, customer: Customer, _form: ToolForm) -> str:
    changes = [(_("May sign in"), customer.may_sign_in, True)]
    _take(admin, request, customer, services.enable_account, changes=changes)
    return _("The account is enabled again.")


@admin.register(Customer)
class CustomerAdmin(ToolsAdmin):
    """Customers, whom Cognito keeps: there is no list of all, only what a search finds."""

    list_display = ["email", "name", "state", "may_sign_in", "made_at"]
    list_per_page = selectors.PEOPLE_FOUND_AT_MOST
    search_fields = ["email"]  # shows the box; Cognito looks further
    search_help_text = gettext_lazy(
        "How the e-mail address or the name begins, or the customer’s whole number"
    )
    no_list = gettext_lazy(
        "Cognito keeps the accounts and lists them only by what they are searched for: look for an e-mail address or a name."
    )
    fieldsets = [
        (None, {"fields": ["email", "name", "customer_id"]}),
        (
            gettext_lazy("Account"),
            {"fields": ["may_sign_in", "state", "group_names", "made_at", "first_seen_at"]},
        ),
        (gettext_lazy("In the shop"), {"fields": ["address_book", "elsewhere"]}),
    ]
    readonly_fields = [
        *("email", "name", "customer_id", "may_sign_in", "state", "group_names", "made_at"),
        *("first_seen_at", "address_book", "elsewhere"),
    ]
    tools = (
        Tool("sign_out", gettext_lazy("Sign out everywhere"), "signout", _sign_out),
        Tool(
            "disable",
            gettext_lazy("Disable"),
            "disable",
            _disable,
            # Whatever the shop has marked: once more does what Cognito did not answer to.
            offered=lambda customer: customer.is_open_at_cognito,
        ),
        Tool(
            "enable",
            gettext_lazy("Enable again"),
            "disable",
            _enable,
            offered=lambda customer: not customer.may_sign_in,
        ),
    )

    def search(
        self,
        request: HttpRequest,
        term: str,
        *,
        filters: dict[str, Any],  # noqa: ARG002 - there are none
        page: int,  # noqa: ARG002 - there is one
        size: int,  # noqa: ARG002 - Cognito's own
    ) -> Hits:
        """Ask Cognito."""
        try:
            found = selectors.find_people(term)
        except CognitoUnavailableError as error:
            raise SearchAwayError(str(error)) from error
        if found.more:
            sentence = _("There are more than %(count)d; type more of the address or the name.")
            messages.info(request, sentence % {"count": len(found.people)})
        rows = [Customer.source.row(person) for person in found.people]
        return Hits([row.pk for row in rows], len(rows), rows)

    # --- The page of one ---------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("groups"))
    def group_names(self, customer: Customer) -> str:
        """Return the groups, which say what a member of staff may do."""
        return ", ".join(customer.groups) or _("none: a customer")

    @admin.display(description=gettext_lazy("addresses"))
    def address_book(self, customer: Customer) -> str | SafeString:
        """Return the addresses the customer keeps, the one used last first."""
        if not customer.addresses:
            return _("none")
        lines = ((", ".join(address.lines),) for address in customer.addresses)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", lines))

    @admin.display(description=gettext_lazy("orders"))
    def elsewhere(self, customer: Customer) -> SafeString | str:
        """Return what the rooms above know of the customer."""
        answers: Sequence[tuple[object, Any]] = signals.collect_for_staff.send(
            sender=None, customer_id=customer.customer_id
        )
        return format_html_join("", "{}", ((_section(section),) for _receiver, section in answers))

    def log_entry(self, request: HttpRequest, row: Any, *args: Any, **kwargs: Any) -> Any:
        """Name people by their number: the log is never changed, and outlives an erasure."""
        item = super().log_entry(request, row, *args, **kwargs)
        item.shown = str(row.pk)
        return item

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Refuse: people make their own accounts; staff's are made at Cognito."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: what customers say of themselves is theirs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: customers erase their own accounts."""
        return False


def _section(section: selectors.Section) -> SafeString:
    lines = ((format_html('<a href="{}">{}</a>', url, text) if url else text,) for text, url in section.lines)
    listed = format_html_join("", "<li>{}</li>", lines)
    return format_html('<ul aria-label="{}">{}</ul>', section.title, listed)
