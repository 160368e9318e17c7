"""Role × model × action, for every admin there is: by the address as well as by the menu.

What is asked follows from the admins that are registered, so an admin, an action or a tool that is added
later is refused to everybody here until ``MAY`` grants it; the table is written out, and not read from
``roles.RIGHTS``, so that a slip there is found.
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
# What each role may do beyond looking: by model, Django's rights, actions, and tools as their addresses have them.
CATALOGUE = {
    "catalog.author": "do/rename",
    "catalog.book": "add change withdraw bring_back reprice"
    " do/withdraw do/bring_back do/shelve do/withdraw_picture do/restore",
    "catalog.category": "add change delete delete_selected",
}
ORDERS = {
    "catalog.book": "do/receive do/adjust do/shelve",
    "orders.order": "change pack deliver picking_list packing_slips"
    " do/pack do/ship do/deliver do/return do/refund do/settle do/cancel do/note",
}
SUPPORT = {
    "accounts.customer": "do/sign_out do/disable do/enable",
    "catalog.review": "hide publish do/hide do/publish",
    "orders.order": "change do/cancel do/note",
}
MAY: dict[tuple[str, ...], dict[str, str]] = {
    ("staff",): {},
    ("staff", "catalogue"): CATALOGUE,
    ("staff", "orders"): ORDERS,
    ("staff", "support"): SUPPORT,
    OWNER: {
        model: " ".join(table.get(model, "") for table in (CATALOGUE, ORDERS, SUPPORT))
        for model in CATALOGUE | ORDERS | SUPPORT
    },
}
# What only catalogue and owner may send to pages beside Django's and the tools'.
CATALOGUES_OWN = {
    f"/admin/catalog/{page}/"
    for page in (
        "book/prices",
        "book/prices/apply",
        "book/nobody~nothing/cover/unknown/unknown",
        "book/import",
        "book/import/unknown",
    )
}
LOOKING = {"catalog.book": {"view", "export_csv"}}  # what all staff may; of every other model, to view it
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
@pytest.mark.parametrize("groups", ROLES, ids="+".join)
def test_a_role_may_do_by_its_address_what_the_table_says_and_nothing_else(
    sign_in: Callable[..., Client], groups: tuple[str, ...]
) -> None:
    browser = sign_in(customer_id="s-1", groups=groups)
    # The row is nobody's: a page may well fail over it, once it is not refused.
    browser.raise_request_exception = False
    for admin in admins():
        model = admin.opts.label_lower
        expected: set[str] = set()
        if groups in MAY:
            expected = LOOKING.get(model, {"view"}) | set(MAY[groups].get(model, "").split())
        assert not_refused(browser, admin) == expected, model


def not_refused(browser: Client, admin: Any) -> set[str]:
    """Return what an admin does not refuse; what it refuses on one of its ways alone is marked."""
    ways: dict[str, set[bool]] = {}
    form = address(admin, "change", KEY)
    for what, *asked in asked_of(admin):
        ways.setdefault(what, set()).add(is_refused(browser, *asked))
    for field, name, _permissions in actions_of(admin):
        path = address(admin, "changelist") if field == "action" else form
        data = {field: name, "_selected_action": KEY}
        ways.setdefault(name, set()).add(is_refused(browser, "post", path, data))
    for tool in getattr(admin, "tools", ()):
        path = form.replace("/change/", f"/do/{tool.name}/")
        ways.setdefault(f"do/{tool.name}", set()).add(is_refused(browser, "post", path, {}))
    return {
        f"{what}, in part" if True in refused else what for what, refused in ways.items() if False in refused
    }


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


@pytest.mark.parametrize("groups", MAY, ids="+".join)
def test_a_role_may_send_to_the_catalogues_own_pages_if_it_keeps_the_catalogue(
    sign_in: Callable[..., Client], groups: tuple[str, ...]
) -> None:
    browser = sign_in(customer_id="s-1", groups=groups)
    refused = {path for path in _own_addresses() if is_refused(browser, "post", path, {})}
    assert refused == (set() if {"catalogue", "owner"} & set(groups) else CATALOGUES_OWN)


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
