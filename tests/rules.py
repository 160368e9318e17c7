"""For tests that no rule lives only in a form: what a form refuses is put to the service behind it.

The service is called without any form and without a store: the first request to that ends the call, and
says that the service has taken what it was told.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pynamodb.connection import Connection

# What a browser may send. NUL is left out: services take it off, and go on.
TYPED = (
    *("", " ", "x" * 20_001, "é" * 20_001, "\n".join(["A Name"] * 21), "x\n" * 201, "\ud800"),
    *("0", "-1", "1.005", "1e999", "10000", "-0.01", "NaN", "Infinity", "²", "١", "9" * 41, "0x10", "1,5"),
    *("<script>alert(1)</script>", "=1+1", "{{7*7}}", "../x", "' OR 1=1", "Hard Back", "EN", "eng"),
    *("9780141439518x", "9780141439519", "2026-13", "26-01-01", "Fiction", "a--b", "-a", "a b", "x" * 201),
)


class AskedTheStoreError(Exception):
    """A service has taken what it was told."""


def close_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request to DynamoDB raise ``AskedTheStoreError``."""

    def ask(*_args: Any, **_kwargs: Any) -> None:
        raise AskedTheStoreError

    monkeypatch.setattr(Connection, "dispatch", ask)


def refused_by(field: Any) -> list[str]:
    """Return what a form's field refuses of all that can be typed."""

    def refuses(text: str) -> bool:
        try:
            field.clean(text)
        except ValidationError:
            return True
        return False

    return [text for text in TYPED if refuses(text)]


def taken[Value](
    call: Callable[[Value], Any],
    values: Iterable[Value],
    *,
    refusal: type[Exception] | tuple[type[Exception], ...],
) -> list[Value]:
    """Return which of some values a service does not refuse with an error of its own."""

    def takes(value: Value) -> bool:
        try:
            call(value)
        except refusal:
            return False
        except AskedTheStoreError:
            return True
        return True

    return [value for value in values if takes(value)]
