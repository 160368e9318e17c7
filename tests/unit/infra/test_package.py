"""What a package is refused for, and what is left out of it. ``make test-deploy`` builds a whole one."""

import json
import shutil
import zipfile
from pathlib import Path

import botocore
import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from infra import package
from infra.errors import DeploymentError

ROOT = Path(__file__).resolve().parents[3]
SHAPED_AS_A_KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.fixture
def pack(tmp_path):
    def packed(**files: bytes) -> package.Package:
        path = tmp_path / "package.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
        return package.weigh(path, static=tmp_path)

    return packed


def test_each_part_is_weighed_and_the_heaviest_told_first(pack, capsys):
    built = pack(django__core_DOT_py=b"x" * 3_000_000, boto3__a_DOT_py=b"y" * 200_000, six_DOT_py=b"z")
    assert list(built.weights) == ["django", "boto3", "six.py"]
    assert built.unzipped == 3_200_001
    package.report(built)
    assert capsys.readouterr().out.split()[:3] == ["django", "3.0", "MB"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_UNZIPPED", 999), ("MOST_ZIPPED", 99)])
def test_a_heavy_package_is_refused(pack, monkeypatch, limit, value):
    built = pack(django__core_DOT_py=b"x" * 1000)
    package.check(built)
    monkeypatch.setattr(package, limit, value)
    with pytest.raises(DeploymentError, match="too heavy"):
        package.check(built)


def test_an_image_library_is_refused_but_what_makes_covers_in_the_package_of_tasks(pack):
    with pytest.raises(DeploymentError, match="PIL"):
        package.check(pack(PIL__Image_DOT_py=b""))
    package.check(pack(PIL__Image_DOT_py=b"", pillow_DOT_libs__libwebp=b""), with_pictures=True)
    with pytest.raises(DeploymentError, match="wand"):
        package.check(pack(PIL__a=b"", pillow_DOT_libs__b=b"", wand__c=b""), with_pictures=True)
    with pytest.raises(DeploymentError, match="cannot make covers"):
        package.check(pack(django__core_DOT_py=b""), with_pictures=True)


def test_what_makes_covers_is_required_for_development_and_tasks_and_nothing_else():
    required = {
        name: {
            line.partition("==")[0].lower()
            for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
            if "==" in line
        }
        for name in ("production", "pictures", "development")
    }
    assert required["pictures"] == {"pillow"}
    assert required["pictures"] <= required["development"]
    assert not required["pictures"] & required["production"]


@pytest.mark.parametrize(
    "files",
    [
        {"bookstore__settings_DOT_py": f"KEY = '{SHAPED_AS_A_KEY}'".encode()},
        {"zappa_settings_DOT_py": f"X={{'A': '{SHAPED_AS_A_KEY}'}}".encode()},
        {"somebody__else_DOT_py": b"token = 'a-secret-of-this-machine'"},
        {"_DOT_env": b""},
        {"bookstore___DOT_env_DOT_production": b""},
        {"catalog__private_DOT_key": b""},
    ],
)
def test_a_secret_is_refused_and_not_shown(pack, files):
    with pytest.raises(DeploymentError, match="secret") as refused:
        package.check(pack(**files), secrets=["a-secret-of-this-machine", "short"])
    assert SHAPED_AS_A_KEY not in str(refused.value)
    assert "a-secret-of-this" not in str(refused.value)


def test_what_the_environment_calls_secret_is_looked_for(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "a-key-of-this-machine")
    monkeypatch.setenv("SOME_ADDRESS", "an-address-of-this-machine")
    found = package.known_secrets()
    assert "a-key-of-this-machine" in found
    assert "an-address-of-this-machine" not in found


def test_what_is_not_shipped_is_in_the_requirements_and_no_code_of_ours_imports_it():
    requirements = (ROOT / "requirements" / "production.txt").read_text()
    shipped = "".join(package._shipped(requirements))
    for name in package.NOT_SHIPPED:
        assert f"\n{name}==" in f"\n{requirements}"
        assert f"\n{name}==" not in f"\n{shipped}"
    assert "\ndjango==" in f"\n{shipped}"


def test_botocore_keeps_the_services_that_are_spoken_to_and_still_finds_them(tmp_path):
    installed = Path(botocore.__file__).parent / "data"
    for name in ("dynamodb", "ec2", "sqs"):
        (tmp_path / name).mkdir()
    shutil.copy(installed / "endpoints.json", tmp_path)

    package.keep_services(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"dynamodb", "sqs", "endpoints.json"}
    before, after = (
        EndpointResolver(json.loads((folder / "endpoints.json").read_text()))
        for folder in (installed, tmp_path)
    )
    loader = Loader()
    for service in package.SERVICES:
        prefix = loader.load_service_model(service, "service-2")["metadata"]["endpointPrefix"]
        for region in ("eu-west-2", "us-east-1", "us-gov-west-1"):
            assert after.construct_endpoint(prefix, region) == before.construct_endpoint(prefix, region)
        assert after.get_available_endpoints(prefix) == before.get_available_endpoints(prefix)
    assert not after.get_available_endpoints("ec2")


def test_development_is_no_part_of_it(tmp_path):
    package._copy_project(tmp_path)
    names = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*")}
    assert "bookstore/functions/web.py" in names
    assert "templates/base.html" in names
    assert not [name for name in names if "devstack" in name or name.startswith(("tests", "catalog/sample/"))]


def test_another_python_than_the_functions_is_refused_in_a_sentence():
    with pytest.raises(DeploymentError, match=r"python3\.9"):
        package._check_python("python3.9")


def test_an_unknown_stage_or_architecture_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(DeploymentError, match="holiday"):
        package.settings_of("holiday")
    with pytest.raises(DeploymentError, match="mips"):
        package._install(tmp_path / "x", "production", architecture="mips")
