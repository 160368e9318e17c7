"""Load books from a CSV file."""

from argparse import ArgumentParser
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from pynamodb.exceptions import PynamoDBException

from bookstore.dynamodb.errors import is_transient
from catalog.csv_import import (
    ENCODING,
    BookFile,
    ImportFileError,
    built_in_mappings,
    open_file,
    read_mapping,
)
from catalog.importing import Imported, import_books
from catalog.progress import Progress


class Command(BaseCommand):
    help = (
        "Load books from a CSV file. Books that are there already stay as they are, so that a "
        "command that was stopped goes on where it was, and a second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.csv", help="a path, or s3://bucket/key")
        parser.add_argument(
            "--mapping",
            required=True,
            help=f"which column says what: {', '.join(built_in_mappings())}, or a TOML file (see catalog/mappings/)",
        )
        parser.add_argument("--encoding", default=ENCODING, help="of the file; UTF-8 unless told otherwise")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rules = read_mapping(options["mapping"])
            with open_file(options["file"], rules, encoding=options["encoding"]) as file:
                done = self._import(file)
        except ImportFileError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on where it was.", returncode=130) from None
        except (PynamoDBException, BotoCoreError, ClientError) as error:
            if not is_transient(error):
                raise
            raise CommandError(
                f"DynamoDB did not answer ({error}). The same command goes on where it was."
            ) from error
        self.stdout.write(
            f"{done.rows} rows: {done.added} books added, {done.present} already there, "
            f"{done.refused} refused."
        )
        if done.refused:
            raise SystemExit(1)

    def _import(self, file: BookFile) -> Imported:
        with Progress("importing", total=file.rows, unit="books", out=self.stderr) as progress:

            def refuse(line: int, reason: str) -> None:
                progress.say(f"line {line}: {reason}")

            return import_books(file, at=timezone.now(), on_rows=progress.advance, refuse=refuse)
