"""DynamoDB away, hanging or throttling: a 503 in plain words within five seconds, never a traceback."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from django.conf import settings as shop_settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from pynamodb.exceptions import PutError

import bookstore.urls
from bookstore import middleware
from bookstore.dynamodb.sessions import SessionStore
from catalog import selectors
from catalog.errors import BookNotFoundError
from catalog.models import Book

PATIENCE_SECONDS = 5
READERS = 16  # at once; each may wait for a time-out

# What needs nothing from DynamoDB, and so answers as ever.
WITHOUT_STORE = {
    "robots",
    "sitemap-part",  # from the bucket, where there is none
    "favicon",
    "healthz",
    "oidc_authentication_init",  # for strangers: an attempt is a cookie
    "oidc_authentication_callback",
    "sign-up",
    "forgotten-password",
    "sign-in-failed",
    "catalog:suggest",  # OpenSearch alone
    "leaderboard:bestsellers",  # with nothing sold there is no book to read
    "leaderboard:top-rated",
}


@pytest.fixture(autouse=True)
def cold_caches(shop):
    """Keep nothing in the process that a page could be made of without the store."""
    selectors.forget_categories()


def fresh(browser):
    """Return a copy of a browser that reports a 500 instead of raising it, for use in a thread."""
    copy = Client(raise_request_exception=False, headers={"sec-fetch-site": "same-origin"})
    copy.cookies = browser.cookies.copy()
    return copy


def asked(browser, address, method="get", **rest):
    """Return the answer and how many seconds it took."""
    started = time.perf_counter()
    response = getattr(fresh(browser), method)(address.path, **rest)
    return address, response, time.perf_counter() - started


def complaints(answers):
    """Return every answer that is not as promised."""
    wrong = []
    for address, response, seconds in answers:
        page = response.content.decode()
        if seconds > PATIENCE_SECONDS:
            wrong.append(f"{address.path} took {seconds:.1f} s")
        if response.status_code >= 500 and response.status_code != 503:
            wrong.append(f"{address.path} answered {response.status_code}")
        if "Traceback" in page or "pynamodb" in page:
            wrong.append(f"{address.path} shows its insides")
        if response.status_code == 503 and address.name not in {"readyz", "orders:payment-webhook"}:
            if response.headers.get("Retry-After") != "5":
                wrong.append(f"{address.path} does not say when to come back")
            if 'id="main"' not in page or "Please try again" not in page:
                wrong.append(f"{address.path} says nothing")
    return wrong


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_every_page_a_reader_opens_says_so_in_time(shop, reader, wire, fault):
    with getattr(wire.dynamodb, fault)(), ThreadPoolExecutor(READERS) as readers:
        answers = list(readers.map(lambda address: asked(reader, address), shop.addresses()))
    assert complaints(answers) == []
    needs_store = [
        (address.name, response.status_code)
        for address, response, _ in answers
        if address.name not in WITHOUT_STORE and response.status_code not in (503, 405)
    ]
    assert needs_store == []


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_every_page_a_stranger_opens_says_so_in_time(shop, stranger, wire, fault):
    with getattr(wire.dynamodb, fault)(), ThreadPoolExecutor(READERS) as readers:
        answers = list(readers.map(lambda address: asked(stranger, address), shop.addresses()))
    assert complaints(answers) == []
    unavailable = {address.name for address, response, _ in answers if response.status_code == 503}
    assert {"home", "catalog:categories", "catalog:category", "catalog:book", "catalog:author"} <= unavailable


def test_readers_who_wait_for_one_answer_of_a_hanging_store_do_not_queue(shop, stranger, wire):
    def opened(_number):
        started = time.perf_counter()
        status = fresh(stranger).get("/categories/").status_code
        return status, time.perf_counter() - started

    with wire.dynamodb.stall(), ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(opened, range(8)))
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < PATIENCE_SECONDS


def test_categories_that_were_read_before_do_while_the_store_is_away(shop, stranger, wire, monkeypatch):
    assert stranger.get("/categories/").status_code == 200
    monkeypatch.setattr(selectors, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 61))
    with wire.dynamodb.refuse():
        page = stranger.get("/categories/")
    assert page.status_code == 200
    assert "Fiction" in page.content.decode()


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_every_form_says_so_in_time(shop, reader, wire, fault):
    form = {"bookId": shop.samples[""]["book_id"], "quantity": "1", "price": "7.99", "sure": "on"}
    addresses = [each for each in shop.addresses() if not each.is_webhook]
    with getattr(wire.dynamodb, fault)(), ThreadPoolExecutor(READERS) as readers:
        answers = list(readers.map(lambda address: asked(reader, address, "post", data=form), addresses))
    assert complaints(answers) == []
    done = [address.path for address, response, _ in answers if response.status_code not in (503, 405)]
    assert done == []


def test_a_form_that_failed_changed_nothing(shop, reader, wire):
    before = reader.get("/cart/").content
    with wire.dynamodb.refuse():
        assert reader.post("/account/erase/", {"sure": "on"}).status_code == 503
        assert (
            reader.post("/cart/add/", {"bookId": shop.samples[""]["book_id"], "quantity": "1"}).status_code
            == 503
        )
    assert reader.get("/cart/").content == before
    assert "1 Library Lane" in reader.get("/account/").content.decode()


def test_htmx_gets_the_same_words(shop, reader, wire):
    with wire.dynamodb.refuse():
        plain = reader.get("/cart/")
        scripted = reader.get("/cart/", headers={"HX-Request": "true"})
    assert scripted.status_code == plain.status_code == 503
    assert scripted.content == plain.content
    assert b'<main id="main"' in scripted.content


def test_the_session_stays_when_the_store_comes_back(shop, reader, wire):
    with wire.dynamodb.refuse():
        response = reader.get("/account/")
    assert response.status_code == 503
    assert shop_settings.SESSION_COOKIE_NAME not in response.cookies
    assert reader.get("/account/").status_code == 200


def test_throttling_is_a_503_too(shop, stranger, monkeypatch):
    def throttled(*args, **kwargs):
        answer = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}
        raise PutError("no", ClientError(answer, "PutItem"))

    monkeypatch.setattr(selectors, "get_book", throttled)
    assert stranger.get(shop.path("catalog:book")).status_code == 503


def test_books_that_are_left_for_later_again_and_again_are_a_503_too(shop, reader, monkeypatch):
    busy = {
        "Responses": {},
        "UnprocessedKeys": {Book.Meta.table_name: {"Keys": [{"id": {"S": shop.samples[""]["book_id"]}}]}},
    }
    monkeypatch.setattr(Book._get_connection(), "batch_get_item", lambda keys: busy)
    reader.raise_request_exception = False
    assert reader.get("/cart/").status_code == 503


class Asking:
    """The shop's URLconf with one more view, which asks the store for a book eight times."""

    @staticmethod
    def ask(_request=None):
        for _ in range(8):
            with suppress(BookNotFoundError):
                selectors.get_book("nobody-wrote-it")
        return HttpResponse("asked")

    urlpatterns = [path("ask/", ask), *bookstore.urls.urlpatterns]
    handler500 = bookstore.urls.handler500


def test_many_slow_answers_are_no_longer_waited_for_than_one_that_never_comes(
    settings, stranger, monkeypatch
):
    settings.ROOT_URLCONF = Asking()
    send, sent = URLLib3Session.send, []

    def slow(self, request):
        sent.append(request)
        time.sleep(0.1)
        return send(self, request)

    monkeypatch.setattr(URLLib3Session, "send", slow)
    monkeypatch.setattr(middleware, "STORE_PATIENCE_SECONDS", 0.25)
    response = stranger.get("/ask/")
    assert response.status_code == 503
    assert 1 <= len(sent) <= 3
    sent.clear()
    Asking.ask()  # what no reader waits for takes the time it needs
    assert len(sent) == 8


def test_a_slow_store_leaves_time_to_say_so():
    to_connect = to_be_read = shop_settings.STORE_TIMEOUT_SECONDS
    patience = middleware.STORE_PATIENCE_SECONDS + to_connect + to_be_read
    assert patience < PATIENCE_SECONDS


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
def test_a_mistake_of_ours_is_a_500_without_a_traceback(shop, stranger, monkeypatch, code):
    def refused(*args, **kwargs):
        raise PutError("no", ClientError({"Error": {"Code": code, "Message": "secret detail"}}, "PutItem"))

    monkeypatch.setattr(selectors, "get_book", refused)
    stranger.raise_request_exception = False
    response = stranger.get(shop.path("catalog:book"))
    assert response.status_code == 500
    page = response.content.decode()
    assert "Traceback" not in page
    assert "secret detail" not in page
    assert response.headers["Cache-Control"] == "private, no-store"


class Touching:
    """The shop's URLconf with one more view, which changes the session."""

    @staticmethod
    def touch(request):
        request.session["theme"] = "dark"
        return HttpResponse("touched")

    urlpatterns = [path("touch/", touch), *bookstore.urls.urlpatterns]
    handler500 = bookstore.urls.handler500


@pytest.fixture
def touching(settings, empty_stores, sign_in):
    settings.ROOT_URLCONF = Touching()
    browser = sign_in()
    browser.raise_request_exception = False
    return browser


def test_a_session_that_cannot_be_saved_is_a_503_as_well(touching, monkeypatch, wire):
    """Saving happens after the view, where no middleware sees the exception pass."""
    save = SessionStore.save

    def away(self, **how):
        with wire.dynamodb.refuse():
            save(self, **how)

    with monkeypatch.context() as patched:
        patched.setattr(SessionStore, "save", away)
        response = touching.get("/touch/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert "Please try again" in response.content.decode()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert not response.cookies
    assert touching.get("/touch/").status_code == 200


def test_a_session_ended_meanwhile_is_no_outage(touching, monkeypatch):
    save = SessionStore.save

    def after_signing_out_elsewhere(self, **how):
        SessionStore(self.session_key).delete()
        save(self, **how)

    monkeypatch.setattr(SessionStore, "save", after_signing_out_elsewhere)
    response = touching.get("/touch/")
    assert response.status_code == 400
    assert "Traceback" not in response.content.decode()
