"""What another site makes a browser send is refused, on every address there is."""

import pytest
from django.test import Client

FOREIGN = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another site that poses as the shop": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": "http://localhost:8000",
    },
    "a sister site": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8000"},
    "typed by hand": {"Sec-Fetch-Site": "none"},
    "an old browser on another site": {"Origin": "https://evil.example"},
    "a sandboxed page": {"Origin": "null"},
    "another port": {"Origin": "http://localhost:8001"},
    "nothing said": {},
    "a referrer alone": {"Referer": "http://localhost:8000/cart/"},
    "the host's own name": {"Origin": "http://evil.example", "Host": "evil.example"},
}


def sent_from(browser, headers, method, address):
    """Send a form as a browser would from there."""
    return browser.generic(
        method,
        address.path,
        "quantity=1",
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )


@pytest.fixture
def victim(reader):
    """A signed-in browser that says nothing by itself about where a request comes from."""
    reader.defaults.pop("HTTP_SEC_FETCH_SITE", None)
    return reader


@pytest.mark.parametrize("who", FOREIGN)
def test_every_address_refuses_what_is_sent_from_elsewhere(shop, victim, wire, who):
    def refused(addresses):
        return {
            each.path: status
            for each in addresses
            if (status := sent_from(victim, FOREIGN[who], "POST", each).status_code) != 403
        }

    with wire.count() as calls:
        assert refused(each for each in shop.addresses() if not each.is_webhook) == {}
    assert calls.total == 0
    assert refused(shop.staff_addresses()) == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
def test_other_unsafe_methods_are_refused_alike(shop, victim, method):
    addresses = [each for each in shop.addresses() if not each.is_webhook]
    answers = {
        each.path: sent_from(victim, FOREIGN["another site"], method, each).status_code for each in addresses
    }
    assert {path: status for path, status in answers.items() if status != 403} == {}


def test_only_the_webhook_takes_part_by_signature(shop):
    assert [each.path for each in shop.addresses() if each.is_webhook] == ["/payments/webhook/"]


def test_the_webhook_without_a_signature_is_refused(shop):
    response = Client().post("/payments/webhook/", "{}", content_type="application/json")
    assert 400 <= response.status_code < 500


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost:8000"}])
def test_the_shops_own_pages_may_send(shop, headers):
    browser = Client(enforce_csrf_checks=True, headers=headers)
    response = browser.post("/cart/add/", {"bookId": "b-404", "quantity": "1", "price": "7.99"})
    assert response.status_code != 403


def test_the_refusal_is_a_plain_page(shop, stranger):
    response = stranger.post("/cart/add/", {"bookId": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    page = response.content.decode()
    assert "did not come from a page of this shop" in page
    assert "csrf" not in page.lower()
    assert response.headers["Cache-Control"] == "private, no-store"
    assert not response.cookies


def test_reading_from_elsewhere_is_welcome(shop, stranger):
    assert stranger.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
