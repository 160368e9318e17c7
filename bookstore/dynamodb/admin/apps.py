"""The two apps to install. Neither imports Django's admin: that waits until somebody asks for it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core import checks


class AdminOnDynamoDBConfig(AppConfig):
    """The library itself: the audit log's table, and the templates that differ from Django's."""

    name = "bookstore.dynamodb.admin"
    label = "admin_on_dynamodb"
    default = True


class StockAdminConfig(AppConfig):
    """The templates, static files and translations of Django's admin, without its code.

    To install ``django.contrib.admin`` itself is to import all of it at every start, and its
    ``LogEntry`` needs SQL. Nothing else in it asks whether it is installed.
    """

    name = "bookstore.dynamodb.admin.stock"
    label = "admin"
    default_site = "bookstore.dynamodb.admin.sites.DynamoAdminSite"
    path = str(Path(find_spec("django.contrib.admin").origin).parent)  # type: ignore[union-attr, arg-type]  # it is there

    def ready(self) -> None:
        """Have ``manage.py check`` look at every ModelAdmin, as Django's own app does."""
        checks.register(_check_admins, checks.Tags.admin)


def _check_admins(app_configs: Any, **_kwargs: Any) -> list[checks.CheckMessage]:
    from django.contrib.admin import site  # noqa: PLC0415 - imports all of the admin

    from bookstore.dynamodb.admin.sites import load  # noqa: PLC0415 - the same

    load()
    return site.check(app_configs)
