"""Proxies between the shop and its stores, which count requests and break the line on demand.

A store call is one request and its answer, whatever the protocol: the proxy counts how
often bytes from the shop follow bytes from the store. A pipeline or a script is one call.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from bookstore.devstack.stores import LOOPBACK

_LONGEST_NOTE = 100  # bytes
_READS = {"GetItem", "BatchGetItem", "Query", "Scan", "DescribeTable", "TransactGetItems"}


@dataclass
class Calls:
    """How many requests went to each store while counting."""

    dynamodb: int = 0
    opensearch: int = 0
    redis: int = 0

    @property
    def total(self) -> int:
        return self.dynamodb + self.opensearch + self.redis


@dataclass
class Proxy:
    """One listening port that leads to one store."""

    port: int
    upstream_port: int
    calls: int = 0
    requests: list[str] = field(default_factory=list)  # what was asked, as far as HTTP headers tell
    notes: re.Pattern[bytes] | None = None  # what to take down of all that is asked, but for reads
    noted: set[bytes] = field(default_factory=set)
    _mode: str = "open"  # open, refuse, stall
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _sockets: set[socket.socket] = field(default_factory=set)

    def start(self) -> None:
        listener = socket.create_server((LOOPBACK, self.port), backlog=256)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    @contextlib.contextmanager
    def refuse(self) -> Iterator[None]:
        """Close every connection at once, as a store that is down does."""
        with self._in_mode("refuse"):
            yield

    @contextlib.contextmanager
    def stall(self) -> Iterator[None]:
        """Accept requests and never answer, as a store that hangs does."""
        with self._in_mode("stall"):
            yield

    @contextlib.contextmanager
    def _in_mode(self, mode: str) -> Iterator[None]:
        self._switch(mode)
        try:
            yield
        finally:
            self._switch("open")

    def _switch(self, mode: str) -> None:
        with self._changed:
            self._mode = mode
            # What hung while the line was broken is not delivered late: its caller has gone.
            waiting = list(self._sockets)
            self._sockets.clear()
            self._changed.notify_all()
        for each in waiting:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            shop, _ = listener.accept()
            if self._mode == "refuse":
                shop.close()
                continue
            try:
                store = socket.create_connection((LOOPBACK, self.upstream_port), timeout=5)
            except OSError:
                shop.close()
                continue
            store.settimeout(None)
            for each in (shop, store):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._sockets |= {shop, store}
            line = _Line(self, shop, store)
            threading.Thread(target=line.outward, daemon=True).start()
            threading.Thread(target=line.inward, daemon=True).start()


@dataclass
class _Line:
    proxy: Proxy
    shop: socket.socket
    store: socket.socket
    answered: bool = True
    asked: str = ""
    tail: bytes = b""  # of what went before: a word may come in two pieces

    def outward(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.shop.recv(65536):
                if self.answered:
                    self.answered = False
                    self.asked = _asked(data)
                    with self.proxy._changed:
                        self.proxy.calls += 1
                        self.proxy.requests.append(self.asked)
                self._note(data)
                with self.proxy._changed:
                    while self.proxy._mode == "stall" and self.shop in self.proxy._sockets:
                        self.proxy._changed.wait()
                self.store.sendall(data)
        self._close()

    def _note(self, data: bytes) -> None:
        if self.proxy.notes and self.asked not in _READS:
            with self.proxy._changed:
                self.proxy.noted |= set(self.proxy.notes.findall(self.tail + data))
            self.tail = data[-_LONGEST_NOTE:]

    def inward(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.store.recv(65536):
                self.answered = True
                self.shop.sendall(data)
        self._close()

    def _close(self) -> None:
        with self.proxy._changed:
            self.proxy._sockets -= {self.shop, self.store}
        for each in (self.shop, self.store):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _asked(data: bytes) -> str:
    """Name a request: DynamoDB's operation, an HTTP request line, or Redis's first words."""
    lines = data.split(b"\r\n")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"x-amz-target":
            return value.strip().decode().rpartition(".")[2]
    if data[:1] == b"*":
        return b" ".join(line for line in lines[2:5:2]).decode(errors="replace")
    return lines[0].decode(errors="replace")


@dataclass
class Wire:
    """The lines to all three stores."""

    dynamodb: Proxy
    opensearch: Proxy
    redis: Proxy

    @contextlib.contextmanager
    def count(self) -> Iterator[Calls]:
        """Count the requests to each store inside the block."""
        calls = Calls()
        before = (self.dynamodb.calls, self.opensearch.calls, self.redis.calls)
        yield calls
        calls.dynamodb = self.dynamodb.calls - before[0]
        calls.opensearch = self.opensearch.calls - before[1]
        calls.redis = self.redis.calls - before[2]
