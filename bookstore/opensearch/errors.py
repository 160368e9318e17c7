"""What goes wrong between the shop and its search engine, told apart."""

from django.utils.translation import gettext as _


class SearchUnavailableError(Exception):
    """The search engine is away, slow, busy or has no index; a later try may succeed."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(_("Search is having a rest. Please try again in a moment."))
        self.reason = reason  # for the log, not for customers


class SupersededError(Exception):
    """Another rebuild of the search index has begun, so that this one must not go on; nothing is lost."""

    def __init__(self) -> None:
        super().__init__(
            _("Another rebuild of the search index has begun and goes on; this one has stopped.")
        )


class UnindexableError(ValueError):
    """What no index takes, now or later: an attribute is missing or of a wrong kind."""
