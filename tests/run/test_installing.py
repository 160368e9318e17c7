"""`requirements/install.py` when packages cannot be had."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_registry_out_of_reach_is_one_sentence(tmp_path):
    for name in ("install.py", "development.txt"):
        (tmp_path / "requirements").mkdir(exist_ok=True)
        shutil.copy(ROOT / "requirements" / name, tmp_path / "requirements" / name)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "PIP_NO_CACHE_DIR": "1"}
    result = subprocess.run(
        [sys.executable, "requirements/install.py", ".venv", "requirements/development.txt"],
        cwd=tmp_path,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "check this machine's network" in result.stderr
    assert not (tmp_path / ".venv" / "installed").exists()
