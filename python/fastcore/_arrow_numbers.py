"""Arrow's columns as floats: decimals to the nearest float, truth as 1 and 0, nulls as NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["decimal_words", "floats", "is_number"]

#: The whole numbers up to here, and the powers of ten up to that one, are floats without an error.
_EXACT, _EXACT_POWER = 2**53, 22


def is_number(pa: Any, kind: Any) -> bool:
    """Whether a type of Arrow is one of numbers, which `floats` takes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> is_number(pa, pa.decimal128(10, 2)), is_number(pa, pa.string())
    (True, False)
    """
    of = pa.types
    return bool(of.is_floating(kind) or of.is_integer(kind) or of.is_decimal(kind))


def floats(pa: Any, column: Any) -> npt.NDArray[Any]:
    """A column as NumPy has it, without a copy where it lies so; of text and the like, objects.

    Parameters
    ----------
    pa : module
        pyarrow.
    column : pyarrow.Array or pyarrow.ChunkedArray, shape (n,)

    Examples
    --------
    >>> import pyarrow as pa
    >>> floats(pa, pa.array([True, None])).tolist()
    [1.0, nan]
    """
    kind = column.type
    if pa.types.is_decimal(kind):
        return _decimals(pa, column)
    if pa.types.is_null(kind) or (pa.types.is_boolean(kind) and column.null_count):
        column = column.cast(pa.float64()) if pa.types.is_null(kind) else column.cast(pa.uint8())
    values: npt.NDArray[Any] = (
        column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    )
    return values


def _decimals(pa: Any, column: Any) -> npt.NDArray[np.float64]:
    # Arrow's own cast multiplies by a power of ten that no float is: 3.00000 became 3.0000000000000004.
    array = column.combine_chunks() if hasattr(column, "chunks") else column
    if hasattr(array, "chunks"):  # what older versions make of several chunks
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    power = array.type.scale
    if pa.types.is_decimal128(array.type) and 0 <= power <= _EXACT_POWER:
        low, high, there = decimal_words(array)
        if not (there & ((high != low >> 63) | (np.abs(low) > _EXACT))).any():
            return np.where(there, low / 10.0**power, np.nan)  # one division rounds once
    text = array.cast(pa.string()).cast(pa.float64())
    return np.asarray(text.to_numpy(zero_copy_only=False), np.float64)


def decimal_words(array: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The low and the high words of 128-bit decimals without their points, and which are no nulls."""
    there = array.is_valid().to_numpy(zero_copy_only=False)
    if not len(array):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, there
    words = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    return words[::2], words[1::2], there
