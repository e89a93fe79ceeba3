"""One step of a backfill: a file through a partition's engine. All that it needs lies in the job's folder."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastcore._row_writer import RowWriter
from fastcore.feeds import TickBatch
from fastcore.feeds.files import TickFile
from fastcore.scale._hashing import HashRing
from fastcore.scale._partitions import Chain, read_job, rows_path, state_path

__all__ = ["Done", "run_partition", "run_step"]


@dataclass(frozen=True, slots=True)
class Done:
    """A step that is done: of which partition, how many bytes of input, whether more are to come."""

    partition: int
    size: int
    more: bool


def run_step(folder: Path, partition: int) -> Done:
    """Do the next step of a partition, if there is one."""
    with (folder / f"lock-{partition:04d}").open("w") as lock:
        # A cluster may take a worker for dead that is not, and have its step done by another one meanwhile.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _run_step(folder, partition)


def _run_step(folder: Path, partition: int) -> Done:
    job = read_job(folder)
    chain = job.chains[partition]
    engine = job.engine(partition)
    step = engine.sequence
    if step == len(chain.files):
        return Done(partition, 0, more=False)
    source = job.files[chain.files[step]]
    job.check_file(chain.files[step])
    rows = rows_path(folder, partition, step)
    share = _Share(chain)
    writer = RowWriter(rows, [source], list(engine.columns))
    outputs = np.empty((0, len(engine.columns)))  # one for all batches
    try:
        with TickFile(source, columns=job.columns) as file:
            for whole in file:
                batch = share.of(whole)
                if len(batch):
                    if len(outputs) < len(batch):
                        outputs = np.empty((len(batch), len(engine.columns)))
                    writer.rows(batch, *engine._ticks_into(outputs, batch.ticks, batch.symbols))
        job.check_file(chain.files[step])
        writer.finish()
    except BaseException:
        writer.close()
        raise
    engine.sequence = step + 1
    engine.save(state_path(folder, partition))
    return Done(partition, job.sizes[partition][step], step + 1 < len(chain.files))


def run_partition(folder: Path, partition: int) -> int:
    """Do all steps of a partition that are left, which may be none; gives its number back."""
    while run_step(folder, partition).more:
        pass
    return partition


class _Share:
    """The ticks of a partition's symbols."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._ring = HashRing(chain.parts)
        self._mine: list[bool] = []  # by number of symbol

    def of(self, batch: TickBatch) -> TickBatch:
        if self._chain.parts == 1:
            return batch
        for name in batch.symbols[len(self._mine) :]:
            self._mine.append(self._ring.owner(name) == self._chain.part)
        return TickBatch(batch.ticks[np.array(self._mine)[batch.ticks["symbol"]]], batch.symbols)
