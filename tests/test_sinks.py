"""Files of rows: whole or not there, equal to what the engine said, going on where an earlier run ended."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import TickBatch
from fastcore.loop import Outlet, Rows
from fastcore.sinks import ArrowSink, ParquetSink
from loops import NAMES, PLAN, TickLoop, cut, ran, same, stream, whole

SINKS = (ParquetSink, ArrowSink)


def table(path: Path) -> Any:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_files_hold_what_the_engine_said(kind: Any, compression: str | None, tmp_path: Path) -> None:
    """Over several files and groups: every tick with its outcome, every output bit for bit."""
    ticks = stream(1000)
    ticks["price"][500] = np.nan
    sink = kind(tmp_path / "deep" / "folder", rotate_rows=300, group=64, compression=compression)
    ran(TickLoop(fc.Engine(PLAN), cut(ticks, [37]), sinks=[sink], batch=100))
    rows, outcomes = whole(ticks)
    tables = [table(path) for path in sink.paths]
    assert [len(one) for one in tables] == [300, 300, 300, 100]
    assert sorted(path.name for path in sink.paths[0].parent.iterdir()) == [
        f"rows-00000{n}{sink.suffix}" for n in (1, 2, 3, 4)
    ]
    joined = {name: [v for one in tables for v in one[name].to_pylist()] for name in tables[0].column_names}
    assert [NAMES[code] for code in ticks["symbol"]] == joined["symbol"]
    assert [fc.OUTCOMES[code] for code in outcomes] == joined["outcome"]
    assert (
        np.concatenate([one["ts"].to_numpy() for one in tables]).astype(np.int64).tolist()
        == ticks["ts"].tolist()
    )
    for field in ("price", "size", "id", "side"):
        assert same(np.array(joined[field], ticks[field].dtype), np.ascontiguousarray(ticks[field]))
    for place, column in enumerate(fc.Engine(PLAN).columns):
        assert same(np.array(joined[column]), np.ascontiguousarray(rows[:, place])), column


@pytest.mark.parametrize("kind", SINKS)
def test_a_file_has_its_name_when_it_is_whole(kind: Any, tmp_path: Path) -> None:
    """Until then it is another: a reader that lists the folder never opens half of one."""
    ticks = stream(100)
    matrix, outcomes = whole(ticks)
    rows = Rows(ticks, NAMES, matrix, outcomes, list(fc.Engine(PLAN).columns))

    async def main() -> tuple[list[str], list[str]]:
        sink = kind(tmp_path, rotate_rows=150, group=10)
        await sink.open(rows.columns)
        await sink.write(rows)
        half = sorted(path.name for path in tmp_path.iterdir())
        await sink.write(rows)
        await sink.close()
        return half, sorted(path.name for path in tmp_path.iterdir())

    half, end = asyncio.run(main())
    suffix = kind.suffix
    assert half == [f"rows-000001{suffix}.part"]
    assert end == [f"rows-000001{suffix}", f"rows-000002{suffix}"]


def test_a_restart_goes_on_counting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that is there is overwritten; a file that a crash left is kept, and named in the log."""
    (tmp_path / "rows-000007.parquet.part").write_bytes(b"half")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            ran(TickLoop(fc.Engine(PLAN), cut(stream(10), [10]), sinks=[ParquetSink(tmp_path)]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "rows-000007.parquet.part",
        "rows-000008.parquet",
        "rows-000009.parquet",
    ]
    assert "rows-000007.parquet.part was left unfinished by an earlier run" in caplog.text


@pytest.mark.parametrize("kind", SINKS)
def test_sinks_may_share_a_folder(kind: Any, tmp_path: Path) -> None:
    """Each takes numbers that the other has not; they wrote into one file, and lost half."""
    sinks = [kind(tmp_path, rotate_rows=100, group=50) for _ in range(2)]
    outlets = [Outlet(sink, name=name) for name, sink in zip("ab", sinks, strict=True)]
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(1000), [50]), sinks=outlets, batch=50))["sinks"]
    assert stats["a"]["written"] == stats["b"]["written"] == 1000
    for sink in sinks:
        ids = [number for path in sink.paths for number in table(path)["id"].to_pylist()]
        assert ids == list(range(1, 1001))
    assert sorted(path.name for sink in sinks for path in sink.paths) == sorted(
        path.name for path in tmp_path.iterdir()
    )


@pytest.mark.parametrize("kind", SINKS)
def test_names_of_several_feeds_become_one(kind: Any, tmp_path: Path) -> None:
    """Each feed numbers its symbols on its own; the file has each name once."""
    one, other = stream(50), stream(50, seed=2)
    other["ts"] += 10**15
    sink = kind(tmp_path, group=1)
    ran(TickLoop(fc.Engine(PLAN), [cut(one, [10]), cut(other, [10], NAMES[::-1])], sinks=[sink]))
    names = sorted(table(sink.paths[0])["symbol"].to_pylist())
    expected = [NAMES[code] for code in one["symbol"]] + [NAMES[::-1][code] for code in other["symbol"]]
    assert names == sorted(expected)


def test_only_what_was_taken_if_so_asked(tmp_path: Path) -> None:
    """And an output that is called as a field of a tick takes a prefix."""
    ticks = stream(30, symbols=1)
    ticks["price"][3] = -1
    sink = ParquetSink(tmp_path, taken_only=True)
    ran(TickLoop(fc.Engine({"price": fc.EMA(2)}), cut(ticks, [30]), sinks=[sink]))
    read = table(sink.paths[0])
    assert len(read) == 29
    assert "output.price" in read.column_names
    assert set(read["outcome"].to_pylist()) == {"accepted"}


def test_a_run_without_rows_leaves_no_file(tmp_path: Path) -> None:
    """Nothing came: nothing is there."""
    ran(TickLoop(fc.Engine(PLAN), [[]], sinks=[ParquetSink(tmp_path)]))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """Before a tick is taken."""
    (tmp_path / "file").write_text("")
    engine = fc.Engine(PLAN)
    with pytest.raises(OSError, match="file"):
        ran(TickLoop(engine, cut(stream(10), [10]), sinks=[ParquetSink(tmp_path / "file")]))
    assert engine.ledger["received"] == 0


def test_impossible_options_are_sentences(tmp_path: Path) -> None:
    """They name the sink, the option and the value."""
    for options, sentence in (
        ({"group": 0}, "ParquetSink: group must be a whole number of rows above 0, not 0"),
        ({"rotate_rows": 1.5}, "rotate_rows must be a whole number of rows above 0, not 1.5"),
        ({"prefix": "a/b"}, "prefix must be the beginning of a file name, not 'a/b'"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            ParquetSink(tmp_path, **options)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Files of this process can be no longer: what a full disk is to those who write."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("rotate", [1_300, 10_000_000])
@pytest.mark.parametrize("more", [-(10**6), 3_000, 40_000, 77_777])
@pytest.mark.parametrize("taken_only", [False, True])
def test_a_disk_that_is_full_for_a_while_costs_what_is_counted(
    kind: Any, rotate: int, more: int, taken_only: bool, tmp_path: Path
) -> None:
    """What is written can be read, in files that are whole; the rest is lost; later rows are in new files."""
    ticks = stream(8_000)
    ticks["price"][::50] = np.nan
    sink = kind(tmp_path, group=500, rotate_rows=rotate, compression=None, taken_only=taken_only)
    outlet = Outlet(sink, failures=1000)

    async def feed() -> AsyncIterator[TickBatch]:
        batches = cut(ticks, [100])
        for batch in batches[:30]:
            yield batch
        while outlet.counts()["pending"] or not outlet.counts()["written"]:
            await asyncio.sleep(0)
        now = max(path.stat().st_size for path in tmp_path.glob("*.part"))
        with files_up_to(max(10, now + more)):
            for batch in batches[30:50]:
                yield batch
            for _ in range(1000):
                await asyncio.sleep(0)
            while outlet.counts()["pending"]:
                await asyncio.sleep(0)
        for batch in batches[50:]:
            yield batch

    ran(TickLoop(fc.Engine(PLAN), feed(), sinks=[outlet], batch=100))
    counts = outlet.counts()
    named = {path for path in tmp_path.iterdir() if path.suffix != ".part"}
    assert set(sink.paths) == named
    if more > 0 or kind is ParquetSink:
        assert named == set(tmp_path.iterdir())
    read = [number for path in sorted(sink.paths) for number in table(path)["id"].to_pylist()]
    left_out = np.isnan(ticks["price"]).sum() if taken_only else 0
    # What is left out was asked to be: it counts as written, lost or not.
    assert counts["written"] - left_out <= len(read) <= counts["written"]
    if not taken_only:
        assert len(read) == counts["written"]
    assert counts["written"] + counts["lost"] == len(ticks)
    assert sink.lost == counts["lost"]
    assert counts["failures"] > 0 or more > 3_000  # a file that rotates may stay below it
    assert read == [number for number in ticks["id"].tolist() if number in set(read)]
    assert read[-1] == ticks["id"][-1]
    if kind is ArrowSink and more > 0:
        assert set(ticks["id"][1:49].tolist()) <= set(read)  # groups before the failure are kept


@pytest.mark.parametrize("kind", SINKS)
def test_a_file_that_cannot_be_finished_is_lost_and_counted(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is refused: it does not get its name."""

    def broken(_: int) -> None:
        raise OSError("Input/output error")

    outlet = Outlet(sink := kind(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        ran(TickLoop(fc.Engine(PLAN), cut(stream(100), [10]), sinks=[outlet]))
    assert sink.paths == [path for path in tmp_path.iterdir() if path.suffix != ".part"] == []
    assert (outlet.counts()["written"], outlet.counts()["lost"]) == (0, 100)
    assert outlet.counts()["failures"] == 1
