"""Distances between averages, and shares of gains and bodies."""

from __future__ import annotations

import numpy as np

from references.averages import MATYPE, average
from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    divide,
    ema_seeded,
    exact,
    mean,
    shifted,
    smooth,
    total,
    wilder,
)
from references.registry import (
    FROM_1,
    FROM_2,
    PERIOD,
    Reference,
    percent_scale,
    price_scale,
    talib_function,
)

BOTH = {"fast": "fastperiod", "slow": "slowperiod"}
APPEL = "Appel, Technical Analysis: Power Tools for Active Investors (2005)"
CHANDE = "Chande and Kroll, The New Technical Trader (1994)"
WILLIAMS = "Williams, New Trading Dimensions (1998)"
PRICE_RANGES = {"fast": FROM_2, "slow": FROM_2, "matype": MATYPE}


def two_averages(x: Array, fast: int, slow: int, matype: int) -> Outputs:
    """The average of the shorter and that of the longer period; EMA is their own kind."""
    fast, slow = sorted((fast, slow))
    quick, late = average(x, fast, matype, 1), average(x, slow, matype, 1)
    return np.where(np.isnan(late), late, quick), late


def apo(close: Array, fast: int = 12, slow: int = 26, matype: int = 1) -> Outputs:
    """Fast average less slow average."""
    quick, late = two_averages(close, fast, slow, matype)
    return (quick - late,)


def percentage(x: Array, fast: int, slow: int, matype: int) -> Outputs:
    """The same in per cent of the slow average; 0 where that is 0."""
    quick, late = two_averages(x, fast, slow, matype)
    return (100 * divide(quick - late, late, np.abs(late) >= 1e-14, 0.0),)


def ppo(close: Array, fast: int = 12, slow: int = 26, matype: int = 1) -> Outputs:
    """Of the close."""
    return percentage(close, fast, slow, matype)


def pvo(volume: Array, fast: int = 12, slow: int = 26, matype: int = 1) -> Outputs:
    """Of the volume."""
    return percentage(volume, fast, slow, matype)


def begun_at(row: int, x: Array, period: int, matype: int, own: int = 0) -> Array:
    """An average whose input begins so late that its first value falls on `row`."""
    whole = average(x, period, matype, own)
    first = int(np.isnan(whole).sum())
    late = exact(x).copy()
    late[: max(row - first, 0)] = np.nan
    return average(late, period, matype, own)


def macdext(
    close: Array,
    fast: int = 12,
    fast_matype: int = 0,
    slow: int = 26,
    slow_matype: int = 0,
    signal: int = 9,
    signal_matype: int = 0,
) -> Outputs:
    """MACD with averages of chosen kinds, whose first values fall on one row."""
    if slow < fast:
        fast, fast_matype, slow, slow_matype = slow, slow_matype, fast, fast_matype
    firsts = [
        int(np.isnan(average(close, n, kind, 0)).sum())
        for n, kind in ((fast, fast_matype), (slow, slow_matype))
    ]
    row = max(firsts)
    line = begun_at(row, close, fast, fast_matype) - begun_at(row, close, slow, slow_matype)
    late = average(line, signal, signal_matype, 0)
    line = np.where(np.isnan(late), late, line)
    return line, late, line - late


def macdfix(close: Array, signal: int = 9) -> Outputs:
    """MACD with the factors 0.15 and 0.075, begun with the means of 12 and 26 values."""
    late = exact(close).copy()
    late[:14] = np.nan
    line = smooth(late, 12, np.longdouble(0.15)) - smooth(close, 26, np.longdouble(0.075))
    average_ = ema_seeded(line, signal)
    line = np.where(np.isnan(average_), average_, line)
    return line, average_, line - average_


def moves(close: Array) -> Outputs:
    """Gains and losses, from row 1 on."""
    change = exact(close) - shifted(close, 1)
    return np.maximum(change, 0), np.maximum(-change, 0)


def cmo(close: Array, period: int = 14) -> Outputs:
    """Chande's oscillator with Wilder's averages, as TA-Lib's."""
    gain, loss = (wilder(x, period) for x in moves(close))
    return (100 * divide(gain - loss, gain + loss, gain + loss > 0, 0.0),)


def cmou(close: Array, period: int = 14) -> Outputs:
    """Chande's oscillator with plain sums, as published."""
    gain, loss = (after_warmup(total, x, period) for x in moves(close))
    return (100 * divide(gain - loss, gain + loss, gain + loss > 0, 0.0),)


def ao(high: Array, low: Array, fast: int = 5, slow: int = 34) -> Outputs:
    """Short mean of the median price less the long one."""
    middle = (exact(high) + exact(low)) / 2
    return (mean(middle, fast) - mean(middle, slow),)


def ac(high: Array, low: Array, fast: int = 5, slow: int = 34, signal: int = 5) -> Outputs:
    """Awesome oscillator less its own mean."""
    (line,) = ao(high, low, fast, slow)
    return (line - after_warmup(mean, line, signal),)


def bop(open: Array, high: Array, low: Array, close: Array) -> Outputs:
    """Balance of power: body in parts of the range, 0 without one."""
    reach = exact(high) - exact(low)
    return (divide(exact(close) - exact(open), reach, reach > 0, 0.0),)


def macdext_talib(close: Array, **params: float) -> Outputs:
    """TA-Lib's, whose parameters stand in the same order."""
    keys = ("fastperiod", "fastmatype", "slowperiod", "slowmatype", "signalperiod", "signalmatype")
    ours = ("fast", "fast_matype", "slow", "slow_matype", "signal", "signal_matype")
    return talib_function("MACDEXT", **dict(zip(ours, keys, strict=True)))(close, **params)


def several_prices(*inputs: Array, **params: float) -> float:
    """Scale of a difference of averages that are themselves sums and differences of averages."""
    return 8 * price_scale(*inputs, **params)


def without_mama(**params: float) -> bool:
    """MAMA has a row of its own; where nothing moves, TA-Lib's is its rounding."""
    return 7 not in [value for key, value in params.items() if key.endswith("matype")]


REFERENCES: dict[str, Reference] = {
    "APO": Reference(
        apo,
        "c",
        ("apo",),
        APPEL,
        talib_function("APO", **BOTH, matype="matype"),
        without_mama,
        PRICE_RANGES,
        several_prices,
    ),
    "PPO": Reference(
        ppo,
        "c",
        ("ppo",),
        APPEL,
        talib_function("PPO", **BOTH, matype="matype"),
        without_mama,
        PRICE_RANGES,
        percent_scale,
        talib_slack=16.0,
    ),
    "PVO": Reference(
        pvo,
        "v",
        ("pvo",),
        APPEL,
        talib_function("PVO", **BOTH, matype="matype"),
        without_mama,
        PRICE_RANGES,
        percent_scale,
        talib_slack=16.0,
    ),
    "MACDEXT": Reference(
        macdext,
        "c",
        ("macd", "signal", "hist"),
        APPEL,
        macdext_talib,
        without_mama,
        {
            "fast": FROM_2,
            "fast_matype": MATYPE,
            "slow": FROM_2,
            "slow_matype": MATYPE,
            "signal": FROM_1,
            "signal_matype": MATYPE,
        },
        several_prices,
    ),
    "MACDFIX": Reference(
        macdfix,
        "c",
        ("macd", "signal", "hist"),
        "Appel, The Moving Average Convergence-Divergence Trading Method (1979)",
        talib_function("MACDFIX", signal="signalperiod"),
        ranges={"signal": FROM_1},
    ),
    "CMO": Reference(
        cmo,
        "c",
        ("cmo",),
        CHANDE,
        talib_function("CMO", **PERIOD),
        ranges={"period": FROM_2},
        scale=percent_scale,
    ),
    "CMOU": Reference(
        cmou,
        "c",
        ("cmou",),
        CHANDE,
        talib_function("CMOU", **PERIOD),
        ranges={"period": FROM_2},
        scale=percent_scale,
    ),
    "AO": Reference(
        ao,
        "hl",
        ("ao",),
        WILLIAMS,
        talib_function("AO", **BOTH),
        ranges={"fast": FROM_2, "slow": FROM_2},
        talib_slack=4.0,
    ),
    "AC": Reference(
        ac,
        "hl",
        ("ac",),
        WILLIAMS,
        talib_function("AC", **BOTH, signal="signalperiod"),
        ranges={"fast": FROM_2, "slow": FROM_2, "signal": FROM_2},
    ),
    "BOP": Reference(
        bop,
        "ohlc",
        ("bop",),
        "Livshin, Stocks & Commodities 19:8 (2001)",
        talib_function("BOP"),
        scale=lambda *_: 1.0,
    ),
}
