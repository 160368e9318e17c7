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


def test_the_code_as_it_stands_keeps_every_rule(house):
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("file", "planted", "broken"),
    [
        ("catalog/selectors.py", "import cart.errors", "Rooms open one way"),
        ("orders/services.py", "import leaderboard.selectors", "Rooms open one way"),
        ("bookstore/money.py", "import bookstore.aws", "Rooms open one way"),
        ("catalog/selectors.py", "import catalog.services", "Inside a room"),
        ("cart/selectors.py", "import catalog.models", "The catalogue's tables"),
        ("leaderboard/services.py", "import orders.models", "The orders' table"),
        ("orders/services.py", "import cart.models", "The cart's table"),
        ("orders/selectors.py", "import bookstore.accounts.models", "The customers' table"),
        ("bookstore/views.py", "import leaderboard.ranking", "The leaderboards' keys"),
        ("orders/apps.py", "import orders.views", "Views are reached through urls alone"),
        ("bookstore/aws.py", "import bookstore.devstack.stores", "Nothing stands on the development stack"),
    ],
)
def test_a_rule_fails_when_it_is_broken(house, file, planted, broken):
    source = house / file
    honest = source.read_text()
    source.write_text(f"{honest}\n{planted}\n")
    try:
        result = lint(house)
    finally:
        source.write_text(honest)
    assert result.returncode == 1
    assert any(
        line.startswith(broken) and line.rstrip().endswith("BROKEN") for line in result.stdout.splitlines()
    )
