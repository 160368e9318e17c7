"""Categories in the admin."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from bookstore.dynamodb.admin.changelists import CursorChangeList
from bookstore.dynamodb.admin.options import FacadeAdmin
from bookstore.dynamodb.admin.paths import Path
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.tables import Beside, nothing_beside
from catalog import categories, keys
from catalog.errors import CategoryNotEmptyError
from catalog.models import Category as CategoryItem
from catalog.selectors import has_books
from catalog.staff.refusals import in_the_admins_words


def _the_one(_first: Any, _last: Any) -> Sequence[str]:
    return [CategoryItem.PARTITION]


class Categories(Source):
    """Categories stand in one partition; their key is the slug."""

    def __init__(self) -> None:
        path = Path(hash_key="partition", range_key="slug", sorts="slug", partitions=_the_one)
        super().__init__(CategoryItem, version="version", paths=[path])

    def key_of(self, item: Any) -> str:
        """Return the address; of a new category without one, what its name comes to."""
        return item.slug or keys.category_slug(item.name)

    def _parts(self, key: str) -> list[str]:
        return [CategoryItem.PARTITION, key]

    def create(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Add a category."""
        with in_the_admins_words():
            categories.add_category(slug=row.pk, **_said(row, {}), beside=beside)
        row.version = 1

    def update(
        self, row: Any, *, changed: Mapping[str, Any], version: int | None, beside: Beside = nothing_beside
    ) -> None:
        """Change what is said about a category."""
        with in_the_admins_words():
            categories.revise_category(
                slug=row.pk, version=version or 0, **_said(row, changed), beside=beside
            )
        row.version = (version or 0) + 1

    def delete(self, row: Any, *, beside: Beside = nothing_beside) -> None:
        """Delete a category without books."""
        with in_the_admins_words():
            categories.delete_category(slug=row.pk, version=row.version, beside=beside)


def _said(row: Any, changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: changed.get(name, getattr(row, name)) for name in ("name", "description", "position")}


class Category(FacadeModel):
    """A category as staff see it."""

    slug = models.CharField(
        _("address"),
        primary_key=True,
        max_length=200,
        blank=True,
        help_text=_("Stays for good: links lead there. Leave it empty, and it is made of the name."),
    )
    name = models.CharField(_("name"), max_length=80)
    description = models.TextField(_("description"), blank=True, max_length=1000)
    position = models.IntegerField(_("position"), default=0, help_text=_("In menus, the lowest first."))
    count = models.IntegerField(_("books on sale"), default=0, editable=False)
    version = models.IntegerField(_("version"), default=1, editable=False)

    source = Categories()

    class Meta(FacadeModel.Meta):
        app_label = "catalog"
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the path of the category's page in the shop."""
        return reverse("catalog:category", args=[self.pk])


class AsInMenus(CursorChangeList):
    """A list as readers see it, as long as one page holds it: no index has the positions."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and put its rows in the order of the menus."""
        super().get_results(request)
        if not self.has_other_pages:
            rows = sorted(self.result_list, key=lambda row: (row.position, row.name))
            self.result_list = self.queryset.with_rows(rows)


@admin.register(Category)
class CategoryAdmin(FacadeAdmin):
    """Categories in the order of the menus, which is changed in the list."""

    list_display = ["name", "slug", "position", "count"]
    list_editable = ["position"]
    list_per_page = 100
    sortable_by = ()
    fields = ["name", "slug", "description", "position", "count"]
    readonly_fields = ["count"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002 - Django's signature
        """Return the list in that order."""
        return AsInMenus

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - the same
        """Keep the address as it is, once there is one."""
        return ["count"] if obj is None else ["slug", "count"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the count out of a form for a new category."""
        named = super().get_fields(request, obj)
        return [name for name in named if name != "count"] if obj is None else named

    def why_kept(self, row: Any) -> str:
        """Tell of the books in a category."""
        return str(CategoryNotEmptyError(row.pk)) if has_books(row.pk) else ""
