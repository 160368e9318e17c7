"""Each import rule fails when it is broken: planted violations in a copy of the code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("bookstore", "catalog", "cart", "orders", "leaderboard")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        for source in (ROOT / room).rglob("*.py"):
            target = copy / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "pyproject.toml", copy / "pyproject.toml")
    return copy


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-logo", "--cache-dir", str(house / "cache")],
        cwd=house,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(house), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


PLANTED = [
    ("catalog/selectors.py", "cart.errors", "Rooms open one way"),
    ("orders/services.py", "leaderboard.selectors", "Rooms open one way"),
    ("bookstore/money.py", "bookstore.aws", "Rooms open one way"),
    ("bookstore/opensearch/index.py", "catalog.errors", "Rooms open one way"),
    ("catalog/selectors.py", "catalog.services", "Inside a room"),
    ("catalog/derived.py", "catalog.stock", "Inside a room"),
    ("cart/selectors.py", "catalog.models", "The catalogue's tables"),
    ("leaderboard/services.py", "orders.models", "The orders' table"),
    ("orders/services.py", "cart.models", "The cart's table"),
    ("orders/selectors.py", "bookstore.accounts.models", "The customers' table"),
    ("bookstore/views.py", "leaderboard.ranking", "The leaderboards' keys"),
    ("orders/apps.py", "orders.views", "Views are reached through urls alone"),
    ("bookstore/aws.py", "bookstore.devstack.stores", "Nothing stands on the development stack"),
    ("catalog/importing.py", "bookstore.functions.tasks", "Lambda alone calls the functions"),
    ("bookstore/commands.py", "catalog.errors", "Rooms open one way"),
]


def test_the_code_as_it_stands_keeps_every_rule(house):
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.fixture(scope="module")
def complaints(house) -> str:
    """What is said of the code with all violations planted; the code is mended afterwards."""
    honest = {file: (house / file).read_text() for file, _, _ in PLANTED}
    for file, imported, _ in PLANTED:
        with (house / file).open("a") as source:
            source.write(f"\nimport {imported}\n")
    try:
        result = lint(house)
    finally:
        for file, text in honest.items():
            (house / file).write_text(text)
    assert result.returncode == 1
    return result.stdout


@pytest.mark.parametrize(("file", "imported", "rule"), PLANTED)
def test_a_rule_fails_when_it_is_broken(complaints, file, imported, rule):
    verdicts, _, explained = complaints.partition("Broken contracts")
    assert any(line.startswith(rule) and line.rstrip().endswith("BROKEN") for line in verdicts.splitlines())
    importer = file.removesuffix(".py").replace("/", ".")
    of_this_rule = explained.partition(rule)[2]
    assert f"{importer} -> {imported} (" in of_this_rule
