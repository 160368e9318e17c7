"""Whether the catalogue can be shown and searched at this moment."""

import logging

from django.conf import settings
from pynamodb.exceptions import PynamoDBException

from bookstore.opensearch.engine import client, trouble_told
from bookstore.opensearch.errors import SearchUnavailableError
from catalog.models import Category

logger = logging.getLogger(__name__)

_A_FEW = 50  # categories; one with a book among them is enough


def is_ready() -> bool:
    """Tell whether table and search index answer and hold books: one Query and one request to the engine.

    What is wrong is in the log, as the public need not know.
    """
    try:
        listed = Category.query(Category.PARTITION, limit=_A_FEW, page_size=_A_FEW)
        if not any(category.count for category in listed):
            logger.warning("not ready: no category holds a book")
            return False
        with trouble_told():
            indexed = client().count(index=settings.SEARCH_INDEX)["count"]
    except (PynamoDBException, SearchUnavailableError) as error:
        logger.warning("not ready: %s: %s", type(error).__name__, error)
        return False
    if not indexed:
        logger.warning("not ready: the search index is empty")
    return bool(indexed)
