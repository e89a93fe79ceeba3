"""Rings at their edges: writers that begin again, odd names and times, folders with what is no ring."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore import shm
from fastcore.cli import main

FIELDS = [("ts", "<i8"), ("key", "<u4"), ("value", "<f8")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where segments lie in these tests; a folder of files does as well as memory."""
    path = tmp_path / "shm"
    path.mkdir()
    monkeypatch.setenv("FASTCORE_SHM_FOLDER", str(path))
    return path


def put(ring: shm.Writer, name: str, value: float) -> None:
    ring.publish((1, ring.name_rows([name])[name], value))


@pytest.mark.parametrize("logged", [False, True])
def test_a_name_has_one_row_however_often_it_is_asked_for(folder: Path, tmp_path: Path, logged: bool) -> None:
    """A writer that begins again runs the same lines: readers must find what it writes now."""
    options: dict[str, Any] = {"capacity": 8, "key": "key", "rows": 3}
    if logged:
        options["journal"] = tmp_path / "journal"
    ring = shm.create("notes", FIELDS, **options)
    assert ring.name_rows(["a", "b"]) == {"a": 0, "b": 1}
    assert ring.name_rows(["b", "a", "b"]) == {"b": 1, "a": 0}
    reader = shm.attach("notes")
    put(ring, "a", 1.0)
    ring.close(keep=True)
    for again in (2.0, 3.0):
        with shm.create("notes", FIELDS, **options) as ring:
            assert ring.name_rows(["a", "b"]) == {"a": 0, "b": 1}
            put(ring, "a", again)
            reader = shm.attach("notes")
            assert reader.latest("a")["value"] == again
            ring.close(keep=True)
    with shm.create("notes", FIELDS, **options) as ring:
        assert ring.name_rows(iter(["c", "a"])) == {"c": 2, "a": 0}
        assert shm.attach("notes").names == ["a", "b", "c"]
        with pytest.raises(fc.CapacityError, match="3 rows, and all have names"):
            ring.name_rows(["a", "d"])
        for wrong, says in (
            ("ab", "a sequence, and not one text"),
            ([3], "each of names must be text, not 3"),
        ):
            with pytest.raises(TypeError, match=says):
                ring.name_rows(wrong)  # type: ignore[arg-type]
    if logged:  # the ring is gone, and its journal has the rows, each once
        with shm.create("notes", FIELDS, **options) as ring:
            assert ring.name_rows(["b", "c"]) == {"b": 1, "c": 2}
            assert shm.attach("notes").names == ["a", "b", "c"]


def test_times_that_no_clock_passes_are_refused(folder: Path) -> None:
    """Waiting until NaN would never end."""
    nan = float("nan")
    with pytest.raises(fc.InputError, match="timeout must be seconds, not nan"):
        shm.attach("none", timeout=nan)
    with pytest.raises(fc.ShmMissingError, match="there is no segment"):
        shm.attach("none", timeout=-1.0)
    with shm.create("notes", FIELDS, capacity=8):
        with pytest.raises(fc.InputError, match="patience must be seconds, not nan"):
            shm.attach("notes", patience=nan)
        with pytest.raises(TypeError, match="patience must be a number, not '1'"):
            shm.attach("notes", patience="1")  # type: ignore[arg-type]
        reader = shm.attach("notes", patience=float("inf"))
        with pytest.raises(fc.InputError, match="wait: timeout must be seconds, not nan"):
            reader.wait(nan)
        with pytest.raises(TypeError, match="wait: timeout must be a number, not 'soon'"):
            reader.wait("soon")  # type: ignore[arg-type]
        assert not reader.wait(-1.0)  # what is left of a time that is over
        assert not reader.wait(0)


def test_modes_that_are_none(folder: Path) -> None:
    for mode in (-1, 0o1000, 10**9):
        with pytest.raises(fc.InputError, match="mode must be from 0o000 to 0o777"):
            shm.create("notes", FIELDS, capacity=8, mode=mode)
    assert list(folder.iterdir()) == []


def test_what_cannot_be_removed_keeps_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One segment that is another's, or no file, and those of a crash go all the same."""
    for name in ("a", "z"):
        shm.create(name, FIELDS, capacity=8).close(keep=True)
    (folder / "fastcore.folder").mkdir()
    os.mkfifo(folder / "fastcore.pipe")
    (folder / "fastcore.link").symlink_to(folder / "elsewhere")
    (folder / "fastcore.garbage").write_bytes(b"\1" * 9999)
    with shm.create("held", FIELDS, capacity=8):
        assert main(["shm", "ls", "--json"]) == 0
        states = {one["name"]: one["state"] for one in json.loads(capsys.readouterr().out)}
        odd = ("folder", "garbage", "link", "pipe")
        assert states == {"a": "closed", "held": "open", "z": "closed", **dict.fromkeys(odd, "unreadable")}
        for name in odd:
            assert main(["shm", "inspect", name]) == 1
            assert f"fastcore.{name}" in capsys.readouterr().err
        with pytest.raises(fc.ShmError, match=r"fastcore\.folder.*; removed: a, garbage, z"):
            shm.clean()
        assert {path.name for path in folder.iterdir()} >= {"fastcore.held", "fastcore.folder"}
        assert not {"fastcore.a", "fastcore.z", "fastcore.garbage"} & {path.name for path in folder.iterdir()}
        assert main(["shm", "clean"]) == 1
        assert "fastcore.folder" in capsys.readouterr().err


def test_what_is_no_ring_is_not_taken_over(folder: Path) -> None:
    os.mkfifo(folder / "fastcore.pipe")
    (folder / "fastcore.folder").mkdir()
    (folder / "fastcore.link").symlink_to(folder / "elsewhere")
    (folder / "fastcore.garbage").write_bytes(b"\1" * 9999)
    for name in ("pipe", "folder", "link", "garbage"):
        with pytest.raises(fc.ShmError, match=rf"fastcore\.{name} "):
            shm.create(name, FIELDS, capacity=8)
        with pytest.raises(fc.ShmError, match=rf"fastcore\.{name} "):
            shm.attach(name)
    assert not (folder / "elsewhere").exists()
    assert (folder / "fastcore.garbage").read_bytes() == b"\1" * 9999


def test_a_header_that_is_wrong_anywhere_is_refused_or_read(folder: Path) -> None:
    """Garbage in a header ends no process, whichever bytes it hits."""
    random = np.random.default_rng(8)
    ring = shm.create("notes", FIELDS, capacity=8, key="key", rows=2)
    ring.publish_many(np.zeros(20, FIELDS))
    ring.close(keep=True)
    whole = (folder / "fastcore.notes").read_bytes()
    refused = 0
    for _ in range(300):
        bad = bytearray(whole)
        for place in random.integers(0, 4096, random.integers(1, 4)):
            bad[place] ^= int(random.integers(1, 256))
        (folder / "fastcore.bad").write_bytes(
            bad[: int(random.choice([len(bad), random.integers(len(bad))]))]
        )
        try:
            reader = shm.attach("bad", start="oldest")
            reader.read()
            reader.latest(0)
            shm.inspect("bad")
        except fc.FastcoreError:
            refused += 1
    assert refused > 100
    assert shm.clean("bad") == ["bad"]


TICKS: dict[str, Any] = {"capacity": 64, "key": "symbol", "rows": 4}
T0 = 1_700_000_000_000_000_000


def test_a_bad_tick_ends_no_replica_wherever_a_batch_begins(folder: Path) -> None:
    """Where a batch begins depends on when the replica looked."""
    ticks = np.zeros(30, fc.TICK)
    ticks["ts"], ticks["price"] = T0 + np.arange(30), 1.0 + np.arange(30)
    ticks["ts"][[7, 8, 20]] = 5
    ticks["price"][12] = np.nan
    single = fc.Engine({"sma": fc.SMA(3)})
    single.on_ticks(ticks, symbols=["A"])
    with shm.create("ticks", fc.TICK, **TICKS) as ring:
        ring.name_rows(["A"])
        ring.publish_many(ticks)
        for limit in (1, 7, 8, 100):
            replica = shm.Replica("ticks", {"sma": fc.SMA(3)})
            while replica.step(limit):
                pass
            assert dict(replica.engine.ledger) == dict(single.ledger)
            assert replica.engine.symbol("A").snapshot() == single.symbol("A").snapshot()
        with pytest.raises(TypeError, match="limit must be a whole number, not 'all'"):
            replica.step("all")  # type: ignore[arg-type]


def test_a_replica_that_refuses_ticks_has_lost_none(folder: Path, tmp_path: Path) -> None:
    with shm.create("ticks", fc.TICK, **TICKS) as ring:
        replica = shm.Replica("ticks", {"sma": fc.SMA(3)})
        ring.publish((T0, 1.0, 1.0, 0, 0, 0))
        for _ in range(2):
            with pytest.raises(fc.InputError, match="a tick is of row 0, and 0 rows have names"):
                replica.step()
            assert (replica.sequence, replica.behind, replica.engine.ledger["received"]) == (0, 1, 0)
        ring.name_rows(["A"])
        assert (replica.step(), replica.sequence, replica.engine.ledger["accepted"]) == (1, 1, 1)
    with shm.create("seconds", fc.TICK, **TICKS) as ring:
        ring.name_rows(["A"])
        ring.publish((T0 // 10**9, 1.0, 1.0, 0, 0, 0))
        with pytest.raises(fc.InputError, match="looks like seconds"):
            shm.Replica("seconds", {"sma": fc.SMA(3)}).step()
        (tmp_path / "bad").write_bytes(b"no state")
        with pytest.raises(fc.SnapshotError, match=r"/bad: a snapshot has"):
            shm.Replica.restore(tmp_path / "bad", "seconds")


def test_an_interrupt_makes_a_replica_take_no_tick_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = np.zeros(50, fc.TICK)
    ticks["ts"], ticks["price"] = T0 + np.arange(50), 1.0 + np.arange(50)
    take = fc.Engine._on_ticks

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.undo()
        taken = take(*arguments)
        signal.raise_signal(signal.SIGINT)
        return taken

    with shm.create("ticks", fc.TICK, folder=folder, **TICKS) as ring:
        ring.name_rows(["A"])
        ring.publish_many(ticks)
        replica = shm.Replica("ticks", {"sma": fc.SMA(3)}, folder=folder)
        monkeypatch.setattr(fc.Engine, "_on_ticks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            replica.step(20)
        while replica.step(20):
            pass
        assert replica.engine.ledger["accepted"] == 50
        assert replica.sequence == 50


def test_a_journal_that_is_gone_stops_no_reader_that_skips(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with shm.create("notes", "<f8", capacity=4, journal=tmp_path / "journal") as ring:
        readers = [shm.attach("notes", start="oldest", on_lap=how) for how in ("skip", "raise")]
        ring.publish_many(np.arange(50.0))
        (tmp_path / "journal").rename(tmp_path / "elsewhere")
        assert sum(len(readers[0].read()) for _ in range(3)) == 50 - readers[0].lost <= 4
        assert readers[0].next == 50
        assert "what was missed is lost: there is no journal" in caplog.text
        with pytest.raises(fc.JournalError, match="there is no journal"):
            readers[1].read()
        with pytest.raises(fc.LappedError):
            readers[1].read()
        readers[1].read()
        assert readers[1].next == 50


@pytest.mark.parametrize("given", [None, 5])
def test_what_catches_nothing_up_is_told(folder: Path, given: Any) -> None:
    with shm.create("notes", "<f8", capacity=4) as ring:
        ring.publish_many(np.arange(50.0))
        reader = shm.attach("notes", start=0, catch_up=lambda first, end: given)
        with pytest.raises(fc.InputError, match=f"catch_up must give an array of messages.*not {given}"):
            reader.read()
