"""From one process to another: the ring in shared memory beside databases that carry the same.

`handover` is one message given and taken in one process, by two connections or mappings, so that no scheduler
is in it: a publication beside an insert and its commit, and a take beside the select that finds it. The same
tuple goes in, and a tuple of Python's numbers comes out; `handover.array` reads it as an array. `hop` is the
way between two processes that both run, and `rate` what two readers in processes of their own keep up with;
these need processors that are free. Both databases run as they come, PostgreSQL on a socket; `sqlite_wal` is
SQLite with a write-ahead log and without waiting for the disk, the fastest that it has between two processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from .harness import T0, Job, Row, Settings, Work, compare, median_ns, ratio_at_least, value_at_most

#: Where `make bench` has the C++ benchmarks write.
NATIVE = Path(__file__).parents[1] / "build" / "bench" / "results.json"

DTYPE = [("ts", "<i8"), ("symbol", "<u4"), ("score", "<f8")]

READER = """
import json, sys, time
import numpy as np
import fastcore as fc
name, count, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
reader = fc.shm.attach(name, wait="spin" if mode == "hop" else "yield", on_lap="skip", timeout=60)
print("ready", flush=True)
if mode == "hop":
    taken = []
    while len(taken) < count:
        reader.wait(60)
        rows = reader.read()
        taken.append(time.monotonic_ns() - int(rows["ts"][-1]))
    p50, p99 = np.percentile(taken[count // 10 :], [50, 99])
    print(json.dumps({"p50": float(p50), "p99": float(p99)}))
else:
    got = 0
    begun = None
    while reader.next < count and reader.wait(60):
        begun = begun or time.monotonic()
        got += len(reader.read())
    print(json.dumps({"got": got, "seconds": time.monotonic() - begun}))
"""


def ring_handover(fc: Any, name: str, read: str = "take") -> tuple[Work, Any]:
    """Publishing a message and reading it."""
    ring = fc.shm.create(name, DTYPE, capacity=1024)
    publish, get = ring.publish, getattr(fc.shm.attach(name), read)

    def work() -> None:
        for i in range(1000):
            publish((i, 7, 0.5))
            get()

    return work, ring


def sqlite_handover(folder: str, wal: bool) -> Work:
    """Inserting a row, committing, and selecting it by another connection."""
    path = os.path.join(folder, f"handover-{wal}.db")
    writer, reader = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    if wal:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA synchronous=NORMAL")
    writer.execute("CREATE TABLE signals (id INTEGER PRIMARY KEY, ts INTEGER, symbol INTEGER, score REAL)")

    insert, select = writer.execute, reader.execute

    def work() -> None:
        for i in range(100):
            insert("INSERT INTO signals (ts, symbol, score) VALUES (?, ?, ?)", (i, 7, 0.5))
            select("SELECT * FROM signals ORDER BY id DESC LIMIT 1").fetchone()

    return work


def postgres_binaries() -> Path | None:
    """The newest server that Debian's packages installed, or the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextlib.contextmanager
def postgres(folder: str) -> Iterator[str | None]:
    """A server of its own, as an ordinary user; gives its address, or nothing where there is none."""
    binaries = postgres_binaries()
    if binaries is None:
        yield None
        return
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    data = os.path.join(folder, "data")
    # Not to a pipe: the server would keep it open.
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run([*prefix, binaries / "initdb", "-D", data, "-U", "bench", "--auth=trust"])
    options = f"-c listen_addresses= -c unix_socket_directories={folder}"
    run([*prefix, binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start"])
    try:
        yield f"host={folder} user=bench dbname=postgres"
    finally:
        run([*prefix, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"])


def postgres_handover(address: str) -> Work | None:
    """The same as for SQLite; nothing without a driver."""
    try:
        import psycopg
    except ImportError:
        return None
    writer, reader = (psycopg.connect(address, autocommit=True) for _ in range(2))
    writer.execute("CREATE TABLE signals (id bigserial PRIMARY KEY, ts bigint, symbol int, score float8)")

    insert, select = writer.execute, reader.execute

    def work() -> None:
        for i in range(20):
            insert("INSERT INTO signals (ts, symbol, score) VALUES (%s, %s, %s)", (i, 7, 0.5))
            select("SELECT * FROM signals ORDER BY id DESC LIMIT 1").fetchone()

    return work


def _handover(fc: ModuleType | None, settings: Settings) -> Iterator[Row]:
    ring_name = f"bench.handover.{os.getpid()}"
    needs = ("S1", "N5")
    note = "publish and take, beside insert, commit and select"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(folder, 0o777)
        ours = None
        if fc is not None:
            ours, ring = ring_handover(fc, ring_name)
            stack.callback(ring.close)
            arrays, other = ring_handover(fc, f"{ring_name}.array", "read")
            stack.callback(other.close)
            ns = median_ns(arrays, 1000, 20 * settings.repeats)
            yield Row(
                "processes.handover.array", ns, requirements=needs, note="publish, and read() as an array"
            )
        target = ratio_at_least(100)
        beside = partial(
            compare, target=target, requirements=needs, repeats=settings.repeats, n=1000, note=note
        )
        for name, wal in (("sqlite", False), ("sqlite_wal", True)):
            work = sqlite_handover(folder, wal)
            yield beside(f"processes.handover.{name}", ours, work, "SQLite", n_theirs=100)
        address = stack.enter_context(postgres(folder))
        theirs = postgres_handover(address) if address else None
        row = beside("processes.handover.postgresql", ours, theirs, "PostgreSQL", n_theirs=20)
        yield row if theirs else row.noted("no server or no psycopg here")


def _reader(name: str, count: int, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READER, name, str(count), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _ready(reader: subprocess.Popen[str]) -> None:
    assert reader.stdout is not None
    if reader.stdout.readline() != "ready\n":
        raise RuntimeError("a reader did not start")


def _answer(reader: subprocess.Popen[str]) -> dict[str, float]:
    return dict(json.loads(reader.communicate(timeout=300)[0]))


def _hop(fc: Any, settings: Settings) -> Iterator[Row]:
    name, count = f"bench.hop.{os.getpid()}", settings.count(5_000)
    with fc.shm.create(name, DTYPE, capacity=1024) as ring:
        reader = _reader(name, count, "hop")
        _ready(reader)
        while reader.poll() is None and ring.next < 20 * count:
            until = time.monotonic_ns() + 50_000
            while time.monotonic_ns() < until:
                pass
            ring.publish((time.monotonic_ns(), 7, 0.5))
        got = _answer(reader)
    note = "to the array in another Python process that spins"
    row = Row("processes.hop", got["p50"] / 1e3, "us", requirements=("S1",), note=note)
    yield row.judged(value_at_most(3))
    yield Row("processes.hop.p99", got["p99"] / 1e3, "us", requirements=("S1",), note=note)


def _rate(fc: Any, settings: Settings) -> Iterator[Row]:
    import numpy as np

    name, count, batch = f"bench.rate.{os.getpid()}", settings.count(5_000_000), 1_000
    messages = np.zeros(batch, DTYPE)
    with fc.shm.create(name, DTYPE, capacity=1 << 20) as ring:
        readers = [_reader(name, count, "rate") for _ in range(2)]
        for reader in readers:
            _ready(reader)
        begun = time.monotonic()
        for sent in range(0, count, batch):
            while time.monotonic() < begun + sent * 1e-6:  # a million each second, as they would come
                pass
            ring.publish_many(messages)
        answers = [_answer(reader) for reader in readers]
    lost = max(count - answer["got"] for answer in answers)
    rate = min(answer["got"] / answer["seconds"] for answer in answers) / 1e6
    note = f"{count:,} messages at 1 M/s to two processes; the slower one missed {lost:,.0f}"
    yield (
        Row("processes.rate", 100 * lost / count, "% missed", requirements=("S1",), note=note)
        .noted(f"{rate:.2f} M/s taken")
        .judged(value_at_most(0))
    )


def _native(_: Settings) -> Iterator[Row]:
    """The ring without Python, by the C++ benchmarks: `make bench` runs them first."""
    if not NATIVE.exists():
        yield Row("processes.native", unit="", note="not measured: the C++ benchmarks have not run")
        return
    found = {one["name"]: one for one in json.loads(NATIVE.read_text())["benchmarks"]}
    write = found.get("shm/write/batch:1/rows:0")
    if write is not None:
        row = Row("processes.native.write", write["each"] * 1e9, requirements=("S1", "S2"))
        yield row.noted("a message of 40 bytes into a ring").judged(value_at_most(20))
    hop = next((one for name, one in found.items() if name.startswith("shm/hop/waiting:0")), None)
    if hop is None:
        return
    for share, limit in (("p50", 1.0), ("p99", 10.0)):
        row = Row(f"processes.native.hop.{share}", hop[share] * 1e6, "us", requirements=("S1", "S2"))
        yield row.noted("to another process that spins; half of a round trip").judged(value_at_most(limit))


def _killed(fc: Any, settings: Settings) -> Iterator[Row]:
    """50,000 ticks a second through two workers, one of which is killed: until ticks are on time again."""
    import numpy as np
    from fastcore.config import default_plan
    from fastcore.scale import ShardedEngine
    from fastcore.scale._places import Process

    each, names = 500, [f"S{i}" for i in range(20)]
    count = each * settings.count(400)
    random = np.random.default_rng(1)
    ticks = np.zeros(count, fc.TICK)
    ticks["ts"] = T0 + np.arange(count) * 20_000
    ticks["symbol"], ticks["price"] = random.integers(0, 20, count), 100 + random.random(count)
    ticks["size"] = 1.0
    batches = [ticks[at : at + each] for at in range(0, count, each)]
    single = fc.Engine(default_plan())
    expected = [single.on_ticks(batch, symbols=names, rows="all") for batch in batches]
    taken = []
    for _ in range(min(3, settings.repeats)):
        places: list[Process] = []

        def make(places: list[Process] = places) -> Process:
            places.append(Process())
            return places[-1]

        with ShardedEngine(default_plan(), shards=2, on=make) as sharded:
            begun, killed, back = time.perf_counter(), 0.0, 0.0
            for number, batch in enumerate(batches):
                due = begun + number * each / 50_000
                time.sleep(max(0.0, due - time.perf_counter()))
                if number == len(batches) // 4:
                    killed = time.perf_counter()
                    assert places[0].worker is not None
                    os.kill(places[0].worker.pid, signal.SIGKILL)
                rows = sharded.on_ticks(batch, symbols=names, rows="all")
                if not np.array_equal(rows, expected[number], equal_nan=True):
                    raise RuntimeError("the rows are not those of one engine")
                if killed and not back and time.perf_counter() < due + each / 50_000:
                    back = time.perf_counter() - killed
            if sharded.ledger != dict(single.ledger) or sharded.restarts != 1:
                raise RuntimeError("the ledger is not that of one engine")
        taken.append(back or float("inf"))
    note = "one of two workers killed at 50,000 ticks/s: until a batch is on time; rows and ledger equal"
    row = Row("processes.killed", float(np.median(taken)), "s", requirements=("S1", "S2"), note=note)
    yield row.judged(value_at_most(2))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    steps = {"handover": partial(_handover, fc, settings), "native": partial(_native, settings)}
    if fc is not None:
        steps |= {"hop": partial(_hop, fc, settings), "rate": partial(_rate, fc, settings)}
        steps["killed"] = partial(_killed, fc, settings)
    return [Job(f"processes.{name}", step) for name, step in steps.items()]
