"""The orders' tables. Only ``orders`` reads or writes them."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from bookstore.dynamodb.attributes import InstantAttribute, MoneyAttribute, RequestIdAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name
from catalog.cover_names import address_of, srcset_of
from orders.carriers import CARRIERS
from orders.states import (
    BOUGHT,
    CANCELLABLE_BY_CUSTOMER,
    LABELS,
    LINE_LABELS,
    Status,
)

REFUND_PENDING, REFUND_DONE = "pending", "done"

# The address is there for the customer's name. An entry of less than 1 KB costs one write unit, so it is free.
_LISTED = ["customerId", "orderDate", "number", "total", "currency", "status", "address"]


def _nothing() -> Decimal:
    return Decimal("0.00")


def refusal_id(refund_id: str) -> str:
    """Return the id of the note that the provider refused a refund; the last of the money goes by the order's id."""
    return f"refused-{refund_id}"


class OrderLine(MapAttribute[str, object]):
    """A line item: title, author and unit price are those of the day it was sold."""

    book_id = UnicodeAttribute(attr_name="bookId")
    name = UnicodeAttribute()
    author = UnicodeAttribute(default="")
    cover = UnicodeAttribute(null=True)
    price = MoneyAttribute()  # unit price
    quantity = NumberAttribute()  # copies
    category = UnicodeAttribute(null=True)  # the book's, on that day; lines of older versions have none
    status = UnicodeAttribute(
        default="ordered"
    )  # ordered, until no copy is kept; cancelled, returned, refunded
    credited = NumberAttribute(default=0)  # copies cancelled, returned or refunded: they are sold no longer

    @property
    def amount(self) -> Decimal:
        """The line's price: unit price times copies."""
        return self.price * int(self.quantity)

    @property
    def kept(self) -> int:
        """How many copies are sold still."""
        return int(self.quantity) - int(self.credited) if self.status == "ordered" else 0

    @property
    def credit_notice(self) -> str:
        """What became of the copies that are kept no longer, in words; empty where all are."""
        if not self.kept:
            return str(LINE_LABELS.get(self.status, ""))
        if not self.credited:
            return ""
        return _("%(copies)d of them returned or refunded") % {"copies": self.credited}

    @property
    def cover_url(self) -> str:
        """Where the cover's picture is: in the bucket, or drawn on demand by the shop."""
        if self.cover:
            return address_of(self.cover)
        return reverse("catalog:cover", args=[self.book_id])

    @property
    def cover_srcset(self) -> str:
        """The cover's picture in several widths, for browsers to choose; empty where there is one."""
        return srcset_of(self.cover)

    @property
    def book_url(self) -> str:
        """The path of the book's page, which sends on to the one with today's title in it."""
        return reverse("catalog:book-without-slug", args=[self.book_id])


class StatusChange(MapAttribute[str, object]):
    """One step in an order's life: what it became, when, by whom and why."""

    status = UnicodeAttribute()
    at = InstantAttribute()
    by = UnicodeAttribute()  # customer, shop, payment, or a member of staff
    reason = UnicodeAttribute(default="")
    version = NumberAttribute(null=True)  # the order's, from then on; steps of older versions have none
    restock = BooleanAttribute(null=True)  # a return's: the copies went into stock; older ones do not say


class CreditedCopies(MapAttribute[str, object]):
    """Some copies of a line."""

    book_id = UnicodeAttribute(attr_name="bookId")
    quantity = NumberAttribute()  # copies


class Refund(MapAttribute[str, object]):
    """Money on its way back to the customer, or there; and the copies that it is for."""

    refund_id = UnicodeAttribute(
        attr_name="refundId"
    )  # drawn by whoever asks: the same again is the same refund
    amount = MoneyAttribute()
    at = InstantAttribute()
    by = UnicodeAttribute()
    reason = UnicodeAttribute(default="")
    state = UnicodeAttribute()  # pending until the provider has said that it is done
    copies = ListAttribute(of=CreditedCopies, default=list)
    returned = BooleanAttribute(default=False)  # the copies came back, whatever becomes of the money
    restock = BooleanAttribute(default=False)  # they go back into stock once the money is back
    otherwise = BooleanAttribute(default=False)  # the provider refused it, and it went another way
    version = NumberAttribute(null=True)

    @property
    def is_done(self) -> bool:
        """Whether the money went back."""
        return bool(self.state == REFUND_DONE)

    @property
    def copies_by_book(self) -> dict[str, int]:
        """How many copies of each book it is for."""
        return {each.book_id: int(each.quantity) for each in self.copies}


class Note(MapAttribute[str, object]):
    """What the shop wrote about an order, to itself or to the customer."""

    note_id = UnicodeAttribute(attr_name="noteId")  # the same again is the same note
    text = UnicodeAttribute()
    at = InstantAttribute()
    by = UnicodeAttribute()
    to_customer = BooleanAttribute(attr_name="toCustomer", default=False)
    version = NumberAttribute(null=True)


class Address(MapAttribute[str, str]):
    """Where an order goes."""

    name = UnicodeAttribute()
    line1 = UnicodeAttribute()
    line2 = UnicodeAttribute(default="")
    city = UnicodeAttribute()
    region = UnicodeAttribute(default="")
    postcode = UnicodeAttribute()
    country = UnicodeAttribute()  # ISO 3166-1 alpha-2
    phone = UnicodeAttribute(default="")


class Queue(GlobalSecondaryIndex["Order"]):
    """Open orders by queue and age: an order's id begins with the time it was drawn.

    The queue is that of the state, in as many shards as ``QUEUE_SHARDS`` says; see ``orders.queues``.
    """

    class Meta(TableMeta):
        index_name = "queue"
        projection = IncludeProjection(_LISTED)

    queue = UnicodeAttribute(hash_key=True)
    order_id = UnicodeAttribute(attr_name="orderId", range_key=True)


class Month(GlobalSecondaryIndex["Order"]):
    """A month's orders by age."""

    class Meta(TableMeta):
        index_name = "month"
        projection = IncludeProjection(_LISTED)

    month = UnicodeAttribute(hash_key=True)
    order_id = UnicodeAttribute(attr_name="orderId", range_key=True)


class Number(GlobalSecondaryIndex["Order"]):
    """An order by the number that a customer reads out on the telephone."""

    class Meta(TableMeta):
        index_name = "number"
        projection = IncludeProjection(_LISTED)

    number = UnicodeAttribute(hash_key=True)


class Order(Table):
    """An agreement to sell: what, to whom, for how much, and what became of it."""

    class Meta(TableMeta):
        table_name = table_name("Orders")
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    customer_id = UnicodeAttribute(attr_name="customerId", hash_key=True)
    order_id = UnicodeAttribute(attr_name="orderId", range_key=True)  # UUIDv7
    number = UnicodeAttribute()
    ordered_at = InstantAttribute(attr_name="orderDate")  # the moment of the reservation
    lines = ListAttribute(attr_name="books", of=OrderLine)
    subtotal = MoneyAttribute()
    discount = MoneyAttribute()
    delivery = MoneyAttribute()
    tax = MoneyAttribute()  # prices include tax: what is added on top of them
    total = MoneyAttribute()
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    history = ListAttribute(of=StatusChange)
    address = Address()  # type: ignore[no-untyped-call]  # PynamoDB's
    email = UnicodeAttribute(null=True)  # where the shop writes about this order
    payment_provider = UnicodeAttribute(attr_name="paymentProvider", null=True)
    payment_reference = UnicodeAttribute(attr_name="paymentReference", null=True)
    carrier = UnicodeAttribute(null=True)  # a key of orders.carriers.CARRIERS
    tracking_number = UnicodeAttribute(attr_name="trackingNumber", null=True)
    refunds = ListAttribute(of=Refund, default=list)
    refunded = MoneyAttribute(default=_nothing)  # what of it went back
    notes = ListAttribute(of=Note, default=list)
    mailed = ListAttribute(of=UnicodeAttribute, default=list)  # messages, and the address, claimed beforehand
    version = NumberAttribute(default=1)  # goes up at every write
    request_id = RequestIdAttribute()

    queue_name = UnicodeAttribute(attr_name="queue", null=True)  # its queue and shard while open, else absent
    month_name = UnicodeAttribute(attr_name="month")  # YYYY-MM, in the shop's time zone

    queue = Queue()
    month = Month()
    by_number = Number()

    @classmethod
    def rewritten(cls) -> tuple[Action, Action]:
        """Return what each write of an order that is there says beside what it changes."""
        return cls.version.add(1), cls.request_id.written()

    @property
    def state(self) -> Status:
        """Where the order stands."""
        return Status(self.status)

    @property
    def label(self) -> str:
        """Where the order stands, in words."""
        return str(LABELS[self.state])

    @property
    def placed_at(self) -> datetime | None:
        """When it was paid; ``None`` for an order that never was."""
        for step in self.history:
            if step.status == Status.PLACED:
                return step.at
        return None

    @property
    def may_be_paid(self) -> bool:
        """Whether the customer may go and pay."""
        return self.state is Status.AWAITING_PAYMENT

    @property
    def set_aside_until(self) -> datetime:
        """Until when its books wait for the payment of an order that is not paid yet."""
        return self.ordered_at + timedelta(minutes=settings.UNPAID_ORDER_MINUTES)

    @property
    def may_be_cancelled(self) -> bool:
        """Whether the customer may still cancel: until it is packed."""
        return self.state in CANCELLABLE_BY_CUSTOMER

    @property
    def given_back(self) -> Decimal:
        """How much money went back. Orders of older versions say so by their state alone."""
        return self.total if self.state is Status.REFUNDED and not self.refunds else self.refunded

    @property
    def refundable(self) -> Decimal:
        """How much may still be refunded: what was paid, less what went back or is on its way."""
        if self.state not in BOUGHT:
            return Decimal("0.00")
        return self.total - sum((each.amount for each in self.refunds), Decimal("0.00"))

    @property
    def pending_refunds(self) -> list[Refund]:
        """The refunds that the provider has not answered for yet."""
        return [each for each in self.refunds if not each.is_done]

    @property
    def spoken_for(self) -> Counter[str]:
        """How many copies of each book pending refunds are for, of which the lines do not tell yet."""
        pending = (each for each in self.pending_refunds if not each.returned)
        return sum((Counter(each.copies_by_book) for each in pending), Counter[str]())

    @property
    def refusal(self) -> str:
        """The sentence with which the provider refused the rest of the money; empty where it never did."""
        return next((note.text for note in self.notes if note.note_id == refusal_id(self.order_id)), "")

    @property
    def carrier_name(self) -> str:
        """Who takes it to the customer; empty before it is shipped."""
        known = CARRIERS.get(self.carrier or "")
        return str(known.name) if known else self.carrier or ""

    @property
    def tracking_url(self) -> str:
        """The carrier's page about the parcel; empty where there is none."""
        known = CARRIERS.get(self.carrier or "")
        return known.url(self.tracking_number or "") if known else ""

    @property
    def is_forgotten(self) -> bool:
        """Whether its customer was taken out of it: no words are kept that might name them."""
        return not self.address.name

    @property
    def is_bought(self) -> bool:
        """Whether the books are the customer's, who may rate them."""
        return self.state in BOUGHT

    def get_absolute_url(self) -> str:
        """Return the path of the order's page."""
        return reverse("orders:detail", args=[self.order_id])


class UnpaidOrder(Table):
    """Marks the one order of a customer that awaits payment.

    Put with the order and dropped with the step that it takes next, whatever that is, in the same
    transactions. It keeps a second one out and says nothing else: the order itself says where it stands.
    """

    class Meta(TableMeta):
        table_name = table_name("UnpaidOrders")

    customer_id = UnicodeAttribute(attr_name="customerId", hash_key=True)
    order_id = UnicodeAttribute(attr_name="orderId")
