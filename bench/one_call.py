"""Ten indicators of one symbol on every tick: one call of ours beside ten calls of each peer.

Also single `update` calls, the price of reading one output, and the cheapest call that CPython can
make into C, which is the floor under all of them. All times include the `for` loop around them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, Work, compare, median_ns, ratio_at_least, value_at_most
from .peers import load, walk
from .streams import HISTORY, STREAMS, TEN, Prices, Stream

Open = Callable[[Any], Callable[..., object]]

# our class -> wickra's and TA-Lib's bound `update`
SINGLES: dict[str, tuple[dict[str, int], Open, Open]] = {
    "SMA": ({"period": 20}, lambda w: w.SMA(20).update, lambda t: t.SMA(HISTORY, 20).update),
    "EMA": ({"period": 20}, lambda w: w.EMA(20).update, lambda t: t.EMA(HISTORY, 20).update),
    "RSI": ({"period": 14}, lambda w: w.RSI(14).update, lambda t: t.RSI(HISTORY, 14).update),
    "MACD": ({}, lambda w: w.MACD(12, 26, 9).update, lambda t: t.MACD(HISTORY, 12, 26, 9).update),
    "BBANDS": (
        {"period": 20},
        lambda w: w.BollingerBands(20, 2.0).update,
        lambda t: t.BBANDS(HISTORY, 20, 2.0, 2.0).update,
    ),
}


def ten_engine(fc: Any) -> Any:
    """Our engine with the ten indicators, on ticks."""
    return fc.Engine({k: getattr(fc, name)(**kw) for k, (name, kw) in TEN.items()})


def on_ticks_one_by_one(fc: Any, prices: Prices) -> Work:
    """A loop of `on_tick`, with the timestamp counted as a user's loop would."""

    def run() -> None:
        tick = ten_engine(fc).symbol("A").on_tick
        ts = T0
        for x in prices:
            ts += 1000
            tick(ts, x, 1.0)

    return run


def loop(f: Callable[[float], object], prices: Prices) -> Work:
    def run() -> None:
        for x in prices:
            f(x)

    return run


def _ten(fc: ModuleType | None, s: Stream, prices: Prices, settings: Settings) -> Iterator[Row]:
    run = s.start()
    theirs = (prices * (1 + s.ticks // len(prices)))[: s.ticks] if s.ticks else prices
    # Ten calls of the fastest peer are what the promise is about; the others must just be slower.
    target = ratio_at_least(8.0 if s.name == "wickra" else 1.0)
    yield compare(
        f"one_call.ten.{s.name.lower().replace(' ', '_')}",
        on_ticks_one_by_one(fc, prices) if fc else None,
        (lambda: run(theirs)) if run else None,
        s.name,
        target,
        ("P1", "D7"),
        repeats=settings.repeats,
        n=len(prices),
        n_theirs=len(theirs),
        note=s.note,
    )


def _single(
    fc: ModuleType | None,
    name: str,
    peer: str,
    opened: Callable[..., object] | None,
    prices: Prices,
    settings: Settings,
) -> Iterator[Row]:
    params = SINGLES[name][0]
    target = ratio_at_least(1.67 if (name, peer) == ("SMA", "wickra") else 1.0)  # 1.67: 0.6 of their time
    yield compare(
        f"one_call.update.{name.lower()}.{peer.split()[0].lower()}",
        loop(getattr(fc, name)(**params).update, prices) if fc else None,
        loop(opened, prices) if opened else None,
        peer,
        target,
        ("P1", "D7"),
        repeats=settings.repeats,
        n=len(prices),
    )


def _floor(prices: Prices, settings: Settings) -> Iterator[Row]:
    def empty() -> None:
        for _ in prices:
            pass

    bare = median_ns(empty, len(prices), settings.repeats)
    call = median_ns(loop(math.fabs, prices), len(prices), settings.repeats)
    yield Row("one_call.floor.loop", bare, note="an empty for loop")
    yield Row("one_call.floor.c_call", call, note="math.fabs(x): the cheapest call into C, with the loop")


def _read(fc: ModuleType | None, how: str, settings: Settings) -> Iterator[Row]:
    id = f"one_call.read.{how}"
    if fc is None:
        yield Row(id, note="fastcore: not measured")
        return
    symbol = ten_engine(fc).symbol("A")
    for i, x in enumerate(walk(np.random.default_rng(3), 300).tolist()):
        symbol.on_tick(T0 + i * 1000, x, 1.0)
    where = list(ten_engine(fc).columns).index("rsi")
    count = settings.count(500_000)

    def by_item() -> None:
        for _ in repeat(None, count):
            symbol["rsi"]

    def by_row() -> None:
        row = symbol.row
        for _ in repeat(None, count):
            row[where]

    def by_get() -> None:
        get = symbol.get
        for _ in repeat(None, count):
            get("rsi")

    def by_index() -> None:
        get = symbol.get
        for _ in repeat(None, count):
            get(where)

    work = {"item": by_item, "row": by_row, "get": by_get, "get_index": by_index}[how]
    notes = {
        "item": 'symbol["rsi"], loop included',
        "row": "row[3] of the NumPy view, loop included: boxing by NumPy, for comparison",
        "get": 'symbol.get("rsi"), loop included',
        "get_index": "symbol.get(3), loop included",
    }
    row = Row(id, median_ns(work, count, settings.repeats), requirements=("D6",), note=notes[how])
    yield row.judged(None if how == "row" else value_at_most(20.0))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    prices = walk(np.random.default_rng(3), settings.count(100_000)).tolist()
    made = [Job("one_call.floor", partial(_floor, prices, settings))]
    made += [Job(f"one_call.ten.{s.name}", partial(_ten, fc, s, prices, settings)) for s in STREAMS]
    for name, (_, wickra, talib) in SINGLES.items():
        for peer, module, how in (("wickra", "wickra", wickra), ("TA-Lib stream", "talib.stream", talib)):
            theirs = how(m) if (m := load(module)) else None
            work = partial(_single, fc, name, peer, theirs, prices, settings)
            made.append(Job(f"one_call.update.{name.lower()}.{peer}", work))
    reads = ("item", "get", "get_index", "row")
    return made + [Job(f"one_call.read.{k}", partial(_read, fc, k, settings)) for k in reads]
