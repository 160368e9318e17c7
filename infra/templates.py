"""The CloudFormation templates as data: their parameters, resources and outputs."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
LONGEST = 51_200  # bytes that CloudFormation takes without a bucket in between


class _Loader(yaml.SafeLoader):
    """Reads YAML with CloudFormation's short forms, such as ``!Ref``, as their long ones."""

    def long_form(self, suffix: str, node: yaml.Node) -> dict[str, Any]:
        """Return ``{"Ref": …}`` for ``!Ref …``, ``{"Fn::Sub": …}`` for ``!Sub …``."""
        value: Any
        match node:
            case yaml.ScalarNode():
                value = self.construct_scalar(node)
            case yaml.SequenceNode():
                value = self.construct_sequence(node, deep=True)
            case yaml.MappingNode():
                value = self.construct_mapping(node, deep=True)
            case _:
                raise TypeError(f"no YAML node: {node!r}")
        if suffix == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


# "2010-09-09" is a version, not a day.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor("!", _Loader.long_form)


def path(name: str) -> Path:
    """Return a template's file: ``edge`` is ``infra/edge.yaml``."""
    return FOLDER / f"{name}.yaml"


def text(name: str) -> str:
    """Return a template as CloudFormation gets it."""
    return path(name).read_text()


@cache
def load(name: str) -> dict[str, Any]:
    """Return a template as data, short forms written out."""
    loaded: dict[str, Any] = yaml.load(text(name), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return loaded


def parameters(name: str) -> dict[str, dict[str, Any]]:
    """Return a template's parameters with what it says of each."""
    found: dict[str, dict[str, Any]] = load(name).get("Parameters", {})
    return found


def resources(name: str) -> dict[str, dict[str, Any]]:
    """Return a template's resources by their logical names."""
    found: dict[str, dict[str, Any]] = load(name)["Resources"]
    return found
