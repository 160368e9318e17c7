"""The catalogue's app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    """Books, categories, authors and reviews; search; import."""

    name = "catalog"
    verbose_name = _("catalogue")
