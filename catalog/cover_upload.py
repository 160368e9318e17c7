"""Covers that staff send: straight from their browser to S3, and from there to the tasks function.

API Gateway takes no file of a cover's size, so the page's form leads to the bucket, signed for one
folder, a length and half an hour. S3 sends the browser back with the key under which the
file lies; the tasks function looks into it (``cover_making``). Until it has made the cover the book keeps
its old one.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from bookstore import aws
from bookstore.tasks import calls, services

COMMAND = "make_cover"
FOLDER = "uploads/covers"
FORM_SECONDS = 30 * 60  # the rest after which staff sign in again anyway
MEGABYTE = 1_000_000
MOST_BYTES = 8 * MEGABYTE  # of a file that may become a cover
# S3 refuses what is longer than this with a page of XML. A file that merely is too long for a cover is
# let in, to be refused in words.
MOST_BYTES_SENT = 64 * MEGABYTE
MOST_KEY_BYTES = 1024  # S3's own limit


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form that leads to the bucket: where to, and its hidden fields. The file comes last."""

    address: str
    fields: dict[str, str]

    @property
    def origin(self) -> str:
        """What the page's policy has to allow forms to lead to."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Upload:
    """How a file that was sent stands."""

    state: str  # waiting, running, failed, refused, done
    reason: str = ""  # why it was refused, to the clerk
    key: str = ""

    @property
    def is_under_way(self) -> bool:
        """Whether it is worth looking again in a moment."""
        return self.state in {"waiting", "running"}


def new_upload_id() -> str:
    """Return the name of an upload to come, which nobody can guess."""
    return secrets.token_hex(16)


def digest_of(cover: str | None) -> str:
    """Return what stands for the cover that a clerk saw; addresses carry it instead of the name."""
    return hashlib.sha256((cover or "").encode()).hexdigest()[:12]


def form(*, upload_id: str, come_back_to: str) -> UploadForm:
    """Return a form for one file; S3 then sends the browser to ``come_back_to``, an absolute address."""
    redirect = {"success_action_redirect": come_back_to}
    signed = aws.s3_signer().generate_presigned_post(
        settings.COVERS_BUCKET,
        Key=f"{FOLDER}/{upload_id}/${{filename}}",
        Fields=dict(redirect),
        Conditions=[redirect, ["content-length-range", 0, MOST_BYTES_SENT]],
        ExpiresIn=FORM_SECONDS,
    )
    return UploadForm(signed["url"], signed["fields"])


def is_key_of(upload_id: str, key: str) -> bool:
    """Tell whether a key, which a browser names, lies in the upload's own folder."""
    return key.startswith(f"{FOLDER}/{upload_id}/") and len(key.encode(errors="replace")) <= MOST_KEY_BYTES


def ask_for_cover(*, book_id: str, upload_id: str, key: str, seen: str, user_id: str, user_name: str) -> None:
    """Have a cover made of the file under a key. Asked twice it is made once, and a failed one is tried again.

    ``seen`` is the ``digest_of`` the cover that the clerk saw. Raises ``TaskNotBegunError``.
    """
    calls.ask_for(COMMAND, [book_id, key, seen, user_id, user_name], task_id=f"cover-{upload_id}")


def find_upload(*, book_id: str, upload_id: str, asked_at: datetime | None = None) -> Upload:
    """Return how an upload for a book stands, whose cover was perhaps asked for once more: one GetItem."""
    task = calls.find_task(f"cover-{upload_id}")
    if task is None or task.command != COMMAND:
        return Upload("waiting")
    arguments: list[str] = list(task.arguments)
    if arguments[0] != book_id:
        return Upload("refused", reason="")
    reached: dict[str, Any] = task.reached or {}
    if task.state == services.DONE and reached.get("refused"):
        return Upload("refused", reason=str(reached["refused"]), key=arguments[1])
    state = calls.state_of(task, at=timezone.now(), asked_at=asked_at)
    return Upload(state or "waiting", key=arguments[1])
