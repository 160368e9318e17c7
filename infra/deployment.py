"""The order of a deployment, and of its end. Each step may be repeated, so the whole may be."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from infra import functions, package, sizes, smoke, static_files, tables, tasks
from infra.errors import DeploymentError
from infra.place import TROUBLE, Place, code_of, port_of, say
from infra.stacks import Stacks, around, remembered

SEARCH_SERVICE = "opensearchservice.amazonaws.com"
KEPT = ("data", "sign-in")  # what `undeploy` leaves: books, orders, accounts


@contextmanager
def _step(what: str) -> Iterator[None]:
    say(f"{what} …")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.0f} s")


class Deployment:
    """One run of the program for one place. ``chosen`` are names and values that somebody gave."""

    def __init__(self, place: Place, chosen: Mapping[str, str]) -> None:
        self._place = place
        self._chosen = chosen
        self._known: dict[str, str] = {}  # outputs so far

    def run(self) -> str:
        """Bring the shop to what this folder holds; return its address.

        Raises ``DeploymentError``. The functions are then as they were, whichever step failed.
        """
        place = self._place
        with _step("Building the packages"):
            built = package.build(stage=place.stage, folder=functions.folder(place))
        with _step("Data"):
            self._allow_search()
            self._deploy("data")
            for given in tables.give_back(place):
                say(f"  given back to {given}")
        with _step("Edge"):
            self._from_the_edge_region()
            self._edge()
            self._tell_where_the_domain_has_to_lead()
        with _step("Sign-in"):
            self._deploy("sign-in")
            self._copy_client_secret()
        with _step("Roles"):
            self._deploy("roles")
        with _step("Static files"):
            count = static_files.upload(place, self._known["StaticBucket"], built.static)
            say(f"  {count} new files; those of earlier versions stay")
        bucket = self._known["PackagesBucket"]
        good = functions.good_versions(place, bucket)
        functions.keep_package(place, bucket, good)
        own = {"tasks": built.for_tasks.path} if built.for_tasks else {}
        keys = {kind: functions.upload(place, bucket, own.get(kind, built.path)) for kind in functions.KINDS}
        try:
            self._switch(keys, functions.versions(place))
        except (DeploymentError, *TROUBLE) as error:
            raise self._rolled_back(good, error) from error
        functions.remember_good(place, bucket)
        return self._known["Origin"]

    def _switch(self, packages: Mapping[str, str], before: Mapping[str, functions.Version]) -> None:
        """Put the new code to work, and look whether it does. ``packages`` are each function's key in the bucket."""
        place = self._place
        with _step("Functions"):
            # Starts anew what keeps old secrets.
            moment = {"DEPLOYED_AT": datetime.now(UTC).isoformat(timespec="seconds")}
            chosen = self._remembered(before)
            variables = {
                kind: functions.environment(place, kind, self._known, chosen)
                | {"PACKAGE": packages[kind], **moment}
                for kind in functions.KINDS
            }
            settings = functions.write_settings(place, self._known, variables)
            bucket = f"s3://{self._known['PackagesBucket']}"
            # Who writes the views is new before who reads them.
            with ThreadPoolExecutor(2) as both:
                list(
                    both.map(
                        lambda kind: functions.ship(place, kind, settings, f"{bucket}/{packages[kind]}"),
                        ("tasks", "projector"),
                    )
                )
            functions.ship(place, "", settings, f"{bucket}/{packages['']}")
            functions.let_tasks_go_on(place)
            say(f"  {', '.join(functions.name_of(place, kind) for kind in functions.KINDS)}")
            functions.check_callers(place)
        with _step("Edge, with the API behind it"):
            # After the functions, which take the secret of before as well where it was changed.
            self._edge(secret=self._version_of(self._known["EdgeSecretArn"]))
        with _step("Streams, schedules, alarms"):
            self._deploy("site", functions.streams(place))
            functions.check_mappings(place)
        with _step("Search index"):
            self._search_index()
        with _step("A look from outside"):
            smoke.check(place, self._known)

    def _remembered(self, before: Mapping[str, functions.Version]) -> dict[str, str]:
        """Return what was chosen for the functions, now or the last time."""
        earlier = before[""].environment if "" in before else {}
        kept = {name: earlier[name] for name in functions.CHOICES if name in earlier}
        return kept | Stacks(self._place).parameters(self._place.stack("sign-in")) | dict(self._chosen)

    def _rolled_back(self, good: Mapping[str, functions.Version], error: Exception) -> DeploymentError:
        """Bring the functions back to what last passed its smoke test; return what to tell."""
        say(f"Something is wrong: {error}")
        if not good:
            return DeploymentError(
                f"{error}\nThis shop was not open yet, so there is no version before to go back to. What was made stays,"
                " and costs; run the same command again when the cause is mended, or `make undeploy`."
            )
        say("Going back to the version before …")
        try:
            changed = functions.roll_back(self._place, self._known, good)
        except (DeploymentError, *TROUBLE) as worse:
            return DeploymentError(f"{error}\nAnd the version before could not be brought back: {worse}")
        if not changed:
            return DeploymentError(
                f"{error}\nNo function was changed yet: the version before goes on serving."
            )
        return DeploymentError(
            f"{error}\nThe version before serves again ({', '.join(changed)}). Stacks and static files stay as they are"
            " now, which both versions can work with."
        )

    def _deploy(self, name: str, more: Mapping[str, str] | None = None) -> None:
        values = {
            "Stage": self._place.stage,
            **self._known,
            **sizes.of(self._place),
            **self._chosen,
            **(more or {}),
        }
        stacks = around(self._place, name)
        self._known |= stacks.deploy(self._place.stack(name), name, values)
        if name in KEPT and self._place.stage != "dev":
            stacks.protect(self._place.stack(name))

    def _allow_search(self) -> None:
        """Make the role with which OpenSearch stands in a network, once an account: CloudFormation does not."""
        if self._place.is_local or Stacks(self._place).status(self._place.stack("data")):
            return
        try:
            self._place.client("iam").create_service_linked_role(AWSServiceName=SEARCH_SERVICE)
        except ClientError as error:
            if code_of(error) != "InvalidInput":  # it is there
                raise

    def _from_the_edge_region(self) -> None:
        """Make what CloudFront takes from another region, as far as the stage wants it."""
        place = self._place
        wanted = {**remembered(place, ("edge",)), **sizes.of(place), **self._chosen}
        named = {name: wanted.get(name, "") for name in ("DomainName", "HostedZoneId")}
        own = around(place, "certificate").status(place.stack("certificate")) or not wanted.get(
            "CertificateArn"
        )
        if all(named.values()) and own and not self._chosen.get("CertificateArn"):
            self._deploy("certificate", named)
        if wanted["Firewall"] == "true":
            self._deploy("firewall")
        else:
            self._known["WebAclArn"] = ""

    def _edge(self, *, secret: str = "") -> None:
        """Make CloudFront, with the API behind it once there is one; ``secret`` is the version that it sends."""
        version = {"EdgeSecretVersion": secret} if secret else {}
        self._deploy("edge", functions.api_address(self._place) | version)
        if self._place.is_local:
            self._known["Origin"] = local_origin(self._place, self._known["DistributionDomain"])

    def _tell_where_the_domain_has_to_lead(self) -> None:
        """Say what nobody else can do: a domain whose zone is not in this account is somebody else's to change."""
        edge = Stacks(self._place).parameters(self._place.stack("edge"))
        if edge.get("DomainName") and not edge.get("HostedZoneId"):
            say(
                f"  at whoever keeps its zone, {edge['DomainName']} has to be a CNAME of"
                f" {self._known['DistributionDomain']}: until then nobody finds the shop"
            )

    def _version_of(self, secret: str) -> str:
        """Return the number of a secret's current version."""
        stages = self._place.client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
        return next(str(number) for number, names in stages.items() if "AWSCURRENT" in names)

    def _search_index(self) -> None:
        """Make the search indexes where there are none, or where the code before made them otherwise."""
        smoke.wait_until_alive(self._place, self._known)
        for rebuild in ("rebuild_search", "rebuild_order_search"):
            tasks.run(self._place, rebuild, ["--if-needed"])

    def _copy_client_secret(self) -> None:
        """Put the client's secret, which Cognito drew, where the functions read theirs.

        While there are two, somebody is exchanging them, and has put there the one that counts.
        """
        place = self._place
        cognito = place.client("cognito-idp")
        shop = {"UserPoolId": self._known["UserPoolId"], "ClientId": self._known["ClientId"]}
        if not place.is_local and len(cognito.list_user_pool_client_secrets(**shop)["ClientSecrets"]) > 1:
            say("  the client has two secrets: the one in Secrets Manager stays")
            return
        client = cognito.describe_user_pool_client(**shop)["UserPoolClient"]
        _keep(place, self._known["SignInSecretArn"], {"COGNITO_CLIENT_SECRET": client["ClientSecret"]})


def undeploy(place: Place) -> list[str]:
    """Remove everything but the data, as far as it is there; return what is left.

    Last made, first removed: nobody asks for a function that is gone. Raises ``DeploymentError``,
    having removed nothing, while the pipeline deploys this stage.
    """
    _refuse_while_the_pipeline_holds_on(place)
    for name in ("site", "edge", "firewall", "certificate"):
        with _step(f"Removing {place.stack(name)}"):
            if not around(place, name).delete(place.stack(name)):
                say("  it is not there")
    with _step("Removing the functions and their API"):
        if bucket := Stacks(place).outputs(place.stack("data")).get("PackagesBucket"):
            functions.forget_good(place, bucket)
        for kind in functions.KINDS:
            functions.remove(place, kind)
    with _step(f"Removing {place.stack('roles')}"):
        if not Stacks(place).delete(place.stack("roles")):
            say("  it is not there")
    return [place.stack(name) for name in KEPT if Stacks(place).status(place.stack(name))]


def _refuse_while_the_pipeline_holds_on(place: Place) -> None:
    """Raise ``DeploymentError`` where the deployment's role has a policy that its own stack did not give it.

    IAM would not delete the role, and the stack would be left half-removed, with the site's gone already.
    """
    iam = place.client("iam")
    try:
        lent = iam.list_role_policies(RoleName=f"{place.prefix}-deployment")["PolicyNames"]
    except iam.exceptions.NoSuchEntityException:
        return
    if lent:
        raise DeploymentError(
            f"The pipeline deploys {place.stage}, and holds on to its role (policy {', '.join(lent)}): remove the stack"
            " bookstore-pipeline first, as docs/operations.md says under “Closing the shop”. Nothing was removed."
        )


def local_origin(place: Place, domain: str) -> str:
    """Return where the local AWS serves a distribution."""
    label = domain.partition(".")[0]
    return f"http://{label}.cloudfront.localhost:{port_of(place.endpoint)}"


def _keep(place: Place, secret: str, wanted: Mapping[str, str]) -> None:
    """Write a secret where it is another; the second time nothing changes."""
    client = place.client("secretsmanager")
    try:
        there = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    except (client.exceptions.ResourceNotFoundException, ValueError):
        there = {}
    if any(there.get(name) != value for name, value in wanted.items()):
        client.put_secret_value(SecretId=secret, SecretString=json.dumps({**there, **wanted}))
