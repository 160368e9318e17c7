"""The sitemap: every page that search engines may show, once, by its canonical address (https://www.sitemaps.org/protocol.html).

It is built into the bucket, since no request could afford to read the whole catalogue.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from xml.sax.saxutils import escape

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from catalog import keys
from catalog.models import Category
from catalog.selectors import author_slugs, book_images

ADDRESSES_A_FILE = 50_000  # the protocol's limit
NAME = "sitemap.xml"
LISTS = ("home", "catalog:categories", "leaderboard:bestsellers", "leaderboard:top-rated")

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


@dataclass(frozen=True, slots=True)
class Built:
    """What a sitemap came to."""

    addresses: int
    files: int


def build() -> Built:
    """Write the sitemap into the bucket; a large one is an index with parts of 50,000 addresses each.

    Reads the whole catalogue: for commands. The second time it is replaced by itself.
    """
    parts = 0
    addresses = 0
    held: bytes | None = None  # the first part, until it is known whether there is a second
    for group in batched(_entries(), ADDRESSES_A_FILE):
        parts += 1
        addresses += len(group)
        part = _document("urlset", "url", group)
        if parts == 1:
            held = part
            continue
        if held is not None:
            _store(_part_name(1), held)
            held = None
        _store(_part_name(parts), part)
    if held is None:
        locations = (f"<loc>{_address(f'/{_part_name(number)}')}</loc>" for number in range(1, parts + 1))
        held = _document("sitemapindex", "sitemap", locations)
    _store(NAME, held)
    return Built(addresses=addresses, files=1 if parts == 1 else parts + 1)


def _entries() -> Iterator[str]:
    for name in LISTS:
        yield _entry(reverse(name))
    for category in Category.query(Category.PARTITION):
        yield _entry(reverse("catalog:category", args=[category.slug]))
    for slug in author_slugs():
        yield _entry(reverse("catalog:author", args=[slug]))
    for images in book_images(attributes=["id", "name", "listing", "updatedAt"]):
        for image in images:
            if "listing" in image:
                path = reverse("catalog:book", args=[image["id"], keys.book_slug(image["name"])])
                yield _entry(path, changed_on=image["updatedAt"][:10])


def _entry(path: str, *, changed_on: str = "") -> str:
    changed = f"<lastmod>{changed_on}</lastmod>" if changed_on else ""
    return f"<loc>{_address(path)}</loc>{changed}"


def _address(path: str) -> str:
    return escape(f"{settings.PUBLIC_ORIGIN}{path}")


def _document(kind: str, element: str, entries: Iterable[str]) -> bytes:
    text = io.StringIO()
    text.write(f"{_HEAD}<{kind} {_XMLNS}>\n")
    for entry in entries:
        text.write(f"<{element}>{entry}</{element}>\n")
    text.write(f"</{kind}>\n")
    return text.getvalue().encode()


def _part_name(number: int) -> str:
    return f"sitemap-{number}.xml"


def _store(name: str, document: bytes) -> None:
    file = ContentFile(document, name=name)
    file.content_type = "application/xml"  # type: ignore[attr-defined]  # django-storages reads it
    default_storage.save(name, file)
