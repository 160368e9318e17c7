"""Sessions: one read each, no write on reads, revocable, and never a silent stranger."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from pynamodb.exceptions import PynamoDBException

from bookstore.accounts.services import session_for, sign_out_everywhere
from bookstore.dynamodb.models import SessionItem
from bookstore.dynamodb.sessions import SessionStore, end_sessions_of, hash_of


def begun(customer_id: str = "c-1", **data: object) -> str:
    session = SessionStore()
    session[SESSION_KEY] = customer_id
    session.update(data)
    session.create()
    return session.session_key


def test_what_was_kept_is_there_again():
    key = begun(theme="dark", number=7)
    assert dict(SessionStore(key).items()) == {SESSION_KEY: "c-1", "theme": "dark", "number": 7}


def test_the_table_never_holds_what_the_cookie_holds():
    key = begun()
    [item] = SessionItem.scan()
    assert item.key_hash == hash_of(key) != key
    assert key not in str(item.to_simple_dict())


def test_reading_is_one_getitem_and_writes_nothing(wire):
    session = SessionStore(begun())
    wire.dynamodb.requests.clear()
    with wire.count() as calls:
        assert session[SESSION_KEY] == "c-1"
        assert session.get("theme") is None
        assert list(session.keys())
    assert calls.total == 1
    assert wire.dynamodb.requests == ["GetItem"]


def test_saving_is_one_call(wire):
    session = SessionStore(begun())
    session["theme"] = "dark"
    with wire.count() as calls:
        session.save()
    assert calls.total == 1


def test_a_session_that_was_never_written_costs_nothing_to_ask(wire):
    with wire.count() as calls:
        assert SessionStore(None).get("theme") is None
        assert SessionStore("short").get("theme") is None
    assert calls.total == 0


def test_an_unknown_key_is_nobody_and_is_not_taken_over():
    session = SessionStore("k" * 32)
    assert session.get(SESSION_KEY) is None
    session["theme"] = "dark"
    session.save()
    assert session.session_key != "k" * 32


def test_an_expired_session_is_nobody_though_dynamodb_still_has_it():
    key = begun()
    item = SessionItem.get(hash_of(key))
    item.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    item.save()
    assert SessionStore(key).get(SESSION_KEY) is None
    assert SessionItem.count() == 1


def test_it_lasts_as_long_as_its_cookie():
    item = SessionItem.get(hash_of(begun()))
    lasts = item.expires_at - datetime.now(UTC)
    assert abs(lasts.total_seconds() - settings.SESSION_COOKIE_AGE) < 10


def test_the_data_are_signed():
    key = begun()
    item = SessionItem.get(hash_of(key))
    item.data = item.data[:-1] + ("A" if item.data[-1] != "A" else "B")
    item.save()
    assert SessionStore(key).get(SESSION_KEY) is None


def test_a_new_key_keeps_the_data_and_ends_the_old_one():
    old = begun(theme="dark")
    session = SessionStore(old)
    session.cycle_key()
    assert session.session_key != old
    assert SessionStore(session.session_key)["theme"] == "dark"
    assert SessionStore(old).get("theme") is None


def test_a_request_under_way_cannot_bring_an_ended_session_back():
    key = begun()
    slow = SessionStore(key)
    slow["theme"] = "dark"
    SessionStore(key).flush()
    with pytest.raises(UpdateError):
        slow.save()
    assert SessionStore(key).get(SESSION_KEY) is None


def test_ending_twice_is_ending_once():
    key = begun()
    for _ in range(2):
        SessionStore(key).delete()
    assert not SessionStore().exists(key)


def test_all_sessions_of_a_customer_end_together():
    mine, other = [begun("c-1") for _ in range(30)], begun("c-2")
    assert sign_out_everywhere(customer_id="c-1") == 30
    assert all(SessionStore(key).get(SESSION_KEY) is None for key in mine)
    assert SessionStore(other)[SESSION_KEY] == "c-2"
    assert end_sessions_of("c-1") == 0


def test_many_can_begin_at_once():
    with ThreadPoolExecutor(8) as people:
        keys = list(people.map(lambda number: begun(f"c-{number}"), range(24)))
    assert len(set(keys)) == 24
    assert [SessionStore(key)[SESSION_KEY] for key in keys] == [f"c-{number}" for number in range(24)]


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_a_store_that_does_not_answer_is_an_error_never_a_stranger(wire, fault):
    key = begun()
    asked = (lambda: SessionStore(key).get(SESSION_KEY), SessionStore(key).delete, begun)
    with getattr(wire.dynamodb, fault)(), ThreadPoolExecutor(len(asked)) as side_by_side:
        for answer in [side_by_side.submit(each) for each in asked]:
            with pytest.raises(PynamoDBException):
                answer.result()


def test_a_session_whose_proof_is_anothers_is_nobodys(now):
    key = session_for(customer_id="c-1", email="reader@example.com", at=now)
    session = SessionStore(key)
    session[SESSION_KEY] = "c-2"
    session.save()
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    assert browser.get("/account/").status_code == 302
    assert SessionItem.count() == 0


def test_a_missing_table_is_an_error_too():
    key = begun()
    SessionItem.delete_table()
    with pytest.raises(PynamoDBException):
        SessionStore(key).get(SESSION_KEY)


def test_a_session_for_tools_is_what_sign_in_leaves(now):
    key = session_for(customer_id="c-1", email="reader@example.com", groups=("staff",), at=now)
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    page = browser.get("/account/").content.decode()
    assert "reader@example.com" in page
