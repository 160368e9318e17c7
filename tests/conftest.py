"""What all tests share. Unit tests may not open sockets; store-facing tests start stores (see integration/)."""

import os
import shutil
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

IN_CI = os.environ.get("CI") == "true"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "unit" in Path(item.path).relative_to(Path(__file__).parent).parts[:1]:
        disable_socket()
    else:
        enable_socket()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Chromium the browser tests are skipped, loudly; in CI that is a failure."""
    if shutil.which("chromium") or IN_CI:
        return
    for item in items:
        if "browser" in Path(item.path).relative_to(Path(__file__).parent).parts[:1]:
            item.add_marker(pytest.mark.skip(reason="NO CHROMIUM: the browser tests did not run"))
