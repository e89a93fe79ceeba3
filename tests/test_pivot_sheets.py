"""Pivot points of Skender's worksheets: of each row the window before it, and the levels that follow."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import fastcore as fc
import numpy as np
import pytest

SHEETS = {
    "Standard": ("PIVOTS", "HLC"),
    "Fibonacci": ("PIVOTSFIBONACCI", "HLC"),
    "Camarilla": ("PIVOTSCAMARILLA", "HLC"),
    "Demark": ("PIVOTSDEMARK", "OHLC"),
}
LEVELS = {"pivot": "PP"}


@pytest.mark.parametrize("sheet", SHEETS)
def test_equals_skender_pivot_points(sheet: str, data_file: Callable[[str], Path]) -> None:
    """All levels that both have; Woodie's are of the next open there, and of the close here."""
    name, letters = SHEETS[sheet]
    with data_file(f"ref_skender_xlsx/PivotPoint__{sheet}.csv").open(newline="") as lines:
        head, *rows = csv.reader(lines)
    first = {title: head.index(title) for title in dict.fromkeys(head)}  # titles come twice: sheet and copy
    rows = [row for row in rows if all(row[first[title]] for title in ("PP", *letters))]
    assert len(rows) > 20
    columns = [np.array([float(row[first[letter]]) for row in rows]) for letter in letters]
    got = fc.make(name).batch(*columns)
    checked = 0
    for output, values in got._asdict().items():
        title = LEVELS.get(output, output.upper())
        if title in first:
            wanted = [float(row[first[title]]) for row in rows]
            np.testing.assert_allclose(values, wanted, rtol=1e-12, err_msg=output)
            checked += 1
    assert checked >= 3
