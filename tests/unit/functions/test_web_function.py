"""The web function, given events as API Gateway sends them, with views that say what reached them."""

import base64
import copy
import importlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

EVENTS = Path(__file__).resolve().parents[2] / "data" / "lambda"
SECRET = "the-edge-secret-of-these-tests-0123456789"


def echo(request: HttpRequest) -> JsonResponse:
    names = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "SCRIPT_NAME", "PATH_INFO", "HTTP_HOST")
    return JsonResponse(
        {name: request.META.get(name) for name in names}
        | {
            "headers": sorted(request.headers),
            "absolute": request.build_absolute_uri(),
            "secure": request.is_secure(),
            "q": request.GET.getlist("q"),
            "cookies": request.COOKIES,
            "body": base64.b64encode(request.body).decode(),
        }
    )


def two_cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("x")
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2")
    return response


def picture(request: HttpRequest) -> HttpResponse:
    return HttpResponse(bytes(range(256)), content_type="image/png")


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a word that nobody may read")


urlpatterns = [
    path("echo/", echo),
    path("production-values/", echo),
    path("cookies/", two_cookies),
    path("picture/", picture),
    path("nothing/", nothing),
    path("broken/", broken),
]


def event(name: str = "through_cloudfront", /, **changes: Any) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text()) | changes


def with_header(sent: dict[str, Any], name: str, *values: str) -> dict[str, Any]:
    sent = copy.deepcopy(sent)
    sent["headers"][name] = values[-1]
    sent["multiValueHeaders"][name] = list(values)
    return sent


@pytest.fixture
def web(settings):
    settings.ROOT_URLCONF = __name__
    settings.EDGE_SECRET = SECRET
    settings.PUBLIC_ORIGIN = "https://www.bookstore.example"
    return importlib.import_module("bookstore.functions.web")


def told(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("through_cloudfront", "198.51.100.7"),
        ("through_cloudfront_with_a_forged_address", "198.51.100.7"),
        ("through_cloudfront_by_ipv6", "2001:db8::7"),
    ],
)
def test_the_client_has_the_address_that_cloudfront_saw(web, name, address):
    seen = told(web.handler(event(name), None))
    assert seen["REMOTE_ADDR"] == address
    assert seen["HTTP_X_FORWARDED_FOR"] == address


@pytest.mark.parametrize("chain", ["198.51.100.7", "unknown, 130.176.1.68", ""])
def test_a_chain_of_addresses_that_makes_no_sense_gives_the_peer(web, chain):
    seen = told(web.handler(with_header(event(), "X-Forwarded-For", chain), None))
    assert seen["REMOTE_ADDR"] == "130.176.1.68"


@pytest.mark.parametrize("name", ["past_cloudfront", "past_cloudfront_with_a_forged_address"])
def test_a_request_past_cloudfront_is_refused_before_django(web, name, caplog):
    with caplog.at_level(logging.INFO):
        answer = web.handler(event(name), None)
    assert answer["statusCode"] == 403
    assert "bookstore.requests" not in {record.name for record in caplog.records}


def test_without_cloudfront_the_address_is_the_peers_whatever_is_sent(web, settings):
    settings.EDGE_SECRET = ""
    seen = told(web.handler(event("past_cloudfront_with_a_forged_address"), None))
    assert seen["REMOTE_ADDR"] == "192.0.2.44"


@pytest.mark.parametrize(
    "values", [("wrong",), (SECRET + "x",), (SECRET[:-1],), ("",), ("\udce9",), (SECRET, SECRET)]
)
def test_another_secret_is_refused(web, values):
    assert web.handler(with_header(event(), "X-Edge-Secret", *values), None)["statusCode"] == 403


def test_while_the_secret_is_rotated_both_are_taken(web, settings):
    settings.EDGE_SECRET, settings.EDGE_SECRET_BEFORE = "a-new-secret-for-the-edge", SECRET
    assert web.handler(event(), None)["statusCode"] == 200
    assert (
        web.handler(with_header(event(), "X-Edge-Secret", "a-new-secret-for-the-edge"), None)["statusCode"]
        == 200
    )
    settings.EDGE_SECRET_BEFORE = ""
    assert web.handler(event(), None)["statusCode"] == 403


def test_the_secret_goes_no_further_than_the_door(web):
    answer = web.handler(event(), None)
    assert "X-Edge-Secret" not in told(answer)["headers"]
    assert SECRET not in json.dumps(answer)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"raw_command": "raise SystemExit(7)"},
        {"manage": "shell"},
        {"command": "os.getcwd"},
        {"raw_command": "raise SystemExit(7)", "httpMethod": "GET", "path": "/echo/"},
        {"Records": [{"eventSourceARN": "arn:aws:sns:x"}]},
        {"detail-type": "Scheduled Event", "resources": ["arn:aws:events:x:y:rule/z-os.getcwd"]},
        {"type": "TOKEN", "authorizationToken": "x"},
        {"version": "2.0", "requestContext": {"http": {"method": "GET"}, "apiId": "a"}, "rawPath": "/"},
        {"httpMethod": "GET", "path": "/", "requestContext": {"elb": {}}},
    ],
)
def test_nothing_but_requests_from_api_gateway_is_answered(web, sent, monkeypatch):
    monkeypatch.setattr(web._zappa, "handler", lambda *_: pytest.fail("Zappa was asked"))
    assert web.handler(sent, None)["statusCode"] == 400


def test_a_request_cannot_bring_zappas_other_events_along(web):
    sent = event(raw_command="raise SystemExit(7)", version="2.0", command="os.getcwd", rawPath="/cookies/")
    assert told(web.handler(sent, None))["PATH_INFO"] == "/echo/"


def test_cookies_are_set_once_and_in_order(web):
    headers = web.handler(event(path="/cookies/"), None)["multiValueHeaders"]
    assert [value.partition(";")[0] for value in headers["set-cookie"]] == ["a=1", "b=2"]
    assert [name for name in headers if name.lower() == "set-cookie"] == ["set-cookie"]


def test_addresses_are_the_public_origins_and_carry_no_stage(web):
    seen = told(web.handler(event(), None))
    assert seen["absolute"] == "https://www.bookstore.example/echo/?q=a&q=b&page=2"
    assert (seen["SCRIPT_NAME"], seen["secure"]) == ("", True)


def test_a_path_that_begins_as_the_stage_does_keeps_its_beginning(web):
    assert told(web.handler(event(path="/production-values/"), None))["PATH_INFO"] == "/production-values/"


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http"), ("host", "evil.example")],
)
def test_nobody_else_says_where_the_shop_is(web, name, value):
    seen = told(web.handler(with_header(event(), name, value), None))
    assert (seen["HTTP_HOST"], seen["secure"]) == ("www.bookstore.example", True)


def test_a_rehearsal_over_http_is_not_taken_for_https(web, settings):
    settings.PUBLIC_ORIGIN = "http://localhost:8123"
    seen = told(web.handler(event(), None))
    assert (seen["absolute"][:22], seen["secure"]) == ("http://localhost:8123/", False)


def test_headers_that_django_would_mistake_for_others_are_dropped(web):
    sent = with_header(with_header(event(), "X_Forwarded_For", "203.0.113.66"), "Sec_Fetch_Site", "none")
    seen = told(web.handler(sent, None))
    assert seen["REMOTE_ADDR"] == "198.51.100.7"
    assert seen["HTTP_X_FORWARDED_FOR"] == "198.51.100.7"


@pytest.mark.parametrize("name", ["local_page", "local_page_with_forged_headers"])
def test_what_a_local_aws_sends_through_cloudfront_is_answered(web, name):
    """Recorded (see data/lambda/README.md): its header names are in lower case, and a value is missing here and there."""
    seen = told(web.handler(event(name), None))
    assert (seen["PATH_INFO"], seen["q"]) == ("/echo/", ["a", "b"])
    assert seen["absolute"].startswith("https://www.bookstore.example/echo/?")
    assert "X-Edge-Secret" not in seen["headers"]
    assert seen["cookies"] == {}  # CloudFront takes them off what is asked of a public page


def test_what_a_local_aws_sends_past_cloudfront_is_refused(web):
    assert web.handler(event("local_past_cloudfront"), None)["statusCode"] == 403


def test_a_form_of_a_local_aws_arrives_as_it_was_sent(web):
    seen = told(web.handler(event("local_form", path="/echo/"), None))
    assert base64.b64decode(seen["body"]) == b"bookId=1001&quantity=2&price=7.99"
    assert seen["cookies"] == {"__Host-session": "abc", "__Host-cart": "def"}


def test_cookies_of_several_headers_arrive_together(web):
    sent = with_header(event(), "Cookie", "__Host-session=abc", "__Host-cart=def")
    assert told(web.handler(sent, None))["cookies"] == {"__Host-session": "abc", "__Host-cart": "def"}


def test_repeated_parameters_arrive_in_order(web):
    assert told(web.handler(event(), None))["q"] == ["a", "b"]


def test_a_body_of_bytes_arrives_and_leaves_as_it_was(web):
    whole = bytes(range(256))
    sent = event(httpMethod="POST", body=base64.b64encode(whole).decode(), isBase64Encoded=True)
    assert base64.b64decode(told(web.handler(sent, None))["body"]) == whole

    answer = web.handler(event(path="/picture/"), None)
    assert answer["isBase64Encoded"] is True
    assert base64.b64decode(answer["body"]) == whole


def test_an_answer_without_a_body_is_one(web):
    answer = web.handler(event(path="/nothing/"), None)
    assert (answer["statusCode"], answer["body"]) == (204, "")


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("through_cloudfront", "4A4mvNdQ0WnuBRRBPdSlCJWjNDfRPPLKhYGUSxsVyFkDGXwfXzHSzw=="),
        ("past_cloudfront", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
    ],
)
def test_a_request_is_logged_under_the_id_that_cloudfront_or_api_gateway_gave_it(
    web, settings, name, identity
):
    settings.EDGE_SECRET = SECRET if name == "through_cloudfront" else ""
    assert web.handler(event(name), None)["multiValueHeaders"]["x-request-id"] == [identity]


def test_zappa_writes_no_line_that_names_the_client(web, caplog):
    with caplog.at_level(logging.INFO):
        web.handler(event(), None)
    assert "198.51.100.7" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("zappa")]


def test_a_broken_page_shows_nothing_of_why(web):
    answer = web.handler(event(path="/broken/"), None)
    assert answer["statusCode"] == 500
    assert "a word that nobody" not in answer["body"]


def test_djangos_stage_is_not_zappas(web):
    assert os.environ["STAGE"] == "test"
