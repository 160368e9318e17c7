"""Categories that come with books: made when the first book of theirs is met."""

from catalog.categories import save_category
from catalog.models import Category


class Shelves:
    """Knows the categories there are, and adds those that an import needs at the end of the menu."""

    def __init__(self) -> None:
        known = {category.slug: int(category.position) for category in Category.query(Category.PARTITION)}
        self._slugs = set(known)
        self._next_position = max(known.values(), default=0) + 1
        self.met: set[str] = set()

    def provide(self, slug: str, *, name: str) -> None:
        """See to it that there is such a category; one that is there keeps its name."""
        self.met.add(slug)
        if slug not in self._slugs:
            save_category(slug=slug, name=name, position=self._next_position)
            self._slugs.add(slug)
            self._next_position += 1
