"""A backfill on a Ray cluster whose machines share the job's folder: one task for each partition."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from fastcore._extras import require
from fastcore.errors import BackfillError
from fastcore.scale._partitions import Job
from fastcore.scale._steps import Done, run_partition

__all__ = ["run_on_ray"]


def run_on_ray(job: Job, left: Sequence[int]) -> Generator[Done, None, None]:
    """Do all partitions; Ray tries one again whose worker dies, and it goes on after its last step."""
    ray: Any = require("ray", "ray", "a backfill on Ray")
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    task = ray.remote(max_retries=2, num_cpus=1)(run_partition)
    sizes = {p: job.left(p) for p in left}
    running = [task.remote(job.folder.absolute(), p) for p in left]
    try:
        while running:
            ready, running = ray.wait(running, num_returns=1)
            try:
                partition = ray.get(ready[0])
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                raise BackfillError(f"a partition has killed its workers: {type(error).__name__}") from error
            yield Done(partition, sizes[partition], more=False)
    finally:
        for left_over in running:  # when one has failed
            ray.cancel(left_over)
