"""No address reads a whole table, and none but search needs more than DynamoDB."""

from http import HTTPStatus

import pytest

SEARCH = {"catalog:search", "catalog:suggest"}
READINESS = {"readyz"}  # it exists to say that a store is away
FORM = {"quantity": "1", "price": "7.99", "sure": "on", "stars": "5"}


def broken(answers):
    return [
        f"{address.path} answered {response.status_code}"
        for address, response in answers
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    ]


def test_no_address_scans_a_table(shop, reader, wire):
    before = len(wire.dynamodb.requests)
    form = FORM | {"bookId": shop.samples[""]["book_id"]}
    for address in shop.addresses():
        reader.get(address.path)
        if not address.is_webhook and address.name not in {
            "account-erase",
            "oidc_logout",
            "sign-out-everywhere",
        }:
            reader.post(address.path, form)
    asked = wire.dynamodb.requests[before:]
    assert {"GetItem", "Query", "UpdateItem"} <= set(asked)  # the walk has reached the store
    assert "Scan" not in asked


def test_without_redis_a_customer_shops_on(shop, reader, wire):
    with wire.redis.refuse():
        answers = [(each, reader.get(each.path)) for each in shop.addresses() if each.name not in READINESS]
        added = reader.post("/cart/add/", FORM | {"bookId": shop.samples[""]["book_id"]})
    assert broken(answers) == []
    assert added.status_code == HTTPStatus.SEE_OTHER


def test_without_opensearch_a_customer_shops_on(shop, reader, wire):
    with wire.opensearch.refuse():
        answers = [
            (each, reader.get(each.path)) for each in shop.addresses() if each.name not in READINESS | SEARCH
        ]
        added = reader.post("/cart/add/", FORM | {"bookId": shop.samples[""]["book_id"]})
    assert broken(answers) == []
    assert added.status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("origin", ["https://elsewhere.example", ""])
def test_a_refused_request_reads_the_same_by_htmx(shop, reader, origin):
    headers = {"sec-fetch-site": "cross-site", "origin": origin}
    plain = reader.post("/cart/add/", FORM, headers=headers)
    by_htmx = reader.post("/cart/add/", FORM, headers=headers | {"HX-Request": "true"})
    assert plain.status_code == by_htmx.status_code == HTTPStatus.FORBIDDEN
    assert plain.content == by_htmx.content
    assert 'id="main"' in plain.content.decode()
