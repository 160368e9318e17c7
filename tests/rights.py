"""What each role may do, as ``infra/roles.yaml`` says, and a witness of what the shop does in its place.

The local AWS does not ask who calls. So each call that a test sees is held against the role of the
function that would make it on AWS, which is told by where the call comes from.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import botocore.client
import opensearchpy
import pytest
from django.conf import settings

from bookstore.functions.tasks import AT_ONCE, IN_PIECES
from infra import templates

# Where each function's work begins. A page comes first: it may do a task's work in its own name, not the reverse.
ENTRANCES = {
    "WebRole": ("django/core/handlers/base.py",),
    "TasksRole": (
        "bookstore/functions/tasks.py",
        "bookstore/opensearch/rebuild.py",
        "catalog/book_export.py",
        "catalog/cover_making.py",
        "catalog/importing.py",
        "catalog/rebuild.py",
        "catalog/sitemap.py",
        "orders/rebuild.py",
        *(f"/commands/{name}.py" for name in (*AT_ONCE, *IN_PIECES)),
    ),
    "ProjectorRole": ("bookstore/streams/handler.py",),
}
TESTS = str(Path(__file__).parent)
# What IAM calls an operation, where that is not its own name. It asks for the parts of a transaction one by one.
IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
RENAMED = {
    **{
        f"s3:{part}": "s3:PutObject"
        for part in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
    },
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "lambda:Invoke": "lambda:InvokeFunction",
}

type Call = tuple[str, str]  # an action and a resource, as a statement writes them


# --- What is allowed ------------------------------------------------------------------------------------------


def statements(told: Any) -> Iterator[dict[str, Any]]:
    """Return every statement of every policy inside a resource, also of those written as a text."""
    if isinstance(told, dict):
        if "Effect" in told:
            yield told
            return
        if isinstance(text := told.get("Fn::Sub"), str) and '"Statement"' in text:
            yield from statements(json.loads(text))
        told = list(told.values())
    if isinstance(told, list):
        for each in told:
            yield from statements(each)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(template: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each Allow of a template with its resource's name, key policies excepted."""
    return [
        (name, statement)
        for name, resource in templates.resources(template).items()
        if resource["Type"] != "AWS::KMS::Key"
        for statement in statements(resource["Properties"])
        if statement["Effect"] == "Allow"
    ]


def written(value: Any) -> str:
    """Return a value with its references in place, to look into."""
    match value:
        case str():
            return value
        case {"Fn::Sub": str(text)}:
            return text
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return json.dumps(value)


@cache
def rights(role: str) -> frozenset[Call]:
    """Return what a role, or a policy, allows: pairs of an action and a resource without what stands before its name.

    What a policy that names its roles allows is theirs.
    """
    bearers = {role} | {
        name
        for name, resource in templates.resources("roles").items()
        if {"Ref": role} in resource["Properties"].get("Roles", [])
    }
    return frozenset(
        (action, written(resource).rpartition("${AWS::AccountId}:")[2])
        for name, statement in allowed("roles")
        if name in bearers
        for action in listed(statement["Action"])
        for resource in listed(statement.get("Resource", []))
    )


@cache
def may(role: str, call: Call) -> bool:
    action, resource = call
    return any(
        action == each and fnmatchcase(resource, pattern.rpartition(":::")[2])
        for each, pattern in rights(role)
    )


# --- What is done ---------------------------------------------------------------------------------------------


class Witness:
    """Sees every call to AWS and to the search engine, and keeps those that the caller's role may not make."""

    def __init__(self) -> None:
        self.refused: set[tuple[str, Call]] = set()

    def watch(self, patched: pytest.MonkeyPatch) -> None:
        ask_aws = botocore.client.BaseClient._make_api_call
        ask_search = opensearchpy.Transport.perform_request

        def seen_by_aws(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if role := role_of_caller():
                self._see(role, calls_of(client.meta.service_model.service_name, operation, arguments))
            return ask_aws(client, operation, arguments)

        def seen_by_search(transport: Any, method: str, url: str, *more: Any, **named: Any) -> Any:
            if role := role_of_caller():
                self._see(role, [(f"es:ESHttp{method.title()}", f"${{SearchDomainArn}}{url}")])
            return ask_search(transport, method, url, *more, **named)

        patched.setattr(botocore.client.BaseClient, "_make_api_call", seen_by_aws)
        patched.setattr(opensearchpy.Transport, "perform_request", seen_by_search)

    def _see(self, role: str, calls: list[Call]) -> None:
        self.refused |= {(role, call) for call in calls if not may(role, call)}


def role_of_caller() -> str:
    """Return the role of the function whose code is running; empty for what a test does, also in a call back."""
    found = set()
    frame = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        if file.startswith(TESTS) and file != __file__:
            break
        found |= {role for role, files in ENTRANCES.items() if file.endswith(files)}
        frame = frame.f_back  # type: ignore[assignment]
    return next((role for role in ENTRANCES if role in found), "")


def calls_of(service: str, operation: str, arguments: Mapping[str, Any]) -> list[Call]:
    """Return what IAM asks about when a service is called."""
    if service != "dynamodb":
        action = f"{service}:{operation}"
        return [(RENAMED.get(action, action), _resource(service, arguments))]
    if operation.startswith("Transact"):
        parts = [part for item in arguments["TransactItems"] for part in item.items()]
        return [(f"dynamodb:{IN_TRANSACTIONS[kind]}", _table(told["TableName"])) for kind, told in parts]
    if operation.startswith("Batch"):
        return [(f"dynamodb:{operation}", _table(name)) for name in arguments["RequestItems"]]
    index = f"/index/{arguments['IndexName']}" if "IndexName" in arguments else ""
    return [(f"dynamodb:{operation}", f"{_table(arguments['TableName'])}{index}")]


def _table(name: str) -> str:
    return f"table/bookstore-${{Stage}}-{name.removeprefix(settings.TABLE_PREFIX)}"


def _resource(service: str, arguments: Mapping[str, Any]) -> str:
    match service:
        case "s3":
            covers = arguments["Bucket"] == settings.COVERS_BUCKET
            bucket = "${CoversBucket}" if covers else "${PackagesBucket}"
            return "/".join([bucket, *([str(arguments["Key"])] if "Key" in arguments else [])])
        case "sqs":
            return "${DeadLetterQueueArn}"
        case "cognito-idp":
            return "${UserPoolArn}"
        case "ses":
            return "${MailIdentityArn}"
        case "lambda":
            return re.sub("^.*?(-tasks)?$", r"function:bookstore-${Stage}\1", arguments["FunctionName"])
    return service
