"""Covers in the bucket."""

import hashlib

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from catalog.cover_names import FOLDER, is_drawn


def drawn_cover(*, book_id: str, title: str, author: str, category: str) -> tuple[str, str]:
    """Return the name under which a book's drawn cover is kept, and the drawing.

    The name holds a digest of the drawing: a cover that changes gets another address, so that
    what is at an address may be kept by browsers for ever.
    """
    from catalog.covers import draw_cover  # noqa: PLC0415 - most processes draw none

    drawing = draw_cover(title=title, author=author, category=category)
    digest = hashlib.sha256(drawing.encode()).hexdigest()[:12]
    return f"{FOLDER}/{book_id}-{digest}.svg", drawing


def store_cover(name: str, drawing: str) -> None:
    """Put a drawn cover into the bucket; the second time it is replaced by itself."""
    _store(name, drawing.encode(), "image/svg+xml")


def store_picture(name: str, picture: bytes) -> None:
    """Put a picture of a cover, in one of its widths, into the bucket; the second time as above."""
    _store(name, picture, "image/webp")


def _store(name: str, content: bytes, content_type: str) -> None:
    file = ContentFile(content, name=name)
    # What the S3 storage sends as Content-Type.
    file.content_type = content_type  # type: ignore[attr-defined]  # django-storages reads it
    default_storage.save(name, file)


def ids_with_cover() -> set[str]:
    """Return the ids of the books that have a drawn cover in the bucket; lists the bucket, for commands."""
    _folders, names = default_storage.listdir(FOLDER)
    return {name.rpartition("-")[0] for name in names if is_drawn(name)}
