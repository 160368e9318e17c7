"""The admin's addresses, and its code, on demand."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class AdminOnDemand:
    """Gives requests below ``ADMIN_PATH`` the addresses of ``ADMIN_URLCONF``, and loads the admin first.

    No other request, and no start of a process, imports any of it. It stands before every
    middleware that asks for addresses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with the admin's addresses where it is asked for."""
        if is_for_staff(request):
            from bookstore.dynamodb.admin.sites import load  # noqa: PLC0415 - imports all of the admin

            load()
            request.urlconf = settings.ADMIN_URLCONF
        return self._get_response(request)


def is_for_staff(request: HttpRequest) -> bool:
    """Tell whether a request is for the admin."""
    path: str = settings.ADMIN_PATH
    return request.path_info.startswith(path) or f"{request.path_info}/" == path
