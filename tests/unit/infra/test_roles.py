"""Who may do what: every statement of every template is read here."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site

from bookstore.dynamodb.admin.sites import load
from bookstore.dynamodb.admin.sources import Source
from bookstore.dynamodb.tables import all_tables
from infra import templates

TEMPLATES = sorted(path.stem for path in templates.FOLDER.glob("[!.]*.yaml"))

# The actions that AWS lets nobody narrow to a resource, and what still narrows them.
UNNAMED = {
    "cloudformation:ListStacks": "reads",
    "cloudformation:ValidateTemplate": "reads what it is sent",
    "cloudfront:ListDistributions": "reads",
    "cognito-idp:ListUserPools": "reads",
    "dynamodb:ListTables": "reads names",
    "ec2:DescribeNetworkInterfaces": "reads; Lambda asks for it on everything",
    "ec2:DescribeSecurityGroups": "reads",
    "ec2:DescribeSubnets": "reads",
    "ec2:DescribeVpcs": "reads",
    "elasticache:DescribeReplicationGroups": "reads",
    "es:ListDomainNames": "reads names",
    "events:ListRuleNamesByTarget": "reads; Zappa looks whether rules are left over",
    "lambda:CreateEventSourceMapping": "a mapping has no name before it is there; held to the projector by a condition",
    "lambda:DeleteEventSourceMapping": "mappings are numbered; held to the projector by a condition",
    "lambda:GetAccountSettings": "reads limits",
    "lambda:GetEventSourceMapping": "mappings are numbered; held to the projector by a condition",
    "lambda:ListEventSourceMappings": "reads",
    "lambda:ListFunctions": "reads",
    "lambda:UpdateEventSourceMapping": "mappings are numbered; held to the projector by a condition",
    "logs:DescribeLogGroups": "reads",
    "secretsmanager:BatchGetSecretValue": "gives only the secrets that GetSecretValue names",
    "secretsmanager:ListSecrets": "reads names, no secret",
    "sqs:ListQueues": "reads names",
}


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


def rights(role: str) -> set[tuple[str, str]]:
    """Return what a role may do: pairs of an action and a resource."""
    return {
        (action, written(resource).rpartition("${AWS::AccountId}:")[2])
        for name, statement in allowed("roles")
        if name == role
        for action in listed(statement["Action"])
        for resource in listed(statement.get("Resource", []))
    }


def tables(role: str, action: str) -> set[str]:
    """Return the tables and indexes on which a role may do something."""
    return {
        resource.removeprefix("table/bookstore-${Stage}-") for did, resource in rights(role) if did == action
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_template_allows_an_action_that_it_does_not_name(template: str) -> None:
    for name, statement in allowed(template):
        assert "NotAction" not in statement, name
        assert "NotResource" not in statement, name
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action), f"{template}.{name}: {action}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_resource_is_named_where_aws_lets_it_be(template: str) -> None:
    for name, statement in allowed(template):
        if "*" in [written(resource) for resource in listed(statement.get("Resource", []))]:
            unexplained = set(listed(statement["Action"])) - UNNAMED.keys()
            assert not unexplained, f"{template}.{name}"


def test_mappings_can_only_be_made_for_the_projector() -> None:
    (statement,) = [
        told for _, told in allowed("roles") if "lambda:CreateEventSourceMapping" in listed(told["Action"])
    ]
    (function,) = statement["Condition"]["ArnLike"].values()
    assert written(function).endswith(":function:bookstore-${Stage}-projector*")


@pytest.mark.parametrize("template", TEMPLATES)
def test_nobody_gets_a_policy_of_awss_own(template: str) -> None:
    for name, resource in templates.resources(template).items():
        for policy in resource.get("Properties", {}).get("ManagedPolicyArns", []):
            assert "Ref" in policy, f"{template}.{name}: they allow more than is needed"


def test_only_long_work_scans_and_only_the_tables_that_are_rebuilt() -> None:
    assert tables("TasksRole", "dynamodb:Scan") == {"Books", "Contributions", "Orders"}
    assert not tables("WebRole", "dynamodb:Scan")
    assert not tables("ProjectorRole", "dynamodb:Scan")


def test_every_table_is_somebodys_and_no_other_is() -> None:
    there = {table.Meta.table_name.removeprefix("test-") for table in all_tables()}
    named = {
        resource.removeprefix("table/bookstore-${Stage}-").partition("/")[0]
        for role in ("WebRole", "ProjectorRole", "TasksRole")
        for action, resource in rights(role)
        if action.startswith("dynamodb:")
    }
    assert named == there


def test_every_index_that_a_role_asks_is_there() -> None:
    there = {
        f"{table.Meta.table_name.removeprefix('test-')}/index/{name}"
        for table in all_tables()
        for name in table._indexes
    }
    for role in ("WebRole", "TasksRole"):
        for name in tables(role, "dynamodb:Query"):
            if "/index/" in name and not name.endswith("*"):
                assert name in there, role


def test_the_pages_may_ask_what_the_admins_lists_and_forms_ask() -> None:
    load()
    for model in site._registry:
        source = getattr(model, "source", None)
        item = getattr(source, "item", None)
        if item is None:
            continue  # its rows stand in no table
        table = item.Meta.table_name.removeprefix("test-")
        if type(source).get_many is Source.get_many:
            assert table in tables("WebRole", "dynamodb:BatchGetItem") & tables("WebRole", "dynamodb:GetItem")
        allowed = tables("WebRole", "dynamodb:Query")
        for path in source.paths:
            asked = table if path.index is None else f"{table}/index/{path.index.Meta.index_name}"
            assert {asked, f"{table}/index/*"} & allowed, f"{model.__name__}: {asked}"


def test_the_projector_writes_what_follows_and_nothing_else() -> None:
    writes = {
        (action, resource)
        for action, resource in rights("ProjectorRole")
        if re.match(r"dynamodb:(BatchWrite|Delete|PartiQL|Put|Update)", action)
    }
    assert writes == {
        ("dynamodb:UpdateItem", f"table/bookstore-${{Stage}}-{name}")
        for name in ("Books", "Customers", "Orders")
    }


def test_the_projector_reads_both_streams_by_whatever_name_they_get() -> None:
    assert tables("ProjectorRole", "dynamodb:GetRecords") == {"Books/stream/*", "Orders/stream/*"}


def test_nobody_may_change_what_the_admins_log_says() -> None:
    for role in ("WebRole", "ProjectorRole", "TasksRole"):
        actions = {
            action for action, resource in rights(role) if "-AdminLog" in resource and "dynamodb" in action
        }
        assert actions <= {"dynamodb:PutItem", "dynamodb:Query"}, role


def test_the_pages_do_with_accounts_what_customers_and_staff_may_and_nothing_else() -> None:
    """They can neither set a password, nor change an address, nor put anybody into a group."""
    assert {action for action, _ in rights("WebRole") if action.startswith("cognito-idp:")} == {
        f"cognito-idp:{action}"
        for action in (
            *("AdminDeleteUser", "AdminDisableUser", "AdminEnableUser", "AdminGetUser"),
            *("AdminListGroupsForUser", "AdminUserGlobalSignOut", "ListUsers"),
        )
    }
    for role in ("ProjectorRole", "TasksRole"):
        assert not [action for action, _ in rights(role) if action.startswith("cognito-idp:")]


def test_what_the_stock_ledger_says_stays_so() -> None:
    for role in ("WebRole", "ProjectorRole", "TasksRole"):
        actions = {action for action, resource in rights(role) if resource.endswith("-StockLedger")}
        assert actions <= {"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"}, role


def test_a_function_writes_into_its_own_log_and_makes_none() -> None:
    logs = {
        role: {resource for action, resource in rights(f"{role}Role") if action == "logs:PutLogEvents"}
        for role in ("Web", "Projector", "Tasks")
    }
    assert logs == {role: {f"${{{role}Log.Arn}}"} for role in logs}
    for role in logs:
        assert not [action for action, _ in rights(f"{role}Role") if action == "logs:CreateLogGroup"]


def test_only_the_pages_read_what_cloudfront_shows_them() -> None:
    readers = {
        role
        for role in ("WebRole", "ProjectorRole", "TasksRole")
        if ("secretsmanager:GetSecretValue", "${EdgeSecretArn}") in rights(role)
    }
    assert readers == {"WebRole"}


def test_pages_sign_forms_for_uploads_alone_and_no_page_reads_a_picture_that_was_sent() -> None:
    def objects(role: str, action: str) -> set[str]:
        return {
            resource.partition("${CoversBucket}/")[2]
            for did, resource in rights(role)
            if did == action and "${CoversBucket}/" in resource
        }

    assert objects("WebRole", "s3:PutObject") == {"uploads/*"}
    assert objects("WebRole", "s3:GetObject") == {"sitemap*.xml", "uploads/imports/*", "uploads/exports/*"}
    assert "uploads/*" in objects("TasksRole", "s3:GetObject")
    assert objects("TasksRole", "s3:PutObject") == {"covers/*", "sitemap*.xml", "uploads/exports/*"}
    assert not objects("ProjectorRole", "s3:GetObject") | objects("ProjectorRole", "s3:PutObject")
    called = {resource for did, resource in rights("WebRole") if did == "lambda:InvokeFunction"}
    assert {each.partition("function:")[2] for each in called} == {
        "bookstore-${Stage}",
        "bookstore-${Stage}:*",
        "bookstore-${Stage}-tasks",
    }


def test_the_shops_own_code_cannot_touch_the_network() -> None:
    policy = templates.resources("roles")["FunctionPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    given = {
        action
        for told in policy
        if told["Effect"] == "Allow"
        for action in told["Action"]
        if "ec2:" in action
    }
    (denied,) = [told for told in policy if told["Effect"] == "Deny"]
    assert given == set(denied["Action"])
    assert "lambda:SourceFunctionArn" in denied["Condition"]["ArnLike"]


def test_a_deployment_can_neither_write_roles_nor_delete_data() -> None:
    actions = {
        action
        for name in ("DeploymentRole", "DeploymentOfFunctions", "DeploymentOfStacks")
        for action, _ in rights(name)
    }
    assert {action for action in actions if action.startswith("iam:")} == {"iam:GetRole", "iam:PassRole"}
    assert not actions & {
        "dynamodb:DeleteTable",
        "s3:DeleteBucket",
        "cognito-idp:DeleteUserPool",
        "secretsmanager:DeleteSecret",
        "sqs:DeleteQueue",
        "es:DeleteDomain",
    }


def test_roles_are_passed_to_lambda_its_api_and_the_scheduler_alone() -> None:
    (statement,) = [told for _, told in allowed("roles") if listed(told["Action"]) == ["iam:PassRole"]]
    assert statement["Condition"] == {
        "StringEquals": {
            "iam:PassedToService": [
                "apigateway.amazonaws.com",
                "lambda.amazonaws.com",
                "scheduler.amazonaws.com",
            ]
        }
    }
    assert all(written(resource).endswith("Role.Arn}") for resource in statement["Resource"])


def test_the_api_may_call_the_web_function_with_the_functions_own_role() -> None:
    """As Zappa has it: the role that it gives to the API's integration is the function's."""
    properties = templates.resources("roles")["WebRole"]["Properties"]
    (trusted,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert "apigateway.amazonaws.com" in trusted["Principal"]["Service"]
    (call,) = [each for each in statements(properties) if each.get("Sid") == "CallByApi"]
    assert call["Action"] == "lambda:InvokeFunction"
    assert {written(each).rpartition(":function:")[2] for each in call["Resource"]} == {
        "bookstore-${Stage}",
        "bookstore-${Stage}:*",
    }


def test_policies_fit_into_what_iam_takes() -> None:
    """IAM counts signs without blanks: 10,240 in a role's own policies, 6,144 in a managed one."""
    values = {"Stage": "production", "AWS::Partition": "aws", "AWS::Region": "ap-southeast-2"}

    def filled(told: Any) -> Any:
        match told:
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: values.get(found[1], 12 * "9"), text)
            case {"Ref": _} | {"Fn::GetAtt": _}:
                return 100 * "x"  # no ARN here is longer
            case dict():
                return {key: filled(value) for key, value in told.items()}
            case list():
                return [filled(each) for each in told]
        return told

    def size(document: Any) -> int:
        return len(json.dumps(filled(document), separators=(",", ":")))

    for name, resource in templates.resources("roles").items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role":
            assert sum(size(each["PolicyDocument"]) for each in properties.get("Policies", [])) < 10_240, name
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(properties["PolicyDocument"]) < 6_144, name
