"""Arrow's columns as NumPy's and back: decimals to the nearest float, truth as 1 and 0, nulls as NaN.

What Arrow has for it (`to_numpy`, `fill_null`, `array`) imports pandas where there is one: 0.15 s and 40 MB
of each process that reads or writes a Parquet file (bench `backfill.local`). What is here does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["decimal_words", "floats", "is_number", "named_to_arrow", "numbers", "texts_to_arrow", "to_arrow"]

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
    if pa.types.is_dictionary(column.type):  # of which Arrow's own way takes a null for the last value
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_decimal(kind):
        return _decimals(pa, column)
    if pa.types.is_null(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_boolean(kind) and column.null_count:
        column = column.cast(pa.uint8())
    if pa.types.is_integer(column.type) and column.null_count:
        column = column.cast(pa.float64(), safe=False)
    if not is_number(pa, column.type) and not pa.types.is_boolean(column.type):
        return np.asarray(
            column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
        )
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    parts = [numbers(chunk, math.nan) for chunk in chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, _dtype_of(column.type)), *parts])


def numbers(array: Any, null: float = 0) -> npt.NDArray[Any]:
    """Numbers or truths as NumPy has them: read-only where they lie, or where there are nulls, a copy.

    Parameters
    ----------
    array : pyarrow.Array, shape (n,)
    null : number
        What a null becomes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> numbers(pa.array([1, 2, None])[1:], 7).tolist(), numbers(pa.array([True, False])).tolist()
    ([2, 7], [True, False])
    """
    kind, count, data = _dtype_of(array.type), len(array), array.buffers()[1]
    if not count:
        return np.empty(0, kind)
    if data is None:  # nulls alone
        return np.full(count, null, kind)
    values: npt.NDArray[Any]
    if kind == np.bool_:
        bytes_ = np.frombuffer(data, np.uint8)[array.offset // 8 : (array.offset + count + 7) // 8]
        values = np.unpackbits(bytes_, bitorder="little")[array.offset % 8 :][:count].view(np.bool_)
    else:
        values = np.frombuffer(data, kind, count, array.offset * kind.itemsize)
        values.flags.writeable = False  # Arrow's arrays do not change, though their memory may be ours
    if array.null_count:
        values = np.where(numbers(array.is_valid()), values, kind.type(null))
    return values


def to_arrow(pa: Any, values: npt.NDArray[Any], kind: Any) -> Any:
    """Numbers without nulls as an array of Arrow, over the same memory where they lie side by side.

    Parameters
    ----------
    pa : module
        pyarrow.
    values : ndarray, shape (n,)
        Of as many bytes each as `kind`.
    kind : pyarrow.DataType
        Of numbers or times.

    Examples
    --------
    >>> import pyarrow as pa
    >>> to_arrow(pa, np.arange(4)[::2], pa.int64()).to_pylist()
    [0, 2]
    """
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def texts_to_arrow(pa: Any, texts: Sequence[str]) -> Any:
    """Texts as an array of Arrow.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts_to_arrow(pa, ["BTC", "日本", ""]).to_pylist()
    ['BTC', '日本', '']
    """
    raw = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, raw)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(ends), pa.py_buffer(b"".join(raw)))


def named_to_arrow(pa: Any, codes: npt.NDArray[Any], kind: Any, names: Any) -> Any:
    """Numbers of names, of the type `kind`, as an array of Arrow; the names are what `texts_to_arrow` gives.

    Examples
    --------
    >>> import pyarrow as pa
    >>> names = texts_to_arrow(pa, ["BTC", "ETH"])
    >>> named_to_arrow(pa, np.array([1, 0], np.int32), pa.int32(), names).to_pylist()
    ['ETH', 'BTC']
    """
    return pa.DictionaryArray.from_arrays(to_arrow(pa, codes, kind), names)


def _dtype_of(kind: Any) -> np.dtype[Any]:
    """NumPy's name of a type of numbers or truths; to ask Arrow imports pandas as well."""
    name = str(kind)
    return np.dtype({"halffloat": "float16", "float": "float32", "double": "float64"}.get(name, name))


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
    return numbers(text, math.nan)


def decimal_words(array: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The low and the high words of 128-bit decimals without their points, and which are no nulls."""
    there = numbers(array.is_valid())
    if not len(array):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, there
    words = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    return words[::2], words[1::2], there
