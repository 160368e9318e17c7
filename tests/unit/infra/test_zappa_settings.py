"""``zappa_settings.json``: what each function is, and what must never stand in it."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra import package

ROOT = Path(__file__).resolve().parents[3]
STAGES = ("dev", "staging", "production")
FUNCTIONS = {"": "web", "-projector": "projector", "-tasks": "tasks"}
ALL = [(stage, kind) for stage in STAGES for kind in FUNCTIONS]


def test_every_stage_has_its_three_functions_and_nothing_else():
    assert set(json.loads((ROOT / "zappa_settings.json").read_text())) == {
        f"{stage}{kind}" for stage, kind in ALL
    }


@pytest.mark.parametrize(("stage", "kind"), ALL)
def test_each_function_has_a_handler_of_its_own_and_does_nothing_behind_anybodys_back(stage, kind):
    settings = package.settings_of(f"{stage}{kind}")
    module, _dot, name = settings["lambda_handler"].rpartition(".")
    assert (module, name) == (f"bookstore.functions.{FUNCTIONS[kind]}", "handler")
    assert find_spec(module)
    for switched_off in ("manage_roles", "keep_warm", "touch", "debug", "use_precompiled_packages"):
        assert settings[switched_off] is False, switched_off
    assert settings["log_level"] == "INFO"
    assert settings["runtime"] == "python3.13"
    assert settings["architecture"] in package.PLATFORMS
    assert not settings.get("events")


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_web_function_has_an_api_and_snapshots(stage):
    web = package.settings_of(stage)
    assert (web["endpoint_configuration"], web["snap_start"]) == (["REGIONAL"], "PublishedVersions")
    assert web.get("apigateway_enabled", True)
    for kind in ("-projector", "-tasks"):
        other = package.settings_of(f"{stage}{kind}")
        assert (other["apigateway_enabled"], other["snap_start"]) == (False, "None")


@pytest.mark.parametrize(
    ("kind", "megabytes", "seconds"), [("", 1769, 29), ("-projector", 1024, 120), ("-tasks", 1769, 900)]
)
def test_each_function_has_the_room_and_time_that_it_needs(kind, megabytes, seconds):
    settings = package.settings_of(f"production{kind}")
    assert (settings["memory_size"], settings["timeout_seconds"]) == (megabytes, seconds)


def test_it_names_no_account_no_bucket_and_no_secret():
    text = (ROOT / "zappa_settings.json").read_text()
    assert not re.search(r"\d{12}|arn:|s3_bucket|role_arn|SECRET|PASSWORD|subnet-|sg-", text)
    for stage, kind in ALL:
        assert package.settings_of(f"{stage}{kind}")["environment_variables"] == {}


def test_no_glob_takes_an_init_that_zappa_would_replace_by_an_empty_one():
    for glob in package.settings_of("production")["exclude_glob"]:
        last = glob.rpartition("/")[2]
        if "locale/" in glob:
            assert last.startswith("[!e_]"), glob
        else:
            assert not Path("__init__.py").match(last), glob
