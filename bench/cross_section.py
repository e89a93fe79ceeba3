"""One closed bar for each of 1,000 symbols with ten indicators: one call of ours beside a peer's loop.

`recursive` is ten averages and what is built of them; `ten` the indicators of the one-call benchmark, half
of which keep windows. Figures are for each symbol and indicator, with all that a bar costs: its checks, its
place in the account, its row. Opens, highs and lows are given, too; the ten read closes alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, Work, compare, median_ns, ratio_at_least, value_at_most
from .peers import load
from .streams import TEN, wickra_updates

SYMBOLS = 1_000
MINUTE = 60_000_000_000
CALLS = 50  # of ours beside one loop of a peer's, which takes as long
RECURSIVE: dict[str, tuple[str, dict[str, int]]] = {
    **{f"ema{n}": ("EMA", {"period": n}) for n in (9, 12, 21, 26, 50)},
    "rsi": ("RSI", {"period": 14}),
    "macd": ("MACD", {}),
    "dema": ("DEMA", {"period": 20}),
    "tema": ("TEMA", {"period": 20}),
    "trix": ("TRIX", {"period": 15}),
}
PLANS = {"recursive": (RECURSIVE, 1.0), "ten": (TEN, 2.0)}


def bars() -> list[Any]:
    """Open, high, low, close, volume of each symbol."""
    close = 100.0 + np.random.default_rng(5).random(SYMBOLS)
    return [close, close + 0.5, close - 0.5, close, np.ones(SYMBOLS)]


def one_call(fc: Any, plan: dict[str, tuple[str, dict[str, int]]], symbols: int = SYMBOLS) -> Work:
    """An engine whose indicators are all ready, and the next bar of all its symbols each time."""
    engine = fc.Engine({name: getattr(fc, kind)(**p).on("1m") for name, (kind, p) in plan.items()})
    for i in range(symbols):
        engine.symbol(f"S{i}")
    columns = [column[:symbols] for column in bars()]
    named = dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True))
    times = itertools.count(T0, MINUTE)
    for _ in range(200):
        engine.on_bars("1m", next(times), **named)
    return lambda: engine.on_bars("1m", next(times), **named)


def loop_of(wickra: Any) -> Work:
    """Ten calls for each symbol."""
    updates = [wickra_updates(wickra) for _ in range(SYMBOLS)]
    closes = bars()[3].tolist()

    def run() -> None:
        for close, ten in zip(closes, updates, strict=True):
            for update in ten:
                update(close)

    for _ in range(100):
        run()
    return run


def _one_call(fc: ModuleType, name: str, settings: Settings) -> Iterator[Row]:
    plan, limit = PLANS[name]
    work, steps = one_call(fc, plan), SYMBOLS * len(plan)
    ns = median_ns(work, steps, 20 * settings.repeats)
    note = f"{ns * steps / 1e3:.0f} us a call of {SYMBOLS:,} symbols; for each symbol and indicator"
    row = Row(f"on_bars.{name}", ns, requirements=("P1", "S1"), note=note)
    yield row.judged(value_at_most(limit))


def _beside(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    wickra = load("wickra")
    steps = SYMBOLS * len(TEN)
    call = one_call(fc, TEN)

    def calls() -> None:
        for _ in range(CALLS):
            call()

    yield compare(
        "on_bars.ten.wickra",
        calls,
        loop_of(wickra) if wickra else None,
        "wickra",
        ratio_at_least(20),
        ("P1", "S1"),
        repeats=settings.repeats,
        n=CALLS * steps,
        n_theirs=steps,
        note="one call beside a loop over symbols and their ten updates",
    )


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    """Without our module there is nothing to put beside a peer."""
    if fc is None:
        return []
    steps = {name: partial(_one_call, fc, name, settings) for name in PLANS}
    return [Job(f"on_bars.{name}", step) for name, step in steps.items()] + [
        Job("on_bars.wickra", partial(_beside, fc, settings))
    ]
