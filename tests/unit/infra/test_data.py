"""The data stack: what is kept, what is hidden, and what it costs to begin with."""

import json
import re
from typing import Any

import pytest

from infra import functions, templates

KEPT = {
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::Cognito::UserPool",
}
OUTPUTS = {
    "VpcId",
    "PrivateSubnetIds",
    "FunctionSecurityGroupId",
    "CoversBucket",
    "CoversBucketDomain",
    "StaticBucket",
    "StaticBucketDomain",
    "PackagesBucket",
    "SearchEndpoint",
    "SearchDomainArn",
    "RedisHost",
    "RedisPort",
    "RedisSecretArn",
    "DeadLetterQueueUrl",
    "DeadLetterQueueArn",
    "MappingFailureQueueArn",
    "ShopSecretArn",
}


def of_type(kind: str, template: str = "data") -> dict[str, dict[str, Any]]:
    """Return the properties of a template's resources of one kind, by their names."""
    return {
        name: resource["Properties"]
        for name, resource in templates.resources(template).items()
        if resource["Type"] == kind
    }


def one(kind: str, template: str = "data") -> dict[str, Any]:
    """Return the properties of a template's only resource of a kind."""
    (found,) = of_type(kind, template).values()
    return found


@pytest.mark.parametrize("template", ["data", "sign-in"])
def test_what_cannot_be_made_again_outlives_its_stack_everywhere_but_in_dev(template: str) -> None:
    loaded = templates.load(template)
    assert loaded["Transform"] == "AWS::LanguageExtensions"  # which allows a condition there
    assert loaded["Conditions"]["IsDisposable"] == {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}
    for name, resource in templates.resources(template).items():
        if resource["Type"] in KEPT:
            # A first creation that fails leaves nothing behind, so that a second one can take the names.
            assert resource["DeletionPolicy"] == {
                "Fn::If": ["IsDisposable", "Delete", "RetainExceptOnCreate"]
            }, name
            assert resource["UpdateReplacePolicy"] == {"Fn::If": ["IsDisposable", "Delete", "Retain"]}, name


def test_the_other_stacks_find_what_they_need() -> None:
    assert templates.load("data")["Outputs"].keys() >= OUTPUTS


@pytest.mark.parametrize("template", sorted(file.stem for file in templates.FOLDER.glob("[!.]*.yaml")))
def test_every_parameter_is_described_and_a_pattern_said_in_words(template: str) -> None:
    for name, parameter in templates.parameters(template).items():
        assert len(parameter["Description"]) > 10, name
        if "AllowedPattern" in parameter:
            assert parameter.get("ConstraintDescription"), name
            if "Default" in parameter:
                assert re.search(parameter["AllowedPattern"], parameter["Default"]), name


@pytest.mark.parametrize("template", ["data", "roles", "sign-in", "site"])
def test_a_template_fits_into_a_request(template: str) -> None:
    assert len(templates.text(template).encode()) < templates.LONGEST


def test_buckets_are_private_versioned_encrypted_and_tidied() -> None:
    buckets = of_type("AWS::S3::Bucket")
    assert len(buckets) == 3
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
        (rule,) = [each for each in bucket["LifecycleConfiguration"]["Rules"] if "Prefix" not in each]
        assert rule["NoncurrentVersionExpiration"], name
        assert rule["AbortIncompleteMultipartUpload"], name


def test_what_staff_sent_goes_within_a_day_and_covers_stay() -> None:
    everything, uploads = of_type("AWS::S3::Bucket")["CoversBucket"]["LifecycleConfiguration"]["Rules"]
    assert (uploads["Prefix"], uploads["ExpirationInDays"]) == ("uploads/", 1)
    assert "ExpirationInDays" not in everything


def test_what_a_roll_back_goes_back_to_is_never_let_go() -> None:
    rules = of_type("AWS::S3::Bucket")["PackagesBucket"]["LifecycleConfiguration"]["Rules"]
    expire = [rule for rule in rules if "ExpirationInDays" in rule]
    assert {rule["Prefix"] for rule in expire} == {"packages/", "imports/"}
    assert not any(functions.GOOD_VERSIONS.startswith(rule["Prefix"]) for rule in expire)


def test_static_files_of_earlier_releases_are_never_deleted() -> None:
    (rule,) = of_type("AWS::S3::Bucket")["StaticBucket"]["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule


def test_queues_keep_letters_as_long_as_sqs_can_encrypted() -> None:
    queues = of_type("AWS::SQS::Queue")
    assert queues.keys() == {"DeadLetterQueue", "MappingFailureQueue"}
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert queue["SqsManagedSseEnabled"] is True


def test_queues_and_packages_refuse_connections_in_clear() -> None:
    for kind in ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        (statement,) = one(kind)["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("template", ["data", "sign-in", "roles", "site"])
def test_secrets_are_drawn_by_aws_and_written_nowhere(template: str) -> None:
    for name, secret in of_type("AWS::SecretsManager::Secret", template).items():
        assert "SecretString" not in secret, name
        drawn = secret["GenerateSecretString"]
        assert drawn["SecretStringTemplate"] == "{}", name
        assert drawn["PasswordLength"] >= 32, name
    for name in templates.parameters(template):
        assert not re.search(r"password|token|key$", name, re.IGNORECASE), name


def test_the_functions_find_their_variables_in_the_secrets() -> None:
    drawn = {
        name: secret["GenerateSecretString"]["GenerateStringKey"]
        for template in ("data", "sign-in")
        for name, secret in of_type("AWS::SecretsManager::Secret", template).items()
    }
    assert drawn == {
        "ShopSecret": "SECRET_KEY",
        "RedisSecret": "REDIS_PASSWORD",
        "SignInSecret": "COGNITO_CLIENT_SECRET",
    }
    # What Django takes for a weak key is refused by the settings, too.
    assert (
        of_type("AWS::SecretsManager::Secret")["ShopSecret"]["GenerateSecretString"]["PasswordLength"] >= 50
    )


def test_search_speaks_https_to_signed_requests_alone_and_is_encrypted() -> None:
    domain = one("AWS::OpenSearchService::Domain")
    assert domain["DomainEndpointOptions"]["EnforceHTTPS"] is True
    assert "TLS-1-2" in domain["DomainEndpointOptions"]["TLSSecurityPolicy"]
    assert domain["NodeToNodeEncryptionOptions"] == {"Enabled": True}
    assert domain["EncryptionAtRestOptions"] == {"Enabled": True}
    (statement,) = domain["AccessPolicies"]["Statement"]
    assert statement["Principal"] != "*"
    assert statement["Principal"]["AWS"]["Fn::Sub"].endswith(":root")  # the account's own roles
    assert templates.resources("data")["SearchDomain"]["UpdatePolicy"] == {"EnableVersionUpgrade": True}


def test_redis_wants_its_token_over_tls_and_forgets_nothing() -> None:
    redis = one("AWS::ElastiCache::ReplicationGroup")
    assert redis["TransitEncryptionEnabled"] is True
    assert redis["AtRestEncryptionEnabled"] is True
    assert redis["AuthToken"] == {
        "Fn::Sub": "{{resolve:secretsmanager:${RedisSecret}:SecretString:REDIS_PASSWORD}}"
    }
    assert redis["NumNodeGroups"] == 1  # scripts touch several keys, so all of them are in one shard
    assert one("AWS::ElastiCache::ParameterGroup")["Properties"] == {"maxmemory-policy": "noeviction"}


def test_the_stores_stand_in_private_subnets_and_hear_the_functions_alone() -> None:
    private = {"PrivateSubnetA", "PrivateSubnetB"}
    subnets = json.dumps(
        [
            one("AWS::OpenSearchService::Domain")["VPCOptions"]["SubnetIds"],
            one("AWS::ElastiCache::SubnetGroup")["SubnetIds"],
        ]
    )
    assert set(re.findall(r"\w+Subnet\w", subnets)) == private
    groups = of_type("AWS::EC2::SecurityGroup")
    for name, port in (("SearchSecurityGroup", 443), ("RedisSecurityGroup", 6379)):
        (rule,) = groups[name]["SecurityGroupIngress"]
        assert (rule["FromPort"], rule["ToPort"]) == (port, port)
        assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": ["FunctionSecurityGroup", "GroupId"]}
        (way_out,) = groups[name]["SecurityGroupEgress"]
        assert way_out["CidrIp"] == "127.0.0.1/32"
    assert "SecurityGroupIngress" not in groups["FunctionSecurityGroup"]
    ports = {rule["FromPort"] for rule in groups["FunctionSecurityGroup"]["SecurityGroupEgress"]}
    assert ports == {443, 6379}


def test_dynamodb_and_s3_are_reached_without_nat_from_both_zones() -> None:
    endpoints = of_type("AWS::EC2::VPCEndpoint").values()
    assert {each["ServiceName"]["Fn::Sub"].rpartition(".")[2] for each in endpoints} == {"dynamodb", "s3"}
    for endpoint in endpoints:
        assert endpoint["VpcEndpointType"] == "Gateway"
        assert endpoint["RouteTableIds"] == [{"Ref": "PrivateRoutesA"}, {"Ref": "PrivateRoutesB"}]


def test_the_smallest_shop_is_the_default() -> None:
    defaults = {name: each.get("Default") for name, each in templates.parameters("data").items()}
    assert (defaults["SearchInstanceType"], defaults["SearchInstanceCount"]) == ("t3.small.search", 1)
    assert (defaults["RedisNodeType"], defaults["RedisReplicas"]) == ("cache.t4g.micro", 0)
    assert defaults["NatGateways"] == 1
