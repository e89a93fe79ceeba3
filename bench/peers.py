"""Which batch libraries know which of the 26 indicators, and how each is called.

Every entry computes the same thing as ours after warm-up: same period, same smoothing, same
outputs or fewer. Where a library means something else by the name, `differs` says what, its time
is still shown, and it is not counted as a rival; `remark` says where only constants differ.
`python -m bench.peers` prints the last value of every entry side by side, which is how the remarks
were found.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """Aligned columns of one market."""

    high: Array
    low: Array
    close: Array
    volume: Array

    def pick(self, inputs: str) -> tuple[Array, ...]:
        """Columns by letter: h, l, c, v."""
        return tuple({"h": self.high, "l": self.low, "c": self.close, "v": self.volume}[k] for k in inputs)


def walk(rng: np.random.Generator, n: int, step: float = 1e-4) -> Array:
    """A price path around 100 whose every tick moves."""
    return 100.0 * np.exp(np.cumsum(rng.normal(0, step, n)))


def make_bars(n: int, seed: int = 5) -> Bars:
    rng = np.random.default_rng(seed)
    close = walk(rng, n)
    high = close * (1 + np.abs(rng.normal(0, 1e-4, n)))
    low = close * (1 - np.abs(rng.normal(0, 1e-4, n)))
    return Bars(high, low, close, rng.integers(1, 1000, n).astype(float))


@dataclass(frozen=True)
class Entry:
    """One library's way to compute one indicator."""

    call: Callable[[], Any]
    column: int = 0  # where the first of our outputs stands among theirs
    remark: str = ""  # the same work with other constants
    differs: str = ""  # not empty: another calculation, or an approximation; not a rival


# name: (our parameters, our inputs); the parameters of the project's acceptance checks
INDICATORS: dict[str, tuple[dict[str, int], str]] = {
    "SMA": ({"period": 20}, "c"),
    "EMA": ({"period": 20}, "c"),
    "WMA": ({"period": 20}, "c"),
    "DEMA": ({"period": 20}, "c"),
    "TEMA": ({"period": 20}, "c"),
    "HMA": ({"period": 16}, "c"),
    "KAMA": ({"period": 20}, "c"),
    "RMA": ({"period": 14}, "c"),
    "MACD": ({}, "c"),
    "RSI": ({"period": 14}, "c"),
    "STOCH": ({}, "hlc"),
    "WILLR": ({"period": 14}, "hlc"),
    "CCI": ({"period": 20}, "hlc"),
    "ROC": ({"period": 10}, "c"),
    "MOM": ({"period": 10}, "c"),
    "ATR": ({"period": 14}, "hlc"),
    "TRANGE": ({}, "hlc"),
    "BBANDS": ({"period": 20}, "c"),
    "STDDEV": ({"period": 20}, "c"),
    "DONCHIAN": ({"period": 20}, "hl"),
    "ADX": ({"period": 14}, "hlc"),
    "OBV": ({}, "cv"),
    "VWAP": ({"period": 20}, "hlcv"),
    "MFI": ({"period": 14}, "hlcv"),
    "ZSCORE": ({"period": 20}, "c"),
    "LINEARREG": ({"period": 20}, "c"),
}

COMPOSED = "composed from several calls"
APPROXIMATE = "not the bits of its own stream"


def load(name: str) -> ModuleType | None:
    """A peer, or nothing when it is not installed or does not load here."""
    try:
        return importlib.import_module(name)
    except Exception:  # a broken wheel must not stop the other rows
        return None


def _closes(module: Any, table: str, run: Callable[[Any, int], Any], differs: str = "") -> dict[str, Entry]:
    """Entries for the functions of one series and one period: "OURS:theirs:period ..."."""
    found = {}
    for ours, theirs, period in (row.split(":") for row in table.split()):
        if (f := getattr(module, theirs, None)) is not None:  # an older release may lack it
            found[ours] = Entry(partial(run, f, int(period)), differs=differs)
    return found


def _talib(t: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c, v = b.high, b.low, b.close, b.volume
    table = """SMA:SMA:20 EMA:EMA:20 WMA:WMA:20 DEMA:DEMA:20 TEMA:TEMA:20 HMA:HMA:16 KAMA:KAMA:20 RMA:RMA:14
        RSI:RSI:14 ROC:ROC:10 MOM:MOM:10 STDDEV:STDDEV:20 LINEARREG:LINEARREG:20"""
    calls = _closes(t, table, lambda f, p: f(c, p))
    if hasattr(t, "DONCHIAN"):  # since 0.8
        calls["DONCHIAN"] = Entry(lambda: t.DONCHIAN(h, lo, 20))
    return calls | {
        "MACD": Entry(lambda: t.MACD(c, 12, 26, 9)),
        "STOCH": Entry(lambda: t.STOCH(h, lo, c, 5, 3, 0, 3, 0)),
        "WILLR": Entry(lambda: t.WILLR(h, lo, c, 14)),
        "CCI": Entry(lambda: t.CCI(h, lo, c, 20)),
        "ATR": Entry(lambda: t.ATR(h, lo, c, 14)),
        "TRANGE": Entry(lambda: t.TRANGE(h, lo, c)),
        "BBANDS": Entry(lambda: t.BBANDS(c, 20, 2.0, 2.0, 0)),
        "ADX": Entry(lambda: t.ADX(h, lo, c, 14), remark="TA-Lib's ADX has no DI outputs"),
        "OBV": Entry(lambda: t.OBV(c, v)),
        "MFI": Entry(lambda: t.MFI(h, lo, c, v, 14)),
    }


def _talib_composed(t: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c, v = b.high, b.low, b.close, b.volume

    def donchian() -> tuple[Array, ...]:
        upper, lower = t.MAX(h, 20), t.MIN(lo, 20)
        return upper, (upper + lower) / 2, lower

    return {
        "DONCHIAN": Entry(donchian, remark="MAX, MIN and two NumPy passes"),
        "VWAP": Entry(lambda: t.SUM(t.TYPPRICE(h, lo, c) * v, 20) / t.SUM(v, 20), differs=COMPOSED),
        "ZSCORE": Entry(lambda: (c - t.SMA(c, 20)) / t.STDDEV(c, 20), differs=COMPOSED),
    }


def _tulipy(t: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c, v = b.high, b.low, b.close, b.volume
    table = """SMA:sma:20 EMA:ema:20 WMA:wma:20 DEMA:dema:20 TEMA:tema:20 HMA:hma:16 KAMA:kama:20
        RMA:wilders:14 RSI:rsi:14 MOM:mom:10 STDDEV:stddev:20 LINEARREG:linreg:20"""
    return _closes(t, table, lambda f, p: f(c, p)) | {
        "ROC": Entry(lambda: t.roc(c, 10), remark="a fraction, not percent"),
        "MACD": Entry(lambda: t.macd(c, 12, 26, 9), remark="tulipy smooths 12 and 26 with 0.15 and 0.075"),
        "STOCH": Entry(lambda: t.stoch(h, lo, c, 5, 3, 3)),
        "WILLR": Entry(lambda: t.willr(h, lo, c, 14)),
        "CCI": Entry(lambda: t.cci(h, lo, c, 20)),
        "ATR": Entry(lambda: t.atr(h, lo, c, 14)),
        "TRANGE": Entry(lambda: t.tr(h, lo, c)),
        "BBANDS": Entry(lambda: t.bbands(c, 20, 2.0), column=2),
        "ADX": Entry(lambda: t.adx(h, lo, c, 14), remark="tulipy's ADX has no DI outputs"),
        "OBV": Entry(lambda: t.obv(c, v), remark="starts at 0"),
        "MFI": Entry(lambda: t.mfi(h, lo, c, v, 14)),
    }


def _wickra(w: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c, v = b.high, b.low, b.close, b.volume
    table = """SMA:SMA:20 EMA:EMA:20 WMA:WMA:20 DEMA:DEMA:20 TEMA:TEMA:20 HMA:HMA:16 KAMA:KAMA:20 RMA:SMMA:14
        RSI:RSI:14 ROC:ROC:10 MOM:MOM:10 STDDEV:StdDev:20 ZSCORE:ZScore:20 LINEARREG:LinearRegression:20"""
    return _closes(w, table, lambda k, p: k(p).batch(c)) | {
        "MACD": Entry(lambda: w.MACD(12, 26, 9).batch(c)),
        "STOCH": Entry(lambda: w.Stochastic(5, 3).batch(h, lo, c), differs="%K is not smoothed"),
        "WILLR": Entry(lambda: w.WilliamsR(14).batch(h, lo, c)),
        "CCI": Entry(lambda: w.CCI(20).batch(h, lo, c)),
        "ATR": Entry(lambda: w.ATR(14).batch(h, lo, c)),
        "TRANGE": Entry(lambda: w.TrueRange().batch(h, lo, c)),
        "BBANDS": Entry(lambda: w.BollingerBands(20, 2.0).batch(c)),
        "DONCHIAN": Entry(lambda: w.Donchian(20).batch(h, lo)),
        "ADX": Entry(lambda: w.ADX(14).batch(h, lo, c), column=2),
        "OBV": Entry(lambda: w.OBV().batch(c, v), remark="starts at 0"),
        "VWAP": Entry(lambda: w.RollingVWAP(20).batch(h, lo, c, v)),
        "MFI": Entry(lambda: w.MFI(14).batch(h, lo, c, v)),
    }


def _wickra_fast(w: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c = b.high, b.low, b.close
    # Its other classes have batch_fast too, but there it is batch under a second name.
    table = """SMA:SMA:20 EMA:EMA:20 WMA:WMA:20 DEMA:DEMA:20 TEMA:TEMA:20 HMA:HMA:16 RMA:SMMA:14 RSI:RSI:14"""
    return _closes(w, table, lambda k, p: k(p).batch_fast(c), APPROXIMATE) | {
        "MACD": Entry(lambda: w.MACD(12, 26, 9).batch_fast(c), differs=APPROXIMATE),
        "ATR": Entry(lambda: w.ATR(14).batch_fast(h, lo, c), differs=APPROXIMATE),
        "BBANDS": Entry(lambda: w.BollingerBands(20, 2.0).batch_fast(c), differs=APPROXIMATE),
    }


def _kand(k: Any, b: Bars) -> dict[str, Entry]:
    h, lo, c, v = b.high, b.low, b.close, b.volume
    table = """SMA:sma:20 EMA:ema:20 WMA:wma:20 DEMA:dema:20 TEMA:tema:20 RMA:rma:14 RSI:rsi:14 ROC:roc:10
        MOM:mom:10 STDDEV:stddev:20"""
    return _closes(k, table, lambda f, p: f(c, p)) | {
        "MACD": Entry(lambda: k.macd(c, 12, 26, 9)),
        "STOCH": Entry(lambda: k.stoch(h, lo, c, 5, 3, 3), column=1),
        "WILLR": Entry(lambda: k.willr(h, lo, c, 14)),
        "CCI": Entry(lambda: k.cci(h, lo, c, 20)),
        "ATR": Entry(lambda: k.atr(h, lo, c, 14)),
        "TRANGE": Entry(lambda: k.trange(h, lo, c)),
        "BBANDS": Entry(lambda: k.bbands(c, 20, 2.0, 2.0)),
        "ADX": Entry(lambda: k.adx(h, lo, c, 14)),
        "OBV": Entry(lambda: k.obv(c, v)),
        "VWAP": Entry(lambda: k.vwap(h, lo, c, v), differs="cumulative, not rolling"),
        "MFI": Entry(lambda: k.mfi(h, lo, c, v, 14)),
    }


LIBRARIES: dict[str, tuple[str, Callable[[Any, Bars], dict[str, Entry]]]] = {
    "TA-Lib": ("talib", _talib),
    "TA-Lib composed": ("talib", _talib_composed),
    "tulipy": ("tulipy", _tulipy),
    "wickra batch": ("wickra", _wickra),
    "wickra batch_fast": ("wickra", _wickra_fast),
    "kand": ("kand", _kand),
}


def batch_peers(bars: Bars) -> dict[str, dict[str, Entry] | None]:
    """Library -> indicator -> entry; None for a library that is not installed."""
    return {n: (build(m, bars) if (m := load(mod)) else None) for n, (mod, build) in LIBRARIES.items()}


def last_value(result: Any, column: int) -> float:
    """The newest value of one output, whatever carries it."""
    if isinstance(result, tuple):
        return float(result[column][-1])
    newest = result[-1]  # wickra's own matrix has rows, but is no sequence to NumPy
    return float(newest if np.ndim(newest) == 0 else newest[column])


def side_by_side(n: int = 100_000) -> Iterator[str]:
    """One line per indicator with every library's newest value."""
    peers = batch_peers(make_bars(n))
    for name in INDICATORS:
        got = {lib: e[name] for lib, e in peers.items() if e and name in e}
        yield f"{name:10}" + "  ".join(
            f"{lib} {last_value(e.call(), e.column):.9g}" for lib, e in got.items()
        )


if __name__ == "__main__":
    for line in side_by_side():
        print(line)
