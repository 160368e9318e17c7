"""A request is followed from the page to the projector; items that tell of none are projected as ever."""

import logging
from datetime import UTC, datetime

from bookstore.dynamodb.tables import connection
from bookstore.logs import current_request_id, request_context
from catalog import stock
from catalog.models import Book
from tests.factories import book


def test_what_a_request_writes_is_projected_under_its_id(pump, caplog, monkeypatch):
    projected = []
    monkeypatch.setattr(
        "bookstore.streams.handler._project",
        lambda change, away: projected.append((change.new["requestId"], current_request_id())) or [],
    )
    with request_context("request-of-one-page"):
        written = book()
    with request_context("request-of-another"):
        stock.receive_stock(book_id=written.id, copies=1, at=datetime.now(UTC))
    with caplog.at_level(logging.INFO):
        pump()
    assert projected == [(each, each) for each in ("request-of-one-page", "request-of-another")]
    lines = [each.getMessage() for each in caplog.records if each.name == "bookstore.streams.handler"]
    assert len([line for line in lines if f"id={written.id}" in line]) == 2


def test_a_write_outside_of_a_request_names_none():
    with request_context("request-of-one-page"):
        written = book()
    assert Book.get(written.id).request_id == "request-of-one-page"
    stock.receive_stock(book_id=written.id, copies=1, at=datetime.now(UTC))
    assert Book.get(written.id).request_id is None


def write_as_an_older_version(written, change=""):
    """Change a book as code does that knows no requests: it leaves their ids alone."""
    connection().dispatch(
        "UpdateItem",
        {
            "TableName": Book.Meta.table_name,
            "Key": {"id": {"S": written.id}},
            "UpdateExpression": f"{change} ADD revision :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        },
    )


def test_items_of_older_versions_are_read_and_projected(pump):
    written = book()
    write_as_an_older_version(written, "REMOVE requestId")
    assert Book.get(written.id).request_id is None
    assert pump() >= 2


def test_an_id_that_an_older_version_leaves_behind_stops_nothing_and_goes_with_the_next_write(pump, now):
    """While a deployment goes on, both versions write: the log then takes a change for an earlier request's."""
    with request_context("request-of-one-page"):
        written = book()
    write_as_an_older_version(written)
    assert Book.get(written.id).request_id == "request-of-one-page"
    assert pump() >= 2
    stock.receive_stock(book_id=written.id, copies=1, at=now)
    assert Book.get(written.id).request_id is None
