"""The catalogue's app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    """Books, categories, authors and reviews; search; import."""

    name = "catalog"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        """Answer what accounts asks and tells about customers."""
        from bookstore.accounts import signals  # noqa: PLC0415 -- once the apps are loaded
        from catalog import receivers  # noqa: PLC0415 -- the same

        signals.collect_export.connect(receivers.export, dispatch_uid="catalog.export")
        signals.customer_erased.connect(receivers.forget, dispatch_uid="catalog.forget")
