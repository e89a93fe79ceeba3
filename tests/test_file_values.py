"""What tick files hold in other types than the usual, and files that cannot be written."""

from __future__ import annotations

import decimal
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore import TICK, FileFeedError, InputError, jobs
from fastcore._row_writer import RowWriter
from fastcore.feeds import TickBatch
from fastcore.feeds.column_file import ColumnFile, ColumnWriter
from fastcore.feeds.convert import convert
from fastcore.feeds.demo import demo_market
from fastcore.feeds.files import read_ticks

T0 = 1_700_000_000_000_000_000
BASE: dict[str, Any] = {"ts": [T0, T0 + 1, T0 + 2], "symbol": ["A", "B", "A"], "price": [1.0, 2.0, 3.0]}
D = decimal.Decimal


def read(path: Path) -> tuple[dict[str, list[Any]], list[str]]:
    """The fields of a file, and the name of each row's symbol."""
    (batch,) = read_ticks(path)
    fields = {name: batch.ticks[name].tolist() for name in TICK.names or ()}
    return fields, [batch.symbols[code] for code in fields["symbol"]]


def dictionary(values: list[Any]) -> pa.Array:
    return pa.array(values).dictionary_encode()


CASES: dict[str, tuple[dict[str, Any], str, list[Any]]] = {
    "decimal prices": (
        {"price": pa.array([D("3.00000"), D("61837.63000"), D("0.10000")], pa.decimal128(20, 5))},
        "price",
        [3.0, 61837.63, 0.1],
    ),
    "prices in views of text": (
        {"price": pa.array(["1.5", "2", "3"], pa.string_view())},
        "price",
        [1.5, 2, 3],
    ),
    "prices by dictionary": ({"price": dictionary(["1.5", "2", "3"])}, "price", [1.5, 2.0, 3.0]),
    "times in views of text": (
        {"ts": pa.array(["2023-11-14T22:13:20Z"] * 3, pa.string_view())},
        "ts",
        [T0] * 3,
    ),
    "times by dictionary": ({"ts": dictionary([T0, T0, T0 + 5])}, "ts", [T0, T0, T0 + 5]),
    "unsigned ids": ({"id": pa.array([1, 2**63 + 5, None], pa.uint64())}, "id", [1, 0, 0]),
    "ids as floats": ({"id": pa.array([5.0, None, 2.0**60])}, "id", [5, 0, 0]),
    "ids as decimals": (
        {"id": pa.array([D(2**60 + 1), None, D(10**25)], pa.decimal128(38, 0))},
        "id",
        [2**60 + 1, 0, 0],
    ),
    "ids as text of floats": ({"id": ["5.0", "6.00", "7.5"]}, "id", [5, 6, 0]),
    "sides as floats": ({"side": pa.array([1.0, -1.0, None])}, "side", [1, -1, 0]),
}


@pytest.mark.parametrize("case", CASES)
def test_types_of_other_writers(case: str, tmp_path: Path) -> None:
    """Decimals were off in the last digit, views and dictionaries not read, ids beyond 63 bits negative."""
    columns, field, expected = CASES[case]
    pq.write_table(pa.table(BASE | columns), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[0][field] == expected


def test_names_may_be_bytes(tmp_path: Path) -> None:
    """They were called "b'A'"; those that are no UTF-8 stay two."""
    pq.write_table(pa.table(BASE | {"symbol": [b"A", b"\xff", b"\xfe"]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[1] == ["A", "\\xff", "\\xfe"]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["B", "A"])])
def test_what_polars_writes(kind: Any, tmp_path: Path) -> None:
    frame = pl.DataFrame(BASE).with_columns(
        pl.col("symbol").cast(kind), pl.col("ts").cast(pl.Datetime("ns", "UTC"))
    )
    frame.write_parquet(tmp_path / "a.parquet")
    fields, names = read(tmp_path / "a.parquet")
    assert (fields["ts"], fields["price"], names) == (BASE["ts"], BASE["price"], BASE["symbol"])


def test_the_times_of_an_index_without_a_name(tmp_path: Path) -> None:
    """As pandas writes it."""
    pd.DataFrame({"price": [1.0, 2.0]}, index=pd.DatetimeIndex([T0, T0 + 1])).to_parquet(
        tmp_path / "a.parquet"
    )
    assert read(tmp_path / "a.parquet")[0]["ts"] == [T0, T0 + 1]


def test_lines_that_end_in_cr_alone_are_a_sentence(tmp_path: Path) -> None:
    """They were said to have no header."""
    (tmp_path / "a.csv").write_bytes(b"ts,price\r1700000000000000000,1.0\r")
    with pytest.raises(FileFeedError, match="has lines that end in CR alone"):
        read_ticks(tmp_path / "a.csv")


# ---- what is asked for ----


def test_one_path_is_a_file_and_endings_may_be_large(tmp_path: Path) -> None:
    """The letters of a path were taken for files."""
    (tmp_path / "a.csv").write_text(f"ts,price\n{T0},1.5\n")
    assert convert(str(tmp_path / "a.csv"), tmp_path / "B.FCT") == 1
    assert convert(tmp_path / "B.FCT", tmp_path / "C.CSV") == 1


def test_impossible_conversions_are_sentences(tmp_path: Path) -> None:
    """Nothing is written; a file that is appended to itself grew for ever."""
    source = tmp_path / "a.csv"
    source.write_text(f"ts,price\n{T0},1.5\n")
    convert(source, tmp_path / "a.fct")
    cases: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
        ([], "b.fct", {}, TypeError, "files must be a path, or a sequence of paths that is not empty, not"),
        (source, "no/b.fct", {}, FileFeedError, "b.fct cannot be written: there is no folder"),
        (source, "no/b.csv", {}, FileFeedError, "b.csv cannot be written: there is no folder"),
        (source, "no/b.parquet", {}, FileFeedError, "b.parquet cannot be written: there is no folder"),
        (tmp_path / "a.fct", "a.fct", {"append": True}, FileFeedError, "is read from: append to another"),
        (source, "b.fct", {"batch": "3"}, TypeError, "batch must be a whole number, not '3'"),
        (source, "b.fct", {"columns": ["price"]}, TypeError, "columns must be a mapping or None"),
        (source, "b.fct", {"progress": 3}, TypeError, "progress must be callable or None, not 3"),
    ]
    for files, out, options, error, sentence in cases:
        with pytest.raises(error, match=sentence):
            convert(files, tmp_path / out, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.fct"]
    assert ColumnFile(tmp_path / "a.fct").rows == 1


def test_a_batch_that_is_refused_leaves_no_names(tmp_path: Path) -> None:
    """A file by columns kept the names of a batch whose ticks it had not."""
    ticks = np.zeros(1, TICK)
    ticks["symbol"] = 7
    with ColumnWriter(tmp_path / "a.fct") as writer:
        with pytest.raises(InputError, match="a batch of 1 symbols has ticks of 7"):
            writer.append(TickBatch(ticks, ["WRONG"]))
        writer.append(TickBatch(np.zeros(1, TICK), ["RIGHT"]))
    assert ColumnFile(tmp_path / "a.fct").symbols == ["RIGHT"]


def test_a_file_by_columns_that_was_cut_short_is_told(tmp_path: Path) -> None:
    """What was counted and is not there was passed over, and a writer cut it off."""
    path = tmp_path / "a.fct"
    with ColumnWriter(path) as writer:
        for batch in demo_market(ticks=100_000):
            writer.append(batch)
    whole = path.stat().st_size
    os.truncate(path, whole - 1)
    rows = 0
    with pytest.raises(FileFeedError, match=r"a\.fct is cut short: the block at byte .* of its"):
        for block in ColumnFile(path).blocks():
            rows += len(block)
    assert rows == 65_536
    for work in (
        lambda: list(ColumnFile(path).select(["demo:ES"])),
        lambda: ColumnFile(path).verify(),
        lambda: ColumnWriter(path),
        lambda: convert(path, tmp_path / "b.csv"),
    ):
        with pytest.raises(FileFeedError, match="is cut short"):
            work()
    assert os.listdir(tmp_path) == ["a.fct"]
    assert path.stat().st_size == whole - 1


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    """What was appended after the end waited for ever."""
    writer = ColumnWriter(tmp_path / "a.fct")
    writer.close()
    with pytest.raises(FileFeedError, match="is closed: nothing can be appended"):
        writer.append(TickBatch(np.zeros(1, TICK), ["A"]))
    writer.close()
    with (
        ColumnWriter(tmp_path / "a.fct") as again,
        pytest.raises(TypeError, match="batch must be a TickBatch"),
    ):
        again.append(5)  # type: ignore[arg-type]


# ---- what cannot be written ----


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may have more than 300 KB: as a full disk, but for the number of the error."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    with ColumnWriter(tmp_path / "long.fct") as writer:
        for batch in demo_market(ticks=100_000):
            writer.append(batch)
    return tmp_path / "long.fct"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "fct"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    suffix: str, long_file: Path, small_files: None
) -> None:
    """With the name that was asked for, not of the part beside it."""
    out = long_file.with_name(f"out.{suffix}")
    with pytest.raises(FileFeedError, match=f"out.{suffix} cannot be written: File too large"):
        convert(long_file, out)
    assert os.listdir(out.parent) == ["long.fct"]


def test_rows_on_a_full_disk_are_a_sentence_and_leave_nothing(long_file: Path, small_files: None) -> None:
    with pytest.raises(FileFeedError, match=r"rows\.parquet cannot be written: File too large"):
        jobs.replay([long_file], out=long_file.with_name("rows.parquet"))
    assert os.listdir(long_file.parent) == ["long.fct"]


@pytest.mark.parametrize("ending", ["finish", "close"])
def test_rows_that_cannot_be_ended_leave_nothing(ending: str, tmp_path: Path) -> None:
    """A file that refuses its last bytes refused to be removed as well."""
    writer = RowWriter(tmp_path / "rows.parquet", [], ["ema"])

    class Full:
        def close(self) -> None:
            raise OSError(28, "No space left on device")

    real, writer._file = writer._file, Full()
    if ending == "finish":
        with pytest.raises(FileFeedError, match=r"rows\.parquet cannot be written: No space left on device"):
            writer.finish()
    writer.close()
    assert os.listdir(tmp_path) == []
    real.close()


def test_the_command_says_which_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"ts,price\n{T0},1.5\n")
    command = [sys.executable, "-m", "fastcore", "convert", str(tmp_path / "a.csv"), "--out"]
    done = subprocess.run([*command, str(tmp_path / "no" / "b.parquet")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "b.parquet cannot be written: there is no folder" in " ".join(done.stderr.split())
