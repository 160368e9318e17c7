"""A small HTTP server of the local stack: on this machine alone, in development alone, quick to end."""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from types import FrameType
from typing import Any

LOOPBACK = "127.0.0.1"
CONNECTIONS_THAT_WAIT = 128  # socketserver's 5 turns a small rush away
LISTENER = "DEVSTACK_LISTENER"  # the variable that names the descriptor of an inherited socket


class NotLocalError(RuntimeError):
    """It would be reached from elsewhere, or change what is not on this machine."""


class Desk(BaseHTTPRequestHandler):
    """Answers one request."""

    sys_version = ""
    timeout = 10  # seconds that a request may take to arrive

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: addresses carry e-mail addresses and secrets."""

    def send(
        self, status: HTTPStatus, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send an answer that nobody keeps; ``headers`` replace the usual ones of the same names."""
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Bound(socket.socket):
    """A socket that has its address already."""

    def bind(self, address: Any) -> None:
        """Leave it where it is."""


class HeirServer(HTTPServer):
    """Listens on the socket that the supervisor took for it, where there is one, else on its own."""

    request_queue_size = CONNECTIONS_THAT_WAIT

    def server_bind(self) -> None:
        """Take the inherited socket over, or bind an own one."""
        if inherited := os.environ.get(LISTENER):
            self.socket.close()
            self.socket = _Bound(fileno=int(inherited))
        super().server_bind()


class LocalServer(HeirServer, ThreadingHTTPServer):
    """Serves on 127.0.0.1, and says in one line what went wrong."""

    daemon_threads = True
    name = "local server"  # begins every line it prints

    def __init__(self, desk: type[Desk], *, port: int, host: str = LOOPBACK) -> None:
        if host != LOOPBACK:
            raise NotLocalError(f"This listens on {LOOPBACK} alone, not on {host}.")
        super().__init__((host, port), desk)  # closes what it opened when the port is taken

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Say in one line what went wrong; somebody who hung up is no news."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.say(f"a request failed: {error!r}")

    @classmethod
    def say(cls, line: str) -> None:
        """Print a line for whoever reads the log."""
        print(f"{cls.name}: {line}", flush=True)


def options(description: str) -> argparse.ArgumentParser:
    """Return the command line that such a program has, for more to be added."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help=f"port on {LOOPBACK}; 0 takes a free one")
    parser.add_argument("--host", default=LOOPBACK, help=f"only {LOOPBACK} is accepted")
    return parser


def serve(kind: type[LocalServer], make: Callable[[], LocalServer], *, port: int) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    if os.environ.get("STAGE", "development") not in ("development", "test"):
        kind.say("this is a stand-in and does not start outside development.")
        return 2
    try:
        server = make()
    except (NotLocalError, ValueError) as error:
        kind.say(str(error))
        return 2
    except OSError as error:
        kind.say(f"cannot listen on port {port}: {error.strerror}. Choose another with --port.")
        return 1

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        # shutdown() waits for serve_forever(), which this very thread is running.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.say(f"listening on {server.origin}")
    with server:
        server.serve_forever(poll_interval=0.1)
    return 0
