"""The book trade's number: ISBN-13, and the ISBN-10 of before 2007 that says the same.

https://www.isbn-international.org/content/isbn-users-manual/29
"""

import re

_SEPARATORS = re.compile(r"[\s\-‐-―]+")


class BadIsbnError(ValueError):
    """Not an ISBN: a wrong length, a strange character, or a check digit that does not fit."""


def read_isbn(text: str) -> str:
    """Return the ISBN-13, digits only, of an ISBN-13 or ISBN-10 written with or without hyphens.

    Raises ``BadIsbnError``.
    """
    digits = _SEPARATORS.sub("", text).upper()
    if re.fullmatch(r"97[89][0-9]{10}", digits) and check_digit(digits[:12]) == digits[12]:
        return digits
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits) and _check_digit_of_ten(digits[:9]) == digits[9]:
        return f"978{digits[:9]}{check_digit('978' + digits[:9])}"
    raise BadIsbnError(text)


def check_digit(first_twelve: str) -> str:
    """Return the thirteenth digit, weighted 1 and 3 by turns."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first_twelve))
    return str(-total % 10)


def _check_digit_of_ten(first_nine: str) -> str:
    remainder = -sum(int(digit) * (10 - place) for place, digit in enumerate(first_nine)) % 11
    return "X" if remainder == 10 else str(remainder)  # noqa: PLR2004 -- ISBN-10 writes ten as X
