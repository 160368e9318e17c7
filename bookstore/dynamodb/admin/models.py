"""The audit log's table: who changed what, when, from which value to which."""

from pynamodb.attributes import ListAttribute, MapAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from bookstore.dynamodb.attributes import InstantAttribute, RequestIdAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name

ADDED, CHANGED, DELETED = "added", "changed", "deleted"


class ByUser(GlobalSecondaryIndex["LogItem"]):
    """One person's actions, for the panel on the front page."""

    class Meta(TableMeta):
        index_name = "byUser"
        projection = AllProjection()

    user_id = UnicodeAttribute(attr_name="userId", hash_key=True)
    log_key = UnicodeAttribute(attr_name="logKey", range_key=True)


class ByDay(GlobalSecondaryIndex["LogItem"]):
    """Everybody's actions of one day (UTC), for exports."""

    class Meta(TableMeta):
        index_name = "byDay"
        projection = AllProjection()

    day = UnicodeAttribute(hash_key=True)
    log_key = UnicodeAttribute(attr_name="logKey", range_key=True)


class FieldChange(MapAttribute[str, str]):
    """One field's two values, as people read them."""

    field = UnicodeAttribute()  # as the form called it
    name = UnicodeAttribute(null=True)  # the model's; older entries have none
    old = UnicodeAttribute(default="")
    new = UnicodeAttribute(default="")


class LogItem(Table):
    """One action. It is put once, if absent, and never changed or deleted by any code."""

    class Meta(TableMeta):
        table_name = table_name("AdminLog")

    target = UnicodeAttribute(hash_key=True)  # catalog.book#b-1
    log_key = UnicodeAttribute(attr_name="logKey", range_key=True)  # instant#random
    at = InstantAttribute()
    day = UnicodeAttribute()  # YYYY-MM-DD
    user_id = UnicodeAttribute(attr_name="userId")
    user_name = UnicodeAttribute(attr_name="userName")
    kind = UnicodeAttribute()  # ADDED, CHANGED or DELETED
    shown = UnicodeAttribute(default="")  # what the row was called
    message = UnicodeAttribute(default="")  # an action's own words
    changes = ListAttribute(of=FieldChange, default=list)
    request_id = RequestIdAttribute()

    by_user = ByUser()
    by_day = ByDay()
