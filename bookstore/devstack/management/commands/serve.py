"""Serve the local shop."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.staticfiles.management.commands.runserver import Command as RunServer
from django.core.management.base import CommandParser
from django.core.servers.basehttp import WSGIServer

from bookstore.commands import LocalCommand
from bookstore.devstack.compression import compressed
from bookstore.devstack.local_server import HeirServer
from bookstore.devstack.stores import LOOPBACK


class _Server(HeirServer, WSGIServer):
    """Django's own, on the socket that the supervisor took for it."""


type App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def at_one_address(app: App) -> App:
    """Send whoever opens a page at 127.0.0.1 on to localhost: browsers keep the two's cookies apart."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        wants_a_page = environ["REQUEST_METHOD"] == "GET" and "text/html" in environ.get("HTTP_ACCEPT", "")
        if not wants_a_page or environ.get("HTTP_HOST", "").partition(":")[0] != LOOPBACK:
            return app(environ, start_response)
        path = quote(environ["PATH_INFO"].encode("latin-1"))  # PEP 3333: bytes as Latin-1
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        start_response("302 Found", [("Location", f"{settings.PUBLIC_ORIGIN}{path}{query}")])
        return []

    return answer


class Command(LocalCommand, RunServer):
    """Django's development server, as the local shop needs it.

    The shop's own error pages show, since DEBUG is off, and static files are served all the
    same; nobody is told of migrations, for there is no SQL database.
    """

    help = (
        "Serve the local shop on 127.0.0.1. `make run` starts it, and starts it anew when the code is edited."
    )
    server_cls = _Server

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(insecure_serving=True, use_reloader=False)

    def get_handler(self, *args: Any, **options: Any) -> Any:
        """Return what answers requests, behind the compression that CloudFront gives the deployed shop."""
        return at_one_address(compressed(super().get_handler(*args, **options)))

    def check_migrations(self) -> None:
        """There are none."""

    def on_bind(self, server_port: int) -> None:
        self.stdout.write(f"serving on {LOOPBACK}:{server_port}")
