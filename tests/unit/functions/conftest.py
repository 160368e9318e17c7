import sys
from pathlib import Path
from types import ModuleType

import pytest
from zappa.cli import ZappaCLI

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session", autouse=True)
def zappa_settings() -> None:
    """Provide the module that Zappa writes into a package, from the settings that are committed."""
    program = ZappaCLI()
    program.api_stage = "production"
    program.load_credentials = False
    program.load_settings(str(ROOT / "zappa_settings.json"))
    module = ModuleType("zappa_settings")
    exec(program.get_zappa_settings_string(), module.__dict__)  # noqa: S102 - it is a module's text
    sys.modules["zappa_settings"] = module
