"""The cache, level 2 on a real Valkey: what a hit costs in process and on the server, what misses cost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from .harness import Job, Row, Settings, compare, quiet, ratio_at_least, value_at_most
from .servers import servers
from .store_tools import Loop, at_least

VALUE = {"symbol": "BTCUSDT", "close": [100.5] * 20}


def memory(fc: Any, settings: Settings) -> Iterator[Row]:
    """Level 1 alone."""
    from fastcore.cache import Cache, Kind, cached_indicator

    loop = Loop()
    cache = Cache({"bars": Kind(ttl=3600), "indicators": Kind(ttl=3600)})
    loop(cache.set("bars", "BTCUSDT", VALUE))
    times = settings.count(100_000)

    def plain() -> None:
        local = cache.local
        for _ in range(times):
            local("bars", "BTCUSDT")

    async def waited() -> None:
        get = cache.get
        for _ in range(times):
            await get("bars", "BTCUSDT")

    async def loaded() -> None:
        get = cache.get_or_load
        for _ in range(times):
            await get("bars", "BTCUSDT", dict)

    for name, work, limit, note in (
        ("local", plain, 500, "local(kind, key)"),
        ("get", lambda: loop(waited()), 2_000, "await get(kind, key)"),
        ("get_or_load", lambda: loop(loaded()), None, "await get_or_load(kind, key, loader), a hit"),
    ):
        row = compare(
            f"cache.{name}", work, None, "", None, ("C1",), repeats=settings.repeats, n=times, note=note
        )
        yield row.judged(value_at_most(limit) if limit else None)

    prices = 100 + np.cumsum(np.random.default_rng(1).normal(size=100_000)) / 100
    yield compare(
        "cache.indicator",
        lambda: loop(cached_indicator(cache, "MEDIAN", prices, period=200)),
        lambda: fc.MEDIAN(200).batch(prices),
        "computed anew",
        None,
        ("P16",),
        repeats=settings.repeats,
        note="MEDIAN(200) over 100,000 rows asked for again: a fingerprint of the rows and a lookup",
    )
    loop(cache.close())


def zipf(fc: Any, settings: Settings) -> Iterator[Row]:
    """A million requests of which few keys get most."""
    from fastcore.cache import Cache, Kind

    keys, requests = 20_000, settings.count(1_000_000)
    weights = 1 / np.arange(1, keys + 1) ** 1.1
    places = np.random.default_rng(4).choice(keys, requests, p=weights / weights.sum()).tolist()
    names = [f"key{i}" for i in range(keys)]
    loads = 0

    async def run() -> Any:
        nonlocal loads
        async with Cache({"bars": Kind(ttl=3600)}, memory=8 << 20) as cache:

            def loader() -> Any:
                nonlocal loads
                loads += 1
                return VALUE["close"]

            for place in places:
                await cache.get_or_load("bars", names[place], loader)
            return cache.stats()

    began = time.perf_counter_ns()
    stats = Loop()(run())
    taken = (time.perf_counter_ns() - began) / requests
    held = 100 * stats["local"]["entries"] / keys
    ratio = 100 * stats["kinds"]["bars"]["hit_ratio"]
    note = f"{requests:,} requests by Zipf(1.1) of {keys:,} keys, level 1 of 8 MiB held {held:.0f} % of them"
    row = Row(
        "cache.zipf.hits", ratio, "%", requirements=("P4", "C2"), note=f"{note}; {taken:.0f} ns a request"
    )
    yield row.judged(at_least(95))
    saved = 100 * (1 - loads / requests)
    row = Row("cache.zipf.saved", saved, "%", requirements=("C2",), note="requests that asked no database")
    yield row.judged(at_least(90))


def shared(fc: Any, settings: Settings) -> Iterator[Row]:
    """Level 2 on a server of its own, over loopback."""
    from fastcore.cache import Cache, Kind

    loop = Loop()
    with servers().Valkey() as server:
        first, second = (Cache({"bars": Kind(ttl=3600)}, url=server.url) for _ in range(2))
        loop(first.open())
        loop(second.open())
        keys = iter(f"key{i}" for i in range(10**9))
        calls = settings.count(2_000)
        wanted = [next(keys) for _ in range(calls)]

        async def fill() -> None:
            for key in wanted:
                await first.set("bars", key, VALUE)

        loop(fill())
        asked = iter(wanted)
        with quiet():
            p50, p95 = loop.percentiles(lambda: second.get("bars", next(asked)), calls)
        note = f"a value that another process stored, 0.2 kB; p50 {p50 * 1e3:.0f} us"
        yield Row("cache.remote.p95", p95, "ms", requirements=("C3",), note=note).judged(value_at_most(1))
        with quiet():
            _, p95 = loop.percentiles(lambda: first.set("bars", next(keys), VALUE), calls)
        yield Row(
            "cache.remote.set.p95", p95, "ms", requirements=("C3",), note="stored in both levels, others told"
        ).judged(value_at_most(10))

        async def invalidated() -> float:
            """From a delete here until the other's level 1 has forgotten; ms."""
            key = next(keys)
            await first.set("bars", key, VALUE)
            while await second.get("bars", key) is None or second.local("bars", key) is None:
                await asyncio.sleep(0)
            began = time.perf_counter_ns()
            await first.delete("bars", key)
            while second.local("bars", key) is not None:
                await asyncio.sleep(0)
            return (time.perf_counter_ns() - began) / 1e6

        taken = [loop(invalidated()) for _ in range(settings.count(200))]
        note = "from a delete in one cache until another's level 1 has forgotten; both in one process"
        yield Row(
            "cache.invalidation.p99", float(np.percentile(taken, 99)), "ms", requirements=("C3",), note=note
        ).judged(value_at_most(50))

        loads = 0

        async def loader() -> Any:
            nonlocal loads
            loads += 1
            await asyncio.sleep(0.01)
            return VALUE

        async def crowd() -> None:
            await asyncio.gather(
                *(one.get_or_load("bars", "crowd", loader) for one in (first, second) for _ in range(500))
            )

        loop(crowd())
        note = "loaders run when 1,000 tasks of two caches miss one key at once"
        yield Row("cache.single_flight", loads, "loads", requirements=("C2",), note=note).judged(
            value_at_most(1)
        )
        loop(first.close())
        loop(second.close())


CHILD = """
import asyncio, sys, time
from fastcore.cache import Cache, Kind

async def main():
    async with Cache({"bars": Kind(ttl=3600)}, url=sys.argv[1]) as cache:
        print("open", flush=True)
        for line in sys.stdin:
            key = line.strip()
            while await cache.get("bars", key) is None or cache.local("bars", key) is None:
                await asyncio.sleep(0)
            print("has it", flush=True)
            while cache.local("bars", key) is not None:
                await asyncio.sleep(0.0002)
            print(time.monotonic_ns(), flush=True)

asyncio.run(main())
"""


def processes(fc: Any, settings: Settings) -> Iterator[Row]:
    """An invalidation on its way to another process, by a clock that both share."""
    from fastcore.cache import Cache, Kind

    loop = Loop()
    with (
        servers().Valkey() as server,
        subprocess.Popen(
            [sys.executable, "-c", CHILD, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == "open\n"
        cache = Cache({"bars": Kind(ttl=3600)}, url=server.url)
        loop(cache.open())
        taken = []
        for place in range(settings.count(300)):
            loop(cache.set("bars", f"key{place}", VALUE))
            child.stdin.write(f"key{place}\n")
            child.stdin.flush()
            assert child.stdout.readline() == "has it\n"
            began = time.monotonic_ns()
            loop(cache.delete("bars", f"key{place}"))
            taken.append((int(child.stdout.readline()) - began) / 1e6)
        child.stdin.close()
        child.wait()
        loop(cache.close())
    p50, p99 = np.percentile(taken, (50, 99))
    note = f"from a delete here until another process's level 1 has forgotten; p50 {p50:.2f} ms"
    row = Row("cache.invalidation.processes.p99", float(p99), "ms", requirements=("C3",), note=note)
    yield row.judged(value_at_most(50))


def failover(fc: Any, settings: Settings) -> Iterator[Row]:
    """A master of a cluster is killed while a program asks: what answers take, and when level 2 is whole."""
    from fastcore.cache import Cache, Kind

    async def run(nodes: list[Any]) -> tuple[float, float, int]:
        kinds = {"bars": Kind(ttl=3600)}
        async with Cache(kinds, url=nodes[1].url, cluster=True, timeout=1) as cache:
            for place in range(60):
                await cache.set("bars", f"key{place}", VALUE)
            nodes[0].kill()
            began, slowest, answers = time.perf_counter(), 0.0, 0
            while time.perf_counter() - began < 60:
                whole = not cache.degraded
                for _ in range(60):  # of all nodes
                    asked = time.perf_counter()
                    key = f"after {answers}"
                    assert await cache.get_or_load("bars", key, lambda: VALUE) == VALUE
                    slowest = max(slowest, time.perf_counter() - asked)
                    answers += 1
                if whole and not cache.degraded:
                    return time.perf_counter() - began, 1e3 * slowest, answers
                await asyncio.sleep(0.01)
            raise TimeoutError("the cluster did not come back within 60 s")

    with servers("valkey_cluster").cluster() as nodes:
        seconds, slowest, answers = Loop()(run(nodes))
    note = "from the kill of one of three masters until its replica serves; the cluster's timeout is 1 s"
    yield Row("cache.cluster.failover", seconds, "s", requirements=("C4",), note=note)
    note = f"of {answers} answers meanwhile, all right: level 1 and the loader serve"
    yield Row("cache.cluster.slowest", slowest, "ms", requirements=("C4",), note=note)


def repeated(fc: Any, settings: Settings) -> Iterator[Row]:
    """The same question of a database again and again, and of the cache before it."""
    import tempfile

    from fastcore.cache import Cache, Kind
    from fastcore.store import Database, append, latest_bars, schema

    from .store_tools import NAMES, bars

    loop = Loop()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/store.db")
        loop(database.upgrade())

        async def fill() -> None:
            async with database.begin() as connection:
                await append(connection, schema.bars, bars(0, 100))

        loop(fill())
        cache = Cache({"bars": Kind(ttl=3600)})

        async def load() -> Any:
            async with database.connect() as connection:
                return await latest_bars(connection, NAMES[:10], "1m", 100)

        async def cached() -> Any:
            return await cache.get_or_load("bars", "latest", load)

        yield compare(
            "cache.repeated",
            loop.often(cached, 100),
            loop.often(load, 10),
            "asked of SQLite each time",
            ratio_at_least(20),
            ("C1",),
            repeats=settings.repeats,
            n=100,
            n_theirs=10,
            note="the last 100 bars of 10 symbols; 20 times as fast is 95 % off",
        )
        loop(cache.close())
        loop(database.close())


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    sections = (
        ("memory", memory),
        ("zipf", zipf),
        ("shared", shared),
        ("processes", processes),
        ("failover", failover),
        ("repeated", repeated),
    )
    return [Job(f"cache.{name}", lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
