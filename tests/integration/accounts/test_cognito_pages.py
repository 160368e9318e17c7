"""The stand-in for Cognito's sign-up and forgotten-password pages, over HTTP and the local AWS's API."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import requests
from django.conf import settings as shop_settings

from bookstore import aws
from bookstore.devstack import cognito_pages
from bookstore.devstack.stores import ROOT, free_port
from tests import settings as ports

NEWCOMER, PASSWORD = "newcomer@example.com", "Bookstore-2!"


def environment(**others):
    """What the pages are told by `make run`."""
    told = {name: str(getattr(shop_settings, name)) for name in cognito_pages.NEEDED}
    return {**told, "AWS_ENDPOINT_URL": ports.COGNITO, **others}


@pytest.fixture
def pages(pool, monkeypatch):
    # A client takes longer to make than a page: one does for all tests, as the pool stays the same.
    monkeypatch.setattr(cognito_pages.boto3, "client", lambda name, **_: aws.cognito())
    server = cognito_pages.Pages(port=0, pool=cognito_pages.Pool(environment()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fill(pages):
    def filled(path, **form):
        return requests.post(f"{pages.origin}{path}", data=form, timeout=10)

    return filled


def sentence(response):
    """Return what the page complains of."""
    return " ".join(re.findall(r'class="wrong[^"]*"[^>]*>([^<]*)<', response.text))


def test_a_newcomer_opens_an_account_and_signs_in(pages, fill, browser):
    form = requests.get(f"{pages.origin}/signup", timeout=10).text
    assert "Local stand-in" in form
    assert "At least 10 characters, among them a capital letter, a small letter and a digit." in form
    response = fill("/signup", email=NEWCOMER, password=PASSWORD, name="Nell Newcomer")
    assert response.url == f"{pages.origin}/confirmUser?email=newcomer%40example.com"
    assert "accepts any code" in response.text
    response = fill("/confirmUser", email=NEWCOMER, code="123456")
    assert response.url == f"{pages.origin}/accountOpen"
    assert 'href="http://localhost:8000/oidc/authenticate/"' in response.text
    assert browser.sign_in(NEWCOMER, PASSWORD, "/cart/").headers["Location"] == "/cart/"
    assert NEWCOMER in browser.shop.get("/account/").content.decode()


def test_an_account_is_only_open_once_it_is_confirmed(fill, browser):
    fill("/signup", email=NEWCOMER, password=PASSWORD)
    with pytest.raises(AssertionError, match="not confirmed"):
        browser.sign_in(NEWCOMER, PASSWORD)


def test_a_forgotten_password_is_replaced(pages, fill, browser, another_browser, pool):
    response = fill("/forgotPassword", email=pool.reader)
    assert response.url == f"{pages.origin}/confirmForgotPassword?email=reader%40example.com"
    assert f'value="{pool.reader}"' in response.text
    response = fill("/confirmForgotPassword", email=pool.reader, code="654321", password=PASSWORD)
    assert response.url == f"{pages.origin}/passwordChanged"
    assert browser.sign_in(pool.reader, PASSWORD).status_code == 302
    with pytest.raises(AssertionError, match="Incorrect"):
        another_browser().sign_in(pool.reader, pool.password)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            {"email": "reader@example.com", "password": PASSWORD},
            "There is an account with this e-mail address already",
        ),
        ({"email": NEWCOMER, "password": "short"}, "This password is too weak."),
        ({"email": NEWCOMER, "password": "alllowercase1"}, "This password is too weak."),
        ({"email": "nobody", "password": PASSWORD}, "Enter an e-mail address such as"),
        ({"email": "", "password": PASSWORD}, "Enter an e-mail address such as"),
        ({"email": NEWCOMER, "password": ""}, "Choose a password."),
        ({}, "Enter an e-mail address such as"),
    ],
)
def test_what_is_wrong_with_a_new_account_is_said_beside_its_field(fill, form, said):
    response = fill("/signup", **form)
    assert response.status_code == 422
    assert said in sentence(response)
    assert response.text.count('aria-invalid="true"') == 1
    assert not form.get("password") or form["password"] not in response.text
    if form.get("email"):
        assert f'value="{form["email"]}"' in response.text


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/confirmUser", {"email": NEWCOMER, "code": ""}, "Enter the code."),
        ("/confirmUser", {"email": "nobody@example.com", "code": "1"}, "That is not the code"),
        (
            "/confirmForgotPassword",
            {"email": "reader@example.com", "code": "1", "password": "weak"},
            "too weak",
        ),
        ("/forgotPassword", {"email": ""}, "Enter an e-mail address such as"),
    ],
)
def test_the_other_forms_say_what_is_wrong_too(fill, path, form, said):
    response = fill(path, **form)
    assert response.status_code == 422
    assert said in sentence(response)


def test_an_unknown_address_is_not_told_apart(pages, fill):
    assert fill("/forgotPassword", email="nobody@example.com").url.startswith(
        f"{pages.origin}/confirmForgotPassword"
    )


def test_what_was_typed_cannot_become_part_of_the_page(pages, fill):
    response = fill("/signup", email='"><script>alert(1)</script>', password=PASSWORD)
    assert "<script>" not in response.text
    shown = requests.get(f"{pages.origin}/confirmUser", params={"email": '"><b>x'}, timeout=10)
    assert "<b>x" not in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_another_site_can_neither_send_nor_pose_as_this_machine(pages):
    form = {"email": NEWCOMER, "password": PASSWORD}
    address = f"{pages.origin}/signup"
    assert (
        requests.post(address, form, headers={"Origin": "http://evil.example"}, timeout=10).status_code == 403
    )
    assert requests.get(address, headers={"Host": "evil.example"}, timeout=10).status_code == 421
    assert requests.post(address, form, headers={"Host": "evil.example"}, timeout=10).status_code == 421


def test_a_browser_says_where_these_forms_come_from(pages):
    # Under `no-referrer` Chromium sends `Origin: null` with every form, and all would be refused.
    shown = requests.get(f"{pages.origin}/signup", timeout=10)
    assert shown.headers["Referrer-Policy"] == "same-origin"
    own = requests.post(f"{pages.origin}/signup", {}, headers={"Origin": pages.origin}, timeout=10)
    assert own.status_code == 422


def test_other_addresses_are_a_404_with_a_way_back(pages):
    response = requests.get(f"{pages.origin}/nothing", timeout=10)
    assert response.status_code == 404
    assert 'href="http://localhost:8000"' in response.text
    assert requests.post(f"{pages.origin}/", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/signup", "/confirmUser", "/forgotPassword", "/confirmForgotPassword"]
)
def test_every_page_is_whole_without_scripts(pages, path):
    response = requests.get(f"{pages.origin}{path}", timeout=10)
    assert response.status_code == 200
    assert "<script" not in response.text
    assert "style=" not in response.text
    assert '<html lang="en-GB">' in response.text
    assert len(re.findall("<h1>", response.text)) == 1
    assert set(re.findall(r'<label for="(\w+)"', response.text)) == set(
        re.findall(r'<input id="(\w+)"', response.text)
    )


def test_a_local_aws_that_is_away_is_said_in_words(pool):
    away = cognito_pages.Pool(environment(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(cognito_pages.RefusedError, match="does not answer"):
        away.sign_up(email=NEWCOMER, password=PASSWORD, name="")


@pytest.mark.parametrize("address", ["https://cognito-idp.eu-west-2.amazonaws.com", "http://10.0.0.5:4566"])
def test_a_pool_that_is_not_on_this_machine_is_refused(address):
    with pytest.raises(cognito_pages.NotLocalError):
        cognito_pages.Pool(environment(AWS_ENDPOINT_URL=address))


def run(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "bookstore.devstack.cognito_pages", *arguments],
        cwd=ROOT,
        env={**os.environ, "AWS_ENDPOINT_URL": ports.COGNITO, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--port", "0", "--host", "0.0.0.0"), {}, "127.0.0.1 alone"),  # noqa: S104 - what is refused
        (("--port", "0", "--host", "::"), {}, "127.0.0.1 alone"),
        (("--port", "0"), {"STAGE": "production"}, "outside development"),
        (("--port", "0"), {"COGNITO_CLIENT_ID": ""}, "Set COGNITO_CLIENT_ID"),
        (
            ("--port", "0"),
            {"AWS_ENDPOINT_URL": "https://cognito-idp.eu-west-2.amazonaws.com"},
            "not on this machine",
        ),
    ],
)
def test_it_does_not_start_where_it_must_not(arguments, environment, said):
    process = run(*arguments, **environment)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said in told
    assert "Traceback" not in told


def test_it_starts_by_itself_and_ends_when_told(pool):
    process = run("--port", "0")
    try:
        line = process.stdout.readline()
        address = re.search(r"listening on (http://127\.0\.0\.1:\d+)", line)[1]
        assert requests.get(address, timeout=10).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_said_in_words(pages):
    process = run("--port", str(pages.server_address[1]))
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen on port" in told
