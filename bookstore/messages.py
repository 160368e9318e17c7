"""Messages to the reader, kept in a signed cookie until they are shown: no store, no session."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage


class CookieMessages(CookieStorage):
    """Django's cookie storage, under a name of the shop's own.

    Two shops on one machine must not show each other's messages, and behind https the name
    begins with ``__Host-``.
    """

    cookie_name = settings.MESSAGES_COOKIE_NAME
