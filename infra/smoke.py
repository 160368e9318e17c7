"""A look at the shop from outside, through CloudFront, right after it was deployed."""

import http.client
import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from bookstore.aws import is_loopback
from infra.errors import DeploymentError
from infra.functions import api_address
from infra.place import Place, say

SECONDS = 30  # for one answer; the first of a new function is a cold start
PATIENCE = 30  # seconds in which a check may come right: CloudFront and Lambda change over gradually
_STYLESHEET = re.compile(r'href="([^"]+/static/css/[^"]+\.css)"')


class SmokeError(DeploymentError):
    """The shop is up, and does not do what it should."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Through(http.client.HTTPSConnection):
    """Asks one host at the address of another, as a resolver does that knows a domain already."""

    def __init__(self, host: str, port: int | None, *, entrance: str) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self._entrance = entrance

    def connect(self) -> None:
        """Reach the other address, and let it show the certificate of the host."""
        line = socket.create_connection((self._entrance, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(line, server_hostname=self.host)


def get(url: str, *, entrance: str = "") -> Answer:
    """Ask for an address, following nothing; at ``entrance``, another host's, where one is named.

    Names under localhost are looked up here: not every machine's resolver knows that they are
    its own.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if is_loopback(url) else (parts.hostname or "")
    if parts.scheme != "https":
        line = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    else:
        line = Through(host, parts.port, entrance=entrance or host)
    try:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        line.request("GET", path, headers={"Host": parts.netloc, "User-Agent": "bookstore-smoke-test"})
        response = line.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        raise SmokeError(f"{url} does not answer ({type(error).__name__}: {error}).") from error
    finally:
        line.close()


def check(place: Place, outputs: Mapping[str, str]) -> None:
    """Look at what a visitor needs; raise ``SmokeError`` with the first thing that is wrong.

    Every address is one that CloudFront cannot have kept.
    """
    origin, ask = outputs["Origin"], _asking(place, outputs)
    checks: dict[str, Callable[[], None]] = {
        "the function answers": lambda: _alive(origin, ask),
        "pages, search and style sheets": lambda: _pages(origin, ask),
        "the database": lambda: _database(origin, ask),
        "what is private stays private": lambda: _private(origin, ask),
        "sign-in": lambda: _sign_in(origin, ask, outputs),
        "nobody passes CloudFront by": lambda: _only_through_cloudfront(place),
    }
    for what, look in checks.items():
        _patiently(look)
        say(f"  {what}: good")


def wait_until_alive(place: Place, outputs: Mapping[str, str]) -> None:
    """Wait for the web function; raise ``SmokeError`` when it does not come."""
    _patiently(lambda: _alive(outputs["Origin"], _asking(place, outputs)))


type Ask = Callable[[str], Answer]


def _asking(place: Place, outputs: Mapping[str, str]) -> Ask:
    """Return what asks CloudFront itself, whose name leads there before the shop's own domain does."""
    return partial(get, entrance="" if place.is_local else outputs["DistributionDomain"])


def _patiently(look: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except SmokeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2)


def _expect(answer: Answer, status: int, url: str) -> None:
    if answer.status != status:
        raise SmokeError(f"{url} answers {answer.status} instead of {status}.")


def _alive(origin: str, ask: Ask) -> None:
    _expect(ask(f"{origin}/healthz"), HTTPStatus.OK, f"{origin}/healthz")


def _pages(origin: str, ask: Ask) -> None:
    url = f"{origin}/search/?q={secrets.token_hex(6)}"
    page = ask(url)
    _expect(page, HTTPStatus.OK, url)
    sheets = _STYLESHEET.findall(page.text)
    if not sheets:
        raise SmokeError(f"{url} names no style sheet.")
    for sheet in sheets:
        style = ask(sheet)
        _expect(style, HTTPStatus.OK, sheet)
        if "immutable" not in style.headers.get("cache-control", ""):
            raise SmokeError(f"{sheet} may not be kept for ever; its name says that it may.")


def _database(origin: str, ask: Ask) -> None:
    url = f"{origin}/books/{secrets.token_hex(6)}/"
    _expect(ask(url), HTTPStatus.NOT_FOUND, url)


def _private(origin: str, ask: Ask) -> None:
    url = f"{origin}/visitor/"
    answer = ask(url)
    _expect(answer, HTTPStatus.OK, url)
    if "no-store" not in answer.headers.get("cache-control", ""):
        raise SmokeError(f"{url} may be kept by others, and shows who is signed in.")


def _sign_in(origin: str, ask: Ask, outputs: Mapping[str, str]) -> None:
    url = f"{origin}/oidc/authenticate/"
    answer = ask(url)
    _expect(answer, HTTPStatus.FOUND, url)
    leads_to = urlsplit(answer.headers.get("location", ""))
    asked = parse_qs(leads_to.query)
    if asked.get("client_id") != [outputs["ClientId"]] or asked.get("redirect_uri") != [
        f"{origin}/oidc/callback/"
    ]:
        raise SmokeError(
            f"{url} leads to {leads_to.scheme}://{leads_to.netloc}{leads_to.path} with another shop's ids."
        )


def _only_through_cloudfront(place: Place) -> None:
    api = api_address(place)
    port = f":{api['ApiHttpPort']}" if "ApiHttpPort" in api else ""
    url = f"{'http' if port else 'https'}://{api['ApiDomain']}{port}{api['ApiPath']}/healthz"
    answer = get(url)
    if answer.status != HTTPStatus.FORBIDDEN:
        raise SmokeError(f"The API answers {answer.status} to whoever passes CloudFront by, instead of 403.")
