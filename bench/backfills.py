"""Backfills on several processors: eight Parquet files through one process, two, and clusters.

A pair is one process and then two, over the same files and into fresh folders, each with its start and its
end; on Ray and Dask the cluster is up before, as it is where there is one.

`simulated` carries the measured pair on to 64 workers. It is a simulation, not a measurement. Its model is

    T(w) = S + P ceil(u / w) / u,    u units of work, all equal

with S, what a backfill does in one process whatever the workers, and P, what can be spread over them. Both
follow from the measured times of one and two workers. Disks, memory and the network are taken to keep up, and
starting a worker to cost nothing beside its work, which need not be so: the figure is a bound from above. A
million symbols are a million units; eight files are eight.
"""

from __future__ import annotations

import contextlib
import math
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
LIMITS = {"local": 1.7, "ray": 1.5, "dask": 1.5}


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


def seconds(fc: Any, files: list[Path], executor: str, workers: int) -> float:
    """Of one backfill into a fresh folder."""
    from fastcore.config import default_plan

    with tempfile.TemporaryDirectory() as out:
        begun = time.perf_counter()
        fc.backfill(files, default_plan(), Path(out) / "rows", executor=executor, workers=workers)
        return time.perf_counter() - begun


def simulated(one: float, two: float, workers: int, units: int) -> float:
    """How many times faster than one worker so many are, by the model above."""
    spread = min(one, max(0.0, 2 * (one - two)))  # where a second worker gains nothing, no more will
    alone = one - spread
    return one / (alone + spread * math.ceil(units / workers) / units)


def _backfill(fc: ModuleType, executor: str, settings: Settings) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        files = files_in(Path(folder), settings.count(2_000_000))
        taken = []
        with cluster(executor):
            seconds(fc, files, executor, 2)  # imports, and the files in memory
            for _ in range(min(3, settings.repeats)):
                taken.append((seconds(fc, files, "local", 1), seconds(fc, files, executor, 2)))
    one, two = np.median(np.array(taken), axis=0)
    gain = float(np.median([a / b for a, b in taken]))
    row = Row(f"backfill.{executor}", two, "s", "one process", one, gain, requirements=("S1",))
    yield row.noted("eight files on two workers", f"efficiency for each {gain / 2:.2f}").judged(
        ratio_at_least(LIMITS[executor])
    )
    if executor != "local":
        return
    for units, name in ((PARTITIONS, "eight files"), (1_000_000, "a million symbols")):
        curve = {w: simulated(one, two, w, units) for w in (2, 8, 64)}
        shown = ", ".join(f"{w}: {gain:.1f}" for w, gain in curve.items())
        row = Row(f"backfill.simulated.{units}", curve[64], "times one process", requirements=("S1",))
        yield row.noted(f"a simulation from the pair above, not a measurement: {name}; workers: gain {shown}")


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    return [Job(f"backfill.{one}", partial(_backfill, fc, one, settings)) for one in LIMITS]
