"""What the catalogue shows on the admin's front page."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from bookstore.dynamodb.admin.panels import Column, Panel, Row, front_page
from catalog import selectors
from catalog.models import LOW, SOLD_OUT

READ = 100  # by title, as their index has them; few shops have as many that run low
PLACE = 30  # behind the sales


@front_page("low-stock", right="catalog.view_book")
def low_stock(request: HttpRequest) -> Iterator[Panel]:  # noqa: ARG001 - everyone sees the same
    """Show books of which the last copies are for sale, the scarcest first: one Query."""
    books = reverse("admin:catalog_book_changelist")
    found = selectors.books_to_look_after(standing=LOW, limit=READ + 1)
    yield Panel(
        "low-stock",
        _("Low stock"),
        columns=[Column(_("Title")), Column(_("Author")), Column(_("Copies left"))],
        rows=[
            Row(
                (book.name, book.author, int(book.stock)),
                url=reverse("admin:catalog_book_change", args=[book.id]),
            )
            for book in sorted(found[:READ], key=lambda book: int(book.stock))
        ],
        measure=2,
        summary=_("The scarcest of the first %(books)d by title; there are more.") % {"books": READ}
        if len(found) > READ
        else "",
        nothing=_("There is enough of every book that is not sold out."),
        links=[
            (_("All that are low"), f"{books}?standing={LOW}"),
            (_("Sold out"), f"{books}?standing={SOLD_OUT}"),
        ],
        place=PLACE,
    )
