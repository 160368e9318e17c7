"""A strict policy on every page, nothing inline, and no page inside another."""

import re

import pytest
from django.conf import settings as shop_settings

from catalog import selectors

POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
    "object-src": ["'none'"],
}


def policy_of(response):
    directives = (each.split() for each in response.headers["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in directives}


def everything(shop, *browsers):
    """Return the answer of every address to every browser, by address."""
    return [(each, browser.get(each.path)) for browser in browsers for each in shop.addresses()]


def test_every_answer_carries_the_strict_policy(shop, reader, stranger):
    for address, response in everything(shop, reader, stranger):
        policy = policy_of(response)
        for values in policy.values():
            assert not [value for value in values if "unsafe" in value or "nonce" in value or value == "*"], (
                address
            )
        if response.headers.get("Content-Type", "").startswith("image/svg"):
            assert policy == {"default-src": ["'none'"], "sandbox": []}
            continue
        assert {name: policy[name] for name in POLICY} == POLICY, address
        covers = "http://" + shop_settings.COVERS_URL.split("/")[2]
        assert policy["img-src"] == ["'self'", "data:", covers], address
        assert policy["form-action"][0] == "'self'", address
        assert set(policy["form-action"][1:]) <= {
            shop_settings.COGNITO_ORIGIN,
            shop_settings.PAYMENT_ORIGIN,
        }, address


def test_every_answer_is_kept_out_of_frames_and_says_what_it_is(shop, reader, stranger):
    for address, response in everything(shop, reader, stranger):
        assert response.headers["X-Content-Type-Options"] == "nosniff", address
        assert response.headers["X-Frame-Options"] == "DENY", address
        assert response.headers["Referrer-Policy"] == "same-origin", address
        assert response.headers["Cache-Control"], address
        assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-Id"]), address


def pages(shop, reader, stranger, monkeypatch, wire):
    """Return every HTML page there is, the error pages among them."""
    found = [response for _, response in everything(shop, reader)]
    found += [
        stranger.get("/visitor/"),
        stranger.get("/cart/"),
        stranger.get("/nothing-here/"),
        stranger.post("/cart/add/", headers={"sec-fetch-site": "cross-site"}),
        reader.get(f"{shop.path('orders:list')}00000000-0000-7000-8000-000000000000/"),
        reader.get("/account/sign-in-failed/?reason=closed"),
        reader.post("/account/addresses/", {"name": "x"}),
        reader.post("/account/erase/"),
    ]
    with wire.dynamodb.refuse():
        found.append(reader.get("/cart/"))
    with monkeypatch.context() as patched:
        patched.setattr(selectors, "get_book", lambda *args, **kwargs: 1 / 0)
        stranger.raise_request_exception = False
        found.append(stranger.get(shop.path("catalog:book")))
    assert {200, 403, 404, 422, 500, 503} <= {response.status_code for response in found}
    return [
        response
        for response in found
        if response.headers.get("Content-Type", "").startswith("text/html") and response.content
    ]


def test_no_page_holds_anything_that_the_policy_forbids(shop, reader, stranger, monkeypatch, wire):
    for response in pages(shop, reader, stranger, monkeypatch, wire):
        page = response.content.decode()
        for script in re.findall(r"<script\b([^>]*)>", page):
            assert 'src="' in script or 'type="application/ld+json"' in script, script
        assert "<style" not in page
        assert not re.findall(r"<[^>]+\sstyle=", page)
        assert not re.findall(r"<[^>]+\son[a-z]+=", page)
        assert not re.findall(r"<[^>]+\shx-on", page)
        assert "javascript:" not in page


def test_no_page_shows_its_insides(shop, reader, stranger, monkeypatch, wire):
    for response in pages(shop, reader, stranger, monkeypatch, wire):
        page = response.content.decode()
        for inside in ("Traceback", "ZeroDivisionError", "DEBUG", "site-packages", shop_settings.SECRET_KEY):
            assert inside not in page


def test_every_whole_page_has_a_title_one_heading_and_a_language(shop, reader, stranger, monkeypatch, wire):
    for response in pages(shop, reader, stranger, monkeypatch, wire):
        page = response.content.decode()
        if "<!doctype html>" not in page.lower():
            continue  # a fragment
        assert re.search(r'<html lang="[a-z-]+"', page)
        assert len(re.findall(r"<h1\b", page)) == 1
        assert len(re.findall(r"<main\b", page)) == 1
        assert re.search(r"<title>[^<]{5,}</title>", page)


@pytest.mark.parametrize("path", ["/", "/account/"])
def test_an_id_from_outside_comes_back_and_nonsense_does_not(shop, reader, path):
    trace = "Root=1-67891233-abcdef012345678912345678;Sampled=1"
    kept = reader.get(path, headers={"X-Amzn-Trace-Id": trace})
    assert kept.headers["X-Request-Id"] == "1-67891233-abcdef012345678912345678"
    made = reader.get(path, headers={"X-Request-Id": "<script>alert(1)</script>"})
    assert re.fullmatch("[0-9a-f]{32}", made.headers["X-Request-Id"])
