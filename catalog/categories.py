"""The subjects that books stand under: added, changed, deleted, counted."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from bookstore.dynamodb.conflicts import through_conflicts
from bookstore.dynamodb.errors import CONDITION_FAILED, cancellation_codes, is_condition_failure
from bookstore.dynamodb.tables import Beside, nothing_beside, transaction
from catalog.drafts import is_category_slug, plain_line, plain_text, read_each
from catalog.errors import (
    BadCategoryError,
    CatalogError,
    CategoryChangedError,
    CategoryExistsError,
    CategoryNotEmptyError,
)
from catalog.models import Category
from catalog.selectors import count_listed, forget_categories, has_books

CATEGORY_CHARACTERS = 80
DESCRIPTION_CHARACTERS = 1000
MOST_POSITION = 1_000_000
_READERS = {
    "name": partial(plain_line, most=CATEGORY_CHARACTERS),
    "description": partial(plain_text, most=DESCRIPTION_CHARACTERS),
}


def save_category(*, slug: str, name: str, description: str = "", position: int = 0) -> Category:
    """Add a category or change what is said about it, whatever others say; for imports and samples.

    Its count stays. The second time nothing is written. Raises ``BadCategoryError``.
    """
    said = _check_category(slug=slug, name=name, description=description, position=position)
    try:
        category = Category.get(Category.PARTITION, slug, consistent_read=True)
    except Category.DoesNotExist:
        category = Category(Category.PARTITION, slug)
    if all(getattr(category, field) == value for field, value in said.items()):
        return category
    category.update(
        actions=[
            *(getattr(Category, field).set(value) for field, value in said.items()),
            Category.count.set(Category.count | 0),
            Category.version.set((Category.version | 1) + 1),
            Category.schema_version.set(1),
        ]
    )
    forget_categories()
    return category


def add_category(
    *,
    slug: str,
    name: str,
    description: str = "",
    position: int = 0,
    beside: Beside = nothing_beside,
) -> None:
    """Add a category. Raises ``BadCategoryError``, ``CategoryExistsError``."""
    said = _check_category(slug=slug, name=name, description=description, position=position)
    category = Category(Category.PARTITION, slug, **said)
    _write_category(
        lambda write: write.save(category, condition=Category.slug.does_not_exist()),
        beside=beside,
        refused=CategoryExistsError(slug),
    )


def revise_category(
    *,
    slug: str,
    version: int,
    name: str,
    description: str = "",
    position: int = 0,
    beside: Beside = nothing_beside,
) -> None:
    """Change what is said about a category; its address and its books stay.

    ``version`` is the one that the editor saw. Raises ``BadCategoryError``, ``CategoryChangedError``.
    """
    said = _check_category(slug=slug, name=name, description=description, position=position)
    actions = [
        *(getattr(Category, field).set(value) for field, value in said.items()),
        Category.version.set(version + 1),
    ]
    _write_category(
        lambda write: write.update(
            Category(Category.PARTITION, slug), actions=actions, condition=_of_version(version)
        ),
        beside=beside,
        refused=CategoryChangedError(slug),
    )


def delete_category(*, slug: str, version: int, beside: Beside = nothing_beside) -> None:
    """Delete a category that lists no book.

    One that is put there at this moment, or is not on sale, stays for sale without it: a book's
    category need not exist. Raises ``CategoryNotEmptyError``, ``CategoryChangedError``.
    """
    if has_books(slug):
        raise CategoryNotEmptyError(slug)
    _write_category(
        lambda write: write.delete(Category(Category.PARTITION, slug), condition=_of_version(version)),
        beside=beside,
        refused=CategoryChangedError(slug),
    )


def _write_category(
    change: Callable[[TransactWrite], None], *, beside: Beside, refused: CatalogError
) -> None:
    def write() -> None:
        with transaction() as open_transaction:
            beside(open_transaction)
            change(open_transaction)

    try:
        through_conflicts(write)
    except TransactWriteError as error:
        if CONDITION_FAILED in cancellation_codes(error):
            raise refused from error
        raise
    forget_categories()


def _of_version(version: int) -> Condition:
    """Return what holds of a category of this version; one of before there were versions is of the first."""
    condition: Condition = Category.version == version
    if version == 1:
        condition = (Category.version.does_not_exist() & Category.slug.exists()) | condition
    return condition


def _check_category(*, slug: str, name: str, description: str, position: int) -> dict[str, Any]:
    problems: dict[str, str] = {}
    said: dict[str, Any] = {"position": position}
    if not is_category_slug(slug):
        problems["slug"] = _(
            "A category's address has lower-case letters and digits, with single hyphens between."
        )
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= MOST_POSITION:
        problems["position"] = _("A position is a whole number from 0 to %(most)d.") % {"most": MOST_POSITION}
    said |= read_each(_READERS, {"name": name, "description": description}, problems)
    if not problems and not said["name"]:
        problems["name"] = _("A category needs a name.")
    if problems:
        raise BadCategoryError(problems)
    return said


def recount_categories(slugs: Iterable[str] | None = None) -> dict[str, int]:
    """Count the books listed in these categories, or in all, and store what changed; return the counts.

    One paged Query a category, so for staff and commands. The indexes are a moment behind the
    table: a count taken just after an edit may be out by it until the next recount.
    """
    known = {category.slug: category for category in Category.query(Category.PARTITION)}
    counts: dict[str, int] = {}
    for slug in known if slugs is None else dict.fromkeys(slugs):
        if slug in known:
            counts[slug] = count_listed(slug)
            if counts[slug] != int(known[slug].count):
                _note_count(known[slug], counts[slug])
    forget_categories()
    return counts


def _note_count(category: Category, count: int) -> None:
    try:
        category.update(actions=[Category.count.set(count)], condition=Category.slug.exists())
    except UpdateError as error:
        if not is_condition_failure(error):  # it was deleted meanwhile
            raise
