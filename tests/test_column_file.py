"""Files of ticks by columns: what was appended is there, whatever happened since; and their conversion."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import FileFeedError, InputError
from fastcore.feeds import TickBatch, _column_layout
from fastcore.feeds.column_file import BLOCK_ROWS, ColumnFile, ColumnWriter
from fastcore.feeds.convert import convert
from fastcore.feeds.files import count_rows_hint, read_ticks
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, cut, stream
from samples import MINUTE, T0, scaled


def wrote(path: Path, batches: list[TickBatch], flush: bool = False) -> None:
    with ColumnWriter(path, sync=False) as file:
        for batch in batches:
            file.append(batch)
            if flush:
                file.flush()


def read(path: Path) -> Any:
    """All ticks, with the symbols' names in place of their numbers."""
    rows = []
    for batch in read_ticks(path):
        for ts, price, size, number, code, side in batch.ticks.tolist():
            rows.append((ts, batch.symbols[code], price, size, number, side))
    return rows


def rows_of(ticks: Any, names: list[str] = NAMES) -> Any:
    return [(ts, names[code], p, s, n, side) for ts, p, s, n, code, side in ticks.tolist()]


@settings(max_examples=scaled(15, 200))
@given(
    rows=st.integers(0, 500), size=st.integers(1, 200), stops=st.sets(st.integers(0, 9)), flush=st.booleans()
)
def test_what_is_appended_is_there(
    tmp_path_factory: pytest.TempPathFactory, rows: int, size: int, stops: set[int], flush: bool
) -> None:
    """However it is batched, flushed, and however often the file is closed and opened again."""
    path = tmp_path_factory.mktemp("columns") / "ticks.fct"
    ticks = stream(rows)
    part: list[TickBatch] = []
    for place, batch in enumerate(cut(ticks, [size])):
        part.append(batch)
        if place in stops:
            wrote(path, part, flush)
            part = []
    wrote(path, part, flush)
    assert read(path) == rows_of(ticks)
    file = ColumnFile(path)
    file.verify()
    assert file.rows == count_rows_hint(path) == rows


def test_blocks_are_full_views_of_the_file(tmp_path: Path) -> None:
    """More than one block; read-only, without a copy, and alive when the file object is gone."""
    path = tmp_path / "ticks.fct"
    ticks = stream(2 * BLOCK_ROWS + 5)
    wrote(path, cut(ticks, [50_000]))
    file = ColumnFile(path)
    blocks = list(file.blocks())
    assert [len(block) for block in blocks] == [BLOCK_ROWS, BLOCK_ROWS, 5]
    price = blocks[0].price
    assert not price.flags.owndata
    assert not price.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        price.flags.writeable = True
    file.close()
    del file, blocks
    assert np.array_equal(price, ticks["price"][:BLOCK_ROWS])


def test_ticks_are_found_by_symbol_and_time(tmp_path: Path) -> None:
    """Exactly those, and blocks without them are not touched."""
    path = tmp_path / "ticks.fct"
    ticks = stream(3 * BLOCK_ROWS)
    ticks["symbol"][:BLOCK_ROWS] = 0
    wrote(path, cut(ticks, [BLOCK_ROWS]))
    file = ColumnFile(path)
    touched: list[int] = []
    block = file._block
    file._block = lambda at, rows: touched.append(at) or block(at, rows)  # type: ignore[func-returns-value, method-assign]
    start, end = int(ticks["ts"][BLOCK_ROWS // 2]), int(ticks["ts"][BLOCK_ROWS + 99])
    for symbols, begin, until in (
        (["BTCUSDT"], None, None),
        (["ETHUSDT", "SOLUSDT"], None, None),
        (None, start, end),
        (["ETHUSDT"], start, end),
        (None, None, T0),
    ):
        codes = [NAMES.index(name) for name in symbols or NAMES]
        want = np.isin(ticks["symbol"], codes)
        want &= (ticks["ts"] >= (begin or 0)) & (ticks["ts"] < (until or 2**62))
        found = list(file.select(symbols, begin, until))
        ids = np.concatenate([part.id for part in found]) if found else np.zeros(0)
        assert ids.tolist() == ticks["id"][want].tolist()
    touched.clear()
    list(file.select(["SOLUSDT"]))
    assert len(touched) == 2
    touched.clear()
    list(file.select(None, None, T0))
    assert touched == []
    with pytest.raises(InputError, match="has no symbol 'XRPUSDT'"):
        list(file.select(["XRPUSDT"]))


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """The second is told."""
    path = tmp_path / "ticks.fct"
    with ColumnWriter(path), pytest.raises(FileFeedError, match=r"another writer has .*ticks\.fct open"):
        ColumnWriter(path)


KILLED = """
import sys, os, itertools
import numpy as np
from fastcore.feeds import column_file, TickBatch
sys.path.insert(0, {tests!r})
from loops import stream, cut, NAMES
writes = itertools.count(1)
for name in ("pwrite", "ftruncate"):
    def counted(*args, call=getattr(os, name)):
        if next(writes) == {at}:
            os._exit(9)
        return call(*args)
    setattr(column_file.os, name, counted)
writer = column_file.ColumnWriter({path!r}, sync=False)
for batch in cut(stream(300), [60]):
    writer.append(batch)
    writer.flush()
    print(writer.rows, flush=True)
"""


@pytest.mark.parametrize("at", [1, 2, 3, 4, 6, 10, 11, 12, 18, 19, 26])
def test_a_writer_that_dies_leaves_what_it_flushed(at: int, tmp_path: Path) -> None:
    """At any write: what was flushed is there, the next writer goes on, and the file is sound."""
    path = tmp_path / "ticks.fct"
    tests = str(Path(__file__).parent)
    program = KILLED.format(tests=tests, at=at, path=str(path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    flushed = int((done.stdout.split() or ["0"])[-1])
    ticks = stream(300)
    wrote(path, [TickBatch(ticks[flushed:], NAMES)])
    assert read(path) == rows_of(ticks)
    ColumnFile(path).verify()


def failing(real: Any, at: int, fault: Callable[..., int]) -> Callable[..., int]:
    """A call of the system that has a fault at its nth call, counted from 1."""
    calls = itertools.count(1)
    return lambda *args: fault(*args) if next(calls) == at else real(*args)


@pytest.mark.parametrize("at", range(1, 16))
def test_a_write_that_is_cut_short_is_gone_on_with(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a disk that is nearly full, or a signal, cuts it: what is read is what was appended."""
    real = os.pwrite
    half = failing(real, at, lambda file, data, place: real(file, data[: len(data) // 2], place))
    monkeypatch.setattr(os, "pwrite", half)
    ticks = stream(300)
    wrote(tmp_path / "ticks.fct", cut(ticks, [100]), flush=True)
    assert read(tmp_path / "ticks.fct") == rows_of(ticks)
    ColumnFile(tmp_path / "ticks.fct").verify()


def found_in(path: Path) -> Any:
    """All ticks of a sound file to which batches of all names were appended."""
    file = ColumnFile(path)
    file.verify()
    return np.concatenate([np.zeros(0, fc.TICK), *(batch.ticks for batch in file)])


FAULTS = (
    [("pwrite", n) for n in range(1, 9)] + [("fdatasync", n) for n in range(1, 5)] + [("posix_fallocate", 1)]
)


@pytest.mark.parametrize(("name", "at"), FAULTS)
def test_a_write_that_fails_costs_nothing(
    name: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes out, the file is sound and holds what it held; the ticks come with the next flush."""
    path = tmp_path / "ticks.fct"
    ticks = stream(BLOCK_ROWS + 700)
    parts = cut(ticks, [300])

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    failed = 0
    with ColumnWriter(path) as writer:
        # Names, a new block, an open one, and over the border of two.
        for group in (parts[:1], parts[1:2], parts[2:-1], parts[-1:]):
            for batch in group:
                writer.append(batch)
            before = writer.rows
            with monkeypatch.context() as patch:
                patch.setattr(os, name, failing(getattr(os, name), at, full))
                try:
                    writer.flush()
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    failed += 1
                    assert before <= writer.rows < before + sum(map(len, group))
            there = found_in(path)
            assert writer.rows <= len(there)
            assert (there == ticks[: len(there)]).all()
            writer.flush()
    assert failed
    assert (found_in(path) == ticks).all()


def test_a_full_disk_leaves_what_was_flushed(tmp_path: Path) -> None:
    """A real refusal, at a file's largest size: nothing of the flush is counted, then all of it is there."""
    path = tmp_path / "ticks.fct"
    ticks = stream(3 * BLOCK_ROWS)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ColumnWriter(path, sync=False) as writer:
        writer.append(TickBatch(ticks[:1000], NAMES))
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, usual[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                writer.append(TickBatch(ticks[1000:], NAMES))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert writer.rows == 1000
        assert (found_in(path) == ticks[:1000]).all()
    assert (found_in(path) == ticks).all()


def test_a_damaged_block_is_not_filled_up(tmp_path: Path) -> None:
    """What comes after it is sound, and the damage is still found."""
    path = tmp_path / "ticks.fct"
    ticks = stream(50)
    wrote(path, [TickBatch(ticks[:30], NAMES)])
    at = ColumnFile(path)._layout.blocks[0][0]
    data = bytearray(path.read_bytes())
    data[at + _column_layout.OFFSETS["price"]] ^= 1
    path.write_bytes(data)
    wrote(path, [TickBatch(ticks[30:], NAMES)])
    assert read(path)[30:] == rows_of(ticks[30:])
    with pytest.raises(FileFeedError, match=f"block 0, at byte {at}, is damaged"):
        ColumnFile(path).verify()


def test_damage_is_found(tmp_path: Path) -> None:
    """In a column by `verify`; in a head that others follow at once, and nothing is cut off then."""
    path = tmp_path / "ticks.fct"
    wrote(path, cut(stream(2 * BLOCK_ROWS), [BLOCK_ROWS]))
    whole = path.read_bytes()
    first = ColumnFile(path)._layout.blocks[0][0]
    damaged = bytearray(whole)
    damaged[first + 4096 + 100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(FileFeedError, match=f"block 0, at byte {first}, is damaged"):
        ColumnFile(path).verify()
    damaged = bytearray(whole)
    damaged[first : first + 4096] = bytes(4096)
    path.write_bytes(damaged)
    for open_file in (ColumnFile, ColumnWriter):
        with pytest.raises(
            FileFeedError, match=f"the block at byte {first} is damaged, and others follow it"
        ):
            open_file(path)
    assert path.read_bytes() == damaged
    path.write_bytes(b"ts,price\n1,2\n" * 1000)
    for open_file in (ColumnFile, ColumnWriter):
        with pytest.raises(FileFeedError, match="is no file of ticks by columns"):
            open_file(path)


@settings(max_examples=scaled(40, 1000))
@given(place=st.integers(0, 10**7), flip=st.integers(1, 255))
def test_a_byte_that_changes_is_found_or_counts_for_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    """Anywhere: an error of ours, or the same ticks."""
    path = tmp_path_factory.mktemp("columns") / "ticks.fct"
    ticks = stream(40)
    wrote(path, cut(ticks, [20]), flush=True)
    data = bytearray(path.read_bytes())
    used = 3 * 4096 + 64 * 40  # most of the rest is room for more
    at = place % used if place % 2 else place % len(data)
    data[at] ^= flip
    path.write_bytes(data)
    try:
        file = ColumnFile(path)
        file.verify()
    except FileFeedError:
        return
    rows = read(path)
    assert rows == rows_of(ticks)[: len(rows)]


def test_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name."""
    path = tmp_path / "ticks.fct"
    with monkeypatch.context() as patch:
        patch.setattr(_column_layout, "VERSION", 2)
        wrote(path, cut(stream(5), [5]))
    with pytest.raises(FileFeedError, match="is of version 2; this is version 1"):
        ColumnFile(path)


# ---- conversion ----


def test_every_form_becomes_every_other(tmp_path: Path) -> None:
    """And back, bit for bit, with names that hold commas and quotes."""
    ticks = stream(700)
    ticks["side"] = np.arange(700) % 3 - 1
    ticks["price"][5] = 0.1 + 0.2
    names = ['A,"B"', "ÄÖ", "x y"]
    wrote(tmp_path / "a.fct", cut(ticks, [100], names))
    for number, (one, other) in enumerate(
        (("fct", "csv"), ("csv", "parquet"), ("parquet", "fct"), ("fct", "parquet"))
    ):
        target = tmp_path / f"b{number}.{other}"
        source = tmp_path / ("a.fct" if number == 0 else f"b{number - 1}.{one}")
        assert convert([source], target, batch=150) == 700
        assert read(target) == rows_of(ticks, names)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [
        ".csv",
        ".fct",
        ".fct",
        ".parquet",
        ".parquet",
    ]


def test_the_command_converts_and_appends(tmp_path: Path) -> None:
    """As its help says."""
    out = tmp_path / "all.fct"
    for number in range(2):
        (tmp_path / f"{number}.csv").write_text(f"time_ms,px,qty\n{1_723_161_255_342 + number},5300.25,2\n")
        command = [
            "convert",
            str(tmp_path / f"{number}.csv"),
            "--out",
            str(out),
            "--symbol",
            "ES",
            "--append",
            "--json",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "fastcore", *command], capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == {"out": str(out), "ticks": 1}
    assert [row[:3] for row in read(out)] == [
        (1_723_161_255_342_000_000, "ES", 5300.25),
        (1_723_161_255_343_000_000, "ES", 5300.25),
    ]


def test_what_cannot_be_converted_is_a_sentence(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    source = tmp_path / "a.csv"
    source.write_text("time_ms,px\n1723161255342,1.0\n")
    (tmp_path / "there.fct").write_bytes(b"")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    (tmp_path / "commas.csv").write_text('time_ms,px\n1723161255342,"100,5"\n1723161255343,"100,6"\n')
    for files, out, options, sentence in (
        ([source], "b.txt", {}, "files that can be written end in .csv, .parquet, .fct"),
        ([source], "there.fct", {}, "is there already"),
        ([source], "b.csv", {"append": True}, "only .fct files can"),
        ([tmp_path / "cut.parquet"], "b.fct", {}, "is truncated or no Parquet file"),
        ([tmp_path / "there.fct"], "b.csv", {"symbol": "X"}, "has its own columns and symbols"),
        ([tmp_path / "commas.csv"], "b.fct", {}, "none of the 2 prices is a number"),
        ([tmp_path / "none.txt"], "b.fct", {}, "there is no such file"),
    ):
        with pytest.raises(FileFeedError) as caught:
            convert(files, tmp_path / out, **options)  # type: ignore[arg-type]
        assert sentence in str(caught.value)
    left = ["a.csv", "commas.csv", "cut.parquet", "there.fct"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_prices_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    """They are kept as NaN, and counted aloud; also by the command."""
    source = tmp_path / "a.csv"
    source.write_text('time_ms,px\n1723161255342,"100,5"\n1723161255343,100.6\n')
    with pytest.warns(UserWarning, match="1 of 2 ticks have a price that is no number"):
        assert convert([source], tmp_path / "b.fct") == 2
    command = ["convert", str(source), "--out", str(tmp_path / "c.fct"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fastcore", *command], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["ticks"] == 2
    assert "1 of 2 ticks have a price that is no number" in " ".join(done.stderr.split())


REPLAY = """
import sys, psutil, fastcore as fc
from fastcore.feeds.files import read_ticks
engine = fc.Engine({"ema": fc.EMA(20)})
process, most = psutil.Process(), 0
for batch in read_ticks(sys.argv[1]):
    engine.on_ticks(batch.ticks, symbols=batch.symbols)
    info = process.memory_full_info()
    most = max(most, info.uss)
print(engine.ledger["received"], most)
"""


def test_a_file_larger_than_its_share_of_memory_is_replayed(tmp_path: Path) -> None:
    """The memory that a replay owns does not grow with the file."""
    blocks = scaled(40, 1_530)  # 100 MB, or 4 GB: 100 million ticks
    path = tmp_path / "big.fct"
    ticks = stream(BLOCK_ROWS, gap=MINUTE // 60_000)
    with ColumnWriter(path, sync=False) as file:
        for _ in range(blocks):
            file.append(TickBatch(ticks, NAMES))
            ticks["ts"] += 70 * MINUTE
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(path)], capture_output=True, text=True, check=True
    )
    received, most = map(int, done.stdout.split())
    os.unlink(path)
    assert received == blocks * BLOCK_ROWS
    assert most < 100e6
