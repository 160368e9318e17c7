"""Whether Lambda reads the streams that the tables have today.

A table that was made anew has another stream. The mapping of the old one stays, enabled and
silent: no error, no age of records, nothing that an alarm could see.
"""

from bookstore import aws
from bookstore.dynamodb.tables import connection, table_name
from bookstore.streams.registry import projected_tables

# In the others it is being switched off, or is off.
READS = frozenset({"Creating", "Enabling", "Enabled", "Updating"})


def unread_tables() -> list[str]:
    """Return the projected tables whose stream of today no mapping reads; two requests for each table."""
    return [table for table in projected_tables() if not _is_read(_stream_of(table))]


def _stream_of(table: str) -> str:
    described = connection().dispatch("DescribeTable", {"TableName": table_name(table)})
    return str(described["Table"].get("LatestStreamArn", ""))


def _is_read(stream: str) -> bool:
    if not stream:
        return False
    found = aws.functions().list_event_source_mappings(EventSourceArn=stream)
    return any(mapping["State"] in READS for mapping in found["EventSourceMappings"])
