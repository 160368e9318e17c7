"""The cart's table. Only ``cart`` reads or writes it."""

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute

from bookstore.dynamodb.attributes import InstantAttribute, MoneyAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name


class CartLine(Table):
    """Some copies of one book in one cart.

    The owner is a customer's id, or ``guest#<uuid>`` before signing in. ``price`` is what
    the book cost when it was added: it is only ever compared with today's, never charged.
    """

    class Meta(TableMeta):
        table_name = table_name("Cart")

    owner = UnicodeAttribute(attr_name="customerId", hash_key=True)
    book_id = UnicodeAttribute(attr_name="bookId", range_key=True)
    price = MoneyAttribute()
    currency = UnicodeAttribute()
    quantity = NumberAttribute()  # copies, 1 to 20
    added_at = InstantAttribute(attr_name="addedAt")
    last_add = UnicodeAttribute(attr_name="lastAdd", null=True)  # names the last adding, see services
    expires_at = TTLAttribute(attr_name="expiresAt", null=True)  # guests only; checked at every read
