"""A backfill on a Dask cluster whose machines share the job's folder: one task for each partition."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from fastcore._extras import require
from fastcore.errors import BackfillError
from fastcore.scale._partitions import Job
from fastcore.scale._steps import Done, run_partition

__all__ = ["run_on_dask"]


def run_on_dask(job: Job, left: Sequence[int], workers: int) -> Generator[Done, None, None]:
    """Do all partitions; Dask tries one again whose worker dies, and it goes on after its last step."""
    distributed: Any = require("distributed", "dask", "a backfill on Dask")
    with _client(distributed, workers) as client:
        folder = job.folder.absolute()
        tasks = [client.submit(run_partition, folder, p, pure=False) for p in left]
        sizes = {p: job.left(p) for p in left}
        try:
            for task in distributed.as_completed(tasks):
                try:
                    partition = task.result()
                except distributed.KilledWorker as error:
                    raise BackfillError(f"a partition has killed its workers: {error}") from error
                yield Done(partition, sizes[partition], more=False)
        finally:
            client.cancel(tasks)  # what has not begun when one has failed; nothing otherwise


@contextlib.contextmanager
def _client(distributed: Any, workers: int) -> Iterator[Any]:
    """The current client, or one of a cluster of this machine for as long as it is needed."""
    try:
        yield distributed.get_client()
    except ValueError:  # there is none
        with (
            distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
