"""The tables that Django itself needs."""

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from bookstore.dynamodb.tables import Table, TableMeta, table_name


class SessionsByCustomer(GlobalSecondaryIndex["SessionItem"]):
    """Whose sessions they are, so that all of a customer's can be ended together."""

    class Meta(TableMeta):
        index_name = "byCustomer"
        projection = KeysOnlyProjection()

    customer_id = UnicodeAttribute(attr_name="customerId", hash_key=True)


class SessionItem(Table):
    """One browser's session. Only ``bookstore.dynamodb.sessions`` reads or writes it.

    The table holds the SHA-256 hash of the cookie, never the cookie: who reads the table
    cannot enter as anybody.
    """

    class Meta(TableMeta):
        table_name = table_name("Sessions")

    key_hash = UnicodeAttribute(attr_name="keyHash", hash_key=True)  # 64 hexadecimal digits
    customer_id = UnicodeAttribute(attr_name="customerId", null=True)
    data = UnicodeAttribute()  # signed JSON
    expires_at = TTLAttribute(attr_name="expiresAt")  # checked at every read

    by_customer = SessionsByCustomer()
