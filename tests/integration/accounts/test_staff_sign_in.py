"""Who gets into the admin, and for how long. Cognito is the local AWS's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from bookstore import aws
from bookstore.accounts import services
from bookstore.devstack.cloud import OWNER, STAFF
from bookstore.dynamodb.sessions import SessionStore


def age(browser: Any, **by: float) -> None:
    """Make a session as old as that: the groups in it, and the sign-in if so said."""
    session = SessionStore(browser.session)
    claims = dict(session[services.CLAIMS_KEY])
    for name, minutes in by.items():
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        claims[name] = at.isoformat(timespec="seconds")
    session[services.CLAIMS_KEY] = claims
    session.save()


def test_the_owner_signs_in_at_cognito_and_comes_back_to_the_admin(pool: Any, browser: Any) -> None:
    first = browser.shop.get("/admin/", follow=False)
    second = browser.shop.get(first.headers["Location"])
    assert second.headers["Location"].startswith(f"{settings.LOGIN_URL}?next=%2Fadmin%2F")
    answer = browser.sign_in(OWNER, pool.password, next_page="/admin/")
    assert answer.headers["Location"] == "/admin/"
    page = browser.shop.get("/admin/").content.decode()
    assert "/admin/catalog/book/" in page
    assert "Olga Owner" in page
    assert browser.send("/admin/logout/").status_code == 302
    assert not browser.is_signed_in()


def test_a_removed_group_and_a_disabled_person_are_out_within_a_minute(pool: Any, browser: Any) -> None:
    browser.sign_in(OWNER, pool.password)
    aws.cognito().admin_remove_user_from_group(UserPoolId=pool.id, Username=OWNER, GroupName="owner")
    assert browser.shop.get("/admin/catalog/book/add/").status_code == 200
    age(browser, checked_at=1.1)
    assert browser.shop.get("/admin/catalog/book/add/").status_code == 403
    assert browser.shop.get("/admin/catalog/book/").status_code == 200
    aws.cognito().admin_remove_user_from_group(UserPoolId=pool.id, Username=OWNER, GroupName="staff")
    age(browser, checked_at=1.1)
    assert browser.shop.get("/admin/", follow=True).status_code == 403
    assert browser.is_signed_in()


def test_a_disabled_person_is_signed_out(pool: Any, browser: Any) -> None:
    browser.sign_in(STAFF, pool.password)
    aws.cognito().admin_disable_user(UserPoolId=pool.id, Username=STAFF)
    age(browser, checked_at=1.1)
    assert browser.shop.get("/admin/").status_code == 302
    assert not browser.is_signed_in()


@pytest.mark.parametrize(
    ("ages", "again"),
    [
        ({"checked_at": 29}, False),
        ({"checked_at": 31}, True),
        ({"signed_in_at": 12 * 60 - 1}, False),
        ({"signed_in_at": 12 * 60 + 1}, True),
    ],
)
def test_a_session_is_good_for_the_admin_for_so_long_and_for_the_shop_longer(
    pool: Any, browser: Any, ages: dict[str, float], again: bool
) -> None:
    browser.sign_in(STAFF, pool.password)
    age(browser, **ages)
    answer = browser.shop.get("/admin/catalog/book/?q=x")
    assert answer.status_code == (302 if again else 200)
    assert browser.is_signed_in()
    if not again:  # the next half hour begins now
        checked = SessionStore(browser.session)[services.CLAIMS_KEY]["checked_at"]
        assert datetime.now(UTC) - datetime.fromisoformat(checked) < timedelta(minutes=1)
    if again:
        at_cognito = browser.shop.get(answer.headers["Location"]).headers["Location"]
        assert "prompt=login" in at_cognito
        back = browser.come_back(browser.sign_in_at_cognito(at_cognito, STAFF, pool.password))
        assert back.headers["Location"] == "/admin/catalog/book/?q=x"
        assert browser.shop.get("/admin/").status_code == 200


def test_who_signs_out_everywhere_behind_the_counter_is_led_to_sign_in(pool: Any, browser: Any) -> None:
    browser.sign_in(OWNER, pool.password)
    age(browser, checked_at=1.5)  # the groups are asked for, and kept, in the same request
    own = f"/admin/accounts/customer/{pool.sub(OWNER)}/"
    answer = browser.send(f"{own}do/sign_out/", {"_token": "0" * 16})
    assert (answer.status_code, answer.headers.get("Location")) == (302, f"{own}change/")
    assert browser.shop.get(f"{own}change/").headers["Location"].startswith("/admin/login/")
    assert not browser.is_signed_in()


def test_two_tabs_that_are_due_together_both_stay(pool: Any, browser: Any) -> None:
    browser.sign_in(STAFF, pool.password)
    age(browser, checked_at=2)

    def tab() -> int:
        mine = Client()
        mine.cookies[settings.SESSION_COOKIE_NAME] = browser.session
        return mine.get("/admin/").status_code

    with ThreadPoolExecutor(2) as tabs:
        assert [each.result() for each in [tabs.submit(tab) for _ in range(2)]] == [200, 200]
    assert browser.shop.get("/admin/").status_code == 200


def test_nobody_gets_in_while_cognito_does_not_answer(
    pool: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in(STAFF, pool.password)
    age(browser, checked_at=2)
    monkeypatch.setattr(settings, "COGNITO_USER_POOL_ID", "eu-west-2_nosuchpool")
    answer = browser.shop.get("/admin/")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert browser.shop.get("/account/").status_code == 200
