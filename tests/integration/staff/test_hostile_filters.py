"""Whatever an address says of a list, for every admin there is: a page, a message, few requests."""

import contextlib
import itertools
from typing import Any

from django.contrib.admin import site
from django.core.exceptions import FieldError, ValidationError

from bookstore.dynamodb.admin.errors import MissingIndexError
from bookstore.dynamodb.admin.sites import load
from tests import factories

VALUES = ("", "x", "1e999", "9" * 400, "\0", "k" * 3000, "0001-01-01 00:00:00+14:00", "é#\U0010ffff")
LOOKUPS = ("exact", "gt", "gte", "lt", "lte", "startswith", "in", "isnull", "icontains")
MOST_REQUESTS = 3


def test_whatever_an_address_filters_by_is_answered_or_named_as_what_no_index_answers(wire: Any) -> None:
    load()
    factories.book("Emma", book_id="b-emma")
    asked = 0
    for model in site._registry:
        fields = {name for path in model.source.paths for name in (path.equals, path.sorts) if name}
        for field, lookup, value in itertools.product(sorted(fields), LOOKUPS, VALUES):
            try:
                rows = model.objects.filter(**{f"{field}__{lookup}": [value] if lookup == "in" else value})
            except (FieldError, ValidationError, ValueError, TypeError):
                continue  # Django's list says so, and shows itself without the filter
            with wire.count() as calls, contextlib.suppress(MissingIndexError):
                rows.page(20)
            assert calls.dynamodb <= MOST_REQUESTS, (model, field, lookup, value[:20])
            asked += 1
    assert asked > 500


def test_an_address_of_the_admin_says_so(owner: Any) -> None:
    factories.book("Emma", book_id="b-emma")
    for hostile in (
        {"price__gte": "1e999", "category": "fiction"},
        {"price__startswith": "7"},
        {"added_at__startswith": "2026"},
        {"added_at__gte": "0001-01-01 00:00:00+14:00"},
        {"category": "k" * 3000},
    ):
        answer = owner.get("/admin/catalog/book/", hostile, follow=True)
        assert answer.status_code == 200, hostile


def test_a_page_names_few_keys(owner: Any, wire: Any) -> None:
    factories.book("Emma", book_id="b-emma")
    for address, field in (("/admin/catalog/author/", "slug"), ("/admin/catalog/book/", "id")):
        with wire.count() as calls:
            answer = owner.get(address, {f"{field}__in": ",".join(f"k-{number}" for number in range(300))})
        assert answer.status_code == 200
        assert calls.dynamodb <= MOST_REQUESTS + 1, address  # and the session
        assert "cannot be filtered by that" in answer.content.decode()
