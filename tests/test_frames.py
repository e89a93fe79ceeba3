"""Arrays and frames in, the same kind out, with the values that NumPy gets."""

from __future__ import annotations

import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from samples import NAMES, ROWS, Array, assert_same_bits, columns_of, function, make, rng_of, stacked

NAN_ROWS = (3, 17, 18)


def with_nulls(values: list[float]) -> list[float | None]:
    """None in a few rows."""
    return [None if i in NAN_ROWS else x for i, x in enumerate(values)]


# How to make a column of that kind from floats, and which type comes out of it.
KINDS: dict[str, tuple[Callable[[Array], Any], type]] = {
    "list": (lambda x: x.tolist(), list),
    "numpy": (lambda x: x, np.ndarray),
    "pandas": (lambda x: pd.Series(x, name="price"), pd.Series),
    "pandas nullable": (lambda x: pd.Series(x.tolist(), dtype="Float64"), pd.Series),
    "pandas on arrow": (lambda x: pd.Series(x.tolist(), dtype="double[pyarrow]"), pd.Series),
    "polars": (lambda x: pl.Series("price", x), pl.Series),
    "arrow": (lambda x: pa.array(x), pa.DoubleArray),
    "arrow chunked": (lambda x: pa.chunked_array([x[:7], x[7:7], x[7:]]), pa.ChunkedArray),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def as_floats(result: Any) -> Array:
    """A column of any kind as NumPy."""
    return np.asarray(result.to_numpy() if hasattr(result, "to_numpy") else result, np.float64)


@every_kind
@pytest.mark.parametrize("name", NAMES)
def test_the_same_kind_comes_out(name: str, kind: str) -> None:
    """For every row of the catalogue, by function and by class, one output or several."""
    make_column, out = KINDS[kind]
    columns = columns_of(name, rng_of("frames", name), 60)
    expected = stacked(function(name)(*columns))
    for result in (function(name)(*map(make_column, columns)), make(name).batch(*map(make_column, columns))):
        parts = result if len(ROWS[name]["outputs"]) > 1 else (result,)
        if len(parts) > 1:
            assert list(result._fields) == [output["name"] for output in ROWS[name]["outputs"]]
        for part, values in zip(parts, expected, strict=True):
            assert type(part) is out
            assert_same_bits(as_floats(part), values, f"{name} from {kind}")


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("pandas", lambda x: pd.Series(with_nulls(x))),
        ("pandas Float64", lambda x: pd.Series(with_nulls(x), dtype="Float64")),
        ("pandas Int64", lambda x: pd.Series(with_nulls([int(v) for v in x]), dtype="Int64")),
        ("pandas on arrow", lambda x: pd.Series(with_nulls(x), dtype="double[pyarrow]")),
        (
            "pandas on arrow ints",
            lambda x: pd.Series(with_nulls([int(v) for v in x]), dtype="int32[pyarrow]"),
        ),
        ("polars", lambda x: pl.Series(with_nulls(x))),
        ("polars ints", lambda x: pl.Series(with_nulls([int(v) for v in x]))),
        ("polars Float32", lambda x: pl.Series(with_nulls([float(int(v)) for v in x]), dtype=pl.Float32)),
        ("arrow", lambda x: pa.array(with_nulls(x))),
        ("arrow ints", lambda x: pa.array(with_nulls([int(v) for v in x]))),
        ("arrow chunked", lambda x: pa.chunked_array([with_nulls(x)[:10], with_nulls(x)[10:]])),
    ],
)
def test_a_null_is_a_row_that_does_not_count(kind: str, column: Callable[[list[float]], Any]) -> None:
    """NaN in its row, and the rows around it as if it were not there."""
    values = [100.0 + (i * i) % 7 for i in range(40)]
    kept = [x for i, x in enumerate(values) if i not in NAN_ROWS]
    result = as_floats(fc.sma(column(values), period=4))
    assert np.isnan(result[list(NAN_ROWS)]).all(), kind
    assert_same_bits(np.delete(result, NAN_ROWS), fc.sma(np.array(kept), period=4), kind)


# ----------------------------------------------------------------------------------------------- NumPy
NUMBERS = ["e", "f", "d", "g", "b", "h", "i", "q", "l", "B", "H", "I", "Q", "L", "?"]


@pytest.mark.parametrize("code", NUMBERS)
def test_every_kind_of_number_is_taken(code: str) -> None:
    """Half to long double, 8 to 64 bits with and without sign, bool; in both byte orders."""
    column = (np.arange(60) ** 2 % 23).astype(code)
    expected = fc.sma(column.astype(np.float64), period=5)
    for taken in (column, column.astype(column.dtype.newbyteorder())):
        result = fc.sma(taken, period=5)
        assert result.dtype == np.float64
        assert_same_bits(result, expected, f"dtype {taken.dtype}")


def packed(column: Array) -> Array:
    """The same values at addresses that are no multiple of 8."""
    field: Array = np.zeros(len(column), [("pad", "i1"), ("x", "<f8")])["x"]
    field[:] = column
    assert not field.flags.aligned
    return field


def read_only(column: Array) -> Array:
    """The same, not to be written."""
    copy = column.copy()
    copy.setflags(write=False)
    return copy


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "every third": lambda x: np.repeat(x, 3)[::3],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "column of rows": lambda x: np.stack([x, x + 1], 1)[:, 0],
    "column of a Fortran matrix": lambda x: np.asfortranarray(np.stack([x, x + 1], 1))[:, 0],
    "unaligned": packed,
    "read-only": read_only,
    "row of a matrix": lambda x: np.stack([x, x + 1])[0],
    "same value everywhere": lambda x: np.broadcast_to(x[:1], len(x)),
    "array.array": lambda x: array.array("d", x.tolist()),
    "memoryview": lambda x: memoryview(x),
    "tuple": lambda x: tuple(x.tolist()),
    "list of NumPy numbers": lambda x: list(x),
    "pandas Index": lambda x: pd.Index(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_taken(layout: str) -> None:
    """And left as it was."""
    for name in ("SMA", "ATR", "MFI"):
        columns = [LAYOUTS[layout](x) for x in columns_of(name, rng_of("layout", name), 50)]
        plain = [np.array(list(x), np.float64) for x in columns]
        assert_same_bits(
            stacked(function(name)(*columns)), stacked(function(name)(*plain)), f"{name} of {layout}"
        )
        for column, values in zip(columns, plain, strict=True):
            assert_same_bits(np.array(list(column), np.float64), values, "the input")


def test_columns_in_a_file_are_taken(tmp_path: Path) -> None:
    """A memory map gives a plain array."""
    column = columns_of("SMA", rng_of("mmap"), 50)[0]
    mapped = np.memmap(tmp_path / "column", np.float64, "w+", shape=50)
    mapped[:] = column
    assert_same_bits(fc.sma(mapped, period=3), fc.sma(column, period=3), "memory map")


def test_a_masked_value_is_not_used() -> None:
    """A mask says that there is no value, whatever lies under it: a row that does not count, or an error."""
    masked = np.ma.masked_array([1.0, 999.0, 3.0, 4.0], mask=[False, True, False, False])
    try:
        result = fc.sma(masked, period=2)
    except (TypeError, fc.InputError):
        return
    assert_same_bits(np.ma.filled(result, np.nan), [np.nan, np.nan, 2.0, 3.5], "masked")


@every_kind
def test_no_rows_in_no_rows_out(kind: str) -> None:
    """Of the same kind."""
    make_column, out = KINDS[kind]
    empty = make_column(np.zeros(0))
    for result in (fc.sma(empty), fc.SMA(3).batch(empty), *fc.macd(empty), *fc.donchian(empty, empty)):
        assert type(result) is out
        assert len(result) == 0


# ---------------------------------------------------------------------------------------- frame by frame
INDEXES: dict[str, Any] = {
    "times": pd.date_range("2024-01-01", periods=20, freq="min", tz="UTC"),
    "backwards": pd.RangeIndex(20, 0, -1),
    "repeated": pd.Index([1, 1] * 10),
    "text": pd.Index(list("abcdefghijklmnopqrst"), name="letters"),
    "two levels": pd.MultiIndex.from_product([["a", "b"], range(10)]),
}


@pytest.mark.parametrize("index", INDEXES)
def test_pandas_keeps_index_and_name(index: str) -> None:
    """Row by row, not sorted and not aligned."""
    series = pd.Series(np.arange(20.0), index=INDEXES[index], name="close")
    for result in (fc.ema(series, period=3), *fc.bbands(series, period=3), fc.SMA(2).batch(series)):
        pd.testing.assert_index_equal(result.index, series.index, exact=True)
        assert result.name == "close"
        assert result.dtype == np.float64


def test_a_frame_of_bars_by_its_columns() -> None:
    """Columns of a DataFrame, with its index; assigned back they fit."""
    h, l, c, v = columns_of("MFI", rng_of("bars"), 30)  # noqa: E741
    frame = pd.DataFrame({"h": h, "l": l, "c": c, "v": v}, index=pd.date_range("2024-01-01", periods=30))
    frame["atr"] = fc.atr(frame.h, frame.l, frame.c, period=3)
    assert_same_bits(frame["atr"].to_numpy(), fc.atr(h, l, c, period=3), "assigned")
    polars = pl.DataFrame({"h": h, "l": l, "c": c, "v": v})
    mfi = polars.with_columns(
        fc.mfi(polars["h"], polars["l"], polars["c"], polars["v"], period=3).alias("mfi")
    )
    assert_same_bits(mfi["mfi"].to_numpy(), fc.mfi(h, l, c, v, period=3), "with_columns")


def test_a_subclass_of_series_stays_one() -> None:
    """As pandas' own methods do."""

    class Prices(pd.Series):
        @property
        def _constructor(self) -> type:
            return Prices

    result = fc.sma(Prices([1.0, 2.0, 3.0], name="p"), period=2)
    assert type(result) is Prices
    assert result.name == "p"


def test_polars_keeps_the_name_and_takes_chunks() -> None:
    """A series of several chunks, and a slice of one."""
    whole = pl.Series("close", [float(i * i % 11) for i in range(30)])
    chunked = whole[:10].append(whole[10:])
    assert chunked.n_chunks() == 2
    expected = fc.sma(whole.to_numpy(), period=4)
    for series in (whole, chunked, pl.concat([whole, whole])[30:]):
        result = fc.sma(series, period=4)
        assert result.name == "close"
        assert result.dtype == pl.Float64
        assert_same_bits(result.to_numpy(), expected, "polars")


def test_arrow_takes_slices_and_chunks() -> None:
    """Offsets into buffers, empty chunks, no chunks."""
    whole = pa.array([float(i * i % 11) for i in range(30)])
    expected = fc.sma(whole.to_numpy()[5:25], period=4)
    sliced = fc.sma(whole.slice(5, 20), period=4)
    assert sliced.type == pa.float64()
    assert_same_bits(sliced.to_numpy(zero_copy_only=False), expected, "slice")
    chunked = fc.sma(pa.chunked_array([whole.slice(5, 3), whole.slice(0, 0), whole.slice(8, 17)]), period=4)
    assert isinstance(chunked, pa.ChunkedArray)
    assert_same_bits(chunked.to_numpy(), expected, "chunks")
    assert len(fc.sma(pa.chunked_array([], pa.float64()))) == 0


def test_mixed_kinds_give_the_first_that_is_no_array() -> None:
    """NumPy beside pandas gives pandas, with its index."""
    h, l, c = columns_of("ATR", rng_of("mixed"), 20)  # noqa: E741
    close = pd.Series(c, index=range(100, 120), name="c")
    for result in (
        fc.atr(h, l, close, period=3),
        fc.atr(h.copy(), pd.Series(l, close.index, name="c"), c, period=3),
    ):
        assert isinstance(result, pd.Series)
        assert result.index[0] == 100
        assert_same_bits(result.to_numpy(), fc.atr(h, l, c, period=3), "mixed")


@every_kind
def test_a_batch_by_frames_goes_on_from_the_state(kind: str) -> None:
    """Half by frames, half by NumPy: as one."""
    make_column, _ = KINDS[kind]
    column = columns_of("SMA", rng_of("state"), 40)[0]
    one = fc.KAMA(5)
    parts = [as_floats(one.batch(make_column(column[:25]))), as_floats(one.batch(column[25:]))]
    assert_same_bits(np.concatenate(parts), fc.kama(column, period=5), kind)
