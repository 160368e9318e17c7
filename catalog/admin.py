"""The catalogue in the admin for staff. Every rule is the services'; here is only what staff see."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bookstore.dynamodb.admin.errors import SearchAwayError
from bookstore.dynamodb.admin.options import Hits
from bookstore.dynamodb.admin.paths import TAIL, Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from bookstore.dynamodb.attributes import instant_text
from bookstore.dynamodb.tables import Beside, nothing_beside
from bookstore.opensearch.errors import SearchUnavailableError
from bookstore.typesetting import money
from catalog import keys, search, selectors, services
from catalog.drafts import PEOPLE
from catalog.models import IN_STOCK, LOW, SOLD_OUT, WITHDRAWN
from catalog.models import Book as BookItem
from catalog.staff import covers, history, preview, prices, stock
from catalog.staff.authors import AuthorAdmin as AuthorAdmin  # noqa: PLC0414 - registered by being imported
from catalog.staff.categories import CategoryAdmin as CategoryAdmin  # noqa: PLC0414 - the same
from catalog.staff.covers import CoverPages
from catalog.staff.fields import (
    LABELS,
    SAID,
    BookForm,
    IsbnField,
    name_of_category,
    people_of,
    said,
    said_in_the_log,
)
from catalog.staff.refusals import in_the_admins_words
from catalog.staff.reviews import ReviewAdmin as ReviewAdmin  # noqa: PLC0414 - the same
from catalog.staff.spreadsheets import SpreadsheetPages

YEARS_LISTED = 30  # of arrivals; what came before them is found by search and by category
STANDINGS = [(LOW, _("low stock")), (SOLD_OUT, _("sold out")), (WITHDRAWN, _("not on sale"))]


def _years(first: Any, last: Any) -> list[str]:
    """Return the years in which books may have come in between two instants, either of which may be none."""
    this_year = timezone.now().year
    low = max(first.year if first else 0, this_year - YEARS_LISTED)
    high = min(last.year if last else this_year, this_year)
    return [f"{year:04d}" for year in range(low, high + 1)]


def _oldest_year() -> str | None:
    """Return the year in which the oldest book came in; empty while the search engine does not say."""
    try:
        return search.oldest_year()
    except SearchUnavailableError:
        return ""


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
                    oldest=_oldest_year,
                ),
                _in_category(BookItem.by_date, "added_key", "added_at", instant_text),
                _in_category(BookItem.by_title, "title_key", "name", None),  # folded: it only orders
                _in_category(BookItem.by_price, "price_key", "price", _before_id(keys.price_key)),
                _in_category(BookItem.by_rating, "rating_key", "rating", _before_id(keys.rating_key)),
                Path(
                    index=BookItem.by_standing,
                    hash_key="standing",
                    range_key="title_key",
                    equals="standing",
                    sorts="name",
                    write=None,  # folded: it only orders
                    goes_on=True,
                ),
            ],
        )

    def field_of(self, item: Any, field: Any) -> Any:
        """Return a field's value; people are written a line each."""
        if field.attname in PEOPLE:
            return people_of(item, field.attname)
        if field.attname == "unlisted":
            return not item.is_sold
        return super().field_of(item, field)

    def create(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Add a new book, on sale or not yet."""
        told = {name: getattr(row, name) for name in SAID}
        with in_the_admins_words():
            services.add_book(
                book_id=row.pk, at=timezone.now(), on_sale=not row.unlisted, beside=beside, **said(told)
            )
        row.version = 1

    def update(
        self, row: Any, *, changed: Mapping[str, Any], version: int | None, beside: Beside = nothing_beside
    ) -> None:
        """Change what is said about a book."""
        with in_the_admins_words():
            row.version = services.revise_book(
                book_id=row.pk, version=version or 0, at=timezone.now(), beside=beside, **said(changed)
            )


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


def _new_id() -> str:
    return secrets.token_hex(8)


class Book(FacadeModel):
    """A book as staff see it."""

    id = models.CharField(_("number"), primary_key=True, max_length=64, default=_new_id, editable=False)
    name = models.CharField(LABELS["name"], max_length=300)
    author = models.CharField(_("author"), max_length=2000, blank=True, editable=False)  # as on the cover
    authors = models.TextField(LABELS["authors"], blank=True, help_text=_("One name a line."))
    translators = models.TextField(LABELS["translators"], blank=True, help_text=_("One name a line."))
    illustrators = models.TextField(LABELS["illustrators"], blank=True, help_text=_("One name a line."))
    editors = models.TextField(LABELS["editors"], blank=True, help_text=_("One name a line."))
    category = models.CharField(LABELS["category"], max_length=200)
    price = models.DecimalField(LABELS["price"], max_digits=6, decimal_places=2, help_text=_("Includes tax."))
    description = models.TextField(LABELS["description"], blank=True, max_length=10_000)
    isbn13 = models.CharField(LABELS["isbn13"], max_length=40, blank=True, null=True)  # noqa: DJ001 - absent, not empty
    language = models.CharField(  # noqa: DJ001 - the same
        LABELS["language"], max_length=2, blank=True, null=True, help_text=_("Such as “en”.")
    )
    publisher = models.CharField(LABELS["publisher"], max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    published_on = models.CharField(  # noqa: DJ001 - the same
        LABELS["published_on"],
        max_length=10,
        blank=True,
        null=True,
        help_text=_("YYYY, YYYY-MM or YYYY-MM-DD."),
    )
    pages = models.PositiveIntegerField(LABELS["pages"], blank=True, null=True)
    format = models.CharField(  # noqa: DJ001 - the same
        LABELS["format"],
        max_length=20,
        blank=True,
        null=True,
        choices=[("paperback", _("paperback")), ("hardback", _("hardback"))],
    )
    series = models.CharField(LABELS["series"], max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    location = models.CharField(LABELS["location"], max_length=200, blank=True, null=True)  # noqa: DJ001 - the same
    prior_rating = models.DecimalField(
        LABELS["prior_rating"], max_digits=3, decimal_places=2, blank=True, null=True
    )
    stock = models.IntegerField(_("copies"), default=0, editable=False)
    availability = models.CharField(
        _("availability"),
        max_length=10,
        editable=False,
        choices=[(IN_STOCK, _("in stock")), (LOW, _("low")), (SOLD_OUT, _("sold out"))],
    )
    cover = models.CharField(LABELS["cover"], max_length=200, blank=True, null=True, editable=False)  # noqa: DJ001 - the same
    rating = models.DecimalField(_("rating"), max_digits=3, decimal_places=2, editable=False, default=0)
    standing = models.CharField(  # noqa: DJ001 - the same
        _("standing"), max_length=10, editable=False, null=True, choices=STANDINGS
    )
    unlisted = models.BooleanField(
        _("not on sale yet"),
        default=False,
        help_text=_("You see its page beforehand, the public does not."),
    )
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

    @classmethod
    def value_said(cls, name: str, value: str) -> str:
        """Return a value in the log as staff know it."""
        return said_in_the_log(name, super().value_said(name, value))

    def get_absolute_url(self) -> str:
        """Return the path of the book's page in the shop."""
        return BookItem(self.pk, name=self.name).get_absolute_url()


class StandingFilter(admin.SimpleListFilter):
    """The books to look after. The others have no standing, and no index lists them by it."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002 - Django's signature
        """Return what a book may be."""
        return STANDINGS

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:  # noqa: ARG002 - the same
        """Return the books that are so."""
        return queryset.filter(standing=self.value()) if self.value() else queryset


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


def _as_seen(options: dict[str, Any]) -> dict[str, Any]:
    """Return a fieldset for who may only look: a category by its name, a cover that is not to be changed."""
    seen = {"category": "category_name", "cover_shown": "cover_seen"}
    return {**options, "fields": [seen.get(name, name) for name in options["fields"]]}


def _withdraw(admin: "BookAdmin", request: HttpRequest, book: Book, _form: ToolForm) -> str:
    return admin.take(request, book, services.withdraw_book, _("Taken off sale."))


def _bring_back(admin: "BookAdmin", request: HttpRequest, book: Book, _form: ToolForm) -> str:
    told = admin.take(request, book, services.bring_back_book, _("Put on sale."))
    _tell_of_lost_categories(request, [book])
    return told


def _tell_of_lost_categories(request: HttpRequest, books: Iterable[Book]) -> None:
    """Say of books that are put on sale whose category was deleted while they were not."""
    there = {each.slug for each in selectors.categories()}
    if lost := [book for book in books if book.category not in there]:
        sentence = ngettext(
            "The category of %(first)s was deleted meanwhile: choose another, so that menus lead to it.",
            "The categories of %(count)d books, such as %(first)s, were deleted meanwhile: "
            "choose others, so that menus lead to them.",
            len(lost),
        )
        messages.warning(request, sentence % {"count": len(lost), "first": lost[0]})


@admin.register(Book)
class BookAdmin(CoverPages, SpreadsheetPages, ToolsAdmin):
    """Books, newest first."""

    form = BookForm
    list_display = ["name", "author", "category_name", "priced", "availability", "added_at"]
    list_filter = [StandingFilter, CategoryFilter, "added_at"]
    list_per_page = search.RESULTS_A_PAGE
    most_hits = search.RESULTS_A_PAGE * search.LAST_PAGE
    search_fields = ["name"]  # shows the box; the search engine looks further
    search_help_text = _("Title, author, ISBN or words of the description")
    readonly_fields = [
        "people_pages",
        "cover_shown",
        "id",
        "stock",
        "availability",
        "rating",
        "added_at",
        "updated_at",
        "withdrawn_at",
    ]
    actions = ["withdraw", "bring_back", "reprice", "export_csv"]
    tools = (
        Tool("withdraw", _("Take off sale"), "withdraw", _withdraw, offered=lambda book: not book.unlisted),
        Tool("bring_back", _("Put on sale"), "withdraw", _bring_back, offered=lambda book: book.unlisted),
        *stock.TOOLS,
        covers.WITHDRAW_PICTURE,
        history.RESTORE,
    )
    fieldsets = [
        (
            None,
            {"fields": ["name", *PEOPLE, "people_pages", "category", "price", "description", "cover_shown"]},
        ),
        (
            _("Edition"),
            {"fields": ["isbn13", "language", "publisher", "published_on", "pages", "format", "series"]},
        ),
        (_("In the shop"), {"fields": ["location", "prior_rating", *readonly_fields[2:]]}),
    ]

    class Media:
        css = {"all": ["css/counter.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask of a new book whether it is on sale at once; it has no stock and no rating yet."""
        fieldsets: Any = super().get_fieldsets(request, obj)
        if obj is not None:
            looks = not self.has_change_permission(request, obj)
            return [(title, _as_seen(options)) for title, options in fieldsets] if looks else fieldsets
        (first, options), *others, (title, _options) = fieldsets
        named = [name for name in options["fields"] if name != "people_pages"]
        return [
            (first, {**options, "fields": named}),
            *others,
            (title, {"fields": ["unlisted", "location", "prior_rating"]}),
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show copies and shelf where the list is of what runs low: that takes the whole rows."""
        columns = list(super().get_list_display(request))
        short = request.GET.get("standing") in {LOW, SOLD_OUT}
        return [*columns[:-1], "stock", "location"] if short else columns

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        """Return the page in the shop of a book that is on sale; the others have a preview."""
        return super().get_view_on_site_url(obj) if obj is None or not obj.unlisted else None

    def get_urls(self) -> Any:
        """Give the pages beside Django's own their addresses."""
        reprices = partial(self.page, "reprice")
        looks = partial(self.page_of_row, "view")
        name = "catalog_book_{}".format
        return [
            path("prices/", reprices(partial(prices.preview, self)), name=name("prices")),
            path("prices/apply/", reprices(partial(prices.apply, self)), name=name("prices_apply")),
            path("<path:object_id>/stock/", looks(partial(stock.page, self)), name=name("stock")),
            path("<path:object_id>/preview/", looks(partial(preview.page, self)), name=name("preview")),
            *super().get_urls(),
        ]

    # --- On sale or not -----------------------------------------------------------------------------------

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may take books off sale and put them back."""
        return self.may(request, "withdraw")

    def has_reprice_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may change the prices of many books."""
        return self.may(request, "reprice")

    @admin.action(permissions=["withdraw"], description=_("Take off sale"))
    def withdraw(self, request: HttpRequest, queryset: Any) -> None:
        """Withdraw books; those that are withdrawn stay so."""
        self._take_each(request, queryset, services.withdraw_book, _("Taken off sale."))

    @admin.action(permissions=["withdraw"], description=_("Put on sale"))
    def bring_back(self, request: HttpRequest, queryset: Any) -> None:
        """Put books on sale, again or for the first time; those that are stay so."""
        self._take_each(request, queryset, services.bring_back_book, _("Put on sale."))
        _tell_of_lost_categories(request, queryset)

    def _take_each(self, request: HttpRequest, rows: Any, act: Callable[..., Any], told: Any) -> None:
        def done(count: int) -> str:
            sentence = ngettext("%(count)d book: %(what)s", "%(count)d books: %(what)s", count)
            return sentence % {"count": count, "what": told}

        self.for_each(request, rows, lambda book: self.take(request, book, act, told), done=done)

    def take(self, request: HttpRequest, book: Book, act: Callable[..., Any], told: Any) -> str:
        """Take a book off sale or put it on, with the entry in the log; return what it says."""
        with in_the_admins_words():
            act(book_id=book.pk, at=timezone.now(), beside=self.beside(request, book, str(told)))
        return str(told)

    @admin.action(permissions=["reprice"], description=_("Change the price by percent …"))
    def reprice(self, request: HttpRequest, queryset: Any) -> Any:
        """Ask by how much, for the books chosen."""
        return prices.ask(self, request, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show what was changed, with the ways back on the first page for those who may change books."""
        answer = super().history_view(request, object_id, extra_context)
        shown = getattr(answer, "context_data", None)
        if shown and shown["newest"] and self.may(request, "change"):
            shown["ways_back"] = history.ways_back(shown["action_list"])
        return answer

    @admin.display(description=_("their pages"))
    def people_pages(self, book: Book) -> str:
        """Lead to the pages of everybody with a part in a book: there a name is corrected in all their books on sale."""
        names = dict.fromkeys(name for people in PEOPLE for name in getattr(book, people).splitlines())
        there = [
            (reverse("admin:catalog_author_change", args=[keys.author_slug(name)]), name) for name in names
        ]
        return format_html_join(", ", '<a href="{}">{}</a>', there)

    @admin.display(description=_("category"))
    def category_name(self, book: Book) -> str:
        """Return what the category is called."""
        return name_of_category(book.category)

    @admin.display(description=_("price"), ordering="price")
    def priced(self, book: Book) -> str:
        """Return what a book costs."""
        return money(book.price)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the categories that there are."""
        if db_field.name == "isbn13":
            kwargs["form_class"] = IsbnField
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
