"""What covers are called in the bucket, and where their pictures are for browsers.

A name holds a digest of what it names: another picture has another address, so that what is at
an address may be kept for ever, and old orders go on showing what was bought.

=======================================  ========================================================
``covers/<book>-<digest>.svg``           a drawing of the shop's own
``covers/<book>-<digest>-w<width>.webp``  a picture that staff sent, in one of its widths; a book
                                         and its orders keep the widest one's name
anything else                            a picture that came with an import
=======================================  ========================================================
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

from django.conf import settings

FOLDER = "covers"
# In pixels: a line of the cart, a tile on a shelf, the book's own page on a fine screen.
WIDTHS = (200, 400, 800)

_MADE = re.compile(r"(?P<stem>.+)-w(?P<widest>[0-9]{1,4})\.webp")


def made_name(*, book_id: str, digest: str, width: int) -> str:
    """Return what a picture that staff sent is called in one of its widths."""
    return f"{FOLDER}/{book_id}-{digest}-w{width}.webp"


def widths_below(widest: int) -> tuple[int, ...]:
    """Return the widths in which a picture is kept, widest last; none is blown up."""
    widest = min(widest, WIDTHS[-1])
    return (*(width for width in WIDTHS if width < widest), widest)


def is_drawn(name: str) -> bool:
    """Tell whether a cover is a drawing of the shop's own; what people send is no SVG."""
    return name.endswith(".svg")


def address_of(name: str) -> str:
    """Return the address of a cover's picture."""
    return f"{settings.COVERS_URL}{quote(name)}"


def srcset_of(name: str | None) -> str:
    """Return an image's ``srcset``; empty for a cover of one size, and for a drawing, which fits every size."""
    match = _MADE.fullmatch(name or "")
    if match is None:
        return ""
    return ", ".join(_sources(match["stem"], widths_below(int(match["widest"]))))


def _sources(stem: str, widths: Iterable[int]) -> Iterable[str]:
    for width in widths:
        yield f"{address_of(f'{stem}-w{width}.webp')} {width}w"
