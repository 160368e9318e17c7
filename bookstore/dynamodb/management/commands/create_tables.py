"""Create the DynamoDB tables that are missing."""

from typing import Any

from django.core.management.base import BaseCommand

from bookstore.dynamodb.indexes import renew_indexes
from bookstore.dynamodb.tables import all_tables


class Command(BaseCommand):
    """Creates each declared table, with its indexes, stream and TTL; the second time nothing is left to do.

    A table of an older version gets the indexes of today, on the local stack.
    """

    help = "Create the DynamoDB tables that are missing, with their indexes, streams and TTL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing and say what was made."""
        created = [table for table in all_tables() if not table.exists()]
        for table in created:
            table.create_table(wait=True)
            self.stdout.write(f"  created {table.Meta.table_name}")
        for table in all_tables():
            if table not in created and (renewed := renew_indexes(table)):
                self.stdout.write(f"  renewed {', '.join(renewed)} of {table.Meta.table_name}")
        if not created:
            self.stdout.write("  every table is there")
