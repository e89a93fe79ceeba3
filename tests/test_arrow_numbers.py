"""Arrow's columns as NumPy's and back, without pandas: the values that Arrow itself would give."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore._arrow_numbers import floats, numbers, texts_to_arrow, to_arrow
from hypothesis import given
from hypothesis import strategies as st

KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")


@pytest.mark.parametrize("kind", [*KINDS, "bool_", "float16"])
@given(data=st.data())
def test_numbers_are_those_of_arrow_wherever_a_part_begins(kind: str, data: st.DataObject) -> None:
    whole = st.booleans() if kind == "bool_" else st.integers(0, 100)
    if kind == "float16":
        whole = whole.map(np.float16)
    values = data.draw(st.lists(st.none() | whole, max_size=40))
    array = pa.array(values, getattr(pa, kind)())
    at = data.draw(st.integers(0, len(values)))
    part = array[at : at + data.draw(st.integers(0, 40))]
    got = numbers(part, 1)
    expected = np.array([1 if value is None else value for value in part.to_pylist()], got.dtype)
    assert got.dtype == np.dtype(kind.rstrip("_"))
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(
        np.asarray(floats(pa, part), np.float64),
        np.array([np.nan if value is None else value for value in part.to_pylist()], np.float64),
    )


@pytest.mark.parametrize("kind", ["int64", "uint8", "float64", "bool"])
@pytest.mark.parametrize("chunks", [[], [[]], [[1, 0]], [[1], [], [0, None]], [[None], [None]]])
def test_floats_of_several_parts_follow_each_other(kind: str, chunks: list[list[Any]]) -> None:
    column = pa.chunked_array([pa.array(chunk).cast(kind) for chunk in chunks], kind)
    got = np.asarray(floats(pa, column), np.float64)
    flat = [np.nan if value is None else float(value) for chunk in chunks for value in chunk]
    np.testing.assert_array_equal(got, np.array(flat, np.float64))


@pytest.mark.parametrize("values", [[80.0, 25.0, None, 83.0], [None], [1, None, 2], [True, None]])
def test_a_null_among_numbers_of_a_dictionary_is_none_of_them(values: list[Any]) -> None:
    """Of several parts it was the dictionary's last value."""
    whole = pa.array(values).dictionary_encode()
    for column in (whole, pa.chunked_array([whole]), pa.chunked_array([whole[:1], whole[1:]])):
        expected = [np.nan if value is None else float(value) for value in values]
        np.testing.assert_array_equal(np.asarray(floats(pa, column), np.float64), expected)


def test_a_tick_whose_price_is_a_null_of_a_dictionary_is_invalid() -> None:
    prices = pa.array([80.0, 25.0, None, 83.0]).dictionary_encode()
    ts = np.arange(4) * 10**9 + 1_700_000_000 * 10**9
    engine = fc.Engine({"price": fc.SMA(1)})
    rows = engine.run(pa.table({"ts": ts, "price": prices, "symbol": ["A"] * 4}))
    assert rows["price"].to_pylist() == [80.0, 25.0, 25.0, 83.0]
    assert engine.ledger["invalid"] == 1


def test_numbers_lie_where_arrow_has_them() -> None:
    array = pa.array(np.arange(10.0))
    assert numbers(array[3:]).ctypes.data == array.buffers()[1].address + 24
    assert not numbers(array).flags.writeable


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8))
def test_texts_are_those_of_arrow(texts: list[str]) -> None:
    array = texts_to_arrow(pa, texts)
    array.validate(full=True)
    assert array.equals(pa.array(texts, pa.string()))


def test_arrays_are_those_of_arrow() -> None:
    ticks = np.zeros(5, [("ts", "<i8"), ("price", "<f8")])
    ticks["ts"], ticks["price"] = np.arange(5) * 10**18, [1.5, np.nan, -0.0, 5e-324, 1e300]
    for array, kind in ((ticks["ts"], pa.timestamp("ns", "UTC")), (ticks["price"], pa.float64())):
        made = to_arrow(pa, array, kind)
        made.validate(full=True)
        assert made.type == kind
        back = (
            made.to_numpy(zero_copy_only=False) if kind == pa.float64() else made.cast(pa.int64()).to_numpy()
        )
        assert back.tobytes() == array.tobytes()


def test_files_are_read_and_rows_written_without_pandas(tmp_path: Path) -> None:
    """It is installed here, and Arrow imports it wherever it can."""
    assert find_spec("pandas") is not None

    ticks = {"ts_ns": np.arange(9) + 10**18, "price": np.ones(9), "symbol": ["A", "B", "A"] * 3}
    pq.write_table(pa.table(ticks), tmp_path / "a.parquet")
    program = f"""
import sys
import fastcore as fc
from fastcore import jobs
from fastcore.feeds.convert import convert
from fastcore.feeds.files import read_ticks
from fastcore.loop import run
from fastcore.sinks import ParquetSink
jobs.replay([{str(tmp_path / "a.parquet")!r}], out={str(tmp_path / "rows.parquet")!r})
convert({str(tmp_path / "a.parquet")!r}, {str(tmp_path / "b.parquet")!r})
feed, sink = read_ticks({str(tmp_path / "b.parquet")!r}), ParquetSink({str(tmp_path / "sink")!r})
run(fc.TickLoop(fc.Engine({{"sma": fc.SMA(2)}}), feed, sinks=[sink]).run())
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
    rows = pq.read_table(tmp_path / "rows.parquet")
    assert rows["symbol"].to_pylist() == ["A", "B", "A"] * 3
    assert not any(field.nullable for field in rows.schema)
    (kept,) = (tmp_path / "sink").glob("*.parquet")
    assert pq.read_table(kept)["symbol"].to_pylist() == ["A", "B", "A"] * 3
