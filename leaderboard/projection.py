"""The leaderboards' part of the streams: each change becomes one write that may happen twice."""

from django.utils import timezone

from bookstore.streams.errors import UnprojectableError
from bookstore.streams.progress import Progress, watches
from bookstore.streams.records import Change, Image
from bookstore.streams.registry import projects
from leaderboard import counting, ranking


@projects("Orders")
def count_sale(change: Change) -> None:
    """Count an order for what its state says it is worth; a removed one for nothing."""
    if change.new is not None:
        ranking.count_sale(counting.sale_of(change.new))
    else:
        ranking.count_sale(counting.removal_of_order(_before(change)))


@projects("Books")
def rate_book(change: Change) -> None:
    """Put a book in its place among the top rated; a removed one nowhere."""
    if change.new is not None:
        ranking.rate_book(counting.rating_of(change.new))
    else:
        ranking.rate_book(counting.removal_of_book(_before(change)))


@watches
def note_progress(progress: Progress) -> None:
    """Keep how far a stream has come, for the front page of the admin."""
    ranking.note_progress(progress, at=timezone.now())


def _before(change: Change) -> Image:
    if change.old is None:
        raise UnprojectableError("a change without any image")
    return change.old
