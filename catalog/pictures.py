"""From the file that a clerk sent to a cover: what it is, whether it may be one, and in which widths.

This module alone needs Pillow, which the tasks function carries and the pages do not. Nothing of
the file is passed on but its points: they are painted anew, so that places and names in the
metadata, scripts in comments and whatever stands behind the picture's end are gone.
"""

import logging
import warnings
from dataclasses import dataclass
from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageOps

from catalog.cover_names import WIDTHS, widths_below
from catalog.cover_upload import MEGABYTE, MOST_BYTES
from catalog.errors import PictureRefusedError

log = logging.getLogger(__name__)

MOST_POINTS = 40_000_000  # decoded, 4 bytes each: 160 MB of the function's 1,769
LEAST_POINTS = 200  # on either side
MOST_OBLONG = 3  # times as long as wide, or as wide as long
QUALITY = 82  # of WebP: beyond it covers grow and look the same

# Pillow looks at a picture's size before it decodes any of it, and is to refuse instead of warn.
Image.MAX_IMAGE_PIXELS = MOST_POINTS
warnings.simplefilter("error", Image.DecompressionBombWarning)

_ENDINGS = {"JPEG": ("jpg", "jpeg", "jfif"), "PNG": ("png",), "WEBP": ("webp",)}
_LOOKED_INTO = 1024  # bytes, for what a file is that is no picture


@dataclass(frozen=True, slots=True)
class Picture:
    """A cover in its widths, as WebP, by their pixels."""

    sizes: dict[int, bytes]

    @property
    def widest(self) -> int:
        """The largest of the widths."""
        return max(self.sizes)


def check_size(length: int) -> None:
    """Refuse a file by its length in bytes, before anybody reads it."""
    if length > MOST_BYTES:
        told = _("The file has %(size).1f MB; a cover may have %(most)d MB at most.")
        raise PictureRefusedError(told % {"size": length / MEGABYTE, "most": MOST_BYTES // MEGABYTE})
    if not length:
        raise PictureRefusedError(_("The file is empty."))


def make(content: bytes, *, file_name: str) -> Picture:
    """Make a cover of a file; the same file comes to the same bytes.

    Raises ``PictureRefusedError`` with a sentence for the clerk.
    """
    check_size(len(content))
    kind = _kind_of(content)
    _check_ending(file_name, kind)
    try:
        with Image.open(BytesIO(content), formats=(kind,)) as image:
            _check_shape(image, kind)
            image.draft(None, (2 * WIDTHS[-1], 2 * WIDTHS[-1]))  # a JPEG is decoded no larger than it is used
            image.load()
            painted = _painted_anew(image)
    except PictureRefusedError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureRefusedError(_too_many_points()) from None
    except Exception as error:  # readers of broken files raise whatever they fall over
        log.info("a picture could not be read: %s", type(error).__name__)
        raise PictureRefusedError(
            _("The picture is damaged or cut short, and cannot be read to its end.")
        ) from error
    return Picture(_in_widths(painted))


def _kind_of(content: bytes) -> str:
    """Return what Pillow calls the file's format, by its first bytes alone."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    start = content[:_LOOKED_INTO].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        raise PictureRefusedError(
            _("This is an SVG drawing, which may hold scripts: send a JPEG, PNG or WebP picture.")
        )
    if start.startswith((b"<!doctype", b"<html", b"<script", b"<?xml", b"<!--")):
        raise PictureRefusedError(_("This is a web page and no picture: send a JPEG, PNG or WebP picture."))
    raise PictureRefusedError(_("This is no JPEG, PNG or WebP picture, whatever it is called."))


def _check_ending(file_name: str, kind: str) -> None:
    ending = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    if ending in _ENDINGS[kind]:
        return
    told = _(
        "The file is called “%(name)s”, and holds a %(kind)s picture: its name has to end in .%(ending)s."
    )
    name = file_name if len(file_name) <= 60 else f"…{file_name[-59:]}"  # noqa: PLR2004 - what fits a line
    raise PictureRefusedError(
        told % {"name": name, "kind": "WebP" if kind == "WEBP" else kind, "ending": _ENDINGS[kind][0]}
    )


def _check_shape(image: Image.Image, kind: str) -> None:
    width, height = image.size
    if width * height > MOST_POINTS:
        raise PictureRefusedError(_too_many_points())
    # Telephones put a second picture, for brighter screens, behind the first of a JPEG: it stands still.
    if kind != "JPEG" and getattr(image, "is_animated", False):
        raise PictureRefusedError(_("This picture moves; a cover stands still."))
    if min(width, height) < LEAST_POINTS:
        told = _(
            "The picture has %(width)d × %(height)d pixels; a cover has at least %(least)d on each side."
        )
        raise PictureRefusedError(told % {"width": width, "height": height, "least": LEAST_POINTS})
    if max(width, height) > MOST_OBLONG * min(width, height):
        told = _("The picture has %(width)d × %(height)d pixels, which is the shape of no cover.")
        raise PictureRefusedError(told % {"width": width, "height": height})


def _too_many_points() -> str:
    return _("The picture has more than %(most)d million pixels: make it smaller first.") % {
        "most": MOST_POINTS // 1_000_000
    }


def _painted_anew(image: Image.Image) -> Image.Image:
    """Return the picture upright, opaque and in sRGB, with nothing else of what the file held."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    colours = _in_srgb(upright, profile) if profile else None
    if colours is None:
        colours = _opaque(upright)
    painted = Image.new("RGB", colours.size)
    painted.paste(colours)
    return painted


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the picture in a browser's colours: publishers send CMYK, telephones send wider ones."""
    if image.mode not in {"RGB", "CMYK"} or image.has_transparency_data:
        return None
    try:
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None  # a profile that nobody can read says nothing about the colours


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a point, of which the upper eight are seen
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    return paper.convert("RGB")


def _in_widths(image: Image.Image) -> dict[int, bytes]:
    sizes: dict[int, bytes] = {}
    for width in reversed(widths_below(image.width)):
        height = max(1, round(image.height * width / image.width))
        image = image.resize(
            (width, height), Image.Resampling.LANCZOS, reducing_gap=3.0
        )  # from the one before
        written = BytesIO()
        image.save(written, "WEBP", quality=QUALITY, method=4)
        sizes[width] = written.getvalue()
    return sizes
