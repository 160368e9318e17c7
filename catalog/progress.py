"""How far a long command has come: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from django.core.management.base import OutputWrapper
from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 2.0


class Progress:
    """Counts up to ``total`` in a ``with`` block.

    ``out`` is a command's stderr. Without a terminal it gets a line every two seconds and one at the end.
    """

    def __init__(self, label: str, *, total: int | None, unit: str, out: OutputWrapper) -> None:
        self._out = out
        self._label, self._unit, self._total = label, unit, total
        self._done = 0
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._bar: tqdm[Any] | None = None
        if self._out.isatty():
            self._bar = tqdm(total=total, desc=label, unit=unit, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._write_line()

    def advance(self, count: int = 1) -> None:
        """Note that so many more are done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() >= self._next_line:
            self._write_line()

    def say(self, line: str) -> None:
        """Write a line without spoiling the bar."""
        if self._bar is not None:
            tqdm.write(line, file=sys.stderr)
        else:
            self._out.write(line)

    def _write_line(self) -> None:
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        whole = f" of {self._total}" if self._total is not None else ""
        self._out.write(f"  {self._label}: {self._done}{whole} {self._unit}")
        self._out.flush()
