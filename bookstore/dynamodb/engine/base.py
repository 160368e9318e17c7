"""``ENGINE = "bookstore.dynamodb.engine"``: this project has no SQL database.

Django's own dummy engine, except that ``transaction.atomic()`` and ``on_commit()`` do
nothing, so that code written for both kinds of store (the admin's POST views above all)
runs unchanged. Any attempt to run SQL raises: a leak of the ORM is loud, never silent.
"""

from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.dummy import base as dummy
from django.db.backends.dummy.features import DummyDatabaseFeatures


def _no_sql(*_args: object, **_kwargs: object) -> NoReturn:
    msg = "This project has no SQL database: DynamoDB is its only source of truth."
    raise ImproperlyConfigured(msg)


def _nothing(*_args: object, **_kwargs: object) -> None:
    return None


class DatabaseFeatures(DummyDatabaseFeatures):
    """Transactions are claimed, as no-ops, so that Django's ``TestCase`` runs."""

    supports_transactions = True
    uses_savepoints = True


class DatabaseOperations(dummy.DatabaseOperations):
    """No name is ever quoted for SQL."""

    quote_name = _no_sql


class DatabaseWrapper(dummy.DatabaseWrapper):
    """A connection that leads nowhere."""

    vendor = "nosql"
    display_name = "no SQL database"
    ops_class = DatabaseOperations
    features_class = DatabaseFeatures

    cursor = _no_sql
    _cursor = _no_sql
    ensure_connection = _nothing
    connect = _nothing
    _commit = _nothing
    _rollback = _nothing
    _close = _nothing
    _savepoint = _nothing
    _savepoint_commit = _nothing
    _savepoint_rollback = _nothing
    _set_autocommit = _nothing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocommit = True  # as a real connection has it, for atomic() and on_commit()
