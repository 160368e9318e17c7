"""The README's picture of the shop on AWS shows what the templates make, under the same names."""

import re
from pathlib import Path

from infra import templates

ROOT = Path(__file__).resolve().parents[3]
STACKS = ("data", "sign-in", "roles", "site", "edge", "firewall", "certificate", "pipeline")
NO_RESOURCES = {"Shopper", "Staff", "Tables"}
MADE_BY_ZAPPA = {"Api", "Web", "Projector", "Tasks"}
DRAWN = {
    "AWS::CloudFront::Distribution",
    "AWS::CodeBuild::Project",
    "AWS::CodePipeline::Pipeline",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Lambda::EventSourceMapping",
    "AWS::OpenSearchService::Domain",
    "AWS::SQS::Queue",
    "AWS::Scheduler::Schedule",
    "AWS::WAFv2::WebACL",
}
MADE = {name: each["Type"] for stack in STACKS for name, each in templates.resources(stack).items()}


def drawn() -> set[str]:
    picture = re.search(r"```mermaid\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert picture
    lines = [
        line for line in picture[1].splitlines() if not re.match(r"\s*(flowchart|end$|subgraph \S+$)", line)
    ]
    unlabelled = re.sub(r"(?<!-)-- [^>\n]*? -->|-\. [^>\n]*? \.->", "-->", "\n".join(lines))
    names = re.sub(r"\[.*?\]+\)?|\(.*?\)+|\{\{.*?\}\}", "", unlabelled)
    return set(re.findall(r"\b[A-Z][A-Za-z0-9]+\b", names))


def test_every_box_is_a_resource_of_the_templates() -> None:
    assert drawn() - NO_RESOURCES - MADE_BY_ZAPPA <= set(MADE)


def test_no_table_machine_queue_or_way_in_is_left_out() -> None:
    assert {name for name, kind in MADE.items() if kind in DRAWN} <= drawn()
