"""The three Lambda functions and the API before the first of them, as Zappa makes and changes them."""

import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, WaiterError

from infra import templates
from infra.errors import DeploymentError
from infra.place import Place, code_of, port_of, say
from infra.stacks import Stacks

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".deploy"  # what a deployment writes down; not part of the repository
KINDS = ("", "projector", "tasks")  # of functions, as their names end; the first is the web function's
GOOD_VERSIONS = "deployed/good.json"  # in the bucket of packages: what passed its smoke test last
SNAPSHOTS = "snapstart"  # the alias through which the API calls a function that starts from a snapshot
SES, NO_LETTERS = "django_ses.SESBackend", "django.core.mail.backends.dummy.EmailBackend"
ZAPPA_SECONDS = 15 * 60
LAST_LINES = 12  # of what Zappa said, shown when it fails
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# The names of variables whose values come from stacks' outputs as they are.
_FROM_OUTPUTS = {
    "DEAD_LETTER_QUEUE_URL": "DeadLetterQueueUrl",
    "COVERS_BUCKET": "CoversBucket",
    "OPENSEARCH_URL": "SearchEndpoint",
    "COGNITO_USER_POOL_ID": "UserPoolId",
    "COGNITO_CLIENT_ID": "ClientId",
    "COGNITO_ISSUER": "Issuer",
    "COGNITO_ORIGIN": "SignInOrigin",
}
# What somebody may set for a stage beside that, with SET="NAME=value"; it stays until it is set again.
CHOICES = (
    "LOG_LEVEL",
    "CURRENCY",
    "HOME_COUNTRY",
    "SHOP_TIME_ZONE",
    "GUEST_CART_DAYS",
    "UNPAID_ORDER_MINUTES",
    "LATE_ORDER_DAYS",
    "QUEUE_SHARDS",
)


@dataclass(frozen=True)
class Version:
    """A function as it was before a deployment: what a roll-back goes back to."""

    name: str
    code: str  # its digest, as Lambda writes it
    environment: Mapping[str, str]

    @property
    def package(self) -> str:
        """The package's key in the bucket; empty for a function that this program has not made."""
        return self.environment.get("PACKAGE", "")


def name_of(place: Place, kind: str) -> str:
    """Return a function's name, which is Zappa's too: the project's and the stage's."""
    return "-".join(part for part in (place.prefix, kind) if part)


def zappa_stage(place: Place, kind: str) -> str:
    """Return what the function is called in ``zappa_settings.json``."""
    return "-".join(part for part in (place.stage, kind) if part)


def environment(
    place: Place, kind: str, outputs: Mapping[str, str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return one function's variables: addresses and names, no secret.

    It is told of the secrets alone that its role may read: CloudFront's is the web function's.
    A rehearsal on a local AWS differs in the few lines at the end: it has no TLS, and nobody
    there asks who calls.
    """
    origin = outputs["Origin"]
    secrets = ["ShopSecretArn", "SignInSecretArn", *(["EdgeSecretArn"] if kind == "" else [])]
    variables = {
        "STAGE": "production" if place.stage == "production" else "staging",
        "PUBLIC_ORIGIN": origin,
        "TABLE_PREFIX": f"{place.prefix}-",
        **{variable: outputs[output] for variable, output in _FROM_OUTPUTS.items()},
        "OPENSEARCH_AUTH": "aws",
        "REDIS_URL": f"rediss://{outputs['RedisHost']}:{outputs['RedisPort']}/0",
        "COVERS_URL": f"{origin}/",  # the covers' own names begin with covers/
        "STATIC_URL": f"{origin}/static/",
        "TASKS_FUNCTION": name_of(place, "tasks"),
        "SECRETS": ",".join(outputs[name] for name in [*secrets, "RedisSecretArn"]),
        # Without an identity SES refuses each letter, when the order says already that it was sent.
        "MAIL_BACKEND": SES if chosen.get("MailIdentityArn") or place.is_local else NO_LETTERS,
        "MAIL_FROM": chosen.get("MailFrom") or f"The Bookstore <shop@{urlsplit(origin).hostname}>",
        **{name: value for name, value in chosen.items() if name in CHOICES},
    }
    if place.is_local:
        variables |= {
            "AWS_ENDPOINT_URL": place.endpoint,
            "OPENSEARCH_URL": outputs["SearchEndpoint"].replace("https://", "http://"),
            "OPENSEARCH_AUTH": "",
            "REDIS_URL": f"redis://{outputs['RedisHost']}:{outputs['RedisPort']}/0",
            "SECRETS": ",".join(outputs[name] for name in secrets),
            "COGNITO_JWKS_URL": f"{place.endpoint}/{outputs['UserPoolId']}/.well-known/jwks.json",
            "COGNITO_ORIGIN": place.endpoint,
        }
        if payment := os.environ.get("PAYMENT_ORIGIN"):
            variables |= {"PAYMENT_PROVIDER": "demonstration", "PAYMENT_ORIGIN": payment}
            variables["SECRETS"] += f",bookstore/{place.stage}/payment"
    return variables


def write_settings(
    place: Place, outputs: Mapping[str, str], variables: Mapping[str, Mapping[str, str]]
) -> Path:
    """Write the stage's own copy of ``zappa_settings.json``, with what the stacks' outputs say; return it.

    ``variables`` are each function's, by its kind.
    """
    committed = json.loads((ROOT / "zappa_settings.json").read_text())
    roles = {"": "WebRoleArn", "projector": "ProjectorRoleArn", "tasks": "TasksRoleArn"}
    written = {}
    for kind in KINDS:
        stage = zappa_stage(place, kind)
        settings = _whole(committed, stage)
        if place.is_local:
            # A local AWS has no snapshots, and waits for them in vain.
            settings["snap_start"] = "None"
        written[stage] = {
            **settings,
            "aws_region": place.region,
            "s3_bucket": outputs["PackagesBucket"],
            "role_arn": outputs[roles[kind]],
            "vpc_config": {
                "SubnetIds": outputs["PrivateSubnetIds"].split(","),
                "SecurityGroupIds": [outputs["FunctionSecurityGroupId"]],
            },
            "aws_environment_variables": {
                **settings.get("aws_environment_variables", {}),
                **variables.get(kind, {}),
            },
        }
    file = folder(place) / "zappa_settings.json"
    file.write_text(json.dumps(written, indent=2) + "\n")
    return file


def folder(place: Place) -> Path:
    """Return where a stage's deployments write things down."""
    made = Path(os.environ.get("DEPLOY_FOLDER") or WORK) / place.stage
    made.mkdir(parents=True, exist_ok=True)
    return made


def _whole(committed: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return a stage's settings with those that it extends below them."""
    if stage not in committed:
        raise DeploymentError(f"zappa_settings.json has no stage {stage!r}: it needs one for each function.")
    own = dict(committed[stage])
    parent = own.pop("extends", "")
    return {**(_whole(committed, parent) if parent else {}), **own}


def describe(place: Place, kind: str) -> dict[str, Any] | None:
    """Return what Lambda says of a function, or ``None`` when there is none."""
    try:
        found: dict[str, Any] = place.client("lambda").get_function(FunctionName=name_of(place, kind))
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    return found


def versions(place: Place) -> dict[str, Version]:
    """Return the functions that are there as they are now, by kind."""
    return {kind: _version(found["Configuration"]) for kind in KINDS if (found := describe(place, kind))}


def _version(configuration: Mapping[str, Any]) -> Version:
    return Version(
        name=configuration["FunctionName"],
        code=configuration["CodeSha256"],
        environment=configuration.get("Environment", {}).get("Variables", {}),
    )


def good_versions(place: Place, bucket: str) -> dict[str, Version]:
    """Return the functions as they were when they last passed their smoke test, by kind; none before the first time.

    What runs now may be another version, that nobody has taken back: whoever shipped it was killed.
    """
    try:
        kept = place.client("s3").get_object(Bucket=bucket, Key=GOOD_VERSIONS)["Body"].read()
    except ClientError as error:
        if code_of(error) in {"NoSuchKey", "NoSuchBucket"}:
            return {}
        raise
    return {kind: Version(**version) for kind, version in json.loads(kept).items()}


def remember_good(place: Place, bucket: str) -> None:
    """Write down what runs now as what a later deployment may go back to: names and addresses, no secret."""
    now = {kind: asdict(version) for kind, version in versions(place).items()}
    place.client("s3").put_object(Bucket=bucket, Key=GOOD_VERSIONS, Body=json.dumps(now, indent=2).encode())


def forget_good(place: Place, bucket: str) -> None:
    """Forget what was good: the shop is closed, and opens again under another address."""
    place.client("s3").delete_object(Bucket=bucket, Key=GOOD_VERSIONS)


def keep_package(place: Place, bucket: str, good: Mapping[str, Version]) -> None:
    """See to it that the bucket holds what a roll-back ships, which it may have let go after its time.

    A function that runs it has it still. Raises ``DeploymentError`` when it cannot be fetched.
    """
    for kind, version in good.items():
        if not version.package or _is_there(place, bucket, version.package):
            continue
        found = describe(place, kind)
        if not found or _version(found["Configuration"]).package != version.package:
            continue  # what runs is another version, and this one's package is gone: a roll-back says so
        try:
            with urllib.request.urlopen(found["Code"]["Location"], timeout=60) as answer:  # noqa: S310 - AWS's own address
                code = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DeploymentError(
                f"The package that {version.name} runs cannot be fetched ({error}), so there would be no way back: run"
                " the same command again."
            ) from error
        place.client("s3").put_object(Bucket=bucket, Key=version.package, Body=code)


def _is_there(place: Place, bucket: str, key: str) -> bool:
    try:
        place.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in {403, 404}:
            return False
        raise
    return True


def upload(place: Place, bucket: str, package: Path) -> str:
    """Put a package into the bucket under its digest, unless it is there; return its key."""
    key = f"packages/{hashlib.sha256(package.read_bytes()).hexdigest()[:24]}.zip"
    if not _is_there(place, bucket, key):
        place.upload(package, bucket, key)
    return key


def ship(place: Place, kind: str, settings: Path, package: str) -> None:
    """Make a function, or give it new code and settings; raise ``DeploymentError`` with what Zappa said.

    Zappa ends with 0 also when it only logged an error, so the result is looked at as well.
    """
    there = describe(place, kind) is not None
    _settled(place, kind)
    _zappa(place, kind, "update" if there else "deploy", "--zip", package, settings=settings)
    _settled(place, kind)
    # An earlier run may have ended between the function and its API. Zappa's `deploy` makes what is missing.
    if not kind and there and not api_id(place):
        _zappa(place, kind, "deploy", "--zip", package, settings=settings)
    found = describe(place, kind)
    wanted = json.loads(settings.read_text())[zappa_stage(place, kind)]["aws_environment_variables"]
    if (
        not found
        or not wanted.items() <= _version(found["Configuration"]).environment.items()
        or not (kind or api_id(place))
    ):
        raise DeploymentError(
            f"Zappa said that it was done, but {name_of(place, kind)}, its settings or its API are not as they should be:"
            f" see {settings.parent / 'zappa.log'}, then run the same command again."
        )


def _settled(place: Place, kind: str) -> None:
    """Wait until a function's last change has taken hold; raise ``DeploymentError`` when it failed."""
    if describe(place, kind) is None:
        return
    client = place.client("lambda")
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=name_of(place, kind))
        client.get_waiter("function_updated_v2").wait(FunctionName=name_of(place, kind))
    except WaiterError as error:
        found = client.get_function_configuration(FunctionName=name_of(place, kind))
        reason = found.get("LastUpdateStatusReason") or found.get("StateReason") or str(error)
        raise DeploymentError(
            f"The function {name_of(place, kind)} did not come to rest: {reason}"
        ) from error


def roll_back(place: Place, outputs: Mapping[str, str], good: Mapping[str, Version]) -> list[str]:
    """Bring code and variables of the functions back to what they were; return the names of those that had changed.

    It ships the package from before: `zappa rollback` would put the old code under the new
    variables. A function that was not there before stays. Raises ``DeploymentError``.
    """
    settings = write_settings(place, outputs, {kind: version.environment for kind, version in good.items()})
    changed = []
    for kind, version in good.items():
        found = describe(place, kind)
        now = _version(found["Configuration"]) if found else None
        if now == version:
            continue
        if not version.package or not _is_there(place, outputs["PackagesBucket"], version.package):
            raise DeploymentError(
                f"The package that {version.name} ran before is not in the bucket any more: deploy the commit before"
                " instead."
            )
        if now:
            _take_away(place, kind, now, now.environment.keys() - version.environment.keys())
        ship(place, kind, settings, f"s3://{outputs['PackagesBucket']}/{version.package}")
        changed.append(version.name)
    return changed


def _take_away(place: Place, kind: str, now: Version, names: Collection[str]) -> None:
    """Remove variables that a version brought along, before Zappa adds its own to what it finds there."""
    if not names:
        return
    left = {name: value for name, value in now.environment.items() if name not in names}
    _settled(place, kind)
    place.client("lambda").update_function_configuration(
        FunctionName=now.name, Environment={"Variables": left}
    )


def let_tasks_go_on(place: Place) -> None:
    """Let the tasks function call itself more often than Lambda takes for a slip.

    Lambda ends what has called itself some sixteen times in a row; long work may take as many
    pieces as ``bookstore.tasks.services.MOST_PIECES``, which is its own end to a loop.
    """
    place.client("lambda").put_function_recursion_config(
        FunctionName=name_of(place, "tasks"), RecursiveLoop="Allow"
    )


def _zappa(place: Place, kind: str, verb: str, *arguments: str, settings: Path) -> None:
    """Run Zappa as a program, in an empty folder: it leaves files where it works, and reads what it finds there."""
    desk = settings.parent / "zappa"
    desk.mkdir(exist_ok=True)
    command = [str(Path(sys.executable).with_name("zappa")), verb, zappa_stage(place, kind)]
    command += ["-s", str(settings), "--disable_progress", *arguments]
    try:
        ended = subprocess.run(  # noqa: S603 - Zappa's own program
            command,
            cwd=desk,
            env={
                **os.environ,
                "AWS_REGION": place.region,
                "AWS_DEFAULT_REGION": place.region,
                "VIRTUAL_ENV": sys.prefix,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ZAPPA_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeploymentError(
            f"`zappa {verb} {zappa_stage(place, kind)}` did not end within {ZAPPA_SECONDS // 60} minutes and was stopped:"
            f" look at {name_of(place, kind)} in Lambda's console, then run the same command again."
        ) from error
    said = _COLOURS.sub("", ended.stdout + ended.stderr)
    with (settings.parent / "zappa.log").open("a") as log:
        log.write(f"$ zappa {verb} {zappa_stage(place, kind)}\n{said}\n")
    if ended.returncode or "Traceback (most recent call last)" in said:
        lines = [line for line in said.splitlines() if line.strip()][-LAST_LINES:]
        raise DeploymentError(
            f"`zappa {verb} {zappa_stage(place, kind)}` failed; all that it said is in {settings.parent / 'zappa.log'},"
            " and it ended with:\n" + "\n".join(f"    {line}" for line in lines)
        )


def remove(place: Place, kind: str) -> bool:
    """Remove a function, with its API; tell whether there was anything. It needs none of Zappa's settings."""
    client = place.client("lambda")
    there = Stacks(place).delete(name_of(place, kind)) if not kind else False
    if describe(place, kind) is None:
        return there
    client.delete_function(FunctionName=name_of(place, kind))
    return True


def api_id(place: Place) -> str:
    """Return the id of the API that Zappa made; empty when there is none yet."""
    name = name_of(place, "")
    stacks = Stacks(place)
    return stacks.resource(name, "Api") if stacks.status(name) else ""


def api_address(place: Place) -> dict[str, str]:
    """Return the edge's parameters for the API, empty ones while there is none."""
    local = {"ViewerProtocol": "allow-all", "ApiProtocol": "http-only"} if place.is_local else {}
    found = api_id(place)
    if not found:
        return {"ApiDomain": "", "ApiPath": "", **local}
    if place.is_local:
        parts = urlsplit(place.endpoint)
        return {
            "ApiDomain": parts.hostname or "",
            "ApiPath": f"/restapis/{found}/{place.stage}/_user_request_",
            "ApiHttpPort": str(port_of(place.endpoint)),
            **local,
        }
    return {"ApiDomain": f"{found}.execute-api.{place.region}.amazonaws.com", "ApiPath": f"/{place.stage}"}


def check_callers(place: Place) -> None:
    """Raise ``DeploymentError`` when anybody but this shop's API may call the web function.

    Who may call it sends it whatever event they like. The API calls it with its own role; a
    policy on the function could let others in.
    """
    api = api_id(place)
    for statement in [*_policy(place, ""), *_policy(place, "", Qualifier=SNAPSHOTS)]:
        allowed = statement.get("Principal", {}) == {"Service": "apigateway.amazonaws.com"} and any(
            f":{place.account}:{api}/" in each for each in _sources(statement)
        )
        if statement.get("Effect") == "Allow" and not allowed:
            raise DeploymentError(
                f"Others than the shop's API may call the function {name_of(place, '')} (statement"
                f" {statement.get('Sid', '?')!r}): remove it with `aws lambda remove-permission --function-name"
                f" {name_of(place, '')} --statement-id {statement.get('Sid', '?')}`."
            )


def _policy(place: Place, kind: str, **more: str) -> list[dict[str, Any]]:
    try:
        found = place.client("lambda").get_policy(FunctionName=name_of(place, kind), **more)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return []
        raise
    statements: list[dict[str, Any]] = json.loads(found["Policy"])["Statement"]
    return statements


def _sources(statement: Mapping[str, Any]) -> Iterator[str]:
    for operator in statement.get("Condition", {}).values():
        for key, value in operator.items():
            if key.lower() == "aws:sourcearn":
                yield from [value] if isinstance(value, str) else value


def streams(place: Place) -> dict[str, str]:
    """Return the site's parameters for the streams, as the tables have them today.

    A table that was made anew has another stream, of which the data stack's outputs know nothing:
    CloudFormation reads them again only when it changes the stack. Raises ``DeploymentError`` for
    a table that has none.
    """
    found = {}
    for parameter in templates.parameters("site"):
        if parameter.endswith("StreamArn"):
            table = f"{place.prefix}-{parameter.removesuffix('StreamArn')}"
            described = place.client("dynamodb").describe_table(TableName=table)["Table"]
            if not described.get("StreamSpecification", {}).get("StreamEnabled"):
                raise DeploymentError(
                    f"The table {table} has no stream, so search and bestsellers would stand still: turn it on with `aws"
                    f" dynamodb update-table --table-name {table} --stream-specification"
                    " StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES`, then run the same command again."
                )
            found[parameter] = described["LatestStreamArn"]
    return found


def check_mappings(place: Place, *, patience: float = 120.0) -> None:
    """Raise ``DeploymentError`` unless each stream of today is read by the projector, and nothing else by it.

    A table that was made anew has another stream: its old mapping stays, enabled and silent.
    """
    client = place.client("lambda")
    wanted = {
        f"{place.prefix}-{parameter.removesuffix('StreamArn')}": arn
        for parameter, arn in streams(place).items()
    }
    deadline = time.monotonic() + patience
    while True:
        pages = client.get_paginator("list_event_source_mappings").paginate()
        there = {
            each["EventSourceArn"]: each["State"]
            for page in pages
            for each in page["EventSourceMappings"]
            if f":function:{name_of(place, 'projector')}" in each["FunctionArn"]
        }
        off = {table: arn for table, arn in wanted.items() if there.get(arn) != "Enabled"}
        busy = any(there.get(arn) in {"Creating", "Enabling", "Updating"} for arn in off.values())
        if not off or not busy or time.monotonic() > deadline:
            break
        time.sleep(2)
    if off:
        table, arn = next(iter(off.items()))
        state = there.get(arn, "missing")
        raise DeploymentError(
            f"The stream of {table} is not read by the projector (its mapping is {state}), so search and bestsellers"
            " would stand still: see docs/operations.md, “A table was made anew”."
        )
    stale = [arn for arn, state in there.items() if arn not in wanted.values() and state != "Deleting"]
    if stale:
        raise DeploymentError(
            f"The projector still reads a stream that no table has any more ({stale[0]}): delete that mapping, see"
            " docs/operations.md, “A table was made anew”."
        )
    say(f"  the projector reads the streams of {', '.join(sorted(wanted))}")
