"""The library stands by itself: neither it nor its tests know anything of the shop."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3]
ROOMS = ("bookstore", "cart", "catalog", "leaderboard", "orders", "tests")
ITS_OWN = ("bookstore.dynamodb", "tests.integration.dynamodb", "tests.settings", "tests.shelf")
BESIDE = ("bookstore.aws", "bookstore.logs", "bookstore.money")  # which know nothing of a shop either
FILES = [
    *HERE.glob("bookstore/dynamodb/**/*.py"),
    *HERE.glob("tests/unit/dynamodb/*.py"),
    *HERE.glob("tests/integration/dynamodb/*.py"),
    HERE / "tests/shelf.py",
]


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HERE)))
def test_a_file_imports_nothing_of_the_shop(file: Path) -> None:
    ours = {name for name in imported(file) if name.split(".")[0] in ROOMS}
    known = ITS_OWN + BESIDE
    assert {name for name in ours if not f"{name}.".startswith(tuple(f"{each}." for each in known))} == set()
