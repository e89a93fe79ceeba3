"""Backfills on several processors: eight Parquet files through one process, two, and clusters.

A pair is one process and then two, over the same files and into fresh folders, each with its start and its
end; on Ray and Dask the cluster is up before, as it is where there is one. One process is not one processor:
pyarrow reads columns on threads of its own. A note says how many processors it kept busy, and what the two
workers took together, their start included.

Two processors need not be twice one: they may share a core or the way to memory. `backfill.machine` is how
much more two processes do side by side than one, of pure arithmetic and of copying memory. A worker's
efficiency is given as a share of its processor, and of what arithmetic gains here.

Rows are written to memory where there is room, so that processors are compared: to write 2 GB to a disk is
the kernel's work, which the second processor does while one process runs, and has no time for beside two.
`backfill.local.disk` is the same with a folder on the disk.

`simulated` carries the measured pair on to 64 workers. It is a simulation, not a measurement. Its model is

    T(w) = S + P ceil(u / w) / u,    u units of work, all equal

with S, what a backfill does in one process whatever the workers, and P, what can be spread over them. Both
follow from the measured times of one and two workers, T(2) = S + P / g with g, the machine's gain in
arithmetic. Processors are then taken to be whole, disks, memory and the network to keep up, and starting a
worker to cost nothing beside its work, which need not be so: the figure is a bound from above. A million
symbols are a million units; eight files are eight.
"""

from __future__ import annotations

import contextlib
import functools
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, ratio_at_least

PARTITIONS = 8
ROWS = 4_000_000  # of a file: starting two workers takes half a second, whatever there is to do
MEMORY, ROOM = Path("/dev/shm"), 8 << 30
LIMITS = {"local": 1.7, "ray": 1.5, "dask": 1.5}

#: Waits until it may begin, and says how long its work took; both kinds take 0.5 s or so.
SAMPLES = {
    "arithmetic": """
import sys, time
print("ready", flush=True)
sys.stdin.readline()
begun, x = time.perf_counter(), 1
for i in range(8_000_000):
    x = (x * 5 + i) & 0xFFFF
print(time.perf_counter() - begun)
""",
    "memory": """
import sys, time
import numpy as np
one, two = np.ones(1 << 23), np.zeros(1 << 23)
print("ready", flush=True)
sys.stdin.readline()
begun = time.perf_counter()
for _ in range(12):
    two[:] = one
    one[:] = two
print(time.perf_counter() - begun)
""",
}


def files_in(folder: Path, rows: int) -> list[Path]:
    """One file for each of eight symbols."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = []
    for part in range(PARTITIONS):
        rng = np.random.default_rng(part)
        table = pa.table(
            {
                "ts": T0 + np.arange(rows) * 1_000_000,
                "symbol": pa.array([f"S{part}"]).take(pa.array(np.zeros(rows, np.int64))),
                "price": 100 + np.cumsum(rng.integers(-3, 4, rows)) / 1024,
                "size": np.ones(rows),
            }
        )
        paths.append(folder / f"part-{part}.parquet")
        pq.write_table(table, paths[-1])
    return paths


@contextlib.contextmanager
def cluster(executor: str) -> Iterator[None]:
    """A cluster of two that is up, where the executor needs one."""
    if executor == "ray":
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            yield
        finally:
            ray.shutdown()
    elif executor == "dask":
        import distributed

        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
            distributed.Client(two),
        ):
            yield
    else:
        yield


def together(kind: str, count: int) -> float:
    """Seconds that the slowest of so many processes takes for its sample, all at once."""
    command = [sys.executable, "-c", SAMPLES[kind]]
    run = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for process in run:
        assert process.stdout is not None
        process.stdout.readline()
    for process in run:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.communicate(timeout=300)[0]) for process in run)


@functools.cache
def machine_gain(kind: str) -> float:
    """How much more two processes do at once than one: 2 on two processors that share nothing."""
    pairs = [(together(kind, 1), together(kind, 2)) for _ in range(5)]
    return float(np.median([2 * one / two for one, two in pairs]))


def processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def memory() -> Path | None:
    """A folder in memory with room for all rows; none where there is none."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


def seconds(fc: Any, files: list[Path], executor: str, workers: int, at: Path | None) -> tuple[float, float]:
    """Of one backfill into a fresh folder, by the clock and by processors of this machine's processes."""
    from fastcore.config import default_plan

    with tempfile.TemporaryDirectory(dir=at) as out:
        begun, used = time.perf_counter(), processor_seconds()
        fc.backfill(files, default_plan(), Path(out) / "rows", executor=executor, workers=workers)
        return time.perf_counter() - begun, processor_seconds() - used


def simulated(one: float, two: float, gain: float, workers: int, units: int) -> float:
    """How many times faster than one worker so many are, by the model above."""
    # Where a second worker gains nothing, no more will; nor where the machine has nothing more to give.
    spread = min(one, max(0.0, one - two) / (1 - 1 / gain)) if gain > 1 else 0.0
    alone = one - spread
    return one / (alone + spread * math.ceil(units / workers) / units)


def _machine(_: Settings) -> Iterator[Row]:
    for kind in SAMPLES:
        row = Row(f"backfill.machine.{kind}", machine_gain(kind), "times one process", requirements=("S1",))
        yield row.noted(f"two processes at once, {kind} alone")


def _pairs(
    fc: ModuleType, executor: str, files: list[Path], count: int, at: Path | None
) -> tuple[Any, float]:
    """Seconds of one process and of two, by the clock and by processors; how much faster two are."""
    taken = []
    with cluster(executor):
        seconds(fc, files, executor, 2, at)  # imports, and the files in memory
        for _ in range(count):
            taken.append((seconds(fc, files, "local", 1, at), seconds(fc, files, executor, 2, at)))
    return np.median(np.array(taken), axis=0), float(np.median([a[0] / b[0] for a, b in taken]))


def _backfill(fc: ModuleType, executor: str, settings: Settings) -> Iterator[Row]:
    rows = settings.count(ROWS)
    count, at = min(3, settings.repeats), memory()
    with tempfile.TemporaryDirectory() as folder:
        files = files_in(Path(folder), rows)
        ((one, used_by_one), (two, used_by_two)), gain = _pairs(fc, executor, files, count, at)
        if executor == "local":
            disk, by_disk = _pairs(fc, executor, files, count, None)
            row = Row(
                "backfill.local.disk",
                disk[1][0],
                "s",
                "one process",
                disk[0][0],
                by_disk,
                requirements=("S1",),
            )
            yield row.noted("the same, but the rows go to a disk")
    arithmetic = machine_gain("arithmetic")
    notes = [
        f"eight files of {rows:,} ticks on two workers, rows to {'memory' if at else 'a disk'}",
        f"efficiency for each {gain / 2:.2f}, {gain / arithmetic:.2f} of what arithmetic gains here",
        f"one process keeps {used_by_one / one:.2f} processors busy",
    ]
    if executor == "local":
        notes.append(f"processor seconds {used_by_one:.1f} and {used_by_two:.1f}")
    row = Row(f"backfill.{executor}", two, "s", "one process", one, gain, requirements=("S1",))
    yield row.noted(*notes).judged(ratio_at_least(LIMITS[executor]))
    if executor != "local":
        return
    for units, name in ((PARTITIONS, "eight files"), (1_000_000, "a million symbols")):
        curve = {w: simulated(one, two, arithmetic, w, units) for w in (2, 8, 64)}
        shown = ", ".join(f"{w}: {gain:.1f}" for w, gain in curve.items())
        row = Row(f"backfill.simulated.{units}", curve[64], "times one process", requirements=("S1",))
        yield row.noted(f"a simulation from the pair above, not a measurement: {name}; workers: gain {shown}")


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    return [Job("backfill.machine", partial(_machine, settings))] + [
        Job(f"backfill.{one}", partial(_backfill, fc, one, settings)) for one in LIMITS
    ]
