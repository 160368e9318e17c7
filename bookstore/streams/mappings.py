"""Whether Lambda reads the streams that the tables have today.

A table that was made anew has another stream. The mapping of the old one stays, enabled and
silent: no error, no age of records, nothing that an alarm could see.
"""

from bookstore import aws
from bookstore.streams.pump import streams_of_tables

# In the others it is being switched off, or is off.
READS = frozenset({"Creating", "Enabling", "Enabled", "Updating"})


def unread_streams() -> list[str]:
    """Return the streams of today that no mapping reads; one request to Lambda for each table with a stream."""
    return [stream for stream in streams_of_tables() if not _is_read(stream)]


def _is_read(stream: str) -> bool:
    found = aws.functions().list_event_source_mappings(EventSourceArn=stream)
    return any(mapping["State"] in READS for mapping in found["EventSourceMappings"])
