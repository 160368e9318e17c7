"""Commands that empty a shop refuse wherever any of its stores is not on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from bookstore import aws

_KEPT = (aws.session, aws.s3, aws.sqs, aws.cognito, aws._resolved_addresses)


@pytest.fixture(autouse=True)
def clients_made_anew() -> Iterator[None]:
    for kept in _KEPT:
        kept.cache_clear()
    yield
    for kept in _KEPT:
        kept.cache_clear()


def test_a_shop_on_this_machine_is_not_refused() -> None:
    aws.refuse_unless_local()


@pytest.mark.parametrize(
    ("variable", "service"),
    [
        ("DYNAMODB", "dynamodb"),
        ("S3", "s3"),
        ("SQS", "sqs"),
        ("COGNITO_IDENTITY_PROVIDER", "cognito-idp"),
    ],
)
def test_one_service_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, service: str
) -> None:
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{variable}", "https://aws.example.com")
    with pytest.raises(aws.NotLocalError, match=f"{service}=https://aws.example.com"):
        aws.refuse_unless_local()


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ENDPOINT_URL",
        "DEAD_LETTER_QUEUE_URL",
        "COVERS_URL",
        "OPENSEARCH_URL",
        "REDIS_URL",
        "PUBLIC_ORIGIN",
    ],
)
def test_one_address_elsewhere_is_refused(settings: Any, name: str) -> None:
    setattr(settings, name, "https://shop.example.com/")
    with pytest.raises(aws.NotLocalError, match=f"{name}=https://shop.example.com"):
        aws.refuse_unless_local()
