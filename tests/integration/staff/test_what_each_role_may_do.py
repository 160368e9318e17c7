"""Role × model × action, for every admin there is: by the address as well as by the menu.

The table follows from ``roles.RIGHTS`` and from the admins that are registered, so an admin that is
added later stands in it without a word here.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin import ActionLocation, site
from django.test import Client
from django.urls import NoReverseMatch, reverse

from bookstore.accounts import roles
from bookstore.dynamodb.admin.sites import load

ROLES = [
    (),
    ("owner",),  # worth nothing without staff
    ("staff",),
    ("staff", "catalogue"),
    ("staff", "orders"),
    ("staff", "support"),
    ("owner", "staff"),
]
OWNER = ROLES[-1]
KEY = "nobody~nothing"  # of a table with one key, or with two
REFUSED = 403


@cache
def admins() -> list[Any]:
    """Every admin that is registered, which is more than one."""
    load()
    found = sorted(site._registry.values(), key=lambda each: each.opts.label_lower)
    assert {"catalog.book", "accounts.customer"} <= {each.opts.label_lower for each in found}
    return found


def address(admin: Any, page: str, *arguments: str) -> str:
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{page}"
    return reverse(name, args=arguments, urlconf=settings.ADMIN_URLCONF)


def right(admin: Any, action: str) -> str:
    return f"{admin.opts.app_label}.{action}_{admin.opts.model_name}"


def actions_of(admin: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield each action: its field in a form, its name, and the permissions that it asks for."""
    for location, field in (
        (ActionLocation.CHANGE_LIST, "action"),
        (ActionLocation.CHANGE_FORM, "CHANGE_FORM-action"),
    ):
        for action in admin._get_base_actions(location):
            yield field, action.name, getattr(action.func, "allowed_permissions", ())


@pytest.fixture
def any_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each key mean some row, so that a refusal is the right's and not the key's."""

    def has_any(admin: Any) -> Callable[[Any], list[Any]]:
        return lambda keys: [admin.model(pk=key).stored() for key in keys]

    for admin in admins():
        monkeypatch.setattr(admin.model.source, "get_many", has_any(admin))


def asked_of(admin: Any) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield what can be asked of an admin: what it takes the right to, the method, the address and the form."""
    form, add, delete = address(admin, "change", KEY), address(admin, "add"), address(admin, "delete", KEY)
    yield from (
        ("view", "get", address(admin, "changelist"), {}),
        ("view", "get", form, {}),
        ("view", "get", address(admin, "history", KEY), {}),
        ("add", "get", add, {}),
        ("add", "post", add, {"name": "x"}),
        ("change", "post", form, {"name": "x"}),
        ("delete", "get", delete, {}),
        ("delete", "post", delete, {"post": "yes"}),
    )


def is_refused(browser: Client, method: str, path: str, data: dict[str, str]) -> bool:
    """Tell whether an answer is a 403, or the way to sign in, which ends in one for whoever is signed in."""
    answer = getattr(browser, method)(path, data)
    to_sign_in = answer.headers.get("Location", "").startswith(f"{settings.ADMIN_PATH}login/")
    return bool(answer.status_code == REFUSED or to_sign_in)


@pytest.mark.usefixtures("any_row")
def test_what_a_role_has_no_right_to_is_refused_by_its_address(sign_in: Callable[..., Client]) -> None:
    wrong = []
    for groups in ROLES:
        browser = sign_in(customer_id="s-1", groups=groups)
        for admin in admins():
            asked = list(asked_of(admin))
            forbidden = [each[1:] for each in asked if not roles.may(groups, right(admin, each[0]))]
            for field, name, permissions in actions_of(admin):
                if not roles.may(groups, right(admin, "view")) or not _has(admin, groups, permissions):
                    path = address(admin, *(("changelist",) if field == "action" else ("change", KEY)))
                    forbidden.append(("post", path, {field: name, "_selected_action": KEY}))
            wrong += [f"{groups} {each}" for each in forbidden if not is_refused(browser, *each)]
    assert not wrong, "\n".join(wrong)


def test_who_is_signed_in_and_no_member_of_staff_is_refused_at_the_door(
    sign_in: Callable[..., Client],
) -> None:
    for groups in ROLES[:2]:
        assert sign_in(groups=groups).get("/admin/", follow=True).status_code == REFUSED


def _has(admin: Any, groups: tuple[str, ...], permissions: Any) -> bool:
    return all(getattr(admin, f"has_{each}_permission")(_Request(groups)) for each in permissions)


class _Request:
    """A request by somebody in these groups."""

    def __init__(self, groups: tuple[str, ...]) -> None:
        self.user = self
        self.groups = groups

    def has_perm(self, permission: str, _row: object = None) -> bool:
        return roles.may(self.groups, permission)


def test_staff_alone_change_nothing_and_every_action_asks_for_a_right() -> None:
    for admin in admins():
        for action in ("add", "change", "delete"):
            assert not roles.may(("staff",), right(admin, action))
        for _field, name, permissions in actions_of(admin):
            assert permissions, f"{admin}: {name} asks for no right"
            # What only reads, such as an export, is for all who may see the list.
            assert set(permissions) == {"view"} or not _has(admin, ("staff",), permissions), (
                f"{admin}: {name}"
            )


def test_the_menu_shows_what_a_role_may_open_and_nothing_else(sign_in: Callable[..., Client]) -> None:
    for groups in ROLES[2:]:
        page = sign_in(customer_id="s-1", groups=groups).get("/admin/").content.decode()
        links = set(re.findall(r'href="([^"]+)"', page))
        for admin in admins():
            assert address(admin, "changelist") in links
            may_add = roles.may(groups, right(admin, "add")) and admin.has_add_permission(_Request(groups))
            assert (address(admin, "add") in links) is may_add, (groups, admin)


def test_what_admins_have_beside_djangos_pages_is_staffs_alone_and_changes_nothing_for_the_others(
    sign_in: Callable[..., Client],
) -> None:
    """Pages of an admin's own are posted to with nothing in the form: staff are refused, or there is no such row."""
    stranger, staff = sign_in(customer_id="c-1"), sign_in(customer_id="s-1", groups=("staff",))
    for path in _own_addresses():
        assert stranger.get(path, follow=True).status_code == REFUSED, path
        assert staff.post(path).status_code in {302, REFUSED, 404, 405}, path


def _own_addresses() -> Iterator[str]:
    standard = re.compile(r"_(changelist|add|history|delete|change)$")
    for admin in admins():
        for pattern in admin.get_urls():
            if pattern.name and not standard.search(pattern.name):
                arguments = {
                    name: KEY if name in {"object_id", "key"} else "unknown"
                    for name in pattern.pattern.converters
                }
                try:
                    yield reverse(f"admin:{pattern.name}", kwargs=arguments, urlconf=settings.ADMIN_URLCONF)
                except NoReverseMatch:
                    continue
