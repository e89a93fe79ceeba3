"""A backfill on processes of this machine: each does one step at a time of one partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from multiprocessing.connection import wait
from typing import Self

from fastcore.errors import BackfillError, ShardLostError
from fastcore.scale._partitions import Job
from fastcore.scale._places import WorkerProcess
from fastcore.scale._steps import Done

__all__ = ["Crew", "run_on_processes"]

_TRIES = 3


class Crew:
    """Workers that come up while the job is still being cut: each takes 0.25 s, most of it imports.

    Parameters
    ----------
    count : int
        How many will be asked for at once, as far as is known.
    """

    def __init__(self, count: int) -> None:
        self._idle = [WorkerProcess() for _ in range(count)]

    def worker(self) -> WorkerProcess:
        """One of them, or where none is left, another. It is the caller's to close."""
        return self._idle.pop() if self._idle else WorkerProcess()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End those that nobody asked for."""
        while self._idle:
            self._idle.pop().close()


def run_on_processes(job: Job, left: Sequence[int], workers: int, crew: Crew) -> Generator[Done, None, None]:
    """Do all steps; one whose worker dies is done again by another."""
    # The largest first: what is left at the end is then small.
    waiting = sorted(left, key=lambda p: sum(job.sizes[p]))
    deaths: Counter[int] = Counter()
    busy: dict[WorkerProcess, int] = {}

    def give(worker: WorkerProcess, partition: int) -> None:
        worker.send("run_step", job.folder, partition)
        busy[worker] = partition

    try:
        for _ in range(min(workers, len(left))):
            give(crew.worker(), waiting.pop())
        while busy:
            ready = wait([worker.connection for worker in busy])
            for worker in [one for one in busy if one.connection in ready]:
                partition = busy.pop(worker)
                try:
                    done: Done = worker.answer()
                except ShardLostError as error:
                    worker.close()
                    deaths[partition] += 1
                    if deaths[partition] == _TRIES:
                        raise BackfillError(
                            f"partition {partition} has killed {_TRIES} workers, the last: {error}"
                        ) from error
                    give(crew.worker(), partition)
                    continue
                except BaseException:
                    worker.close()
                    raise
                if done.more:
                    give(worker, partition)
                elif waiting:
                    give(worker, waiting.pop())
                else:
                    worker.close()
                yield done
    finally:
        for worker in busy:
            worker.close()
