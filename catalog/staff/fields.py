"""What staff say of a book in forms and files, as the services take it."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookstore.dynamodb.admin.audit import Change
from bookstore.dynamodb.admin.forms import FacadeForm
from bookstore.typesetting import money
from catalog import cover_names, selectors
from catalog.drafts import FACTS, PEOPLE, BookFacts, check_facts
from catalog.errors import BadBookError
from catalog.isbn import BadIsbnError, read_isbn

# What each field is called, in the order of a form.
LABELS = {
    "name": gettext_lazy("title"),
    "authors": gettext_lazy("authors"),
    "translators": gettext_lazy("translators"),
    "illustrators": gettext_lazy("illustrators"),
    "editors": gettext_lazy("editors"),
    "category": gettext_lazy("category"),
    "price": gettext_lazy("price"),
    "description": gettext_lazy("description"),
    "isbn13": gettext_lazy("ISBN"),
    "language": gettext_lazy("language"),
    "publisher": gettext_lazy("publisher"),
    "published_on": gettext_lazy("published on"),
    "pages": gettext_lazy("pages"),
    "format": gettext_lazy("format"),
    "series": gettext_lazy("series"),
    "location": gettext_lazy("shelf"),
    "prior_rating": gettext_lazy("our booksellers' rating"),
    "cover": gettext_lazy("cover"),
}
SAID = tuple(name for name in LABELS if name != "cover")  # which is sent, not said


def people_of(item: Any, field: str) -> str:
    """Return a stored book's people of one kind, a line for each."""
    role = field.removesuffix("s")
    return "\n".join(each.name for each in item.contributors if each.role == role)


def label_of(name: str) -> str:
    """Return what a field of a book is called in forms, and so in the log, however it was changed."""
    return str(capfirst(LABELS[name]))


def field_change(name: str, old: Any, new: Any) -> Change:
    """Return a change of a book's field as the log holds it."""
    return label_of(name), old, new, name


def logged_changes(before: BookFacts, after: BookFacts) -> list[Change]:
    """Return what differs between two versions of a book as the log holds it, so that a history leads back."""
    return [
        field_change(name, _in_the_log(getattr(before, name)), _in_the_log(getattr(after, name)))
        for name in FACTS
        if getattr(before, name) != getattr(after, name)
    ]


def _in_the_log(value: Any) -> Any:
    if isinstance(value, tuple):
        return "\n".join(value)
    return f"{value:g}" if isinstance(value, float) else value  # as DynamoDB's whole numbers come


def name_of_category(slug: str) -> str:
    """Return what a category is called; its address where there is none any more."""
    return {each.slug: each.name for each in selectors.categories()}.get(slug, slug)


def said_in_the_log(name: str, value: str) -> str:
    """Return a value that the log keeps of a book's field as staff know it."""
    if name in PEOPLE:
        return ", ".join(value.splitlines())
    if name == "category":
        return name_of_category(value)
    if name == "cover":
        drawn = _("drawn")
        return drawn if value == drawn or cover_names.is_drawn(value) else _("a picture")
    if name == "price":
        try:
            return money(Decimal(value))
        except InvalidOperation:  # as an older version may have written it
            return value
    return value


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


class BookForm(FacadeForm):
    """A book's form, which tells everything that is wrong at once."""

    def clean(self) -> dict[str, Any]:
        """Where a field is wrong already, and the service not asked therefore, have the others checked as it would."""
        cleaned = super().clean()
        if self.errors:
            told = {name: cleaned[name] for name in SAID if name in cleaned}
            try:
                check_facts(**said(told))
            except BadBookError as error:
                for name in told.keys() & error.problems.keys():
                    self.add_error(name, error.problems[name])
        return cleaned
