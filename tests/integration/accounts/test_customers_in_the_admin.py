"""Customers behind the counter: found at Cognito, shown, signed out and disabled. Cognito is the local AWS's."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from bookstore import aws
from bookstore.accounts import selectors, services
from bookstore.accounts.errors import AccountDisabledError, AccountNotFoundError, DisablingRefusedError
from bookstore.accounts.models import CustomerItem, User
from bookstore.accounts.selectors import find_person, user_filter
from bookstore.devstack.cloud import OWNER, READER, STAFF
from bookstore.dynamodb.admin import audit
from orders import selectors as orders
from tests import factories
from tests.integration.leaderboard.sales import put_order
from tests.wire import Wire

CUSTOMERS = "/admin/accounts/customer/"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.headers.get("Location"))
    return html.unescape(response.content.decode())


def found(page: str) -> list[str]:
    return re.findall(r'class="field-email"><a [^>]*>([^<]*)<', page)


@pytest.fixture
def clerk(pool: Any, sign_in: Callable[..., Client]) -> Callable[..., Client]:
    """Return a member of staff's browser; by default support's."""

    def at_work(email: str = "support@example.com", *groups: str, sub: str = "s-1") -> Client:
        return sign_in(customer_id=sub, email=email, groups=("staff", *(groups or ("support",))))

    return at_work


def act(client: Client, tool: str, key: str) -> str:
    page = client.get(f"{CUSTOMERS}{key}/change/").content.decode()
    form = re.search(rf'<form method="post" action="[^"]*/do/{tool}/">(.*?)</form>', page, re.DOTALL)
    data = dict(re.findall(r'name="(_\w+)" value="(\w+)"', form[1])) if form else {"_token": "0" * 16}
    return text(client.post(f"{CUSTOMERS}{key}/do/{tool}/", data, follow=True))


def person(*groups: str, sub: str = "s-1") -> User:
    return User.of(customer_id=sub, email="s@example.com", groups=groups)


def is_enabled(pool: Any, email: str) -> bool:
    return bool(aws.cognito().admin_get_user(UserPoolId=pool.id, Username=email)["Enabled"])


def test_the_list_explains_itself_and_a_search_finds_by_address_name_and_number(
    pool: Any, clerk: Callable[..., Client], wire: Wire
) -> None:
    support = clerk()
    page = text(support.get(CUSTOMERS))
    assert "lists them only by what they are searched for" in page
    assert found(page) == []
    asked_before = len(wire.dynamodb.requests)
    with wire.count() as calls:
        assert found(text(support.get(f"{CUSTOMERS}?q=READER@"))) == [READER]
    assert calls.dynamodb <= 1 + 1
    assert "Scan" not in wire.dynamodb.requests[asked_before:]
    assert found(text(support.get(f"{CUSTOMERS}?q=ada"))) == [READER]
    assert found(text(support.get(f"{CUSTOMERS}?q=Olga Ow"))) == [OWNER]
    assert found(text(support.get(f"{CUSTOMERS}?q={pool.sub(STAFF)}"))) == [STAFF]
    assert found(text(support.get(f"{CUSTOMERS}?q=nobody"))) == []


HOSTILE = (
    *('"', "\\", '\\"', 'x" or email ^= "', 'reader@example.com"', "ada\\", "\x00", "\n", "a" * 5000),
    *("%", "*", "' OR 1=1", "ａｄａ", "🙂"),
)


def test_a_hostile_search_finds_nobody_and_breaks_nothing(pool: Any, clerk: Callable[..., Client]) -> None:
    support = clerk()
    for term in HOSTILE:
        assert found(text(support.get(CUSTOMERS, {"q": term}))) == [], term


def test_what_ends_a_value_in_a_filter_is_escaped() -> None:
    assert user_filter("email", "^=", 'a"b\\c') == 'email ^= "a\\"b\\\\c"'


def test_a_customers_page_shows_orders_addresses_and_groups(
    pool: Any, clerk: Callable[..., Client], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = pool.sub(READER)
    services.record_sign_in(customer_id=sub, email=READER, name="Ada Reader", at=NOW)
    services.remember_address(customer_id=sub, address=factories.ADDRESS)
    order = put_order({"emma": 1}, customer_id=sub, at=NOW)
    support = clerk()
    support.get(f"{CUSTOMERS}{sub}/change/")
    with wire.count() as calls:
        page = text(support.get(f"{CUSTOMERS}{sub}/change/"))
    assert calls.total <= 1 + 2
    for shown in (READER, "Ada Reader", "1 Library Lane", "0123456789 · 28 November 2026 · £7.99 · Placed"):
        assert shown in page
    assert f'href="/admin/orders/order/{sub}~{order.order_id}/change/"' in page
    assert "none: a customer" in page
    assert "older ones" not in page
    monkeypatch.setattr(orders, "ORDERS_A_PAGE", 1)
    put_order({"emma": 1}, customer_id=sub, at=NOW)
    page = text(support.get(f"{CUSTOMERS}{sub}/change/"))
    assert f'href="/admin/orders/order/?customer_id={sub}">… and older ones' in page
    page = text(support.get(f"{CUSTOMERS}{pool.sub(OWNER)}/change/"))
    assert "owner, staff" in page
    assert re.search(r'field-first_seen_at">.*?class="readonly">–<', page, re.DOTALL)
    for unknown in ("nobody", "0" * 8 + "-0000-0000-0000-" + "0" * 12, '"x', "a~b", "x" * 400):
        assert support.get(f"{CUSTOMERS}{unknown}/change/").status_code == 302


def test_a_person_who_is_deleted_while_cognito_is_asked_is_nobody(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_seen(customer_id: str) -> tuple[str, ...]:
        aws.cognito().admin_delete_user(UserPoolId=pool.id, Username=customer_id)
        return ()

    sub = pool.sub(READER)
    monkeypatch.setattr(selectors, "find_groups", last_seen)
    assert find_person(sub) is None


def test_support_signs_a_customer_out_everywhere_and_the_log_says_who(
    pool: Any, browser: Any, clerk: Callable[..., Client]
) -> None:
    browser.sign_in(READER, pool.password)
    assert browser.is_signed_in()
    assert "The customer is signed out everywhere." in act(clerk(), "sign_out", pool.sub(READER))
    assert not browser.is_signed_in()
    (entry,) = audit.history("accounts.customer", pool.sub(READER))
    assert (str(entry), entry.user.name) == ("Signed out everywhere.", "support@example.com")
    assert READER not in str(entry.item.attribute_values)  # the log outlives an erasure
    browser.sign_in(READER, pool.password)  # the account is as good as before
    assert browser.is_signed_in()


def test_only_an_owner_signs_out_a_member_of_staff_and_everybody_themselves(
    pool: Any, browser: Any, clerk: Callable[..., Client]
) -> None:
    browser.sign_in(OWNER, pool.password)
    assert "Only an owner signs out a member of staff." in act(clerk(), "sign_out", pool.sub(OWNER))
    assert browser.is_signed_in()
    assert (
        audit.history("accounts.customer", pool.sub(OWNER)) == []
    )  # the log tells of nothing that was not done
    page = act(clerk(OWNER, "owner", sub="o-2"), "sign_out", pool.sub(OWNER))
    assert "The customer is signed out everywhere." in page
    assert not browser.is_signed_in()
    own = f"{CUSTOMERS}{pool.sub(STAFF)}/do/sign_out/"
    assert clerk(sub=pool.sub(STAFF)).post(own, {"_token": "0" * 16}).status_code == 302
    assert len(audit.history("accounts.customer", pool.sub(STAFF))) == 1


def test_a_disabled_customer_is_out_and_stays_out_until_enabled_again(
    pool: Any, browser: Any, another_browser: Callable[[], Any], clerk: Callable[..., Client]
) -> None:
    sub, support = pool.sub(READER), clerk()
    browser.sign_in(READER, pool.password)
    assert "The account is disabled." in act(support, "disable", sub)
    assert not browser.is_signed_in()
    assert not is_enabled(pool, READER)
    with pytest.raises(AccountDisabledError):  # a sign-in that Cognito let through a moment before
        services.record_sign_in(customer_id=sub, email=READER, name="", at=NOW)
    assert 'alt="False"' in text(support.get(f"{CUSTOMERS}?q={READER}"))

    assert "The account is disabled." in act(support, "disable", sub)  # clicked twice
    assert "The account is enabled again." in act(support, "enable", sub)
    assert is_enabled(pool, READER)
    again = another_browser()
    again.sign_in(READER, pool.password)
    assert again.is_signed_in()
    clicked_twice = support.post(f"{CUSTOMERS}{sub}/do/enable/", {"_token": "1" * 16})
    assert clicked_twice.status_code == 302
    assert [str(entry) for entry in audit.history("accounts.customer", sub)] == [
        "May sign in changed from “no” to “yes”.",
        "May sign in changed from “yes” to “no”.",
    ]


def test_an_account_that_cognito_alone_has_closed_is_opened_and_the_log_says_so(
    pool: Any, clerk: Callable[..., Client]
) -> None:
    sub = pool.sub(READER)
    aws.cognito().admin_disable_user(UserPoolId=pool.id, Username=sub)
    assert "The account is enabled again." in act(clerk(), "enable", sub)
    assert is_enabled(pool, READER)
    (entry,) = audit.history("accounts.customer", sub)
    assert str(entry) == "May sign in changed from “no” to “yes”."


def test_each_step_with_an_account_takes_four_requests(
    pool: Any, clerk: Callable[..., Client], another_browser: Callable[[], Any], wire: Wire
) -> None:
    support, sub = clerk(), pool.sub(READER)
    support.get(CUSTOMERS)
    for tool in ("sign_out", "disable", "enable"):
        for _browser in range(2 * (tool != "enable")):
            another_browser().sign_in(READER, pool.password)
        with wire.count() as calls:
            answer = support.post(f"{CUSTOMERS}{sub}/do/{tool}/", {"_token": "0" * 16})
        assert answer.headers["Location"] == f"{CUSTOMERS}{sub}/change/"
        assert calls.dynamodb <= 1 + 4, tool


def test_nobody_disables_themselves_and_only_an_owner_a_member_of_staff(
    pool: Any, clerk: Callable[..., Client]
) -> None:
    support, owner_sub = clerk(), pool.sub(OWNER)
    for colleague in (OWNER, STAFF):
        page = act(support, "disable", pool.sub(colleague))
        assert "Only an owner disables or enables the account of a member of staff." in page
        assert is_enabled(pool, colleague)
        assert CustomerItem.count(pool.sub(colleague)) == 0
        assert audit.history("accounts.customer", pool.sub(colleague)) == []
    owner = clerk(OWNER, "owner", sub=owner_sub)
    assert "Nobody disables their own account." in act(owner, "disable", owner_sub)
    assert "The account is disabled." in act(owner, "disable", pool.sub(STAFF))
    assert (is_enabled(pool, OWNER), is_enabled(pool, STAFF)) == (True, False)
    with pytest.raises(DisablingRefusedError):
        services.enable_account(customer_id=pool.sub(STAFF), by=person("staff", "support"))
    with pytest.raises(AccountNotFoundError):
        services.disable_account(customer_id="0" * 36, by=person("staff", "owner"))


def test_of_two_owners_who_disable_one_another_one_stays(pool: Any) -> None:
    first, second = pool.sub(OWNER), pool.sub(STAFF)

    def meanwhile(_write: object) -> None:
        services.disable_account(customer_id=first, by=person("staff", "owner", sub=second))

    with pytest.raises(DisablingRefusedError, match="Your own account was disabled a moment ago"):
        services.disable_account(customer_id=second, by=person("staff", "owner", sub=first), beside=meanwhile)
    assert (is_enabled(pool, OWNER), is_enabled(pool, STAFF)) == (False, True)


def test_while_cognito_is_away_there_is_a_sentence_and_what_was_begun_is_ended_later(
    pool: Any, browser: Any, clerk: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    sub, support = pool.sub(READER), clerk()
    browser.sign_in(READER, pool.password)
    with monkeypatch.context() as away:
        away.setattr(settings, "COGNITO_USER_POOL_ID", "eu-west-2_nosuchpool")
        for path in (f"{CUSTOMERS}?q=ada", f"{CUSTOMERS}{sub}/change/", f"{CUSTOMERS}{sub}/history/"):
            assert "Cognito, which keeps the accounts, does not answer" in text(
                support.get(path, follow=True)
            )
        assert "does not answer" in act(support, "sign_out", sub)
        assert browser.is_signed_in()

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise services.CognitoUnavailableError("away")

    with monkeypatch.context() as away:
        away.setattr(services, "_at_cognito", refuse)
        assert "Away" in act(support, "disable", sub)
    assert not browser.is_signed_in()  # the shop's own mark holds already
    with pytest.raises(AccountDisabledError):
        services.record_sign_in(customer_id=sub, email=READER, name="", at=NOW)
    found_person = find_person(sub)
    assert found_person is not None
    assert not found_person.may_sign_in
    page = text(support.get(f"{CUSTOMERS}{sub}/change/"))
    assert re.findall(r"/do/(\w+)/", page) == ["sign_out", "disable", "enable"]  # once more, or back
    assert "The account is disabled." in act(support, "disable", sub)
    assert not is_enabled(pool, READER)
    assert "/do/disable/" not in text(support.get(f"{CUSTOMERS}{sub}/change/"))


def test_more_people_than_cognito_answers_at_once_are_said(
    pool: Any, clerk: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        aws.cognito().admin_create_user(
            UserPoolId=pool.id,
            Username=f"many{number}@example.com",
            UserAttributes=[{"Name": "email", "Value": f"many{number}@example.com"}],
            MessageAction="SUPPRESS",
        )
    monkeypatch.setattr(selectors, "PEOPLE_FOUND_AT_MOST", 1)
    assert "There are more than 1; type more" in text(clerk().get(f"{CUSTOMERS}?q=many"))
