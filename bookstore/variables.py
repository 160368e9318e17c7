"""Typed values from the environment; what is missing or wrong is kept until all of it is known.

Libraries for this prepare for e-mail and web addresses too, which the start of every function
would wait for.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping

_YES, _NO = frozenset({"1", "on", "t", "true", "y", "yes"}), frozenset({"0", "f", "false", "n", "no", "off"})


class Variables:
    """An environment that is read variable by variable.

    A variable without a default is needed. One that is missing or wrong gets its default, or else
    its type's nothing, so that reading goes on; ``mistakes`` says by its name what it lacks.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: dict[str, str] = {}

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        one_of: Collection[str] = (),
        shape: str = "",
        at_least: int = 0,
    ) -> str:
        """Read a text; ``shape`` is a regular expression for all of it, ``at_least`` counts its characters."""

        def checked(value: str) -> str:
            if one_of and value not in one_of:
                raise ValueError(f"Has to be one of: {', '.join(one_of)}.")
            if len(value) < at_least:
                raise ValueError(f"Has to have {at_least} characters or more.")
            if shape and not re.fullmatch(shape, value):
                raise ValueError(f"Does not match {shape}")
            return value

        return self._read(name, checked, default, nothing="")

    def flag(self, name: str, default: bool | None = None) -> bool:  # noqa: FBT001 - a default, as everywhere
        """Read yes or no, by any of their usual spellings."""

        def told(value: str) -> bool:
            if value.lower() not in _YES | _NO:
                raise ValueError("Has to be 1 or 0.")
            return value.lower() in _YES

        return self._read(name, told, default, nothing=False)

    def whole(self, name: str, default: int | None = None) -> int:
        """Read a whole number."""

        def counted(value: str) -> int:
            try:
                return int(value)
            except ValueError:
                raise ValueError("Has to be a whole number.") from None

        return self._read(name, counted, default, nothing=0)

    def number(self, name: str, default: float | None = None) -> float:
        """Read a number that may have a fraction."""

        def measured(value: str) -> float:
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                raise ValueError("Has to be a number.")
            return number

        return self._read(name, measured, default, nothing=0.0)

    def pairs(self, name: str, default: Mapping[str, str] | None = None) -> dict[str, str]:
        """Read ``name=value,name=value``."""

        def split(value: str) -> dict[str, str]:
            parted = [pair.partition("=") for pair in value.split(",") if pair.strip()]
            if not all(equals for _, equals, _ in parted):
                raise ValueError("Has to be name=value, comma separated.")
            return {key.strip(): told.strip() for key, _, told in parted}

        return self._read(name, split, None if default is None else dict(default), nothing={})

    def _read[T](self, name: str, parse: Callable[[str], T], default: T | None, *, nothing: T) -> T:
        fallback = nothing if default is None else default
        if name not in self._environment:
            if default is None:
                self.mistakes[name] = "Is not set."
            return fallback
        try:
            return parse(self._environment[name])
        except ValueError as error:
            self.mistakes[name] = str(error)
            return fallback
