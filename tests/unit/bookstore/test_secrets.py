"""Secrets from Secrets Manager; its answers are given at the HTTP client, in AWS's own words."""

import json
import os
import random
import sys

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from django.template.loader import get_template

from bookstore.functions import snapshot
from bookstore.secrets import SecretsError, load_secrets


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_how):
        return [self._content]


@pytest.fixture
def manager(monkeypatch):
    """Return what sets the next answer of Secrets Manager."""
    for name in ("SECRET_KEY", "EDGE_SECRET"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("SECRETS", "bookstore/dev/shop, bookstore/dev/edge")

    def answers(secrets: dict[str, str], errors=(), status: int = 200) -> list[bytes]:
        asked: list[bytes] = []
        body = {
            "SecretValues": [{"Name": name, "SecretString": text} for name, text in secrets.items()],
            "Errors": list(errors),
        }

        def send(self, request):
            asked.append(request.body)
            content = json.dumps(
                body if status == 200 else {"__type": "AccessDeniedException", "Message": "no"}
            ).encode()
            return AWSResponse(
                request.url, status, {"Content-Type": "application/x-amz-json-1.1"}, Body(content)
            )

        monkeypatch.setattr(URLLib3Session, "send", send)
        return asked

    return answers


TWO = {"bookstore/dev/shop": '{"SECRET_KEY": "k"}', "bookstore/dev/edge": '{"EDGE_SECRET": "e"}'}


def test_one_request_brings_all_secrets_into_the_environment(manager):
    asked = manager(TWO)
    assert load_secrets() == {"SECRET_KEY", "EDGE_SECRET"}
    assert (os.environ["SECRET_KEY"], os.environ["EDGE_SECRET"]) == ("k", "e")
    assert [json.loads(body)["SecretIdList"] for body in asked] == [
        ["bookstore/dev/shop", "bookstore/dev/edge"]
    ]
    assert load_secrets() == frozenset()


def test_without_names_nobody_is_asked(monkeypatch):
    monkeypatch.setenv("SECRETS", "")
    assert load_secrets() == frozenset()


@pytest.mark.parametrize(
    ("secrets", "more", "words"),
    [
        (TWO, {"status": 400}, "AccessDenied"),
        (
            {},
            {"errors": [{"SecretId": "bookstore/dev/shop", "ErrorCode": "ResourceNotFoundException"}]},
            "dev/shop: Res",
        ),
        ({"bookstore/dev/shop": '{"SECRET_KEY": "k"}'}, {}, "only some"),
        (TWO | {"bookstore/dev/shop": "hush-hush"}, {}, "dev/shop is not"),
        (TWO | {"bookstore/dev/shop": '{"SECRET_KEY": ["hush-hush"]}'}, {}, "dev/shop is not"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_shown(manager, secrets, more, words):
    manager(secrets, **more)
    with pytest.raises(SecretsError, match=words) as refused:
        load_secrets()
    assert "hush-hush" not in str(refused.value)
    assert os.environ["SECRET_KEY"] == "from-the-environment"


def test_a_restored_copy_draws_other_numbers_and_takes_on_new_secrets(manager, settings, monkeypatch):
    read_again = []
    monkeypatch.setattr(snapshot, "_read_settings_again", lambda: read_again.append(1))
    manager(TWO)
    random.seed(7)
    drawn = random.random()  # noqa: S311 - what all copies would draw
    random.seed(7)
    snapshot.restored()
    assert random.random() != drawn  # noqa: S311 - the same
    snapshot.restored()
    assert read_again == [1]


def test_hooks_are_registered_only_where_there_are_snapshots(monkeypatch):
    snapshot.prepare()
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    registered = []
    module = type("snapshot_restore_py", (), {"register_after_restore": staticmethod(registered.append)})
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    snapshot.prepare()
    assert registered == [snapshot.restored]


def test_a_snapshot_holds_every_page_of_the_storefront_and_none_of_the_admin():
    """They are compiled before it is taken: one that could not be would keep the function from starting."""
    names = snapshot.storefront()
    assert {"home.html", "base.html", "catalog/book.html", "orders/checkout.html", "404.html"} <= set(names)
    assert not [name for name in names if name.startswith("admin/")]
    before = set(sys.modules)
    for name in names:
        get_template(name)
    assert not [name for name in set(sys.modules) - before if name.startswith("django.contrib.admin")]
