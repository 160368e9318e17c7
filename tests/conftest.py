"""What all tests share. Unit tests may not open sockets; store-facing tests start stores (see integration/)."""

import os
import shutil
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket
from xdist.scheduler import LoadScopeScheduling

IN_CI = os.environ.get("CI") == "true"
SHARE_A_SHOP = "tests/browser/"  # one shop, which takes a while to open, does for all of them


class OneWorkerAShop(LoadScopeScheduling):
    """Gives the tests that share a shop to one worker, before all others, and so the unit tests of a file.

    Each other test goes its own way.

    xdist's own groups do not work with pytest 9.2, which no longer reads the names they are written into.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/unit/"):
            return nodeid.partition("::")[0]  # what one of them has made, the next may use
        return SHARE_A_SHOP if nodeid.startswith(SHARE_A_SHOP) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneWorkerAShop:
    return OneWorkerAShop(config, log)  # type: ignore[arg-type]  # xdist does not export the class of its logs


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
        if Path(item.path).relative_to(Path(__file__).parent).parts[0] in {"browser", "deploy"}:
            item.add_marker(pytest.mark.skip(reason="NO CHROMIUM: the browser tests did not run"))
