"""Jurik's average, the alligator, stops, squeezes and oscillators of oscillators, which TA-Lib has not."""

from __future__ import annotations

import numpy as np

from references.followers import reach_scale, row
from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    blank,
    ema_seeded,
    exact,
    highest,
    lowest,
    mean,
    population_std,
    shifted,
    true_range,
    wilder,
)
from references.momentum import rsi
from references.registry import FROM_1, FROM_2, MOST, Reference, price_scale
from references.statistics import linearreg
from references.windows import pair_sums

PLACES = {"cycle": FROM_2, "fast": FROM_2, "slow": FROM_2, "factor": (0.001, 1.0)}


def jma(close: Array, period: int = 7, phase: float = 50.0, power: float = 2.0) -> Outputs:
    """Three stages in the form of the public scripts."""
    beta = np.longdouble(0.45) * (period - 1) / (np.longdouble(0.45) * (period - 1) + 2)
    alpha, ratio = beta ** np.longdouble(power), np.longdouble(phase) / 100 + np.longdouble(1.5)
    x, out = exact(close), exact(close).copy()
    e0 = x[0] if len(x) else np.longdouble(0)
    e1 = e2 = np.longdouble(0)
    for i in range(1, len(x)):
        e0 = (1 - alpha) * x[i] + alpha * e0
        e1 = (x[i] - e0) * (1 - beta) + beta * e1
        e2 = (e0 + ratio * e1 - out[i - 1]) * (1 - alpha) ** 2 + alpha**2 * e2
        out[i] = out[i - 1] + e2
    return (out,)


def alligator(
    high: Array,
    low: Array,
    jaw: int = 13,
    jaw_shift: int = 8,
    teeth: int = 8,
    teeth_shift: int = 5,
    lips: int = 5,
    lips_shift: int = 3,
) -> Outputs:
    """Wilder's averages of the middle, drawn ahead."""
    middle = (exact(high) + exact(low)) / 2
    pairs = ((jaw, jaw_shift), (teeth, teeth_shift), (lips, lips_shift))
    return tuple(shifted(wilder(middle, period), shift) for period, shift in pairs)


def chandekroll(
    high: Array, low: Array, close: Array, period: int = 10, multiplier: float = 1.0, stop: int = 9
) -> Outputs:
    """Extremes of stops."""
    reach = np.longdouble(multiplier) * wilder(true_range(high, low, close), period)
    above, below = highest(high, period) - reach, lowest(low, period) + reach
    return after_warmup(highest, above, stop), after_warmup(lowest, below, stop)


def chandekroll_scale(
    high: Array, low: Array, close: Array, period: int, multiplier: float, stop: int
) -> float:
    """That of one stop."""
    del stop
    return reach_scale(high, low, close, period, multiplier)


def streaks(close: Array) -> Array:
    """Rows on end that the price has risen, or fallen with a minus."""
    out = np.zeros(len(close))
    for i in range(1, len(close)):
        sign = np.sign(close[i] - close[i - 1])
        out[i] = 0 if sign == 0 else sign + (out[i - 1] if out[i - 1] * sign > 0 else 0)
    return out


def crsi(close: Array, period: int = 3, streak: int = 2, rank: int = 100) -> Outputs:
    """Connors' mean of three; changes are ranked as doubles have them, since a rank knows no almost."""
    close = np.asarray(close, np.float64)
    before = np.concatenate([close[:1], close[:-1]])
    change = 100 * np.divide(close - before, before, out=np.zeros(len(close)), where=before != 0)
    ranks = blank(len(close))
    for i in range(rank + 1, len(close)):
        ranks[i] = 100 * np.longdouble((change[i - rank : i] < change[i]).sum()) / rank
    return ((rsi(close, period)[0] + rsi(streaks(close), streak)[0] + ranks) / 3,)


def stages(x: Array, cycle: int, factor: float) -> Outputs:
    """A smoothed place in the range, and that range."""
    out, reaches = blank(len(x)), blank(len(x))
    first = int(np.isnan(x).sum()) + cycle - 1
    place = np.longdouble(0)
    for i in range(first, len(x)):
        window = x[i - cycle + 1 : i + 1]
        top, bottom = window.max(), window.min()
        reaches[i] = top - bottom
        if top - bottom > 1e-14 * (abs(top) + abs(bottom)):
            place = 100 * (x[i] - bottom) / (top - bottom)
        out[i] = place if i == first else out[i - 1] + np.longdouble(factor) * (place - out[i - 1])
    return out, reaches


def distance(close: Array, fast: int, slow: int) -> Array:
    """Fast average less slow one, both begun for one first row."""
    late = exact(close).copy()
    late[: slow - fast] = np.nan
    return ema_seeded(late, fast) - ema_seeded(close, slow)


def stc(close: Array, cycle: int = 10, fast: int = 23, slow: int = 50, factor: float = 0.5) -> Outputs:
    """Schaff's trend cycle."""
    once, _ = stages(distance(close, fast, slow), cycle, factor)
    return (stages(once, cycle, factor)[0],)


def stc_scale(close: Array, cycle: int, fast: int, slow: int, factor: float) -> Array:
    """100 for each digit that a place in a narrow range has lost, twice, as far as it is remembered."""
    once, reach = stages(distance(close, fast, slow), cycle, factor)
    _, again = stages(once, cycle, factor)

    def carried(parts: Array) -> Array:
        lost, out = 0.0, np.ones(len(parts))
        for i, part in enumerate(np.nan_to_num(parts.astype(np.float64), nan=1.0)):
            lost = max(float(part), lost * (1 - factor / 2))
            out[i] = lost
        return out

    first = carried(price_scale(close) / np.maximum(reach, 1e-30)) * 400
    window = np.array([first[max(i - cycle, 0) : i + 1].max() for i in range(len(first))])
    return 4 * carried(100 * window / np.maximum(again, 1e-30))


def stc_steady(cycle: int, fast: int, slow: int, factor: float) -> bool:
    """In a range of a few values, or of averages that are almost one, the last digit decides."""
    return cycle >= 8 and slow - fast >= 8 and factor >= 0.1


def qqe(close: Array, period: int = 14, smooth: int = 5, factor: float = 4.236) -> Outputs:
    """Smoothed index, trailing line, side."""
    index = ema_seeded(rsi(close, period)[0], smooth)
    span = 2 * period - 1
    reach = np.longdouble(factor) * ema_seeded(ema_seeded(np.abs(index - shifted(index, 1)), span), span)
    line, trend = blank(len(index)), blank(len(index))
    lower = upper = side = None
    for i in np.flatnonzero(~np.isnan(reach)):
        low, high = index[i] - reach[i], index[i] + reach[i]
        if lower is None or upper is None:
            side = 1
            lower, upper = low, high
        else:
            side = 1 if index[i] > upper else -1 if index[i] < lower else side
            lower = max(lower, low) if min(index[i], index[i - 1]) > lower else low
            upper = min(upper, high) if max(index[i], index[i - 1]) < upper else high
        line[i], trend[i] = (lower if side == 1 else upper), side
    return index, line, trend


def qqe_steady(period: int, smooth: int, factor: float) -> bool:
    """Short averages shrink to their rounding where the price stands, and the side is then decided by it."""
    del smooth, factor
    return period >= 5


def squeeze(
    high: Array, low: Array, close: Array, period: int = 20, nbdev: float = 2.0, multiplier: float = 1.5
) -> Outputs:
    """Momentum, and whether the bands lie within Keltner's."""
    middle = ((highest(high, period) + lowest(low, period)) / 2 + mean(close, period)) / 2
    momentum = after_warmup(lambda x, n: linearreg(x, n)[0], exact(close) - middle, period)
    inner = np.longdouble(nbdev) * population_std(close, period)
    outer = np.longdouble(multiplier) * after_warmup(mean, true_range(high, low, close), period)
    return momentum, np.where(np.isnan(outer), np.longdouble(np.nan), inner < outer)


def squeeze_scale(
    high: Array, low: Array, close: Array, period: int, nbdev: float, multiplier: float
) -> Array:
    """Largest price; where bands are as wide as Keltner's but for rounding, either answer is right."""
    inner = np.longdouble(nbdev) * population_std(close, period)
    outer = np.longdouble(multiplier) * after_warmup(mean, true_range(high, low, close), period)
    tie = np.nan_to_num(np.abs(inner - outer), nan=1.0) <= 1e-12 * price_scale(high)
    return np.where(tie, 1e16, price_scale(high))


def cov(high: Array, low: Array, period: int = 30, ddof: int = 1) -> Outputs:
    """Products about the means, by their number less ddof."""
    return (pair_sums(high, low, period)[2] / (period - ddof),)


def cov_scale(high: Array, low: Array, period: int, ddof: int) -> float:
    """Largest value times the largest deviation."""
    reach = max(float(np.nanmax(population_std(x, period), initial=0.0)) for x in (high, low))
    return price_scale(high, low) * reach * period / (period - ddof)


def hundred(*inputs: Array, **params: float) -> float:
    """Of averages of an index, some times over."""
    del inputs, params
    return 1e4


CHANDE = "Chande and Kroll, The New Technical Trader (1994)"
SHIFTS = {key: FROM_1 for key in ("jaw", "jaw_shift", "teeth", "teeth_shift", "lips", "lips_shift")}
REFERENCES: dict[str, Reference] = {
    "JMA": row(
        jma,
        "c",
        "everget, Jurik Moving Average, TradingView (2018)",
        {"period": FROM_1, "phase": (-100.0, 100.0), "power": (0.01, 10.0)},
        scale=lambda close, **_: 8 * price_scale(close),
    ),
    "ALLIGATOR": row(alligator, "hl", "Williams, Trading Chaos (1995)", SHIFTS, ("jaw", "teeth", "lips")),
    "CHANDEKROLL": row(
        chandekroll,
        "hlc",
        CHANDE,
        {"period": FROM_1, "multiplier": (0.0, 1000.0), "stop": FROM_1},
        ("long", "short"),
        scale=chandekroll_scale,
    ),
    "CRSI": row(
        crsi,
        "c",
        "Connors and Alvarez, An Introduction to ConnorsRSI (2012)",
        {"period": FROM_2, "streak": FROM_2, "rank": FROM_2},
        scale=hundred,
    ),
    "STC": row(stc, "c", "Schaff, The Schaff Trend Cycle (2008)", PLACES, scale=stc_scale, steady=stc_steady),
    "QQE": row(
        qqe,
        "c",
        "Livshin, Balance Your Trading: QQE (2008)",
        {"period": (2, MOST / 2), "smooth": FROM_1, "factor": (0.0, 1000.0)},
        ("qqe", "line", "trend"),
        scale=lambda *_, factor, **__: 1e4 * (1 + factor),
        steady=qqe_steady,
    ),
    "SQUEEZE": row(
        squeeze,
        "hlc",
        "Carter, Mastering the Trade (2005)",
        {"period": FROM_2, "nbdev": (0.0, 1000.0), "multiplier": (0.0, 1000.0)},
        ("momentum", "squeeze"),
        scale=squeeze_scale,
    ),
    "COV": row(cov, "hl", "numpy.cov", {"period": FROM_2, "ddof": (0, 1)}, scale=cov_scale),
}
