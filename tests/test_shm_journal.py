"""Rings with a journal: whoever was lapped, came late or died misses nothing, and gets nothing twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore import shm
from fastcore.shm._log import MessageLog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shm_notes import KEYS, NOTE, notes
from test_shm import folder, heard, python

__all__ = ["folder"]  # a fixture

pytestmark = pytest.mark.usefixtures("folder")
PLAN = {"ema": fc.EMA(5), "sma": fc.SMA(4), "rsi": fc.RSI(3)}
NAMES = ["BTCUSDT", "ETHUSDT", "XRPUSDT"]
T0 = 1_700_000_000_000_000_000


def market(first: int, end: int) -> np.ndarray[Any, Any]:
    """Ticks that follow from their numbers; some are late, some invalid."""
    ticks = np.zeros(end - first, fc.TICK)
    number = np.arange(first, end)
    ticks["ts"] = T0 + number * 1000 - 50_000 * (number % 41 == 0)
    ticks["price"] = np.where(number % 57 == 0, -1.0, 100.0 + (number * 7919 % 1013) / 8)
    ticks["size"] = 1.0
    ticks["symbol"] = number % len(NAMES)
    return ticks


def in_pieces(reader: shm.Reader, piece: int) -> Iterator[np.ndarray[Any, Any]]:
    while len(rows := reader.read(piece)):
        yield rows


def test_a_reader_that_was_lapped_takes_what_it_missed_from_the_journal(tmp_path: Path) -> None:
    with shm.create("notes", NOTE, capacity=16, journal=tmp_path / "j") as ring:
        reader = shm.attach("notes", start="oldest")
        for first in range(0, 1000, 7):
            ring.publish_many(notes(first, min(first + 7, 1000)))
        got = np.concatenate(list(in_pieces(reader, 33)))
        np.testing.assert_array_equal(got, notes(0, 1000))
        assert reader.lost == 0
        ring.publish(notes(1000, 1001))
        late = shm.attach("notes", start=0)
        np.testing.assert_array_equal(np.concatenate(list(in_pieces(late, 500))), notes(0, 1001))


def test_a_slow_reader_of_a_fast_writer_gets_all_in_order(tmp_path: Path) -> None:
    writer = python(
        "ring = shm.create('notes', NOTE, capacity=64, journal=sys.argv[1])\n"
        "print('open', flush=True); sys.stdin.readline()\n"
        "for first in range(0, 60_000, 20): ring.publish_many(notes(first, first + 20))\n"
        "ring.close(keep=True); print('done', flush=True)",
        str(tmp_path / "j"),
    )
    assert heard(writer) == "open"
    reader = shm.attach("notes", start="oldest", wait="yield")
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    expected = 0
    while expected < 60_000:
        assert reader.wait(30.0)
        rows = reader.read(7 + expected % 501)
        np.testing.assert_array_equal(rows, notes(expected, expected + len(rows)))
        expected += len(rows)
    assert reader.lost == 0
    assert heard(writer) == "done"
    writer.communicate()


def test_what_was_logged_and_not_published_is_published_by_the_next_writer(tmp_path: Path) -> None:
    writer = python(
        "ring = shm.create('notes', NOTE, capacity=16, key='key', rows=KEYS, journal=sys.argv[1])\n"
        "ring.name_rows(['a', 'b'])\n"
        "ring.publish_many(notes(0, 30))\n"
        "ring._journal._log_messages(30, notes(30, 32))\n"  # the process dies between the log and the ring
        "print('logged', flush=True); sys.stdin.readline()",
        str(tmp_path / "j"),
    )
    assert heard(writer) == "logged"
    reader = shm.attach("notes", start="oldest")
    assert reader.read()["n"].tolist() == list(range(14, 30)) or reader.next == 30
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with shm.create("notes", NOTE, capacity=16, key="key", rows=KEYS, journal=tmp_path / "j") as ring:
        assert ring.next == 32
        assert reader.read()["n"].tolist() == [30, 31]
        assert ring.name_rows(["c"]) == {"c": 2}
        assert ring.publish(notes(32, 33)) == 32
        assert reader.read()["n"].tolist() == [32]


def test_a_ring_that_is_gone_goes_on_with_its_sequence_and_its_rows(tmp_path: Path) -> None:
    options: dict[str, Any] = {"capacity": 16, "key": "key", "rows": KEYS, "journal": tmp_path / "j"}
    with shm.create("notes", NOTE, **options) as ring:
        ring.name_rows(["a", "b", "c"])
        ring.publish_many(notes(0, 100))
    assert shm.names() == []
    with shm.create("notes", NOTE, **options) as ring:
        assert ring.next == 100
        reader = shm.attach("notes", start="oldest")
        assert reader.next == 84
        assert reader.names == ["a", "b", "c"]
        np.testing.assert_array_equal(reader.read(), notes(84, 100))
        latest = reader.latest("b")
        assert latest["n"] == 96
        early = shm.attach("notes", start=10)
        np.testing.assert_array_equal(np.concatenate(list(in_pieces(early, 64))), notes(10, 100))


def test_what_the_journal_let_go_of_is_told_exactly(tmp_path: Path) -> None:
    with (
        fc.Journal(tmp_path / "j", segment_bytes=64 << 10, keep_segments=2) as journal,
        shm.create("notes", NOTE, capacity=16, journal=journal) as ring,
    ):
        reader, careless = shm.attach("notes", start="oldest"), shm.attach("notes", start=0, on_lap="skip")
        for first in range(0, 6000, 100):
            ring.publish_many(notes(first, first + 100))
            journal.sync()
        journal.close()  # from here on its thread removes nothing, so that both readers miss the same
        with pytest.raises(fc.LappedError) as told:
            while True:
                reader.read()
        assert told.value.first == 0
        assert 3000 < told.value.count < 6000
        rest = np.concatenate(list(in_pieces(reader, 1000)))
        np.testing.assert_array_equal(rest, notes(told.value.count, 6000))
        assert reader.lost == told.value.count
        np.testing.assert_array_equal(np.concatenate(list(in_pieces(careless, 1000))), rest)
        assert careless.lost == told.value.count


def test_what_the_journal_lets_go_of_under_a_reader_is_passed_over(tmp_path: Path) -> None:
    """It has the oldest segment open, and the next ones are gone when it comes there."""
    with (
        fc.Journal(tmp_path / "j", segment_bytes=64 << 10, keep_segments=2) as journal,
        shm.create("notes", NOTE, capacity=16, journal=journal) as ring,
    ):
        ring.publish_many(notes(0, 50))
        log = MessageLog(str(tmp_path / "j"), NOTE)
        ((first, rows),) = log(0, 10)
        assert first == 0
        np.testing.assert_array_equal(rows, notes(0, 10))
        for first in range(50, 6000, 50):
            ring.publish_many(notes(first, first + 50))
        journal.close()
        assert not (tmp_path / "j" / "journal-00000002.fcj").exists()
        found = list(log(10, 6000))
        firsts = [first for first, _ in found]
        ends = [first + len(rows) for first, rows in found]
        assert ends[-1] == 6000
        assert 3000 < firsts[-1] < 6000
        assert all(end <= first for end, first in zip(ends, firsts[1:], strict=False))
        for first, rows in found:
            np.testing.assert_array_equal(rows, notes(first, first + len(rows)))


def test_a_journal_of_other_messages_is_refused(tmp_path: Path) -> None:
    with shm.create("notes", NOTE, capacity=16, journal=tmp_path / "j") as ring:
        ring.publish_many(notes(0, 3))
    with pytest.raises(fc.JournalError, match=r"holds messages of 48 bytes, and the ring's have 8"):
        shm.create("other", "<f8", capacity=16, journal=tmp_path / "j")
    closed = fc.Journal(tmp_path / "k")
    closed.close()
    with pytest.raises(fc.JournalError, match="is closed"):
        shm.create("other", "<f8", capacity=16, journal=closed)
    with pytest.raises(fc.JournalError, match="from 1 to 16376 bytes, not 16384"):
        shm.create("large", "S16384", capacity=2, journal=tmp_path / "large").publish(b"x")


def test_a_message_that_is_refused_is_not_logged(tmp_path: Path) -> None:
    with shm.create("notes", NOTE, capacity=16, key="key", rows=2, journal=tmp_path / "j") as ring:
        ring.publish_many(notes(0, 2))
        with pytest.raises(fc.InputError, match="outside the table"):
            ring.publish_many(notes(2, 5))
        assert MessageLog(str(tmp_path / "j"), NOTE).last() == 1
        assert ring.next == 2


def test_a_replica_that_comes_late_has_the_engine_of_one_that_saw_all(tmp_path: Path) -> None:
    direct = fc.Engine(PLAN)
    with shm.create("ticks", fc.TICK, capacity=32, key="symbol", rows=3, journal=tmp_path / "j") as ring:
        ring.name_rows(NAMES)
        ring.publish_many(market(0, 500))
        replica = shm.Replica("ticks", PLAN)
        while replica.step(64):
            pass
        direct.on_ticks(market(0, 500), symbols=NAMES)
        assert replica.sequence == 500
        assert fc.diff(replica.engine.symbol("BTCUSDT"), direct.symbol("BTCUSDT")) is None
        replica.save(tmp_path / "replica.fcs")
        ring.publish_many(market(500, 900))
        again = shm.Replica.restore(tmp_path / "replica.fcs", "ticks")
        assert again.behind == 400
        while again.step():
            pass
        direct.on_ticks(market(500, 900), symbols=NAMES)
        assert again.sequence == 900
        for name in NAMES:
            assert fc.diff(again.engine.symbol(name), direct.symbol(name)) is None
        assert again.engine.ledger == direct.ledger


def test_a_replica_without_a_journal_says_that_it_lacks_ticks() -> None:
    with shm.create("ticks", fc.TICK, capacity=32, key="symbol", rows=3) as ring:
        ring.name_rows(NAMES[:1])
        replica = shm.Replica("ticks", PLAN)
        ticks = market(0, 100)
        ticks["symbol"] = 0
        ring.publish_many(ticks)
        for words in ("84 messages from sequence 0 on were overwritten", "lacks 84 ticks from sequence 0 on"):
            with pytest.raises(fc.LappedError, match=words) as told:
                replica.step()
            assert (told.value.first, told.value.count) == (0, 84)
        ring.publish((T0 + 1_000_000, 1.0, 1.0, 0, 2, 0))
        with pytest.raises(fc.InputError, match="a tick is of row 2, and 1 rows have names"):
            late = shm.Replica("ticks", fc.Engine(PLAN))
            late._reader.seek(late._reader.end - 1)
            late.engine.sequence = late._reader.next
            late.step()
    with shm.create("notes", NOTE), pytest.raises(fc.InputError, match=r"a ring of fastcore\.TICK"):
        shm.Replica("notes", PLAN)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("publish"), st.integers(1, 40)),
            st.tuples(st.just("read"), st.integers(1, 60)),
            st.tuples(st.sampled_from(["restart", "lose", "log only", "rejoin"]), st.just(0)),
        ),
        max_size=30,
    )
)
def test_every_message_is_read_once_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    journal = fc.Journal(tmp_path_factory.mktemp("j"), segment_bytes=64 << 10, fsync="os")
    ring = shm.create("notes", NOTE, capacity=16, journal=journal)
    reader = shm.attach("notes", start=0)
    published, seen = 0, 0
    try:
        for step, count in [*steps, ("read", 2000)]:
            if step == "publish":
                ring.publish_many(notes(published, published + count))
                published += count
            elif step == "log only":
                ring._journal._log_messages(ring.next, notes(published, published + 1))
                published += 1
            if step in ("restart", "lose", "log only"):
                ring.close(keep=step != "lose")
                ring = shm.create("notes", NOTE, capacity=16, journal=journal)
            if step in ("lose", "rejoin", "log only", "restart"):
                reader = shm.attach("notes", start=seen)
            if step == "read":
                for rows in in_pieces(reader, count):
                    np.testing.assert_array_equal(rows, notes(seen, seen + len(rows)))
                    seen += len(rows)
                assert seen == published
    finally:
        ring.close()
        journal.close()
