"""What holds for every request, whatever the page: the log, store failures, origins, caching.

Django turns an exception into a response at each layer, so none of these sees one pass by.
"""

import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.cache import has_vary_header

from bookstore.caching import PRIVATE, is_public, is_signed_webhook
from bookstore.dynamodb.budget import waiting_at_most
from bookstore.dynamodb.errors import is_transient
from bookstore.logs import request_context

log = logging.getLogger(__name__)
request_log = logging.getLogger("bookstore.requests")

type GetResponse = Callable[[HttpRequest], HttpResponseBase]

STORE_PATIENCE_SECONDS = (
    1.8  # for all of DynamoDB's answers; the last may take two time-outs more, to connect and to be read
)
RETRY_AFTER_SECONDS = 5
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_TRACE_ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_=-]{8,128}")  # CloudFront's are in base 64
_FAILURE_MARK = "bookstore_store_failure"


class RequestLog:
    """Writes one line for each request, and gives the request an id that every other line shares.

    It also says how long the request may wait for DynamoDB, as the outermost of the layers.
    The path is written without its query, and nothing about the person.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, then write down what was answered and in how many milliseconds."""
        started = time.perf_counter()
        request_id = request_id_of(request)
        with request_context(request_id), waiting_at_most(STORE_PATIENCE_SECONDS):
            response = self._get_response(request)
            response.headers["X-Request-Id"] = request_id
            broken = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            request_log.log(
                logging.ERROR if broken else logging.INFO,
                "%s %s %d",
                request.method,
                request.path,
                response.status_code,
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "duration_ms": round((time.perf_counter() - started) * 1000),
                },
            )
        # Django would say it once more, without the id.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark
        return response


def request_id_of(request: HttpRequest) -> str:
    """Return the id under which AWS, or a proxy, knows the request; else a new one.

    What comes from outside is only taken when it looks as an id does: it is written into
    the log and sent back.
    """
    if trace := _TRACE_ROOT.search(request.headers.get("X-Amzn-Trace-Id", "")):
        return trace[1]
    sent = request.headers.get("X-Request-Id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


class StoreFailures:
    """Answers 503 in plain words, and when to come back, when DynamoDB is away, slow or busy.

    Other exceptions are Django's to answer. The page is the same when htmx asked for it,
    which shows its ``<main>``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        got_request_exception.connect(_note_failure, dispatch_uid="bookstore.middleware.store_failures")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Mend the answer where the failure happened outside a view, such as in saving a session."""
        response = self._get_response(request)
        failure = getattr(request, _FAILURE_MARK, None)
        if (
            failure
            and isinstance(response, HttpResponse)
            and response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            # The headers that the layers below have set stay: this is still a page.
            page = unavailable(request, failure)
            response.status_code = page.status_code
            response.content = page.content
            response.cookies.clear()
            for name in ("Content-Type", "Retry-After", "Cache-Control"):
                response.headers[name] = page.headers[name]
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a view's failure."""
        return unavailable(request, exception) if _is_store_failure(exception) else None


def unavailable(request: HttpRequest, cause: BaseException) -> HttpResponse:
    """Return the page that says the shop is out of breath, and write down why."""
    log.error("a store on AWS did not answer: %s", type(cause).__name__, exc_info=cause)
    return HttpResponse(
        render_to_string("503.html", request=request),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": PRIVATE},
    )


def _note_failure(request: HttpRequest | None = None, **_kwargs: object) -> None:
    """Remember, while Django still holds the exception, that it was DynamoDB's."""
    exception = sys.exc_info()[1]
    if request is not None and exception is not None and _is_store_failure(exception):
        setattr(request, _FAILURE_MARK, exception)


def _is_store_failure(exception: BaseException) -> bool:
    """Tell whether DynamoDB is behind an exception, or behind the one it was raised from."""
    return any(is_transient(each) for each in _causes(exception))


def _causes(exception: BaseException | None) -> Iterator[BaseException]:
    while exception is not None:
        yield exception
        exception = exception.__cause__


class OwnOriginOnly:
    """Refuses what another site makes a browser send, without tokens.

    An unsafe request passes when ``Sec-Fetch-Site`` is ``same-origin``, or, where an old
    browser does not send that header, when ``Origin`` is the shop's own. Everything else is
    a 403: other sites, sister sites, addresses typed by hand, and requests that say
    nothing. Views that check a signature take part by ``caching.signed_webhook``.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Take over from Django's own check by tokens, which the admin's views ask for."""
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001 - its switch
        return self._get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., object],
        _args: tuple[Any, ...],
        _kwargs: dict[str, Any],
    ) -> None:
        """Refuse before the view runs."""
        if request.method in SAFE_METHODS or is_signed_webhook(view) or is_from_own_page(request):
            return
        log.warning("refused a request that no page of the shop sent: %s %s", request.method, request.path)
        raise PermissionDenied


def is_from_own_page(request: HttpRequest) -> bool:
    """Tell whether a browser sent a request from one of the shop's own pages."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == settings.PUBLIC_ORIGIN


class PrivatePageLeakedError(AssertionError):
    """A page declared public depended on who asked, or set a cookie."""


class CacheRules:
    """Says who may keep each answer, and holds public pages to being the same for everyone.

    An answer that says nothing is ``private, no-store``. A public one that read the
    session or the messages, sets a cookie or varies by one is an error in tests, and
    elsewhere goes out as a private one with an error in the log.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with a ``Cache-Control``."""
        response = self._get_response(request)
        if is_public(response) and (leaks := list(_leaks(request, response))):
            said = f"{request.path} is public but {', '.join(leaks)}"
            if settings.STAGE == "test":
                raise PrivatePageLeakedError(said)
            log.error(said)
            response.headers["Cache-Control"] = PRIVATE
        response.headers.setdefault("Cache-Control", PRIVATE)
        return response


def _leaks(request: HttpRequest, response: HttpResponseBase) -> Iterator[str]:
    session = getattr(request, "session", None)
    if session is not None and session.accessed:
        yield "read the session"
    messages = get_messages(request)
    if isinstance(messages, BaseStorage) and (messages.used or messages.added_new):
        yield "has messages"
    if response.cookies:
        yield f"sets cookies ({', '.join(sorted(response.cookies))})"
    if has_vary_header(response, "Cookie"):
        yield "varies by cookie"
