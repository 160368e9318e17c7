"""What has to be true before anything is made. Each thing that is not is one sentence."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, UnknownServiceError

from infra import functions, package, sizes, templates
from infra.errors import DeploymentError
from infra.place import Place, code_of, say, sentence
from infra.stacks import Stacks, around, remembered

# One harmless question to each service, which an account or a region that lacks it cannot answer.
QUESTIONS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "apigateway": ("API Gateway", lambda client: client.get_rest_apis(limit=1)),
    "cloudformation": ("CloudFormation", lambda client: client.list_stacks()),
    "cloudfront": ("CloudFront", lambda client: client.list_distributions(MaxItems="1")),
    "cognito-idp": ("Cognito", lambda client: client.list_user_pools(MaxResults=1)),
    "dynamodb": ("DynamoDB", lambda client: client.list_tables(Limit=1)),
    "elasticache": ("ElastiCache", lambda client: client.describe_replication_groups(MaxRecords=20)),
    "lambda": ("Lambda", lambda client: client.list_functions(MaxItems=1)),
    "opensearch": ("OpenSearch", lambda client: client.list_domain_names()),
    "secretsmanager": ("Secrets Manager", lambda client: client.list_secrets(MaxResults=1)),
    "sqs": ("SQS", lambda client: client.list_queues(MaxResults=1)),
}
FEWEST_CONCURRENT = 50  # calls of Lambda; a new account may have 10, which one busy page can use up
QUOTAS = {  # service, code: what it limits
    ("vpc", "L-F678F1CE"): "VPCs in the region",
    ("ec2", "L-0263D0A3"): "Elastic IP addresses, which NAT needs",
}


def before_deploying(place: Place, chosen: Mapping[str, str]) -> None:
    """Look at the account, the region, quotas, names and stacks; raise ``DeploymentError`` naming all that is wrong."""
    say(
        f"Account {place.account}, region {place.region}, stage {place.stage}{' (a local AWS)' if place.is_local else ''}"
    )
    check_names_of_parameters(chosen)
    check_sizes(place.stage, chosen)
    wrong = services_missing(place)
    if not wrong:
        wrong = [
            *rules_broken(values_of(place, chosen)),
            *names_taken(place),
            *machines_changed(place),
            *([] if place.is_local else quotas_too_small(place)),
        ]
    if wrong:
        raise DeploymentError("\n".join(wrong))


def check_names_of_parameters(chosen: Mapping[str, str]) -> None:
    """Refuse what no template and no function knows: a slip of the pen would be silently without effect."""
    known = {name for stack in ALL_STACKS for name in templates.parameters(stack)} | {
        "Firewall",
        *functions.CHOICES,
    }
    if unknown := sorted(chosen.keys() - known):
        raise DeploymentError(
            f"SET names {', '.join(unknown)}, which nothing takes. It may name: {', '.join(sorted(known))}."
        )
    for stack in ALL_STACKS:
        for name, told in templates.parameters(stack).items():
            if name in chosen and (wanted := _wanted_instead(told, chosen[name])):
                raise DeploymentError(f"{name} {wanted}, and {chosen[name]!r} is not.")


def _wanted_instead(told: Mapping[str, Any], value: str) -> str:
    """Say what a parameter takes, in the template's own words where it has some; nothing when it takes the value."""
    if allowed := [str(each) for each in told.get("AllowedValues", [])]:
        return "" if value in allowed else f"is one of {', '.join(allowed)}"
    if told["Type"] == "Number":
        least, most = told.get("MinValue", 0), told.get("MaxValue")
        fits = value.isdecimal() and least <= int(value) and (most is None or int(value) <= most)
        return (
            ""
            if fits
            else f"is a number of {least} or more"
            if most is None
            else f"is from {least} to {most}"
        )
    if "AllowedPattern" in told and not re.search(told["AllowedPattern"], value):
        return str(told["ConstraintDescription"])
    return ""


def check_sizes(stage: str, chosen: Mapping[str, str]) -> None:
    """Refuse what contradicts ``stages.toml``: the next deployment, which knows nothing of it, would take it back."""
    for name, size in sizes.of_stage(stage).items():
        if chosen.get(name, size) != size:
            raise DeploymentError(
                f"{name} is {size} for {stage} in infra/stages.toml, which every deployment reads and the pipeline's most"
                f" of all: write {chosen[name]} there and commit it, instead of SET."
            )


# In the order in which they are made. Each may use the outputs of those before it.
ALL_STACKS = ("data", "certificate", "firewall", "edge", "sign-in", "roles", "site")


def values_of(place: Place, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return what the stacks will be made with, as far as it can be known: as before, by the stage's size, or chosen."""
    return remembered(place, ALL_STACKS) | sizes.of(place) | dict(chosen)


def rules_broken(values: Mapping[str, str]) -> list[str]:
    """Tell which of the templates' own rules the values break, before an hour has gone into the stacks before."""
    # A zone is all that a certificate wants.
    certified = {"CertificateArn": "made"} if values.get("HostedZoneId") else {}
    return [
        assertion["AssertDescription"]
        for stack in ALL_STACKS
        for rule in templates.load(stack).get("Rules", {}).values()
        for known in [_defaults(stack) | dict(values) | certified]
        if _holds(rule["RuleCondition"], known)
        for assertion in rule["Assertions"]
        if not _holds(assertion["Assert"], known)
    ]


def _defaults(stack: str) -> dict[str, str]:
    return {name: str(told.get("Default", "")) for name, told in templates.parameters(stack).items()}


def _holds(told: Any, values: Mapping[str, str]) -> bool:
    match told:
        case {"Fn::Not": [condition]}:
            return not _holds(condition, values)
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return values[name] == str(value)
    raise TypeError(f"A rule says what this program does not know: {told}")


def services_missing(place: Place) -> list[str]:
    """Ask each service once, all at the same time."""

    def ask(item: tuple[str, tuple[str, Callable[[Any], object]]]) -> str:
        service, (name, question) = item
        try:
            question(place.client(service))
        except (EndpointConnectionError, ConnectTimeoutError, UnknownServiceError):
            return (
                f"{name} does not answer in {place.region}: choose a region that has it (AWS_REGION=…), or look at the"
                " network."
            )
        except ClientError as error:
            return f"{name}: {sentence(error)}"
        return ""

    with ThreadPoolExecutor(5) as several:
        return [said for said in several.map(ask, QUESTIONS.items()) if said]


def names_taken(place: Place) -> list[str]:
    """Tell of buckets and tables that have the shop's names and do not belong to its stack."""
    if Stacks(place).describe(place.stack("data")):
        return []
    said = []
    for kind in ("covers", "static", "packages"):
        bucket = f"{place.prefix}-{kind}-{place.account}-{place.region}"
        try:
            place.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:  # noqa: PLR2004 - HTTP's own
                continue
        said.append(f"The bucket {bucket} is there, and not this shop's. {_LEFT_OVER}")
    for table in _tables(place):
        try:
            place.client("dynamodb").describe_table(TableName=table)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
        else:
            said.append(f"The table {table} is there, and not this shop's. {_LEFT_OVER}")
    return said


_LEFT_OVER = (
    "An earlier shop of this stage left it: take it over, or remove it, as docs/operations.md says under “Removing the"
    " data”."
)


def _tables(place: Place) -> list[str]:
    names = [
        resource["Properties"]["TableName"]["Fn::Sub"]
        for resource in templates.resources("data").values()
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]
    return [name.replace("${Stage}", place.stage) for name in names]


def machines_changed(place: Place) -> list[str]:
    """Tell of functions that run on another kind of machine than is wanted, which Zappa changes for new ones alone."""
    said = []
    for kind in functions.KINDS:
        wanted = package.settings_of(functions.zappa_stage(place, kind))["architecture"]
        found = functions.describe(place, kind)
        runs_on = found["Configuration"].get("Architectures", ["x86_64"]) if found else [wanted]
        if runs_on != [wanted]:
            said.append(
                f"{functions.name_of(place, kind)} runs on {runs_on[0]}, and zappa_settings.json says {wanted}: a function"
                f" keeps its machine for life, so run `make undeploy STAGE={place.stage}` first, which leaves the data."
            )
    return said


def quotas_too_small(place: Place) -> list[str]:
    """Tell of quotas that a new shop would run into."""
    said = []
    calls = place.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if calls < FEWEST_CONCURRENT and place.stage == "production":
        said.append(
            f"Lambda runs {calls} calls at once in this account, and a shop in production needs {FEWEST_CONCURRENT}: ask"
            " for more under Service Quotas, AWS Lambda, Concurrent executions; it takes a day."
        )
    if Stacks(place).describe(place.stack("data")):
        return said
    ec2 = place.client("ec2")
    needed = {"vpc": 1, "ec2": int(sizes.of(place).get("NatGateways", "1"))}
    used = {"vpc": len(ec2.describe_vpcs()["Vpcs"]), "ec2": len(ec2.describe_addresses()["Addresses"])}
    for (service, code), what in QUOTAS.items():
        quota = place.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
        most = int(quota["Quota"]["Value"])
        if used[service] + needed[service] > most:
            said.append(
                f"The account may have {most} {what} and has {used[service]}: remove some, or ask for more under Service"
                " Quotas."
            )
    return said


def will_be_made(place: Place, values: Mapping[str, str]) -> list[str]:
    """Tell, stack by stack, what a deployment makes that is not there yet."""
    lines = []
    unwanted = {
        "certificate": not (values.get("DomainName") and values.get("HostedZoneId")),
        "firewall": values["Firewall"] != "true",
    }
    for name in ALL_STACKS:
        if unwanted.get(name):
            continue
        status = around(place, name).status(place.stack(name))
        kinds = sorted(
            {resource["Type"].removeprefix("AWS::") for resource in templates.resources(name).values()}
        )
        what = f"is there ({status.replace('_', ' ').lower()}), and is compared with its template"
        lines.append(f"{place.stack(name)}: {what if status else f'is made: {", ".join(kinds)}'}")
    for kind in functions.KINDS:
        there = functions.describe(place, kind) is not None
        lines.append(
            f"{functions.name_of(place, kind)}: a function that {'gets new code' if there else 'is made'}"
        )
    return lines
