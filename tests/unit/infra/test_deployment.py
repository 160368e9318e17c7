"""What the program that ships says and does when something is not as it should be. AWS is recorded answers."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from infra import __main__ as program
from infra import (
    checks,
    costs,
    deployment,
    functions,
    people,
    place,
    sizes,
    smoke,
    stacks,
    static_files,
    tables,
    tasks,
    templates,
)
from infra.errors import DeploymentError
from infra.place import Place

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    found = Place("staging", "eu-west-2")
    found.__dict__["account"] = "123456789012"
    return found


@pytest.fixture
def answers(there: Place) -> Iterator[Callable[..., Stubber]]:
    """Record a service's answers, in order; every one has to be asked for."""
    stubbers = []

    def recorded(service: str, *told: tuple[str, dict[str, Any] | str]) -> Stubber:
        stubber = Stubber(there.client(service))
        for operation, answer in told:
            if isinstance(answer, str):
                code, _, message = answer.partition(": ")
                stubber.add_client_error(operation, code, message)
            else:
                stubber.add_response(operation, answer)
        stubber.activate()
        stubbers.append(stubber)
        return stubber

    yield recorded
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


def stack(status: str, **more: Any) -> dict[str, Any]:
    return {
        "Stacks": [{"StackName": "s", "StackId": "arn:s", "CreationTime": NOW, "StackStatus": status, **more}]
    }


GONE = "ValidationError: Stack with id s does not exist"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks.time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"]
)
def test_a_stack_that_never_came_to_life_is_removed_first(there: Place, answers: Any, status: str) -> None:
    answers(
        "cloudformation",
        ("describe_stacks", stack(status)),
        ("describe_stacks", stack(status)),
        ("describe_stack_events", {"StackEvents": [failure("Bucket", "in the way")]}),
        ("delete_stack", {}),
        ("describe_stacks", stack("DELETE_COMPLETE")),
        ("describe_stack_events", {"StackEvents": []}),
    )
    stacks.Stacks(there).settle("s")


def test_a_change_that_is_under_way_is_waited_for(there: Place, answers: Any) -> None:
    answers(
        "cloudformation",
        ("describe_stacks", stack("UPDATE_IN_PROGRESS")),
        ("describe_stacks", stack("UPDATE_IN_PROGRESS")),
        ("describe_stacks", stack("UPDATE_COMPLETE")),
    )
    stacks.Stacks(there).settle("s")


def test_a_change_that_was_half_undone_is_undone(there: Place, answers: Any) -> None:
    answers(
        "cloudformation",
        ("describe_stacks", stack("UPDATE_ROLLBACK_FAILED")),
        ("continue_update_rollback", {}),
        ("describe_stacks", stack("UPDATE_ROLLBACK_COMPLETE")),
    )
    stacks.Stacks(there).settle("s")


def failure(name: str, reason: str, status: str = "CREATE_FAILED") -> dict[str, Any]:
    return {
        "StackId": "arn:s",
        "EventId": name,
        "StackName": "s",
        "LogicalResourceId": name,
        "PhysicalResourceId": "",
        "ResourceType": "AWS::S3::Bucket",
        "Timestamp": NOW,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def test_a_failed_stack_is_told_by_its_first_cause(there: Place, answers: Any) -> None:
    earlier = failure("Old", "what went wrong the last time")
    events = [
        failure("Other", "Resource creation cancelled"),
        failure("StaticBucket", "bookstore-static already exists"),
        earlier,
    ]
    answers(
        "cloudformation",
        ("describe_stacks", GONE),
        ("describe_stacks", GONE),
        ("describe_stack_events", {"StackEvents": [earlier]}),
        ("describe_stacks", GONE),
        ("create_stack", {"StackId": "arn:s"}),
        ("describe_stacks", stack("ROLLBACK_COMPLETE")),
        ("describe_stack_events", {"StackEvents": events}),
        ("describe_stack_events", {"StackEvents": events}),
    )
    with pytest.raises(
        DeploymentError, match=r"because StaticBucket .* failed: bookstore-static already exists\."
    ):
        stacks.Stacks(there).deploy("s", "firewall", {"Stage": "staging"})


def test_a_parameter_comes_from_what_is_known_or_stays_or_is_asked_for() -> None:
    known = {
        "Stage": "staging",
        "StaticBucket": "a",
        "StaticBucketDomain": "b",
        "CoversBucket": "c",
        "Unknown": "x",
    }
    before = {"CoversBucketDomain": "d", "DomainName": "books.example", "StaticBucket": "old"}
    filled = stacks.fill("edge", known, before)
    assert filled["StaticBucket"] == "a"
    assert filled["DomainName"] == "books.example"
    assert "Unknown" not in filled
    assert "PriceClass" not in filled  # its default
    with pytest.raises(DeploymentError, match="asks for CoversBucketDomain, which nothing says"):
        stacks.fill("edge", known, {})


def test_each_stack_gets_what_it_asks_for_from_those_before_it() -> None:
    """Outputs and parameters meet by their names alone."""
    known = {"Stage", "DomainName", "HostedZoneId"}  # the latter two where there is a certificate to make
    for name in checks.ALL_STACKS:
        for parameter, told in templates.parameters(name).items():
            assert "Default" in told or parameter in known, f"{name} asks for {parameter}"
        known |= templates.load(name).get("Outputs", {}).keys()


def test_templates_are_short_enough_to_be_sent_as_they_are() -> None:
    for name in (*checks.ALL_STACKS, "pipeline"):
        assert len(templates.text(name).encode()) <= templates.LONGEST


def test_no_template_uses_what_cloudformation_does_not_read() -> None:
    for name in (*checks.ALL_STACKS, "pipeline"):
        assert "<<:" not in templates.text(name)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoCredentialsError(), "There are no AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://sts.example"), "AWS cannot be reached"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "o"),
            "have expired: sign in again",
        ),
        (
            ClientError({"Error": {"Code": "InvalidClientTokenId", "Message": "x"}}, "o"),
            "does not know these credentials",
        ),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "x"}}, "o"), "may not do that"),
        (ClientError({"Error": {"Code": "OptInRequired", "Message": "x"}}, "o"), "Turn it on"),
    ],
)
def test_what_aws_does_not_like_is_a_sentence(error: Exception, told: str) -> None:
    assert told in place.sentence(error)


def test_no_credentials_are_a_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(_stage: str) -> Place:
        raise NoCredentialsError

    monkeypatch.setattr(place, "find", nobody)
    assert program.main(["deploy", "--stage", "dev", "--yes"]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("There are no AWS credentials")
    assert "\n" not in told


def test_a_stage_that_there_is_not_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["deploy", "--stage", ""]) == 1
    assert "STAGE is one of dev, staging, production" in capsys.readouterr().err


def test_without_a_region_nothing_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert program.main(["deploy", "--stage", "dev"]) == 1
    assert "set AWS_REGION" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"DomianName": "x"}, "SET names DomianName, which nothing takes"),
        ({"NatGateways": "3"}, "NatGateways is one of 0, 1, 2, and '3' is not"),
        ({"RedisReplicas": "6"}, "RedisReplicas is from 0 to 5, and '6' is not"),
        ({"RedisReplicas": "one"}, "RedisReplicas is from 0 to 5, and 'one' is not"),
        ({"MonthlyBudget": "-1"}, "MonthlyBudget is a number of 0 or more, and '-1' is not"),
        (
            {"RedisNodeType": "t4g.micro"},
            "RedisNodeType is a node type of ElastiCache, .* and 't4g.micro' is not",
        ),
        ({"AlarmEmail": "me"}, "AlarmEmail is empty or an e-mail address, and 'me' is not"),
        ({"DomainName": "https://books.example"}, "DomainName is empty or a host name"),
    ],
)
def test_a_slip_of_the_pen_in_a_parameter_is_told(chosen: dict[str, str], told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        checks.check_names_of_parameters(chosen)


def test_what_is_right_is_taken() -> None:
    checks.check_names_of_parameters(
        {
            "DomainName": "www.books.example",
            "HostedZoneId": "Z0123ABC",
            "RedisReplicas": "0",
            "LOG_LEVEL": "INFO",
        }
    )


@pytest.mark.parametrize(("stage", "name"), [("dev", "Firewall"), ("production", "RedisReplicas")])
def test_a_size_that_stages_toml_names_is_changed_there(stage: str, name: str) -> None:
    """Given once by hand, it would go with the next deployment."""
    sized = sizes.of_stage(stage)
    checks.check_sizes(stage, {"SearchVolumeGiB": "20", name: sized[name]})
    other = {"Firewall": "true", "RedisReplicas": "2"}[name]
    with pytest.raises(
        DeploymentError, match=rf"{name} is .* for {stage} in infra/stages\.toml.* write {other} there"
    ):
        checks.check_sizes(stage, {name: other})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"DomainName": "books.example"}, "A DomainName needs a CertificateArn"),
        ({"DomainName": "books.example", "HostedZoneId": "Z1"}, ""),
        ({"DomainName": "books.example", "CertificateArn": "arn:1"}, ""),
        ({"MailIdentityArn": "arn:1"}, "A MailIdentityArn needs a MailFrom"),
        ({"MailIdentityArn": "arn:1", "MailFrom": "shop@books.example"}, ""),
        ({}, ""),
    ],
)
def test_what_a_rule_of_a_template_would_refuse_is_told_first(values: dict[str, str], told: str) -> None:
    said = checks.rules_broken(values)
    assert "".join(said).startswith(told)
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    ("chosen", "before", "made"),
    [
        ({"DomainName": "books.example", "HostedZoneId": "Z1"}, {}, ["certificate"]),
        ({}, {"DomainName": "books.example", "HostedZoneId": "Z1"}, ["certificate"]),
        ({"DomainName": "books.example", "HostedZoneId": "Z1", "CertificateArn": "arn:1"}, {}, []),
        ({"HostedZoneId": "Z1"}, {"DomainName": "books.example", "CertificateArn": "arn:1"}, []),
        ({}, {}, []),
    ],
)
def test_a_domain_in_a_zone_of_ours_gets_its_certificate_also_without_a_firewall(
    there: Place,
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, str],
    before: dict[str, str],
    made: list[str],
) -> None:
    done: list[str] = []
    monkeypatch.setattr(deployment, "remembered", lambda _place, _names: before)
    monkeypatch.setattr(stacks.Stacks, "status", lambda _self, _name: "")
    monkeypatch.setattr(deployment.Deployment, "_deploy", lambda _self, name, _more=None: done.append(name))
    deployment.Deployment(there, chosen)._from_the_edge_region()
    assert done == made


def test_who_keeps_a_zone_elsewhere_is_told_where_the_domain_has_to_lead(
    there: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edge = {"DomainName": "www.books.example", "HostedZoneId": ""}
    monkeypatch.setattr(stacks.Stacks, "parameters", lambda _self, _name: edge)
    running = deployment.Deployment(there, {})
    running._known["DistributionDomain"] = "d1.cloudfront.net"
    running._tell_where_the_domain_has_to_lead()
    assert "www.books.example has to be a CNAME of d1.cloudfront.net" in capsys.readouterr().out
    edge["HostedZoneId"] = "Z1"
    running._tell_where_the_domain_has_to_lead()
    assert not capsys.readouterr().out


def test_the_look_from_outside_needs_no_domain_that_leads_there_yet(
    there: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    class Line:
        def wrap_socket(self, _line: object, server_hostname: str) -> None:
            asked.append(server_hostname)
            raise OSError

    def reach(address: tuple[str, int], _timeout: float) -> None:
        asked.append(address)

    monkeypatch.setattr(smoke.socket, "create_connection", reach)
    monkeypatch.setattr(smoke.ssl, "create_default_context", Line)
    monkeypatch.setattr(smoke, "PATIENCE", -1)
    outputs = {"Origin": "https://www.books.example", "DistributionDomain": "d1.cloudfront.net"}
    with pytest.raises(DeploymentError, match=r"www\.books\.example/healthz does not answer"):
        smoke.wait_until_alive(there, outputs)
    assert asked == [("d1.cloudfront.net", 443), "www.books.example"]


def test_without_an_identity_at_ses_no_letter_is_tried(there: Place) -> None:
    def backend(chosen: dict[str, str]) -> str:
        return functions.environment(there, "projector", OUTPUTS, chosen)["MAIL_BACKEND"]

    assert backend({}).endswith(".dummy.EmailBackend")
    assert backend({"MailIdentityArn": "arn:1", "MailFrom": "shop@books.example"}) == "django_ses.SESBackend"


def test_the_price_told_is_that_of_the_sizes_that_stay(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"SearchVolumeGiB": "100", "NatGateways": "1"}
    monkeypatch.setattr(checks, "remembered", lambda _place, _names: before)
    values = checks.values_of(there, {"NatGateways": "2"})
    assert values["NatGateways"] == "2"
    assert costs.total(costs.idle("staging", values)) == pytest.approx(
        costs.total(costs.idle("staging", {"SearchVolumeGiB": "100", "NatGateways": "2"}))
    )


def test_a_service_that_the_region_lacks_is_named(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_client: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://es.example")

    monkeypatch.setattr(checks, "QUESTIONS", {"opensearch": ("OpenSearch", lacking)})
    (said,) = checks.services_missing(there)
    assert said.startswith("OpenSearch does not answer in eu-west-2: choose a region that has it")


def test_a_bucket_of_somebody_else_is_told_before_anything_is_made(there: Place, answers: Any) -> None:
    answers("cloudformation", ("describe_stacks", GONE))
    answers("s3", ("head_bucket", "403: Forbidden"), ("head_bucket", {}), ("head_bucket", {}))
    tables = len(checks._tables(there))
    answers("dynamodb", *[("describe_table", "ResourceNotFoundException: none")] * tables)
    said = checks.names_taken(there)
    assert said[0].startswith("The bucket bookstore-staging-covers-123456789012-eu-west-2 is there")


def described(name: str, *, streams: bool = True) -> dict[str, Any]:
    """Return what DynamoDB says of a table; the ARN of a stream outlives the stream."""
    arn = f"arn:aws:dynamodb:r:1:table/bookstore-staging-{name}/stream/2026"
    told = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return {
        "Table": {
            "TableName": f"bookstore-staging-{name}",
            "LatestStreamArn": arn,
            **({"StreamSpecification": told} if streams else {}),
        }
    }


def test_the_site_is_told_of_the_streams_of_today(
    there: Place, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that was made anew has another stream, and the data stack's outputs name the old one."""
    answers("dynamodb", ("describe_table", described("Books")), ("describe_table", described("Orders")))
    answers("lambda", ("put_function_recursion_config", {"RecursiveLoop": "Allow"}))
    told: dict[str, Any] = {}
    monkeypatch.setattr(
        deployment.Deployment, "_deploy", lambda _self, name, more=None, region="": told.update({name: more})
    )
    for name in ("environment", "ship", "check_callers", "check_mappings", "write_settings"):
        monkeypatch.setattr(functions, name, lambda *_asked: {})
    for name in ("_remembered", "_edge", "_version_of", "_search_index"):
        monkeypatch.setattr(deployment.Deployment, name, lambda *_asked, **_named: {})
    monkeypatch.setattr(deployment.smoke, "check", lambda *_asked: None)

    shipping = deployment.Deployment(there, {})
    shipping._known = {"PackagesBucket": "packages", "EdgeSecretArn": "arn", "BooksStreamArn": "the old one"}
    shipping._switch(dict.fromkeys(functions.KINDS, "packages/new.zip"), {})

    assert told["site"] == {
        f"{name}StreamArn": f"arn:aws:dynamodb:r:1:table/bookstore-staging-{name}/stream/2026"
        for name in ("Books", "Orders")
    }


def test_a_table_that_lost_its_stream_is_told_with_what_turns_it_on(there: Place, answers: Any) -> None:
    """As a table that was restored under its old name."""
    answers("dynamodb", ("describe_table", described("Books", streams=False)))
    with pytest.raises(
        DeploymentError, match=r"bookstore-staging-Books has no stream.* --stream-specification"
    ):
        functions.streams(there)


def test_a_stream_that_nobody_reads_fails_the_deployment(there: Place, answers: Any) -> None:
    """A table that was made anew: the mapping reads the stream of the old one, enabled and silent."""
    tables = [described("Books"), described("Orders")]
    answers("dynamodb", *(("describe_table", each) for each in tables))
    mapping = {"FunctionArn": "arn:aws:lambda:r:1:function:bookstore-staging-projector", "State": "Enabled"}
    old = {**mapping, "EventSourceArn": "arn:aws:dynamodb:r:1:table/bookstore-staging-Books/stream/2025"}
    new = {**mapping, "EventSourceArn": tables[1]["Table"]["LatestStreamArn"]}
    answers("lambda", ("list_event_source_mappings", {"EventSourceMappings": [old, new]}))
    with pytest.raises(
        DeploymentError, match="The stream of bookstore-staging-Books is not read by the projector"
    ):
        functions.check_mappings(there)


def declared(name: str) -> list[dict[str, Any]]:
    return [templates.resources("data")[f"{name}Table"]["Properties"]]


def history(status: str) -> dict[str, Any]:
    kept = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}
    return {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", **kept}}


def test_a_restored_table_gets_back_what_a_restore_leaves_out(
    there: Place, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_declared", lambda: declared("Sessions"))
    bare = {"Table": {"TableName": "bookstore-staging-Sessions", "TableStatus": "ACTIVE"}}
    answers(
        "dynamodb",
        ("describe_table", bare),
        ("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}),
        ("update_time_to_live", {}),
        ("describe_table", bare),
        ("describe_continuous_backups", history("DISABLED")),
        ("update_continuous_backups", {}),
        ("describe_table", bare),
        ("update_table", {}),
        ("describe_table", bare),
    )
    assert tables.give_back(there) == [
        "bookstore-staging-Sessions: expiry",
        "bookstore-staging-Sessions: its history",
        "bookstore-staging-Sessions: protection",
    ]


def test_a_restored_table_gets_back_its_stream_and_a_whole_one_is_left_alone(
    there: Place, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_declared", lambda: declared("Orders"))
    bare = {"TableName": "Orders", "TableStatus": "ACTIVE", "DeletionProtectionEnabled": True}
    whole = {"Table": {**bare, "StreamSpecification": {"StreamEnabled": True}}}
    kept = ("describe_continuous_backups", history("ENABLED"))
    answers(
        "dynamodb",
        ("describe_table", {"Table": bare}),
        ("update_table", {}),
        ("describe_table", whole),
        kept,
        ("describe_table", whole),
        kept,
    )
    assert tables.give_back(there) == ["bookstore-staging-Orders: its stream"]
    assert tables.give_back(there) == []


def test_a_table_that_is_gone_is_told_with_where_to_read_on(
    there: Place, answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_declared", lambda: declared("Orders"))
    answers("dynamodb", ("describe_table", "ResourceNotFoundException: none"))
    with pytest.raises(DeploymentError, match=r"bookstore-staging-Orders is gone: bring it back first"):
        tables.give_back(there)


def test_a_stage_that_the_pipeline_deploys_is_not_half_removed(there: Place, answers: Any) -> None:
    answers("iam", ("list_role_policies", {"PolicyNames": ["pipeline"]}))
    with pytest.raises(
        DeploymentError, match=r"remove the stack bookstore-pipeline first.* Nothing was removed\."
    ):
        deployment.undeploy(there)


def test_without_a_pipeline_or_a_role_there_is_nothing_in_the_way(there: Place, answers: Any) -> None:
    answers(
        "iam",
        ("list_role_policies", {"PolicyNames": []}),
        ("list_role_policies", "NoSuchEntity: the second time"),
    )
    deployment._refuse_while_the_pipeline_holds_on(there)
    deployment._refuse_while_the_pipeline_holds_on(there)


def test_while_a_client_has_two_secrets_the_one_that_somebody_put_there_stays(
    there: Place, answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    running = deployment.Deployment(there, {})
    running._known |= {"UserPoolId": "eu-west-2_Example01", "ClientId": "client"}
    answers("secretsmanager")  # is not asked
    answers("cognito-idp", ("list_user_pool_client_secrets", {"ClientSecrets": [{}, {}]}))
    running._copy_client_secret()
    assert "two secrets" in capsys.readouterr().out


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


API = {
    "StackResourceDetail": {
        "LogicalResourceId": "Api",
        "PhysicalResourceId": "abc123",
        "ResourceType": "AWS::ApiGateway::RestApi",
        "LastUpdatedTimestamp": NOW,
        "ResourceStatus": "CREATE_COMPLETE",
    }
}


@pytest.mark.parametrize(
    "principal",
    [{"AWS": "*"}, "*", {"AWS": "arn:aws:iam::999999999999:root"}, {"Service": "events.amazonaws.com"}],
)
def test_nobody_but_the_api_may_call_the_web_function(there: Place, answers: Any, principal: object) -> None:
    answers("cloudformation", ("describe_stacks", stack("CREATE_COMPLETE")), ("describe_stack_resource", API))
    open_door = policy({"Sid": "open", "Effect": "Allow", "Principal": principal})
    answers("lambda", ("get_policy", "ResourceNotFoundException: none"), ("get_policy", open_door))
    with pytest.raises(DeploymentError, match=r"Others than the shop's API may call .* --statement-id open"):
        functions.check_callers(there)


def test_the_shops_own_api_may_call_it(there: Place, answers: Any) -> None:
    answers("cloudformation", ("describe_stacks", stack("CREATE_COMPLETE")), ("describe_stack_resource", API))
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:eu-west-2:123456789012:abc123/*"}},
    }
    answers("lambda", ("get_policy", policy(statement)), ("get_policy", "ResourceNotFoundException: none"))
    functions.check_callers(there)


OUTPUTS = {
    "Origin": "https://d1.cloudfront.net",
    "RedisHost": "redis.example",
    "RedisPort": "6379",
    "PackagesBucket": "packages",
    "PrivateSubnetIds": "subnet-1,subnet-2",
    "FunctionSecurityGroupId": "sg-1",
    **{
        name: f"arn:{name}"
        for name in ("ShopSecretArn", "EdgeSecretArn", "SignInSecretArn", "RedisSecretArn")
    },
    **{name: f"arn:{name}" for name in ("WebRoleArn", "ProjectorRoleArn", "TasksRoleArn")},
    **{output: f"the {output}" for output in functions._FROM_OUTPUTS.values()},
}


def test_the_functions_settings_hold_names_and_no_secret(
    there: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("DEPLOY_FOLDER", str(tmp_path))
    monkeypatch.setenv("PAYMENT_ORIGIN", "https://pay.example")  # is for rehearsals
    variables = functions.environment(there, "", OUTPUTS, {"CURRENCY": "EUR", "NatGateways": "2"})
    assert variables["REDIS_URL"] == "rediss://redis.example:6379/0"
    assert variables["OPENSEARCH_AUTH"] == "aws"
    assert variables["CURRENCY"] == "EUR"
    assert not {"NatGateways", "AWS_ENDPOINT_URL", "PAYMENT_PROVIDER", "AWS_REGION"} & variables.keys()
    assert not {"SECRET_KEY", "EDGE_SECRET", "REDIS_PASSWORD", "COGNITO_CLIENT_SECRET"} & variables.keys()
    assert variables["SECRETS"].count("arn:") == 4
    file = functions.write_settings(there, OUTPUTS, {"": variables, "projector": variables})
    written = json.loads(file.read_text())
    assert list(written) == ["staging", "staging-projector", "staging-tasks"]
    assert written["staging"]["role_arn"] == "arn:WebRoleArn"
    assert written["staging-projector"]["role_arn"] == "arn:ProjectorRoleArn"
    assert written["staging-projector"]["apigateway_enabled"] is False
    assert written["staging"]["vpc_config"]["SubnetIds"] == ["subnet-1", "subnet-2"]
    assert "extends" not in written["staging-tasks"]


@pytest.mark.parametrize("kind", functions.KINDS)
def test_a_function_is_told_of_the_secrets_that_its_role_may_read(
    there: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Secrets Manager refuses the whole request for one secret too many, and the function does not start."""
    monkeypatch.delenv("PAYMENT_ORIGIN", raising=False)
    role = templates.resources("roles")[f"{kind.title() or 'Web'}Role"]
    told = functions.environment(there, kind, OUTPUTS, {})["SECRETS"].split(",")
    [allowed] = [
        statement["Resource"]
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in statement["Action"]
    ]
    assert {f"arn:{secret['Ref']}" for secret in allowed} == set(told)


def test_each_function_runs_its_own_package_and_the_pages_know_whom_to_ask_for_long_work(
    there: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("DEPLOY_FOLDER", str(tmp_path))
    shipped = {}
    monkeypatch.setattr(functions, "ship", lambda _place, kind, _file, zipped: shipped.update({kind: zipped}))
    for check in ("check_callers", "check_mappings", "let_tasks_go_on"):
        monkeypatch.setattr(functions, check, lambda _place: None)
    monkeypatch.setattr(functions, "streams", lambda _place: {})
    for step in ("_edge", "_deploy", "_search_index", "_version_of", "_remembered"):
        monkeypatch.setattr(deployment.Deployment, step, lambda *_a, **_k: {})
    monkeypatch.setattr(deployment.smoke, "check", lambda *_arguments: None)
    run = deployment.Deployment(there, {})
    run._known |= OUTPUTS
    run._switch({"": "a.zip", "projector": "a.zip", "tasks": "b.zip"}, {})
    assert shipped == {
        "": "s3://packages/a.zip",
        "projector": "s3://packages/a.zip",
        "tasks": "s3://packages/b.zip",
    }
    written = json.loads((tmp_path / "staging" / "zappa_settings.json").read_text())
    told = {stage: each["aws_environment_variables"] for stage, each in written.items()}
    assert told["staging"]["TASKS_FUNCTION"] == "bookstore-staging-tasks"
    assert (told["staging"]["PACKAGE"], told["staging-tasks"]["PACKAGE"]) == ("a.zip", "b.zip")


class Bucket:
    """What S3 is asked for, with its objects in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **asked: Any) -> None:
        self.objects[asked["Key"]] = asked["Body"]

    def get_object(self, **asked: Any) -> dict[str, Any]:
        if asked["Key"] not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[asked["Key"]])}

    def head_object(self, **asked: Any) -> None:
        if asked["Key"] not in self.objects:
            raise ClientError({"ResponseMetadata": {"HTTPStatusCode": 404}}, "HeadObject")  # type: ignore[typeddict-item]

    def upload_file(self, *_asked: object, **_named: object) -> None:
        raise S3UploadFailedError("Failed to upload shop.css: the line was cut")


@pytest.fixture
def bucket(there: Place) -> Bucket:
    there._clients["s3", "eu-west-2"] = found = Bucket()
    return found


@pytest.fixture
def shop(there: Place, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, Any]:
    """Three functions that a deployment changes, and nothing else around it; ``broken`` packages pass no look."""
    monkeypatch.setenv("DEPLOY_FOLDER", str(tmp_path))
    running: dict[str, Any] = {}
    told = {"running": running, "package": "packages/good.zip", "killed": False}

    def ship(_place: Place, kind: str, _settings: object, package: str) -> None:
        key = package.removeprefix("s3://packages/")
        running[kind] = {
            "FunctionName": functions.name_of(there, kind),
            "CodeSha256": key,
            "Environment": {"Variables": {"PACKAGE": key}},
        }

    def switch(_self: object, packages: dict[str, str], _before: object) -> None:
        for kind, key in packages.items():
            ship(there, kind, None, f"s3://packages/{key}")
        if told["killed"]:
            raise KeyboardInterrupt
        if "broken" in key:
            raise DeploymentError("A page answers 500.")

    def upload(_place: Place, _bucket: str, _path: object) -> str:
        bucket.objects[told["package"]] = b"zip"
        return str(told["package"])

    def known(self: Any, *_asked: object, **_named: object) -> None:
        self._known |= OUTPUTS | {"StaticBucket": "static", "PackagesBucket": "packages"}

    around = ("_from_the_edge_region", "_edge", "_tell_where_the_domain_has_to_lead", "_copy_client_secret")
    for name in ("_deploy", "_allow_search", *around):
        monkeypatch.setattr(deployment.Deployment, name, known)
    monkeypatch.setattr(deployment.Deployment, "_switch", switch)
    monkeypatch.setattr(
        deployment.package, "build", lambda **_named: SimpleNamespace(static=None, path=None, for_tasks=None)
    )
    monkeypatch.setattr(deployment.static_files, "upload", lambda *_asked: 0)
    monkeypatch.setattr(deployment.tables, "give_back", lambda _place: [])
    monkeypatch.setattr(functions, "ship", ship)
    monkeypatch.setattr(functions, "upload", upload)
    monkeypatch.setattr(
        functions,
        "describe",
        lambda _place, kind: {"Configuration": running[kind]} if kind in running else None,
    )
    return told


def test_after_a_deployment_that_was_killed_the_version_that_was_good_comes_back(
    there: Place, shop: dict[str, Any]
) -> None:
    """What runs when the second deployment begins is the broken version: nobody took it back."""
    deployment.Deployment(there, {}).run()
    shop |= {"package": "packages/broken.zip", "killed": True}
    with pytest.raises(KeyboardInterrupt):
        deployment.Deployment(there, {}).run()
    shop["killed"] = False
    with pytest.raises(DeploymentError, match="The version before serves again"):
        deployment.Deployment(there, {}).run()
    assert {each["CodeSha256"] for each in shop["running"].values()} == {"packages/good.zip"}


def test_where_no_shop_was_open_there_is_none_to_go_back_to(there: Place, shop: dict[str, Any]) -> None:
    """The first deployment ended half-way, and left functions behind: the second finds them, and fails too."""
    shop["package"] = "packages/broken.zip"
    for _ in range(2):
        with pytest.raises(
            DeploymentError, match="This shop was not open yet, so there is no version before"
        ):
            deployment.Deployment(there, {}).run()


def test_a_package_that_the_bucket_let_go_is_fetched_from_the_function_that_runs_it(
    there: Place, shop: dict[str, Any], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.Deployment(there, {}).run()
    del bucket.objects["packages/good.zip"]
    good = functions.good_versions(there, "packages")
    for found in shop["running"].values():
        monkeypatch.setattr(
            functions,
            "describe",
            lambda _place, _kind, found=found: {"Configuration": found, "Code": {"Location": "https://code"}},
        )
    monkeypatch.setattr(functions.urllib.request, "urlopen", lambda *_asked, **_named: io.BytesIO(b"code"))
    functions.keep_package(there, "packages", good)
    assert bucket.objects["packages/good.zip"] == b"code"

    def away(*_asked: object, **_named: object) -> None:
        raise URLError("no way there")

    del bucket.objects["packages/good.zip"]
    monkeypatch.setattr(functions.urllib.request, "urlopen", away)
    with pytest.raises(
        DeploymentError, match=r"cannot be fetched .*no way there.* run the same command again"
    ):
        functions.keep_package(there, "packages", good)


def test_a_version_whose_package_is_gone_is_deployed_from_its_commit(
    there: Place, shop: dict[str, Any], bucket: Bucket
) -> None:
    deployment.Deployment(there, {}).run()
    good = functions.good_versions(there, "packages")
    shop["running"][""]["CodeSha256"] = "another"
    del bucket.objects["packages/good.zip"]
    with pytest.raises(DeploymentError, match="not in the bucket any more: deploy the commit before"):
        functions.roll_back(there, OUTPUTS, good)


def test_an_upload_that_is_cut_off_is_a_sentence(there: Place, bucket: Bucket, tmp_path: Any) -> None:
    with pytest.raises(DeploymentError, match=r"the line was cut\. Run the same command again\."):
        there.upload(tmp_path, "static", "css/shop.css")


def test_a_zappa_that_does_not_end_is_stopped_and_told(
    there: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def never(command: list[str], *, timeout: float, **_named: object) -> None:
        raise functions.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(functions.subprocess, "run", never)
    with pytest.raises(DeploymentError, match="`zappa update staging-tasks` did not end within 15 minutes"):
        functions._zappa(there, "tasks", "update", settings=tmp_path / "zappa_settings.json")


def test_a_function_is_not_moved_to_another_machine(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zappa gives the machine to a new function alone, and would ship it code of another one."""
    found = {"Configuration": {"Architectures": ["arm64"]}}
    monkeypatch.setattr(functions, "describe", lambda _place, kind: found if kind == "tasks" else None)
    (said,) = checks.machines_changed(there)
    assert said.startswith("bookstore-staging-tasks runs on arm64, and zappa_settings.json says x86_64")
    assert "make undeploy STAGE=staging" in said


def test_a_roll_back_ships_the_package_of_before_with_its_own_variables(
    there: Place, answers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("DEPLOY_FOLDER", str(tmp_path))
    before = {
        "": functions.Version(
            "bookstore-staging", "old", {"PACKAGE": "packages/old.zip", "LOG_LEVEL": "INFO"}
        ),
        "tasks": functions.Version("bookstore-staging-tasks", "old", {"PACKAGE": "packages/old.zip"}),
    }
    now = {
        "": {
            "FunctionName": "bookstore-staging",
            "CodeSha256": "new",
            "Environment": {"Variables": {"PACKAGE": "packages/new.zip", "BROUGHT_ALONG": "1"}},
        },
        "tasks": {
            "FunctionName": "bookstore-staging-tasks",
            "CodeSha256": "old",
            "Environment": {"Variables": {"PACKAGE": "packages/old.zip"}},
        },
    }
    shipped = []
    monkeypatch.setattr(functions, "describe", lambda _place, kind: {"Configuration": now[kind]})
    monkeypatch.setattr(functions, "_is_there", lambda *_asked: True)
    monkeypatch.setattr(functions, "_settled", lambda *_asked: None)
    # Zappa would keep what it finds on the function.
    answers("lambda").add_response(
        "update_function_configuration",
        {},
        {"FunctionName": "bookstore-staging", "Environment": {"Variables": {"PACKAGE": "packages/new.zip"}}},
    )
    monkeypatch.setattr(
        functions, "ship", lambda _place, kind, settings, package: shipped.append((kind, package))
    )
    assert functions.roll_back(there, OUTPUTS, before) == ["bookstore-staging"]
    assert shipped == [("", "s3://packages/packages/old.zip")]
    written = json.loads((tmp_path / "staging" / "zappa_settings.json").read_text())
    assert written["staging"]["aws_environment_variables"]["LOG_LEVEL"] == "INFO"


def test_old_static_files_stay_and_only_new_ones_are_sent(there: Place, answers: Any, tmp_path: Any) -> None:
    for name in ("css/shop.0123456789ab.css", "css/shop.css", "js/new.ba9876543210.js", "errors/away.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    sent = []
    client = there.client("s3")
    client.upload_file = lambda _file, _bucket, key, ExtraArgs: sent.append((key, ExtraArgs["CacheControl"]))  # noqa: N803
    answers(
        "s3",
        (
            "list_objects_v2",
            {"Contents": [{"Key": "static/css/shop.0123456789ab.css"}, {"Key": "static/old"}]},
        ),
    )
    assert static_files.upload(there, "bucket", tmp_path) == 1
    assert sorted(sent) == [
        ("static/errors/away.html", static_files.FOR_MINUTES),
        ("static/js/new.ba9876543210.js", static_files.FOR_EVER),
    ]


def test_every_size_in_stages_toml_is_a_parameter() -> None:
    for stage in place.STAGES:
        checks.check_names_of_parameters(sizes.of_stage(stage))


def test_the_page_of_costs_shows_what_the_program_reckons() -> None:
    page = (templates.FOLDER.parent / "docs" / "costs.md").read_text()
    assert costs.document() in page


def test_more_machines_cost_more() -> None:
    smallest = costs.total(costs.idle("dev"))
    assert costs.total(costs.idle("dev", {"NatGateways": "2"})) == pytest.approx(
        smallest + costs.HOURS * (costs.NAT_HOUR + costs.ADDRESS_HOUR)
    )
    assert costs.total(costs.idle("production")) > smallest


def test_the_first_owner_gets_an_account_and_both_groups(there: Place, answers: Any) -> None:
    outputs = [{"OutputKey": "UserPoolId", "OutputValue": "eu-west-2_Example01"}]
    answers("cloudformation", ("describe_stacks", stack("CREATE_COMPLETE", Outputs=outputs)))
    answers(
        "cognito-idp",
        ("admin_create_user", "UsernameExistsException: there"),  # the second time
        ("admin_add_user_to_group", {}),
        ("admin_add_user_to_group", {}),
    )
    people.first_owner(there, "owner@bookstore.example")


@pytest.mark.parametrize("email", ["", "owner", "@", "owner@nowhere"])
def test_an_owner_needs_an_address(there: Place, email: str) -> None:
    with pytest.raises(DeploymentError, match="EMAIL is an address"):
        people.first_owner(there, email)


def test_nobody_before_the_terminal_has_to_say_yes_beforehand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: Place
) -> None:
    monkeypatch.setattr(place, "find", lambda _stage: there)
    monkeypatch.setattr(place, "is_watched", lambda: False)
    assert program.main(["undeploy", "--stage", "staging"]) == 1
    assert "give YES=1" in capsys.readouterr().err


class Payload:
    def __init__(self, told: object) -> None:
        self._told = told

    def read(self) -> bytes:
        return json.dumps(self._told).encode()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"FunctionError": "Unhandled", "Payload": {"errorMessage": "no such file"}}, "failed: no such file"),
        ({"Payload": {"state": "running"}}, "failed. TASK="),
    ],
)
def test_a_task_that_fails_says_why_and_how_to_go_on(
    there: Place, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], told: str
) -> None:
    class Functions:
        def invoke(self, **_asked: object) -> dict[str, Any]:
            return {**answer, "Payload": Payload(answer["Payload"])}

    monkeypatch.setattr(tasks.boto3, "client", lambda *_names, **_options: Functions())
    item = {"state": "failed", "progress": "7", "pieces": "2", "said": "line 3: no price"}
    monkeypatch.setattr(tasks, "_progress", lambda _place, _task: item)
    with pytest.raises(DeploymentError, match=told):
        tasks.run(there, "import_books", ["s3://bucket/key"])
