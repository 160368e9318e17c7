"""Static files go into the bucket before the code that names them, and stay there after it."""

import mimetypes
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.place import Place

FOR_EVER = "public, max-age=31536000, immutable"
FOR_MINUTES = "public, max-age=300"
# CloudFront shows these by their own names, as they are now.
PLAIN = ("errors/away.html",)

_HASHED = re.compile(r"\.[0-9a-f]{12}(?:\.[^./]+)?$")


def upload(place: Place, bucket: str, folder: Path) -> int:
    """Put the collected files into the bucket that are not there; return how many.

    Nothing is ever removed: a page that a browser, or CloudFront, has kept goes on finding what
    it names.
    """
    s3 = place.client("s3")
    there = {
        found["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="static/")
        for found in page.get("Contents", [])
    }
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    missing = [
        name for name in names if name in PLAIN or (_HASHED.search(name) and f"static/{name}" not in there)
    ]

    def put(name: str) -> None:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        place.upload(
            folder / name,
            bucket,
            f"static/{name}",
            ContentType=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
            CacheControl=FOR_MINUTES if name in PLAIN else FOR_EVER,
        )

    with ThreadPoolExecutor(8) as several:
        list(several.map(put, missing))
    return sum(1 for name in missing if name not in PLAIN)
