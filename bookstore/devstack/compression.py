"""Compresses pages and files on their way out, as CloudFront does for the deployed shop.

Without it the local shop would send several times the bytes, and measuring it would mislead.
"""

import gzip
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.headers import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LEVEL = 6
SMALLEST_BYTES = 1000  # CloudFront leaves smaller bodies alone
COMPRESSED_TYPES = ("text/", "application/javascript", "application/json", "application/xml", "image/svg+xml")


def compressed(application: "WSGIApplication") -> "WSGIApplication":
    """Wrap an application: answers of text are sent compressed to whoever takes gzip.

    The same body gives the same bytes every time.
    """

    def compressing(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD" or "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return application(environ, start_response)
        said: list[Any] = []

        def hear(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
            said[:] = [status, headers, exc_info]

        parts = application(environ, hear)
        try:
            body = b"".join(parts)
        finally:
            if close := getattr(parts, "close", None):
                close()
        status, fields, exc_info = said
        headers = Headers(fields)
        is_text = (headers["Content-Type"] or "").startswith(COMPRESSED_TYPES)
        if is_text and len(body) >= SMALLEST_BYTES and not headers["Content-Encoding"]:
            body = gzip.compress(body, LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            headers.add_header("Vary", "Accept-Encoding")
        start_response(status, headers.items(), exc_info)
        return [body]

    return compressing
