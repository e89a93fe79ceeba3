"""Outputs row by row, from files and frames, and where two of them part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcore._extras import require
from fastcore.errors import FileFeedError

BLOCK = 65_536
Value = int | float | str | None


class Found(NamedTuple):
    """The first difference: row, time, symbol, indicator, field, and both values."""

    tick: int | None
    ts: int | None
    symbol: str | None
    indicator: str | None
    field: str
    a: Value
    b: Value


class Rows:
    """A stream of record batches, with the names of its columns.

    Parameters
    ----------
    label : str
        What it is read from, for errors.
    names : list of str
        Of the columns, in order.
    batches : iterator of pyarrow.RecordBatch
    """

    def __init__(self, label: str, names: list[str], batches: Iterator[Any], close: Any = None) -> None:
        self.label, self.names = label, names
        self._batches, self._close = batches, close
        self._waiting: list[Any] = []

    @classmethod
    def of_frame(cls, frame: Any) -> Rows:
        """Of anything that offers an Arrow stream."""
        pa = require("pyarrow", "frames", "comparing frames")
        reader = pa.RecordBatchReader.from_stream(frame)
        return cls(f"a {type(frame).__name__}", reader.schema.names, iter(reader))

    @classmethod
    def of_file(cls, path: str, head: bytes) -> Rows:
        """Of a Parquet, Arrow or CSV file, told apart by its first bytes."""
        pa = require("pyarrow", "frames", "comparing outputs")
        try:
            if head[:4] == b"PAR1":
                file = require("pyarrow.parquet", "frames", "comparing outputs").ParquetFile(
                    path, buffer_size=1 << 20, pre_buffer=False
                )
                return cls(path, file.schema_arrow.names, file.iter_batches(BLOCK), file.close)
            if head[:6] == b"ARROW1":
                arrow = pa.ipc.open_file(pa.memory_map(path))
                batches = (arrow.get_batch(i) for i in range(arrow.num_record_batches))
                return cls(path, arrow.schema.names, batches)
            table = require("pyarrow.csv", "frames", "comparing outputs").read_csv(path)
            return cls(path, table.column_names, iter(table.to_batches()))
        except pa.ArrowException as error:
            raise FileFeedError(f"{path} cannot be read: {_first_line(error)}") from error

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        if self._close is not None:
            self._close()

    def take(self, most: int) -> Any:
        """The next rows, at most so many; None at the end."""
        pa = require("pyarrow", "frames", "comparing outputs")
        try:
            while not self._waiting or self._waiting[0].num_rows == 0:
                del self._waiting[:1]
                if not self._waiting:
                    self._waiting.append(next(self._batches))
        except StopIteration:
            return None
        except (pa.ArrowException, OSError) as error:
            raise FileFeedError(f"{self.label} cannot be read to its end: {_first_line(error)}") from error
        taken = self._waiting[0].slice(0, most)
        self._waiting[0] = self._waiting[0].slice(most)
        return taken

    def give_back(self, rows: Any) -> None:
        """What was taken and not needed."""
        self._waiting.insert(0, rows)


def first_difference(a: Rows, b: Rows) -> Found | None:
    """Where two outputs part: in their columns, in a row, or where one of them ends."""
    for name in [*a.names, *b.names]:
        if (name in a.names) != (name in b.names):
            there = "there" if name in a.names else None, "there" if name in b.names else None
            return Found(None, None, None, *_place(name), *there)
    for place, (name_a, name_b) in enumerate(zip(a.names, b.names, strict=True)):
        if name_a != name_b:
            return Found(None, None, None, None, f"columns[{place}]", name_a, name_b)
    row = 0
    while True:
        left = a.take(BLOCK)
        right = b.take(BLOCK if left is None else left.num_rows)
        if left is None or right is None:
            if left is None and right is None:
                return None
            there = "there" if right is None else None, "there" if left is None else None
            return Found(row, *_tick(left or right, 0), None, "rows", *there)
        if right.num_rows < left.num_rows:
            a.give_back(left.slice(right.num_rows))
            left = left.slice(0, right.num_rows)
        found = _in_batch(left, right)
        if found is not None:
            at, name, value_a, value_b = found
            return Found(row + at, *_tick(left, at), *_place(name), value_a, value_b)
        row += left.num_rows


def _in_batch(a: Any, b: Any) -> tuple[int, str, Value, Value] | None:
    """The first row in which two batches of equal length differ, and there the first column."""
    first: tuple[int, str, Value, Value] | None = None
    for name, one, other in zip(a.schema.names, a.columns, b.columns, strict=True):
        left, right = _plain(one), _plain(other)
        if left.type != right.type:
            return 0, name, str(one.type), str(other.type)
        differs = _differs(left, right)
        if differs.any():
            at = int(np.argmax(differs))
            if first is None or at < first[0]:
                first = at, name, _value(left, at), _value(right, at)
    return first


def _plain(column: Any) -> Any:
    """Values of few types: float64, int64, text, or what they are."""
    pa = require("pyarrow", "frames", "comparing outputs")
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_null(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("ns", kind.tz)).cast(pa.int64())
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pa.large_string())
    return column


def _differs(a: Any, b: Any) -> npt.NDArray[np.bool_]:
    """Row by row; NaN is NaN, nothing is nothing, and 0.0 is not -0.0."""
    pa = require("pyarrow", "frames", "comparing outputs")
    pc = require("pyarrow.compute", "frames", "comparing outputs")
    none_a, none_b = (np.asarray(pc.is_null(x)) for x in (a, b))
    if str(a.type) == "double":
        bits = [_bits(np.asarray(pc.fill_null(x, 0.0))) for x in (a, b)]
        values = bits[0] != bits[1]
    else:
        try:
            values = np.asarray(pc.fill_null(pc.not_equal(a, b), False))
        except pa.ArrowNotImplementedError:  # lists and the like
            values = np.array([x != y for x, y in zip(a.to_pylist(), b.to_pylist(), strict=True)])
    return np.asarray((none_a != none_b) | (values & ~none_a))


def _bits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    values = values.copy()
    values[np.isnan(values)] = np.nan
    return values.view(np.int64)


def _value(column: Any, at: int) -> Value:
    value = column[at].as_py()
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def _tick(batch: Any, at: int) -> tuple[int | None, str | None]:
    """Time and symbol of a row, where there are such columns."""
    named = {name: _plain(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    ts = _value(named["ts"], at) if "ts" in named else None
    symbol = _value(named["symbol"], at) if "symbol" in named else None
    return ts if isinstance(ts, int) else None, None if symbol is None else str(symbol)


def _place(column: str) -> tuple[str | None, str]:
    """Indicator and field of a column."""
    if column in ("ts", "symbol", "outcome"):
        return None, column
    indicator, dot, output = column.rpartition(".")
    return (indicator, output) if dot else (column, "value")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
