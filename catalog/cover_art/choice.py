"""Choosing by a hash."""

import hashlib
from collections.abc import Sequence


class Choice:
    """Picks that look random and are the same every time: a large number, used up digit by digit."""

    def __init__(self, *seeds: str) -> None:
        self._number = int.from_bytes(hashlib.sha512("\n".join(seeds).encode()).digest())

    def pick[Option](self, options: Sequence[Option]) -> Option:
        """Return one of the options."""
        self._number, position = divmod(self._number, len(options))
        return options[position]

    def some[Option](self, options: Sequence[Option], count: int) -> tuple[Option, ...]:
        """Return several of the options, no one twice."""
        left = list(options)
        return tuple(left.pop(left.index(self.pick(left))) for _ in range(count))
