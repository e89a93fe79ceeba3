"""Queries: a slow one and one in a loop are found, with the lines that send them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastcore.perf.bottlenecks import Bottlenecks
from fastcore.perf.findings import Finding
from fastcore.perf.metrics import Metrics
from fastcore.perf.monitor import Monitor
from fastcore.perf.rules import parse
from fastcore.store import Database

HERE = Path(__file__)


@pytest.fixture(params=range(10 if os.environ.get("FASTCORE_PROOF") == "1" else 1), autouse=True)
def again(request: pytest.FixtureRequest) -> int:
    """Which run this is: one, and ten in a proof."""
    return int(request.param)


def line_with(mark: str) -> str:
    """File and line of the one that ends with this comment."""
    for number, line in enumerate(HERE.read_text().splitlines(), 1):
        if line.endswith(f"# {mark}"):
            return f"{HERE.name}:{number}"
    raise AssertionError(mark)


def test_a_slow_query_and_an_n_plus_1_are_found_with_their_lines(tmp_path: Path) -> None:
    async def main() -> list[Finding]:
        metrics, bottlenecks = Metrics(process=False), Bottlenecks(window=30.0)
        async with Database(f"sqlite:///{tmp_path}/a.db") as database:
            bottlenecks.watch_database(database)
            monitor = Monitor(metrics, parse(""), [])
            monitor.watchers.append(bottlenecks)
            monitor.step()
            for _ in range(3):
                with metrics.operation("api").timed():
                    async with database.connect() as connection:
                        for i in range(20):
                            await connection.execute(sa.text("SELECT :i + 1"), {"i": i})  # REPEATED
                monitor.step()
            async with database.connect() as connection:
                count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) "
                await connection.execute(sa.text(count + "SELECT count(*) FROM n"))  # SLOW QUERY
            await database.observer.settled()
            monitor.step()
            monitor.stop()
        return bottlenecks.found

    found = asyncio.run(main())
    (repeated,) = (one for one in found if one.kind == "N+1")
    assert line_with("REPEATED") in repeated.line
    assert "times for each call" in repeated.much
    # On a busy machine the others may be slow now and then, too.
    (slow,) = (one for one in found if one.kind == "slow query" and one.what.startswith("WITH RECURSIVE"))
    assert line_with("SLOW QUERY") in slow.line
