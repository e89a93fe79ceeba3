"""Frames of ticks and bars in, frames of outputs out: pandas, Polars, Arrow tables, mappings of arrays.

No frame library is imported here but the one whose frame it is, and pyarrow for what speaks Arrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastcore._arrow_numbers import floats
from fastcore._extras import require
from fastcore._frame_values import (
    EARLIEST,
    Numbers,
    arrow_times,
    fitting,
    masked,
    nanoseconds,
    of_objects,
    texts,
    unit_wrong,
)
from fastcore.errors import InputError
from fastcore.ticks import TICK

__all__ = ["is_frame", "run_frame", "ticks_of"]

TICK_FIELDS = ("ts", "symbol", "price", "size", "id", "side")
BAR_FIELDS = ("ts", "symbol", "open", "high", "low", "close", "volume")
_NEEDED = {"price", "open", "high", "low", "close"}


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


def found(reader: FrameReader, fields: Sequence[str], columns: Mapping[str, str] | None) -> dict[str, str]:
    """Which column holds which field: those that are named, and else those that are called so.

    Raises
    ------
    InputError
        If a field is none, or a column is not there.
    """
    if not reader.names:
        raise InputError(f"a frame must have the columns ts and {fields[2]}, and this one has none")
    wanted = dict(columns or {})
    for field, name in wanted.items():
        if field not in fields:
            raise InputError(f"{field!r} is not a field of the frame; the fields are {', '.join(fields)}")
        if name not in reader.names:
            raise InputError(f"the frame has no column {name!r}; it has {', '.join(reader.names)}")
    lower = {name.lower(): name for name in reversed(reader.names)}
    for field in fields:
        if field not in wanted and field in lower:
            wanted[field] = lower[field]
    for field in fields:
        if field in _NEEDED and field not in wanted:
            raise InputError(
                f"the frame has no column {field!r}; it has {', '.join(reader.names)}: "
                f"name it, as in columns={{{field!r}: {reader.names[-1]!r}}}"
            )
    for name in wanted.values():
        if reader.names.count(name) > 1:
            raise InputError(f"the frame has {reader.names.count(name)} columns {name!r}")
    return wanted


def times_of(reader: FrameReader, columns: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """The time of each row."""
    times = reader.times(columns.get("ts"))
    if times is None:
        raise InputError(
            f"the frame has no column 'ts' and no index of times; it has {', '.join(reader.names)}: "
            "name the column of times, as in columns={'ts': 'time'}"
        )
    return times


def symbols_of(
    reader: FrameReader, columns: Mapping[str, str], symbol: str | None, rows: int
) -> tuple[Numbers, list[str]]:
    """The symbol of each row, as a number, and the names."""
    if "symbol" in columns:
        return reader.codes(columns["symbol"])
    if symbol is None:
        raise InputError("the frame has no column 'symbol': say which it is, as in symbol='BTCUSDT'")
    return np.zeros(rows, np.uint32), [symbol]


def ticks_of(
    frame: Any, columns: Mapping[str, str] | None = None, symbol: str | None = None
) -> tuple[npt.NDArray[np.void], list[str]]:
    """The rows of a frame as ticks, and the names that they index.

    Parameters
    ----------
    frame : DataFrame, Table or mapping
        With a column ``price``; ``ts`` (or in pandas an index of times); and it may have ``symbol``,
        ``size``, ``id`` and ``side``.
    columns : mapping of str to str, optional
        Field -> column, for those that are called otherwise.
    symbol : str, optional
        The symbol of all rows, where there is no column of symbols.

    Raises
    ------
    InputError
        If a column is missing or is not what it must be.

    Examples
    --------
    >>> frame = {"ts": [1_700_000_000_000_000_000], "price": [100.0]}
    >>> ticks, names = ticks_of(frame, symbol="BTCUSDT")
    >>> ticks["price"].tolist(), names
    ([100.0], ['BTCUSDT'])
    """
    reader = reader_of(frame)
    return _ticks(reader, found(reader, TICK_FIELDS, columns), symbol)


def run_frame(
    engine: Any, frame: Any, bars: str | None, columns: Mapping[str, str] | None, symbol: str | None
) -> Any:
    """What `fastcore.Engine.run` does."""
    reader = reader_of(frame)
    places = found(reader, TICK_FIELDS if bars is None else BAR_FIELDS, columns)
    if bars is None:
        ticks, symbols = _ticks(reader, places, symbol)
        rows = engine.on_ticks(ticks, symbols=symbols, rows="all")
    else:
        rows = _run_bars(engine, reader, places, bars, symbol)
    keep = [places[field] for field in ("ts", "symbol") if field in places]
    names = [f"output.{name}" if name in keep else name for name in engine.columns]
    return reader.made(dict(zip(names, np.ascontiguousarray(rows.T), strict=True)), keep)


def _run_bars(
    engine: Any, reader: FrameReader, places: Mapping[str, str], span: str, symbol: str | None
) -> npt.NDArray[np.float64]:
    times = times_of(reader, places)
    codes, names = symbols_of(reader, places, symbol, len(times))
    columns = [_floats(reader, places[field]).tolist() for field in BAR_FIELDS[2:6]]
    volume = _floats(reader, places["volume"]).tolist() if "volume" in places else [0.0] * len(times)
    if (wrong := times < EARLIEST).any():  # here: nothing has been taken yet
        at = int(np.argmax(wrong))
        raise InputError(f"row {at} of the frame: {unit_wrong(places.get('ts', 'index'), int(times[at]))}")
    if len(times):
        nothing: dict[str, list[float]] = {field: [] for field in BAR_FIELDS[2:]}
        engine.on_bars(span, EARLIEST, symbols=[], **nothing)  # refuses a span that the plan has not
    symbols = {code: engine.symbol(names[code]) for code in np.unique(codes).tolist()}
    rows = np.empty((len(times), len(engine.columns)))
    bars = zip(times.tolist(), *columns, volume, strict=True)
    for row, code, bar in zip(rows, codes.tolist(), bars, strict=True):
        row[:] = symbols[code].on_bar(span, *bar)
    return rows


def _ticks(
    reader: FrameReader, places: Mapping[str, str], symbol: str | None
) -> tuple[npt.NDArray[np.void], list[str]]:
    times = times_of(reader, places)
    ticks = np.zeros(len(times), TICK)
    ticks["ts"] = times
    ticks["symbol"], names = symbols_of(reader, places, symbol, len(times))
    for field in ("price", "size", "id", "side"):
        if field in places:
            name = places[field]
            whole = field in ("id", "side")
            values = reader.integers(name) if whole else reader.numbers(name)
            if values.dtype.kind not in "iufb":
                raise InputError(f"the column {name!r} must hold numbers, not {values.dtype}")
            if field == "side" and values.dtype.kind == "b":
                raise InputError(f"the column {name!r} must hold the sides 1, -1 and 0, not {values.dtype}")
            ticks[field] = fitting(name, values, TICK[field]) if whole else values
    return ticks, names


def _floats(reader: FrameReader, name: str) -> npt.NDArray[np.float64]:
    values = reader.numbers(name)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"the column {name!r} must hold numbers, not {values.dtype}") from None


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
        codes = column.indices.to_numpy()
        if column.dictionary.null_count:
            nulls = column.dictionary.is_null().to_numpy(zero_copy_only=False)
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
