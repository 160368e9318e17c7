import os
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[3]
COMPLETE = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}


def start(code: str = "import bookstore.settings", /, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shop_does_not_start_half_configured_and_names_all_that_is_missing():
    result = start(STAGE="production", PUBLIC_ORIGIN="https://shop.example")
    assert result.returncode != 0
    for name in ("SECRET_KEY", "OPENSEARCH_URL", "REDIS_URL", "COGNITO_CLIENT_ID"):
        assert name in result.stderr
    assert "PUBLIC_ORIGIN" not in result.stderr


def test_a_wrong_value_is_named():
    result = start(STAGE="holiday", PUBLIC_ORIGIN="shop.example")
    assert "STAGE" in result.stderr
    assert "PUBLIC_ORIGIN" in result.stderr


@pytest.mark.parametrize(
    ("stage", "installed"),
    [("development", True), ("test", True), ("staging", False), ("production", False)],
)
def test_the_development_stack_is_no_part_of_a_real_shop(stage, installed):
    code = "from bookstore.settings import *; print('bookstore.devstack' in INSTALLED_APPS)"
    assert start(code, **COMPLETE | {"STAGE": stage}).stdout.strip() == str(installed)


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_real_shop_shows_no_source_and_speaks_https_alone(stage):
    result = start(**COMPLETE | {"STAGE": stage, "DEBUG": "1", "PUBLIC_ORIGIN": "http://shop.example"})
    assert result.returncode != 0
    last = result.stderr.splitlines()[-1]
    assert "DEBUG: " in last
    assert "PUBLIC_ORIGIN: " in last


def test_what_a_real_shop_forbids_is_named_together_with_what_is_missing():
    result = start(STAGE="production", DEBUG="1")
    for name in ("DEBUG: ", "PUBLIC_ORIGIN: ", "REDIS_URL: "):
        assert name in result.stderr


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"PUBLIC_ORIGIN": "http://localhost:8000"},
        {"PUBLIC_ORIGIN": "http://127.0.0.1:8000"},
        {"STAGE": "development", "DEBUG": "1", "PUBLIC_ORIGIN": "http://shop.test"},
    ],
)
def test_a_complete_environment_starts_the_shop_also_to_rehearse_on_this_machine(others):
    result = start(**COMPLETE | others)
    assert result.returncode == 0, result.stderr
