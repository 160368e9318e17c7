"""Sign-in on Cognito's own page, from the shop and back, against the local user pool."""

import base64
import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings as shop_settings
from django.http import HttpResponse

from bookstore import aws
from bookstore.accounts import oidc, services, signals
from bookstore.accounts.models import CustomerItem
from bookstore.dynamodb.models import SessionItem
from bookstore.dynamodb.sessions import SessionStore, hash_of


def query(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_reader_signs_in_and_goes_on_where_they_were(pool, browser):
    response = browser.sign_in(pool.reader, pool.password, "/cart/?from=checkout")
    assert (response.status_code, response.headers["Location"]) == (302, "/cart/?from=checkout")
    assert pool.reader in browser.shop.get("/account/").content.decode()
    [item] = CustomerItem.scan()
    assert (item.customer_id, item.email, item.name) == (pool.sub(pool.reader), pool.reader, "Ada Reader")
    assert item.first_seen_at


def test_the_way_to_cognito_carries_state_nonce_and_pkce(pool, browser):
    sent = query(browser.leave_for_cognito())
    assert sent["response_type"] == "code"
    assert sent["client_id"] == shop_settings.COGNITO_CLIENT_ID
    assert sent["scope"] == "openid email profile"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["code_challenge"]) == 43
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    assert query(browser.leave_for_cognito())["state"] != sent["state"]


def test_the_way_back_never_comes_from_the_host_header(pool, browser):
    address = browser.leave_for_cognito(host="evil.example", **{"x-forwarded-host": "evil.example"})
    assert query(address)["redirect_uri"] == "http://localhost:8000/oidc/callback/"
    back = browser.sign_in_at_cognito(address, pool.reader, pool.password)
    response = browser.come_back(back, host="abc123.execute-api.eu-west-2.amazonaws.com")
    assert response.headers["Location"] == "/"
    assert browser.is_signed_in()


@pytest.mark.parametrize(
    "evil", ["//evil.example", "/\\evil.example", "https:evil.example", "http://localhost:8001/"]
)
def test_nobody_is_led_off_the_site(pool, browser, evil):
    assert browser.sign_in(pool.reader, pool.password, evil).headers["Location"] == "/"


def test_groups_come_with_the_token(pool, browser, another_browser):
    browser.sign_in(pool.staff, pool.password)
    other = another_browser()
    other.sign_in(pool.reader, pool.password)
    assert SessionStore(browser.session)["customer"]["groups"] == ["staff"]
    assert SessionStore(other.session)["customer"]["groups"] == []


def test_neither_session_nor_cookies_hold_a_token(pool, browser):
    address = browser.sign_in_at_cognito(browser.leave_for_cognito(), pool.reader, pool.password)
    browser.come_back(address)
    kept = json.dumps(dict(SessionStore(browser.session).items()))
    cookies = " ".join(cookie.value for cookie in browser.shop.cookies.values())
    for secret in ("eyJ", query(address)["code"], shop_settings.COGNITO_CLIENT_SECRET):
        assert secret not in kept
        assert secret not in cookies


def test_a_signed_in_page_costs_its_own_reads_and_the_session(pool, browser, wire):
    with wire.count() as stranger:
        browser.shop.get("/account/")
    assert stranger.total == 0
    browser.sign_in(pool.reader, pool.password)
    browser.is_signed_in()
    wire.dynamodb.requests.clear()
    with wire.count() as calls:
        assert browser.is_signed_in()
    assert calls.total == 2
    assert wire.dynamodb.requests == ["GetItem", "GetItem"]


def test_beginning_a_sign_in_leaves_nothing_behind(pool, browser, wire):
    with wire.count() as calls:
        browser.leave_for_cognito()
    assert calls.total == 0
    assert SessionItem.count() == 0
    assert not browser.session


def test_cognitos_keys_are_fetched_once_for_many_sign_ins(pool, another_browser, monkeypatch):
    fetched = []
    get = requests.get
    monkeypatch.setattr(oidc.requests, "get", lambda url, **rest: fetched.append(url) or get(url, **rest))
    for _ in range(3):
        another_browser().sign_in(pool.reader, pool.password)
    assert [url for url in fetched if "jwks" in url] == [shop_settings.OIDC_OP_JWKS_ENDPOINT]


# Sessions.


def test_a_key_set_before_signing_in_is_worth_nothing_afterwards(pool, browser):
    planted = SessionStore()
    planted["theme"] = "planted"
    planted.create()
    browser.shop.cookies[shop_settings.SESSION_COOKIE_NAME] = planted.session_key
    browser.sign_in(pool.reader, pool.password)
    assert browser.session != planted.session_key
    assert browser.is_signed_in()
    browser.shop.cookies[shop_settings.SESSION_COOKIE_NAME] = planted.session_key
    assert not browser.is_signed_in()


def test_signing_in_over_another_persons_session_takes_nothing_of_it(pool, browser):
    theirs = services.session_for(
        customer_id="c-9", email="other@example.com", at=oidc.datetime.now(oidc.UTC)
    )
    address = browser.sign_in_at_cognito(browser.leave_for_cognito(), pool.reader, pool.password)
    browser.shop.cookies[shop_settings.SESSION_COOKIE_NAME] = theirs
    browser.come_back(address)
    assert browser.session != theirs
    page = browser.shop.get("/account/").content.decode()
    assert pool.reader in page
    assert "other@example.com" not in page


def test_signing_out_ends_the_session_and_cognitos(pool, browser):
    browser.sign_in(pool.reader, pool.password)
    stolen = browser.session
    response = browser.send("/oidc/logout/")
    assert response.status_code == 302
    address = response.headers["Location"]
    assert address.startswith(f"{shop_settings.COGNITO_ORIGIN}/logout?")
    assert query(address) == {
        "client_id": shop_settings.COGNITO_CLIENT_ID,
        "logout_uri": "http://localhost:8000/",
    }
    at_cognito = requests.get(address, allow_redirects=False, timeout=10)
    assert (at_cognito.status_code, at_cognito.headers["Location"]) == (302, "http://localhost:8000/")
    assert not browser.session
    browser.shop.cookies[shop_settings.SESSION_COOKIE_NAME] = stolen
    assert not browser.is_signed_in()
    assert SessionItem.count() == 0


def test_signing_out_twice_or_as_nobody_goes_home(pool, browser):
    assert browser.send("/oidc/logout/").headers["Location"] == "/"


def test_a_link_cannot_sign_anybody_out(pool, browser):
    browser.sign_in(pool.reader, pool.password)
    assert browser.shop.get("/oidc/logout/").status_code == 405
    assert browser.shop.get("/oidc/callback/", {"error": "access_denied", "state": "x"}).status_code == 302
    assert browser.is_signed_in()


def test_signing_out_while_the_store_is_away_says_so_and_leaves_the_session(pool, browser, wire):
    browser.sign_in(pool.reader, pool.password)
    with wire.dynamodb.refuse():
        assert browser.send("/oidc/logout/").status_code == 503
    assert browser.is_signed_in()


def test_signing_out_everywhere_reaches_other_browsers(pool, browser, another_browser):
    other = another_browser()
    for each in (browser, other):
        each.sign_in(pool.reader, pool.password)
    response = browser.send("/account/sign-out-everywhere/")
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"{shop_settings.COGNITO_ORIGIN}/logout?")
    assert not browser.is_signed_in()
    assert not other.is_signed_in()


def test_whoever_is_signed_in_just_goes_on(pool, browser):
    browser.sign_in(pool.reader, pool.password)
    response = browser.shop.get("/oidc/authenticate/", {"next": "/cart/"})
    assert response.headers["Location"] == "/cart/"


# Two tabs, two clicks, the back button.


def test_two_tabs_sign_in_side_by_side(pool, browser):
    one, other = browser.leave_for_cognito("/cart/"), browser.leave_for_cognito("/orders/")
    first = browser.come_back(browser.sign_in_at_cognito(one, pool.reader, pool.password))
    second = browser.come_back(browser.sign_in_at_cognito(other, pool.reader, pool.password))
    assert [first.headers["Location"], second.headers["Location"]] == ["/cart/", "/orders/"]
    assert browser.is_signed_in()


def test_the_older_tab_may_finish_last_or_first(pool, browser):
    one, other = browser.leave_for_cognito("/cart/"), browser.leave_for_cognito("/orders/")
    second = browser.come_back(browser.sign_in_at_cognito(other, pool.reader, pool.password))
    first = browser.come_back(browser.sign_in_at_cognito(one, pool.reader, pool.password))
    assert [first.headers["Location"], second.headers["Location"]] == ["/cart/", "/orders/"]


def test_two_clicks_at_once_leave_one_person_signed_in(pool, browser, another_browser):
    with ThreadPoolExecutor(2) as clicks:
        one, other = clicks.map(lambda _: browser.leave_for_cognito("/cart/"), range(2))
    for address in (one, other):
        back = browser.sign_in_at_cognito(address, pool.reader, pool.password)
        assert browser.come_back(back).headers["Location"] == "/cart/"
    assert browser.is_signed_in()


def test_reloading_the_way_back_changes_nothing(pool, browser):
    back = browser.sign_in_at_cognito(browser.leave_for_cognito("/cart/"), pool.reader, pool.password)
    browser.come_back(back)
    session = browser.session
    assert browser.come_back(back).headers["Location"] == "/"
    assert browser.session == session
    assert browser.is_signed_in()


def test_a_code_used_twice_signs_nobody_in(pool, browser, another_browser):
    address = browser.leave_for_cognito()
    back = browser.sign_in_at_cognito(address, pool.reader, pool.password)
    cookies = browser.shop.cookies.copy()
    browser.come_back(back)
    thief = another_browser()
    thief.shop.cookies = cookies
    response = thief.come_back(back)
    assert response.headers["Location"] == "/account/sign-in-failed/?reason=expired"
    assert not thief.is_signed_in()


def test_an_answer_begun_in_another_browser_signs_nobody_in(pool, browser, another_browser):
    back = another_browser().sign_in_at_cognito(browser.leave_for_cognito(), pool.reader, pool.password)
    victim = another_browser()
    victim.leave_for_cognito()
    assert victim.come_back(back).headers["Location"].endswith("?reason=expired")
    assert not victim.is_signed_in()


def test_a_code_for_another_sign_in_is_refused(pool, browser, another_browser):
    """PKCE and the nonce hold a code to the attempt it was asked for."""
    other = another_browser()
    code = query(other.sign_in_at_cognito(other.leave_for_cognito(), pool.reader, pool.password))["code"]
    state = query(browser.leave_for_cognito())["state"]
    response = browser.shop.get("/oidc/callback/", {"code": code, "state": state})
    assert response.headers["Location"].startswith("/account/sign-in-failed/")
    assert not browser.is_signed_in()


def test_pkce_is_really_proven(pool, browser):
    address = browser.leave_for_cognito()
    code = query(browser.sign_in_at_cognito(address, pool.reader, pool.password))["code"]
    form = {
        "grant_type": "authorization_code",
        "client_id": shop_settings.COGNITO_CLIENT_ID,
        "client_secret": shop_settings.COGNITO_CLIENT_SECRET,
        "code": code,
        "redirect_uri": oidc.return_url(),
    }
    answer = requests.post(shop_settings.OIDC_OP_TOKEN_ENDPOINT, data=form, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    hashed = hashlib.sha256(b"guess").digest()
    assert query(address)["code_challenge"] != base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


# What may go wrong.


def failed(response: HttpResponse) -> str:
    """Return why, from the address of the page that says so."""
    assert response.status_code == 302
    address = response.headers["Location"]
    assert address.startswith("/account/sign-in-failed/?")
    return query(address)["reason"]


def test_leaving_cognitos_page_is_no_crime(pool, browser):
    state = query(browser.leave_for_cognito("/cart/"))["state"]
    response = browser.shop.get("/oidc/callback/", {"error": "access_denied", "state": state})
    assert failed(response) == "cancelled"
    page = browser.shop.get(response.headers["Location"]).content.decode()
    assert "You left the sign-in page" in page
    assert "/oidc/authenticate/?next=%2Fcart%2F" in page


def test_an_error_of_cognito_is_said_in_words(pool, browser):
    state = query(browser.leave_for_cognito())["state"]
    said = {"error": "server_error", "error_description": "<script>alert(1)</script>", "state": state}
    response = browser.shop.get("/oidc/callback/", said)
    assert failed(response) == "refused"
    assert "<script>alert" not in browser.shop.get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize(
    "sent", [{}, {"code": "x"}, {"state": "x"}, {"code": "x", "state": "x"}, {"state": "☃"}]
)
def test_an_answer_that_is_none_signs_nobody_in(pool, browser, sent):
    assert failed(browser.shop.get("/oidc/callback/", sent)) == "expired"


@pytest.mark.parametrize(
    "reason", ["expired", "unverified", "closed", "unavailable", "cancelled", "refused", "x", ""]
)
def test_every_failure_has_its_sentence(client, reason):
    response = client.get("/account/sign-in-failed/", {"reason": reason})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private, no-store"
    page = response.content.decode()
    assert "You are not signed in" in page
    assert ("/oidc/authenticate/" in page) is (reason != "closed")


def test_an_unconfirmed_address_keeps_out(pool, browser):
    aws.cognito().admin_update_user_attributes(
        UserPoolId=pool.id,
        Username=pool.reader,
        UserAttributes=[{"Name": "email_verified", "Value": "false"}],
    )
    assert failed(browser.sign_in(pool.reader, pool.password)) == "unverified"
    assert CustomerItem.count() == 0
    assert not browser.is_signed_in()


def test_a_closed_account_stays_closed(pool, browser):
    CustomerItem(pool.sub(pool.reader), disabled=True).save()
    assert failed(browser.sign_in(pool.reader, pool.password)) == "closed"
    assert not browser.is_signed_in()
    assert CustomerItem.get(pool.sub(pool.reader)).email is None


@pytest.mark.parametrize("setting", ["OIDC_OP_TOKEN_ENDPOINT", "OIDC_OP_JWKS_ENDPOINT"])
def test_cognito_out_of_reach_is_said_in_words(pool, browser, settings, setting):
    back = browser.sign_in_at_cognito(browser.leave_for_cognito(), pool.reader, pool.password)
    setattr(settings, setting, "http://127.0.0.1:9/")
    assert failed(browser.come_back(back)) == "unavailable"
    assert not browser.is_signed_in()


def test_a_store_that_is_away_is_a_503_and_nobody_is_half_signed_in(pool, browser, wire):
    back = browser.sign_in_at_cognito(browser.leave_for_cognito(), pool.reader, pool.password)
    with wire.dynamodb.refuse():
        response = browser.come_back(back)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert not browser.session
    assert SessionItem.count() == 0


def test_a_receiver_that_fails_stops_the_sign_in(pool, browser):
    def fails(**kwargs):
        raise RuntimeError("the cart could not be merged")

    signals.customer_signed_in.connect(fails)
    browser.shop.raise_request_exception = False
    try:
        response = browser.sign_in(pool.reader, pool.password)
    finally:
        signals.customer_signed_in.disconnect(fails)
    assert response.status_code == 500
    assert not browser.session


def test_others_hear_who_signed_in(pool, browser):
    heard = []

    def hears(request, customer_id, **kwargs):
        heard.append((customer_id, request.user.customer_id))

    signals.customer_signed_in.connect(hears)
    try:
        browser.sign_in(pool.reader, pool.password)
    finally:
        signals.customer_signed_in.disconnect(hears)
    assert heard == [(pool.sub(pool.reader), pool.sub(pool.reader))]


def test_a_second_sign_in_keeps_what_the_customer_keeps(pool, browser, another_browser):
    browser.sign_in(pool.reader, pool.password)
    sub = pool.sub(pool.reader)
    address = {
        "name": "Ada",
        "line1": "1 Library Lane",
        "city": "York",
        "postcode": "YO1 7HH",
        "country": "GB",
    }
    services.remember_address(customer_id=sub, address=address)
    before = CustomerItem.get(sub)
    another_browser().sign_in(pool.reader, pool.password)
    after = CustomerItem.get(sub)
    assert (after.first_seen_at, len(after.addresses)) == (before.first_seen_at, 1)


def test_nothing_of_a_sign_in_is_written_down(pool, browser, caplog):
    caplog.set_level(logging.DEBUG, logger="bookstore")
    caplog.set_level(logging.DEBUG, logger="mozilla_django_oidc")
    caplog.set_level(logging.INFO, logger="django")
    back = browser.sign_in_at_cognito(browser.leave_for_cognito("/cart/"), pool.reader, pool.password)
    browser.come_back(back)
    browser.come_back(back)
    written = caplog.text
    sub = pool.sub(pool.reader)
    for secret in (
        query(back)["code"],
        query(back)["state"],
        pool.reader,
        "Ada Reader",
        "eyJ",
        sub,
        browser.session,
    ):
        assert secret not in written
    assert "GET /oidc/callback/ 302" in written


def test_a_session_made_under_another_key_is_nobodys(pool, browser, settings):
    browser.sign_in(pool.reader, pool.password)
    settings.SECRET_KEY = "another-" * 10
    assert not browser.is_signed_in()


def test_a_session_outlives_a_change_of_the_key_with_a_fallback(pool, browser, settings):
    browser.sign_in(pool.reader, pool.password)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-" * 10
    assert browser.is_signed_in()


def test_a_session_names_its_customer_for_the_index(pool, browser):
    browser.sign_in(pool.reader, pool.password)
    assert SessionItem.get(hash_of(browser.session)).customer_id == pool.sub(pool.reader)


# Pages that need somebody.


def test_a_stranger_is_sent_to_sign_in_and_back(client):
    response = client.get("/account/")
    assert (response.status_code, response.headers["Location"]) == (302, "/oidc/authenticate/?next=/account/")


def test_a_form_of_a_stranger_leads_back_to_its_page(client):
    response = client.post(
        "/account/sign-out-everywhere/", headers={"referer": "http://localhost:8000/account/?x=1"}
    )
    assert response.headers["Location"] == "/oidc/authenticate/?next=%2Faccount%2F%3Fx%3D1"
    response = client.post(
        "/account/sign-out-everywhere/", headers={"referer": "http://evil.example/account/"}
    )
    assert response.headers["Location"] == "/oidc/authenticate/?next=%2F"


def test_htmx_is_told_to_leave_the_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost:8000/cart/"}
    response = client.get("/account/", headers=headers)
    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == "/oidc/authenticate/?next=%2Fcart%2F"
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("page", "path"), [("sign-up", "/signup"), ("forgotten-password", "/forgotPassword")]
)
def test_on_aws_the_other_pages_are_cognitos_own(pool, browser, page, path):
    response = browser.shop.get(f"/oidc/{page}/", {"next": "/cart/"})
    address = response.headers["Location"]
    assert address.startswith(f"{shop_settings.COGNITO_ORIGIN}{path}?")
    assert query(address)["redirect_uri"] == oidc.return_url()
    assert query(address)["code_challenge"]


def test_locally_they_are_a_stand_in(browser, settings):
    settings.COGNITO_SIGN_UP_URL = "http://127.0.0.1:8200/signup"
    settings.COGNITO_FORGOTTEN_PASSWORD_URL = "http://127.0.0.1:8200/forgotPassword"
    assert browser.shop.get("/oidc/sign-up/").headers["Location"] == "http://127.0.0.1:8200/signup"
    assert (
        browser.shop.get("/oidc/forgotten-password/").headers["Location"]
        == "http://127.0.0.1:8200/forgotPassword"
    )
