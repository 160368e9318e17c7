"""What goes wrong between Django's admin and DynamoDB, told apart."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import NotSupportedError
from django.utils.translation import gettext as _


class MissingIndexError(NotSupportedError):
    """A question that no index answers; the message names the index that would. Nothing was read."""


class BadPageError(ValueError):
    """A page's cursor was forged, cut short, or made for another list."""


class ChangedMeanwhileError(Exception):
    """Somebody else changed, made or deleted the row first: nothing was written.

    The message tells a person who and what, where that is known.
    """

    def __str__(self) -> str:
        return super().__str__() or _("Someone else changed it meanwhile.")


class RefusedError(Exception):
    """A rule of the application says no: nothing was written. The problems are for a person's eyes."""

    def __init__(self, problems: Mapping[str, str] | str) -> None:
        # The problems of the whole form stand under "".
        self.problems = {"": problems} if isinstance(problems, str) else dict(problems)
        super().__init__(" ".join(self.problems.values()))


type Errors = type[Exception] | tuple[type[Exception], ...]


@contextmanager
def in_the_admins_words(refused: Errors, *, changed: Errors = ()) -> Iterator[None]:
    """Say in the admin's words what an application's services raise; ``changed``, where somebody was first.

    An error's ``problems``, a sentence for each field, are told beside the fields; others say it in their ``str()``.
    """
    try:
        yield
    except changed as error:
        raise ChangedMeanwhileError(str(error)) from error
    except refused as error:
        raise RefusedError(getattr(error, "problems", str(error))) from error


class AwayError(Exception):
    """What rows come from does not answer; the message is for a person's eyes."""


class SearchAwayError(AwayError):
    """The search engine does not answer, or not to that."""
