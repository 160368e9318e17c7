"""CloudFormation stacks: made, changed and removed, and mended when an earlier run left one half-made."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra import templates
from infra.errors import DeploymentError
from infra.place import EDGE_REGION, Place, say

IN_THE_EDGE_REGION = ("certificate", "firewall")
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# Nothing was ever served from a stack in one of these: it is deleted and made anew.
STILLBORN = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"}
GOOD = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
PATIENCE = 90 * 60  # seconds; a search domain may take an hour
_NOT_THE_CAUSE = (
    "Resource creation cancelled",
    "Resource update cancelled",
    "The following resource(s) failed",
)


@dataclass(frozen=True)
class Stacks:
    """The stacks of one place, in one of its regions."""

    place: Place
    region: str = ""

    @property
    def _cloudformation(self) -> Any:
        return self.place.client("cloudformation", self.region)

    def describe(self, name: str) -> dict[str, Any] | None:
        """Return what CloudFormation says of a stack, or ``None`` when there is none."""
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def status(self, name: str) -> str:
        """Return a stack's status; empty when there is no such stack."""
        found = self.describe(name)
        return found["StackStatus"] if found else ""

    def outputs(self, name: str) -> dict[str, str]:
        """Return a stack's outputs; none when there is no such stack."""
        found = self.describe(name)
        return {each["OutputKey"]: each["OutputValue"] for each in (found or {}).get("Outputs", [])}

    def parameters(self, name: str) -> dict[str, str]:
        """Return what a stack was last made with; nothing when there is no such stack."""
        found = self.describe(name)
        return {each["ParameterKey"]: each["ParameterValue"] for each in (found or {}).get("Parameters", [])}

    def resource(self, name: str, logical_name: str) -> str:
        """Return the physical name of a stack's resource; empty when it is not there."""
        try:
            found = self._cloudformation.describe_stack_resource(
                StackName=name, LogicalResourceId=logical_name
            )
        except ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise
        return str(found["StackResourceDetail"].get("PhysicalResourceId", ""))

    def deploy(self, name: str, template: str, values: Mapping[str, str]) -> dict[str, str]:
        """Make or change a stack so that it is as its template says; return its outputs.

        ``values`` may hold more than the template asks for. A parameter that they do not hold
        stays as it was the last time, or gets the template's default. Safe to repeat; raises
        ``DeploymentError`` with CloudFormation's reason.
        """
        self.settle(name)
        before = self.parameters(name)
        asked = fill(template, values, before)
        request = {
            "StackName": name,
            "TemplateBody": templates.text(template),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in asked.items()],
            "Capabilities": CAPABILITIES,
            "Tags": [{"Key": "bookstore-stage", "Value": self.place.stage}],
        }
        last = self._last_event(name)
        if self.status(name):
            say(f"  {name}: is compared with its template …")
            try:
                self._cloudformation.update_stack(**request)
            except ClientError as error:
                if "No updates are to be performed" in str(error):
                    return self.outputs(name)
                raise DeploymentError(f"The stack {name} cannot be changed: {_message(error)}") from error
        else:
            say(f"  {name}: is made …")
            try:
                self._cloudformation.create_stack(**request, OnFailure="ROLLBACK")
            except ClientError as error:
                raise DeploymentError(f"The stack {name} cannot be made: {_message(error)}") from error
        status = self._wait(name, after=last)
        if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise DeploymentError(
                f"The stack {name} is as it was before, because {self._cause(name, after=last)} Put that right and"
                " run the same command again."
            )
        return self.outputs(name)

    def settle(self, name: str) -> None:
        """Bring a stack that an earlier run left half-made to where it can be made or changed."""
        status = self.status(name)
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            say(f"  {name}: waiting for what is under way ({status}) …")
            status = self._wait(name)
        if status in {"UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"}:
            say(f"  {name}: an earlier change was left half undone ({status}); undoing the rest …")
            if status == "UPDATE_FAILED":
                self._cloudformation.rollback_stack(StackName=name)
            else:
                self._cloudformation.continue_update_rollback(StackName=name)
            status = self._wait(name)
            if status not in GOOD:
                raise DeploymentError(
                    f"The stack {name} cannot be brought back from {status}, because {self._cause(name)} Mend or skip"
                    " that resource in CloudFormation's console (Stack actions, Continue update rollback), then run"
                    " the same command again."
                )
        if status in STILLBORN:
            say(f"  {name}: an earlier run left it half-made ({status}); it is removed first …")
            self.delete(name)
        elif status and status not in GOOD:
            raise DeploymentError(
                f"The stack {name} is in a state that this program does not know: {status}."
            )

    def protect(self, name: str) -> None:
        """Keep a stack from being removed by a slip of the hand."""
        self._cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=True)

    def delete(self, name: str) -> bool:
        """Remove a stack; tell whether there was one. Raises ``DeploymentError`` when something stays."""
        found = self.describe(name)
        if not found:
            return False
        last = self._last_event(name)
        self._cloudformation.delete_stack(StackName=found["StackId"])
        status = self._wait(found["StackId"], after=last)
        if status not in {"", "DELETE_COMPLETE"}:
            raise DeploymentError(
                f"The stack {name} cannot be removed, because {self._cause(found['StackId'], after=last)} Remove"
                " what it names by hand, then run the same command again."
            )
        return True

    def _wait(self, name: str, *, after: str | None = None) -> str:
        """Wait for the end of what is under way; return the last status.

        With ``after``, the number of an event, the resources that are done since then are shown.
        """
        deadline = time.monotonic() + PATIENCE
        pause = 0.2
        shown: set[str] = set()
        while (status := self.status(name)).endswith("_IN_PROGRESS"):
            if after is not None:
                self._show(name, after, shown)
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"CloudFormation is still busy with {name} after {PATIENCE // 60} minutes: run the same command"
                    " again, which goes on waiting."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 10.0)
        if after is not None:
            self._show(name, after, shown)
        return status

    def _show(self, name: str, after: str, shown: set[str]) -> None:
        for event in reversed(list(self._events(name, after=after))):
            if event["EventId"] in shown or event.get("PhysicalResourceId") == event["StackId"]:
                continue
            shown.add(event["EventId"])
            if event["ResourceStatus"].endswith(("_COMPLETE", "_FAILED")):
                say(f"    {event['LogicalResourceId']}: {event['ResourceStatus'].replace('_', ' ').lower()}")

    def _last_event(self, name: str) -> str:
        """Return the number of the newest event, by which later ones are told from earlier ones; empty for none."""
        return next((event["EventId"] for event in self._events(name)), "")

    def _events(self, name: str, *, after: str = "") -> Iterator[dict[str, Any]]:
        """Return what happened to a stack since an event, the newest first."""
        try:
            for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
                for event in page["StackEvents"]:
                    if event["EventId"] == after:
                        return
                    yield event
        except ClientError as error:
            if "does not exist" not in str(error):  # it is deleted, with its events
                raise

    def _cause(self, name: str, *, after: str = "") -> str:
        """Return, as the rest of a sentence, why the last change failed."""
        failures = [
            f"{event['LogicalResourceId']} ({event.get('ResourceType', 'resource')}) failed: {event['ResourceStatusReason']}"
            for event in self._events(name, after=after)
            if event["ResourceStatus"].endswith("_FAILED")
            and not event.get("ResourceStatusReason", _NOT_THE_CAUSE[0]).startswith(_NOT_THE_CAUSE)
        ]
        cause = failures[-1] if failures else "something failed that CloudFormation's console tells of."
        return cause if cause.endswith(".") else f"{cause}."


def around(place: Place, name: str) -> Stacks:
    """Return the stacks of the region in which one of them stands, by its template's name."""
    return Stacks(place, EDGE_REGION if name in IN_THE_EDGE_REGION else "")


def remembered(place: Place, names: Iterable[str]) -> dict[str, str]:
    """Return what stacks were last made with, all together; nothing for those that are not there."""
    told: dict[str, str] = {}
    for name in names:
        told |= around(place, name).parameters(place.stack(name))
    return told


def fill(template: str, values: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters for a template: from ``values``, else as ``before``, else left to its default.

    Raises ``DeploymentError`` naming those that nothing says.
    """
    wanted = templates.parameters(template)
    filled = {name: values.get(name, before.get(name)) for name in wanted}
    missing = [name for name, told in wanted.items() if filled[name] is None and "Default" not in told]
    if missing:
        raise DeploymentError(
            f"infra/{template}.yaml asks for {', '.join(missing)}, which nothing says: give SET='{missing[0]}=…'."
        )
    return {name: value for name, value in filled.items() if value is not None}


def _message(error: ClientError) -> str:
    said = str(error.response.get("Error", {}).get("Message", error))
    return said if said.endswith(".") else f"{said}."
