from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction

from bookstore.accounts.models import User

READER = {"customer_id": "c-1"}


def reader() -> User:
    return User(**READER, email="reader@example.com")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: list(User.objects.all()),
        lambda: User.objects.get(pk="c-1"),
        lambda: User.objects.filter(pk="c-1").first(),
        User.objects.count,
        User.objects.exists,
        lambda: list(User.objects.iterator()),
        lambda: list(User.objects.values("pk")),
        lambda: User.objects.in_bulk(["c-1"]),
        lambda: User.objects.aggregate(models.Count("pk")),
        lambda: list(User.objects.raw("SELECT 1")),
        lambda: reader().refresh_from_db(),
        lambda: reader().save(),
        lambda: reader().save(force_insert=True),
        lambda: reader().delete(),
        lambda: User.objects.create(**READER),
        lambda: User.objects.get_or_create(**READER),
        lambda: User.objects.update_or_create(**READER),
        lambda: User.objects.bulk_create([reader()]),
        lambda: User.objects.bulk_update([reader()], ["email"]),
        lambda: User.objects.update(email=""),
        lambda: User.objects.all().delete(),
        lambda: ContentType.objects.get(pk=1),
        lambda: ContentType.objects.get_for_model(User),
        lambda: Permission.objects.get(codename="add_user"),
        lambda: list(Group.objects.all()),
        connection.cursor,
        lambda: connection.cursor().execute("SELECT 1"),
        connection.introspection.table_names,
        lambda: connection.ops.quote_name("users"),
    ],
)
def test_what_would_take_sql_raises_instead_of_reaching_a_database(ask: Callable[[], Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="no SQL database"):
        ask()


@pytest.mark.parametrize("models_of", ["django.contrib.admin.models", "django.contrib.sessions.models"])
def test_djangos_log_and_sessions_cannot_even_be_imported(models_of: str) -> None:
    with pytest.raises(RuntimeError, match="INSTALLED_APPS"):
        import_module(models_of)


def test_code_written_for_transactions_runs_unchanged():
    done = []
    with transaction.atomic():
        transaction.on_commit(lambda: done.append("after"))
        with transaction.atomic():
            done.append("inside")
    assert done == ["inside", "after"]


def test_what_was_to_follow_a_transaction_does_not_follow_a_failed_one():
    done = []

    def fail() -> None:
        with transaction.atomic():
            transaction.on_commit(lambda: done.append("after"))
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    with transaction.atomic():
        pass
    assert done == []
