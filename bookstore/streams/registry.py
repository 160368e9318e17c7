"""Which functions project which table: the news travels upwards without an import.

An app's ``projection.py`` registers its own functions::

    @projects("Orders")
    def count_sale(change: Change) -> None: ...

Such a function does one write that may safely happen twice, and raises what goes wrong:
``errors.UnprojectableError`` for a record that no later try can project.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import cache

from django.utils.module_loading import autodiscover_modules

from bookstore.streams.records import Change

type Projection = Callable[[Change], None]

# By table, by the function's full name: a module that is loaded twice does not project twice.
_projections: dict[str, dict[str, Projection]] = defaultdict(dict)


def projects(table: str) -> Callable[[Projection], Projection]:
    """Register a function for each change of a table, named without the stage's prefix."""

    def register(projection: Projection) -> Projection:
        _projections[table][name_of(projection)] = projection
        return projection

    return register


def projections_of(table: str) -> tuple[Projection, ...]:
    """Return a table's projections in order of their names.

    The first call looks for a module ``projection`` in every installed app; what such a
    module raises when it is imported is raised here.
    """
    _discover()
    return tuple(projection for _, projection in sorted(_projections.get(table, {}).items()))


def projected_tables() -> list[str]:
    """Return the tables that any projection follows, in order of their names."""
    _discover()
    return sorted(table for table, found in _projections.items() if found)


def name_of(projection: Projection) -> str:
    """Return a projection's full name, as logs and dead letters write it."""
    return f"{projection.__module__}.{getattr(projection, '__qualname__', repr(projection))}"


@cache
def _discover() -> None:
    autodiscover_modules("projection")
