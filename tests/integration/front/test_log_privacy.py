"""Privacy: the log tells what happened, never to whom."""

import io
import json
import logging

import pytest
from django.conf import settings as shop_settings

from bookstore.logs import JSONFormatter
from tests import factories


@pytest.fixture
def lines():
    """Collect what production would write, as it would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def visit_everything(shop, reader, stranger, wire):
    for browser in (reader, stranger):
        for each in shop.addresses():
            browser.get(each.path, {"q": "a secret wish"})
    reader.post("/account/addresses/", {**factories.ADDRESS, "line1": "2 Library Lane"})
    reader.post("/checkout/", factories.ADDRESS)
    with wire.dynamodb.refuse():
        reader.get("/account/")
    reader.post(f"{shop.path('orders:detail')}cancel/")
    reader.post("/oidc/logout/")


def test_neither_name_nor_address_nor_key_is_written(shop, reader, stranger, wire, lines, caplog):
    caplog.set_level(logging.DEBUG, logger="bookstore")
    session = reader.cookies[shop_settings.SESSION_COOKIE_NAME].value
    visit_everything(shop, reader, stranger, wire)
    written = json.dumps(lines()) + "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("bookstore")
    )
    private = [
        "reader@example.com",
        "Ada Reader",
        "Library Lane",
        "YO1 7HH",
        "01904",
        "a secret wish",
        session,
    ]
    assert [each for each in private if each in written] == []
    assert "eyJ" not in written


def test_each_request_is_one_line_with_its_id_and_how_long_it_took(shop, reader, lines):
    responses = [reader.get(each.path) for each in shop.addresses()]
    requests = [line for line in lines() if line["logger"] == "bookstore.requests"]
    assert [line["request_id"] for line in requests] == [each.headers["X-Request-Id"] for each in responses]
    assert all(isinstance(line["duration_ms"], int) and line["duration_ms"] >= 0 for line in requests)
    assert [line["status"] for line in requests] == [each.status_code for each in responses]
    assert not [line for line in requests if "?" in line["path"]]


def test_what_concerns_an_order_carries_its_id(shop, reader, lines):
    order_id = shop.samples[""]["order_id"]
    reader.post(f"{shop.path('orders:detail')}cancel/")
    [line] = [line for line in lines() if line["logger"] == "bookstore.requests"]
    assert line["order_id"] == order_id
    reader.get("/cart/")
    assert "order_id" not in lines()[-1]


def test_every_line_of_a_request_shares_its_id(shop, reader, wire, lines):
    with wire.dynamodb.refuse():
        response = reader.get("/account/")
    told = lines()
    assert {line.get("request_id") for line in told} == {response.headers["X-Request-Id"]}
    assert {line["logger"] for line in told} == {"bookstore.middleware", "bookstore.requests"}
    [failure] = [line for line in told if line["logger"] == "bookstore.middleware"]
    assert failure["level"] == "ERROR"
    assert "GetError" in failure["exception"]
