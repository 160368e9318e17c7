"""The customers' table, and the user that Django sees."""

from pynamodb.attributes import BooleanAttribute, ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute

from bookstore.dynamodb.attributes import InstantAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name


class SavedAddress(MapAttribute[str, str]):
    """An address that a customer keeps for the next order."""

    name = UnicodeAttribute()
    line1 = UnicodeAttribute()
    line2 = UnicodeAttribute(default="")
    city = UnicodeAttribute()
    region = UnicodeAttribute(default="")
    postcode = UnicodeAttribute()
    country = UnicodeAttribute()  # ISO 3166-1 alpha-2
    phone = UnicodeAttribute(default="")


class CustomerItem(Table):
    """What the shop keeps about a customer beside orders and reviews."""

    class Meta(TableMeta):
        table_name = table_name("Customers")

    customer_id = UnicodeAttribute(attr_name="id", hash_key=True)  # Cognito's `sub`
    email = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    addresses = ListAttribute(of=SavedAddress, default=list)
    disabled = BooleanAttribute(default=False)
    epoch = NumberAttribute(default=0)  # raised to end all of a customer's sessions
    first_seen_at = InstantAttribute(attr_name="firstSeenAt", null=True)
    erased_at = InstantAttribute(attr_name="erasedAt", null=True)
