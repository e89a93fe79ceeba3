"""Averages at a pace of their own, clouds, stops and oscillators that TA-Lib has not."""

from __future__ import annotations

import math

import numpy as np

from references.directional import unit_scale
from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    blank,
    deviations,
    divide,
    exact,
    highest,
    lowest,
    mean,
    population_std,
    rolling,
    shifted,
    total,
    true_range,
    wilder,
)
from references.momentum import roc
from references.oscillators import cmou
from references.registry import (
    FROM_1,
    FROM_2,
    MOST,
    Range,
    Reference,
    percent_scale,
    price_scale,
)

WHOLE: Range = (0.01, 1000.0)


def alma(close: Array, period: int = 9, offset: float = 0.85, sigma: float = 6.0) -> Outputs:
    """Gaussian weights around a place in the window."""
    i = np.arange(period, dtype=np.longdouble)
    weights = np.exp(
        -((i - np.longdouble(offset) * (period - 1)) ** 2) / (2 * (period / np.longdouble(sigma)) ** 2)
    )
    return (
        rolling(
            lambda w: w[:, -1] + ((w - w[:, -1:]) * (weights / weights.sum())).sum(axis=1), period, close
        ),
    )


def mcginley(close: Array, period: int = 14, k: float = 1.0) -> Outputs:
    """McGinley's dynamic, begun with the first price, which it never passes."""
    out = exact(close).copy()
    for row in range(1, len(out)):
        last, price = out[row - 1], out[row]
        pace = np.longdouble(k) * period * (price / last) ** 4 if last != 0 else np.longdouble(1)
        out[row] = last + (price - last) / max(pace, np.longdouble(1))
    return (out,)


def vidya(close: Array, period: int = 14, cmo: int = 9) -> Outputs:
    """Exponential average as fast as the momentum is one-sided."""
    price, speed = exact(close), np.abs(cmou(close, cmo)[0]) / 100
    out = blank(len(price))
    last = price[cmo - 1] if len(price) >= cmo else np.longdouble(0)
    for row in range(cmo, len(price)):
        out[row] = last = last + np.longdouble(2) / (period + 1) * speed[row] * (price[row] - last)
    return (out,)


def frama(high: Array, low: Array, half: int = 8) -> Outputs:
    """Ehlers' average at the pace of the fractal dimension."""
    price = (exact(high) + exact(low)) / 2
    newer = (highest(high, half) - lowest(low, half)) / half
    older, both = shifted(newer, half), (highest(high, 2 * half) - lowest(low, 2 * half)) / (2 * half)
    out = blank(len(price))
    if len(price) >= 2 * half:
        last = price[2 * half - 2]
        for row in range(2 * half - 1, len(price)):
            parts = newer[row] + older[row]
            factor = np.longdouble(1)
            if parts > 0 and both[row] > 0:
                factor = np.exp(np.longdouble(-4.6) * (np.log2(parts / both[row]) - 1))
            out[row] = last = last + min(max(factor, np.longdouble(0.01)), np.longdouble(1)) * (
                price[row] - last
            )
    return (out,)


def supersmoother(close: Array, period: int = 10) -> Outputs:
    """Two-pole filter, begun with the first two prices."""
    angle = np.sqrt(np.longdouble(2)) * np.arccos(np.longdouble(-1)) / period
    a = np.exp(-angle)
    c2, c3 = 2 * a * np.cos(angle), -a * a
    out, price = exact(close).copy(), exact(close)
    for row in range(2, len(out)):
        out[row] = (1 - c2 - c3) * (price[row] + price[row - 1]) / 2 + c2 * out[row - 1] + c3 * out[row - 2]
    return (out,)


def middle(high: Array, low: Array, period: int) -> Array:
    """Middle of the range of some bars."""
    return (highest(high, period) + lowest(low, period)) / 2


def ichimoku(
    high: Array, low: Array, conversion: int = 9, base: int = 26, span: int = 52, shift: int = 26
) -> Outputs:
    """Conversion and base line, and the edges of the cloud that stand at the row."""
    first, second = middle(high, low, conversion), middle(high, low, base)
    return first, second, shifted((first + second) / 2, shift), shifted(middle(high, low, span), shift)


def chandelier(high: Array, low: Array, close: Array, period: int = 22, multiplier: float = 3.0) -> Outputs:
    """Stops below the highest high and above the lowest low."""
    reach = np.longdouble(multiplier) * wilder(true_range(high, low, close), period)
    return highest(high, period) - reach, lowest(low, period) + reach


def percentb(close: Array, period: int = 20, nbdev: float = 2.0, ddof: int = 0) -> Outputs:
    """Place between the bands; 0.5 without a width."""
    spread = 2 * np.longdouble(nbdev) * population_std(close, period, ddof)
    gap = rolling(lambda w: deviations(w)[:, -1], period, close)
    return (np.longdouble(0.5) + divide(gap, spread, spread > 0, 0.0),)


def bandwidth(close: Array, period: int = 20, nbdev: float = 2.0, ddof: int = 0) -> Outputs:
    """Width in parts of the middle."""
    centre = mean(close, period)
    return (divide(2 * np.longdouble(nbdev) * population_std(close, period, ddof), centre, centre != 0, 0.0),)


def chop(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Way of the true ranges against the range, in logarithms."""
    way = after_warmup(total, true_range(high, low, close), period)
    reach = highest(high, period) - lowest(low, period)
    ratio = divide(way, reach, reach > 0, 1.0)
    return (100 * np.log10(ratio) / np.log10(np.longdouble(period)),)


def ulcer(close: Array, period: int = 14) -> Outputs:
    """Root mean square of the falls from the highest value."""
    top = highest(close, period)
    fall = 100 * divide(exact(close) - top, top, top != 0, 0.0)
    return (np.sqrt(after_warmup(mean, fall**2, period)),)


def kst(close: Array, signal: int = 9) -> Outputs:
    """Four smoothed rates of change."""
    parts = zip((10, 15, 20, 30), (10, 10, 10, 15), strict=True)
    sums = [(k + 1) * after_warmup(mean, roc(close, rows)[0], n) for k, (rows, n) in enumerate(parts)]
    line = sums[0] + sums[1] + sums[2] + sums[3]
    return line, after_warmup(mean, line, signal)


def fisher(high: Array, low: Array, period: int = 9) -> Outputs:
    """Fisher transform of a smoothed place in the range; in doubles, since it is cut at a limit."""
    x = (np.asarray(high) + np.asarray(low)) * 0.5
    out = np.full((2, len(x)), np.nan)
    value = last = 0.0
    for row in range(period - 1, len(x)):
        window = x[row - period + 1 : row + 1]
        top, bottom = window.max(), window.min()
        flat = top - bottom <= 1e-14 * (abs(top) + abs(bottom))
        place = 0.0 if flat else (x[row] - bottom) / (top - bottom) - 0.5
        value = 0.66 * place + 0.67 * value
        value = 0.999 if value > 0.99 else -0.999 if value < -0.99 else value
        last, before = 0.5 * math.log((1 + value) / (1 - value)) + 0.5 * last, last
        out[:, row] = last, before
    return exact(out[0]), exact(out[1])


def four(x: Array) -> Array:
    """Weighted mean of four values."""
    return (x + 2 * shifted(x, 1) + 2 * shifted(x, 2) + shifted(x, 3)) / 6


def rvgi(open: Array, high: Array, low: Array, close: Array, period: int = 10) -> Outputs:
    """Bodies in parts of ranges."""
    body = after_warmup(total, four(exact(close) - exact(open)), period)
    reach = after_warmup(total, four(exact(high) - exact(low)), period)
    line = divide(body, reach, reach > 0, 0.0)
    return line, four(line)


def eom(high: Array, low: Array, volume: Array, period: int = 14, scale: float = 10000.0) -> Outputs:
    """Move of the middle for the volume that it took."""
    centre = (exact(high) + exact(low)) / 2
    part = divide((centre - shifted(centre, 1)) * (exact(high) - exact(low)), exact(volume), volume != 0, 0.0)
    return (after_warmup(mean, np.longdouble(scale) * part, period),)


def eom_scale(high: Array, low: Array, volume: Array, period: int, scale: float) -> float:
    """Largest part of the mean."""
    (part,) = eom(high, low, volume, 1, scale)
    return float(np.nanmax(np.abs(part), initial=0.0)) * 16


def band_scale(close: Array, period: int, nbdev: float, ddof: int) -> Array:
    """Largest price in units of the width of the bands."""
    spread = 2 * nbdev * population_std(close, period, ddof)
    return np.asarray(
        1 + divide(np.full(len(spread), price_scale(close)), spread, spread > 0, 0.0), np.float64
    )


def reach_scale(high: Array, low: Array, close: Array, period: int, multiplier: float) -> float:
    """Largest price, and the largest reach."""
    widest = float(np.nanmax(true_range(high, low, close), initial=0.0))
    return float(price_scale(high) + multiplier * widest)


def row(
    compute: object,
    inputs: str,
    source: str,
    ranges: dict[str, Range],
    outputs: tuple[str, ...] = (),
    **more: object,
) -> Reference:
    """A reference under its own name."""
    name = compute.__name__  # type: ignore[attr-defined]
    return Reference(compute, inputs, outputs or (name,), source, ranges=ranges, **more)  # type: ignore[arg-type]


ONE: dict[str, Range] = {"period": FROM_1}
TWO: dict[str, Range] = {"period": FROM_2}
BANDS: dict[str, Range] = {"period": FROM_2, "nbdev": WHOLE}
REFERENCES: dict[str, Reference] = {
    "ALMA": row(
        alma, "c", "Legoux and Kouzis-Loukas (2009)", {**ONE, "offset": (0.0, 1.0), "sigma": (0.1, 100.0)}
    ),
    "MCGINLEY": row(mcginley, "c", "McGinley, MTA Journal 48 (1997)", {**ONE, "k": (0.01, 100.0)}),
    "VIDYA": row(vidya, "c", "Chande, Stocks & Commodities 10:3 (1992)", {**ONE, "cmo": FROM_2}),
    "FRAMA": row(frama, "hl", "Ehlers, Stocks & Commodities 23:10 (2005)", {"half": (1, MOST / 2)}),
    "SUPERSMOOTHER": row(supersmoother, "c", "Ehlers, Stocks & Commodities 32:1 (2014)", ONE),
    "ICHIMOKU": row(
        ichimoku,
        "hl",
        "Elliott, Ichimoku Charts (2007)",
        {"conversion": FROM_1, "base": FROM_1, "span": FROM_1, "shift": FROM_1},
        ("conversion", "base", "span_a", "span_b"),
    ),
    "CHANDELIER": row(
        chandelier,
        "hlc",
        "Elder, Come Into My Trading Room (2002)",
        {**ONE, "multiplier": (0.0, 1000.0)},
        ("long", "short"),
        scale=reach_scale,
    ),
    "PERCENTB": row(percentb, "c", "Bollinger (2001)", BANDS, scale=band_scale),
    "BANDWIDTH": row(bandwidth, "c", "Bollinger (2001)", BANDS, scale=lambda *_, nbdev, **__: 2 * nbdev),
    "CHOP": row(chop, "hlc", "Dreiss (1993)", TWO, scale=lambda *_, **__: 1e4),
    "ULCER": row(ulcer, "c", "Martin and McCann (1989)", ONE, scale=percent_scale),
    "KST": row(
        kst,
        "c",
        "Pring, Stocks & Commodities 10:9 (1992)",
        {"signal": FROM_1},
        ("kst", "signal"),
        scale=lambda *_, **__: 1e3,
    ),
    "FISHER": row(
        fisher,
        "hl",
        "Ehlers, Stocks & Commodities 20:11 (2002)",
        TWO,
        ("fisher", "signal"),
        scale=lambda *_, **__: 1e6,
    ),
    "RVGI": row(
        rvgi, "ohlc", "Ehlers, Stocks & Commodities 20:1 (2002)", ONE, ("rvgi", "signal"), scale=unit_scale
    ),
    "EOM": row(
        eom,
        "hlv",
        "Arms, Volume Cycles in the Stock Market (1994)",
        {**ONE, "scale": (1e-9, 1e18)},
        scale=eom_scale,
    ),
}
