"""A crowd that asks one store: a thousand tasks, with the cache before it and without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np

from .harness import Row, Settings
from .store_tools import NAMES, SYMBOLS, Loop, at_least, at_most


def crowd(loop: Loop, database: Any, settings: Settings) -> Iterator[Row]:
    """A thousand tasks that ask for the last closes of a symbol again and again, cached and not."""
    from fastcore.cache import Cache, Kind
    from fastcore.store import BatchLoader, latest_bars

    rng = np.random.default_rng(11)
    weights = 1 / np.arange(1, SYMBOLS + 1) ** 1.1

    async def load(name: str) -> Any:
        async with database.connect() as connection:
            found = await latest_bars(connection, [name], "1m", 100, columns=("close",))
            return found[name]["close"].tolist()

    async def load_many(names: list[str]) -> dict[str, Any]:
        async with database.connect() as connection:
            found = await latest_bars(connection, names, "1m", 100, columns=("close",))
            return {name: columns["close"].tolist() for name, columns in found.items()}

    async def run(ask: Callable[[str], Awaitable[Any]], requests: int) -> tuple[float, float]:
        names = iter(rng.choice(NAMES, requests, p=weights / weights.sum()).tolist())
        taken = []

        async def client() -> None:
            for name in names:
                began = time.perf_counter_ns()
                await ask(name)
                taken.append(time.perf_counter_ns() - began)

        began = time.perf_counter_ns()
        await asyncio.gather(*(client() for _ in range(1_000)))
        rate = requests / (time.perf_counter_ns() - began) * 1e9
        return rate, float(np.percentile(taken, 95)) / 1e6

    async def cached() -> tuple[float, float, float]:
        async with Cache({"bars": Kind(ttl=60)}) as cache:
            loads, together = 0, BatchLoader(load_many)

            async def ask(name: str) -> Any:
                async def loader() -> Any:
                    nonlocal loads
                    loads += 1
                    return await together(name)

                return await cache.get_or_load("bars", name, loader)

            count = settings.count(200_000)
            rate, p95 = await run(ask, count)
            return rate, p95, 100 * (1 - loads / count)

    rate, p95, saved = loop(cached())
    note = (
        f"1,000 tasks at once, symbols by Zipf's law; {saved:.2f} % of requests did not reach the database; "
    )
    note += "what misses in one turn of the loop is asked for together"
    yield Row("store.retrieval.rate", rate, "requests/s", requirements=("N9", "C2"), note=note).judged(
        at_least(1_000)
    )
    yield Row("store.retrieval.p95", p95, "ms", requirements=("N9",), note="the same run, from empty").judged(
        at_most(20)
    )
    yield Row(
        "store.retrieval.saved", saved, "%", requirements=("C2",), note="load taken off the database"
    ).judged(at_least(90))
    together = BatchLoader(load_many)
    for name, ask, note, target in (
        (
            "uncached",
            together,
            "the same without the cache; what is asked in one turn goes together",
            at_most(20),
        ),
        ("single", load, "the same without the cache, a query for each request; a pool of 16", None),
    ):
        rate, p95 = loop(run(ask, settings.count(10_000)))
        yield Row(f"store.retrieval.{name}.rate", rate, "requests/s", requirements=("N9",), note=note)
        row = Row(f"store.retrieval.{name}.p95", p95, "ms", requirements=("N9",), note=note)
        yield row.judged(target)
