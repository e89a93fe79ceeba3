"""A call that works of every public name, for the tests that call them wrongly."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from fastcore import cache, feeds, loop, scale, serve, shm, sinks, store
from samples import T0

PLAN = {"ema": fc.EMA(3), "rsi": fc.RSI(3).on("1m")}


class Given:
    """What the calls work on, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = fc.Engine(PLAN, history=8)
        self.symbol = self.engine.symbol("S")
        for i in range(100):
            self.symbol.on_tick(T0 + i * 2_000_000_000, 100.0 + i % 7, 1.0)
        self.ticks = np.zeros(3, fc.TICK)
        self.ticks["ts"], self.ticks["price"] = T0 + np.arange(3), 100.0
        self.bars = feeds.candles([(T0, 1.0, 3.0, 1.0, 2.0, 40.0, 7)])
        self.ring = shm.create("ring", fc.TICK, folder=folder)
        self.ring.publish_many(self.ticks)
        self.database = store.Database(f"sqlite:///{folder}/names.db")
        self.cache = cache.Cache({"kind": 60.0, "indicators": 60.0})
        self.sharded = scale.ShardedEngine(PLAN, shards=1, on="here")
        self.connection: Any = None

    async def open(self) -> None:
        await self.database.upgrade()

    def new(self) -> Path:
        """A folder that is not there yet."""
        return self.folder / f"new{len(list(self.folder.glob('new*')))}"


Call = Callable[[Given], tuple[Any, ...]]


def call(made: Any, /, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """A call that works: what is called, by position, by name."""
    return made, args, kwargs


#: A call that works of each name. Types that only results have, and errors, are not called by users.
CALLS: dict[str, Call] = {
    "fastcore.Calendar": lambda g: call(
        fc.Calendar,
        "America/New_York",
        open="09:30",
        close="16:00",
        days=("mon",),
        holidays=[],
        years=(2020, 2030),
    ),
    "fastcore.Engine": lambda g: call(
        fc.Engine,
        PLAN,
        history=3,
        policy=fc.Policy(),
        rows="live",
        max_symbols=3,
        journal=g.new(),
        calendars={},
    ),
    "fastcore.Engine.symbol": lambda g: call(g.engine.symbol, "S", policy=None),
    "fastcore.Engine.drop": lambda g: call(g.engine.drop, g.engine.symbol("dropped").name),
    "fastcore.Engine.on_time": lambda g: call(g.engine.on_time, T0),
    "fastcore.Engine.on_gap": lambda g: call(g.engine.on_gap, "silence"),
    "fastcore.Engine.on_ticks": lambda g: call(
        g.engine.on_ticks, g.ticks[:0], symbols=["S"], rows="all", outcomes=True
    ),
    "fastcore.Engine.on_bars": lambda g: call(
        g.engine.on_bars, "1m", T0, open=[1], high=[1], low=[1], close=[1], volume=[1], symbols=["S"]
    ),
    "fastcore.Engine.save": lambda g: call(g.engine.save, g.folder / "state", history=True),
    "fastcore.Engine.load": lambda g: call(fc.Engine.load, saved(g), plan=None, rows="live"),
    "fastcore.Engine.restore": lambda g: call(fc.Engine.restore, g.engine.snapshot(), plan=PLAN, rows="live"),
    "fastcore.Engine.restore_symbol": lambda g: call(fc.Engine(PLAN).restore_symbol, g.symbol.snapshot()),
    "fastcore.Engine.attach": lambda g: call(fc.Engine(PLAN).attach, g.new()),
    "fastcore.Engine.run": lambda g: call(
        fc.Engine(PLAN).run, {"ts": [T0], "price": [1.0]}, bars=None, columns={"price": "price"}, symbol="S"
    ),
    "fastcore.Engine.warm_up": lambda g: call(fc.Engine(PLAN).warm_up, g.ticks, symbols=["S"]),
    "fastcore.Engine.flush": lambda g: call(g.engine.flush),
    "fastcore.Symbol.on_tick": lambda g: call(g.symbol.on_tick, T0, 1.0, 1.0, side=1, id=1),
    "fastcore.Symbol.on_quote": lambda g: call(
        g.symbol.on_quote, T0, bid=1.0, ask=1.0, bid_size=1, ask_size=1
    ),
    "fastcore.Symbol.on_bar": lambda g: call(g.symbol.on_bar, "1m", T0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "fastcore.Symbol.on_time": lambda g: call(g.symbol.on_time, T0),
    "fastcore.Symbol.on_gap": lambda g: call(g.symbol.on_gap, "silence"),
    "fastcore.Symbol.peek": lambda g: call(g.symbol.peek, 1.0, 1.0, forming=True),
    "fastcore.Symbol.get": lambda g: call(g.symbol.get, "ema"),
    "fastcore.Symbol.__getitem__": lambda g: call(g.symbol.__getitem__, "ema"),
    "fastcore.Symbol.history": lambda g: call(g.symbol.history, "ema"),
    "fastcore.Symbol.generation": lambda g: call(g.symbol.generation, "ema"),
    "fastcore.Symbol.bars": lambda g: call(g.symbol.bars, "1m"),
    "fastcore.Symbol.revisions": lambda g: call(revising().revisions, "1m"),
    "fastcore.Symbol.forming": lambda g: call(g.symbol.forming, "1m"),
    "fastcore.Symbol.snapshot": lambda g: call(g.symbol.snapshot, history=True),
    "fastcore.Indicator.restore": lambda g: call(fc.EMA.restore, fc.EMA(3).snapshot()),
    "fastcore.Indicator.snapshot": lambda g: call(fc.EMA(3).snapshot),
    "fastcore.Indicator.of": lambda g: call(fc.EMA(3).of, "x"),
    "fastcore.Indicator.on": lambda g: call(fc.EMA(3).on, "1m"),
    "fastcore.Indicator.update": lambda g: call(fc.EMA(3).update, 1.0),
    "fastcore.Indicator.batch": lambda g: call(fc.EMA(3).batch, [1.0]),
    "fastcore.Journal": lambda g: call(
        fc.Journal,
        g.new(),
        fsync="os",
        interval=10**7,
        segment_bytes=1 << 20,
        keep_segments=3,
        keep_bytes=1 << 30,
        keep_records=10**6,
        checkpoint_records=10,
        checkpoint_bytes=1 << 20,
        checkpoint_seconds=1.0,
        checkpoint_history=True,
        keep_snapshots=2,
    ),
    "fastcore.Policy": lambda g: call(
        fc.Policy,
        order="drop",
        invalid="drop",
        duplicates="keep",
        jumps=None,
        crossed="drop",
        lateness=0,
        buffer_size=4096,
        duplicate_window=1024,
        jump_window=32,
        sequence="none",
        silence=None,
        fill="none",
    ),
    "fastcore.column": lambda g: call(fc.column, "x"),
    "fastcore.core_variant": lambda g: call(fc.core_variant),
    "fastcore.describe": lambda g: call(fc.describe, "RSI"),
    "fastcore.diff": lambda g: call(fc.diff, g.engine.snapshot(), g.engine.snapshot()),
    "fastcore.function": lambda g: call(
        fc.function, twice_of_names, name="twice_of_names", inputs=("close",), state=0, warmup=1, replace=True
    ),
    "fastcore.indicators": lambda g: call(fc.indicators),
    "fastcore.make": lambda g: call(fc.make, "RSI", period=3),
    "fastcore.price": lambda g: call(fc.price, "high"),
    "fastcore.shm.Reader": lambda g: call(shm.Reader, "ring", folder=str(g.folder), start="newest"),
    "fastcore.shm.Reader.read": lambda g: call(reader(g).read, 3),
    "fastcore.shm.Reader.seek": lambda g: call(reader(g).seek, 0),
    "fastcore.shm.Replica": lambda g: call(
        shm.Replica, "ring", PLAN, wait="sleep", timeout=0.0, folder=g.folder
    ),
    "fastcore.shm.Writer": lambda g: call(
        shm.Writer, g.new().name, fc.TICK, folder=str(g.folder), capacity=8, key="symbol", rows=3, mode=0o600
    ),
    "fastcore.shm.Writer.publish": lambda g: call(g.ring.publish, g.ticks[0]),
    "fastcore.shm.Writer.publish_many": lambda g: call(g.ring.publish_many, g.ticks),
    "fastcore.shm.Writer.skip": lambda g: call(g.ring.skip, g.ring.next),
    "fastcore.shm.attach": lambda g: call(
        shm.attach,
        "ring",
        start="newest",
        wait="sleep",
        on_lap="skip",
        catch_up=None,
        patience=1.0,
        timeout=0.0,
        folder=g.folder,
    ),
    "fastcore.shm.clean": lambda g: call(shm.clean, None, folder=g.folder, dry_run=True),
    "fastcore.shm.create": lambda g: call(
        shm.create,
        g.new().name,
        fc.TICK,
        capacity=8,
        key="symbol",
        rows=3,
        journal=None,
        folder=g.folder,
        mode=0o600,
    ),
    "fastcore.shm.inspect": lambda g: call(shm.inspect, "ring", folder=g.folder),
    "fastcore.shm.names": lambda g: call(shm.names, g.folder),
    "fastcore.perf.Histogram": lambda g: call(fc_histogram()),
    "fastcore.perf.Histogram.record": lambda g: call(fc_histogram()().record, 3),
    "fastcore.perf.Histogram.record_many": lambda g: call(fc_histogram()().record_many, [3]),
    "fastcore.perf.Histogram.percentile": lambda g: call(fc_histogram()().percentile, 50),
    "fastcore.perf.Histogram.at_most": lambda g: call(fc_histogram()().at_most, [3]),
    "fastcore.perf.Histogram.merge": lambda g: call(fc_histogram()().merge, fc_histogram()()),
    "fastcore.loop.Intake": lambda g: call(loop.Intake, [], when_full="block", capacity=8, name="feed"),
    "fastcore.loop.Outlet": lambda g: call(
        loop.Outlet,
        sinks.MemorySink(),
        when_full="block",
        capacity=8,
        folder=g.folder,
        failures=3,
        name="sink",
    ),
    "fastcore.loop.Signal": lambda g: call(loop.Signal, "S", T0, "buy", "strategy"),
    "fastcore.loop.Strategy": lambda g: call(
        loop.Strategy, print, failures=3, name="one", when_full="block", capacity=8
    ),
    "fastcore.loop.TickLoop": lambda g: call(
        loop.TickLoop,
        fc.Engine(PLAN, history=8),
        [[]],
        strategies=[print],
        sinks=[sinks.MemorySink()],
        bars=["1m"],
        batch=8,
        save=g.folder / "saved",
        save_every=1.0,
        drain_seconds=1.0,
        stall_seconds=1.0,
        tune_gc=True,
    ),
    "fastcore.loop.run": lambda g: call(loop.run, nothing()),
    "fastcore.feeds.BarBatch": lambda g: call(feeds.BarBatch, "1m", g.bars, ["S"]),
    "fastcore.feeds.Outage": lambda g: call(feeds.Outage, ["S"]),
    "fastcore.feeds.TickBatch": lambda g: call(feeds.TickBatch, g.ticks, ["S"]),
    "fastcore.feeds.candle_columns": lambda g: call(
        feeds.candle_columns, [T0], [1.0], [3.0], [1.0], [2.0], [40.0], [7]
    ),
    "fastcore.feeds.candles": lambda g: call(feeds.candles, [(T0, 1.0, 3.0, 1.0, 2.0, 40.0, 7)]),
    "fastcore.feeds.rebatch": lambda g: call(all_of(feeds.rebatch), [np.arange(5)], batch=4),
    "fastcore.sinks.ArrowSink": lambda g: call(
        sinks.ArrowSink, g.folder, prefix="rows", rotate_rows=8, group=8, compression="lz4", taken_only=True
    ),
    "fastcore.sinks.CallbackSink": lambda g: call(sinks.CallbackSink, print, wants=("rows",)),
    "fastcore.sinks.MemorySink": lambda g: call(sinks.MemorySink, wants=("rows",)),
    "fastcore.sinks.ParquetSink": lambda g: call(
        sinks.ParquetSink, g.folder, prefix="rows", rotate_rows=8, group=8, compression="lz4", taken_only=True
    ),
    "fastcore.sinks.RingSink": lambda g: call(
        sinks.RingSink, "ringed", capacity=8, symbols=3, bars=True, folder=g.folder
    ),
    "fastcore.store.BatchLoader": lambda g: call(store.BatchLoader, loaded, most=3),
    "fastcore.store.Database": lambda g: call(
        store.Database, g.database.shown, pool=store.Pool(), observer=store.Observer()
    ),
    "fastcore.store.Observer": lambda g: call(
        store.Observer, slow=0.1, explain_every=60.0, statements=10, kept=10, file=g.folder / "slow.jsonl"
    ),
    "fastcore.store.Pool": lambda g: call(
        store.Pool, size=1, overflow=1, timeout=1.0, recycle=60.0, pre_ping=True
    ),
    "fastcore.store.Replicated": lambda g: call(
        store.Replicated, database("primary"), [database("replica")], max_lag=1.0, wait=0.1, look_every=0.5
    ),
    "fastcore.store.Writer": lambda g: call(store.Writer, g.database, rows=8, delay=0.1, capacity=80),
    "fastcore.store.advise": lambda g: call(store.advise, g.database, most=3),
    "fastcore.store.aggregate_bars": lambda g: call(
        store.aggregate_bars, g.connection, "S", "1m", 300 * 10**9, T0, T0 + 10**12
    ),
    "fastcore.store.append": lambda g: call(store.append, g.connection, store.schema.ticks, rows_of(g)),
    "fastcore.store.as_of": lambda g: call(
        store.as_of, g.connection, "S", ["ema"], T0, T0 + 10**12, max_age=10**9
    ),
    "fastcore.store.explain": lambda g: call(store.explain, g.database, "SELECT 1", (), analyze=False),
    "fastcore.store.latest_bars": lambda g: call(
        store.latest_bars, g.connection, ["S"], "1m", 3, columns=["close"]
    ),
    "fastcore.store.pool_size": lambda g: call(store.pool_size, 10.0, 0.01, spread=0.01),
    "fastcore.store.scan": lambda g: call(
        store.scan, g.connection, store.schema.ticks, "S", T0, T0 + 10**12, limit=3
    ),
    "fastcore.store.sizing": lambda g: call(store.sizing, g.database, processes=1),
    "fastcore.store.slowest": lambda g: call(store.slowest, g.database, most=3),
    "fastcore.store.statistics": lambda g: call(store.statistics, g.database),
    "fastcore.store.symbol_ids": lambda g: call(store.symbol_ids, g.connection, ["S"]),
    "fastcore.store.to_arrow": lambda g: call(store.to_arrow, {"close": np.ones(1)}),
    "fastcore.store.upsert": lambda g: call(store.upsert, g.connection, store.schema.ticks, rows_of(g)),
    "fastcore.store.watch_queries": lambda g: call(store.watch_queries, limit=3, refuse=True),
    "fastcore.cache.Cache": lambda g: call(
        cache.Cache,
        {"kind": 60.0},
        url=None,
        memory=1 << 20,
        prefix="names",
        timeout=0.1,
        connections=3,
        cluster=False,
    ),
    "fastcore.cache.Kind": lambda g: call(
        cache.Kind, ttl=1.0, stale=1.0, negative=1.0, jitter=0.1, largest=100, schema=1, type=None
    ),
    "fastcore.cache.cached": lambda g: call(cache.cached, g.cache, "kind", key=str, tags=["tag"]),
    "fastcore.cache.cached_indicator": lambda g: call(
        cache.cached_indicator, g.cache, "SMA", [1.0], kind="indicators", period=2
    ),
    "fastcore.serve.Key": lambda g: call(serve.Key, "id", "name", "digest", frozenset({"read"})),
    "fastcore.serve.KeyRing": lambda g: call(serve.KeyRing, []),
    "fastcore.serve.Service": lambda g: call(
        serve.Service, PLAN, [], settings=serve.Settings(), policy=fc.Policy(), strategies=[print], sinks=[]
    ),
    "fastcore.serve.Settings": lambda g: call(
        serve.Settings,
        host="127.0.0.1",
        port=8000,
        data=g.new(),
        keys=serve.KeyRing([]),
        hosts=["a"],
        origins=["https://desk.example"],
        history=100,
        max_symbols=10,
        max_body=10_000,
        max_query=1_000,
        body_seconds=1.0,
        rate=1.0,
        max_streams=10,
        waiting=10,
        checkpoint_seconds=10.0,
        drain_seconds=1.0,
        page="",
    ),
    "fastcore.scale.HashRing": lambda g: call(scale.HashRing, 3),
    "fastcore.scale.Outputs": lambda g: call(
        scale.Outputs, PLAN, policy=fc.Policy(), bars=None, columns={}, symbol="S"
    ),
    "fastcore.scale.Shard": lambda g: call(scale.Shard, g.engine.snapshot(), ["S"]),
    "fastcore.scale.ShardedEngine": lambda g: call(
        scale.ShardedEngine, PLAN, shards=1, on="here", policy=fc.Policy(), checkpoint_ticks=10
    ),
    "fastcore.scale.ShardedEngine.on_ticks": lambda g: call(
        g.sharded.on_ticks, g.ticks[:0], symbols=["S"], rows="all"
    ),
    "fastcore.scale.WorkerPool": lambda g: call(scale.WorkerPool, g.sharded, every=1.0),
    "fastcore.scale.backfill": lambda g: call(
        scale.backfill, [ticks_file(g)], PLAN, g.new(), executor="local", policy=fc.Policy(), columns={}
    ),
}
CALLS["fastcore.ShardedEngine"] = CALLS["fastcore.scale.ShardedEngine"]
CALLS["fastcore.TickLoop"] = CALLS["fastcore.loop.TickLoop"]
CALLS["fastcore.backfill"] = CALLS["fastcore.scale.backfill"]

#: What users are given and do not make: results, types of annotations, abstract classes.
NOT_CALLED = {
    *(
        "fastcore.Difference",
        "fastcore.Formula",
        "fastcore.Indicator",
        "fastcore.Symbol",
        "fastcore.shm.CatchUp",
    ),
    *("fastcore.shm.Messages", "fastcore.shm.View", "fastcore.loop.Rows", "fastcore.loop.Sink"),
    *("fastcore.loop.Row", "fastcore.loop.BarEvent"),
    *("fastcore.feeds.TickArray", "fastcore.store.Advice", "fastcore.store.Plan", "fastcore.store.Repeat"),
    *("fastcore.store.Slow", "fastcore.store.Statement", "fastcore.scale.Backfill"),
}


def revising() -> fc.Symbol:
    return fc.Engine(PLAN, policy=fc.Policy(order="revise"), history=8).symbol("S")


def twice_of_names(x: float) -> float:
    """By a name that no other test gives to a function."""
    return 2 * x


async def loaded(keys: list[Any]) -> dict[Any, Any]:
    return {}


async def nothing() -> None:
    """A coroutine to be run."""


def reader(g: Given) -> shm.Reader:
    return shm.attach("ring", folder=g.folder)


def saved(g: Given) -> Path:
    g.engine.save(g.folder / "state")
    return g.folder / "state"


def ticks_file(g: Given) -> Path:
    (g.folder / "ticks.csv").write_text(f"ts,symbol,price,size\n{T0},S,1.0,1.0\n")
    return g.folder / "ticks.csv"


def fc_histogram() -> Any:
    return importlib.import_module("fastcore.perf").Histogram


def database(name: str) -> store.Database:
    return store.Database(f"postgresql://u@localhost:1/{name}")


def rows_of(g: Given) -> dict[str, Any]:
    """No tick is like another."""
    g.count = getattr(g, "count", 0) + 1
    return {
        "symbol": ["S"],
        "ts": [T0 + g.count],
        "id": [g.count],
        "price": [1.0],
        "size": [1.0],
        "side": [1],
    }


def all_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator function that is run to its end."""

    def run(*args: Any, **kwargs: Any) -> list[Any]:
        return list(function(*args, **kwargs))

    run.__name__ = function.__name__
    return run
