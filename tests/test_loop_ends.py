"""A journal at one end of the loop, a cache at the other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.cache import Cache, Kind
from fastcore.errors import ConfigError, JournalError
from fastcore.feeds import TickBatch
from fastcore.feeds.journal import read_ticks
from fastcore.feeds.memory import paced
from fastcore.sinks import MemorySink
from fastcore.sinks.cache import CacheSink
from loops import NAMES, PLAN, TickLoop, ran, same, stream, together, whole


def recorded(folder: Path, rows: int = 600) -> Any:
    """A journal of ticks in pieces; the ticks."""
    ticks = stream(rows)
    with fc.Journal(folder) as journal:
        engine = fc.Engine(PLAN, journal=journal)
        for at in range(0, rows, 70):
            engine.on_ticks(ticks[at : at + 70], symbols=NAMES)
    return ticks


@pytest.mark.parametrize("batch", [7, 100_000])
def test_a_journal_is_a_feed(batch: int, tmp_path: Path) -> None:
    """The same rows as when it was recorded, also through another plan, and also paced."""
    ticks = recorded(tmp_path / "journal")
    sink = MemorySink()
    ran(TickLoop(fc.Engine(PLAN), read_ticks(tmp_path / "journal", batch=batch), sinks=[sink]))
    assert same(together(sink).rows, whole(ticks)[0])
    other = {"sma": fc.SMA(7)}
    sink = MemorySink()
    fast = paced(read_ticks(tmp_path / "journal", batch=batch), speed=1e9)
    ran(TickLoop(fc.Engine(other), fast, sinks=[sink]))
    assert same(together(sink).rows, whole(ticks, other)[0])


def test_a_journal_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        read_ticks(tmp_path / "nowhere")


def test_the_cache_has_the_newest_row_of_each_symbol(tmp_path: Path) -> None:
    """Those that the engine took alone, whatever came behind them."""
    ticks = stream(500)
    ticks["price"][-30:] = -1.0  # refused by the policy
    rows, outcomes = whole(ticks)
    taken = np.flatnonzero(outcomes == fc.OUTCOMES.index("accepted"))

    async def main() -> dict[str, Any]:
        async with Cache({"rows": Kind(ttl=60)}) as cache:
            batches = [TickBatch(ticks[at : at + 64], NAMES) for at in range(0, 500, 64)]
            await TickLoop(fc.Engine(PLAN), batches, sinks=[CacheSink(cache)]).run()
            return {name: await cache.get("rows", name) for name in NAMES}

    found = asyncio.run(main())
    for code, name in enumerate(NAMES):
        last = taken[ticks["symbol"][taken] == code][-1]
        assert found[name]["ts"] == ticks["ts"][last]
        assert found[name]["price"] == ticks["price"][last]
        assert same(np.array(list(found[name]["row"].values())), rows[last])
        assert list(found[name]["row"]) == fc.Engine(PLAN).columns


def test_a_kind_that_the_cache_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="the cache has no kind 'rows'; it has bars"):
        CacheSink(Cache({"bars": 60}))
