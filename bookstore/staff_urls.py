"""The addresses of requests for the admin: the shop's own, and the admin's.

Only ``bookstore.dynamodb.admin.middleware`` leads here: a shopper's request imports none of it.
"""

from django.conf import settings
from django.contrib.admin import site
from django.urls import URLPattern, URLResolver, path

from bookstore import urls

urlpatterns: list[URLPattern | URLResolver] = [
    path(settings.ADMIN_PATH.removeprefix("/"), site.urls),
    *urls.urlpatterns,
]

handler500 = urls.handler500
