"""Façades of the plainest kind, their admin, and who may do what in it: what the library does without an application."""

import html
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from bookstore.dynamodb.admin.embedded import EmbeddedInline, EmbeddedModel
from bookstore.dynamodb.admin.errors import ChangedMeanwhileError, RefusedError, SearchAwayError
from bookstore.dynamodb.admin.options import FacadeAdmin, Hits
from bookstore.dynamodb.admin.sites import DynamoAdminSite
from bookstore.dynamodb.admin.sources import FacadeModel, Source
from bookstore.dynamodb.admin.tools import Tool, ToolForm, ToolsAdmin
from tests.shelf import ClaimItem, PartItem, ReaderItem, RemarkItem, VolumeItem

FOUND: list[str] = []  # what the search engine finds
APP = "admin_on_dynamodb"


class Volume(FacadeModel):
    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=300)
    listing = models.CharField(max_length=60, choices=[("fiction", "Fiction"), ("plays", "Plays")])
    title_key = models.CharField(max_length=400)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    stock = models.IntegerField(default=0)
    isbn13 = models.CharField(max_length=13, blank=True, null=True)  # noqa: DJ001 - absent, not empty
    contributors = models.JSONField(default=list, editable=False)
    version = models.IntegerField(default=1, editable=False)

    source = Source(VolumeItem, version="version", unique=["isbn13"], claims=ClaimItem)

    class Meta(FacadeModel.Meta):
        app_label = APP
        ordering = ["title_key"]

    def __str__(self) -> str:
        return self.name


class Part(EmbeddedModel):
    volume = models.ForeignKey(Volume, models.DO_NOTHING, related_name="+")
    name = models.CharField(max_length=60)
    role = models.CharField(max_length=20)

    class Meta(EmbeddedModel.Meta):
        app_label = APP


class Reader(FacadeModel):
    """Whose address nobody else may have; no page shows them."""

    reader_id = models.CharField(primary_key=True, max_length=64)
    email = models.EmailField()
    source = Source(ReaderItem, unique=["email"], claims=ClaimItem)

    class Meta(FacadeModel.Meta):
        app_label = APP


class Remark(FacadeModel):
    """What was said of a volume: refers to it, so that its form completes a title."""

    key = models.CharField(primary_key=True, max_length=130, editable=False)
    volume = models.ForeignKey(Volume, models.DO_NOTHING, related_name="+")
    reader_id = models.CharField(max_length=64)
    state = models.CharField(max_length=20)
    made_key = models.CharField(max_length=40)
    source = Source(RemarkItem)

    class Meta(FacadeModel.Meta):
        app_label = APP


class PartInline(EmbeddedInline):
    model = Part
    attribute = "contributors"


class LendForm(ToolForm):
    reader = forms.CharField(max_length=20)


LENT: list[tuple[str, str, str]] = []  # the volume, the reader and the form's token


def lend(admin: Any, request: Any, volume: Any, form: Any) -> str:
    if form.seen != volume.version:
        raise ChangedMeanwhileError("It was lent by Ada.")
    if form.cleaned_data["reader"] == "Bo":
        raise RefusedError({"reader": "Bo never brings them back."})
    LENT.append((volume.pk, form.cleaned_data["reader"], form.token))
    volume.source.update(
        volume, changed={"stock": 0}, version=form.seen, beside=admin.beside(request, volume, "Lent.")
    )
    return "It is lent."


def dust(admin: Any, request: Any, volume: Any, form: Any) -> str:
    raise RefusedError(f"{volume} is clean.")


class CountForm(ToolForm):
    counted = forms.IntegerField()

    @staticmethod
    def seen_of(row: Any) -> int:
        return int(row.stock)


def count(admin: Any, request: Any, volume: Any, form: Any) -> str:
    if form.seen != volume.stock:
        raise ChangedMeanwhileError(f"There are {volume.stock} now.")
    changed = {"stock": form.cleaned_data["counted"]}
    volume.source.update(
        volume, changed=changed, version=volume.version, beside=admin.beside(request, volume, "Counted.")
    )
    return "It is counted."


SHELF = """
{% extends "admin/page.html" %}
{% block content %}{% for tool, address, form in tools %}{% include "admin/includes/tool_form.html" %}{% endfor %}{% endblock %}
"""


class VolumeAdmin(ToolsAdmin):
    list_display = ["name", "listing", "price", "stock"]
    list_editable = ["stock"]
    list_filter = ["listing"]
    list_per_page = 5
    search_fields = ["name"]
    fields = ["name", "price", "stock", "isbn13"]
    inlines = [PartInline]
    actions = ["put_up"]
    tools = [
        Tool("lend", "Lend", "change", lend, form=LendForm, offered=lambda volume: volume.stock > 0),
        Tool("dust", "Dust", "view", dust),
        Tool("count", "Count", "change", count, form=CountForm, page="shelf"),
    ]

    def get_urls(self) -> Any:
        name = f"{APP}_volume_{{}}".format
        return [
            path("report/", self.page("delete", self.report), name=name("report")),
            path("<path:object_id>/shelf/", self.page_of_row("view", self.shelf), name=name("shelf")),
            *super().get_urls(),
        ]

    def report(self, request: Any) -> HttpResponse:
        return TemplateResponse(request, "admin/page.html", self.frame(request, "Report"))

    def shelf(self, request: Any, volume: Any) -> HttpResponse:
        tools = self.tools_of(request, volume, "shelf")
        shelf = engines["django"].from_string(SHELF)
        return TemplateResponse(request, shelf, self.frame(request, "Shelf", volume, tools=tools))

    @admin.action(description="Put up by one", permissions=["change"])
    def put_up(self, request: Any, queryset: Any) -> None:
        def up(row: Any) -> None:
            if row.name.endswith("3"):
                raise RefusedError("no threes")
            row.source.update(row, changed={"stock": row.stock + 1}, version=row.version)
            self.log_change(request, row, "Put up by one.")

        self.for_each(request, queryset, up, done=lambda count: f"{count} put up.")

    def search(
        self,
        request: Any,  # noqa: ARG002 - the hook's signature
        term: str,
        *,
        filters: Any,  # noqa: ARG002 - the same
        page: int,
        size: int,
    ) -> Hits:
        if term == "away":
            raise SearchAwayError("Search is having a rest.")
        return Hits(FOUND[(page - 1) * size : page * size], len(FOUND))


class RemarkAdmin(FacadeAdmin):
    autocomplete_fields = ["volume"]
    list_display = ["volume", "reader_id"]


site = DynamoAdminSite()
site.register(Volume, VolumeAdmin)
site.register(Remark, RemarkAdmin)
urlpatterns = [path("admin/", site.urls)]


def _plain(status: int) -> Callable[..., HttpResponse]:
    return lambda request, exception=None: HttpResponse(status=status)


handler400, handler403, handler404, handler500 = map(_plain, (400, 403, 404, 500))


@dataclass(frozen=True)
class Person:
    """Who asks, as a project's own sign-in would say."""

    pk: str
    rights: tuple[str, ...] = ()
    model: str = ""  # whose rights alone they are, if not everything's
    is_active = is_authenticated = True

    def __str__(self) -> str:
        return f"{self.pk}@example.com"

    @property
    def is_staff(self) -> bool:
        return bool(self.rights)

    def has_perm(self, right: str) -> bool:
        verb, _, model = right.partition(".")[2].partition("_")
        return verb in self.rights and self.model in {"", model}

    def has_module_perms(self, app: str) -> bool:
        return app == APP


PEOPLE = {
    "owner": Person("owner", ("view", "add", "change", "delete")),
    "clerk": Person("clerk", ("view",)),
    "moderator": Person("moderator", ("view", "change"), model="remark"),
    "reader": Person("reader"),
}


class SignedIn:
    """The project's sign-in: people say by a header who they are, and are believed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person: Any = PEOPLE.get(request.headers.get("X-Person", ""), AnonymousUser())
        request.user = person
        return self._get_response(request)


# --- What tests read and send ---------------------------------------------------------------------------------

VOLUMES = "/admin/admin_on_dynamodb/volume/"


def text(response: Any) -> str:
    assert response.status_code == 200, (response.status_code, response.content[:3000])
    return html.unescape(response.content.decode())


def names(page: str) -> list[str]:
    return re.findall(r'class="field-name"><a [^>]*>([^<]*)<', page)


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return VOLUMES + found[1] if found else None


def sent(page: str) -> dict[str, str]:
    """Return all hidden and text fields of a page's main form, as a browser sends them."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", page[page.index('method="post"', page.index('id="content"')) :]):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and "checkbox" not in tag and "submit" not in tag and name[1] != "select_across":
            found[name[1]] = value[1] if value else ""
    return found


def shelve(count: int, listing: str = "fiction") -> list[str]:
    made = [f"Title {number:02d}" for number in range(count)]
    for name in random.sample(made, count):
        volume(name, f"{listing}-{name[-2:]}", listing)
    return made


def volume(name: str, key: str, listing: str = "fiction") -> None:
    VolumeItem(
        key,
        name=name,
        listing=listing,
        title_key=f"{name.lower()}#{key}",
        price=Decimal("7.99"),
        stock=10,
        contributors=[PartItem(name="Jane Austen")],
    ).save()
