"""Books that staff take home as a spreadsheet: a selection at once, the whole catalogue by the tasks function.

The columns are those of ``spreadsheet``, so that the file can be changed and brought back.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from bookstore import aws
from bookstore.pieces import Until, never
from bookstore.tasks import calls
from catalog import selectors
from catalog.drafts import facts_of
from catalog.errors import CatalogError
from catalog.models import Book
from catalog.spreadsheet import book_line, heading_line

COMMAND = "export_books"
FOLDER = "uploads/exports"
KEPT = timedelta(days=1)  # by the bucket's own rule
LINK_SECONDS = 10 * 60
MOST_BYTES_AT_ONCE = (
    4_000_000  # a page's answer ends at 6 MB, a third of which Lambda takes for its own writing
)
PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes for a part that is not the last


class SelectionTooLargeError(CatalogError):
    """What was selected does not fit into an answer."""

    def __init__(self) -> None:
        super().__init__(
            _("These books do not fit into one answer: select fewer, or export the whole catalogue.")
        )


def file_name(at: datetime) -> str:
    """Return what a file of that moment is called."""
    return f"books-{at:%Y-%m-%d}.csv"


def selection(books: Iterable[Book]) -> str:
    """Return a file of some books; raise ``SelectionTooLargeError``."""
    lines, size = [heading_line()], 0
    for line in _lines(books):
        size += len(line.encode())
        if size > MOST_BYTES_AT_ONCE:
            raise SelectionTooLargeError
        lines.append(line)
    return "".join(lines)


def _lines(books: Iterable[Book]) -> Iterator[str]:
    return (book_line(book.id, facts_of(book)) for book in books)


# --- The whole catalogue -----------------------------------------------------------------------------------


@dataclass
class Exported:
    """How far an export has come; see ``bookstore.pieces``. Its parts lie in S3, which makes one file of them."""

    books: int = 0
    after: str = ""  # the last book of the last part
    upload: str = ""  # S3's name for what is not yet a file
    parts: list[str] = field(default_factory=list)  # S3's mark of each
    finished: bool = False


def task_id_of(export_id: str) -> str:
    """Return the task that makes an export's file, of which there is one."""
    return f"export-{export_id}"


def ask_to_export(export_id: str) -> None:
    """Have the whole catalogue exported; asked twice it is done once. Raises ``TaskNotBegunError``."""
    calls.ask_for(COMMAND, [export_id], task_id=task_id_of(export_id))


def export_all(
    export_id: str,
    *,
    on_books: Callable[[int], None],
    resume: Exported | None = None,
    until: Until = never,
) -> Exported:
    """Write every book, withdrawn ones too, into a file in the bucket; scans the table.

    Whatever the size of the catalogue no more than a part of it is held. Killed, the same call
    writes the last part again. Raises the stores' errors: call it again.
    """
    done = resume or Exported()
    place: Any = {"Bucket": settings.COVERS_BUCKET, "Key": _key(export_id)}
    s3 = aws.s3_for_long_work()
    if not done.upload:
        done.upload = s3.create_multipart_upload(**place, ContentType="text/csv; charset=utf-8")["UploadId"]
    part = BytesIO()
    if not done.parts:
        part.write(heading_line().encode())
    held = 0

    def send(last: str) -> None:
        nonlocal part, held
        answer = s3.upload_part(
            **place, UploadId=done.upload, PartNumber=len(done.parts) + 1, Body=part.getvalue()
        )
        done.parts.append(answer["ETag"])
        done.books, done.after = done.books + held, last
        on_books(held)
        part, held = BytesIO(), 0

    last = done.after
    for books in selectors.all_books(after=done.after):
        for line in _lines(books):
            part.write(line.encode())
        held, last = held + len(books), books[-1].id
        if part.tell() >= PART_BYTES:
            send(last)
            if until():
                return done
    if part.tell() or not done.parts:
        send(last)
    numbered: Any = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(done.parts, 1)]
    s3.complete_multipart_upload(**place, UploadId=done.upload, MultipartUpload={"Parts": numbered})
    done.finished = True
    return done


def link_to(export_id: str, *, name: str) -> str:
    """Return an address at which a finished export can be had for some minutes, under a name."""
    return aws.s3_signer().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.COVERS_BUCKET,
            "Key": _key(export_id),
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        },
        ExpiresIn=LINK_SECONDS,
    )


def _key(export_id: str) -> str:
    return f"{FOLDER}/{export_id}.csv"
