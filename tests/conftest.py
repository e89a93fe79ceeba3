"""What all tests share: real data where it lies, a database server, and how Hypothesis runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, so that a change is what makes a test fail; a proof run looks for new ones.
# How long an example takes to draw says something about the machine, and nothing about the project.
_calm: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("usual", derandomize=True, **_calm)
settings.register_profile("proof", max_examples=1000, print_blob=True, **_calm)
settings.load_profile("proof" if os.environ.get("FASTCORE_PROOF") == "1" else "usual")

# A shell that starts something in the background has it ignore interrupts; here they are raised.
signal.signal(signal.SIGINT, signal.default_int_handler)

DataFile = Callable[[str], Path]

# What these see hangs on when a browser, a server or a sampling clock was given the processor. A failure of
# one of them is run once more; both runs are printed, and the closing line counts them. Whatever a promise
# rests on (bits, ledger, journal, snapshots, ring, stores under faults) is not among them: there, one failure
# in a thousand is a fault.
FOREIGN_CLOCKS = {
    "test_brokers",
    "test_cache_cluster",
    "test_cache_shared",
    "test_ccxt",
    "test_clusters",
    "test_deploy",
    "test_loop_queues",
    "test_loop_time",
    "test_perf_alerts",
    "test_perf_bottlenecks",
    "test_perf_delivery",
    "test_perf_metrics",
    "test_perf_profiler",
    "test_perf_queries",
    "test_perf_stages",
    "test_perf_telemetry",
    "test_perf_tuning",
    "test_scale",
    "test_serve_api",
    "test_serve_dashboard",
    "test_serve_fuzz",
    "test_serve_hooks",
    "test_serve_life",
    "test_serve_mailroom",
    "test_serve_security",
    "test_serve_stream",
    "test_serve_tuning",
    "test_soak",
    "test_store_observer",
    "test_websocket",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in FOREIGN_CLOCKS:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real ticks and bars: FASTCORE_DATA, or ../shared/data seen from the project's root."""
    usual = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FASTCORE_DATA", usual))
    if not folder.is_dir():
        reason = f"the folder of real data, {folder}, is not there: set FASTCORE_DATA to it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def data_file(data_folder: Path) -> DataFile:
    """Finds a file of the data folder by its path in it; one that is missing there is a failure."""

    def find(name: str) -> Path:
        path = data_folder / name
        assert path.is_file(), f"{name} is not in the data folder {data_folder}"
        return path

    return find


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server: FASTCORE_TEST_DSN, or one of the tests' own."""
    from servers import Postgres

    given = os.environ.get("FASTCORE_TEST_DSN")
    if given:
        yield given
    else:
        with Postgres() as postgres:
            yield postgres.url()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    from databases import new_database

    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return asyncio.run(new_database(request.getfixturevalue("server")))
