"""Stops and channels that follow the price."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, blank, ema_seeded, exact, true_range, typical, wilder
from references.registry import FROM_1, FROM_2, REAL, WILDER, Reference, talib_function

POSITIVE = (0.0, 3e37)
EXTENDED = {
    "start": "startvalue",
    "offset": "offsetonreverse",
    "first_long": "accelerationinitlong",
    "step_long": "accelerationlong",
    "most_long": "accelerationmaxlong",
    "first_short": "accelerationinitshort",
    "step_short": "accelerationshort",
    "most_short": "accelerationmaxshort",
}


def stops(
    high: Array,
    low: Array,
    start: float,
    offset: float,
    sides: tuple[tuple[float, ...], ...],
    from_first: bool = False,
) -> Outputs:
    """Wilder's stops, negative while short, and 1 or -1 for the side.

    `sides` are first factor, step and limit while long and while short. A short position is a long one in
    the mirror: prices, stops and extremes change their sign. `from_first` begins long at the first bar's low,
    on the way to its high. In doubles, since whether a stop is hit is
    decided to the last digit.
    """
    out, held = np.full((2, len(high)), np.nan)
    if len(high) < 2:
        return exact(out), exact(held)
    highs, lows = np.asarray(high, np.float64).tolist(), np.asarray(low, np.float64).tolist()
    fell = lows[0] - lows[1]
    side = (1 if start > 0 else -1) if start else (-1 if fell > 0 and highs[1] - highs[0] < fell else 1)
    side = 1 if from_first else side
    limits = {
        s: (min(f, most), min(step, most), most) for s, (f, step, most) in zip((1, -1), sides, strict=True)
    }
    factors = {s: limits[s][0] for s in (1, -1)}
    top, bottom = {1: highs, -1: [-x for x in lows]}, {1: lows, -1: [-x for x in highs]}
    extreme, stop = top[side][1], side * abs(start) if start else bottom[side][0]
    if from_first:
        extreme, stop = highs[0], lows[0] + factors[1] * (highs[0] - lows[0])
    for row in range(1, len(highs)):
        before = max(row - 1, 0 if from_first else 1)
        floor = min(bottom[side][before], bottom[side][row])
        if bottom[side][row] > stop:
            out[row] = stop
            if top[side][row] > extreme:
                extreme = top[side][row]
                factors[side] = min(factors[side] + limits[side][1], limits[side][2])
        else:
            side = -side
            floor = min(bottom[side][before], bottom[side][row])
            stop = min(-extreme, floor)
            stop -= abs(stop) * offset
            out[row] = stop
            factors[side], extreme = limits[side][0], top[side][row]
        held[row] = side
        stop = min(stop + factors[side] * (extreme - stop), floor)
    return exact(out), exact(held)


def sar(high: Array, low: Array, acceleration: float = 0.02, maximum: float = 0.2, seed: int = 0) -> Outputs:
    """Parabolic stop and reverse."""
    side = (acceleration, acceleration, maximum)
    stop, held = stops(high, low, 0.0, 0.0, (side, side), seed == 1)
    return (stop * held,)


def sarext(
    high: Array,
    low: Array,
    start: float = 0.0,
    offset: float = 0.0,
    first_long: float = 0.02,
    step_long: float = 0.02,
    most_long: float = 0.2,
    first_short: float = 0.02,
    step_short: float = 0.02,
    most_short: float = 0.2,
) -> Outputs:
    """The same with all its choices, negative while short."""
    sides = (first_long, step_long, most_long), (first_short, step_short, most_short)
    return (stops(high, low, start, offset, sides)[0],)


def kc(high: Array, low: Array, close: Array, period: int = 20, atr: int = 10, nbdev: float = 2.0) -> Outputs:
    """Keltner channel around the average typical price; both averages get their first value in one row."""
    price, ranges = typical(high, low, close), true_range(high, low, close)
    price[: max(atr + 1 - period, 0)] = np.nan
    ranges[: max(period - atr, 1)] = np.nan
    middle, reach = ema_seeded(price, period), nbdev * wilder(ranges, atr)
    return middle + reach, middle, middle - reach


def supertrend(high: Array, low: Array, close: Array, period: int = 10, multiplier: float = 3.0) -> Outputs:
    """Stop some true ranges from the middle of the bar, and the side it is on."""
    reach = multiplier * wilder(true_range(high, low, close), period)
    middle = exact((high + low) / 2)  # In doubles: in narrow bands the last digit decides where a close is.
    line, side = blank(len(close)), blank(len(close))
    upper = lower = None
    trend = 1
    for row in np.flatnonzero(~np.isnan(reach)):
        wide, deep, before = middle[row] + reach[row], middle[row] - reach[row], close[row - 1]
        upper = wide if upper is None or wide < upper or before > upper else upper
        first, lower = lower is None, deep if lower is None or deep > lower or before < lower else lower
        if not first:
            trend = (-1 if close[row] < lower else 1) if trend == 1 else (1 if close[row] > upper else -1)
        line[row], side[row] = (lower if trend == 1 else upper), trend
    return line, side


def talib_supertrend(high: Array, low: Array, close: Array, period: int, multiplier: float) -> Outputs:
    """TA-Lib's, whose trend is int32 with 0 where there is none yet."""
    call = talib_function("SUPERTREND", period="timeperiod", multiplier="multiplier")
    line, trend = call(high, low, close, period=period, multiplier=multiplier)
    return line, np.where(np.isnan(line), np.nan, trend)


def reach_scale(high: Array, low: Array, close: Array, **params: float) -> float:
    """Largest price, and the largest reach of a band."""
    widest = float(np.nanmax(true_range(high, low, close), initial=0.0)) if len(close) else 0.0
    factor = abs(params.get("nbdev", params.get("multiplier", 1.0)))
    return float(max(np.abs(high).max(initial=0.0), factor * widest))


REFERENCES: dict[str, Reference] = {
    "SAR": Reference(
        sar,
        "hl",
        ("sar",),
        WILDER,
        talib_function("SAR", acceleration="acceleration", maximum="maximum"),
        ranges={"acceleration": POSITIVE, "maximum": POSITIVE},
    ),
    "SAREXT": Reference(
        sarext,
        "hl",
        ("sarext",),
        WILDER,
        talib_function("SAREXT", **EXTENDED),
        ranges={name: REAL if name == "start" else POSITIVE for name in EXTENDED},
    ),
    "KC": Reference(
        kc,
        "hlc",
        ("upper", "middle", "lower"),
        "Raschke and Connors, Street Smarts (1996)",
        talib_function("KC", period="timeperiod", atr="atrperiod", nbdev="nbdev"),
        ranges={"period": FROM_2, "atr": FROM_1, "nbdev": REAL},
        scale=reach_scale,
    ),
    "SUPERTREND": Reference(
        supertrend,
        "hlc",
        ("supertrend", "trend"),
        "Seban (2008); begins upwards as TA-Lib",
        talib_supertrend,
        ranges={"period": FROM_2, "multiplier": POSITIVE},
        scale=reach_scale,
    ),
}
