import json
import os
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values
from zappa.cli import ZappaCLI

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {
    "PIL",
    "bookstore.accounts.oidc",
    "bookstore.devstack",
    "catalog.cover_art",
    "charset_normalizer",
    "cryptography.hazmat",
    "django.contrib.admin",
    "django.test",
    "google.protobuf",
    "grpc",
    "jwt",
    "marshmallow",
    "opensearchpy",
    "pip",
    "requests",
    "setuptools",
    "storages",
    "tqdm",
    "troposphere",
    "yaml",
    "zappa.cli",
    "zappa.core",
}


def test_the_web_function_imports_nothing_that_no_page_of_the_storefront_needs(tmp_path):
    program = ZappaCLI()
    program.api_stage, program.load_credentials = "production", False
    program.load_settings(str(ROOT / "zappa_settings.json"))
    (tmp_path / "zappa_settings.py").write_text(program.get_zappa_settings_string())
    example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    script = (
        "import gc, sys, json, bookstore.functions.web; assert gc.isenabled() and gc.get_freeze_count();"
        "print('MODULES', json.dumps(sorted(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **example,
            "PATH": os.environ["PATH"],
            "ENV_FILE": os.devnull,
            "EDGE_SECRET": "x" * 20,
            "PYTHONPATH": f"{ROOT}:{tmp_path}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(json.loads(done.stdout.rpartition("MODULES ")[2]))
    assert "catalog.views" in imported  # the start does what the first page would have to wait for
    assert sorted(imported & HEAVY) == []


def test_the_web_function_does_not_start_where_anybody_could_pass_cloudfront_by(tmp_path):
    example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    done = subprocess.run(
        [sys.executable, "-c", "import bookstore.functions.web"],
        cwd=ROOT,
        env={**example, "PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "EDGE_SECRET": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "EDGE_SECRET" in done.stderr.splitlines()[-1]
