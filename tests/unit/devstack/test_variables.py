"""`.env.example`, the settings and the local shop speak of the same variables."""

import re
import stat
from pathlib import Path

import pytest

from bookstore.devstack import environment

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = (ROOT / "bookstore" / "settings.py").read_text()
READ = set(re.findall(r'env(?:iron)?(?:\.\w+)?\(\s*"([A-Z_]+)"', SETTINGS)) - {"ENV_FILE"} | {
    "SECRETS"  # bookstore.secrets reads it, before the settings read the others
}
NEEDED = set(re.findall(r'env\.\w+\("([A-Z_]+)"(?:, \w+=[^\n]*)?\)', SETTINGS))
KNOWN = {
    "COGNITO_USER_POOL_ID": "eu-west-2_abc",
    "COGNITO_CLIENT_ID": "id",
    "COGNITO_CLIENT_SECRET": "secret",
}
ADDRESSES = {"aws": 20001, "search": 20002, "redis": 20003, "payment": 20004, "pages": 20005}


def local(home: Path, **known: str) -> dict[str, str]:
    return environment.variables(home=home, port=8000, addresses=ADDRESSES, cognito=KNOWN, known=known)


def test_the_example_names_exactly_the_variables_that_the_settings_read():
    example = (ROOT / ".env.example").read_text()
    named = re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == READ


def test_the_example_explains_each_variable():
    lines = (ROOT / ".env.example").read_text().splitlines()
    explained = False
    for line in lines:
        if line.startswith("#"):
            explained = True
        elif "=" in line:
            assert explained, line
        else:
            explained = False


def test_the_local_shop_sets_everything_the_settings_need(tmp_path):
    assert NEEDED
    assert set(local(tmp_path)) >= NEEDED


def test_secrets_differ_from_clone_to_clone_and_stay_within_one(tmp_path):
    first, other = local(tmp_path), local(tmp_path)
    for name in ("SECRET_KEY", "PAYMENT_API_KEY", "PAYMENT_WEBHOOK_SECRET"):
        assert first[name] != other[name]
        assert local(tmp_path, **first)[name] == first[name]
    assert len(first["SECRET_KEY"]) >= 50


def test_the_file_is_read_back_as_it_was_written_and_by_its_owner_alone(tmp_path):
    home = tmp_path / 'a clone\'s folder with "quotes" # and $HOME'
    home.mkdir()
    written = local(home)
    environment.write(home / "env", written)
    assert environment.remembered(home / "env") == written
    assert stat.S_IMODE((home / "env").stat().st_mode) == 0o600


def test_before_the_first_start_nothing_is_remembered(tmp_path):
    assert environment.remembered(tmp_path / "env") == {}


def test_a_persons_own_aws_settings_do_not_reach_the_local_shop(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "company")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.example")
    inherited = environment.for_programs(local(tmp_path), env_file=tmp_path / "env")
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB"}.isdisjoint(inherited)
    assert inherited["AWS_ENDPOINT_URL"] == "http://127.0.0.1:20001"


def test_a_person_may_choose_debug_and_nothing_that_belongs_to_the_shop(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("STAGE", "production")
    chosen = local(tmp_path)
    assert chosen["DEBUG"] == "1"
    assert chosen["STAGE"] == "development"


@pytest.mark.parametrize("asked", ["shop", "80", "0", "65536", "-1", "8000.5", "８０００", "²"])
def test_a_port_that_cannot_be_is_refused_with_a_sentence(monkeypatch, asked):
    monkeypatch.setenv("PORT", asked)
    with pytest.raises(environment.BadPortError, match="PORT is a number from 1024 to 65535"):
        environment.listen_where_asked()
