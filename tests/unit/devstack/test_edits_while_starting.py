import subprocess
import sys

import pytest

from bookstore.devstack.sources import Sources
from bookstore.devstack.supervisor import Program, Shop, ShopError
from bookstore.devstack.terminal import Log

FAILING = [sys.executable, "-I", "-S", "-c", "raise SystemExit(1)"]


@pytest.fixture
def shop(tmp_path):
    """A shop of one program that ends at once, over a folder of sources."""
    (tmp_path / "orders").mkdir()
    shop = Shop(tmp_path)
    shop._sources = Sources(tmp_path)
    log = Log("unpaid", tmp_path / "unpaid.log")
    shop._programs = [Program("unpaid", FAILING, log, subprocess.Popen(FAILING))]
    shop._programs[0].process.wait()
    return shop


def test_a_program_that_read_a_broken_edit_while_it_started_waits_for_the_next_edit(shop, tmp_path, capsys):
    (tmp_path / "orders" / "views.py").write_text("def (")
    shop._check()
    shop._programs[0].process.wait()
    shop._check()
    said = capsys.readouterr().out
    assert "The code was edited" in said
    assert "cannot start with the code as it is" in said


def test_a_program_that_ends_without_an_edit_closes_the_shop(shop):
    with pytest.raises(ShopError, match="ended by itself"):
        shop._check()
