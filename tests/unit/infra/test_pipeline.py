"""The pipeline's order and rights, read from its template."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from infra import templates
from tests.engines import __main__ as program
from tests.engines import stores as engines

ROOT = Path(__file__).resolve().parents[3]
RESOURCES = templates.resources("pipeline")
PIPELINE = RESOURCES["Pipeline"]["Properties"]
STAGES = {stage["Name"]: stage for stage in PIPELINE["Stages"]}


def test_nothing_reaches_production_untested_or_unapproved() -> None:
    assert list(STAGES) == ["Source", "Test", "Staging", "Approval", "Production"]
    assert STAGES["Approval"]["Actions"][0]["ActionTypeId"]["Provider"] == "Manual"


def test_the_source_is_a_git_connection() -> None:
    (source,) = STAGES["Source"]["Actions"]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"


def test_production_goes_back_on_an_alarm_that_there_is() -> None:
    (conditions,) = STAGES["Production"]["OnSuccess"]["Conditions"]
    assert conditions["Result"] == "ROLLBACK"
    watched = {rule["Configuration"]["AlarmName"] for rule in conditions["Rules"]}
    there = {
        resource["Properties"]["AlarmName"]["Fn::Sub"].replace("${Stage}", "production")
        for resource in templates.resources("site").values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert watched <= there
    assert STAGES["Production"]["OnFailure"]["Result"] == "ROLLBACK"


def test_builds_run_the_commands_of_the_readme() -> None:
    buildspec = yaml.safe_load((ROOT / "buildspec.yml").read_text())
    (commands,) = buildspec["phases"]["build"]["commands"]
    assert ".ci/run" in commands
    (verb,) = re.findall(r"make ([a-z-]+)", commands)
    assert re.search(rf"(?m)^{verb}:", (ROOT / "Makefile").read_text())


def test_the_tests_run_the_search_engine_that_the_shop_has() -> None:
    """Debian 12's Java is 17, with which the engines' tests would be those of OpenSearch 2."""
    wanted = templates.parameters("data")["SearchEngineVersion"]["Default"]
    assert wanted == f"OpenSearch_{engines.OPENSEARCH_3.removesuffix('.0.0')}"
    for name in ("Test", "DeployStaging", "DeployProduction"):
        assert RESOURCES[name]["Properties"]["Environment"]["Image"].endswith("/python:3.13-trixie")


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_only_a_laptop_makes_do_with_an_older_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, code: int
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(engines, "missing", list)
    monkeypatch.setattr(engines, "java", lambda: ("/usr/bin/java", 17))
    monkeypatch.setattr(engines, "install", lambda: None)
    monkeypatch.setattr(program.subprocess, "run", lambda *_asked, **_named: SimpleNamespace(returncode=0))
    assert program.main() == code
    assert "newest Java is 17, and that one wants 21" in capsys.readouterr().err


def statements() -> list[dict[str, Any]]:
    documents = [
        policy["PolicyDocument"]
        for resource in RESOURCES.values()
        for policy in (
            resource["Properties"].get("Policies", [])
            if resource["Type"] == "AWS::IAM::Role"
            else [resource["Properties"]]
            if resource["Type"] == "AWS::IAM::RolePolicy"
            else []
        )
    ]
    return [statement for document in documents for statement in document["Statement"]]


def test_no_role_may_do_everything_or_anything_to_everything() -> None:
    assert statements()
    for statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert all("*" not in action for action in actions)
        assert statement["Resource"] != "*"


def test_the_tests_role_can_change_nothing() -> None:
    (policy,) = RESOURCES["TestRole"]["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert all(re.search(r":(Get|Use|CreateLogStream|PutLogEvents)", action) for action in actions)
