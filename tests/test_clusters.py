"""The same bits from real clusters of this machine: Ray and Dask with two workers each, some killed.

One process of pytest's runs them all: a Ray cluster takes ten seconds to start.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from fastcore.scale import Outputs, ShardedEngine, backfill
from fastcore.scale._partitions import open_job, state_path
from fastcore.scale.ray import Actor
from test_backfill import PLAN, equal, files, one_engine, rows_of
from test_scale import NAMES, market, same
from test_scale import PLAN as SHARD_PLAN

__all__ = ["files"]  # a fixture

pytestmark = [
    pytest.mark.xdist_group("clusters"),
    pytest.mark.filterwarnings("ignore"),  # what these packages do at their start and end is theirs
]

# How long Ray waits for its own processes, in seconds: on busy processors they take longer than it would.
WAITS = tuple(
    f"RAY_{wait}"
    for wait in (
        "raylet_start_wait_time_s",
        "worker_register_timeout_seconds",
        "gcs_server_request_timeout_seconds",
    )
)


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray cluster of two workers."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    for wait in WAITS:  # read when it is imported
        os.environ[wait] = "180"
    module = importlib.import_module("ray")
    module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    yield module
    module.shutdown()


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    """A Dask cluster of two workers."""
    distributed = importlib.import_module("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_shards_on_ray_have_the_bits_of_one_engine_also_when_actors_die(ray: Any) -> None:
    made: list[Actor] = []

    def make() -> Actor:
        made.append(Actor())
        return made[-1]

    ticks = market(3_000, 8)
    single = fc.Engine(SHARD_PLAN)
    with ShardedEngine(SHARD_PLAN, shards=2, on=make, checkpoint_ticks=700) as sharded:
        for i in range(0, len(ticks), 500):
            part = ticks[i : i + 500]
            if i in (1000, 2000):
                ray.kill(made[-1].handle)
            rows = sharded.on_ticks(part, symbols=NAMES, rows="all")
            np.testing.assert_array_equal(rows, single.on_ticks(part, symbols=NAMES, rows="all"))
        assert sharded.restarts == 2
        with pytest.raises(fc.ShardError, match="cannot be asked"):
            sharded._seats[0].ask("nonsense")
        assert sharded.resize(1)
        same(sharded, single)


def test_an_actor_without_a_processor_is_not_waited_for_for_ever(ray: Any) -> None:
    with pytest.raises(fc.ShardLostError, match="each takes a processor, and the cluster has 2"):
        ShardedEngine(SHARD_PLAN, shards=3, on=lambda: Actor(patience=8.0))
    with ShardedEngine(SHARD_PLAN, shards=1, on=Actor) as sharded:  # those of the others are free again
        assert sharded.symbols == []


def test_a_backfill_on_ray_has_the_rows_of_one_engine(ray: Any, files: list[Path], tmp_path: Path) -> None:
    expected = one_engine(files, tmp_path / "one")
    result = backfill(files, PLAN, tmp_path / "ray", executor="ray", workers=2)
    equal(rows_of(tmp_path / "ray"), expected)
    assert result.ledger["received"] == 1600
    whole = files[3].read_bytes()
    status = files[3].stat()
    with open_job(files, fc.Engine(PLAN).snapshot(), tmp_path / "bad", {}, 2):
        pass
    files[3].write_bytes(b"\0" * len(whole))
    os.utime(files[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(fc.FileFeedError):
        backfill(files, PLAN, tmp_path / "bad", executor="ray")


def test_a_backfill_on_dask_has_the_rows_of_one_engine(dask: Any, files: list[Path], tmp_path: Path) -> None:
    expected = one_engine(files, tmp_path / "one")
    pids = dask.run(os.getpid)
    assert len(pids) == 2
    killed: list[int] = []

    def kill_one(done: int, whole: int) -> None:
        if not killed:
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    backfill(files, PLAN, tmp_path / "dask", executor="dask", workers=2, progress=kill_one)
    assert killed
    equal(rows_of(tmp_path / "dask"), expected)
    assert state_path(tmp_path / "dask", 0).exists()


def frame_of(count: int) -> pd.DataFrame:
    ticks = market(count, 8)
    ticks = ticks[ticks["symbol"] < len(NAMES)]
    fields = {"ts": ticks["ts"], "symbol": [NAMES[i] for i in ticks["symbol"]], "price": ticks["price"]}
    return pd.DataFrame({**fields, "size": ticks["size"]})


def ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by symbol, those of one symbol as they come; clusters have types of their own for columns."""
    rows = rows.sort_values("symbol", kind="stable").reset_index(drop=True)
    return rows.astype(
        {"symbol": object} | {column: "float64" for column in rows.columns[2:]} | {"ts": "int64"}
    )


def test_a_map_over_a_ray_data_set_has_the_rows_of_one_engine(ray: Any) -> None:
    frame = frame_of(2_000)
    one = ordered(fc.Engine(PLAN).run(frame))
    set_ = importlib.import_module("ray.data").from_pandas(frame).repartition(4)
    rows = set_.groupby("symbol").map_groups(Outputs(PLAN), batch_format="pandas").to_pandas()
    pd.testing.assert_frame_equal(ordered(rows), one, check_exact=True)


def test_a_map_over_a_dask_frame_has_the_rows_of_one_engine(dask: Any) -> None:
    frame = frame_of(2_000)
    one = ordered(fc.Engine(PLAN).run(frame))
    outputs = Outputs(PLAN)
    parts = importlib.import_module("dask.dataframe").from_pandas(frame, npartitions=4)
    rows = parts.groupby("symbol", group_keys=False)[list(frame.columns)].apply(
        outputs, meta=outputs(frame[:0])
    )
    pd.testing.assert_frame_equal(ordered(rows.compute()), one, check_exact=True)
