"""The ten indicators of the one-call benchmark, tick by tick, in every library that streams.

A stream is built once (not timed) and yields a function that runs over a list of prices. Each
library gets its fastest documented way: bound methods in local names, no attribute look-ups, no
results kept. Where one of the ten does not exist, the note says so and the library does less work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from .peers import Array, load

Prices = list[float]
Run = Callable[[Prices], object]
Update = Callable[[float], object]

# our name in the engine -> (class, parameters)
TEN: dict[str, tuple[str, dict[str, int]]] = {
    "sma": ("SMA", {"period": 20}),
    "ema12": ("EMA", {"period": 12}),
    "ema26": ("EMA", {"period": 26}),
    "rsi": ("RSI", {"period": 14}),
    "macd": ("MACD", {}),
    "bb": ("BBANDS", {"period": 20}),
    "sd": ("STDDEV", {"period": 20}),
    "roc": ("ROC", {"period": 10}),
    "wma": ("WMA", {"period": 20}),
    "z": ("ZSCORE", {"period": 20}),
}


@dataclass(frozen=True)
class Stream:
    """A library's ten indicators: `open` builds fresh state and returns the loop to time."""

    name: str
    module: str
    open: Callable[[Any], Run]
    note: str = ""
    ticks: int = 0  # fewer for the slow ones, more where starting up costs; 0: as many as ours

    def start(self) -> Run | None:
        """The loop, or nothing when the library is not installed."""
        module = load(self.module)
        return None if module is None else self.open(module)


def ten_calls(updates: Sequence[Update]) -> Run:
    """Ten plain calls a tick, in local names."""
    b, c, d, e, f, g, h, i, j, k = updates

    def run(prices: Prices) -> None:
        for x in prices:
            b(x)
            c(x)
            d(x)
            e(x)
            f(x)
            g(x)
            h(x)
            i(x)
            j(x)
            k(x)

    return run


def wickra_updates(w: Any) -> list[Update]:
    made = [w.SMA(20), w.EMA(12), w.EMA(26), w.RSI(14), w.MACD(12, 26, 9), w.BollingerBands(20, 2.0)]
    made += [w.StdDev(20), w.ROC(10), w.WMA(20), w.ZScore(20)]
    return [m.update for m in made]


def _wickra(w: Any) -> Run:
    return ten_calls(wickra_updates(w))


HISTORY: Array = 100.0 + np.sin(np.arange(256.0))  # a TA-Lib handle opens on its lookback's rows


def _talib(t: Any) -> Run:
    s, x = t.stream, HISTORY
    b, c, d, e = s.SMA(x, 20).update, s.EMA(x, 12).update, s.EMA(x, 26).update, s.RSI(x, 14).update
    f, g = s.MACD(x, 12, 26, 9).update, s.BBANDS(x, 20, 2.0, 2.0).update
    h, i, j = s.STDDEV(x, 20).update, s.ROC(x, 10).update, s.WMA(x, 20).update

    def run(prices: Prices) -> None:
        for p in prices:
            mean = b(p)
            c(p)
            d(p)
            e(p)
            f(p)
            g(p)
            sd = h(p)
            i(p)
            j(p)
            (p - mean) / sd if sd else 0.0  # it has no z-score, and a user would not call twice

    return run


def _screamer(s: Any) -> Run:
    made = [s.RollingMean(20), s.EwMean(span=12), s.EwMean(span=26), s.RollingRSI(14), s.MACD(12, 26, 9)]
    made += [s.BollingerBands(20, 2.0), s.RollingStd(20), s.ROC(10), s.WMA(20), s.RollingZscore(20)]
    return ten_calls([getattr(m, "process_scalar", m) for m in made])


def _screamer_pipeline(s: Any) -> Run:
    x = s.Input("x")
    made = [s.RollingMean(20), s.EwMean(span=12), s.EwMean(span=26), s.RollingRSI(14), s.MACD(12, 26, 9)]
    made += [s.BollingerBands(20, 2.0), s.RollingStd(20), s.ROC(10), s.WMA(20), s.RollingZscore(20)]
    pipeline = s.Pipeline(inputs=[x], outputs=[m(x) for m in made])

    def run(prices: Prices) -> None:  # a session keeps every result: open it afresh each time
        push = pipeline.live().push
        for i, p in enumerate(prices):
            push(0, i, p)

    return run


def _talipp(t: Any) -> Run:
    from talipp.indicators import (  # type: ignore[import-untyped]
        BB,
        EMA,
        MACD,
        ROC,
        RSI,
        SMA,
        WMA,
        StdDev,
    )

    def run(prices: Prices) -> None:  # its lists grow with every tick: build them afresh each time
        made = (
            SMA(20),
            EMA(12),
            EMA(26),
            RSI(14),
            MACD(12, 26, 9),
            BB(20, 2.0),
            StdDev(20),
            ROC(10),
            WMA(20),
        )
        mean, sd = made[0], made[6]

        def zscore(p: float) -> float | None:
            return (p - mean[-1]) / sd[-1] if sd[-1] else None

        ten_calls([*(m.add for m in made), zscore])(prices)

    return run


def _kand(k: Any) -> Run:
    """kand keeps no state: the caller carries every sum and every old price."""
    ema, rsi, macd, bbands = k.ema_inc, k.rsi_inc, k.macd_inc, k.bbands_inc
    sma, stddev, roc, wma = k.sma_inc, k.stddev_inc, k.roc_inc, k.wma_inc

    def run(prices: Prices) -> None:
        first = prices[:20]
        mean = middle = sum(first) / 20
        total = bb_total = sum(first)
        squares = bb_squares = sum(p * p for p in first)
        fast = slow = mean
        signal = gain = loss = 0.0
        for i in range(20, len(prices)):
            x, old, before = prices[i], prices[i - 20], prices[i - 1]
            mean = sma(mean, x, old, 20)
            _, signal, _ = macd(x, fast, slow, signal, 12, 26, 9)  # from the EMAs before this tick
            fast = ema(x, fast, 12)
            slow = ema(x, slow, 26)
            _, gain, loss = rsi(x, before, gain, loss, 14)
            _, _, _, middle, bb_total, bb_squares = bbands(x, middle, bb_total, bb_squares, old, 20, 2.0, 2.0)
            sd, total, squares = stddev(x, total, squares, old, 20)
            roc(x, prices[i - 10])
            wma(prices[i : i - 20 : -1], 20)
            (x - mean) / sd if sd else 0.0

    return run


def csp_graph(csp: Any) -> Any:
    """The ten as a csp graph of its own C++ nodes; what csp.stats lacks is composed from them."""
    from csp import stats, ts  # type: ignore[import-untyped]

    @csp.graph(memoize=False)  # type: ignore[untyped-decorator]
    def ten(prices: Array, start: datetime) -> None:
        times = np.datetime64(start, "ns") + np.arange(len(prices)) * np.timedelta64(1, "ms")
        x: ts[float] = csp.curve(float, (times, prices))
        mean, sd = stats.mean(x, 20), stats.stddev(x, 20, ddof=0)
        fast, slow = stats.ema(x, span=12, adjust=False), stats.ema(x, span=26, adjust=False)
        line = fast - slow
        signal = stats.ema(line, span=9, adjust=False)
        move = csp.diff(x, 1)
        gain = stats.ema(csp.max(move, csp.const(0.0)), alpha=1 / 14, adjust=False)
        loss = stats.ema(csp.max(-move, csp.const(0.0)), alpha=1 / 14, adjust=False)
        # WMA by its recurrence: the numerator grows by 20 x and shrinks by the sum before x.
        weighted = stats.sum(20.0 * x - csp.default(csp.delay(stats.sum(x, 20, min_window=1), 1), 0.0))
        named = {
            "sma": mean,
            "ema12": fast,
            "ema26": slow,
            "rsi": 100.0 * gain / (gain + loss),
            "macd": line,
            "signal": signal,
            "hist": line - signal,
            "upper": mean + 2.0 * sd,
            "lower": mean - 2.0 * sd,
            "sd": sd,
            "roc": (x / csp.delay(x, 10) - 1.0) * 100.0,
            "wma": weighted / 210.0,
            "z": (x - mean) / sd,
        }
        for name, edge in named.items():
            csp.add_graph_output(name, edge, tick_count=1)  # the newest value only, as in a live graph

    return ten


def _csp(csp: Any) -> Run:
    graph = csp_graph(csp)
    start = datetime(2024, 1, 1)
    seen: list[tuple[Prices, Array]] = []

    def run(prices: Prices) -> object:
        if not seen or seen[0][0] is not prices:  # converting the list is our business, not csp's
            seen[:] = [(prices, np.asarray(prices))]
        return csp.run(graph, seen[0][1], start, starttime=start, endtime=timedelta(days=1))

    return run


def _nautilus(n: Any) -> Run:
    made = [n.SimpleMovingAverage(20), n.ExponentialMovingAverage(12), n.ExponentialMovingAverage(26)]
    made += [n.RelativeStrengthIndex(14), n.MovingAverageConvergenceDivergence(12, 26)]
    b, c, d, e, f = (m.update_raw for m in made)
    bands, h = n.BollingerBands(20, 2.0).update_raw, n.RateOfChange(10).update_raw
    i = n.WeightedMovingAverage(20, list(range(1, 21))).update_raw

    def run(prices: Prices) -> None:
        for x in prices:
            b(x)
            c(x)
            d(x)
            e(x)
            f(x)
            bands(x, x, x)
            h(x)
            i(x)

    return run


STREAMS = (
    Stream("wickra", "wickra", _wickra),
    Stream("TA-Lib stream", "talib", _talib, "nine calls; ZSCORE by arithmetic"),
    Stream("screamer", "screamer", _screamer, "process_scalar where it has it", 20_000),
    Stream(
        "screamer Pipeline",
        "screamer",
        _screamer_pipeline,
        "one push, ten outputs, which can be read only after the run",
        20_000,
    ),
    Stream("talipp", "talipp", _talipp, "ZSCORE by arithmetic", 2_000),
    Stream("csp", "csp", _csp, "its own graph of C++ nodes, no Python in the loop", 400_000),
    Stream("kand", "kand", _kand, "the caller carries the state in Python; ZSCORE by arithmetic", 20_000),
    Stream(
        "NautilusTrader",
        "nautilus_trader.indicators",
        _nautilus,
        "8 of the 10: no STDDEV, no ZSCORE",
        20_000,
    ),
)
