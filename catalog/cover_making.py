"""Covers out of files that staff sent, as the tasks function makes them; see ``cover_upload`` and ``pictures``."""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from botocore.exceptions import ClientError
from django.conf import settings
from django.utils.translation import gettext as _

from bookstore import aws
from bookstore.dynamodb.admin import audit
from bookstore.dynamodb.admin.models import CHANGED
from catalog import images, pictures, services
from catalog.cover_names import is_drawn, made_name
from catalog.cover_upload import digest_of
from catalog.errors import BookChangedError, CatalogError, CoverChangedError, PictureRefusedError
from catalog.selectors import get_book
from catalog.staff.fields import field_change

TRIES = 5  # against edits of the same book, each of which takes a second at least


@dataclass
class MadeCover:
    """What became of a file: the cover's name, or why it is none. See ``bookstore.pieces``."""

    finished: bool = True
    cover: str = ""
    refused: str = ""


def make_cover(*, book_id: str, key: str, seen: str, by: audit.Person, at: datetime) -> MadeCover:
    """Make a book's cover of the file under a key, and put it in the old one's place.

    The pictures are in the bucket before the book names them, so that the old cover stays until
    then, and for good where the file is refused; the old pictures stay too, for the orders that
    show them. ``seen`` is the ``digest_of`` the cover that the clerk saw; another one that came
    meanwhile is not replaced. The log's entry, in the name of ``by``, goes with the book.

    The second time the book has the cover already, and nothing is written but the same pictures.
    The file itself is left for the bucket's own rule, which removes it within a day. Raises the
    stores' errors: call it again.
    """
    try:
        content = _fetched(key)
        picture = pictures.make(content, file_name=key.rpartition("/")[2])
        digest = hashlib.sha256(content).hexdigest()[:12]
        names = {width: made_name(book_id=book_id, digest=digest, width=width) for width in picture.sizes}
        for width, name in names.items():
            images.store_picture(name, picture.sizes[width])
        cover = names[picture.widest]
        _put_in_place(book_id, cover, seen=seen, by=by, at=at)
    except CatalogError as refused:
        return MadeCover(refused=str(refused))
    return MadeCover(cover=cover)


def _fetched(key: str) -> bytes:
    """Return the file, unless it is too long to be looked at."""
    try:
        answer = aws.s3().get_object(Bucket=settings.COVERS_BUCKET, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "AccessDenied", "404", "403"}:
            raise PictureRefusedError(_("The file is not there any more: send it again.")) from error
        raise
    with contextlib.closing(answer["Body"]) as body:
        pictures.check_size(answer["ContentLength"])
        return body.read()


def _put_in_place(book_id: str, cover: str, *, seen: str, by: audit.Person, at: datetime) -> None:
    """Give the book its cover, whatever else is edited of it meanwhile."""
    for left in reversed(range(TRIES)):
        book = get_book(book_id, withdrawn=True)
        if book.cover == cover:
            return
        # A drawing goes by itself where a title changes: that is nobody's choice of a cover.
        if book.cover and not is_drawn(book.cover) and digest_of(book.cover) != seen:
            raise CoverChangedError(book_id)
        item = audit.entry_of(
            label="catalog.book",
            key=book_id,
            shown=book.name,
            user=by,
            kind=CHANGED,
            changes=[field_change("cover", book.cover, cover)],
            at=at,
        )
        try:
            services.revise_book(
                book_id=book_id,
                version=int(book.version),
                at=at,
                beside=partial(audit.record, item=item),
                cover=cover,
            )
        except BookChangedError:
            if not left:
                raise
        else:
            return
