"""The catalogue in the admin for staff. Every rule is the services'; here is only what staff see."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError, SearchAwayError
from bookstore.dynamodb.admin.options import FacadeAdmin, Hits
from bookstore.dynamodb.admin.paths import TAIL, Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.tables import Beside, nothing_beside
from bookstore.opensearch.errors import SearchUnavailableError
from catalog import keys, search, selectors, services
from catalog.errors import (
    BadBookError,
    BookChangedError,
    BookExistsError,
    BookNotFoundError,
    DuplicateIsbnError,
)
from catalog.models import IN_STOCK, LOW, SOLD_OUT
from catalog.models import Book as BookItem
from catalog.staff_covers import CoverPages

YEARS_LISTED = 30  # of arrivals; what came before them is found by search and by category
PEOPLE = ("authors", "translators", "illustrators", "editors")  # a line for each person


def _years(first: Any, last: Any) -> list[str]:
    """Return the years in which books may have come in between two instants, either of which may be none."""
    this_year = timezone.now().year
    low = max(first.year if first else 0, this_year - YEARS_LISTED)
    high = min(last.year if last else this_year, this_year)
    return [f"{year:04d}" for year in range(low, high + 1)]


@contextmanager
def _in_the_admins_words() -> Iterator[None]:
    """Say in the admin's words what the services refuse."""
    try:
        yield
    except (BookChangedError, BookExistsError, BookNotFoundError) as error:
        raise ChangedMeanwhileError from error
    except DuplicateIsbnError as error:
        raise RefusedError({"isbn13": str(error)}) from error
    except BadBookError as error:
        raise RefusedError(error.problems) from error


class Books(Source):
    """Books come from the table and its list indexes, and are written by the catalogue's services."""

    def __init__(self) -> None:
        super().__init__(
            BookItem,
            version="version",
            paths=[
                Path(
                    index=BookItem.arrivals,
                    hash_key="arrival_year",
                    range_key="added_key",
                    sorts="added_at",
                    write=instant_text,
                    goes_on=True,
                    partitions=_years,
                ),
                _in_category(BookItem.by_date, "added_key", "added_at", instant_text),
                _in_category(BookItem.by_title, "title_key", "name", None),  # folded: it only orders
                _in_category(BookItem.by_price, "price_key", "price", _before_id(keys.price_key)),
                _in_category(BookItem.by_rating, "rating_key", "rating", _before_id(keys.rating_key)),
            ],
        )

    def field_of(self, item: Any, field: Any) -> Any:
        """Return a field's value; people are written a line each."""
        if field.attname in PEOPLE:
            role = field.attname.removesuffix("s")
            return "\n".join(each.name for each in item.contributors if each.role == role)
        return super().field_of(item, field)

    def create(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Put a new book on sale."""
        said = {name: getattr(row, name) for name in SAID}
        with _in_the_admins_words():
            services.add_book(book_id=row.pk, at=timezone.now(), beside=beside, **_said(said))
        row.version = 1

    def update(
        self, row: Any, *, changed: Mapping[str, Any], version: int | None, beside: Beside = nothing_beside
    ) -> None:
        """Change what is said about a book."""
        with _in_the_admins_words():
            book = services.revise_book(
                book_id=row.pk, version=version or 0, at=timezone.now(), beside=beside, **_said(changed)
            )
        row.version = int(book.version)


def _in_category(index: Any, range_key: str, sorts: str, write: Callable[[Any], str] | None) -> Path:
    return Path(
        index=index,
        hash_key="listing",
        range_key=range_key,
        equals="category",
        sorts=sorts,
        write=write,
        goes_on=True,
    )


def _before_id(key: Callable[..., str]) -> Callable[[Any], str]:
    """Return what writes the part of a sort key that stands before the book's id."""
    return lambda value: key(value, book_id="").removesuffix(TAIL)


def _said(values: Mapping[str, Any]) -> Any:
    """Return values as the services take them."""
    said = {name: "" if value is None and name == "description" else value for name, value in values.items()}
    return said | {
        name: [line.strip() for line in (said[name] or "").splitlines() if line.strip()]
        for name in PEOPLE
        if name in said
    }


def _new_id() -> str:
    return secrets.token_hex(8)


class Book(FacadeModel):
    """A book as staff see it."""

    id = models.CharField(_("number"), primary_key=True, max_length=64, default=_new_id, editable=False)
    name = models.CharField(_("title"), max_length=300)
    author = models.CharField(_("author"), max_length=2000, blank=True, editable=False)  # as on the cover
    authors = models.TextField(_("authors"), blank=True, help_text=_("One name a line."))
    translators = models.TextField(_("translators"), blank=True, help_text=_("One name a line."))
    illustrators = models.TextField(_("illustrators"), blank=True, help_text=_("One name a line."))
    editors = models.TextField(_("editors"), blank=True, help_text=_("One name a line."))
    category = models.CharField(_("category"), max_length=200)
    price = models.DecimalField(_("price"), max_digits=6, decimal_places=2, help_text=_("Includes tax."))
    description = models.TextField(_("description"), blank=True, max_length=10_000)
    isbn13 = models.CharField(_("ISBN"), max_length=40, blank=True, null=True)  # noqa: DJ001 - absent, not empty
    language = models.CharField(  # noqa: DJ001 - the same
        _("language"), max_length=2, blank=True, null=True, help_text=_("Such as “en”.")
    )
    publisher = models.CharField(_("publisher"), max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    published_on = models.CharField(  # noqa: DJ001 - the same
        _("published on"), max_length=10, blank=True, null=True, help_text=_("YYYY, YYYY-MM or YYYY-MM-DD.")
    )
    pages = models.PositiveIntegerField(_("pages"), blank=True, null=True)
    format = models.CharField(  # noqa: DJ001 - the same
        _("format"),
        max_length=20,
        blank=True,
        null=True,
        choices=[("paperback", _("paperback")), ("hardback", _("hardback"))],
    )
    series = models.CharField(_("series"), max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    location = models.CharField(_("shelf"), max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    prior_rating = models.DecimalField(
        _("our booksellers' rating"), max_digits=3, decimal_places=2, blank=True, null=True
    )
    stock = models.IntegerField(_("copies"), default=0, editable=False)
    availability = models.CharField(
        _("availability"),
        max_length=10,
        editable=False,
        choices=[(IN_STOCK, _("in stock")), (LOW, _("low")), (SOLD_OUT, _("sold out"))],
    )
    cover = models.CharField(_("cover"), max_length=200, blank=True, null=True, editable=False)  # noqa: DJ001 - the same
    rating = models.DecimalField(_("rating"), max_digits=3, decimal_places=2, editable=False, default=0)
    version = models.IntegerField(_("version"), default=1, editable=False)
    added_at = models.DateTimeField(_("came in"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False, null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), editable=False, null=True)

    source = Books()

    class Meta(FacadeModel.Meta):
        verbose_name = _("book")
        verbose_name_plural = _("books")
        ordering = ["-added_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the path of the book's page in the shop."""
        return BookItem(self.pk, name=self.name).get_absolute_url()


SAID = (
    *("name", *PEOPLE, "category", "price", "description", "isbn13", "language", "publisher"),
    *("published_on", "pages", "format", "series", "location", "prior_rating"),
)


class CategoryFilter(admin.SimpleListFilter):
    """One category's books. A field's own choices would be read when the process starts."""

    title = _("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        """Return the categories that there are."""
        return [(each.slug, each.name) for each in selectors.categories()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002 - the same
        """Return the books of the one chosen."""
        return queryset.filter(category=self.value()) if self.value() else queryset


@admin.register(Book)
class BookAdmin(CoverPages, FacadeAdmin):
    """Books, newest first."""

    list_display = ["name", "author", "category_name", "price", "availability", "added_at"]
    list_filter = [CategoryFilter, "added_at"]
    list_per_page = search.RESULTS_A_PAGE
    most_hits = search.RESULTS_A_PAGE * search.LAST_PAGE
    search_fields = ["name"]  # shows the box; the search engine looks further
    search_help_text = _("Title, author, ISBN or words of the description")
    readonly_fields = [
        "cover_shown",
        "id",
        "stock",
        "availability",
        "rating",
        "added_at",
        "updated_at",
        "withdrawn_at",
    ]
    fieldsets = [
        (None, {"fields": ["name", *PEOPLE, "category", "price", "description", "cover_shown"]}),
        (
            _("Edition"),
            {"fields": ["isbn13", "language", "publisher", "published_on", "pages", "format", "series"]},
        ),
        (_("In the shop"), {"fields": ["location", "prior_rating", *readonly_fields[1:]]}),
    ]

    @admin.display(description=_("category"))
    def category_name(self, book: Book) -> str:
        """Return what the category is called."""
        names = {each.slug: each.name for each in selectors.categories()}
        return names.get(book.category, book.category)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the categories that there are."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "category":
            names = [(each.slug, each.name) for each in selectors.categories()]
            field = forms.ChoiceField(label=field.label, choices=[("", "---------"), *names])
            field.show_hidden_initial = True
        if field is not None and db_field.name in PEOPLE:
            field.widget.attrs["rows"] = 3
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Refuse: a book is withdrawn, since orders go on naming it."""
        return False

    def search(
        self,
        request: HttpRequest,  # noqa: ARG002 - the hook's signature
        term: str,
        *,
        filters: dict[str, Any],
        page: int,
        size: int,  # noqa: ARG002 - the search's own, which `list_per_page` is
    ) -> Hits:
        """Ask the shop's search engine, withdrawn books included."""
        if set(filters) - {"category"}:
            raise SearchAwayError(str(_("A search can be narrowed by category only.")))
        try:
            found = search.find(
                search.SearchQuery(
                    text=term, category=str(filters.get("category", "")), page=page, also_withdrawn=True
                )
            )
        except SearchUnavailableError as error:
            raise SearchAwayError(str(error)) from error
        return Hits(found.ids, found.total)
