from pynamodb.attributes import JSONAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute

from bookstore.dynamodb.attributes import InstantAttribute
from bookstore.dynamodb.tables import Table, TableMeta, table_name


class Task(Table):
    """One run of a long command, through all its pieces. ``make task`` shows it."""

    class Meta(TableMeta):
        table_name = table_name("Tasks")

    task_id = UnicodeAttribute(attr_name="id", hash_key=True)
    command = UnicodeAttribute()
    arguments: JSONAttribute = JSONAttribute()
    state = UnicodeAttribute()  # running, done, failed
    reached: JSONAttribute = JSONAttribute(null=True)  # what the last piece returned
    progress = NumberAttribute(default=0)  # items done, by all pieces
    said = UnicodeAttribute(default="")  # the last lines, or why it failed
    pieces = NumberAttribute(default=0)  # begun so far
    holder = UnicodeAttribute(null=True)  # the piece under way
    held_until = NumberAttribute(attr_name="heldUntil", default=0)  # epoch seconds; then it counts as dead
    started_at = InstantAttribute(attr_name="startedAt")
    updated_at = InstantAttribute(attr_name="updatedAt")
    expires_at = TTLAttribute(attr_name="expiresAt")
