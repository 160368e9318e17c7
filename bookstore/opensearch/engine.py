"""The connection to the search engine, and its troubles told apart.

Its library is the heaviest that the shop has, and most pages ask it nothing: here and in ``index``
it is imported by the functions that speak to it, so that no other page waits for it.
"""

import contextlib
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings

from bookstore import aws
from bookstore.opensearch.errors import SearchUnavailableError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch, TransportError

_PATIENCE_SECONDS = 30.0


@cache
def client() -> "OpenSearch":
    """Return the process's client for pages: short time-outs, one more try."""
    return _connect(timeout_seconds=settings.STORE_TIMEOUT_SECONDS, retry_on_timeout=True)


@cache
def patient_client() -> "OpenSearch":
    """Return the process's client for writing, for which nobody waits: making an index takes its time."""
    # After a time-out nothing is sent again: the index would be there already.
    return _connect(timeout_seconds=_PATIENCE_SECONDS, retry_on_timeout=False)


def _connect(*, timeout_seconds: float, retry_on_timeout: bool) -> "OpenSearch":
    from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth  # noqa: PLC0415

    signed: dict[str, Any] = {}
    if settings.OPENSEARCH_AUTH == "aws":
        credentials = aws.session().get_credentials()
        signed = {"http_auth": Urllib3AWSV4SignerAuth(credentials, settings.AWS_REGION, "es")}
    return OpenSearch(
        hosts=[settings.OPENSEARCH_URL],
        timeout=timeout_seconds,
        max_retries=1,
        retry_on_timeout=retry_on_timeout,
        **signed,
    )


@contextlib.contextmanager
def trouble_told() -> Iterator[None]:
    """Turn what a later try may mend into ``SearchUnavailableError``; let mistakes of ours be seen."""
    from opensearchpy import ConnectionError as EngineConnectionError  # noqa: PLC0415
    from opensearchpy import TransportError  # noqa: PLC0415

    try:
        yield
    except EngineConnectionError as error:
        raise SearchUnavailableError(str(error)) from error
    except TransportError as error:
        if _may_pass(error):
            raise SearchUnavailableError(str(error)) from error
        raise


def _may_pass(error: "TransportError") -> bool:
    status = error.status_code
    if not isinstance(status, int):
        return True  # no answer at all
    return (
        status == HTTPStatus.TOO_MANY_REQUESTS
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or error.error == "index_not_found_exception"  # it is being made
    )
