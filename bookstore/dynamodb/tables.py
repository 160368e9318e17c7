"""The base of every table: one shared connection, a schema version, and transactions."""

from collections.abc import Callable
from functools import cache
from threading import RLock

from django.apps import apps
from django.conf import settings
from pynamodb.attributes import NumberAttribute
from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb import budget


@cache
def connection() -> Connection:
    """Return the process's one connection to DynamoDB, with time-outs that a page can afford.

    Botocore finds the address in ``AWS_ENDPOINT_URL_DYNAMODB`` or ``AWS_ENDPOINT_URL``.
    """
    made = Connection(
        region=settings.AWS_REGION,
        connect_timeout_seconds=settings.STORE_TIMEOUT_SECONDS,
        read_timeout_seconds=settings.STORE_TIMEOUT_SECONDS,
        max_retry_attempts=settings.DYNAMODB_RETRIES,
        max_pool_connections=settings.DYNAMODB_POOL_CONNECTIONS,
    )
    budget.watch(made.client.meta.events)
    return made


def table_name(name: str) -> str:
    """Return a table's full name: several stages may share an account."""
    return f"{settings.TABLE_PREFIX}{name}"


class TableMeta:
    """What every table's ``Meta`` has in common."""

    billing_mode = "PAY_PER_REQUEST"
    region = settings.AWS_REGION


class Table(Model):
    """Base of the shop's PynamoDB models.

    Each item carries ``schemaVersion``, so that code of two versions can meet one another's
    items. All tables share one connection: PynamoDB's own would make a client for each,
    some 50 ms apiece.
    """

    schema_version = NumberAttribute(attr_name="schemaVersion", default=1)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        with _connecting:
            known = cls._connection is not None
            own = super()._get_connection()
            if not known:
                shared = connection()
                shared.add_meta_table(own.get_meta_table())
                own.connection = shared
            return own


_connecting = RLock()  # two threads may meet a table for the first time together


def transaction() -> TransactWrite:
    """Open a transaction: all its writes happen on leaving the ``with`` block, or none.

    Raises ``pynamodb.exceptions.TransactWriteError``; see ``errors.cancellation_codes``.
    """
    return TransactWrite(connection=connection())


# Adds to somebody else's transaction what has to happen together with it. What is called ``beside`` only
# puts: whose transaction it is tells what was refused by its place among the deletes and the updates.
type Beside = Callable[[TransactWrite], None]


def nothing_beside(_write: TransactWrite) -> None:
    """Add nothing."""


def all_tables() -> list[type[Table]]:
    """Return every table of the installed apps, in order of name; each app's ``models`` declares its own."""
    installed = {table for table in _descendants(Table) if apps.get_containing_app_config(table.__module__)}
    return sorted(installed, key=lambda table: table.Meta.table_name)


def _descendants(table: type[Table]) -> set[type[Table]]:
    below = set(table.__subclasses__())
    return below.union(*(_descendants(each) for each in below))
