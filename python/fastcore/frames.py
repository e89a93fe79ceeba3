"""Arrays and frames in, the same kind out: NumPy, lists, pandas, Polars and Arrow.

None of the frame libraries is imported here: a value's own module says what it is, and its own
methods convert it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._arrow_numbers import floats
from fastcore._extras import require
from fastcore._frame_values import of_objects
from fastcore.errors import InputError

Column = npt.NDArray[np.float64]
Rewrap = Callable[[Column], Any]


def unwrap(values: Any) -> tuple[Any, Rewrap | None]:
    """A column as NumPy takes it, and what turns a result into the column's own kind.

    Parameters
    ----------
    values : array_like
        NumPy array, list or tuple, pandas Series, Polars Series, Arrow Array or ChunkedArray, or a column
        of any library that speaks Arrow's PyCapsule protocol, for which Arrow comes out. A null becomes NaN.

    Returns
    -------
    tuple
        The column, without a copy where its layout allows, and a function of a float64 array; None
        for NumPy arrays, which need none.

    Examples
    --------
    >>> column, rewrap = unwrap([1.0, 2.0])
    >>> rewrap(np.array([3.0]))
    [3.0]
    """
    if type(values) is np.ndarray:
        return values, None
    if isinstance(values, (list, tuple)):
        return values, lambda out: out.tolist()
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan), np.ma.masked_invalid
    library = _library(values)
    if library == "pandas":
        return _from_pandas(values)
    if library == "polars":
        return _from_polars(values)
    if library == "pyarrow":
        return _from_arrow(values)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return _from_arrow(_imported(values))
    return values, None


#: Library and class of the columns that are taken apart here.
_COLUMNS = {("pandas", "Series"), ("polars", "Series"), ("pyarrow", "Array"), ("pyarrow", "ChunkedArray")}


def _library(values: Any) -> str:
    """The frame library whose column this is, or of whose column it is a subclass; empty for none."""
    for cls in type(values).__mro__:
        library = cls.__module__.partition(".")[0]
        if (library, cls.__name__) in _COLUMNS:
            return library
    return ""


def _from_pandas(series: Any) -> tuple[Any, Rewrap]:
    kind = getattr(series.dtype, "kind", "O")
    is_extension = not isinstance(series.dtype, np.dtype)
    if is_extension and kind in "iufb":
        column = series.to_numpy(dtype=np.float64, na_value=np.nan)
    elif hasattr(series.dtype, "pyarrow_dtype"):
        column = floats(require("pyarrow", "frames", "a column on Arrow"), series.array.__arrow_array__())
    else:
        column = series.to_numpy()
        column = of_objects(column) if kind == "O" and column.dtype.kind == "O" else column
    make = type(series)
    return column, lambda out: make(out, index=series.index, name=series.name, copy=False)


def _from_polars(series: Any) -> tuple[Any, Rewrap]:
    make = type(series)
    column = series.to_numpy()
    if column.dtype.kind == "O" and str(series.dtype).startswith(("Decimal", "Boolean")):
        column = floats(require("pyarrow", "frames", "a column of decimals"), series.to_arrow())
    return column, lambda out: make(series.name, out)


def _imported(values: Any) -> Any:
    """A column of a library that is not known here, by Arrow's PyCapsule protocol; nothing is copied."""
    pa = require("pyarrow", "frames", "a column by Arrow")
    try:
        return pa.array(values) if hasattr(values, "__arrow_c_array__") else pa.chunked_array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{type(values).__name__} gives no column of numbers by Arrow: {error}") from error


def _from_arrow(array: Any) -> tuple[Any, Rewrap]:
    import pyarrow as pa  # loaded already: the value is one of its own

    wrap: Rewrap = (lambda out: pa.chunked_array([out])) if hasattr(array, "chunks") else pa.array
    return floats(pa, array), wrap


def rewrapper(rewraps: list[Rewrap | None]) -> Rewrap | None:
    """What the results become: the kind of the first input that is not a NumPy array."""
    return next((rewrap for rewrap in rewraps if rewrap is not None), None)
