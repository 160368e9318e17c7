"""Lines of CSV that a spreadsheet opens as what they are: no cell is a formula."""

import csv
from collections.abc import Iterable
from io import StringIO

# A spreadsheet takes a text that begins so for a formula; some do with the wide signs, too.
CALCULATES = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_line(cells: Iterable[object]) -> str:
    """Return one line, its end included; a text that a spreadsheet would calculate gets an apostrophe."""
    line = StringIO()
    csv.writer(line).writerow([_inert(cell) for cell in cells])
    return line.getvalue()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(CALCULATES) else cell
