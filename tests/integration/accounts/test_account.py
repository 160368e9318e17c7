"""The account: addresses, export, erasure."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.conf import settings

from bookstore import aws
from bookstore.accounts import selectors, services, signals
from bookstore.accounts.errors import (
    AccountDisabledError,
    AddressNotFoundError,
    ErasureRefusedError,
    TooManyAddressesError,
)
from bookstore.accounts.models import CustomerItem
from bookstore.accounts.selectors import PostalAddress
from bookstore.dynamodb.models import SessionItem

FORM = {
    "name": "Ada Reader",
    "line1": "1 Library Lane",
    "line2": "",
    "city": "York",
    "region": "",
    "postcode": "YO1 7HH",
    "country": "GB",
    "phone": "01904 000000",
}


def address(number=1, **changes):
    return PostalAddress.of({**FORM, "line1": f"{number} Library Lane", **changes})


def kept(customer_id="c-1"):
    return [each.line1 for each in selectors.saved_addresses(customer_id)]


@pytest.fixture
def reader(sign_in):
    return sign_in()


# The customer's item.


def test_a_sign_in_is_one_call_and_keeps_the_first_day(wire, now):
    with wire.count() as calls:
        services.record_sign_in(customer_id="c-1", email="ada@example.com", name="Ada", at=now)
    assert calls.total == 1
    later = datetime(2027, 1, 1, tzinfo=UTC)
    services.record_sign_in(customer_id="c-1", email="countess@example.com", name="Ada L", at=later)
    customer = selectors.get_customer("c-1")
    assert (customer.email, customer.name, customer.first_seen_at) == ("countess@example.com", "Ada L", now)


def test_a_closed_account_is_refused_and_not_touched(now):
    CustomerItem("c-1", disabled=True, email="old@example.com").save()
    with pytest.raises(AccountDisabledError):
        services.record_sign_in(customer_id="c-1", email="ada@example.com", name="Ada", at=now)
    assert selectors.get_customer("c-1").email == "old@example.com"


def test_an_unknown_customer_has_an_empty_profile():
    assert selectors.get_customer("c-404").addresses == ()


# Addresses as services.


def test_the_address_used_last_comes_first():
    for number in (1, 2, 3):
        services.remember_address(customer_id="c-1", address=address(number))
    services.remember_address(customer_id="c-1", address=address(2))
    assert kept() == ["2 Library Lane", "3 Library Lane", "1 Library Lane"]


def test_an_address_is_the_same_whatever_its_capitals_and_spaces(wire):
    services.remember_address(customer_id="c-1", address=FORM)
    again = {**FORM, "line1": " 1  LIBRARY lane ", "postcode": "yo1 7hh", "line2": None, "extra": "ignored"}
    services.remember_address(customer_id="c-1", address=again)
    assert len(kept()) == 1
    with wire.count() as calls:
        services.remember_address(customer_id="c-1", address=again)
    assert calls.total == 1


def test_remembering_costs_two_calls(wire):
    with wire.count() as calls:
        services.remember_address(customer_id="c-1", address=FORM)
    assert calls.total == 2


def test_ten_are_kept_and_the_oldest_makes_room():
    for number in range(12):
        services.remember_address(customer_id="c-1", address=address(number))
    assert kept() == [f"{number} Library Lane" for number in range(11, 1, -1)]


def test_adding_by_hand_stops_at_ten():
    for number in range(10):
        services.add_address(customer_id="c-1", address=address(number))
    services.add_address(customer_id="c-1", address=address(3))
    with pytest.raises(TooManyAddressesError):
        services.add_address(customer_id="c-1", address=address(10))
    assert kept() == [f"{number} Library Lane" for number in range(10)]


def test_an_address_with_parts_missing_is_refused():
    with pytest.raises(ValueError, match="an address needs line1, city"):
        services.remember_address(customer_id="c-1", address={**FORM, "line1": "  ", "city": None})
    assert kept() == []


def test_changing_keeps_the_place_and_merges_doubles():
    for number in (1, 2, 3):
        services.add_address(customer_id="c-1", address=address(number))
    services.change_address(customer_id="c-1", key=address(2).key, address=address(22))
    assert kept() == ["1 Library Lane", "22 Library Lane", "3 Library Lane"]
    services.change_address(customer_id="c-1", key=address(3).key, address=address(1))
    assert kept() == ["1 Library Lane", "22 Library Lane"]
    with pytest.raises(AddressNotFoundError):
        services.change_address(customer_id="c-1", key=address(2).key, address=address(4))


def test_removing_twice_is_removing_once():
    services.add_address(customer_id="c-1", address=address(1))
    for _ in range(2):
        services.remove_address(customer_id="c-1", key=address(1).key)
    assert kept() == []
    services.add_address(customer_id="c-1", address=address(2))
    assert kept() == ["2 Library Lane"]


def test_changes_that_meet_are_all_made():
    with ThreadPoolExecutor(3) as tabs:
        list(
            tabs.map(
                lambda number: services.add_address(customer_id="c-1", address=address(number)), range(3)
            )
        )
    assert sorted(kept()) == [f"{number} Library Lane" for number in range(3)]


def test_one_customers_addresses_are_not_anothers():
    services.add_address(customer_id="c-1", address=address(1))
    assert kept("c-2") == []


# The pages.


def test_the_page_shows_mail_and_addresses(reader, wire):
    services.add_address(customer_id="c-1", address=address(1, line2="Flat <2>", country="FR"))
    with wire.count() as calls:
        response = reader.get("/account/")
    page = response.content.decode()
    assert calls.total == 2
    assert response.headers["Cache-Control"] == "private, no-store"
    for text in (
        "reader@example.com",
        "1 Library Lane",
        "Flat &lt;2&gt;",
        "France",
        "/account/export/",
        "/account/erase/",
    ):
        assert text in page


def test_an_address_is_added_changed_and_removed(reader):
    form = reader.get("/account/addresses/").content.decode()
    assert '<option value="GB" selected>United Kingdom</option>' in form
    response = reader.post("/account/addresses/", FORM)
    assert (response.status_code, response.headers["Location"]) == (303, "/account/")
    [one] = selectors.saved_addresses("c-1")
    page = f"/account/addresses/{one.key}/"
    assert 'value="1 Library Lane"' in reader.get(page).content.decode()
    assert reader.post(page, {**FORM, "line1": "2 Library Lane"}).status_code == 303
    assert kept() == ["2 Library Lane"]
    [two] = selectors.saved_addresses("c-1")
    assert reader.post(f"/account/addresses/{two.key}/remove/").status_code == 303
    assert kept() == []


def test_what_is_missing_is_said_beside_its_field_and_nothing_is_kept(reader):
    response = reader.post("/account/addresses/", {**FORM, "line1": "", "country": "XX"})
    assert response.status_code == 422
    page = response.content.decode()
    assert page.count('aria-invalid="true"') == 2
    assert 'value="York"' in page
    assert kept() == []


def test_the_eleventh_address_is_refused_in_words(reader):
    for number in range(10):
        services.add_address(customer_id="c-1", address=address(number))
    assert '/account/addresses/"' not in reader.get("/account/").content.decode()
    response = reader.post("/account/addresses/", {**FORM, "line1": "11 Library Lane"})
    assert response.status_code == 422
    assert "You already keep 10 addresses" in response.content.decode()
    assert len(kept()) == 10


def test_an_address_that_is_gone_is_said_in_words(reader):
    for response in (
        reader.get("/account/addresses/0123456789abcdef/"),
        reader.post("/account/addresses/0123456789abcdef/", FORM),
    ):
        assert (response.status_code, response.headers["Location"]) == (303, "/account/")
    assert "no longer kept" in reader.get("/account/").content.decode()


def test_anothers_address_cannot_be_seen_changed_or_removed(reader):
    services.add_address(customer_id="c-2", address=address(7))
    key = address(7).key
    assert "7 Library Lane" not in reader.get(f"/account/addresses/{key}/", follow=True).content.decode()
    reader.post(f"/account/addresses/{key}/", {**FORM, "line1": "8 Library Lane"})
    reader.post(f"/account/addresses/{key}/remove/")
    assert kept("c-2") == ["7 Library Lane"]


@pytest.mark.parametrize("path", ["", "addresses/", "addresses/0123456789abcdef/", "export/", "erase/"])
def test_strangers_are_sent_to_sign_in(client, path):
    response = client.get(f"/account/{path}")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/oidc/authenticate/?next=/account/")


@pytest.mark.parametrize(
    ("method", "path"), [("get", "addresses/x/remove/"), ("get", "sign-out-everywhere/"), ("post", "export/")]
)
def test_a_link_changes_nothing(reader, method, path):
    assert getattr(reader, method)(f"/account/{path}").status_code == 405


# Export.


def test_the_export_is_a_file_with_everything(reader, now):
    services.record_sign_in(customer_id="c-1", email="reader@example.com", name="Ada Brontë", at=now)
    services.add_address(customer_id="c-1", address=address(1))
    response = reader.get("/account/export/")
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Content-Type"].startswith("application/json")
    told = json.loads(response.content)
    assert told["customer"]["email"] == "reader@example.com"
    assert told["customer"]["name"] == "Ada Brontë"
    assert told["customer"]["addresses"] == [FORM]
    assert "Brontë" in response.content.decode()


def test_other_rooms_add_theirs_under_headings_of_their_own(now):
    def letters(customer_id, **kwargs):
        return {"letters": [f"to {customer_id}"]}

    def letters_again(customer_id, **kwargs):
        return {"letters": []}

    signals.collect_export.connect(letters)
    try:
        assert json.loads(services.export_customer(customer_id="c-1", at=now))["letters"] == ["to c-1"]
        signals.collect_export.connect(letters_again)
        with pytest.raises(ValueError, match="letters"):
            services.export_customer(customer_id="c-1", at=now)
    finally:
        signals.collect_export.disconnect(letters)
        signals.collect_export.disconnect(letters_again)


# Erasure.


def test_erasure_asks_first(reader):
    assert "cannot be undone" in reader.get("/account/erase/").content.decode()
    response = reader.post("/account/erase/")
    assert response.status_code == 422
    assert "Please tick the box" in response.content.decode()
    assert reader.get("/account/").status_code == 200


def test_erasure_leaves_nothing_of_the_person(pool, browser, another_browser):
    other = another_browser()
    for each in (browser, other):
        each.sign_in(pool.reader, pool.password)
    sub = pool.sub(pool.reader)
    services.add_address(customer_id=sub, address=address(1))
    erased = []

    def hears(customer_id, at, **kwargs):
        erased.append((customer_id, at))

    signals.customer_erased.connect(hears)
    try:
        response = browser.send("/account/erase/", {"sure": "on"})
    finally:
        signals.customer_erased.disconnect(hears)
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"{settings.COGNITO_ORIGIN}/logout?")
    [(customer_id, at)] = erased
    assert customer_id == sub
    assert not pool.has(pool.reader)
    assert SessionItem.count() == 0
    assert not browser.is_signed_in()
    assert not other.is_signed_in()
    [item] = CustomerItem.scan()
    assert item.to_simple_dict() == {
        "id": sub,
        "schemaVersion": 1,
        "disabled": False,
        "addresses": [],
        "firstSeenAt": item.to_simple_dict()["firstSeenAt"],
        "erasedAt": item.to_simple_dict()["erasedAt"],
    }
    assert item.erased_at == at


def test_a_room_may_refuse_before_anything_is_changed(pool, browser):
    def refuses(**kwargs):
        raise ErasureRefusedError("An order is on its way to you. Please wait until it has come.")

    browser.sign_in(pool.reader, pool.password)
    signals.customer_erasure_asked.connect(refuses)
    try:
        response = browser.send("/account/erase/", {"sure": "on"})
    finally:
        signals.customer_erasure_asked.disconnect(refuses)
    assert response.status_code == 422
    assert "An order is on its way" in response.content.decode()
    assert pool.has(pool.reader)
    assert browser.is_signed_in()


def test_an_erasure_that_failed_half_way_can_be_asked_again(pool, browser, monkeypatch):
    browser.sign_in(pool.reader, pool.password)

    def away(**kwargs):
        raise RuntimeError("Cognito is away")

    browser.shop.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(aws.cognito(), "admin_delete_user", away)
        assert browser.send("/account/erase/", {"sure": "on"}).status_code == 500
    assert browser.is_signed_in()
    assert browser.send("/account/erase/", {"sure": "on"}).status_code == 303
    assert not pool.has(pool.reader)
    assert not browser.is_signed_in()


def test_erasing_twice_is_erasing_once(pool, now):
    for _ in range(2):
        services.erase_customer(customer_id="c-1", at=now)
    assert CustomerItem.get("c-1").erased_at == now


def test_whoever_comes_back_begins_afresh(pool, now):
    services.erase_customer(customer_id="c-1", at=now)
    services.record_sign_in(customer_id="c-1", email="ada@example.com", name="Ada", at=now)
    assert CustomerItem.get("c-1").erased_at is None
