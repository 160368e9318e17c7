"""Notices when somebody edits the shop, so that its programs can start anew.

One look costs a few milliseconds, since it is only at the shop's own files; Django's reloader
looks at some two thousand of installed packages each second, in every process that has one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from bookstore.devstack.stores import ROOT

PLACES = ("bookstore", "cart", "catalog", "leaderboard", "orders", "templates")
KINDS = (".py", ".html", ".toml", ".txt", ".xml", ".svg", ".mo")  # what a running program has read once


class Sources:
    """The shop's files as they were at the last look."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Tell whether a file was added, edited or removed since the last look."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> dict[str, int]:
        return {
            entry.path: entry.stat().st_mtime_ns for place in PLACES for entry in _files(self._root / place)
        }


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:  # removed since it was listed
        return
    for entry in entries:
        if entry.name.startswith((".", "__pycache__")):
            continue  # editors' own files, and Python's
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.name.endswith(KINDS) and entry.is_file():  # no broken link, as some editors' locks are
            yield entry
