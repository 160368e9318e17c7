from django.conf import settings
from django.contrib.messages import INFO
from django.http import HttpResponse
from django.test import RequestFactory

from bookstore.messages import CookieMessages


def test_messages_travel_in_a_cookie_of_the_shops_own_name() -> None:
    messages = CookieMessages(RequestFactory().get("/"))
    messages.add(INFO, "Kept.")
    response = HttpResponse()
    messages.update(response)
    assert list(response.cookies) == [settings.MESSAGES_COOKIE_NAME]
    assert response.cookies[settings.MESSAGES_COOKIE_NAME]["httponly"] is True

    back = RequestFactory().get("/")
    back.COOKIES[settings.MESSAGES_COOKIE_NAME] = response.cookies[settings.MESSAGES_COOKIE_NAME].value
    assert [message.message for message in CookieMessages(back)] == ["Kept."]
