from django.conf import settings

from bookstore.devstack.management.commands.serve import at_one_address


def ask(**environ):
    said = {}

    def start_response(status, headers):
        said.update(dict(headers), status=status)

    def shop(_environ, start_response):
        start_response("200 OK", [])
        return [b"the shop"]

    base = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html",
    }
    list(at_one_address(shop)(base | environ, start_response))
    return said


def test_a_page_opened_by_number_is_sent_on_to_the_name_that_its_cookies_have():
    said = ask(PATH_INFO="/search/caf\xc3\xa9/", QUERY_STRING="q=a+b")
    assert said["status"] == "302 Found"
    assert said["Location"] == f"{settings.PUBLIC_ORIGIN}/search/caf%C3%A9/?q=a+b"


def test_no_address_leads_to_another_site():
    assert ask(PATH_INFO="//evil.example/")["Location"] == f"{settings.PUBLIC_ORIGIN}//evil.example/"


def test_all_else_is_answered_where_it_was_asked():
    for other in ({"HTTP_HOST": "localhost:8000"}, {"HTTP_ACCEPT": "*/*"}, {"REQUEST_METHOD": "POST"}):
        assert ask(**other)["status"] == "200 OK", other
