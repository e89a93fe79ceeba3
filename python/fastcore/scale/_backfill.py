"""Indicators over sets of tick files, on all cores or a cluster: to Parquet, each tick exactly once.

The files are cut into partitions that share no symbol. Each is a chain of steps, one for each of its files,
and hands its engine's state from one to the next, so that a window reaches over the seam. A step writes its
rows, then the state, each whole or not at all: what a crash leaves is the state before some step, and that
step's rows are written again with the same bits.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastcore._checks import CALL, MANY, MAPPING, PATH, WHOLE, arguments, check, optional
from fastcore._formula_plan import must_travel
from fastcore.calendars import Calendar
from fastcore.engine import Engine
from fastcore.errors import InputError
from fastcore.indicators import Indicator
from fastcore.policy import Policy
from fastcore.scale._backfill_local import Crew, run_on_processes
from fastcore.scale._partitions import Job, open_job
from fastcore.scale._steps import Done, run_step

__all__ = ["Backfill", "backfill"]

Executor = Literal["local", "ray", "dask"]
#: Called with bytes of input that are done, and of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a backfill has done.

    Attributes
    ----------
    folder : Path
        Where the rows are: ``rows-PARTITION-STEP.parquet``.
    partitions, files : int
        How many there are.
    resumed : int
        Steps that an earlier run had done.
    ledger : dict of str to int
        Ticks of all runs together, by bucket.
    seconds : float
        Of this run.
    """

    folder: Path
    partitions: int
    files: int
    resumed: int
    ledger: dict[str, int]
    seconds: float


@arguments("backfill", out=PATH, workers=optional(WHOLE), columns=optional(MAPPING), progress=optional(CALL))
def backfill(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    plan: Mapping[str, Indicator],
    out: str | os.PathLike[str],
    *,
    executor: Executor = "local",
    workers: int | None = None,
    policy: Policy | None = None,
    calendars: Mapping[str, Calendar] | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Backfill:
    """Compute every output at every tick of many files.

    Parameters
    ----------
    files : path, or sequence of path
        Parquet or CSV files; where two have a symbol in common, in the order of time.
    plan : mapping of str to Indicator
        As of `Engine`.
    out : path
        A folder for the rows, made where it is not there. With what an earlier run of the same job has left
        in it, the job goes on where that stopped.
    executor : "local", "ray" or "dask"
        Processes of this machine; a Ray cluster; a Dask cluster, the current client's or one of this machine.
    workers : int, optional
        By default as many as there are processors; a running cluster has its own number.
    policy : Policy, optional
    calendars : mapping of str to Calendar, optional
        As of `Engine`.
    columns : mapping of str to str, optional
        Field -> column of the files, as of `fastcore.feeds.files.read_ticks`.
    progress : callable, optional
        Called with bytes done and bytes in all.

    Returns
    -------
    Backfill

    Raises
    ------
    BackfillError
        If the folder holds another job, with other files or another plan, or a run that goes on, or lacks
        rows that were written; if a file changes meanwhile; or if a worker dies again and again.
    FileFeedError
        If a file is missing, given twice or cannot be read. What was done is kept.
    """
    begun = time.perf_counter()
    count = (os.cpu_count() or 1) if workers is None else workers
    if executor not in ("local", "ray", "dask"):
        raise InputError(f"backfill runs on 'local', 'ray' or 'dask', not on {executor!r}")
    if count < 1:
        raise InputError(f"backfill needs 1 worker or more, not {count}")
    empty = Engine(plan, policy=policy, calendars=calendars).snapshot()
    must_travel(plan, "backfill")
    check("backfill", "files", [files] if isinstance(files, os.PathLike | str) else files, MANY)
    paths = [files] if isinstance(files, os.PathLike | str) else list(files)
    for path in paths:
        check("backfill", "each of files", path, PATH)
    crew = _crew(executor, count, len(paths))
    with crew, open_job([Path(file) for file in paths], empty, Path(out), dict(columns or {}), count) as job:
        before = [job.done(p) for p in range(len(job.chains))]
        for p, steps in enumerate(before):
            job.check_rows(p, steps)
        done = sum(sum(job.sizes[p][:steps]) for p, steps in enumerate(before))
        # Closed whatever happens: what a caller's function raises must not leave workers at their steps.
        with contextlib.closing(_steps(executor, job, before, count, crew)) as taken:
            for step in taken:
                done += step.size
                if progress is not None:
                    progress(done, job.size)
        seconds = time.perf_counter() - begun
        return Backfill(job.folder, len(job.chains), len(job.files), sum(before), job.ledger(), seconds)


def _crew(executor: Executor, workers: int, files: int) -> Crew:
    """The processes of this machine that are likely to be needed, which may be none."""
    return Crew(min(workers, files) if executor == "local" and workers > 1 else 0)


def _steps(
    executor: Executor, job: Job, before: Sequence[int], workers: int, crew: Crew
) -> Generator[Done, None, None]:
    """Do what is left to do; each step as it is done."""
    left = [p for p, steps in enumerate(before) if steps < len(job.chains[p].files)]
    if not left:
        return
    if executor == "ray":
        from fastcore.scale._backfill_ray import run_on_ray  # here: Ray is an extra

        yield from run_on_ray(job, left)
    elif executor == "dask":
        from fastcore.scale._backfill_dask import run_on_dask  # here: so is Dask

        yield from run_on_dask(job, left, workers)
    elif workers == 1:
        for partition in left:
            for _ in range(before[partition], len(job.chains[partition].files)):
                yield run_step(job.folder, partition)
    else:
        yield from run_on_processes(job, left, workers, crew)
