"""What the shop writes down about itself: one JSON object a line, or one line for a terminal.

Every line carries the request's id and, where a view has named one, the order's. Only the
fields listed here are written, and what looks like an e-mail address, a token, a card
number or one of the shop's own secrets is struck out, also in the text of exceptions.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache

from django.conf import settings

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_order_id: ContextVar[str] = ContextVar("order_id", default="")

# Fields that a record may carry beside its message, given by `extra={...}`.
FIELDS = ("method", "path", "status", "duration_ms")

_SECRET_SETTINGS = (
    "SECRET_KEY",
    "SECRET_KEY_BEFORE",
    "EDGE_SECRET",
    "EDGE_SECRET_BEFORE",
    "REDIS_PASSWORD",
    "COGNITO_CLIENT_SECRET",
    "PAYMENT_API_KEY",
    "PAYMENT_WEBHOOK_SECRET",
)
_SECRET_LENGTH = 8  # characters; anything shorter would strike out half the log

_STRONG = (
    "token|secret|password|passwd|verifier|session|signature|authorization|cookie|api[_-]?key|card_number|cvc"
)
_VALUE = r"""["']?)(?!\[)[^\s"'&;,}]+"""
# Those that begin with a run of letters begin at its first one alone: tried from each, a path of
# 8 KB would cost seconds.
_PATTERNS = (
    # E-mail addresses, also percent-encoded.
    (re.compile(r"(?<![\w.+%'-])[\w.+%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE), "[e-mail]"),
    # JSON web tokens: three parts in base 64, the first of which begins with {".
    (re.compile(r"\beyJ[\w-]{8,1000}+\.[\w-]+(?:\.[\w-]*)?"), "[token]"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 [token]"),
    # What such a name stands before, in a query, a form, a header, JSON or a dictionary's repr.
    (
        re.compile(
            # A look ahead for the value, or else a word such as "tokentoken…" without one costs its square.
            r"""(?<![\w-])(?=[\w-]++["']?\s*[=:]\s*["']?[^\s"'&;,}\[])"""
            rf"""([\w-]*(?:{_STRONG})[\w-]*+["']?\s*[=:]\s*{_VALUE}""",
            re.IGNORECASE,
        ),
        r"\1[secret]",
    ),
    (re.compile(rf"(\b(?:code|state|nonce)={_VALUE}", re.IGNORECASE), r"\1[secret]"),
)
_CARD_NUMBER = re.compile(r"\b[3-6](?:[ -]?\d){14,18}\b")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def request_context(request_id: str) -> Iterator[None]:
    """Give every line written inside the block a request's id; the order is unknown at first."""
    request_token, order_token = _request_id.set(request_id), _order_id.set("")
    try:
        yield
    finally:
        _request_id.reset(request_token)
        _order_id.reset(order_token)


def current_request_id() -> str:
    """Return the id of the request under way; empty outside of one."""
    return _request_id.get()


def note_order(order_id: str) -> None:
    """Give every later line of this request an order's id."""
    _order_id.set(order_id)


def redact(text: str) -> str:
    """Strike out what may not stand in a log."""
    for secret in _secrets():
        text = text.replace(secret, "[secret]")
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return _CARD_NUMBER.sub(lambda match: "[number]" if _is_card_number(match[0]) else match[0], text)


def _is_card_number(text: str) -> bool:
    """Tell a card number from a counter: its last digit checks the others (Luhn)."""
    digits = [int(each) for each in reversed(text) if each.isdigit()]
    doubled = (sum(divmod(2 * each, 10)) for each in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@cache
def _secrets() -> tuple[str, ...]:
    values = (str(getattr(settings, name, "")) for name in _SECRET_SETTINGS)
    return tuple(value for value in values if len(value) >= _SECRET_LENGTH)


def forget_secrets() -> None:
    """Read anew, at the next line, which of the settings are secret: they were changed."""
    _secrets.cache_clear()


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON; fields without a value are left out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "request_id": _request_id.get(),
            "order_id": getattr(record, "order_id", "") or _order_id.get(),
            **{name: _field(record, name) for name in FIELDS},
            "exception": _exception(self, record),
        }
        return json.dumps(
            {name: value for name, value in told.items() if value not in ("", None)}, default=str
        )


class LineFormatter(logging.Formatter):
    """Writes a record for a person at a terminal, an exception below its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {record.levelname:<7} {record.name}: {_one_line(redact(record.getMessage()))}"
        if (duration := getattr(record, "duration_ms", None)) is not None:
            line += f" {duration} ms"
        if order := getattr(record, "order_id", "") or _order_id.get():
            line += f" order={order}"
        if (request_id := _request_id.get()) and record.levelno >= logging.WARNING:
            line += f" [{request_id}]"
        exception = _exception(self, record)
        return f"{line}\n{exception}" if exception else line


def _one_line(text: str) -> str:
    """Keep what a request sent from writing lines of its own."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _field(record: logging.LogRecord, name: str) -> object:
    value = getattr(record, name, None)
    return redact(value) if isinstance(value, str) else value


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0]:
        return redact(formatter.formatException(record.exc_info))
    return redact(record.exc_text) if record.exc_text else ""
