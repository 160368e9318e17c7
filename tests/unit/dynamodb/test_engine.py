from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction

NAMED = {"name": "staff"}


def group() -> Group:
    return Group(pk=1, **NAMED)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: list(Group.objects.all()),
        lambda: Group.objects.get(pk=1),
        lambda: Group.objects.filter(pk=1).first(),
        Group.objects.count,
        Group.objects.exists,
        lambda: list(Group.objects.iterator()),
        lambda: list(Group.objects.values("pk")),
        lambda: Group.objects.in_bulk([1]),
        lambda: Group.objects.aggregate(models.Count("pk")),
        lambda: list(Group.objects.raw("SELECT 1")),
        lambda: group().refresh_from_db(),
        lambda: group().save(),
        lambda: group().save(force_insert=True),
        lambda: group().delete(),
        lambda: Group.objects.create(**NAMED),
        lambda: Group.objects.get_or_create(**NAMED),
        lambda: Group.objects.update_or_create(**NAMED),
        lambda: Group.objects.bulk_create([group()]),
        lambda: Group.objects.bulk_update([group()], ["name"]),
        lambda: Group.objects.update(name=""),
        lambda: Group.objects.all().delete(),
        lambda: ContentType.objects.get(pk=1),
        lambda: ContentType.objects.get_for_model(Group),
        lambda: Permission.objects.get(codename="add_group"),
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
