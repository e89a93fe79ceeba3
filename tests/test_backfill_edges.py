"""Backfills at their edges: odd names and files, folders that lack something, changes meanwhile."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore.feeds.files import read_ticks
from fastcore.scale import _backfill_local as local
from fastcore.scale import _partitions as partitions
from fastcore.scale import backfill
from fastcore.scale._partitions import _cut, state_path
from test_backfill import PLAN, T0, equal, rows_of, write_ticks


def write(path: Path, symbols: Any, ts: Any = None, **columns: Any) -> Path:
    """A Parquet file with a tick for each symbol given, as Arrow writes them."""
    count = len(symbols)
    random = np.random.default_rng(len(path.name))
    table = {
        "ts_ns": T0 + np.arange(count) * 10**6 if ts is None else ts,
        "price": 100 + random.standard_normal(count).cumsum() * 0.1,
        "symbol": symbols,
        **columns,
    }
    pq.write_table(pa.table(table), path)
    return path


def check_rows(files: list[Path], folder: Path, **options: Any) -> int:
    """That a backfill cut finely has each tick once, with the bits of one engine; its partitions."""
    engine = fc.Engine(PLAN)
    expected: dict[str, list[tuple[float, ...]]] = {}
    for file in files:
        for batch in read_ticks(file):
            rows = engine.on_ticks(batch.ticks, symbols=batch.symbols, rows="all")
            for number, row in zip(batch.ticks["symbol"], rows, strict=True):
                expected.setdefault(batch.symbols[number], []).append(row)
    result = backfill(files, PLAN, folder, workers=4, **options)
    assert result.ledger == dict(engine.ledger)
    got = rows_of(folder)
    assert set(got) == set(expected)
    for name, rows in expected.items():
        mine = np.column_stack([got[name][column].to_numpy() for column in engine.columns])
        np.testing.assert_array_equal(mine, np.array(rows))
    return result.partitions


def test_a_symbol_is_one_however_files_write_it(tmp_path: Path) -> None:
    """Space around it, or bytes for text: files that share a symbol belong to one chain."""
    day = 86_400 * 10**9
    later = T0 + np.arange(60) * 10**6
    files = [
        write(tmp_path / "a.parquet", ["BTC"] * 60),
        write(tmp_path / "b.parquet", [" BTC "] * 60, later + day),
        write(tmp_path / "c.parquet", pa.array([b"BTC"] * 60), later + 2 * day),
        write(tmp_path / "d.parquet", pa.array(["BTC"] * 60).dictionary_encode(), later + 3 * day),
    ]
    assert check_rows(files, tmp_path / "out") == 1
    assert set(rows_of(tmp_path / "out")) == {"BTC"}
    numbers = [
        write(tmp_path / "e.parquet", np.array([1.0, 2.0] * 30)),
        write(tmp_path / "f.parquet", ["1.0", "3"] * 30, later + day),
    ]
    check_rows(numbers, tmp_path / "numbers")
    assert {
        chain[0][0] for chain in json.loads((tmp_path / "numbers" / "job.json").read_text())["chains"]
    } == {0}


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_the_names_of_a_file_are_those_of_its_rows_whatever_it_says_of_them(
    kind: pa.DataType, statistics: bool, tmp_path: Path
) -> None:
    """Groups of one name, of several, of none; with space, nothing or a long name."""
    groups = [
        ["A"] * 5,
        ["B", "C", "B", "B", "B"],
        [" A "] * 5,
        ["D", None, "D", "D", "D"],
        [None] * 5,
        [""] * 5,
        ["x" * 64 + "1"] * 5,
        ["x" * 64 + end for end in "12121"],
        ["日本"] * 5,
        ["e"],
    ]
    rows = [name for group in groups for name in group]
    plain = [None if name is None or kind != pa.binary() else name.encode() for name in rows]
    symbols = pa.array(plain if kind == pa.binary() else rows, kind)
    path = tmp_path / "a.parquet"
    table = pa.table({"ts_ns": T0 + np.arange(len(rows)), "price": np.ones(len(rows)), "symbol": symbols})
    pq.write_table(table, path, row_group_size=5, write_statistics=statistics)
    assert pq.ParquetFile(path).num_row_groups == len(groups)
    expected = {batch.symbols[number] for batch in read_ticks(path) for number in set(batch.ticks["symbol"])}
    assert partitions._symbols(path, {}) == expected
    assert len(expected) == 9


@pytest.mark.parametrize("values", [np.full(10, 7, np.float16), np.arange(10) // 5, [b"\x00" * 16] * 10])
def test_names_that_are_no_texts_are_those_that_reading_finds(values: Any, tmp_path: Path) -> None:
    """What a file says of such a column are bytes of it."""
    path = write(tmp_path / "a.parquet", values)
    expected = {batch.symbols[number] for batch in read_ticks(path) for number in set(batch.ticks["symbol"])}
    assert partitions._symbols(path, {}) == expected
    backfill([path], PLAN, tmp_path / "out", workers=2)


def test_a_symbol_of_a_nested_name_is_found(tmp_path: Path) -> None:
    nested = pa.array([{"ym": 1}] * 6)
    table = {"ts_ns": T0 + np.arange(6), "price": np.ones(6), "s": nested, "s.ym": ["A", "B"] * 3}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    assert partitions._symbols(tmp_path / "a.parquet", {"symbol": "s.ym"}) == {"A", "B"}


def test_a_group_of_one_name_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[int]] = []
    whole = pq.ParquetFile.iter_batches

    def noted(self: pq.ParquetFile, *, row_groups: list[int], **options: Any) -> Any:
        read.append(row_groups)
        return whole(self, row_groups=row_groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    path = write(tmp_path / "a.parquet", ["A"] * 9)
    assert partitions._distinct(path, "symbol") == {"A"} and read == []
    pq.write_table(pq.read_table(write(path, ["A"] * 4 + ["B", "A"])), path, row_group_size=4)
    assert partitions._distinct(path, "symbol") == {"A", "B"} and read == [[1]]


def test_odd_names_stay_apart(tmp_path: Path) -> None:
    names = ["日本", "🚀", "e\u0301", "é", "a/b", "..", "a\nb", "rows-0000", "?"]
    folder = tmp_path / "数据 out"
    assert check_rows([write(tmp_path / "ünï.parquet", names * 20)], folder) > 1
    assert set(rows_of(folder)) == set(names)


def test_empty_files_unsorted_ones_and_one_symbol(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    empty = write(tmp_path / "empty.parquet", pa.array([], pa.string()))
    (tmp_path / "head.csv").write_text("ts_ns,price,size\n")
    unsorted = write(tmp_path / "wild.parquet", ["A"] * 200, T0 + random.permutation(200) * 10**6)
    files = [empty, unsorted, tmp_path / "head.csv"]
    assert check_rows(files, tmp_path / "out") == 3
    assert backfill([empty], PLAN, tmp_path / "none").ledger["received"] == 0


def test_files_of_other_columns_make_one_chain(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    later = T0 + np.arange(60) * 10**6
    files = [
        write(tmp_path / "a.parquet", ["A", "B"] * 30),
        write(tmp_path / "b.parquet", ["A", "B"] * 30, later + day, price=np.arange(60), size=np.ones(60)),
        write(tmp_path / "c.parquet", ["B", "C"] * 30, later + 2 * day, size=["1"] * 60, note=["x"] * 60),
    ]
    check_rows(files, tmp_path / "out")


def test_what_is_no_file_or_comes_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", ["A"] * 9)
    (tmp_path / "again.parquet").symlink_to(file)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.parquet")
    for other, says in (
        (file, "is given twice"),
        (tmp_path / "folder" / ".." / "a.parquet", "is given twice"),
        (tmp_path / "again.parquet", r"again\.parquet is given twice, also as \S+/a\.parquet"),
        (tmp_path / "folder", "folder cannot be opened: it is a folder"),
        (tmp_path / "pipe.parquet", "cannot be opened: it is no file"),
    ):
        with pytest.raises(fc.FileFeedError, match=says):
            backfill([file, other], PLAN, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
    with pytest.raises(
        fc.BackfillError, match=r"a\.parquet cannot hold a backfill: there is a file in the place of a folder"
    ):
        backfill([file], PLAN, file, workers=1)
    with pytest.raises(fc.InputError, match="1 worker or more, not 0"):
        backfill([file], PLAN, tmp_path / "out", workers=0)
    assert backfill((one for one in [file]), PLAN, tmp_path / "out").ledger["received"] == 9  # type: ignore[arg-type]


def test_a_folder_that_lacks_something_is_refused(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.parquet", [name] * 9) for name in "ab"]
    out = tmp_path / "out"
    backfill(files, PLAN, out, workers=1)
    rows = out / "rows-0001-0000.parquet"
    kept, state, plan = rows.read_bytes(), state_path(out, 1).read_bytes(), (out / "plan.fcs").read_bytes()

    def refused(says: str) -> None:
        with pytest.raises(fc.BackfillError, match=says):
            backfill(files, PLAN, out, workers=1)

    rows.unlink()
    refused(r"rows-0001-0000\.parquet is missing, and its step is done")
    rows.write_bytes(kept)
    other = fc.Engine({"other": fc.SMA(3)})
    other.sequence = 1
    other.save(state_path(out, 1))
    refused(r"state-0001\.fcs is not of this backfill")
    other = fc.Engine(PLAN)
    other.sequence = 7
    other.save(state_path(out, 1))
    refused(r"state-0001\.fcs is not of this backfill")
    state_path(out, 1).write_bytes(state)
    (out / "plan.fcs").unlink()
    refused(r"plan\.fcs cannot be read: No such file")
    (out / "plan.fcs").write_bytes(plan)
    assert backfill(files, PLAN, out, workers=1).resumed == 2
    (out / "job.json").unlink()
    (out / "job.json").mkdir()
    refused(r"job\.json cannot be read: Is a directory")
    (out / "job.json").rmdir()
    for file in out.glob("rows-*"):
        file.unlink()
    refused(r"holds states of a backfill and no job\.json")


def test_a_file_that_changes_meanwhile_stops_the_job(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.parquet", [name] * 50) for name in "ab"]
    out = tmp_path / "out"

    def change(done: int, whole: int) -> None:
        write(files[1], ["b"] * 49)

    with pytest.raises(fc.BackfillError, match=r"b\.parquet has changed since the backfill into \S+ began"):
        backfill(files, PLAN, out, workers=1, progress=change)
    assert [file.name for file in out.glob("rows-*")] == ["rows-0000-0000.parquet"]

    def remove(done: int, whole: int) -> None:
        files[1].unlink()

    with pytest.raises(fc.FileFeedError, match=r"b\.parquet cannot be opened: No such file"):
        backfill(files, PLAN, tmp_path / "other", workers=1, progress=remove)


def test_what_progress_raises_ends_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write_ticks(tmp_path / f"{k}.parquet", k, [], count=400) for k in range(6)]
    made: list[local.WorkerProcess] = []

    class Known(local.WorkerProcess):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    def stop(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "WorkerProcess", Known)
    with pytest.raises(KeyboardInterrupt) as held:  # its traceback keeps the call's frame
        backfill(files, PLAN, tmp_path / "out", workers=2, progress=stop)
    assert made
    assert all(worker._process.returncode is not None for worker in made)
    assert held.value.__traceback__ is not None
    backfill(files, PLAN, tmp_path / "out", workers=1)
    backfill(files, PLAN, tmp_path / "one", workers=1)
    equal(rows_of(tmp_path / "out"), rows_of(tmp_path / "one"))


def test_many_files_are_cut_in_one_pass() -> None:
    """Also where each has but one symbol in common with another."""
    lone = _cut([{f"S{i}"} for i in range(20_000)], [1] * 20_000, 1)
    assert [chain.files for chain in lone] == [(i,) for i in range(20_000)]
    linked = _cut([{f"S{i}", f"S{i + 1}"} for i in range(20_000)], [1] * 20_000, 1)
    assert [chain.files for chain in linked] == [tuple(range(20_000))]


def test_the_job_is_read_once_for_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of thousands of steps read what was written of all: half the time of 1,500 files."""
    files = [write(tmp_path / f"{k}.parquet", [f"S{k}"] * 5) for k in range(12)]
    reads: list[Path] = []
    before = partitions._read
    monkeypatch.setattr(partitions, "_read", lambda folder: reads.append(folder) or before(folder))
    assert backfill(files, PLAN, tmp_path / "out", workers=1).ledger["received"] == 60
    assert len(reads) == 1
