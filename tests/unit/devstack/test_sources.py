import os

import pytest

from bookstore.devstack.sources import Sources


@pytest.fixture
def house(tmp_path):
    for place in ("bookstore/devstack", "cart", "catalog", "leaderboard", "orders", "templates/cart"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "cart" / "views.py").write_text("one")
    return tmp_path


def test_an_edit_a_new_file_and_a_removed_one_are_each_noticed_once(house):
    sources = Sources(house)
    assert not sources.have_changed()
    page = house / "templates" / "cart" / "cart.html"
    page.write_text("new")
    assert sources.have_changed()
    assert not sources.have_changed()
    os.utime(page, ns=(1, 1))
    assert sources.have_changed()
    page.unlink()
    assert sources.have_changed()
    assert not sources.have_changed()


def test_what_the_shop_does_not_read_is_no_edit(house):
    sources = Sources(house)
    (house / "cart" / "__pycache__").mkdir()
    (house / "cart" / "__pycache__" / "views.py").write_text("cached")
    (house / "cart" / ".#views.py").symlink_to("nobody@nowhere")
    (house / "cart" / "notes.bak").write_text("old")
    assert not sources.have_changed()
