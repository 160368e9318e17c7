"""`requirements/install` finds a Python that is new enough, or says in one sentence what to do."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def interpreters(tmp_path):
    """Make interpreters up: each answers the check of its version and tells that it was chosen."""

    def make(**versions: str) -> Path:
        for name, version in versions.items():
            file = tmp_path / name.replace("_", ".")
            is_new = tuple(map(int, version.split("."))) >= (3, 12)
            file.write_text(
                "#!/bin/sh\n"
                f'case "$1" in -c) exit {0 if is_new else 1};; --version) echo Python {version}; exit 0;; esac\n'
                f'echo "{file.name} runs $*"\n'
            )
            file.chmod(0o755)
        return tmp_path

    return make


def install(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "requirements/install", ".venv", "requirements/development.txt"],
        cwd=ROOT,
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_usual_python_is_taken_when_it_is_new_enough(interpreters):
    result = install(interpreters(python3="3.13.0", python3_14="3.14.0"))
    assert result.stdout.startswith("python3 runs requirements/install.py .venv")


def test_a_newer_one_is_found_beside_an_old_one(interpreters):
    result = install(interpreters(python3="3.9.2", python3_12="3.12.1"))
    assert result.stdout.startswith("python3.12 runs requirements/install.py")


@pytest.mark.parametrize("there", [{"python3": "3.11.7"}, {}])
def test_without_one_a_sentence_says_what_to_do(interpreters, there):
    result = install(interpreters(**there))
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "needs Python 3.12 or newer" in result.stderr
    assert ("3.11.7" if there else "not there") in result.stderr


def test_one_that_was_asked_for_is_never_replaced_by_another(interpreters):
    path = interpreters(python3="3.13.0", old="3.10.13")
    result = install(path, PYTHON=str(path / "old"))
    assert result.returncode == 1
    assert "3.10.13" in result.stderr


def test_the_makefile_explains_every_verb():
    result = subprocess.run(
        ["make"], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    for verb in ("run", "test", "lint", "reset", "requirements", "bench"):
        assert f"  make {verb} " in result.stdout
