"""Who may do what: every statement of every template is read here."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from django.contrib.admin import site

from bookstore.dynamodb.admin.sites import load
from bookstore.dynamodb.admin.sources import Source
from bookstore.dynamodb.tables import all_tables
from infra import checks, stacks, templates
from tests.rights import allowed, calls_of, listed, may, rights, statements, written

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


def tables(role: str, action: str) -> set[str]:
    """Return the tables and indexes on which a role may do something."""
    return {
        resource.removeprefix("table/bookstore-${Stage}-") for did, resource in rights(role) if did == action
    }


def rights_of_a_deployment() -> set[tuple[str, str]]:
    """Return what the role and each of the policies that it bears allow."""
    role = templates.resources("roles")["DeploymentRole"]["Properties"]
    bearers = ["DeploymentRole", *(policy["Ref"] for policy in role["ManagedPolicyArns"])]
    return {right for bearer in bearers for right in rights(bearer)}


# What CloudFormation asks for to make a kind of thing, and to hang the stack's tag on it; out of AWS's own schemas of
# the kinds (handlers.create and tagging.permissions). A kind that takes no tag has none.
MADE_BY_A_DEPLOYMENT = {
    "AWS::Budgets::Budget": ("budgets:ModifyBudget", "budgets:TagResource"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard", "cloudwatch:TagResource"),
    "AWS::DynamoDB::Table": ("dynamodb:CreateTable", "dynamodb:TagResource"),
    "AWS::Lambda::EventSourceMapping": ("lambda:CreateEventSourceMapping", "lambda:TagResource"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "logs:TagResource"),
    "AWS::SNS::Subscription": ("sns:Subscribe", ""),
    "AWS::SNS::Topic": ("sns:CreateTopic", "sns:TagResource"),
    "AWS::SNS::TopicPolicy": ("sns:SetTopicAttributes", ""),
    "AWS::Scheduler::Schedule": ("scheduler:CreateSchedule", ""),
    "AWS::Scheduler::ScheduleGroup": ("scheduler:CreateScheduleGroup", "scheduler:TagResource"),
}


def test_a_deployment_may_make_what_the_site_is_made_of() -> None:
    assert {each["Type"] for each in templates.resources("site").values()} <= MADE_BY_A_DEPLOYMENT.keys()
    actions = {action for action, _ in rights_of_a_deployment()}
    for kind, (make, _) in MADE_BY_A_DEPLOYMENT.items():
        assert make in actions, kind


@pytest.mark.parametrize("kind", MADE_BY_A_DEPLOYMENT)
def test_what_a_deployment_may_make_it_may_hang_the_stacks_tag_on(kind: str) -> None:
    make, tag = MADE_BY_A_DEPLOYMENT[kind]
    held = rights_of_a_deployment()
    made = {resource for action, resource in held if action == make and "codebuild" not in resource}
    tagged = {resource for action, resource in held if action == tag}
    # A mapping has no name before it is there.
    made = {"event-source-mapping:*" if resource == "*" else resource for resource in made}
    assert not tag or made <= tagged


def test_a_deployment_may_ask_for_and_change_each_stack_where_it_stands() -> None:
    held = {
        (action, written(resource))
        for name, statement in allowed("roles")
        if name.startswith("Deployment")
        for action in listed(statement["Action"])
        for resource in listed(statement.get("Resource", []))
    }
    for stack in checks.ALL_STACKS:
        region = "us-east-1" if stack in stacks.IN_THE_EDGE_REGION else "${AWS::Region}"
        arn = f"{region}:${{AWS::AccountId}}:stack/bookstore-${{Stage}}-{stack}/0123"
        for action in ("DescribeStacks", "DescribeStackEvents", "UpdateStack"):
            assert any(
                did == f"cloudformation:{action}"
                and fnmatchcase(arn, resource.rpartition(":cloudformation:")[2])
                for did, resource in held
            ), (stack, action)


def test_a_deployment_in_the_pipeline_can_log() -> None:
    """CodeBuild writes in the name of the role whose project it runs, into the one group of the pipeline."""
    group = templates.resources("pipeline")["BuildLog"]["Properties"]["LogGroupName"]
    written_to = {resource for action, resource in rights_of_a_deployment() if action == "logs:PutLogEvents"}
    assert any(fnmatchcase(f"log-group:{group}:log-stream:x", pattern) for pattern in written_to)
    for name in ("DeployStaging", "DeployProduction"):
        project = templates.resources("pipeline")[name]["Properties"]
        assert project["LogsConfig"]["CloudWatchLogs"]["GroupName"] == {"Ref": "BuildLog"}


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
    actions = {action for action, _ in rights_of_a_deployment()}
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


def test_only_the_api_and_a_deployment_may_call_the_web_function() -> None:
    """Zappa's handler runs code that an event brings along, with the function's rights."""
    function = "function:bookstore-${Stage}"
    callers = {
        name
        for template in TEMPLATES
        for name, statement in allowed(template)
        if any(action.startswith("lambda:Invoke") for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
        if fnmatchcase(function, written(resource).rpartition("${AWS::AccountId}:")[2])
    }
    assert callers == {"WebRole", "DeploymentOfFunctions"}
    kinds = {resource["Type"] for each in TEMPLATES for resource in templates.resources(each).values()}
    assert not kinds & {"AWS::Lambda::Permission", "AWS::Lambda::Url"}


def test_what_a_test_sees_is_held_against_the_role_of_whoever_does_it() -> None:
    put, take = {"Put": {"TableName": "test-Orders"}}, {"Update": {"TableName": "test-Books"}}
    orders, books = (f"table/bookstore-${{Stage}}-{name}" for name in ("Orders", "Books"))
    assert calls_of("dynamodb", "TransactWriteItems", {"TransactItems": [put, take]}) == [
        ("dynamodb:PutItem", orders),
        ("dynamodb:UpdateItem", books),
    ]
    (asked,) = calls_of("dynamodb", "Query", {"TableName": "test-Books", "IndexName": "byTitle"})
    assert asked == ("dynamodb:Query", f"{books}/index/byTitle")
    assert may("WebRole", asked)
    assert not may("ProjectorRole", asked)
    (head,) = calls_of("s3", "HeadObject", {"Bucket": "test-covers", "Key": "sitemap-1.xml"})
    assert head == ("s3:GetObject", "${CoversBucket}/sitemap-1.xml")
    assert may("WebRole", head)
    assert may("WebRole", ("es:ESHttpPost", "${SearchDomainArn}/books/_search"))
    assert not may("WebRole", ("es:ESHttpPost", "${SearchDomainArn}/_bulk"))


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
