"""What comes of a file that was sent for a cover: a picture in its widths, or a sentence."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from catalog import pictures
from catalog.cover_names import widths_below
from catalog.errors import PictureRefusedError

ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
RED, BLUE = (200, 30, 30), (20, 40, 180)


def painted(width: int = 300, height: int = 450, *, mode: str = "RGB") -> Image.Image:
    """Return a picture that is red above and blue below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image.convert(mode)


def written(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def near(colour: object, wanted: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))  # type: ignore[call-overload]


def above_and_below(content: bytes) -> tuple[object, object]:
    image = opened(content).convert("RGB")
    return (
        image.getpixel((image.width // 2, image.height // 10)),
        image.getpixel((image.width // 2, image.height * 9 // 10)),
    )


def png_of(width: int, height: int, *, data: bytes = b"") -> bytes:
    """Return a PNG that says it is so large, and holds whatever it holds."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", data or zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def webp_of(width: int, height: int) -> bytes:
    """Return the beginning of a WebP that says it is so large."""
    flags = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", len(flags)) + flags
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_picture_comes_in_the_widths_that_the_shop_shows_and_looks_the_same(kind: str) -> None:
    picture = pictures.make(written(painted(1000, 1500), kind), file_name=f"cover.{ENDINGS[kind]}")
    assert list(picture.sizes) == [800, 400, 200]
    assert picture.widest == 800
    for width, content in picture.sizes.items():
        image = opened(content)
        assert (image.format, image.size) == ("WEBP", (width, width * 3 // 2))
        above, below = above_and_below(content)
        assert near(above, RED)
        assert near(below, BLUE)


def test_a_small_picture_is_not_blown_up() -> None:
    assert widths_below(300) == (200, 300)
    assert widths_below(200) == (200,)
    assert widths_below(5000) == (200, 400, 800)
    assert list(pictures.make(written(painted(300, 450)), file_name="a.JPEG").sizes) == [300, 200]


def test_of_a_telephones_two_pictures_the_first_is_the_cover() -> None:
    two = written(painted(), "MPO", save_all=True, append_images=[Image.new("RGB", (300, 450), "white")])
    above, below = above_and_below(pictures.make(two, file_name="IMG_1.JPG").sizes[300])
    assert near(above, RED)
    assert near(below, BLUE)


def test_the_same_file_comes_to_the_same_bytes() -> None:
    content = written(painted())
    assert pictures.make(content, file_name="a.jpg") == pictures.make(content, file_name="b.jpg")


def test_places_names_and_comments_are_gone_and_the_picture_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    exif[0x010E] = "<script>alert(1)</script>"
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    content = written(painted(), exif=exif.tobytes(), comment=b"taken at home") + b"<script>alert(2)</script>"
    assert b"script" in content
    picture = pictures.make(content, file_name="a.jpg")
    for made in picture.sizes.values():
        assert not opened(made).getexif()
        assert set(opened(made).info) <= {"background", "loop", "timestamp", "duration"}
        for told in (b"script", b"taken", b"EXIF", b"XMP ", b"ICCP"):
            assert told not in made
    above, below = above_and_below(picture.sizes[300])
    assert near(above, BLUE)
    assert near(below, RED)


def test_colours_of_printers_and_telephones_become_those_of_browsers() -> None:
    cmyk = written(painted(mode="CMYK"))
    above, _below = above_and_below(pictures.make(cmyk, file_name="a.jpg").sizes[300])
    assert near(above, RED, by=40)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = written(painted(), icc_profile=lab)
    above, _below = above_and_below(pictures.make(same, file_name="a.jpg").sizes[300])
    assert near(above, RED)
    broken = written(painted(), icc_profile=b"no profile at all" * 20)
    above, _below = above_and_below(pictures.make(broken, file_name="a.jpg").sizes[300])
    assert near(above, RED)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "PA", "RGBA", "I;16"])
def test_every_kind_of_png_becomes_an_opaque_picture(mode: str) -> None:
    image = Image.new("I;16", (300, 450), 40_000) if mode == "I;16" else painted(mode="RGBA")
    if mode not in {"RGBA", "I;16"}:
        image = painted().convert("P" if mode == "PA" else mode)
    elif mode == "RGBA":
        image.putalpha(0)
    made = pictures.make(written(image, "PNG"), file_name="a.png").sizes[300]
    assert opened(made).mode == "RGB"
    above, _below = above_and_below(made)
    if mode == "RGBA":
        assert near(above, (255, 255, 255))  # on paper
    if mode == "I;16":
        assert near(above, (156, 156, 156))


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "a.jpg", "is empty"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "a.jpg", "a web page and no picture"),
        (b"\n <html><body>", "a.png", "a web page and no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.png", "SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><SVG onload='x()'/>", "a.webp", "SVG drawing"),
        (b"GIF89a" + bytes(200), "a.gif", "no JPEG, PNG or WebP picture"),
        (b"MZ" + bytes(200), "a.jpg", "no JPEG, PNG or WebP picture"),
        (b"%PDF-1.7", "a.jpg", "no JPEG, PNG or WebP picture"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a.webp", "no JPEG, PNG or WebP picture"),
        (written(painted()), "a.png", "“a.png”, and holds a JPEG picture: its name has to end in .jpg"),
        (written(painted(), "PNG"), "a.html", "has to end in .png"),
        (written(painted(), "WEBP"), "webp", "has to end in .webp"),
        (written(painted()), "x" * 500 + ".php", "…"),
        (written(painted(150, 450)), "a.jpg", "150 × 450 pixels; a cover has at least 200"),
        (written(painted(900, 200)), "a.jpg", "the shape of no cover"),
        (png_of(30_000, 30_000), "a.png", "more than 40 million pixels"),
        (png_of(2**31 - 1, 2**31 - 1), "a.png", "more than 40 million pixels"),
        (png_of(8000, 6000), "a.png", "more than 40 million pixels"),
        (png_of(300, 450, data=b"no data"), "a.png", "damaged or cut short"),
        (webp_of(16_384, 16_384), "a.webp", "p"),
        (b"\xff\xd8\xff" + b"\x00" * 300, "a.jpg", "damaged or cut short"),
        (written(painted(), "WEBP")[:-200], "a.webp", "damaged or cut short"),
        (written(painted(), "PNG")[:-60], "a.png", "damaged or cut short"),
        (written(painted())[:-300], "a.jpg", "damaged or cut short"),
        (
            written(painted(), "PNG", save_all=True, append_images=[painted(mode="L").convert("RGB")]),
            "a.png",
            "This picture moves",
        ),
    ],
)
def test_what_is_no_cover_is_refused_with_a_sentence(content: bytes, name: str, told: str) -> None:
    with pytest.raises(PictureRefusedError) as refused:
        pictures.make(content, file_name=name)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 200


def test_fifty_megabytes_are_refused_by_their_length() -> None:
    with pytest.raises(PictureRefusedError, match=r"The file has 50\.0 MB; a cover may have 8 MB at most\."):
        pictures.check_size(50_000_000)
    pictures.check_size(pictures.MOST_BYTES)


def test_a_picture_that_would_burst_the_memory_is_refused_before_it_is_decoded() -> None:
    """1 GB of black in half a megabyte: nothing is unpacked, as what the process takes shows."""
    bomb = png_of(18_000, 18_000, data=zlib.compress(bytes(50_000_000), 9))

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    for content, name in ((bomb, "a.png"), (webp_of(16_383, 16_383), "a.webp")):
        with pytest.raises(PictureRefusedError):
            pictures.make(content, file_name=name)
    assert resident() - before < 30_000_000
