"""Backfills: whatever the cut, the executor and the deaths, the rows are those of one engine, each once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore._row_writer import RowWriter
from fastcore.cli import main
from fastcore.feeds import TickBatch
from fastcore.feeds.files import read_ticks
from fastcore.scale import _backfill_local as local
from fastcore.scale import backfill
from fastcore.scale._partitions import _cut, open_job, state_path
from fastcore.scale._steps import run_step

T0 = 1_700_000_000_000_000_000
PLAN: dict[str, fc.Indicator] = {"ema": fc.EMA(3), "sma": fc.SMA(50), "rsi": fc.RSI(4).on("1s")}


def write_ticks(path: Path, seed: int, symbols: list[str], start: int = T0, count: int = 400) -> Path:
    """A Parquet file of ticks, some of them bad."""
    random = np.random.default_rng(seed)
    price = 100 + random.standard_normal(count).cumsum() * 0.1
    price[random.random(count) < 0.02] = np.nan
    table = {
        "ts_ns": start + random.integers(0, 60_000_000, count).cumsum(),
        "price": price,
        "size": random.integers(1, 9, count).astype(float),
    }
    if symbols:
        table["symbol"] = np.array(symbols)[random.integers(0, len(symbols), count)]
    pq.write_table(pa.table(table), path, row_group_size=150)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two days of a market of five symbols, and two symbols in files of their own."""
    folder = tmp_path / "ticks"
    folder.mkdir()
    many = ["A", "B", "C", "D", "E"]
    return [
        write_ticks(folder / "day1.parquet", 1, many),
        write_ticks(folder / "day2.parquet", 2, many, T0 + 86_400 * 10**9),
        write_ticks(folder / "BTC.parquet", 3, []),
        write_ticks(folder / "ETH.parquet", 4, []),
    ]


def plain(table: Any) -> Any:
    """Texts as texts, whatever numbers stood for them."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.string()))
    return table


def rows_of(folder: Path) -> dict[str, Any]:
    """All rows by symbol, in the order of partitions and steps."""
    whole = pa.concat_tables(plain(pq.read_table(file)) for file in sorted(folder.glob("rows-*.parquet")))
    names = whole["symbol"].unique().to_pylist()
    return {name: whole.filter(pa.compute.equal(whole["symbol"], name)) for name in names}


def one_engine(files: list[Path], folder: Path) -> dict[str, Any]:
    """The same by one engine of one process."""
    folder.mkdir()
    result = backfill(files, PLAN, folder, workers=1)
    assert len(list(folder.glob("rows-*"))) == len(files)
    engine = fc.Engine(PLAN)
    for file in files:
        for batch in read_ticks(file):
            engine.on_ticks(batch.ticks, symbols=batch.symbols)
    assert result.ledger == dict(engine.ledger)
    rows = rows_of(folder)
    for name in engine.symbols:
        last = [rows[name][column][-1].as_py() for column in engine.columns]
        np.testing.assert_array_equal(np.array(last, float), engine.symbol(name).values())
    return rows


def equal(got: dict[str, Any], expected: dict[str, Any]) -> None:
    """Bit for bit, also NaN."""
    assert set(got) == set(expected)
    for name, table in expected.items():
        assert got[name].column_names == table.column_names
        for column in table.column_names:
            a, b = got[name][column].to_numpy(), table[column].to_numpy()
            assert a.tobytes() == b.tobytes() if a.dtype != object else (a == b).all()


def test_any_number_of_workers_gives_the_rows_of_one_engine(files: list[Path], tmp_path: Path) -> None:
    expected = one_engine(files, tmp_path / "one")
    seen: list[tuple[int, int]] = []
    result = backfill(files, PLAN, tmp_path / "many", workers=2, progress=lambda a, b: seen.append((a, b)))
    equal(rows_of(tmp_path / "many"), expected)
    assert result.partitions > 3  # the market was cut, too
    assert result.resumed == 0
    assert result.ledger["received"] == 1600
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]
    again = backfill(files, PLAN, tmp_path / "many", workers=2)
    assert again.resumed == sum(len(chain) for chain in _chains(tmp_path / "many"))
    assert again.ledger == result.ledger


def _chains(folder: Path) -> list[list[int]]:
    return [files for files, _, _ in json.loads((folder / "job.json").read_text())["chains"]]


def test_a_backfill_killed_anywhere_goes_on(files: list[Path], tmp_path: Path) -> None:
    expected = one_engine(files, tmp_path / "one")
    out = tmp_path / "many"
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_backfill import *
backfill([Path(f) for f in sys.argv[2:]], PLAN, sys.argv[1], workers=1,
         progress=lambda done, whole: print(done, flush=True) or sys.stdin.readline())
"""
    command = [sys.executable, "-c", program, str(out), *map(str, files)]
    for steps in (1, 2, 1):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None and process.stdout is not None
        for _ in range(steps):
            assert int(process.stdout.readline()) > 0
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (out / "rows-0000-0001.parquet.part").write_bytes(b"half a row")
    result = backfill(files, PLAN, out, workers=1)
    assert result.resumed >= 1
    equal(rows_of(out), expected)


def test_a_step_that_died_between_rows_and_state_is_done_again(files: list[Path], tmp_path: Path) -> None:
    expected = one_engine(files, tmp_path / "one")
    out = tmp_path / "many"
    with open_job(files, fc.Engine(PLAN).snapshot(), out, {}, 2) as job:
        run_step(out, 0)
        before = state_path(out, 0).read_bytes()
        run_step(out, 0)
        state_path(out, 0).write_bytes(before)  # as if it had been killed before this was replaced
        assert job.done(0) == 1
    assert backfill(files, PLAN, out, workers=1).resumed == 1
    equal(rows_of(out), expected)


def test_rows_of_batches_of_any_size_are_all_of_them(tmp_path: Path) -> None:
    """The memory of a batch is used again for the next, and written before that."""
    random = np.random.default_rng(1)
    sizes = [5000, 3, 4096, 9000, 1]
    ticks = np.zeros(sum(sizes), fc.TICK)
    ticks["ts"] = T0 + np.arange(len(ticks))
    ticks["price"] = 100 + random.random(len(ticks))
    engine, whole = fc.Engine(PLAN), fc.Engine(PLAN)
    expected, outcomes = whole.on_ticks(ticks, symbols=["A"], rows="all", outcomes=True)
    room = np.empty((max(sizes), len(engine.columns)))
    writer = RowWriter(tmp_path / "rows.parquet", [], list(engine.columns))
    for at, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        batch = TickBatch(ticks[at : at + size], ["A"])
        rows, buckets = engine._ticks_into(room, batch.ticks, batch.symbols)
        assert np.shares_memory(rows, room)
        np.testing.assert_array_equal(buckets, outcomes[at : at + size])
        writer.rows(batch, rows, buckets)
    writer.finish()
    table = pq.read_table(tmp_path / "rows.parquet")
    for place, name in enumerate(engine.columns):
        assert table[name].to_numpy().tobytes() == expected[:, place].tobytes()
    for wrong in (room[:8], room[:, :-1], room.T, room.astype("f4"), np.asfortranarray(room)):
        with pytest.raises(fc.InputError, match="rows are written to"):
            engine._ticks_into(wrong, ticks[:9], ["A"])
    room.flags.writeable = False
    with pytest.raises(fc.InputError, match="rows are written to"):
        engine._ticks_into(room, ticks[:9], ["A"])
    assert dict(engine.ledger) == dict(whole.ledger)


def test_no_worker_is_left_when_the_job_is_refused(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[local.WorkerProcess] = []

    class Known(local.WorkerProcess):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(local, "WorkerProcess", Known)
    with pytest.raises(fc.FileFeedError, match="no such file"):
        backfill([*files, tmp_path / "none.parquet"], PLAN, tmp_path / "out", workers=3)
    assert len(made) == 3
    backfill(files[:1], PLAN, tmp_path / "out", workers=3)
    backfill(files[:1], PLAN, tmp_path / "out", workers=3)  # nothing is left to do
    assert len(made) > 4
    assert all(worker._process.returncode is not None for worker in made)


def test_workers_killed_in_the_middle_are_replaced(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = one_engine(files, tmp_path / "one")
    killed: list[int] = []

    class Mortal(local.WorkerProcess):
        def send(self, method: str, *arguments: Any) -> None:
            super().send(method, *arguments)
            if len(killed) < 2:
                killed.append(self.pid)
                os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(local, "WorkerProcess", Mortal)
    backfill(files, PLAN, tmp_path / "many", workers=2)
    assert len(killed) == 2
    equal(rows_of(tmp_path / "many"), expected)

    class Doomed(local.WorkerProcess):
        def send(self, method: str, *arguments: Any) -> None:
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(local, "WorkerProcess", Doomed)
    with pytest.raises(fc.BackfillError, match="has killed 3 workers"):
        backfill(files, PLAN, tmp_path / "never", workers=2)


def test_other_jobs_and_changed_files_are_refused(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    backfill(files[2:], PLAN, out, workers=1)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    with pytest.raises(fc.BackfillError, match="another plan or policy"):
        backfill(files[2:], {"ema": fc.EMA(4)}, out)
    with pytest.raises(fc.BackfillError, match="another plan or policy"):
        backfill(files[2:], PLAN, out, policy=fc.Policy(order="reject"))
    with pytest.raises(fc.BackfillError, match=r"without .*day1\.parquet"):
        backfill(files, PLAN, out)
    with pytest.raises(fc.BackfillError, match="in another order"):
        backfill(files[:1:-1], PLAN, out)
    with pytest.raises(fc.BackfillError, match="other columns"):
        backfill(files[2:], PLAN, out, columns={"price": "size"})
    os.utime(files[3], ns=(1, 1))
    with pytest.raises(fc.BackfillError, match="has changed since"):
        backfill(files[2:], PLAN, out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_what_cannot_be_is_refused(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(fc.FileFeedError, match=r"missing\.parquet cannot be opened"):
        backfill([*files, tmp_path / "missing.parquet"], PLAN, tmp_path / "out")
    with pytest.raises(fc.FileFeedError, match="no files"):
        backfill([], PLAN, tmp_path / "out")
    with pytest.raises(fc.InputError, match="not on 'mars'"):
        backfill(files, PLAN, tmp_path / "out", executor="mars")  # type: ignore[arg-type]
    with pytest.raises(fc.InputError, match="1 worker or more"):
        backfill(files, PLAN, tmp_path / "out", workers=-1)
    assert not (tmp_path / "out").exists()
    with pytest.raises(fc.BackfillError, match="take an empty folder"):
        backfill(files, PLAN, tmp_path / "ticks")
    other = open_job(files, fc.Engine(PLAN).snapshot(), tmp_path / "busy", {}, 1)
    with other, pytest.raises(fc.BackfillError, match="is running"):
        backfill(files, PLAN, tmp_path / "busy")


def test_damaged_folders_are_refused(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    backfill(files[2:], PLAN, out, workers=1)
    state = state_path(out, 0).read_bytes()
    state_path(out, 0).write_bytes(state[:-9])
    with pytest.raises(fc.BackfillError, match="the state of partition 0 is damaged"):
        backfill(files[2:], PLAN, out)
    state_path(out, 0).write_bytes(state)
    good = json.loads((out / "job.json").read_text())
    for bad, says in (
        ("{", "is damaged"),
        (json.dumps({**good, "version": 9}), "is of version 9"),
        (json.dumps({**good, "chains": [[0]]}), "is damaged"),
    ):
        (out / "job.json").write_text(bad)
        with pytest.raises(fc.BackfillError, match=says):
            backfill(files[2:], PLAN, out)


def test_a_file_that_breaks_off_stops_the_job_and_keeps_what_is_done(
    files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with open_job(files[2:], fc.Engine(PLAN).snapshot(), out, {}, 1):
        pass
    whole = files[3].read_bytes()
    status = files[3].stat()
    files[3].write_bytes(whole[: len(whole) // 2] + b"\0" * (len(whole) - len(whole) // 2))
    os.utime(files[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    for workers in (1, 2):
        with pytest.raises(fc.FileFeedError):
            backfill(files[2:], PLAN, out, workers=workers)
    assert not list(out.glob("*.part"))
    files[3].write_bytes(whole)
    os.utime(files[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert backfill(files[2:], PLAN, out, workers=2).resumed == 1
    equal(rows_of(out), one_engine(files[2:], tmp_path / "one"))


def test_the_command_does_and_resumes_a_backfill(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    arguments = ["backfill", *map(str, files), "--out", out, "--workers", "1", "--indicator", "ema=EMA(3)"]
    assert main([*arguments, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["files"], first["resumed"], first["ledger"]["received"]) == (4, 0, 1600)
    assert main(arguments) == 0
    assert "1,600 ticks of 4 files in 3 parts, 4 steps of them before" in capsys.readouterr().out
    assert main([*arguments[:-1], "ema=EMA(4)"]) == 1
    assert "another plan or policy" in capsys.readouterr().err


def test_files_are_cut_by_common_symbols_and_by_size() -> None:
    chains = _cut([{"A"}, {"B"}, {"A", "C"}, {"C"}, {"D"}], [1, 1, 1, 1, 1], 1)
    assert sorted(chain.files for chain in chains) == [(0, 2, 3), (1,), (4,)]
    chains = _cut([{f"S{i}" for i in range(100)}, {"X"}], [1000, 10], 4)
    assert [(chain.files, chain.part, chain.parts) for chain in chains[:4]] == [
        ((0,), i, 4) for i in range(4)
    ]
    assert chains[4:] == [chains[4]]
    assert (chains[4].files, chains[4].parts) == ((1,), 1)
