"""Rings in shared memory: what a reader in another process gets, however processes begin and end."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore import shm
from fastcore.cli import main
from shm_notes import KEYS, NOTE, notes


@pytest.fixture
def folder() -> Iterator[str]:
    """A folder in shared memory, the default of this process and its children."""
    path = Path("/dev/shm") / f"fastcore-test-{os.getpid()}-{time.monotonic_ns()}"
    path.mkdir()
    before = os.environ.get("FASTCORE_SHM_FOLDER")
    os.environ["FASTCORE_SHM_FOLDER"] = str(path)
    yield str(path)
    del os.environ["FASTCORE_SHM_FOLDER"]
    if before is not None:
        os.environ["FASTCORE_SHM_FOLDER"] = before
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def python(program: str, *args: str) -> subprocess.Popen[str]:
    """A process that runs a program."""
    head = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import fastcore as fc; from fastcore import shm; from shm_notes import *\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + program, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.communicate()[1]
    return line


# Publishing and reading


@pytest.mark.usefixtures("folder")
def test_what_is_published_is_read_once_and_in_order() -> None:
    with shm.create("notes", NOTE, capacity=100) as ring:
        assert ring.capacity == 128
        early = shm.attach("notes")
        assert len(early.read()) == 0
        assert early.latest() is None
        assert ring.publish_many(notes(0, 50)) == 0
        late = shm.attach("notes")
        whole = shm.attach("notes", start="oldest")
        middle = shm.attach("notes", start=20)
        assert ring.publish(notes(50, 51)) == 50
        assert ring.next == 51
        assert late.next == 50
        np.testing.assert_array_equal(early.read(), notes(0, 51))
        np.testing.assert_array_equal(whole.read(7), notes(0, 7))
        np.testing.assert_array_equal(whole.read(), notes(7, 51))
        np.testing.assert_array_equal(middle.read(), notes(20, 51))
        np.testing.assert_array_equal(late.read(), notes(50, 51))
        assert late.latest() == notes(50, 51)[0]
        assert len(late.read()) == 0


@pytest.mark.usefixtures("folder")
def test_a_message_may_be_a_record_a_tuple_a_mapping_or_a_number() -> None:
    with shm.create("signals", [("ts", "<i8"), ("score", "<f8")], capacity=8) as signals:
        reader = shm.attach("signals")
        signals.publish((1, 0.5))
        signals.publish({"score": 1.5, "ts": 2})
        signals.publish([3, 2.5])
        signals.publish(np.array((4, 3.5), signals.dtype))
        signals.publish(np.array([(5, 4.5)], signals.dtype)[0])
        assert reader.read().tolist() == [(1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5), (5, 4.5)]
        for wrong in ({"ts": 1}, (1, 2, 3), "hello", (1, "x"), np.zeros(2, signals.dtype), None):
            with pytest.raises(fc.InputError):
                signals.publish(wrong)
        assert signals.next == 5
    with shm.create("prices", "<f8", capacity=8) as prices:
        reader = shm.attach("prices")
        prices.publish(1.5)
        prices.publish_many([2, 3])
        assert reader.read().tolist() == [1.5, 2.0, 3.0]


PLAIN = np.dtype(
    {
        "names": ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "b1"],
        "formats": ["i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f4", "<f8", "?"],
        "offsets": [0, 2, 4, 8, 16, 18, 20, 24, 32, 40, 48],
        "itemsize": 56,
    }
)
#: The same without a gap, so that fields lie across words; backwards; and one field within another.
TIGHT = np.dtype(
    [(name, PLAIN[name]) for name in ("u1", "f8", "i2", "u8", "b1", "i4", "f4", "i1", "u4", "u2", "i8")]
)
BACK = np.dtype({"names": ["a", "b"], "formats": ["<f8", "<i4"], "offsets": [4, 0], "itemsize": 12})
TWICE = np.dtype({"names": ["a", "b"], "formats": ["<u8", "<u4"], "offsets": [0, 4], "itemsize": 8})
WHOLES = (
    0,
    1,
    -1,
    127,
    -128,
    128,
    255,
    256,
    -32768,
    65535,
    2**30 - 1,
    2**30,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**60 - 1,
    2**60,
    -(2**63),
    2**63 - 1,
    2**63,
    2**64,
    2**1024,
)
FLOATS = (
    0.5,
    -0.0,
    float("nan"),
    float("inf"),
    -float("inf"),
    3.4028235677973366e38,
    1e300,
    1e-46,
    5e-324,
    2.5,
)
OTHERS = (
    True,
    False,
    np.float64(0.1),
    np.float32(0.1),
    np.int64(3),
    np.uint8(7),
    "1",
    None,
    b"1",
    1 + 2j,
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of a float32 that overflows
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("layout", [PLAIN, TIGHT], ids=["gaps", "tight"])
@pytest.mark.parametrize("field", PLAIN.names or ())
def test_plain_values_have_the_bits_that_numpy_gives_them(field: str, layout: np.dtype[Any]) -> None:
    """Packed past NumPy or by it: a tuple and a mapping of each value are the same message, or none."""
    zeros = dict.fromkeys(layout.names or (), 0)
    with (
        shm.create("plain", layout, capacity=8) as ring,
        shm.create("single", layout[field], capacity=8) as single,
    ):
        reader, alone = shm.attach("plain"), shm.attach("single")
        for value in (*WHOLES, *FLOATS, *OTHERS):
            message = {**zeros, field: value}
            before = ring.next
            try:
                expected = np.array(tuple(message.values()), layout)
            except (ValueError, TypeError, OverflowError):
                for one in (tuple(message.values()), message):
                    with pytest.raises(fc.InputError):
                        ring.publish(one)
                with pytest.raises(fc.InputError):
                    single.publish(value)
                assert (ring.next, reader.take(), alone.take()) == (before, None, None)
                continue
            ring.publish(tuple(message.values()))
            ring.publish(dict(reversed(message.items())))
            for got in reader.read():
                assert [got[name].tobytes() for name in zeros] == [expected[name].tobytes() for name in zeros]
            single.publish(value)
            assert alone.read()[0].tobytes() == expected[field].tobytes()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("layout", [BACK, TWICE], ids=["backwards", "overlapping"])
def test_fields_lie_where_their_dtype_has_them(layout: np.dtype[Any]) -> None:
    with shm.create("odd", layout, capacity=8) as ring:
        reader = shm.attach("odd")
        ring.publish((3, 7))
        expected = np.array((3, 7), layout)
        assert reader.read()[0].tobytes() == expected.tobytes()
        reader.seek("oldest")
        assert reader.take() == expected.item()


@pytest.mark.usefixtures("folder")
def test_titles_of_fields_are_no_fields() -> None:
    with shm.create("titled", np.dtype([(("title", "a"), "<i8"), ("b", "<f8")]), capacity=4) as ring:
        reader = shm.attach("titled")
        ring.publish((1, 2.0))
        assert reader.take() == (1, 2.0)


@pytest.mark.usefixtures("folder")
def test_a_ring_that_a_key_closes_takes_nothing() -> None:
    """A key that compares itself runs in the middle of a publication."""

    class Key(str):
        act: Any = None
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            act, Key.act = Key.act, None
            if act is not None:
                act()
            return str.__eq__(self, other)

    ring = shm.create("pairs", [("a", "<i8"), ("b", "<f8")], capacity=8)
    reader = shm.attach("pairs")
    message = {Key("a"): 1, Key("b"): 2.0}
    Key.act = ring.close
    with pytest.raises(fc.ShmError, match="is closed"):
        ring.publish(message)
    assert (ring.next, reader.take()) == (0, None)


@pytest.mark.usefixtures("folder")
def test_what_lies_between_fields_is_zero() -> None:
    with shm.create("gaps", PLAIN, capacity=8) as ring:
        reader = shm.attach("gaps")
        ones = {"i": -1, "b": True}
        ring.publish(tuple(ones.get(PLAIN[name].kind, 1) for name in PLAIN.names or ()))
        taken = np.frombuffer(reader.read().tobytes(), "u1")
        fields = {at + i for kind, at, *_ in (PLAIN.fields or {}).values() for i in range(kind.itemsize)}
        assert not any(taken[at] for at in range(PLAIN.itemsize) if at not in fields)


@pytest.mark.usefixtures("folder")
def test_a_tuple_that_somebody_holds_stays_what_it_was() -> None:
    """Taken messages are tuples that are filled anew, but only where nobody can see it."""
    held: dict[int, tuple[Any, ...]] = {}
    with shm.create("pairs", [("a", "<i8"), ("b", "<f8")], capacity=512) as ring:
        reader = shm.attach("pairs")
        for i in range(400):
            ring.publish((i + 2**40, i / 2))
        for i in range(400):
            row = reader.take()
            assert row == (i + 2**40, i / 2)
            if i % 7 in (0, 1, 3):
                held[i] = row
            if i % 11 == 0:
                held.pop(i - 77, None)
        gc.collect()
        assert held == {i: (i + 2**40, i / 2) for i in held}
        names = [("a", 1.5)]
        ring.publish((1, 1.5))
        reader.seek(ring.next - 1)
        index = {reader.take(): names}
        for _ in range(4):
            ring.publish((2, 2.5))
            reader.take()
        assert index == {(1, 1.5): names}


@pytest.mark.usefixtures("folder")
def test_a_tuple_of_another_length_and_a_mapping_of_other_fields_are_no_messages() -> None:
    with shm.create("pairs", [("a", "<f8"), ("b", "<f8")], capacity=8) as ring:
        for wrong in (
            (1.0,),
            (1.0, 2.0, 3.0),
            {"a": 1.0},
            {"a": 1.0, "c": 2.0},
            {"a": 1.0, "b": 2.0, "c": 3.0},
        ):
            with pytest.raises(fc.InputError):
                ring.publish(wrong)
        assert ring.next == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "dtype", [PLAIN, NOTE, "<f8", "<u4", ">f8", "S3", "<f2", "<M8[ns]", [("a", "S2"), ("b", "<f8")], "V600"]
)
def test_taking_is_reading_one_as_plain_values(dtype: Any) -> None:
    layout = np.dtype(dtype)
    raw = np.random.default_rng(3).integers(0, 2, 20 * layout.itemsize, "u1")  # 0 and 1 are truths, too
    with shm.create("any", layout, capacity=32) as ring:
        taking, reading = shm.attach("any"), shm.attach("any")
        assert taking.take() is None
        for message in np.frombuffer(raw.tobytes(), layout):
            ring.publish(np.array([message], layout))
            assert repr(taking.take()) == repr(reading.read().item())
            assert taking.next == reading.next
        assert taking.take() is None
        for wrong in ((1,), (None,)):
            with pytest.raises(TypeError, match="take"):
                taking.take(*wrong)  # type: ignore[call-arg]


@pytest.mark.usefixtures("folder")
def test_taking_tells_of_laps_and_takes_what_was_missed_from_who_kept_it() -> None:
    with shm.create("notes", "<i8", capacity=8) as ring:
        strict, careless = shm.attach("notes"), shm.attach("notes", on_lap="skip")
        caught = shm.attach("notes", catch_up=lambda first, end: np.arange(first, end))
        gappy = shm.attach("notes", catch_up=lambda first, end: np.arange(first, end - 1), on_lap="skip")
        ring.publish_many(np.arange(30))
        with pytest.raises(fc.LappedError, match="26 messages from sequence 0 on"):
            strict.take()
        assert [strict.take(), strict.next, strict.lost] == [26, 27, 26]
        assert [careless.take(), careless.next, careless.lost] == [26, 27, 26]
        assert [caught.take() for _ in range(31)] == [*range(30), None]
        assert [gappy.take() for _ in range(30)] == [*range(25), *range(26, 30), None]
        assert (caught.lost, gappy.lost) == (0, 1)
        ring.publish_many(np.arange(30, 60))
        assert [caught.take(), caught.next] == [30, 31]
        assert caught.read(2).tolist() == [31, 32]
        caught.seek("newest")
        assert (caught.take(), caught.next) == (None, 60)


@pytest.mark.usefixtures("folder")
def test_a_slow_reader_is_told_what_it_missed() -> None:
    with shm.create("notes", NOTE, capacity=8) as ring:
        strict = shm.attach("notes")
        careless = shm.attach("notes", on_lap="skip")
        ring.publish_many(notes(0, 30))
        with pytest.raises(fc.LappedError, match=r"26 messages from sequence 0 on.*holds 8") as caught:
            strict.read()
        assert (caught.value.first, caught.value.count, strict.lost) == (0, 26, 26)
        assert pickle.loads(pickle.dumps(caught.value)).count == 26
        np.testing.assert_array_equal(strict.read(), notes(26, 30))
        np.testing.assert_array_equal(careless.read(), notes(26, 30))
        assert careless.lost == 26


@pytest.mark.usefixtures("folder")
def test_what_was_missed_comes_from_who_kept_it() -> None:
    kept = notes(0, 1000)
    asked: list[tuple[int, int]] = []

    def catch_up(first: int, end: int) -> Iterator[np.ndarray[Any, Any]]:
        asked.append((first, end))
        yield kept[first : first + 3]
        yield kept[first + 3 : end]

    with shm.create("notes", NOTE, capacity=8) as ring:
        reader = shm.attach("notes", catch_up=catch_up)
        seen = []
        for first in range(0, 1000, 20):
            ring.publish_many(kept[first : first + 20])
            while reader.next < ring.next:
                seen.append(reader.read(7))
        np.testing.assert_array_equal(np.concatenate(seen), kept)
        assert reader.lost == 0
        assert asked[0] == (0, 16)

    def forgetful(first: int, end: int) -> np.ndarray[Any, Any]:
        return kept[first : end - 2]

    with shm.create("notes", NOTE, capacity=8) as ring:
        reader = shm.attach("notes", catch_up=forgetful)
        ring.publish_many(kept[:20])
        np.testing.assert_array_equal(reader.read(), kept[:14])
        with pytest.raises(fc.LappedError, match="2 messages from sequence 14 on"):
            reader.read()
        np.testing.assert_array_equal(reader.read(), kept[16:20])


@pytest.mark.usefixtures("folder")
def test_a_view_is_no_copy_and_knows_when_it_is_over() -> None:
    with shm.create("notes", NOTE, capacity=8) as ring:
        reader = shm.attach("notes")
        ring.publish_many(notes(0, 6))
        with reader.view() as rows:
            np.testing.assert_array_equal(rows, notes(0, 6))
            assert not rows.flags.owndata
            with pytest.raises(ValueError, match="read-only"):
                rows["n"] = 0
            with pytest.raises(ValueError, match="WRITEABLE"):
                rows.flags.writeable = True
        ring.publish_many(notes(6, 10))
        view = reader.view()
        assert (view.first, len(view.rows)) == (6, 2)  # as far as the memory goes on
        assert view.valid
        with pytest.raises(fc.LappedError), reader.view() as rows:
            assert len(rows) == 2
            ring.publish_many(notes(10, 20))
        assert not view.valid
        again = view.rows
    del ring, reader, view
    assert again["n"].tolist() == [14, 15]  # the memory stays as long as somebody looks at it


@pytest.mark.usefixtures("folder")
def test_the_table_has_the_newest_message_of_each_key() -> None:
    with shm.create("notes", NOTE, capacity=4, key="key", rows=KEYS) as ring:
        reader = shm.attach("notes")
        assert ring.name_rows(["a", "b"]) == {"a": 0, "b": 1}
        assert reader.latest("a") is None
        ring.publish_many(notes(0, 99))
        for n in range(94, 99):
            assert reader.latest(n % KEYS) == notes(n, n + 1)[0]
        assert reader.latest("b") == notes(96, 97)[0]
        assert reader.names == ["a", "b"]
        with pytest.raises(fc.UnknownNameError, match="no row named 'c'"):
            reader.latest("c")
        with pytest.raises(fc.UnknownNameError, match="5 rows"):
            reader.latest(5)
        stranger = notes(99, 100)
        stranger["key"] = 5
        with pytest.raises(fc.InputError, match="outside the table"):
            ring.publish(stranger)
        assert ring.next == 99
        with pytest.raises(fc.CapacityError, match="5 rows, and all have names"):
            ring.name_rows(list("cdefg"))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("wait", ["spin", "yield", "sleep"])
def test_iteration_waits_for_messages_and_ends_with_the_ring(wait: Any) -> None:
    got: list[int] = []
    ring = shm.create("notes", NOTE, capacity=4096)
    reader = shm.attach("notes", wait=wait)
    thread = threading.Thread(target=lambda: got.extend(int(note["n"]) for note in reader))
    thread.start()
    for n in range(300):
        ring.publish(notes(n, n + 1))
    ring.close()
    thread.join(60)
    assert got == list(range(300))
    assert reader.closed


@pytest.mark.usefixtures("folder")
def test_waiting_has_an_end() -> None:
    with shm.create("notes", NOTE, capacity=8) as ring:
        reader = shm.attach("notes")
        assert reader.wait(0.001) is False
        ring.publish(notes(0, 1))
        assert reader.wait(0) is True
        assert reader.wait() is True


# Processes


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.usefixtures("folder")
def test_readers_in_other_processes_get_the_same_messages(method: str) -> None:
    context = multiprocessing.get_context(method)
    end = 20_000
    ready = context.Semaphore(0)
    results = context.SimpleQueue()
    with shm.create("notes", NOTE, capacity=1 << 15) as ring:
        readers = [context.Process(target=_read_all, args=(end, ready, results)) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in readers:
            assert ready.acquire(timeout=60)
        for first in range(0, end, 50):
            ring.publish_many(notes(first, first + 50))
        for _ in readers:
            assert results.get() == "all"
        for reader in readers:
            reader.join()


def _read_all(end: int, ready: Any, results: Any) -> None:
    reader = shm.attach("notes")
    ready.release()
    while reader.next < end and reader.wait(60):
        first = reader.next
        rows = reader.read()
        if not np.array_equal(rows, notes(first, first + len(rows))):
            results.put(f"other messages than those from {first} on")
            return
    results.put("all")


@pytest.mark.usefixtures("folder")
def test_a_forked_child_cannot_write_to_its_parents_ring() -> None:
    with shm.create("notes", NOTE, capacity=8) as ring:
        reader = shm.attach("notes")
        child = os.fork()
        if child == 0:
            try:
                ring.publish(notes(0, 1))
            except fc.ShmError as error:
                ring.close()
                os._exit(0 if "forked child" in str(error) else 2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        ring.publish(notes(0, 1))
        assert not reader.closed
        assert len(reader.read()) == 1
        assert shm.names() == ["notes"]


@pytest.mark.usefixtures("folder")
def test_two_writers_are_refused() -> None:
    with shm.create("notes", NOTE, capacity=8):
        with pytest.raises(fc.ShmBusyError, match=f"process {os.getpid()}: a ring has one writer at a time"):
            shm.create("notes", NOTE, capacity=8)
        other = python("try: shm.create('notes', NOTE)\nexcept fc.ShmBusyError: print('refused')")
        assert other.communicate(timeout=60)[0] == "refused\n"
    with shm.create("notes", NOTE, capacity=8) as after:
        assert not after.taken_over


WRITE_FOR_EVER = """
with shm.create("notes", NOTE, capacity=256, key="key", rows=KEYS) as ring:
    print(ring.next, flush=True)
    while True:
        n = ring.next
        ring.publish_many(notes(n, n + 1 + n % 90))
"""


def test_writers_killed_under_load_lose_nothing_that_was_read(folder: str) -> None:
    """Each next one goes on with the sequence; what a reader has taken was whole, and stays the truth."""
    moments = random.Random(4)
    reader: shm.Reader | None = None
    end = 0
    for epoch in range(1, 6):
        writer = python(WRITE_FOR_EVER)
        assert int(heard(writer)) == end
        if reader is None:
            reader = shm.attach("notes", on_lap="skip", wait="yield")
        until = reader.end + moments.randrange(20, 20_000)
        while reader.next < until:
            assert reader.wait(60)
            rows = reader.read()
            np.testing.assert_array_equal(rows, notes(reader.next - len(rows), reader.next))
            assert reader.epoch == epoch
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert not reader.writer_alive
        end = reader.end
        rows = reader.read()
        np.testing.assert_array_equal(rows, notes(reader.next - len(rows), reader.next))
        for key in range(KEYS):
            latest = reader.latest(key)
            assert latest == notes(int(latest["n"]), int(latest["n"]) + 1)[0]
            assert latest["key"] == key
    assert os.listdir(folder) == ["fastcore.notes"]
    assert shm.clean() == ["notes"]
    assert reader is not None
    assert reader.closed


@pytest.mark.usefixtures("folder")
def test_a_reader_learns_that_its_writer_has_died() -> None:
    writer = python(
        "ring = shm.create('notes', NOTE); ring.publish(notes(0, 1)); print(1, flush=True); input()"
    )
    heard(writer)
    reader = shm.attach("notes", start="oldest", patience=0.05)
    assert reader.writer_pid == writer.pid
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert [int(note["n"]) for note in _until_lost(reader)] == [0]
    with shm.create("notes", NOTE) as second:
        assert second.taken_over
        second.publish(notes(1, 2))
        assert reader.read()["n"].tolist() == [1]
        assert reader.epoch == 2


def _until_lost(reader: shm.Reader) -> Iterator[Any]:
    with pytest.raises(fc.WriterLostError, match=f"process {reader.writer_pid}, has died"):
        yield from reader


def test_a_process_killed_while_it_makes_a_segment_leaves_all_of_it_or_nothing(folder: str) -> None:
    program = """
print("go", flush=True)
ring = shm.create("large", NOTE, capacity=1 << 19)
print("made", flush=True)
input()
"""
    for moment in np.linspace(0, 0.02, 6):
        maker = python(program)
        assert heard(maker) == "go"
        time.sleep(moment)
        maker.send_signal(signal.SIGKILL)
        maker.communicate()
        left = os.listdir(folder)
        assert left in ([], ["fastcore.large"])
        if left:
            assert shm.attach("large").capacity == 1 << 19
        assert shm.clean() == (["large"] if left else [])
    maker = python(program)
    assert [heard(maker), heard(maker)] == ["go", "made"]
    maker.kill()
    maker.communicate()
    assert shm.clean() == ["large"]


# What cannot be


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "dtype", "options", "error", "says"),
    [
        ("a/b", NOTE, {}, fc.ShmError, "a segment's name is 1 to 100 letters"),
        ("../x", NOTE, {}, fc.ShmError, "'../x'"),
        ("", NOTE, {}, fc.ShmError, "not ''"),
        ("x", object, {}, fc.InputError, "cannot carry Python objects"),
        ("x", "V0", {}, fc.InputError, "one byte or more"),
        ("x", NOTE, {"capacity": 0}, fc.InputError, "from 1 to 4294967296, not 0"),
        ("x", NOTE, {"capacity": 2**33}, fc.InputError, "not 8589934592"),
        ("x", NOTE, {"capacity": 1.5}, TypeError, "whole number"),
        ("x", NOTE, {"key": "key"}, fc.InputError, "come together"),
        ("x", NOTE, {"rows": 2}, fc.InputError, "come together"),
        ("x", NOTE, {"key": "n", "rows": 2}, fc.InputError, "must be of dtype <u4, not uint64"),
        ("x", NOTE, {"key": "nowhere", "rows": 2}, fc.InputError, "'nowhere' is not a field"),
        ("x", [(f"field_{i}", "<f8") for i in range(300)], {}, fc.ShmError, "at most 3500 bytes"),
        ("x", NOTE, {"capacity": 2**32}, fc.ShmError, "MB left"),
    ],
)
def test_rings_that_cannot_be_are_refused(
    name: str, dtype: Any, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        shm.create(name, dtype, **options)
    assert says in str(caught.value)
    assert shm.names() == []


@pytest.mark.usefixtures("folder")
def test_readers_that_cannot_be_are_refused() -> None:
    with pytest.raises(fc.ShmMissingError, match="there is no segment"):
        shm.attach("x")
    with pytest.raises(fc.ShmError, match="not 'a/b'"):
        shm.attach("a/b")
    with shm.create("x", NOTE, capacity=8) as ring:
        ring.publish_many(notes(0, 3))
        for wrong in ({"wait": "nap"}, {"on_lap": "cry"}, {"start": 4}, {"start": -1}, {"start": "middle"}):
            with pytest.raises(fc.InputError):
                shm.attach("x", **wrong)
        reader = shm.attach("x")
        with pytest.raises(fc.InputError, match="1 or more"):
            reader.read(0)
        with pytest.raises(fc.InputError, match="cannot go back"):
            ring.skip(2)
    with pytest.raises(fc.ShmError, match="is closed"):
        ring.publish(notes(0, 1))
    ring.close()


def test_files_that_are_no_segments_are_refused_and_left(folder: str) -> None:
    file = Path(folder) / "fastcore.x"
    shm.create("x", NOTE, capacity=8).close(keep=True)
    good = file.read_bytes()
    for bad, says in (
        (b"", "too small for a segment"),
        (good[:100], "too small for a segment"),
        (good[:-1], "where its header asks for"),
        (b"\0" * len(good), "does not begin as one"),
        (good[:8] + b"\x07" + good[9:], "version 7, and this fastcore reads version 1"),
        (good[:60] + b"!" + good[61:], "checksum"),
    ):
        file.write_bytes(bad)
        with pytest.raises(fc.ShmError, match=says):
            shm.attach("x")
        with pytest.raises(fc.ShmError, match=says):
            shm.inspect("x")
        assert file.read_bytes() == bad
        assert shm.clean("x", dry_run=True) == ["x"]
    assert shm.clean() == ["x"]


def test_a_segment_whose_fields_are_nonsense_is_refused(folder: str) -> None:
    """A header may be whole and still be somebody else's: the text of the fields is not trusted either."""
    for schema in (
        "",
        "hello",
        "[]",
        '"O"',
        '{"fields":[]}',
        '{"fields":[["a","<f8",9]],"bytes":8}',
        '"<f4"',
    ):
        made = fc._core.RingWriter(folder, "x", np.dtype("<f8"), 8, 0, None, schema, 0o600)
        with pytest.raises(fc.ShmError):
            shm.attach("x")
        made.close()


def test_a_full_file_system_is_refused_and_nothing_is_left() -> None:
    """In a file system of 1 MB of its own, in a namespace of its own."""
    program = """
import os, fastcore as fc
folder = "/mnt"
first = fc.shm.create("first", "<f8", capacity=1 << 15, folder=folder)
for capacity in (1 << 17, 1 << 30):
    try:
        fc.shm.create("second", "<f8", capacity=capacity, folder=folder)
    except fc.ShmError as error:
        assert "left: ask for fewer or smaller messages" in str(error), error
    else:
        raise SystemExit("it fitted")
assert os.listdir(folder) == ["fastcore.first"]
first.publish(1.0)
print("refused")
"""
    mount = f"mount -t tmpfs -o size=1m fastcore /mnt && exec {sys.executable} -"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
        input=program,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "refused\n", done.stderr


@pytest.mark.usefixtures("folder")
def test_a_file_that_may_not_grow_is_refused() -> None:
    """The kernel says no after the question whether there is room."""
    program = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try: shm.create("x", NOTE, capacity=1 << 16)
except fc.ShmError as error: print(error)
"""
    out, err = python(program).communicate(timeout=60)
    assert "cannot be given 3.2 MB" in out, err
    assert shm.names() == []


# Looking after segments


@pytest.mark.usefixtures("folder")
def test_inspect_says_all_about_a_ring() -> None:
    with shm.create("notes", NOTE, capacity=8, key="key", rows=KEYS) as ring:
        ring.name_rows(["a"])
        ring.publish_many(notes(0, 20))
        about = shm.inspect("notes")
        assert json.loads(json.dumps(about)) == about
        assert 0 <= about.pop("age") < 60
        assert abs(about.pop("created") - time.time_ns()) < 60e9
        assert about.pop("bytes") == os.stat(f"{ring.folder}/fastcore.notes").st_size
        assert about == {
            "name": "notes",
            "state": "open",
            "writer": os.getpid(),
            "alive": True,
            "epoch": 1,
            "sequence": 20,
            "oldest": 12,
            "capacity": 8,
            "rows": KEYS,
            "names": ["a"],
            "fields": {"n": "uint64", "key": "uint32", "check": "uint32", "words": "('<u8', (4,))"},
            "message_bytes": 48,
        }
        assert "'notes', 20 published" in repr(ring)


@pytest.mark.usefixtures("folder")
def test_clean_takes_only_what_has_no_writer() -> None:
    with shm.create("alive", NOTE, capacity=8):
        shm.create("done", NOTE, capacity=8).close(keep=True)
        assert shm.names() == ["alive", "done"]
        assert shm.clean(dry_run=True) == ["done"]
        assert shm.clean("alive") == []
        assert shm.clean() == ["done"]
        assert shm.names() == ["alive"]
        with pytest.raises(fc.ShmMissingError):
            shm.clean("done")
    assert shm.names() == []


def command(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    """The JSON that a command prints."""
    assert main(["shm", *args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_commands_list_inspect_and_clean(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, "ls") == []
    with shm.create("alive", [("n", "<i8"), ("x", "<f8"), ("s", "S3")], capacity=8) as ring:
        ring.publish_many([(i, i / 2, b"abc") for i in range(20)])
        ring.publish((20, np.nan, b""))
        shm.create("done", NOTE, capacity=8).close(keep=True)
        (Path(folder) / "fastcore.bad").write_bytes(b"garbage")
        bad, alive, done = sorted(command(capsys, "ls"), key=lambda one: "bad alive done".index(one["name"]))
        assert (alive["sequence"], alive["alive"], done["state"], done["alive"]) == (
            21,
            True,
            "closed",
            False,
        )
        assert bad["state"] == "unreadable"
        assert "too small for a segment" in bad["reason"]
        about = command(capsys, "inspect", "alive", "--last", "2")
        assert about["messages"] == [
            {"sequence": 19, "n": 19, "x": 9.5, "s": "b'abc'"},
            {"sequence": 20, "n": 20, "x": None, "s": "b''"},
        ]
        assert command(capsys, "inspect", "done")["messages"] == []
        assert main(["shm", "ls"]) == main(["shm", "inspect", "alive"]) == 0
        out = capsys.readouterr().out
        assert all(part in out for part in ("alive", "closed", "unreadable", "is gone", "9.5", "n int64"))
        assert main(["shm", "inspect", "nowhere"]) == 1
        assert "there is no segment" in capsys.readouterr().err
        removed = ["bad", "done"]
        expected = {"removed": removed, "kept": ["alive"], "dry_run": True}
        assert command(capsys, "clean", "--dry-run") == expected
        assert shm.names() == ["alive", *removed]
        assert main(["shm", "clean"]) == 0
        err = capsys.readouterr().err
        assert "bad: removed" in err
        assert "alive: has a writer, kept" in err
        assert shm.names() == ["alive"]


@pytest.mark.usefixtures("folder")
def test_every_dtype_of_fixed_size_arrives_as_it_was() -> None:
    for dtype in (
        fc.TICK,
        NOTE,
        np.dtype("<f8"),
        np.dtype("S7"),
        np.dtype("<U3"),
        np.dtype("M8[ns]"),
        np.dtype(("<i2", (2, 3))),
        np.dtype([("a", [("b", "u1"), ("c", ">f4")]), ("d", "?")]),
        np.dtype({"names": ["x"], "formats": ["<f8"], "offsets": [8], "itemsize": 24}),
    ):
        with shm.create("any", dtype, capacity=4) as ring:
            assert shm.attach("any").dtype == ring.dtype == dtype
