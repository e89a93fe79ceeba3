"""What each indicator costs: a tick in an engine, and a batch beside TA-Lib's.

    python -m bench.indicators [--quick] [--only NAME]     writes bench/results/indicators.json

The pages of the indicators cite these rows, with the machine they were taken on. Times are the processor's,
the best of several runs in turns: what else the machine does is not in them. `batch.median` and
`batch.worst` are of our time over TA-Lib's, of all functions that both have; losses stay in.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from .harness import T0, Row, Settings, Target, keep_memory, quiet, value_at_most, write_results
from .peers import load, walk
from .python import table

RESULTS = Path(__file__).parent / "results" / "indicators.json"
Columns = dict[str, Any]
# Functions of ours that go by another name there; its VWAP is ours since an anchor.
NAMES = {"VWAP": None, "AVWAP": "VWAP"}
SLOWEST, MEDIAN = 1.5, 1.0


def columns(n: int) -> Columns:
    """Bars of a random walk, and what ticks and quotes have beside them."""
    rng = np.random.default_rng(5)
    close = walk(rng, n)
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = close * 1e-4
    return {
        "open": open_,
        "high": np.maximum(open_, close) + reach * rng.random(n),
        "low": np.minimum(open_, close) - reach * rng.random(n),
        "close": close,
        "volume": rng.uniform(1.0, 1e3, n),
        "ts": (T0 + np.arange(n) * 10**9).astype(np.float64),
        "side": rng.choice([-1.0, 1.0], n),
        "bid": close - reach,
        "ask": close + reach,
        "bid_size": rng.uniform(1.0, 9.0, n),
        "ask_size": rng.uniform(1.0, 9.0, n),
    }


def best(works: list[Callable[[], object]], n: int, repeats: int) -> list[float]:
    """The least processor time of each, in ns for each of n operations; they run in turns."""
    for work in works:
        work()
    taken = [np.inf] * len(works)
    with quiet():
        for _ in range(repeats):
            for i, work in enumerate(works):
                begun = time.process_time_ns()
                work()
                taken[i] = min(taken[i], (time.process_time_ns() - begun) / n)
    return taken


def tick_rows(fc: Any, only: str, settings: Settings) -> Iterator[Row]:
    """What one more node adds to a tick in a batch of an engine; of quotes, to one call of `update`."""
    n = settings.count(20_000)
    made = columns(n)
    ticks = np.zeros(n, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = made["ts"], made["close"], made["volume"]
    ticks["side"] = made["side"]
    base = {"mom": fc.MOM(1)}
    for row in fc.indicators():
        if only and row["name"] != only:
            continue
        id, one = f"tick.{row['name']}", fc.make(row["name"])
        if any(name.startswith(("bid", "ask")) for name in row["inputs"]):
            floor = fc.MOM(1)
            quotes = list(zip(*(made[name][:2000].tolist() for name in row["inputs"]), strict=True))

            def updates(each: Any = one, rows: Any = quotes) -> None:
                for values in rows:
                    each.update(*values)

            def nothing(each: Any = floor, rows: Any = quotes) -> None:
                for values in rows:
                    each.update(values[0])

            bare, with_it = best([nothing, updates], len(quotes), settings.repeats)
            note = "of a quote, by `update`, less that of MOM"
        else:

            def fresh(plan: Any) -> Callable[[], object]:
                return lambda: fc.Engine(plan).on_ticks(ticks, symbols=["A"])

            works = [fresh(base), fresh(base | {"x": one})]
            bare, with_it = best(works, n, settings.repeats)
            note = "added to a tick in a batch of an engine"
        yield Row(id, max(0.0, with_it - bare), requirements=("N1", "D8"), note=note)


def batch_rows(fc: Any, only: str, settings: Settings) -> Iterator[Row]:
    """Our functions beside TA-Lib's of the same name, defaults and columns."""
    talib = load("talib")
    if talib is None:
        return
    n = settings.count(200_000)
    made = columns(n)
    limit = Target("ratio", ">=", round(1 / SLOWEST, 3))
    shares: dict[str, float] = {}
    for row in fc.indicators():
        name = NAMES.get(row["name"], row["name"])
        if name is None or not hasattr(talib, name) or (only and row["name"] != only):
            continue
        inputs = [made[column] for column in row["inputs"]]
        ours, theirs = getattr(fc, row["name"].lower()), getattr(talib, name)
        mine, peer = best([partial(ours, *inputs), partial(theirs, *inputs)], n, settings.repeats)
        shares[row["name"]] = mine / peer
        made_row = Row(f"batch.{row['name']}", mine, "ns", "TA-Lib", peer, peer / mine, requirements=("N1",))
        yield made_row.judged(limit)
    if shares and not only:
        slowest = max(shares, key=lambda name: shares[name])
        middle = float(np.median(list(shares.values())))
        note = f"our time over TA-Lib's, of {len(shares)} functions"
        yield Row("batch.median", middle, "", note=note).judged(value_at_most(MEDIAN))
        yield Row("batch.worst", shares[slowest], "", note=f"{slowest}: {note}").judged(
            value_at_most(SLOWEST)
        )


def window_rows(fc: Any, only: str, settings: Settings) -> Iterator[Row]:
    """What it buys that equal windows are kept once: four readers of one, and four of windows apart."""
    if only:
        return
    n = settings.count(50_000)
    made = columns(n)
    ticks = np.zeros(n, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = made["ts"], made["close"], 1.0
    readers = (fc.SMA, fc.BBANDS, fc.STDDEV, fc.ZSCORE)

    def run(plan: Any) -> Callable[[], object]:
        return lambda: fc.Engine(plan).on_ticks(ticks, symbols=["A"])

    shared = {one.__name__: one(20) for one in readers}
    apart = {one.__name__: one(20 + k) for k, one in enumerate(readers)}
    base, one_window, four = best([run({"mom": fc.MOM(1)}), run(shared), run(apart)], n, settings.repeats)
    note = "SMA, BBANDS, STDDEV and ZSCORE of 20 a tick; the peer has periods of 20 to 23"
    ours, theirs = one_window - base, four - base
    yield Row(
        "windows.shared", ours, "ns", "windows apart", theirs, theirs / ours, requirements=("P16",), note=note
    )


def candle_rows(fc: Any, only: str, settings: Settings) -> Iterator[Row]:
    """All patterns of candles in one engine, bar by bar in one call each."""
    if only and not only.startswith("CDL"):
        return
    n = settings.count(20_000)
    made = columns(n)
    names = [row["name"] for row in fc.indicators() if row["family"] == "candles"]
    bars = list(
        zip(*(made[name].tolist() for name in ("open", "high", "low", "close", "volume")), strict=True)
    )

    def run(plan: Any) -> Callable[[], object]:
        def work() -> None:
            on_bar = fc.Engine(plan).symbol("A").on_bar
            ts = T0
            for bar in bars:
                ts += 60 * 10**9
                on_bar("1m", ts, *bar)

        return work

    plans: list[Any] = [{"mom": fc.MOM(1).on("1m")}, {name: fc.make(name).on("1m") for name in names}]
    bare, every = best([run(plan) for plan in plans], n, settings.repeats)
    note = f"{len(names)} patterns; a call without them takes {bare:.0f}"
    yield Row("candles.all", every, requirements=("N1",), note=note).judged(value_at_most(400.0))


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m bench.indicators", description="What each indicator costs")
    p.add_argument("--quick", action="store_true", help="fewer rows and runs; nothing is written")
    p.add_argument("--only", default="", metavar="NAME", help="one indicator; nothing is written")
    a = p.parse_args(argv)
    settings = Settings(a.quick)
    console = Console(width=160)
    keep_memory()
    fc = importlib.import_module("fastcore")
    rows: list[Row] = []
    for section in (tick_rows, batch_rows, window_rows, candle_rows):
        rows += section(fc, a.only.upper(), settings)
    console.print(table(rows))
    if not a.quick and not a.only:
        write_results(RESULTS, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
