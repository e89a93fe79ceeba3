"""Columns as tables of Arrow, and by way of it of any library of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcore._checks import MAPPING, arguments, check, having
from fastcore._extras import require
from fastcore.store._reading import Columns

__all__ = ["to_arrow"]


@arguments("to_arrow", columns=MAPPING)
def to_arrow(columns: Columns | dict[str, Columns]) -> Any:
    """Columns as a `pyarrow.Table`, without a copy of numbers; of many symbols one table with their names.

    Examples
    --------
    >>> to_arrow({"BTC": {"close": np.array([1.0, 2.0])}, "ETH": {"close": np.array([3.0])}}).to_pydict()
    {'symbol': ['BTC', 'BTC', 'ETH'], 'close': [1.0, 2.0, 3.0]}
    """
    pa = require("pyarrow", "frames", "to_arrow")

    def array(values: Any) -> Any:
        return (
            pa.array(values, pa.string()).dictionary_encode() if values.dtype == object else pa.array(values)
        )

    first = next(iter(columns.values()), None)
    if not isinstance(first, dict):
        for name, values in columns.items():
            check("to_arrow", f"column {name!r}", values, having("an array", "dtype"))
    if not isinstance(first, dict):
        return pa.table({name: array(values) for name, values in columns.items()})
    by_symbol: Any = columns
    lengths = [len(next(iter(one.values()))) for one in by_symbol.values()]
    codes = np.repeat(np.arange(len(by_symbol), dtype=np.int32), lengths)
    names = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(by_symbol), pa.string()))
    joined = {name: pa.chunked_array([array(one[name]) for one in by_symbol.values()]) for name in first}
    return pa.table({"symbol": names, **joined})
