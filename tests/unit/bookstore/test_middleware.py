import logging
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from django.contrib.messages import success
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pynamodb.exceptions import GetError

from bookstore import caching, middleware
from bookstore.dynamodb.sessions import SessionStore
from bookstore.messages import CookieMessages

OWN = "http://localhost:8000"


@pytest.fixture
def browser() -> RequestFactory:
    return RequestFactory()


def answering(response: HttpResponse) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: response


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"},
            "1-67891233-abcdef012345678912345678",
        ),
        ({"X-Request-Id": "req-12345678"}, "req-12345678"),
        (
            {"X-Request-Id": "req-12345678", "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678"},
            "1-67891233-abcdef012345678912345678",
        ),
    ],
)
def test_a_request_keeps_the_id_that_others_know_it_by(
    browser: RequestFactory, headers: dict[str, str], expected: str
) -> None:
    assert middleware.request_id_of(browser.get("/", headers=headers)) == expected


@pytest.mark.parametrize(
    "sent",
    ["", "short", "x" * 129, "with space 1", "<script>alert(1)</script>", "ada@example.com", "a\nb" * 5],
)
def test_an_id_that_looks_like_none_is_not_repeated(browser: RequestFactory, sent: str) -> None:
    request = browser.get("/", headers={"X-Request-Id": sent, "X-Amzn-Trace-Id": sent})
    assert middleware.request_id_of(request) != sent
    assert len(middleware.request_id_of(request)) == 32


def test_each_request_is_one_line_without_its_query(
    browser: RequestFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = middleware.RequestLog(answering(HttpResponse(status=404)))
    response = log(browser.get("/search/?q=secret-wish", headers={"X-Request-Id": "req-12345678"}))
    [line] = caplog.records
    assert line.getMessage() == "GET /search/ 404"
    assert (line.status, line.path, line.method) == (404, "/search/", "GET")  # type: ignore[attr-defined]
    assert line.duration_ms >= 0  # type: ignore[attr-defined]
    assert response.headers["X-Request-Id"] == "req-12345678"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Origin": OWN}, True),
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": OWN}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
        ({"Sec-Fetch-Site": "", "Origin": OWN}, False),
        ({"Sec-Fetch-Site": "Same-Origin"}, False),
        ({"Sec-Fetch-Site": "same-origin, same-origin"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://localhost:8000"}, False),
        ({"Origin": "http://localhost:8001"}, False),
        ({"Origin": "http://localhost:8000.evil.example"}, False),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, False),
        ({"Referer": f"{OWN}/cart/"}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_only_the_shops_own_pages_may_send(
    browser: RequestFactory, method: str, headers: dict[str, str], passes: bool
) -> None:
    guard = middleware.OwnOriginOnly(answering(HttpResponse()))
    request = browser.generic(method, "/cart/add/", headers=headers)
    if passes:
        assert guard.process_view(request, answering(HttpResponse()), (), {}) is None
    else:
        with pytest.raises(PermissionDenied):
            guard.process_view(request, answering(HttpResponse()), (), {})


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_free(browser: RequestFactory, method: str) -> None:
    guard = middleware.OwnOriginOnly(answering(HttpResponse()))
    request = browser.generic(method, "/", headers={"Sec-Fetch-Site": "cross-site"})
    assert guard.process_view(request, answering(HttpResponse()), (), {}) is None


def test_a_signed_webhook_may_come_from_anywhere(browser: RequestFactory) -> None:
    guard = middleware.OwnOriginOnly(answering(HttpResponse()))
    view = caching.private_page(caching.signed_webhook(answering(HttpResponse())))
    assert guard.process_view(browser.post("/hook/"), view, (), {}) is None


def test_django_asks_for_no_token_beside(browser: RequestFactory) -> None:
    request = browser.post("/")
    middleware.OwnOriginOnly(answering(HttpResponse()))(request)
    assert request._dont_enforce_csrf_checks is True  # type: ignore[attr-defined]


def kept(response: HttpResponse, request: HttpRequest) -> HttpResponse:
    """Answer a request of a public page through the rules."""
    return middleware.CacheRules(caching.public_page(answering(response)))(request)  # type: ignore[return-value]


def test_a_public_page_may_be_kept_by_everyone(browser: RequestFactory) -> None:
    response = kept(HttpResponse("page"), browser.get("/"))
    assert response.headers["Cache-Control"] == ("public, max-age=0, s-maxage=60, stale-while-revalidate=60")


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_what_is_not_the_page_is_not_kept(browser: RequestFactory, status: int) -> None:
    assert kept(HttpResponse(status=status), browser.get("/")).headers["Cache-Control"] == "private, no-store"


def test_a_view_that_declares_nothing_is_private(browser: RequestFactory) -> None:
    response = middleware.CacheRules(answering(HttpResponse()))(browser.get("/"))
    assert response.headers["Cache-Control"] == "private, no-store"


def with_cookie(request: HttpRequest, response: HttpResponse) -> None:
    response.set_cookie("cart", "1")


def with_session(request: HttpRequest, response: HttpResponse) -> None:
    request.session = SessionStore()
    request.session.get("customer")


def with_vary(request: HttpRequest, response: HttpResponse) -> None:
    response.headers["Vary"] = "Accept-Encoding, Cookie"


def with_message(request: HttpRequest, response: HttpResponse) -> None:
    request._messages = CookieMessages(request)  # type: ignore[attr-defined]
    success(request, "Kept.")


def with_messages_shown(request: HttpRequest, response: HttpResponse) -> None:
    request._messages = CookieMessages(request)  # type: ignore[attr-defined]
    list(request._messages)  # type: ignore[attr-defined]


LEAKS = [with_cookie, with_session, with_vary, with_message, with_messages_shown]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_public_page_that_knows_its_reader_is_an_error(
    browser: RequestFactory, leak: Callable[[HttpRequest, HttpResponse], None]
) -> None:
    request, response = browser.get("/"), HttpResponse()
    leak(request, response)
    with pytest.raises(middleware.PrivatePageLeakedError, match="/ is public but"):
        kept(response, request)


@pytest.mark.parametrize("leak", LEAKS)
def test_in_production_such_a_page_goes_out_as_private(
    browser: RequestFactory,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    leak: Callable[[HttpRequest, HttpResponse], None],
) -> None:
    settings.STAGE = "production"
    request, response = browser.get("/"), HttpResponse()
    leak(request, response)
    assert kept(response, request).headers["Cache-Control"] == "private, no-store"
    assert "is public but" in caplog.text


def test_a_session_and_messages_that_nobody_looked_at_do_no_harm(browser: RequestFactory) -> None:
    request = browser.get("/")
    request.session = SessionStore("k" * 32)
    request._messages = CookieMessages(request)  # type: ignore[attr-defined]
    assert caching.is_public(kept(HttpResponse(), request))


def time_out() -> GetError:
    return GetError("no answer", ConnectTimeoutError(endpoint_url="http://store"))


def failing(error: Exception) -> middleware.StoreFailures:
    return middleware.StoreFailures(answering(HttpResponse()))


def test_dynamodb_away_is_a_503_with_words_and_a_time_to_come_back(browser: RequestFactory) -> None:
    response = failing(time_out()).process_exception(browser.get("/"), time_out())
    assert response is not None
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "<main" in response.content.decode()
    assert "Traceback" not in response.content.decode()


def test_an_error_that_dynamodb_caused_counts_as_its_own(browser: RequestFactory) -> None:
    error = RuntimeError("the order could not be read")
    error.__cause__ = time_out()
    response = failing(error).process_exception(browser.get("/"), error)
    assert response is not None
    assert response.status_code == 503


def test_other_errors_are_djangos_to_answer(browser: RequestFactory) -> None:
    assert failing(ValueError()).process_exception(browser.get("/"), ValueError("a bug")) is None
