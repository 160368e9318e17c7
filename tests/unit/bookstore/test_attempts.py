from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from bookstore.accounts import attempts


def back_with(*responses: HttpResponse) -> HttpRequest:
    """Ask again with the cookies that these answers left in the browser."""
    request = RequestFactory().get("/oidc/callback/")
    for response in responses:
        for name, cookie in response.cookies.items():
            if cookie["max-age"] == 0:
                request.COOKIES.pop(name, None)
            else:
                request.COOKIES[name] = cookie.value
    return request


def begun(
    request: HttpRequest | None = None, next_page: str = "/cart/"
) -> tuple[attempts.Attempt, HttpResponse]:
    attempt, response = attempts.begin(next_page=next_page), HttpResponse()
    attempt.keep(request or RequestFactory().get("/"), response)
    return attempt, response


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/cart/",
        "/books/b-1/pride-and-prejudice/?from=home&x=1#reviews",
        "/search/?q=a%20b%26c",
        "/search/?q=http://evil.example/",
        "/authors/bront%C3%AB/",
        "/authors/brontë/",
    ],
)
def test_a_page_of_this_site_is_gone_on_to(page: str) -> None:
    assert attempts.safe_next(page) == page


@pytest.mark.parametrize(
    "page",
    [
        None,
        "",
        "cart/",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "/cart\\..\\",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/cart/\r\nSet-Cookie: a=b",
        "/\x00/evil.example",
        "/\x1b/evil",
        "/\u200b/evil.example",
        "/\u2028/evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "http://localhost:8000/cart/",
        "http://localhost:8001/",
        "http://localhost:8000@evil.example/",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "@evil.example",
        "/oidc/logout/",
        "/oidc/authenticate/?next=/oidc/authenticate/",
        "/" + "a" * 600,
    ],
)
def test_nothing_else_is(page: str | None) -> None:
    assert attempts.safe_next(page) == "/"


def test_an_attempt_comes_back_with_all_it_needs() -> None:
    attempt, response = begun()
    assert attempts.find(back_with(response), state=attempt.state) == attempt


def test_secrets_are_drawn_afresh_and_long() -> None:
    one, other = attempts.begin(next_page="/"), attempts.begin(next_page="/")
    for name in ("state", "nonce", "verifier"):
        assert getattr(one, name) != getattr(other, name)
        assert len(getattr(one, name)) >= 43  # RFC 7636 asks no less of a verifier
    assert one.challenge != one.verifier


def test_two_tabs_keep_an_attempt_each() -> None:
    one, first = begun(next_page="/cart/")
    other, second = begun(back_with(first), next_page="/account/")
    browser = back_with(first, second)
    assert attempts.find(browser, state=one.state) == one
    assert attempts.find(browser, state=other.state) == other


def test_the_cookie_is_out_of_reach_for_scripts_and_comes_back_from_cognito() -> None:
    _, response = begun()
    [cookie] = response.cookies.values()
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 600
    assert cookie.key.startswith("p8000-sign-in-")


def test_behind_https_the_cookie_is_bound_to_the_host(settings: Any) -> None:
    settings.COOKIE_PREFIX, settings.SESSION_COOKIE_SECURE = "__Host-", True
    _, response = begun()
    [cookie] = response.cookies.values()
    assert cookie.key.startswith("__Host-sign-in-")
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


def test_another_browser_has_no_such_attempt() -> None:
    attempt, _ = begun()
    assert attempts.find(RequestFactory().get("/"), state=attempt.state) is None


@pytest.mark.parametrize("state", ["", "x", "☃", "../../etc"])
def test_a_made_up_state_finds_nothing(state: str) -> None:
    _, response = begun()
    assert attempts.find(back_with(response), state=state) is None


def test_a_state_of_the_same_beginning_finds_nothing() -> None:
    attempt, response = begun()
    assert attempts.find(back_with(response), state=attempt.state[:12] + "x" * 31) is None


def test_a_forged_cookie_finds_nothing() -> None:
    attempt, response = begun()
    browser = back_with(response)
    browser.COOKIES[attempt.cookie_name] = "x" + browser.COOKIES[attempt.cookie_name]
    assert attempts.find(browser, state=attempt.state) is None
    browser.COOKIES[attempt.cookie_name] = signing.dumps({"state": attempt.state}, salt=attempts.SALT)
    assert attempts.find(browser, state=attempt.state) is None


def test_an_attempt_is_good_for_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt, response = begun()
    clock = attempt.begun_at
    monkeypatch.setattr(signing.time, "time", lambda: clock + 595)
    assert attempts.find(back_with(response), state=attempt.state)
    monkeypatch.setattr(signing.time, "time", lambda: clock + 605)
    assert attempts.find(back_with(response), state=attempt.state) is None


def test_only_the_five_youngest_attempts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    begun_ones, responses = [], []
    for second in range(7):
        monkeypatch.setattr(attempts.time, "time", lambda at=1_800_000_000.0 + second: at)
        attempt, response = begun(back_with(*responses))
        begun_ones.append(attempt)
        responses.append(response)
    browser = back_with(*responses)
    assert [attempts.find(browser, state=each.state) is not None for each in begun_ones] == [False] * 2 + [
        True
    ] * 5


def test_five_attempts_fit_beside_other_cookies() -> None:
    # API Gateway refuses requests whose headers exceed 10,240 bytes.
    responses: list[HttpResponse] = []
    for _ in range(5):
        responses.append(begun(back_with(*responses), next_page="/search/?q=" + "ä" * 480)[1])
    sent = SimpleCookie(back_with(*responses).COOKIES).output(header="", sep=";")
    assert len(sent) < 6 * 1024
