"""What ``stages.toml`` says of each stage, and what a rehearsal changes of it."""

import tomllib
from pathlib import Path

from infra.place import Place

FILE = Path(__file__).with_name("stages.toml")
# A local AWS has no NAT, and its network leads anywhere.
REHEARSAL = {"NatGateways": "0"}


def of_stage(stage: str) -> dict[str, str]:
    """Return a stage's parameters by their names."""
    told: dict[str, dict[str, str]] = tomllib.loads(FILE.read_text())
    return told[stage]


def of(place: Place) -> dict[str, str]:
    """Return a place's parameters."""
    return of_stage(place.stage) | (REHEARSAL if place.is_local else {})
