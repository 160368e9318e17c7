"""From the Books stream to the search index, and back to what follows from a book's stock and stars.

Nothing follows from the Reviews stream: a review changes its book in the same transaction.
"""

from bookstore.streams.errors import UnprojectableError
from bookstore.streams.records import Change
from bookstore.streams.registry import projects
from catalog import derived, search


@projects("Books")
def index_book(change: Change) -> None:
    """Show the book in the search index as it now is, or its tombstone; an older record changes nothing."""
    try:
        if change.new is not None:
            search.put_book(change.new)
        else:
            search.remove_book(
                change.keys["id"], last_revision=_last_revision(change), at=change.approximate_creation
            )
    except search.UnindexableError as error:
        raise UnprojectableError(f"the search index cannot hold this book: {error}") from error


@projects("Books")
def mend_book(change: Change) -> None:
    """Set availability and rating as the record's stock and stars have it, if the book still has those."""
    if change.new is None:
        return
    try:
        derived.mend_derived(change.new)
    except KeyError as error:
        raise UnprojectableError(f"the book has no {error}") from error


def _last_revision(change: Change) -> int:
    try:
        return int((change.old or {})["revision"])
    except KeyError as error:
        raise UnprojectableError("the removed book's revision is unknown") from error
