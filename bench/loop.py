"""The tick loop from feed to file: ticks a second, what a websocket adds, what frames and messages cost.

The loop's job is ten indicators, one strategy, one Parquet sink, fed from a file by columns. Beside it the
same job by hand: wickra's ten updates a tick, and pandas over the last 200 rows, as many bots do it.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .harness import Job, Row, Settings, Target, Work, compare, median_ns, nanoseconds, quiet, ratio_at_least
from .one_call import ten_engine
from .peers import load

NAMES = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]


def at_least(limit: float) -> Target:
    return Target("value", ">=", limit)


def at_most(limit: float) -> Target:
    return Target("value", "<=", limit)


def ticks_of(fc: Any, rows: int) -> Any:
    rng = np.random.default_rng(1)
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = 1_700_000_000_000_000_000 + np.arange(rows) * 1_000_000
    ticks["price"] = 100 + np.cumsum(rng.integers(-3, 4, rows)) / 64
    ticks["size"] = rng.integers(1, 99, rows) / 8
    ticks["symbol"] = rng.integers(0, len(NAMES), rows)
    ticks["id"] = np.arange(rows) + 1
    return ticks


class Batched:
    """A strategy that looks at whole batches."""

    def __init__(self) -> None:
        self.high = 0

    def on_rows(self, rows: Any) -> None:
        self.high += int((rows.ticks["price"] > rows.rows[:, 0]).sum())


def each() -> Callable[[Any], None]:
    """A strategy that looks at each tick."""
    high = 0

    def strategy(row: Any) -> None:
        nonlocal high
        if row.price > row.values[0]:
            high += 1

    return strategy


def file_of(fc: Any, folder: str, rows: int) -> Path:
    """A file by columns with so many ticks; one for each number."""
    from fastcore.feeds import TickBatch
    from fastcore.feeds.column_file import ColumnWriter

    path = Path(folder, f"{rows}.fct")
    with ColumnWriter(path, sync=False) as file:
        file.append(TickBatch(ticks_of(fc, rows), NAMES))
    return path


def through(fc: Any, path: Path, strategy: Any, folder: str | None) -> Work:
    """A run of the whole loop."""

    def run() -> None:
        from fastcore.feeds.files import read_ticks
        from fastcore.loop import run as run_loop
        from fastcore.sinks import ParquetSink

        sinks = [ParquetSink(tempfile.mkdtemp(dir=folder), compression=None)] if folder else []
        run_loop(fc.TickLoop(ten_engine(fc), read_ticks(path), strategies=[strategy], sinks=sinks).run())

    return run


def by_wickra(path: Path) -> Work | None:
    """The same ticks through wickra's updates, one symbol's indicators each, and the same question."""
    wickra = load("wickra")
    if wickra is None:
        return None
    from fastcore.feeds.files import read_ticks

    def run() -> None:
        def made() -> list[Any]:
            averages = [
                wickra.SMA(20),
                wickra.EMA(12),
                wickra.EMA(26),
                wickra.WMA(20),
                wickra.MACD(12, 26, 9),
            ]
            spreads = [wickra.BollingerBands(20, 2.0), wickra.StdDev(20), wickra.ZScore(20)]
            return [*averages, *spreads, wickra.RSI(14), wickra.ROC(10)]

        updates = [[one.update for one in made()] for _ in NAMES]
        high = 0
        for batch in read_ticks(path):
            prices, codes = batch.ticks["price"].tolist(), batch.ticks["symbol"].tolist()
            for price, code in zip(prices, codes, strict=True):
                row = [update(price) for update in updates[code]]
                if row[0] is not None and price > row[0]:
                    high += 1

    return run


def throughput(fc: Any, settings: Settings) -> Iterator[Row]:
    rows = settings.count(1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(fc, folder, rows)
        for name, strategy, target in (
            ("batched", Batched(), at_least(1.0)),
            ("each_tick", each(), at_least(0.3)),
        ):
            with quiet():
                taken = min(nanoseconds(through(fc, path, strategy, folder), rows) for _ in range(3))
            yield Row(
                f"loop.{name}", 1e3 / taken, "M ticks/s", requirements=("T1", "A3"), note="best of three runs"
            ).judged(target)
        # All of them: the loop's start collects garbage once, 0.2 s in a process that has loaded every peer.
        yield compare(
            "loop.each_tick.wickra",
            through(fc, path, each(), None),
            by_wickra(path),
            "wickra",
            ratio_at_least(1.0),
            ("T1",),
            repeats=3,
            n=rows,
            note="ten indicators and one question a tick, no sink",
        )
        yield pandas_row(through(fc, path, each(), None), rows, ticks_of(fc, 500)["price"])


def pandas_row(ours: Work, rows: int, prices: Any) -> Row:
    """A frame of the last 200 prices, recomputed at each tick; fewer of them, which take as long."""
    pd = load("pandas")
    ticks = len(prices)

    def run() -> None:
        for end in range(1, ticks):
            close = pd.Series(prices[max(0, end - 200) : end])
            close.rolling(20).mean(), close.ewm(span=12).mean(), close.ewm(span=26).mean()
            close.rolling(20).std(), close.pct_change(10)

    return compare(
        "loop.each_tick.pandas",
        ours,
        run if pd else None,
        "pandas",
        ratio_at_least(1.0),
        ("T1",),
        repeats=3,
        n=rows,
        n_theirs=ticks,
        note="pandas: five of the ten over the last 200 rows; ours all ten, with the loop's start and end",
    )


# ---- frames ----


def frames(fc: Any, settings: Settings) -> Iterator[Row]:
    pd, pl = load("pandas"), load("polars")
    import fastcore.pandas
    import fastcore.polars  # noqa: F401

    rows = settings.count(1_000_000)
    close = 100 + np.cumsum(np.random.default_rng(2).normal(size=rows))
    frame, table = pd.DataFrame({"close": close}), pl.DataFrame({"close": close})
    expression = table.lazy().select(pl.col("close").fc.rsi(14))

    def plain() -> None:
        fc.rsi(close, 14)

    def pandas_rsi() -> None:
        change = frame["close"].diff()
        up, down = change.clip(lower=0), -change.clip(upper=0)
        100 - 100 / (1 + up.ewm(alpha=1 / 14).mean() / down.ewm(alpha=1 / 14).mean())

    for name, ours, theirs, peer, target in (
        ("pandas.plain", lambda: frame.fc.rsi(14), plain, "plain call", ratio_at_least(1 / 1.2)),
        (
            "polars.plain",
            lambda: table.select(pl.col("close").fc.rsi(14)),
            plain,
            "plain call",
            ratio_at_least(1 / 1.2),
        ),
        ("polars.lazy", lambda: expression.collect(), plain, "plain call", None),
        ("pandas.formula", lambda: frame.fc.rsi(14), pandas_rsi, "pandas", ratio_at_least(5.0)),
        (
            "polars.rolling",
            lambda: table.select(pl.col("close").fc.sma(20)),
            lambda: table.select(pl.col("close").rolling_mean(20)),
            "polars",
            ratio_at_least(1.0),
        ),
        (
            "polars.ewm",
            lambda: table.select(pl.col("close").fc.ema(20)),
            lambda: table.select(pl.col("close").ewm_mean(span=20)),
            "polars",
            ratio_at_least(1.0),
        ),
    ):
        yield compare(f"frames.{name}", ours, theirs, peer, target, ("N4",), repeats=settings.repeats, n=rows)


# ---- messages and files ----


def messages(fc: Any, settings: Settings) -> Iterator[Row]:
    """A batch of 1,000 ticks to bytes and back."""
    from fastcore.feeds import TickBatch, wire

    batch = TickBatch(ticks_of(fc, 1_000), NAMES)

    def ours() -> None:
        wire.decode(wire.encode(batch))

    def by_json() -> None:
        json.loads(json.dumps({"symbols": NAMES, "ticks": batch.ticks.tolist()}))

    def by_pickle() -> None:
        pickle.loads(pickle.dumps((batch.symbols, batch.ticks)))

    for name, theirs, target in (("json", by_json, ratio_at_least(10.0)), ("pickle", by_pickle, None)):
        yield compare(
            f"wire.ticks.{name}", ours, theirs, name, target, ("N5",), repeats=settings.repeats, n=1_000
        )


def scan(fc: Any, settings: Settings) -> Iterator[Row]:
    from fastcore.feeds.column_file import ColumnFile

    rows = settings.count(4_000_000)
    with tempfile.TemporaryDirectory() as folder:
        file = ColumnFile(file_of(fc, folder, rows))

        def run() -> None:
            for block in file.blocks():
                block.price.sum()

        taken = median_ns(run, rows, settings.repeats)
        yield Row("files.scan", 1e3 / taken, "M ticks/s", requirements=("N6",)).judged(at_least(100.0))


# ---- websocket ----

SERVER = """
import asyncio, json, struct, sys, time
sys.path.insert(0, {tests!r})
from loopback import Peer, WebSocketServer, frame, trade
COUNT, RATE = {count}, {rate}
FRAMES = [frame(trade("BTCUSDT", n, 100 + n % 7 / 8)) for n in range(1, COUNT + 1)]

async def script(peer):
    await peer.subscribed()
    start = time.monotonic_ns() + 200_000_000
    print(start, flush=True)
    if not RATE:
        for at in range(0, COUNT, 512):
            await peer.raw(b"".join(FRAMES[at : at + 512]))
    else:
        at = 0
        while at < COUNT:
            due = min(COUNT, int((time.monotonic_ns() - start) * RATE / 1e9) + 1)
            if due > at:
                await peer.raw(b"".join(FRAMES[at:due]))
                at = due
            await asyncio.sleep(0.0002)
    await peer.gone()

async def main():
    async with WebSocketServer(script) as server:
        print(server.url, flush=True)
        await asyncio.sleep(120)

asyncio.run(main())
"""


class Session(NamedTuple):
    """So many trades over a socket into the engine."""

    seconds: float
    delays: np.ndarray[Any, Any]  # ms of each from when it was due, if there was a rate
    share: float  # of a core that this process used


def from_socket(fc: Any, count: int, rate: int) -> Session:
    """Trades over a socket, as fast as they go, or at a rate."""
    from fastcore.feeds.binance import BinanceFeed
    from fastcore.loop import run as run_loop

    tests = str(Path(__file__).parent.parent / "tests")
    program = SERVER.format(tests=tests, count=count, rate=rate)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        seen: list[tuple[int, int, int]] = []

        class Watch:
            def on_rows(self, rows: Any) -> None:
                seen.append((len(rows), time.monotonic_ns(), time.process_time_ns()))

        async def main() -> None:
            feed = BinanceFeed(["BTCUSDT"], url=url)
            async with fc.TickLoop(ten_engine(fc), feed, strategies=[Watch()]) as loop:
                while loop.engine.ledger["received"] < count:
                    await asyncio.sleep(0.002)

        try:
            run_loop(asyncio.wait_for(main(), 100))
        finally:
            server.kill()
        start = int(server.stdout.readline())
    taken, used = (seen[-1][place] - seen[0][place] for place in (1, 2))
    if not rate:
        return Session(taken / 1e9, np.zeros(0), used / taken)
    due = start + np.arange(count) * 1e9 / rate
    done = np.repeat([at for _, at, _ in seen], [size for size, _, _ in seen])
    return Session(taken / 1e9, (done - due) / 1e6, used / taken)


def websocket(fc: Any, settings: Settings) -> Iterator[Row]:
    count = settings.count(100_000)
    taken = min(from_socket(fc, count, 0).seconds for _ in range(3))
    note = "made-up trades, one a message; server and client share the machine's cores; best of three runs"
    yield Row(
        "websocket.throughput", count / taken / 1e3, "k ticks/s", requirements=("A3",), note=note
    ).judged(at_least(100.0))
    rate = 20_000
    delays = from_socket(fc, rate * (1 if settings.quick else 3), rate).delays
    for percentile, target in ((50, None), (99, at_most(2.0)), (99.9, None)):
        yield Row(
            f"websocket.delay.p{percentile:g}",
            float(np.percentile(delays, percentile)),
            "ms",
            requirements=("A3", "P1"),
            note="from when a tick was due to the row that it made, at 20,000 a second",
        ).judged(target)


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    sections = (
        ("loop", throughput),
        ("frames", frames),
        ("wire", messages),
        ("files", scan),
        ("websocket", websocket),
    )
    return [Job(name, lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
