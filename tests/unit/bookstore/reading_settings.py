"""The settings as a new process would read them, without the second that a process takes."""

import os
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[3]
COMPLETE = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}


def read_settings(**environment: str) -> dict[str, Any]:
    """Read the settings in an environment that has nothing else in it."""
    with patch.dict(os.environ, {"ENV_FILE": os.devnull, **environment}, clear=True):
        return runpy.run_path(str(ROOT / "bookstore" / "settings.py"))
