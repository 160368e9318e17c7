"""A failure of ours reads the same, whoever asked."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

import bookstore.urls


class Breaking:
    """The shop's URLconf with one more view, which breaks."""

    @staticmethod
    def broken(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError("a detail that is nobody's business")

    urlpatterns = [path("broken/", broken), *bookstore.urls.urlpatterns]
    handler500 = bookstore.urls.handler500


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_500_reads_the_same_when_htmx_asked(settings, method):
    settings.ROOT_URLCONF = Breaking()
    browser = Client(raise_request_exception=False, headers={"sec-fetch-site": "same-origin"})
    plain = getattr(browser, method)("/broken/")
    scripted = getattr(browser, method)("/broken/", headers={"HX-Request": "true"})
    assert plain.status_code == scripted.status_code == 500
    assert scripted.content == plain.content
    page = scripted.content.decode()
    assert '<main id="main"' in page
    assert "<title>Our mistake</title>" in page
    assert "business" not in page
    assert scripted.headers["Cache-Control"] == "private, no-store"
