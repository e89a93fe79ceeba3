"""An engine's journal: what a call has returned for is there after a restart, bit for bit."""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0
from tick_streams import PLAN, SYMBOLS, streams, ticks_of, walk_ticks

POLICIES = {
    "usual": fc.Policy(),
    "buffer": fc.Policy(order="buffer", lateness=2 * SECOND),
    "raise": fc.Policy(order="reject", invalid="raise"),
    "clamp": fc.Policy(order="accept", invalid="clamp", duplicates="value", jumps=8.0),
}


#: Where journals lie: in memory where that can be, since how slowly a disk syncs is not what is tested.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own for each test."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        path = Path(name, "j")
        path.mkdir()
        yield path


def journal_in(folder: Path, **options: Any) -> fc.Journal:
    """A journal of small segments: making a large one takes its time in memory."""
    return fc.Journal(folder, **{"segment_bytes": 65536, **options})


def reopened(folder: Path, engine: fc.Engine) -> fc.Engine:
    """The engine after its journal has been closed and read again."""
    engine.journal.close()
    return fc.Engine.recover(journal_in(folder))


def refused(error: type[Exception], call: Callable[[], object]) -> str:
    """The sentence with which a call is refused."""
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def everything(engine: fc.Engine) -> None:
    """Every call that changes an engine, those that raise included."""
    btc = engine.symbol("BTC")
    own = engine.symbol("own", fc.Policy(order="reject", invalid="raise"))
    for i in range(200):
        btc.on_tick(T0 + i * SECOND, 100 + i % 7, 1.5, side=-1, id=i + 1)
    for price in (np.nan, -1.0, 0.0):
        with contextlib.suppress(fc.TickError):
            btc.on_tick(T0 + 300 * SECOND, price, 1.0)
    btc.on_quote(T0 + 301 * SECOND, 100.0, 101.0, 5.0, 6.0)
    with contextlib.suppress(fc.TickError):
        btc.on_quote(T0 + 302 * SECOND, 102.0, 101.0)
    btc.on_bar("1m", T0 + 10 * MINUTE, 100.0, 102.0, 99.0, 101.0, 7.0)
    own.on_tick(T0, 50.0)
    with pytest.raises(fc.TickError):
        own.on_tick(T0 - 1, 50.0)
    with pytest.raises(fc.InputError):
        own.on_tick(1_700_000_000, 50.0)
    with pytest.raises(fc.InputError):
        own.on_quote(1_700_000_000_000, 50.0, 51.0)
    with pytest.raises(fc.InputError):
        own.on_bar("1m", 1_700_000_000_000_000, 50.0, 51.0, 49.0, 50.0)
    ticks = walk_ticks(np.random.default_rng(3), 500, symbols=4)
    ticks["price"][::17] = np.nan
    ticks["ts"][::31] = 5
    ticks["ts"][0], ticks["symbol"][:2] = T0, 1
    engine.on_ticks(ticks, symbols=["BTC", "new", "other"])
    engine.on_ticks(ticks[1:40], symbols=["new", "none"])
    engine.drop("other")
    engine.on_bars(
        "1m", T0 + 20 * MINUTE, open=[1.0] * 3, high=[2.0] * 3, low=[1.0] * 3, close=[1.5] * 3,
        symbols=["BTC", "late", "own"],
    )  # fmt: skip
    engine.flush()
    engine.drop("late")
    engine.symbol("other").on_tick(T0, 3.0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fsync", ["always", "interval", "os"])
def test_every_call_comes_back(folder: Path, policy: str, fsync: Any) -> None:
    """Equal states have equal bytes: snapshots of before and after, and of an engine without a journal."""
    alone = fc.Engine(PLAN, policy=POLICIES[policy], max_symbols=4)
    engine = fc.Engine(PLAN, policy=POLICIES[policy], max_symbols=4, journal=journal_in(folder, fsync=fsync))
    everything(engine)
    everything(alone)
    before = engine.snapshot()
    back = reopened(folder, engine)
    assert back.snapshot() == before
    assert back.symbols == engine.symbols
    alone.sequence = back.sequence
    assert alone.snapshot() == before
    everything_again = fc.Engine.recover(journal_in(copy_of(folder, back)))
    assert everything_again.snapshot() == before
    back.symbol("BTC").on_tick(T0 + 3000 * SECOND, 1.0)  # it goes on: with the name, anew in each segment
    assert back.sequence == everything_again.sequence + 2


def copy_of(folder: Path, engine: fc.Engine) -> Path:
    """The files of a journal as they are now, in another folder."""
    engine.journal.sync()
    target = Path(tempfile.mkdtemp(dir=folder.parent))
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


@given(
    ticks=streams(most=40),
    cuts=st.dictionaries(st.integers(0, 40), st.sampled_from(("again", "checkpoint", "batch")), max_size=6),
    policy=st.sampled_from(sorted(POLICIES)),
)
def test_wherever_it_stops_it_goes_on_there(ticks: Any, cuts: dict[int, str], policy: str) -> None:
    """Restarts, checkpoints and batches at any tick leave the bits of an engine that never stopped."""
    always = fc.Engine(PLAN, policy=POLICIES[policy])
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name, "j")
        journal = journal_in(folder, fsync="os")
        engine = fc.Engine(PLAN, policy=POLICIES[policy], journal=journal)
        batch = 0
        for i in range(len(ticks)):
            if cuts.get(i) == "again":
                engine = reopened(folder, engine)
            elif cuts.get(i) == "checkpoint":
                engine.checkpoint(history=i % 2 == 0)
            elif cuts.get(i) == "batch":
                batch = i + 7
            if batch > i:
                engine.on_ticks(ticks[i : i + 1], symbols=SYMBOLS)
                always.on_ticks(ticks[i : i + 1], symbols=SYMBOLS)
                continue
            ts, price, size, _, symbol, _ = ticks[i].item()
            for one in (engine, always):
                with contextlib.suppress(fc.TickError):
                    one.symbol(SYMBOLS[symbol]).on_tick(ts, price, size)
        back = reopened(folder, engine)
        always.sequence = back.sequence
        assert back.snapshot() == engine.snapshot() == always.snapshot()
        back.journal.close()


def test_rows_that_were_come_back_with_a_checkpoint_of_history(folder: Path) -> None:
    """Without it, a recovered engine keeps the rows since its snapshot."""
    engine = fc.Engine({"ema": fc.EMA(3)}, history=50, journal=journal_in(folder))
    symbol = engine.symbol("x")
    for i in range(40):
        symbol.on_tick(T0 + i, 100.0 + i)
    engine.checkpoint(history=True)
    symbol.on_tick(T0 + 40, 7.0)
    back = reopened(folder, engine)
    assert back.symbol("x").history("ema").tolist()[2:] == symbol.history("ema").tolist()[2:]
    back.checkpoint()
    short = reopened(folder, back)
    assert len(short.symbol("x").history("ema")) == 0
    assert short.symbol("x").values() == symbol.values()


def test_a_checkpoint_is_where_a_recovery_begins(folder: Path) -> None:
    """Two snapshots are kept, and of the journal what is behind the older of them."""
    journal = journal_in(folder, keep_segments=1)
    engine = fc.Engine(PLAN, journal=journal)
    ticks = walk_ticks(np.random.default_rng(1), 10_000, symbols=3)
    for part in range(5):
        engine.on_ticks(ticks[part * 2000 : part * 2000 + 2000], symbols=SYMBOLS)
        path = engine.checkpoint()
        assert Path(path) == folder / f"snapshot-{engine.sequence:020}.fcs"
    assert len(list(folder.glob("snapshot-*"))) == 2
    journal.close()
    assert len(list(folder.glob("journal-*"))) <= 4
    back = fc.Engine.recover(journal_in(folder))
    assert back.recovery is not None
    assert back.recovery["ticks"] == 0
    assert back.snapshot() == engine.snapshot()
    back.journal.close()
    newest = max(folder.glob("snapshot-*"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    older = fc.Engine.recover(journal_in(folder))
    assert older.recovery is not None
    assert older.recovery["ticks"] == 2000
    assert older.recovery["notes"] == [
        f"{newest} is passed over: the snapshot's checksum does not match its bytes: it is damaged"
    ]
    assert older.snapshot() == engine.snapshot()
    assert newest.with_suffix(".fcs.refused").exists()


def awaited(journal: fc.Journal, what: str, least: int) -> dict[str, Any]:
    """The account of the checkpoints, once so many were written or failed."""
    patience = time.monotonic() + 60
    while journal.checkpoints[what] < least:
        assert time.monotonic() < patience, journal.checkpoints
        os.sched_yield()
    return journal.checkpoints


@pytest.mark.parametrize("batch", [1, 64])
def test_checkpoints_come_by_themselves_after_so_many_records(folder: Path, batch: int) -> None:
    """A recovery reads no more than what came since; the newest few are kept, with what they need."""
    journal = journal_in(
        folder, keep_segments=1, checkpoint_records=500, checkpoint_seconds=None, keep_snapshots=3
    )
    engine = fc.Engine(PLAN, history=20, journal=journal)
    always = fc.Engine(PLAN, history=20)
    ticks = walk_ticks(np.random.default_rng(1), 6_400, symbols=3)
    for at in range(0, len(ticks), batch):
        written = journal.checkpoints["written"]
        due = engine.sequence - journal.checkpoints["sequence"] >= 500
        for one in (engine, always):
            one.on_ticks(ticks[at : at + batch], symbols=SYMBOLS)
        if due:
            found = awaited(journal, "written", written + 1)
            assert engine.sequence - found["sequence"] < 500
    assert journal.checkpoints["written"] >= 11
    assert journal.checkpoints["failed"] == 0
    assert journal.checkpoints["longest_pause_ns"] > 0
    assert len(list(folder.glob("snapshot-*"))) == 3
    back = reopened(folder, engine)
    assert back.recovery is not None
    assert back.recovery["ticks"] < 600
    always.sequence = back.sequence
    assert back.snapshot(history=True) == always.snapshot(history=True)
    assert len(list(folder.glob("journal-*"))) <= 4
    back.journal.close()


def test_checkpoints_come_after_so_long_and_so_much(folder: Path) -> None:
    """Each of the three bounds works alone; where nothing happened, nothing is written."""
    slow = {"checkpoint_records": None, "checkpoint_bytes": None}
    with journal_in(folder, **slow, checkpoint_seconds=0.002) as journal:
        engine = fc.Engine(PLAN, journal=journal)
        engine.symbol("BTC").on_tick(T0, 100.0)
        ts = T0
        while journal.checkpoints["written"] < 4:  # the first is that of attaching
            ts += 1
            engine.symbol("BTC").on_tick(ts, 100.0)
        assert 0 < journal.checkpoints["sequence"] < engine.sequence
    large = {"checkpoint_records": None, "checkpoint_seconds": None}
    with fc.Journal(
        folder.parent / "large", **large, checkpoint_bytes=100_000, segment_bytes=65_536, fsync="os"
    ) as journal:
        engine = fc.Engine(PLAN, journal=journal)
        ticks = walk_ticks(np.random.default_rng(1), 1_000, symbols=3)
        for _ in range(4):
            engine.on_ticks(ticks, symbols=SYMBOLS)
        awaited(journal, "written", 2)
    never = {"checkpoint_records": None, "checkpoint_bytes": None, "checkpoint_seconds": None}
    with journal_in(folder.parent / "never", **never) as journal:
        engine = fc.Engine(PLAN, journal=journal)
        engine.on_ticks(walk_ticks(np.random.default_rng(1), 5_000, symbols=3), symbols=SYMBOLS)
        assert journal.checkpoints["written"] == 1
        assert journal.checkpoints["sequence"] == 0


def test_rows_that_were_come_with_a_checkpoint_unless_they_are_not_wanted(folder: Path) -> None:
    """As with `Engine.checkpoint`; by itself it keeps them."""
    for history in (True, False):
        journal = journal_in(folder.parent / str(history), checkpoint_records=10, checkpoint_history=history)
        engine = fc.Engine({"ema": fc.EMA(3)}, history=50, journal=journal)
        symbol = engine.symbol("x")
        for i in range(11):
            symbol.on_tick(T0 + i, 100.0 + i)
        awaited(journal, "written", 2)
        at = journal.checkpoints["sequence"]
        back = reopened(folder.parent / str(history), engine)
        assert len(back.symbol("x").history("ema")) == (11 if history else 12 - at)
        back.journal.close()


def test_a_checkpoint_that_cannot_be_written_is_told_of_and_tried_again(folder: Path) -> None:
    """The engine goes on: a recovery reads more, that is all."""
    journal = journal_in(folder, checkpoint_records=100)
    engine = fc.Engine(PLAN, journal=journal)
    symbol = engine.symbol("BTC")
    # Its name is taken by a folder: sequence 1 is the symbol's making, and the first bound is met behind 100.
    blocked = folder / f"snapshot-{100:020}.fcs"
    blocked.mkdir()
    for i in range(100):
        symbol.on_tick(T0 + i, 100.0)
    told = awaited(journal, "failed", 1)
    assert told["failure"] == f"{blocked} cannot be written: {os.strerror(errno.EISDIR)}"
    assert (told["written"], told["sequence"]) == (1, 0)
    blocked.rmdir()
    for i in range(100, 220):
        symbol.on_tick(T0 + i, 100.0)
    told = awaited(journal, "written", 2)
    assert (told["failed"], told["sequence"], told["failure"]) == (1, 200, "")
    before = engine.snapshot()
    back = reopened(folder, engine)
    assert back.snapshot() == before
    back.journal.close()


def test_bounds_of_checkpoints_that_cannot_be_are_refused(folder: Path) -> None:
    """Before anything is made."""
    for options, kind, why in (
        ({"checkpoint_records": 0}, fc.InputError, "checkpoint_records must be from 1 to"),
        ({"checkpoint_bytes": 1.5}, TypeError, "checkpoint_bytes must be a whole number, not 1.5"),
        (
            {"checkpoint_seconds": 0},
            fc.InputError,
            "checkpoint_seconds must be from 0.001 to 31,536,000, not 0",
        ),
        ({"checkpoint_seconds": float("nan")}, fc.InputError, "checkpoint_seconds must be from 0.001"),
        ({"checkpoint_seconds": "1m"}, TypeError, "checkpoint_seconds must be a number or None, not '1m'"),
        ({"keep_snapshots": 0}, fc.InputError, "keep_snapshots must be from 1 to"),
        ({"keep_snapshots": 1001}, fc.InputError, "keep_snapshots must be from 1 to 1,000, not 1001"),
    ):
        assert why in refused(kind, lambda options=options: fc.Journal(folder / "new", **options))
    assert not (folder / "new").exists()


def test_what_cannot_be_logged_is_not_done(folder: Path) -> None:
    """A closed journal takes nothing, and so does its engine: the state is as it was."""
    engine = fc.Engine(PLAN, journal=journal_in(folder))
    btc = engine.symbol("BTC")
    btc.on_tick(T0, 100.0)
    before, said = engine.snapshot(), f"the journal {folder} is closed"
    engine.journal.close()
    bar = {"open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    calls: list[Callable[[], object]] = [
        lambda: btc.on_tick(T0 + 1, 101.0),
        lambda: btc.on_tick(T0 + 1, -1.0),
        lambda: btc.on_tick(5, 101.0),
        lambda: btc.on_quote(T0 + 1, 101.0, 102.0),
        lambda: btc.on_bar("1m", T0, 1.0, 1.0, 1.0, 1.0),
        lambda: engine.on_ticks(ticks_of([(T0 + 1, 1.0, 1.0, 0)])),
        lambda: engine.on_ticks(ticks_of([(T0 + 1, 1.0, 1.0, 0)]), symbols=["new"]),
        lambda: engine.on_bars("1m", T0, **bar, symbols=["BTC"]),
        lambda: engine.symbol("new"),
        lambda: engine.symbol("new", fc.Policy(order="accept")),
        lambda: engine.drop("BTC"),
        lambda: engine.flush(),
        lambda: engine.checkpoint(),
        lambda: engine.journal.note("late"),
        lambda: engine.journal.sync(),
    ]
    for call in calls:
        assert refused(fc.JournalError, call) == said
    assert engine.snapshot() == before
    assert engine.symbols == ["BTC"]
    engine.journal.close()  # again: nothing is left to do


def test_a_journal_is_of_one_engine(folder: Path) -> None:
    """Neither two engines nor two writers nor another engine's records."""
    engine = fc.Engine(PLAN, journal=journal_in(folder))
    journal = engine.journal
    other = fc.Engine(PLAN)
    assert refused(fc.JournalError, lambda: other.attach(journal)) == (
        f"the journal {folder} belongs to another engine: one engine, one journal"
    )
    assert refused(fc.JournalError, lambda: engine.attach(folder / "second")) == (
        f"the engine has a journal already: {folder}"
    )
    assert refused(fc.JournalError, lambda: fc.Journal(folder)) == (
        f"the journal {folder} has a writer already (process {os.getpid()}): one journal, one writer"
    )
    engine.symbol("x").on_tick(T0, 1.0)
    journal.close()
    assert refused(fc.JournalError, lambda: fc.Engine(PLAN, journal=folder)) == (
        f"the journal {folder} holds records up to 2, the engine is at 0: "
        "get the engine back with Engine.recover, or take a new folder"
    )
    assert other.journal is None
    other.attach(folder / "own")
    assert other.journal.folder == str(folder / "own")
    assert other.recovery is None


def test_a_copy_of_an_engine_has_no_journal(folder: Path) -> None:
    """It is a state, and knows up to which record."""
    engine = fc.Engine(PLAN, journal=journal_in(folder))
    engine.symbol("x").on_tick(T0, 1.0)
    for other in (copy.deepcopy(engine), pickle.loads(pickle.dumps(engine))):
        assert other.journal is None
        assert other.sequence == engine.sequence == 2
        other.symbol("x").on_tick(T0 + 1, 1.0)
        other.attach(folder.with_name(f"{folder.name}-{id(other)}"))  # a journal of its own
        other.journal.close()
    assert engine.sequence == 2
    assert (
        refused(fc.InputError, lambda: setattr(engine, "sequence", 1))
        == "sequence: the engine's journal counts it"
    )


def test_a_symbol_is_restored_before_there_is_a_journal(folder: Path) -> None:
    """Its records are not in the journal, so that a recovery would not bring it back."""
    there = fc.Engine(PLAN)
    there.symbol("x").on_tick(T0, 1.0)
    engine = fc.Engine(PLAN, journal=journal_in(folder))
    assert "restore it first, then attach the journal" in refused(
        fc.JournalError, lambda: engine.restore_symbol(there.symbol("x").snapshot())
    )
    assert engine.symbols == []


def test_notes_are_for_people(folder: Path) -> None:
    """They change nothing, and a recovery passes them over."""
    engine = fc.Engine(PLAN, journal=journal_in(folder))
    engine.symbol("x").on_tick(T0, 1.0)
    before = engine.symbol("x").snapshot()
    engine.journal.note("the feed went down")
    assert refused(fc.JournalError, lambda: engine.journal.note("x" * 20_000)) == (
        "a note has at most 16384 bytes, not 20000"
    )
    back = reopened(folder, engine)
    assert back.sequence == 3
    assert back.symbol("x").snapshot() == before


def test_what_is_asked_of_a_journal_must_be_possible(folder: Path) -> None:
    """Options out of range, of another kind, folders that cannot be: a sentence."""
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        (
            {"fsync": "never"},
            fc.InputError,
            "Journal: fsync must be one of 'always', 'interval', 'os', not 'never'",
        ),
        ({"interval": 5}, fc.JournalError, "interval must be at least 1 ms, not 0"),
        ({"interval": "1s"}, TypeError, "Journal: interval must be a whole number, not '1s'"),
        ({"segment_bytes": 10}, fc.JournalError, "segment_bytes must be from 65536 to 17179869184, not 10"),
        ({"keep_segments": 0}, fc.InputError, "Journal: keep_segments must be from 1 to 2**63 - 1, not 0"),
        ({"keep_bytes": True}, TypeError, "Journal: keep_bytes must be a whole number, not True"),
    ]
    for options, error, said in wrong:
        assert refused(error, lambda options=options: fc.Journal(folder / "j", **options)) == said  # type: ignore[misc]
    file = folder / "file"
    file.write_text("x")
    assert refused(fc.JournalError, lambda: fc.Journal(file)) == f"{file} is a file; a journal is a folder"
    assert refused(fc.JournalError, lambda: fc.Journal(file / "below")) == (
        f"the journal {file / 'below'} cannot be made: Not a directory"
    )
    assert refused(fc.JournalError, lambda: fc.Engine.recover(folder / "none")) == (
        f"there is no journal {folder / 'none'}"
    )
    assert not (folder / "none").exists()
    assert refused(TypeError, lambda: fc.Engine.recover(7)) == (  # type: ignore[arg-type]
        "Engine: journal must be a fastcore.Journal or a folder, not 7"
    )
    assert refused(fc.InputError, lambda: fc.Engine.recover(folder, damage="guess")) == (  # type: ignore[arg-type]
        "Engine.recover: damage must be 'refuse' or 'skip', not 'guess'"
    )


def test_a_recovery_needs_a_snapshot_and_a_journal_nobody_wrote_to(folder: Path) -> None:
    """Each is said, and the folder is as it was."""
    journal = journal_in(folder)
    assert refused(fc.JournalError, lambda: fc.Engine.recover(journal)) == (
        f"the journal {folder} holds no snapshot: no engine was attached to it"
    )
    journal.note("x")
    assert refused(fc.JournalError, lambda: fc.Engine.recover(journal)) == (
        f"the journal {folder} has been written to since it was opened: recover comes first"
    )
    journal.close()
    assert refused(fc.JournalError, lambda: fc.Engine.recover(journal)) == f"the journal {folder} is closed"


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    """Also to who may do all: the process gives that up first."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name, "j")
        engine = fc.Engine(PLAN, journal=journal_in(folder))
        engine.symbol("x").on_tick(T0, 1.0)
        engine.journal.close()
        before = {file: file.read_bytes() for file in folder.iterdir()}
        program = (
            "import os, sys, fastcore as fc\n"
            "if os.geteuid() == 0: os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
            "for what in (fc.Journal, fc.Engine.recover):\n"
            "    try: what(sys.argv[1])\n"
            "    except fc.JournalError as error: print(error)\n"
        )
        os.chmod(name, 0o755)
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False
        )
        assert done.stdout.splitlines() == [f"the journal {folder} cannot be written: Permission denied"] * 2
        assert done.stderr == ""
        folder.chmod(0o755)
        assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_journal_without_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be in whatever folder the program is in."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(fc.InputError, match="folder must not be empty"):
        fc.Journal("")
    assert not list(tmp_path.iterdir())
