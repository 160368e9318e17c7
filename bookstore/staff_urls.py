"""The addresses of requests for the admin: the shop's own, and the admin's.

Only ``bookstore.dynamodb.admin.middleware`` leads here: a shopper's request imports none of it.
"""

from django.conf import settings
from django.contrib.admin import site
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from bookstore import urls

site.site_header = site.site_title = _("Foolscap, behind the counter")
site.index_title = _("What is to be done")

urlpatterns: list[URLPattern | URLResolver] = [
    path(settings.ADMIN_PATH.removeprefix("/"), site.urls),
    *urls.urlpatterns,
]

handler500 = urls.handler500
