import gzip

import pytest

from bookstore.devstack.compression import compressed

PAGE = "Books worth the shelf space. " * 100


def answer(
    *,
    content_type: str = "text/html; charset=utf-8",
    body: str = PAGE,
    method: str = "GET",
    takes: str = "gzip",
):
    """Ask a small application through the compression; return status, headers and body."""
    heard = {}

    def application(_environ, start_response):
        start_response(
            "200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body.encode())))]
        )
        return [body[:7].encode(), body[7:].encode()]

    def start_response(status, headers, _exc_info=None):
        heard.update(headers, status=status)

    environ = {"REQUEST_METHOD": method, "HTTP_ACCEPT_ENCODING": takes}
    parts = b"".join(compressed(application)(environ, start_response))
    return heard, parts


def test_a_page_is_sent_compressed_and_whole():
    headers, body = answer()
    assert headers["status"] == "200 OK"
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(body) < len(PAGE) / 5
    assert headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(body).decode() == PAGE


def test_the_same_page_gives_the_same_bytes():
    assert answer() == answer()


@pytest.mark.parametrize(
    "otherwise",
    [{"takes": "br"}, {"content_type": "image/png"}, {"body": "short"}, {"method": "HEAD"}],
)
def test_what_gains_nothing_is_left_alone(otherwise):
    headers, body = answer(**otherwise)
    assert "Content-Encoding" not in headers
    assert body.decode() == otherwise.get("body", PAGE)
