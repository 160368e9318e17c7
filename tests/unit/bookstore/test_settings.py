import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import bookstore.settings"],
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
