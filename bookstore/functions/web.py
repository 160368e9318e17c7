"""The web function: requests from API Gateway, through Zappa, to Django.

Everything that a page needs and that opens no connection is made when the module is imported:
Lambda gives a starting function a whole processor, and SnapStart keeps what was made.

Zappa's own handler also runs commands, and Python, that an event brings along. Nothing of that
can be reached here: whatever is no request from API Gateway is refused. CloudFront and API
Gateway are the only ones who may say where a request came from, and this module is where their
words are read; behind it a request looks as if Django stood on the shop's own origin.
"""

import gc
import hmac
import ipaddress
import json
import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypedDict
from urllib.parse import urlsplit

import django

gc.disable()  # what is imported stays; to look for garbage among it takes a seventh of the start
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookstore.settings")
django.setup()

from django.conf import settings  # noqa: E402 - the secrets are in the environment from here on
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.urls import get_resolver  # noqa: E402
from zappa.handler import LambdaHandler  # type: ignore[import-untyped]  # noqa: E402

from bookstore.aws import is_loopback  # noqa: E402
from bookstore.dynamodb.tables import connection  # noqa: E402
from bookstore.functions import snapshot  # noqa: E402

log = logging.getLogger(__name__)

type Headers = dict[str, list[str]]

EDGE_HEADER = "x-edge-secret"
FORWARDERS = 2  # CloudFront writes the browser's address into X-Forwarded-For, API Gateway CloudFront's
# What only CloudFront, API Gateway or this module may say.
_OURS = frozenset(
    {
        EDGE_HEADER,
        "cloudfront-forwarded-proto",
        "forwarded",
        "host",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    }
)
_PASSED_ON = (
    "body",
    "httpMethod",
    "isBase64Encoded",
    "multiValueQueryStringParameters",
    "path",
    "queryStringParameters",
)


class Answer(TypedDict, total=False):
    """What API Gateway takes from a function."""

    statusCode: int
    multiValueHeaders: Headers
    body: str
    isBase64Encoded: bool


if not settings.EDGE_SECRET and not is_loopback(settings.PUBLIC_ORIGIN):
    raise ImproperlyConfigured("EDGE_SECRET is empty: without it, anyone may pass CloudFront by.")


def _start() -> LambdaHandler:
    """Load what the first page would have to wait for, in the order in which it is needed."""
    stage = os.environ["STAGE"]
    zappa = LambdaHandler()
    os.environ["STAGE"] = (
        stage  # where Zappa has put its own stage's name, for which Django's is another word
    )
    logging.getLogger("zappa").setLevel(logging.WARNING)  # its lines name the client and the whole address
    logging.getLogger().setLevel(settings.LOG_LEVEL)
    get_resolver().url_patterns  # noqa: B018 - imports every view
    connection()
    snapshot.prepare()
    return zappa


_zappa = _start()
gc.freeze()  # nor is it looked through later on
gc.enable()


def handler(event: Mapping[str, Any], context: object) -> Answer:
    """Answer one request; refuse with 403 what came past CloudFront, and with 400 what is no request."""
    if not _is_request(event):
        log.error("refused an event that is no request from API Gateway: %s", sorted(event)[:10])
        return _refusal(HTTPStatus.BAD_REQUEST)
    headers = _headers_of(event)
    if not _came_through_cloudfront(headers):
        log.warning("refused a request that did not come through CloudFront")
        return _refusal(HTTPStatus.FORBIDDEN)
    return _answer_of(_zappa.handler(_as_on_own_origin(event, headers, context), context))


def _is_request(event: Mapping[str, Any]) -> bool:
    context = event.get("requestContext")
    return (
        isinstance(event.get("httpMethod"), str)
        and isinstance(event.get("path"), str)
        and isinstance(context, Mapping)
        and bool(context.get("apiId"))
    )


def _headers_of(event: Mapping[str, Any]) -> Headers:
    """Return all values of each header under its name in lower case.

    Names with an underscore are left out: Django could not tell ``X_Edge`` from ``X-Edge``.
    """
    found: Headers = {}
    several = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    for name, values in several.items():
        if "_" not in name:
            found.setdefault(name.lower(), []).extend(values)
    return found


def _came_through_cloudfront(headers: Headers) -> bool:
    """Tell whether a request carries CloudFront's secret; the comparison takes the same time for each."""
    if not settings.EDGE_SECRET:
        return True
    shown = headers.get(EDGE_HEADER, [])
    # CloudFront replaces what a browser sends under this name: a second value did not come from it.
    if len(shown) != 1:
        return False
    secrets = [secret for secret in (settings.EDGE_SECRET, settings.EDGE_SECRET_BEFORE) if secret]
    same = [hmac.compare_digest(_bytes(shown[0]), _bytes(secret)) for secret in secrets]
    return any(same)


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _as_on_own_origin(event: Mapping[str, Any], headers: Headers, context: object) -> dict[str, Any]:
    """Return the event as Zappa is to see it: the shop's own host, and one address of the client.

    Zappa would put the API's stage before each address where Host is API Gateway's own, and
    would take the stage's name off a path that happens to begin with it.
    """
    origin = urlsplit(settings.PUBLIC_ORIGIN)
    default_port = "443" if origin.scheme == "https" else "80"
    kept = {name: values for name, values in headers.items() if name not in _OURS}
    ours = {
        "host": origin.netloc,
        "x-forwarded-for": client_address(event, headers),
        "x-forwarded-port": str(origin.port or default_port),
        "x-forwarded-proto": origin.scheme,
        "x-request-id": _request_id(event, headers, context),
    }
    every = kept | {name: [value] for name, value in ours.items()}
    return {
        # Other keys would lead Zappa to treat it as another kind of event.
        **{name: event.get(name) for name in _PASSED_ON},
        "headers": {"Host": origin.netloc},  # Zappa looks for it here alone, and by this very name
        "multiValueHeaders": {name.title(): values for name, values in every.items()},
        "requestContext": {},
    }


def client_address(event: Mapping[str, Any], headers: Headers) -> str:
    """Return the address of whoever asks CloudFront, or API Gateway where there is no CloudFront.

    What a client sends as ``X-Forwarded-For`` stays to the left of what the forwarders append.
    """
    if settings.EDGE_SECRET:
        chain = [
            address.strip() for value in headers.get("x-forwarded-for", []) for address in value.split(",")
        ]
        if len(chain) >= FORWARDERS and _is_address(chain[-FORWARDERS]):
            return chain[-FORWARDERS]
    peer = str((event["requestContext"].get("identity") or {}).get("sourceIp") or "")
    return peer if _is_address(peer) else "0.0.0.0"  # noqa: S104 - nobody's address, for a log


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _request_id(event: Mapping[str, Any], headers: Headers, context: object) -> str:
    """Return the id that CloudFront shows the customer, or else API Gateway's."""
    (edge_id,) = headers.get("x-amz-cf-id", [""])[-1:] or [""]
    return edge_id or str(event["requestContext"].get("requestId") or getattr(context, "aws_request_id", ""))


def _answer_of(answer: Mapping[str, Any]) -> Answer:
    """Return Zappa's answer with each cookie set once.

    Zappa gives every ``Set-Cookie`` twice, and that list under two spellings of its name; API
    Gateway refuses answers whose headers are longer than 10,240 bytes altogether.
    """
    headers: Headers = {}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = list(dict.fromkeys([*headers.get(name.lower(), []), *values]))
    return {
        "statusCode": answer["statusCode"],
        "multiValueHeaders": headers,
        "body": answer.get("body") or "",
        "isBase64Encoded": bool(answer.get("isBase64Encoded")),
    }


def _refusal(status: HTTPStatus) -> Answer:
    return {
        "statusCode": status,
        "multiValueHeaders": {"content-type": ["application/json"], "cache-control": ["no-store"]},
        "body": json.dumps({"message": status.phrase}),
        "isBase64Encoded": False,
    }
