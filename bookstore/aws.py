"""How the shop reaches AWS: one session, cached clients, short time-outs.

Addresses and credentials come from the variables that botocore itself reads
(``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_S3`` and so on), so that the local AWS and the
real one differ by the environment alone.
"""

import ipaddress
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from django.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@cache
def session() -> boto3.Session:
    """Return the process's one boto3 session; making one costs more than a call."""
    return boto3.Session(region_name=settings.AWS_REGION)


def _config() -> Config:
    return Config(
        connect_timeout=settings.STORE_TIMEOUT_SECONDS,
        read_timeout=settings.STORE_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
    )


@cache
def s3() -> "S3Client":
    """Return the process's S3 client."""
    return session().client("s3", config=_config())


@cache
def s3_for_long_work() -> "S3Client":
    """Return a client with the patience for parts of large files, for which no page waits."""
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    return session().client("s3", config=config)


@cache
def s3_signer() -> "S3Client":
    """Return a client that signs forms and links for browsers, and asks S3 for nothing.

    On AWS their address names bucket and region: by the common one S3 would send browsers on,
    and a file would have to be sent twice.
    """
    style: Literal["auto", "virtual"] = "auto" if settings.AWS_ENDPOINT_URL else "virtual"
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    return session().client("s3", config=config)


@cache
def sqs() -> "SQSClient":
    """Return the process's SQS client."""
    return session().client("sqs", config=_config())


@cache
def cognito() -> "CognitoIdentityProviderClient":
    """Return the process's client of the Cognito user pools API."""
    return session().client("cognito-idp", config=_config())


@cache
def functions() -> Any:
    """Return the process's client of Lambda."""
    return session().client("lambda", config=_config())


def is_loopback(url: str) -> bool:
    """Tell whether an address can only lead to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class NotLocalError(RuntimeError):
    """A command meant for development met an address that is not on this machine."""


def refuse_unless_local() -> None:
    """Stop a command that would harm a real shop.

    Raises ``NotLocalError``, naming every store whose address is not on this machine. A
    store with no address at all is the real AWS.
    """
    addresses = {
        "AWS_ENDPOINT_URL": settings.AWS_ENDPOINT_URL,
        **_resolved_addresses(),
        "DEAD_LETTER_QUEUE_URL": settings.DEAD_LETTER_QUEUE_URL,
        "COVERS_URL": settings.COVERS_URL,
        "OPENSEARCH_URL": settings.OPENSEARCH_URL,
        "REDIS_URL": settings.REDIS_URL,
        "PUBLIC_ORIGIN": settings.PUBLIC_ORIGIN,
    }
    foreign = [f"{name}={url or '(AWS)'}" for name, url in addresses.items() if not is_loopback(url)]
    if foreign:
        msg = (
            f"This command only runs against stores on this machine, and these are not: {', '.join(foreign)}."
        )
        raise NotLocalError(msg)


@cache
def _resolved_addresses() -> dict[str, str]:
    """Return where botocore leads each service, whichever variable or configuration file said so."""
    clients = (session().client("dynamodb"), s3(), sqs(), cognito())
    return {client.meta.service_model.service_name: client.meta.endpoint_url for client in clients}
