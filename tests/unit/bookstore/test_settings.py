import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.unit.bookstore.reading_settings import COMPLETE, ROOT, read_settings


def start(code: str = "import bookstore.settings", /, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(**environment: str) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        read_settings(**environment)
    return str(caught.value)


def test_the_shop_does_not_start_half_configured_and_names_all_that_is_missing():
    result = start(STAGE="production", PUBLIC_ORIGIN="https://shop.example")
    assert result.returncode != 0
    for name in ("SECRET_KEY", "OPENSEARCH_URL", "REDIS_URL", "COGNITO_CLIENT_ID"):
        assert name in result.stderr
    assert "PUBLIC_ORIGIN" not in result.stderr


def test_a_wrong_value_is_named():
    told = refusal(STAGE="holiday", PUBLIC_ORIGIN="shop.example")
    assert "STAGE" in told
    assert "PUBLIC_ORIGIN" in told


@pytest.mark.parametrize(
    ("stage", "installed"),
    [("development", True), ("test", True), ("staging", False), ("production", False)],
)
def test_the_development_stack_is_no_part_of_a_real_shop(stage, installed):
    settings = read_settings(**COMPLETE | {"STAGE": stage})
    assert ("bookstore.devstack" in settings["INSTALLED_APPS"]) is installed


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_real_shop_shows_no_source_and_speaks_https_alone(stage):
    told = refusal(**COMPLETE | {"STAGE": stage, "DEBUG": "1", "PUBLIC_ORIGIN": "http://shop.example"})
    assert "DEBUG: " in told
    assert "PUBLIC_ORIGIN: " in told


def test_what_a_real_shop_forbids_is_named_together_with_what_is_missing():
    told = refusal(STAGE="production", DEBUG="1")
    for name in ("DEBUG: ", "PUBLIC_ORIGIN: ", "REDIS_URL: "):
        assert name in told


HERE = {
    "PAYMENT_PROVIDER": "demonstration",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "PUBLIC_ORIGIN": "http://d111111abcdef8.cloudfront.localhost:4566",
    "PAYMENT_ORIGIN": "http://localhost:8001",
    "OPENSEARCH_URL": "http://search.localhost:9200",
    "REDIS_URL": "redis://[::1]:6379/0",
}


@pytest.mark.parametrize("stage", ["staging", "development"])
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("AWS_ENDPOINT_URL", ""),
        ("PUBLIC_ORIGIN", "https://shop.example"),
        ("PAYMENT_ORIGIN", "http://localhost.evil.example:8001"),
        ("OPENSEARCH_URL", "https://search.example"),
        ("REDIS_URL", "rediss://10.0.0.7:6379/0"),
    ],
)
def test_the_demonstration_of_payment_refuses_to_start_beside_anything_real(stage, name, address):
    told = refusal(**COMPLETE | HERE | {"STAGE": stage, name: address})
    assert "PAYMENT_PROVIDER: The demonstration takes no money" in told
    assert f"not so {name}." in told


def test_a_stage_starts_without_a_payment_provider_and_its_checks_find_nothing_wrong():
    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'bookstore.settings'; django.setup();"
        "from django.core.management import call_command;"
        "call_command('check', deploy=True, fail_level='WARNING')"
    )
    result = start(code, **COMPLETE | {"STAGE": "staging", "PAYMENT_PROVIDER": ""})
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "others",
    [
        {},
        HERE | {"STAGE": "staging"},
        {"PUBLIC_ORIGIN": "http://localhost:8000"},
        {"PUBLIC_ORIGIN": "http://127.0.0.1:8000"},
        {"STAGE": "development", "DEBUG": "1", "PUBLIC_ORIGIN": "http://shop.test"},
    ],
)
def test_a_complete_environment_starts_the_shop_also_to_rehearse_on_this_machine(others):
    assert read_settings(**COMPLETE | others)["STAGE"] == (COMPLETE | others)["STAGE"]
