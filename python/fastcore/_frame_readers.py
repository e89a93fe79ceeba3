"""Tables of columns read alike: frames of pandas and Polars, what else speaks Arrow, mappings of arrays.

No frame library is imported here but the one whose frame it is, and pyarrow for what speaks Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastcore._arrow_numbers import floats, numbers
from fastcore._extras import require
from fastcore._frame_values import (
    Numbers,
    arrow_times,
    masked,
    nanoseconds,
    of_objects,
    texts,
)
from fastcore.errors import InputError

__all__ = ["FrameReader", "is_frame", "reader_of"]


class FrameReader(Protocol):
    """What differs between the libraries."""

    names: list[str]

    def numbers(self, name: str) -> Numbers:
        """A column as NumPy, nulls as NaN."""

    def integers(self, name: str) -> Numbers:
        """A column as NumPy; integers stay so, and their nulls are 0."""

    def times(self, name: str | None) -> npt.NDArray[np.int64] | None:
        """A column, or with None the index, as ns since 1970 UTC; None where there is none."""

    def codes(self, name: str) -> tuple[Numbers, list[str]]:
        """A column of text as numbers, and the texts that they stand for."""

    def made(self, columns: Mapping[str, Numbers], keep: Sequence[str]) -> Any:
        """A frame of the same kind and rows: the columns to keep, and new ones."""


def is_frame(value: Any) -> bool:
    """Whether this is a table of columns."""
    return isinstance(value, Mapping) or (
        not isinstance(value, np.ndarray)
        and (hasattr(value, "__arrow_c_stream__") or _library(value) == "pandas")
        and (hasattr(value, "columns") or hasattr(value, "schema"))
    )


def _library(value: Any) -> str:
    return next(
        (c.__module__.partition(".")[0] for c in type(value).__mro__ if c.__name__ == "DataFrame"), ""
    )


def reader_of(frame: Any) -> FrameReader:
    """The reader of a frame's library; TypeError for what is no frame."""
    if isinstance(frame, Mapping):
        return _MappingReader(frame)
    if _library(frame) == "pandas":
        return _PandasReader(frame)
    if not hasattr(frame, "__arrow_c_stream__"):
        raise TypeError(
            f"a frame must be one of pandas or Polars, an Arrow table or a mapping of arrays, not a "
            f"{type(frame).__name__}{': collect() it first' if hasattr(frame, 'collect') else ''}"
        )
    return _ArrowReader(frame)


class _MappingReader:
    def __init__(self, frame: Mapping[str, Any]) -> None:
        self._frame = {
            str(name): values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
            for name, values in frame.items()
        }
        self.names = list(self._frame)
        for name, values in self._frame.items():
            if values.ndim != 1:
                raise InputError(f"the column {name!r} must have one dimension, not the shape {values.shape}")
        if len({len(values) for values in self._frame.values()}) > 1:
            sizes = ", ".join(f"{name}: {len(values)}" for name, values in self._frame.items())
            raise InputError(f"the columns of the frame are not of one length: {sizes}")

    def numbers(self, name: str) -> Numbers:
        values = self._frame[name]
        if not masked(values) or values.dtype.kind not in "iufb":
            return np.asarray(of_objects(values) if values.dtype.kind == "O" else values)
        return np.ma.filled(values.astype(np.float64), np.nan)

    def integers(self, name: str) -> Numbers:
        values = self._frame[name]
        return np.ma.filled(values, 0) if values.dtype.kind in "iu" else self.numbers(name)

    def times(self, name: str | None) -> npt.NDArray[np.int64] | None:
        if name is None:
            return None
        values = self._frame[name]
        if masked(values):
            raise InputError(f"the column {name!r} of times must have no nulls")
        return nanoseconds(name, np.asarray(values, np.int64 if not len(values) else None))

    def codes(self, name: str) -> tuple[Numbers, list[str]]:
        values = self._frame[name]
        if masked(values):
            raise InputError(f"the column {name!r} of symbols must have no nulls")
        if values.dtype.kind in "Of":
            if any(one is None or one != one for one in values.tolist()):
                raise InputError(f"the column {name!r} of symbols must have no nulls")
            values = np.array(texts(name, values.tolist()), np.str_)
        names, codes = np.unique(np.asarray(values), return_inverse=True)
        return codes, texts(name, names.tolist())

    def made(self, columns: Mapping[str, Numbers], keep: Sequence[str]) -> dict[str, Numbers]:
        return {name: self._frame[name] for name in keep} | dict(columns)


class _PandasReader:
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.names = [str(name) for name in frame.columns]
        self._by_name = dict(zip(self.names, frame.columns, strict=True))

    def _column(self, name: str) -> Any:
        return self._frame[self._by_name[name]]

    def numbers(self, name: str) -> Numbers:
        column = self._column(name)
        kind = getattr(column.dtype, "kind", "O")
        if isinstance(column.dtype, np.dtype) or kind not in "iufb":
            values: Numbers = column.to_numpy()
            values = of_objects(values) if values.dtype.kind == "O" else values
        elif kind in "iu" and not column.isna().any():
            values = column.to_numpy(dtype=np.int64)
        else:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values

    def integers(self, name: str) -> Numbers:
        column = self._column(name)
        kind = getattr(column.dtype, "kind", "O")
        if isinstance(column.dtype, np.dtype) or kind not in "iu":
            return self.numbers(name)
        values: Numbers = column.fillna(0).to_numpy(dtype=np.uint64 if kind == "u" else np.int64)
        return values

    def times(self, name: str | None) -> npt.NDArray[np.int64] | None:
        pandas = require("pandas", "frames", "a pandas frame")
        values = self._frame.index if name is None else pandas.Index(self._column(name))
        if hasattr(values.dtype, "pyarrow_dtype"):
            pa = require("pyarrow", "frames", "a pandas frame on Arrow")
            column = pa.chunked_array(values.array.__arrow_array__())
            is_time = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
            if name is None and not is_time:
                return None
            return arrow_times(pa, name or "index", column)
        if isinstance(values, pandas.DatetimeIndex):
            if values.tz is not None:
                values = values.tz_convert("UTC").tz_localize(None)
            return nanoseconds(name or "index", values.to_numpy())
        return None if name is None else nanoseconds(name, self.numbers(name))

    def codes(self, name: str) -> tuple[Numbers, list[str]]:
        codes, names = require("pandas", "frames", "a pandas frame").factorize(self._column(name))
        if (codes < 0).any():
            raise InputError(f"the column {name!r} of symbols must have no nulls")
        return codes, texts(name, names)

    def made(self, columns: Mapping[str, Numbers], keep: Sequence[str]) -> Any:
        pandas = require("pandas", "frames", "a pandas frame")
        index = self._frame.index
        kept = {self._by_name[name]: self._column(name) for name in keep}
        new = {name: pandas.Series(values, index=index, copy=False) for name, values in columns.items()}
        return pandas.DataFrame(kept | new, index=index, copy=False)


class _ArrowReader:
    """Polars, Arrow, and whatever else gives its columns by the PyCapsule protocol."""

    def __init__(self, frame: Any) -> None:
        pa = self._pa = require("pyarrow", "frames", "a frame by Arrow")
        self._table = _decoded(pa, frame if isinstance(frame, pa.Table) else pa.table(frame))
        self._back = (
            require("polars", "frames", "a Polars frame").from_arrow if _library(frame) == "polars" else None
        )
        self.names = list(self._table.column_names)

    def numbers(self, name: str) -> Numbers:
        return floats(self._pa, self._table[name])

    def integers(self, name: str) -> Numbers:
        column = self._table[name]
        if not self._pa.types.is_integer(column.type):
            return self.numbers(name)
        values: Numbers = column.fill_null(0).to_numpy()
        return values

    def times(self, name: str | None) -> npt.NDArray[np.int64] | None:
        if name is None:
            return None
        return arrow_times(self._pa, name, self._table[name])

    def codes(self, name: str) -> tuple[Numbers, list[str]]:
        column = self._table[name].combine_chunks()
        if column.null_count:
            raise InputError(f"the column {name!r} of symbols must have no nulls")
        if not self._pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        if hasattr(column, "chunks"):
            column = column.unify_dictionaries().combine_chunks()
        codes = numbers(column.indices)
        if column.dictionary.null_count:
            nulls = numbers(column.dictionary.is_null())
            if nulls[codes].any():
                raise InputError(f"the column {name!r} of symbols must have no nulls")
        return codes, texts(name, column.dictionary.to_pylist())

    def made(self, columns: Mapping[str, Numbers], keep: Sequence[str]) -> Any:
        arrays = {name: self._table[name] for name in keep}
        arrays |= {name: self._pa.array(values) for name, values in columns.items()}
        table = self._pa.table(arrays)
        return table if self._back is None else self._back(table)


def _decoded(pa: Any, table: Any) -> Any:
    """The table with each value in its row, where runs of equal ones were kept as such."""
    for place, field in enumerate(table.schema):
        if getattr(pa.types, "is_run_end_encoded", lambda kind: False)(field.type):
            decode = require("pyarrow.compute", "frames", "a frame by Arrow").run_end_decode
            table = table.set_column(place, field.name, decode(table.column(place)))
    return table
