"""Levels in a chart: pivots, turning points, VWAP since a moment, volume profile; and flows."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, blank, ema_seeded, exact, shifted, typical
from references.registry import FROM_1, FROM_2, Reference, price_scale
from references.timed import close_scale


# ------------------------------------------------------------------------------------------------ pivots
def floor_levels(high: Array, low: Array, pivot: Array) -> Outputs:
    """Those of floor traders."""
    h, l = exact(high), exact(low)  # noqa: E741
    width = h - l
    return (
        pivot,
        2 * pivot - l,
        2 * pivot - h,
        pivot + width,
        pivot - width,
        h + 2 * (pivot - l),
        l - 2 * (h - pivot),
    )


def pivots(high: Array, low: Array, close: Array) -> Outputs:
    """Around the typical price."""
    return floor_levels(high, low, typical(high, low, close))


def pivotswoodie(high: Array, low: Array, close: Array) -> Outputs:
    """The close twice."""
    return floor_levels(high, low, (exact(high) + exact(low) + 2 * exact(close)) / 4)


def both_sides(middle: Array, width: Array, shares: tuple[float, ...]) -> Outputs:
    """Levels above and below, by turns."""
    return tuple(middle + sign * exact(share) * width for share in shares for sign in (1, -1))


def pivotsfibonacci(high: Array, low: Array, close: Array) -> Outputs:
    """Shares of the range around the typical price."""
    middle = typical(high, low, close)
    return middle, *both_sides(middle, exact(high) - exact(low), (0.382, 0.618, 1.0))


def pivotscamarilla(high: Array, low: Array, close: Array) -> Outputs:
    """Shares of the range around the close."""
    tenth = exact(1.1)
    return both_sides(exact(close), exact(high) - exact(low), (tenth / 12, tenth / 6, tenth / 4, tenth / 2))


def pivotsdemark(open: Array, high: Array, low: Array, close: Array) -> Outputs:
    """One price twice, by the color of the bar."""
    o, h, l, c = (exact(x) for x in (open, high, low, close))  # noqa: E741
    x = np.select([c < o, c > o], [h + 2 * l + c, 2 * h + l + c], h + l + 2 * c)
    return x / 4, x / 2 - l, x / 2 - h


# ------------------------------------------------------------------------------------------------ swings


def zigzag(high: Array, low: Array, percent: float = 5.0) -> Outputs:
    """A walk along the bars with the last turning point in hand."""
    share, rows = percent / 100.0, []
    direction, pivot, top, bottom = 0, 0.0, -np.inf, np.inf
    for i, (h, l) in enumerate(zip(high.tolist(), low.tolist(), strict=True)):  # noqa: E741
        if i == 0:
            pivot, top, bottom = (h + l) / 2, h, l
        elif direction >= 0 and h > top:
            top = h
            if direction == 0 and h >= bottom + share * bottom:
                direction, pivot = 1, bottom
        elif direction <= 0 and l < bottom:
            bottom = l
            if direction == 0 and l <= top - share * top:
                direction, pivot = -1, top
        elif direction > 0 and l <= top - share * top:
            direction, pivot, bottom = -1, top, l
        elif direction < 0 and h >= bottom + share * bottom:
            direction, pivot, top = 1, bottom, h
        rows.append((pivot, {0: pivot, 1: top, -1: bottom}[direction], direction))
    found = np.array(rows, dtype=np.longdouble).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


# -------------------------------------------------------------------------------------------------- VWAP
def since(price: Array, volume: Array, begins: Array, width: float) -> Outputs:
    """Mean and bands of all rows from the last beginning on, summed anew for each."""
    out = blank(3 * len(price)).reshape(3, -1)
    first = np.maximum.accumulate(np.where(begins, np.arange(len(price)), 0)) if len(price) else []
    for i, start in enumerate(first):
        p, v = price[start : i + 1], volume[start : i + 1]
        if v.sum() > 0:
            middle = (p * v).sum() / v.sum()
            reach = width * np.sqrt((v * (p - middle) ** 2).sum() / v.sum())
            out[:, i] = middle + reach, middle, middle - reach
    return out[0], out[1], out[2]


def sessionvwap(
    ts: Array,
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    hours: float = 24.0,
    begins: float = 0.0,
    width: float = 1.0,
) -> Outputs:
    """A session begins where its number is more than all before."""
    number = np.floor((ts - begins * 3.6e12) / (hours * 3.6e12))
    newest = np.maximum.accumulate(number) if len(ts) else number
    return since(typical(high, low, close), exact(volume), np.diff(newest, prepend=-np.inf) > 0, width)


def anchoredvwap(
    ts: Array,
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    anchor: float = 0.0,
    width: float = 1.0,
) -> Outputs:
    """Volume before the anchor does not count."""
    counted = np.where(ts >= anchor, exact(volume), 0)
    return since(typical(high, low, close), counted, np.zeros(len(ts), dtype=bool), width)


def volumeprofile(
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    period: int = 100,
    bins: int = 24,
    area: float = 0.7,
) -> Outputs:
    """A histogram of each window. Which bin a price is in is decided in double, as everywhere."""
    price = (high + low + close) / 3.0
    out = blank(3 * len(price)).reshape(3, -1)
    for i in range(period - 1, len(price)):
        p, v = price[i + 1 - period : i + 1], volume[i + 1 - period : i + 1]
        lowest, width = p.min(), np.ptp(p)
        place = ((p - lowest) * bins / width if width > 0 else np.zeros(period)).astype(int)
        traded = np.bincount(np.minimum(place, bins - 1), weights=v, minlength=bins)
        begin = end = int(traded.argmax())
        middle = begin + 0.5
        while traded[begin : end + 1].sum() < area * v.sum() and (begin > 0 or end < bins - 1):
            above = traded[end + 1] if end < bins - 1 else -1.0
            below = traded[begin - 1] if begin > 0 else -1.0
            begin, end = (begin, end + 1) if above >= below else (begin - 1, end)
        edges = np.array([end + 1, middle, begin], dtype=np.longdouble)
        out[:, i] = lowest + edges * exact(width) / bins
    return out[0], out[1], out[2]


# ------------------------------------------------------------------------------------------------- flows
def volume_index(close: Array, moved: Array) -> Outputs:
    """1000, times each move that counts."""
    before = shifted(close, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(moved & (before != 0), exact(close) / before, 1)
    return (1000 * np.cumprod(factors),)


def kvo(
    high: Array, low: Array, close: Array, volume: Array, fast: int = 34, slow: int = 55, signal: int = 13
) -> Outputs:
    """Klinger's force, and its averages from the slow one's first row on."""
    # The trend is decided in double: a sum that rises by its rounding rises.
    trend = np.where(np.diff(high + low + close, prepend=0.0) > 0, 1, -1)
    dm = exact(high) - exact(low)
    force, cm = blank(len(close)), np.longdouble(0)
    for i in range(1, len(close)):
        cm = cm + dm[i] if i > 1 and trend[i] == trend[i - 1] else dm[i - 1] + dm[i]
        force[i] = volume[i] * abs(2 * dm[i] / cm - 1) * trend[i] * 100 if cm != 0 else 0
    line = blank(len(close))
    if len(close) > slow:
        late = force.copy()
        late[: slow + 1 - fast] = np.nan
        line = ema_seeded(late, fast) - ema_seeded(force, slow)
    return line, ema_seeded(line, signal)


def flow_scale(high: Array, low: Array, close: Array, volume: Array, **params: float) -> float:
    """The largest force, and what a rounding of the ranges does to it."""
    del params
    return 1e4 * float(volume.max(initial=0.0)) * max(1.0, float(np.abs(high).max(initial=0.0)))


BARS = "hlc"
SEVEN = ("pivot", "r1", "s1", "r2", "s2", "r3", "s3")
BANDS = ("upper", "vwap", "lower")
PERSON = "Person (2004)"
REFERENCES: dict[str, Reference] = {
    "PIVOTS": Reference(pivots, BARS, SEVEN, PERSON),
    "PIVOTSWOODIE": Reference(pivotswoodie, BARS, SEVEN, PERSON),
    "PIVOTSFIBONACCI": Reference(pivotsfibonacci, BARS, SEVEN, PERSON),
    "PIVOTSCAMARILLA": Reference(
        pivotscamarilla, BARS, ("r1", "s1", "r2", "s2", "r3", "s3", "r4", "s4"), "Ochoa (2010)"
    ),
    "PIVOTSDEMARK": Reference(pivotsdemark, "ohlc", ("pivot", "r1", "s1"), "DeMark (1994)"),
    "ZIGZAG": Reference(
        zigzag, "hl", ("pivot", "extreme", "direction"), "Merrill (1977)", ranges={"percent": (1e-6, 99.0)}
    ),
    "SESSIONVWAP": Reference(
        sessionvwap,
        "thlcv",
        BANDS,
        "Berkowitz, Logue, Noser (1988)",
        ranges={"hours": (1e-3, 1e5), "begins": (-24.0, 24.0), "width": (0.0, 1e6)},
        scale=close_scale,
    ),
    "ANCHOREDVWAP": Reference(
        anchoredvwap,
        "thlcv",
        BANDS,
        "Shannon (2023)",
        ranges={"anchor": (0.0, 9e18), "width": (0.0, 1e6)},
        scale=close_scale,
    ),
    "VOLUMEPROFILE": Reference(
        volumeprofile,
        "hlcv",
        ("upper", "poc", "lower"),
        "Steidlmayer, Koy (1986); Dalton (1990)",
        ranges={"period": FROM_1, "bins": (1, 256), "area": (0.0, 1.0)},
        scale=price_scale,
    ),
    "KVO": Reference(
        kvo,
        "hlcv",
        ("kvo", "signal"),
        "Klinger (1997)",
        ranges={"fast": FROM_2, "slow": FROM_2, "signal": FROM_1},
        scale=flow_scale,
    ),
}
