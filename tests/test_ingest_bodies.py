"""Bodies of ticks that mean harm: nested deeply, unpacking to any size, pointing outside of themselves."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastcore.serve.ingest import parsed
from fastcore.serve.problems import Problem
from fastcore.serve.sockets import _asked
from fastcore.serve.wire import ARROW, JSON, MSGPACK

T0 = 1_700_000_000_000_000_000
MOST = 1 << 20
DEEP = b"[" * 50_000


def streamed(columns: dict[str, Any], compression: str | None = None) -> bytes:
    out, table = pa.BufferOutputStream(), pa.table(columns)
    options = pa.ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=True)
    with pa.ipc.new_stream(out, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())


def refused(body: bytes, kind: str = ARROW) -> Problem:
    with pytest.raises(Problem) as caught:
        parsed(body, kind, MOST)
    return caught.value


GOOD: dict[str, Any] = {"ts": [T0, T0 + 1], "symbol": ["AAAA", "BBBB"], "price": [1.0, 2.0]}


def patched(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return new.join(body.rsplit(old, 1))


@pytest.mark.parametrize("place", [100_000, 2_000_000_000, -5])
def test_text_outside_of_its_bytes_does_not_end_the_process(place: int) -> None:
    """Arrow read there: one request, and the service was gone."""
    body = patched(streamed(GOOD), struct.pack("<3i", 0, 4, 8), struct.pack("<3i", 0, place, 8))
    code = (
        "import sys; from fastcore.serve.ingest import parsed; from fastcore.serve.problems import Problem\n"
        f"try: parsed(sys.stdin.buffer.read(), {ARROW!r})\nexcept Problem as problem: print(problem)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True)
    assert done.returncode == 0
    assert b"offset" in done.stdout


def test_numbers_outside_of_their_dictionary_are_refused() -> None:
    symbols = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["AAAA", None]))
    body = patched(streamed(GOOD | {"symbol": symbols}), struct.pack("<2i", 0, 1), struct.pack("<2i", 0, 9))
    assert refused(body).status == 400


def one_word(rows: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["A"]))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_table_that_unpacks_to_a_lot_is_refused(compression: str) -> None:
    """A few kilobytes asked for as many gigabytes as they said; what fits is taken, compressed or not."""
    few, many = (
        {"ts": np.full(rows, T0), "symbol": one_word(rows), "price": np.ones(rows)}
        for rows in (1_000, 200_000)
    )
    assert len(parsed(streamed(few, compression), ARROW, MOST)[0]) == 1_000
    body = streamed(many, compression)
    assert len(body) < MOST / 20
    problem = refused(body)
    assert problem.status == 413
    assert "bytes when unpacked; at most 1,048,576" in str(problem.detail)
    assert refused(streamed(many)).status == 413


def test_dictionaries_count_when_they_are_unpacked() -> None:
    words = pa.array([f"{n:0100d}" for n in range(20_000)])
    symbols = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), words)
    assert refused(streamed(GOOD | {"symbol": symbols}, "zstd")).status == 413


@pytest.mark.parametrize("rows", [10**6, 10**9])
def test_rows_without_bytes_are_refused(rows: int) -> None:
    """Columns of runs and of nulls take none."""
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int64()), pa.array([T0]))
    problem = refused(streamed({"ts": runs, "symbol": pa.nulls(rows), "price": pa.nulls(rows)}))
    assert problem.status == 413
    assert f"{rows:,} rows; at most 131,072" in str(problem.detail)


def test_no_change_of_a_byte_does_more_than_be_refused() -> None:
    """In a process of its own, which lives."""
    code = (
        "import random, sys; from fastcore.serve.ingest import parsed\n"
        "from fastcore.serve.problems import Problem\n"
        "sys.path.insert(0, 'tests'); from test_ingest_bodies import GOOD, streamed\n"
        "import pyarrow as pa\n"
        "draw, taken = random.Random(7), 0\n"
        "symbols = pa.array(GOOD['symbol']).dictionary_encode()\n"
        "for good in (streamed(GOOD), streamed(GOOD | {'symbol': symbols}), streamed(GOOD, 'lz4')):\n"
        "    for _ in range(2000):\n"
        "        body = bytearray(good)\n"
        "        for _ in range(draw.randint(1, 4)): body[draw.randrange(len(body))] = draw.randrange(256)\n"
        f"        try: parsed(bytes(body), {ARROW!r}); taken += 1\n"
        "        except Problem: pass\n"
        "print(taken)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (DEEP, JSON, 422),
        (b'[{"symbol":"A","ts":1,"price":' + DEEP, JSON, 422),
        (b'[{"symbol":"A","ts":1,"price":1.0},' + DEEP, JSON, 422),
        (b"\x81\xa1a" * 50_000, MSGPACK, 400),
        (b"\x91" * 50_000, MSGPACK, 422),
    ],
)
def test_what_is_nested_deeply_is_refused(body: bytes, kind: str, status: int) -> None:
    """It was an error of the service's."""
    assert refused(body, kind).status == status


@pytest.mark.parametrize(
    "start", ['{"type":"ticks","ticks":[{"symbol":"A","ts":1,"price":', '{"type":', "[", '{"a":']
)
def test_messages_that_are_nested_deeply_are_refused(start: str) -> None:
    """On the websocket, too."""
    with pytest.raises(Problem):
        _asked(start + "[" * 50_000)


def test_random_bytes_are_refused() -> None:
    draw = random.Random(3)
    for size in (0, 1, 8, 100, 5_000):
        if size:
            assert refused(draw.randbytes(size)).status == 400
        assert refused(b"\xff\xff\xff\xff\x10\x00\x00\x00" + draw.randbytes(size)).status == 400
