"""Orders in the admin for staff. Every rule is the services'; here is only what staff see and ask for."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookstore.accounts.forms import AddressForm
from bookstore.accounts.selectors import PostalAddress
from bookstore.actors import who
from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, SearchAwayError
from bookstore.dynamodb.admin.options import Hits
from bookstore.dynamodb.admin.paths import Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.admin.tools import ToolsAdmin
from bookstore.dynamodb.tables import Beside, nothing_beside
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.typesetting import money
from orders import fulfilment, search, selectors
from orders.ids import first_id_of, number_of
from orders.models import Order as OrderItem
from orders.queues import OWED, QUEUES, queue_keys
from orders.staff import printing
from orders.staff.inlines import LineInline, NoteInline, RefundInline, StepInline
from orders.staff.tools import TOOLS, in_the_admins_words, of
from orders.states import BOUGHT, LABELS, UNSENT, Status

MONTHS_LISTED = 36  # before this one; what came before them is found by search and by number
MONTHS_OFFERED = 13
ADDRESS = tuple(AddressForm.base_fields)
LATE = "late"
# The queues as staff think of them, and those of the shop that each stands for.
WORK: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "to-pack": (gettext_lazy("To pack"), (Status.PLACED,)),
    "to-ship": (gettext_lazy("To ship"), (Status.PACKED,)),
    LATE: (gettext_lazy("Late"), (Status.PLACED, Status.PACKED)),
    "on-the-way": (gettext_lazy("On the way"), (Status.SHIPPED,)),
    OWED: (gettext_lazy("Money to give back"), (OWED,)),
    "unpaid": (gettext_lazy("Awaiting payment"), (Status.AWAITING_PAYMENT,)),
}


def _months(first: datetime | None, last: datetime | None) -> list[str]:
    """Return the months in which orders may have been made between two instants, either of which may be none."""
    this = localtime(timezone.now())
    number = this.year * 12 + this.month - 1
    months = [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(number - MONTHS_LISTED, number + 1)]
    low = f"{localtime(first):%Y-%m}" if first else ""
    high = f"{localtime(last):%Y-%m}" if last else "9"
    return [month for month in months if low <= month <= high]


def _oldest_month() -> str | None:
    """Return the month of the oldest order, or the one before it; empty while the search engine does not say."""
    try:
        oldest = search.oldest()
    except SearchUnavailableError:
        return ""
    return f"{localtime(oldest):%Y-%m}" if oldest else None


def _keys(name: str) -> list[str]:
    """Return the partitions of the index that a queue stands for, as staff or the shop call it."""
    queues = WORK[name][1] if name in WORK else [name] if name in QUEUES else []
    return [key for queue in queues for key in queue_keys(str(queue))]


class Orders(Source):
    """Orders come from the table and its three indexes; their address is written by a service."""

    def __init__(self) -> None:
        by_time: dict[str, Any] = {"range_key": "order_id", "sorts": "ordered_at"}
        super().__init__(
            OrderItem,
            version="version",
            made_of=dict.fromkeys(ADDRESS, "address"),
            paths=[
                # Within a month an order's id sorts by the moment at which its customer began to check out.
                Path(
                    index=OrderItem.month,
                    hash_key="month_name",
                    write=None,
                    partitions=_months,
                    oldest=_oldest_month,
                    reads_on=False,
                    **by_time,
                ),
                Path(
                    index=OrderItem.month, hash_key="month_name", equals="month_name", write=None, **by_time
                ),
                Path(
                    index=OrderItem.queue,
                    hash_key="queue_name",
                    equals="queue_name",
                    write=first_id_of,
                    spread=_keys,
                    **by_time,
                ),
                Path(hash_key="customer_id", equals="customer_id", write=None, **by_time),
            ],
        )

    def row(self, item: Any, path: Path | None = None) -> Any:
        """Make the façade's row; a whole one has the order itself at hand."""
        made = super().row(item, path)
        if path is None:
            made.order = item
        return made

    def field_of(self, item: Any, field: Any) -> Any:
        """Return a field's value; those of the address stand in it."""
        if field.attname in ADDRESS:
            # An index of an older version has no address.
            return getattr(item.address, field.attname) if item.address else ""
        return super().field_of(item, field)

    def update(
        self,
        row: Any,
        *,
        changed: Mapping[str, Any],  # noqa: ARG002 - the address is written whole
        version: int | None,
        beside: Beside = nothing_beside,
    ) -> None:
        """Send an order elsewhere."""
        with in_the_admins_words():
            order = fulfilment.change_address(
                customer_id=row.customer_id,
                order_id=row.order_id,
                address=PostalAddress.of({name: getattr(row, name) for name in ADDRESS}),
                by=row.by,
                at=timezone.now(),
                as_read=row.order,
                seen=version,
                beside=beside,
            )
        row.version = int(order.version)


class Order(FacadeModel):
    """An order as staff see it."""

    key = models.CharField(primary_key=True, max_length=200, editable=False)
    customer_id = models.CharField(_("customer"), max_length=128, editable=False)
    order_id = models.CharField(max_length=36, editable=False)
    number = models.CharField(gettext_lazy("number"), max_length=10, editable=False)
    ordered_at = models.DateTimeField(gettext_lazy("ordered"), editable=False)
    status = models.CharField(
        gettext_lazy("state"),
        max_length=20,
        editable=False,
        choices=[(str(each), LABELS[each]) for each in Status],
    )
    total = models.DecimalField(gettext_lazy("total"), max_digits=9, decimal_places=2, editable=False)
    currency = models.CharField(max_length=3, editable=False)
    email = models.EmailField(gettext_lazy("e-mail address"), editable=False, null=True)  # noqa: DJ001 - absent, not empty
    name = models.CharField(gettext_lazy("name"), max_length=100)
    line1 = models.CharField(max_length=100)
    line2 = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=80)
    region = models.CharField(max_length=80, blank=True)
    postcode = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=32, blank=True)
    payment_reference = models.CharField(gettext_lazy("payment"), max_length=200, editable=False, null=True)  # noqa: DJ001 - absent, not empty
    queue_name = models.CharField(max_length=40, editable=False, null=True)  # noqa: DJ001 - the same
    month_name = models.CharField(gettext_lazy("month"), max_length=7, editable=False)
    lines = models.JSONField(editable=False)
    refunds = models.JSONField(editable=False)
    notes = models.JSONField(editable=False)
    history = models.JSONField(editable=False)
    version = models.IntegerField(editable=False)

    source = Orders()
    order: OrderItem  # of a row that was read whole
    by = ""  # who changes it, as its history will have it

    class Meta(FacadeModel.Meta):
        verbose_name = gettext_lazy("order")
        verbose_name_plural = gettext_lazy("orders")
        ordering = ["-ordered_at"]

    def __str__(self) -> str:
        return _("Order %(number)s") % {"number": self.number}

    @property
    def state(self) -> Status:
        """Where the order stands."""
        return Status(self.status)


# --- The admin ---------------------------------------------------------------------------------------------


class QueueFilter(admin.SimpleListFilter):
    """The work that waits, oldest first."""

    title = gettext_lazy("work")
    parameter_name = "queue"
    template = "admin/orders/order/queue_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002 - Django's signature
        """Return the queues as staff think of them."""
        return [(name, label) for name, (label, _queues) in WORK.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002 - the same
        """Return the orders of the one chosen."""
        if not self.value():
            return queryset
        found = queryset.filter(queue_name=self.value())
        return (
            found.filter(ordered_at__lt=selectors.late_since(timezone.now()))
            if self.value() == LATE
            else found
        )


class MonthFilter(admin.SimpleListFilter):
    """One month's orders."""

    title = gettext_lazy("month")
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        """Return the latest months, and the one chosen, of which there may be an old link."""
        months = _months(None, None)
        offered = {*months[-MONTHS_OFFERED:], request.GET.get(self.parameter_name)}
        return [
            (month, date_format(datetime.strptime(f"{month}-15", "%Y-%m-%d"), "F Y"))  # noqa: DTZ007 - a month's name
            for month in reversed(months)
            if month in offered
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002 - the same
        """Return the orders of the one chosen."""
        return queryset.filter(month_name=self.value()) if self.value() else queryset


@admin.register(Order)
class OrderAdmin(ToolsAdmin):
    """Orders, newest first, and the work that they make, oldest first."""

    list_display = ["number", "name", "ordered_at", "status", "cost"]
    list_filter = [QueueFilter, MonthFilter]
    list_per_page = search.ORDERS_A_PAGE
    most_hits = search.ORDERS_A_PAGE * search.LAST_PAGE
    search_fields = ["number"]  # shows the box; the search engine looks further
    search_help_text = gettext_lazy("Number, e-mail address, name, title or author")
    view_on_site = False  # the customer's own page is the customer's
    actions = ["pack", "deliver", "picking_list", "packing_slips"]
    readonly_fields = [
        "state_shown",
        "ordered_at",
        "customer",
        "cost",
        "gone_back",
        "payment",
        "parcel",
        "envelope",
    ]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("state_shown", "ordered_at"),
                    "customer",
                    ("cost", "gone_back"),
                    ("payment", "parcel"),
                ]
            },
        ),
        (
            gettext_lazy("Goes to"),
            {"fields": ["name", ("line1", "line2"), ("city", "region"), ("postcode", "country"), "phone"]},
        ),
    ]
    inlines = [LineInline, RefundInline, NoteInline, StepInline]
    tools = TOOLS

    class Media:
        css = {"all": ["css/dispatch.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Refuse: customers order."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the same
        """Refuse: what was sold stays on record."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether somebody may send an order elsewhere; one that has left is only looked at."""
        allowed = super().has_change_permission(request, obj)
        # A form that comes too late is told so by the service.
        return allowed and (obj is None or request.method == "POST" or obj.state in UNSENT)

    def has_pack_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may pack."""
        return self.may(request, "pack")

    def has_ship_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may say that orders left and arrived."""
        return self.may(request, "ship")

    def get_urls(self) -> Any:
        """Give an order an address by its id alone, by which the stock ledger leads to it."""
        view = self.admin_site.admin_view(self.order_of_view)
        return [path("of/<slug:order_id>/", view, name="orders_order_of"), *super().get_urls()]

    def order_of_view(self, request: HttpRequest, order_id: str) -> HttpResponse:
        """Lead to the order of an id: one Query, since its number follows from it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = selectors.orders_numbered(number_of(order_id))
        except ValueError:
            found = []
        for each in found:
            if each.order_id == order_id:
                key = quote(selectors.admin_key(each.customer_id, each.order_id))
                return HttpResponseRedirect(reverse("admin:orders_order_change", args=[key]))
        messages.warning(request, _("There is no such order."))
        return HttpResponseRedirect(reverse("admin:orders_order_changelist"))

    # --- Lists -------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the queues above the list, each one click away."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" not in context:
            return response  # an action's
        chosen = request.GET.get("queue", "")  # what is left of it where the address asks for no list
        work = [("", gettext_lazy("All orders")), *((name, label) for name, (label, _queues) in WORK.items())]
        context |= {
            "title": WORK[chosen][0] if chosen in WORK else gettext_lazy("Orders"),
            "work": [(name, label, name == chosen) for name, label in work],
            "is_queue": chosen in WORK,
        }
        return response

    def get_ordering(self, request: HttpRequest) -> Any:
        """Show what waits longest first, and everything else newest first."""
        return ["ordered_at"] if request.GET.get("queue") in WORK else ["-ordered_at"]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show for how long an order has waited, where it waits."""
        number, *others = super().get_list_display(request)
        waiting = ["waiting"] if request.GET.get("queue") in WORK else []
        return [number, *waiting, *others]

    @admin.display(description=gettext_lazy("waits"))
    def waiting(self, row: Order) -> str:
        """Return how long ago it was made."""
        return timesince(row.ordered_at, depth=1)

    @admin.display(description=gettext_lazy("total"))
    def cost(self, row: Order) -> str:
        """Return what it costs."""
        return money(row.total, row.currency)

    def search(
        self,
        request: HttpRequest,  # noqa: ARG002 - the hook's signature
        term: str,
        *,
        filters: dict[str, Any],
        page: int,
        size: int,  # noqa: ARG002 - the search's own, which `list_per_page` is
    ) -> Hits:
        """Ask for a number in the table, and for everything else the search engine of orders."""
        if not filters and (found := selectors.orders_numbered(term)):
            return Hits([selectors.admin_key(each.customer_id, each.order_id) for each in found], len(found))
        queue = filters.pop("queue_name", "")
        states = [each for each in (WORK[queue][1] if queue in WORK else ()) if each in set(Status)]
        if filters or len(states) > 1 or (queue and not states):
            raise SearchAwayError(_("A search can be narrowed by one state of the work only."))
        try:
            hits = search.find(term, status=Status(states[0]) if states else None, page=page)
        except SearchUnavailableError as error:
            raise SearchAwayError(
                _("The search of orders is having a rest. An order is still found by its whole number.")
            ) from error
        return Hits([selectors.admin_key(*key) for key in hits.keys], hits.total)

    # --- The form ----------------------------------------------------------------------------------------

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:  # noqa: ARG002 - Django's signature
        """Show what there is."""
        inlines: Any = self.inlines
        return [each for each in inlines if obj is None or getattr(obj, each.attribute)]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Ask for an address as the checkout does."""
        if db_field.name not in ADDRESS:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        field = deepcopy(AddressForm.base_fields[db_field.name])
        if db_field.name != "country":
            field.widget = AdminTextInputWidget(attrs=field.widget_attrs(AdminTextInputWidget()))
        field.show_hidden_initial = True
        return field

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show an address that nobody can change any more, or not this person, as on the envelope."""
        head, (title, options) = super().get_fieldsets(request, obj)
        if not self.has_change_permission(request, obj):
            options = {"fields": ["envelope"]}
        return [head, (title, options)]

    @admin.display(description=gettext_lazy("address"))
    def envelope(self, row: Order) -> SafeString:
        """Return the address in its lines, with the telephone number."""
        lines = [*selectors.address_lines(row.order), row.phone]
        return format_html_join(mark_safe("<br>"), "{}", [(line,) for line in lines if line]) or mark_safe(
            "–"
        )

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, row: Order) -> str:
        """Return where it stands."""
        return row.order.label

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, row: Order) -> SafeString:
        """Return whom the shop writes to, with the way to all orders of the same customer."""
        address = reverse("admin:orders_order_changelist")
        return format_html(
            '{} <a class="dispatch-more" href="{}?customer_id={}">{}</a>',
            row.email or "–",
            address,
            row.customer_id,
            _("All orders of this customer"),
        )

    @admin.display(description=gettext_lazy("gone back"))
    def gone_back(self, row: Order) -> str:
        """Return what was refunded."""
        return money(row.order.given_back, row.currency)

    @admin.display(description=gettext_lazy("payment"))
    def payment(self, row: Order) -> str:
        """Return by which name the payment provider knows it."""
        return " ".join(filter(None, (row.order.payment_provider, row.payment_reference))) or "–"

    @admin.display(description=gettext_lazy("parcel"))
    def parcel(self, row: Order) -> SafeString | str:
        """Return with whom it went, and where it can be followed."""
        if not row.order.carrier:
            return "–"
        if not row.order.tracking_url:
            return row.order.carrier_name
        return format_html(
            '{} <a href="{}" rel="noreferrer">{}</a>',
            row.order.carrier_name,
            row.order.tracking_url,
            row.order.tracking_number,
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Say who it is that sends the order elsewhere."""
        form.instance.by = str(request.user)
        super().save_related(request, form, formsets, change)

    def log_entry(
        self, request: HttpRequest, row: Any, kind: str, changes: Any = (), message: str = ""
    ) -> Any:
        """Leave the address itself out of the log: it outlives the person in the order."""
        if changes and not message:
            named = ", ".join(str(label) for label, *_values in changes)
            message, changes = _("Where it goes was changed: %(fields)s.") % {"fields": named}, ()
        return super().log_entry(request, row, kind, changes, message)

    # --- Actions -----------------------------------------------------------------------------------------

    def _move_each(
        self, request: HttpRequest, rows: Any, step: Any, to: Status, *, told: str, done: Any
    ) -> None:
        """Take a step with each order of a selection; whoever comes second is told who was first."""
        printed = self.stamps_seen(request)

        def move(row: Order) -> None:
            seen = printed.get(row.pk, 0) if printed else None
            with in_the_admins_words():
                order = step(**of(request, row), seen=seen, beside=self.beside(request, row, told))
            # The first: what is told later beside the same state, such as another address, is not the step.
            taken = next((each for each in order.history if each.status == to), None)
            if taken is not None and taken.by != str(request.user):
                at = date_format(localtime(taken.at), "j F Y, H:i")
                sentence = _("it was %(done)s by %(who)s on %(at)s already.")
                raise ChangedMeanwhileError(
                    sentence % {"done": str(LABELS[to]).lower(), "who": who(taken.by), "at": at}
                )

        self.for_each(request, rows, move, done=done)

    @admin.action(permissions=["pack"], description=gettext_lazy("Pack"))
    def pack(self, request: HttpRequest, queryset: Any) -> None:
        """Say that orders are packed."""

        def done(count: int) -> str:
            return ngettext("%(count)d order is packed.", "%(count)d orders are packed.", count) % {
                "count": count
            }

        self._move_each(request, queryset, fulfilment.pack_order, Status.PACKED, told=_("Packed."), done=done)

    @admin.action(permissions=["ship"], description=gettext_lazy("Mark as delivered"))
    def deliver(self, request: HttpRequest, queryset: Any) -> None:
        """Say that orders have arrived."""

        def done(count: int) -> str:
            sentence = ngettext("%(count)d order is delivered.", "%(count)d orders are delivered.", count)
            return sentence % {"count": count}

        self._move_each(
            request, queryset, fulfilment.deliver_order, Status.DELIVERED, told=_("Delivered."), done=done
        )

    @admin.action(permissions=["pack"], description=gettext_lazy("Print the picking list"))
    def picking_list(self, request: HttpRequest, queryset: Any) -> Any:
        """Show what to fetch from which shelf, for printing."""
        orders = _to_print(queryset, {Status.PLACED})
        return self._printed(
            request, "picking_list", queryset, orders=orders, picks=printing.picking_list(orders)
        )

    @admin.action(permissions=["pack"], description=gettext_lazy("Print packing slips"))
    def packing_slips(self, request: HttpRequest, queryset: Any) -> Any:
        """Show a page for each parcel, for printing."""
        orders = _to_print(queryset, BOUGHT)
        slips = [(order, selectors.address_lines(order), printing.lines_to_pack(order)) for order in orders]
        return self._printed(request, "packing_slips", queryset, orders=orders, slips=slips)

    def _printed(
        self, request: HttpRequest, name: str, rows: Any, *, orders: Sequence[OrderItem], **context: Any
    ) -> TemplateResponse | None:
        if not orders:
            messages.warning(request, _("For these orders there is nothing to print."))
            return None
        to_pack = [row for row in rows if row.state is Status.PLACED and not row.order.spoken_for]
        context |= {
            "orders": orders,
            "to_pack": to_pack,
            "left_out": len(rows) - len(orders),
            "back": request.get_full_path(),
            "printed_at": timezone.now(),
        }
        return TemplateResponse(request, f"admin/orders/order/{name}.html", context)


def _to_print(rows: Any, states: Collection[Status]) -> list[OrderItem]:
    """Return the orders of a selection that stand so, oldest first, and of which it is known what they hold."""
    wanted = [row.order for row in rows if row.state in states and not row.order.spoken_for]
    return sorted(wanted, key=lambda order: str(order.order_id))
