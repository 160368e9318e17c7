"""What staff say of a book in forms and files, as the services take it."""

from collections.abc import Mapping
from typing import Any

from django import forms

from catalog.drafts import FACTS, PEOPLE, BookFacts
from catalog.isbn import BadIsbnError, read_isbn

SAID = (
    *("name", *PEOPLE, "category", "price", "description", "isbn13", "language", "publisher"),
    *("published_on", "pages", "format", "series", "location", "prior_rating"),
)


def people_of(item: Any, field: str) -> str:
    """Return a stored book's people of one kind, a line for each."""
    role = field.removesuffix("s")
    return "\n".join(each.name for each in item.contributors if each.role == role)


def logged_changes(
    before: BookFacts, after: BookFacts, *, labels: Mapping[str, str]
) -> list[tuple[str, Any, Any, str]]:
    """Return what differs between two versions of a book as the log holds it, so that a history leads back.

    ``labels`` are what the reader calls the fields.
    """
    return [
        (labels[name], _in_the_log(getattr(before, name)), _in_the_log(getattr(after, name)), name)
        for name in FACTS
        if getattr(before, name) != getattr(after, name)
    ]


def _in_the_log(value: Any) -> Any:
    if isinstance(value, tuple):
        return "\n".join(value)
    return f"{value:g}" if isinstance(value, float) else value  # as DynamoDB's whole numbers come


def said(values: Mapping[str, Any]) -> Any:
    """Return a form's values as the services take them."""
    told = {name: "" if value is None and name == "description" else value for name, value in values.items()}
    return told | {
        name: [line.strip() for line in (told[name] or "").splitlines() if line.strip()]
        for name in PEOPLE
        if name in told
    }


class IsbnField(forms.CharField):
    """An ISBN as people write it, which is the same with hyphens and without."""

    def to_python(self, value: Any) -> str | None:
        """Return its 13 digits; what is no ISBN as it was written: the service says so, in its words."""
        written = super().to_python(value)
        try:
            return read_isbn(written) if written else written
        except BadIsbnError:
            return written


__all__ = ["PEOPLE", "SAID", "IsbnField", "logged_changes", "people_of", "said"]
