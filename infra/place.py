"""Where the shop is deployed to: a stage, in a region, of AWS or of a local AWS."""

import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from bookstore.aws import is_loopback
from infra.errors import DeploymentError

STAGES = ("dev", "staging", "production")
EDGE_REGION = "us-east-1"  # where CloudFront takes firewalls and certificates from

TROUBLE = (BotoCoreError, ClientError)  # what any call to AWS may raise

_CONFIG = Config(connect_timeout=5, read_timeout=70, retries={"mode": "standard", "total_max_attempts": 4})


def say(text: str = "") -> None:
    """Tell whoever watches, at once."""
    print(text, flush=True)


def is_watched() -> bool:
    """Tell whether somebody sits before the terminal and can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def code_of(error: Exception) -> str:
    """Return AWS's own word for an error, or an empty one."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


@dataclass(frozen=True)
class Place:
    """A stage in a region. An endpoint on this machine makes it a rehearsal."""

    stage: str
    region: str
    endpoint: str = ""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_local(self) -> bool:
        """Tell whether this is a rehearsal on a local AWS."""
        return bool(self.endpoint)

    @property
    def prefix(self) -> str:
        """What the names of stacks, functions and tables begin with."""
        return f"bookstore-{self.stage}"

    def stack(self, name: str) -> str:
        """Return a stack's full name."""
        return f"{self.prefix}-{name}"

    @cached_property
    def account(self) -> str:
        """The number of the AWS account."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def client(self, service: str, region: str = "") -> Any:
        """Return a client, the same one each time."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = boto3.client(service, region_name=key[1], config=_CONFIG)  # type: ignore[call-overload]
        return self._clients[key]

    def upload(self, file: Path, bucket: str, key: str, **headers: str) -> None:
        """Put a file into a bucket; raise ``DeploymentError`` when it does not arrive whole."""
        try:
            self.client("s3").upload_file(str(file), bucket, key, ExtraArgs=headers)
        except Boto3Error as error:  # of another family than all else that boto3 raises
            raise DeploymentError(f"{error}. Run the same command again.") from error


def find(stage: str) -> Place:
    """Return the place that the environment and AWS's own configuration name; raise ``DeploymentError``."""
    if stage not in STAGES:
        raise DeploymentError(f"Say which stage: STAGE is one of {', '.join(STAGES)}, and {stage!r} is not.")
    session = boto3.Session()
    region = os.environ.get("AWS_REGION") or session.region_name
    if not region:
        raise DeploymentError(
            "No region is chosen: set AWS_REGION, such as AWS_REGION=eu-west-2, or a default with `aws configure`."
        )
    endpoint = session.client("sts", region_name=region).meta.endpoint_url
    return Place(stage, region, endpoint if is_loopback(endpoint) else "")


def port_of(url: str) -> int:
    """Return the port in an address."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


# What AWS says, by its own words, and what to do about it.
_SENTENCES = {
    ("ExpiredToken", "ExpiredTokenException", "RequestExpired"): (
        "The AWS credentials have expired: sign in again (`aws sso login`, or however you got them)."
    ),
    ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"): (
        "AWS does not know these credentials: look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    ),
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess"): (
        "These credentials may not do that: {error}. Use a role that may, such as an administrator's."
    ),
    ("OptInRequired", "SubscriptionRequiredException"): (
        "This account cannot use a service that the shop needs: {error}. Turn it on in AWS's console."
    ),
}


def sentence(error: Exception) -> str:
    """Say in words what AWS, or the way there, did not like, and what to do."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return (
                "There are no AWS credentials, or only half of them: run `aws configure`, or set AWS_PROFILE, or"
                " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        case ProfileNotFound():
            return f"{error}: set AWS_PROFILE to one of those that `aws configure list-profiles` shows."
        case EndpointConnectionError():
            return f"AWS cannot be reached ({error}): look at the network, AWS_REGION and AWS_ENDPOINT_URL."
    said = next(
        (words for codes, words in _SENTENCES.items() if code_of(error) in codes), "AWS refused: {error}"
    )
    return said.format(error=error)
