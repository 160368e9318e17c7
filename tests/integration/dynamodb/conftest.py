"""A project that is no shop: tables, an admin and people of its own."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client

from bookstore.dynamodb.admin import panels
from bookstore.dynamodb.admin.models import LogItem
from bookstore.dynamodb.admin.sites import load
from bookstore.dynamodb.tables import Table
from tests.integration.dynamodb import volumes as volumes_admin
from tests.shelf import ClaimItem, ReaderItem, RemarkItem, VolumeItem


@pytest.fixture
def tables() -> Sequence[type[Table]]:
    return LogItem, VolumeItem, ClaimItem, ReaderItem, RemarkItem


@pytest.fixture(autouse=True)
def within_its_rights() -> None:
    """Nothing: no role of the shop's says what this admin may do."""


@pytest.fixture
def volumes(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.ROOT_URLCONF = settings.ADMIN_URLCONF = volumes_admin.__name__
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
    settings.MIDDLEWARE = [
        "bookstore.dynamodb.admin.middleware.AdminOnDemand",
        "django.middleware.common.CommonMiddleware",
        f"{volumes_admin.__name__}.SignedIn",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    load()  # of what else this process has, before its panels are put away: this admin has no such rows
    monkeypatch.setattr(panels, "_offers", {})
    volumes_admin.FOUND.clear()
    volumes_admin.LENT.clear()
    return volumes_admin


@pytest.fixture
def owner(volumes: Any) -> Client:
    """Who may do everything."""
    return Client(headers={"x-person": "owner"})


@pytest.fixture
def clerk(volumes: Any) -> Client:
    """Who may look."""
    return Client(headers={"x-person": "clerk"})
