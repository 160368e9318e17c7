from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookstore.dynamodb.admin import audit


class Command(BaseCommand):
    help = "Print what staff changed, from one day to another (UTC), as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first", type=date.fromisoformat, help="the first day, such as 2026-11-01")
        parser.add_argument("last", type=date.fromisoformat, help="the last day")

    def handle(self, *args: Any, first: date, last: date, **options: Any) -> None:
        if last < first:
            raise CommandError("The last day is before the first one.")
        for line in audit.csv_lines(audit.entries_between(first, last)):
            self.stdout.write(line, ending="")
