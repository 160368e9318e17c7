"""Load books from a CSV file."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from pynamodb.exceptions import PynamoDBException

from bookstore.dynamodb.errors import is_transient
from catalog import services, sitemap
from catalog.csv_import import (
    ENCODING,
    BadRow,
    BookFile,
    ImportFileError,
    built_in_mappings,
    open_file,
    read_mapping,
)
from catalog.loading import Draft, load_books
from catalog.progress import Progress
from catalog.shelves import Shelves


class Command(BaseCommand):
    help = (
        "Load books from a CSV file. Books that are there already stay as they are, so that a "
        "command that was stopped goes on where it was, and a second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument(
            "--mapping",
            required=True,
            help=f"which column says what: {', '.join(built_in_mappings())}, or a TOML file (see catalog/mappings/)",
        )
        parser.add_argument("--encoding", default=ENCODING, help="of the file; UTF-8 unless told otherwise")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            file = open_file(options["file"], read_mapping(options["mapping"]), encoding=options["encoding"])
        except ImportFileError as error:
            raise CommandError(str(error)) from error
        try:
            results = self._load(file)
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on where it was.", returncode=130) from None
        except (PynamoDBException, BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            raise CommandError(
                f"DynamoDB did not answer ({error}). The same command goes on where it was."
            ) from error
        self.stdout.write(
            f"{file.rows} rows: {results['added']} books added, {results['present']} already there, "
            f"{results['refused']} refused."
        )
        if results["refused"]:
            raise SystemExit(1)

    def _load(self, file: BookFile) -> Counter[str]:
        results: Counter[str] = Counter()
        shelves = Shelves()
        with Progress("importing", total=file.rows, unit="books", out=self.stderr) as progress:

            def refuse(line: int, reason: str) -> None:
                results["refused"] += 1
                progress.say(f"line {line}: {reason}")

            def drafts() -> Iterator[Draft]:
                for row in file.read():
                    if isinstance(row, BadRow):
                        progress.advance()
                        refuse(row.line, row.reason)
                    else:
                        shelves.provide(row.draft.facts.category, name=row.category_name)
                        yield row.draft

            for outcome in load_books(drafts(), at=timezone.now()):
                progress.advance()
                if outcome.result == "refused":
                    refuse(outcome.reference, outcome.reason)
                else:
                    results[outcome.result] += 1
        services.recount_categories(shelves.met)
        if results["added"]:
            sitemap.build()
        return results
