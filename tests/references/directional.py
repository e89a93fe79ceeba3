"""Where the price goes, how far and how straight."""

from __future__ import annotations

import numpy as np

from references.helpers import (
    FLAT,
    Array,
    Outputs,
    after_warmup,
    blank,
    divide,
    exact,
    highest,
    lowest,
    rolling,
    shifted,
    total,
    true_range,
)
from references.momentum import adx
from references.registry import (
    FROM_1,
    FROM_2,
    PERIOD,
    WILDER,
    Reference,
    percent_scale,
    talib_function,
)

CHANDE = "Chande, Stocks & Commodities 13:9 (1995)"


def unit_scale(*inputs: Array, **params: float) -> float:
    """1: the scale of a ratio of exact differences."""
    del inputs, params
    return 1.0


def rocp(close: Array, period: int = 10) -> Outputs:
    """Change over `period` rows as a part of the earlier price; 0 when that is 0."""
    before = shifted(close, period)
    return (divide(exact(close) - before, before, before != 0, 0.0),)


def rocr(close: Array, period: int = 10) -> Outputs:
    """Price as a multiple of the earlier one; 0 when that is 0."""
    before = shifted(close, period)
    return (divide(exact(close), before, before != 0, 0.0),)


def rocr100(close: Array, period: int = 10) -> Outputs:
    """The same in per cent."""
    return (100 * rocr(close, period)[0],)


def movements(high: Array, low: Array) -> Outputs:
    """Wilder's +DM and -DM of each row, NaN on the first."""
    up, down = exact(high) - shifted(high, 1), shifted(low, 1) - exact(low)
    plus = np.where((up > down) & (up > 0), up, np.longdouble(0))
    minus = np.where((down > up) & (down > 0), down, np.longdouble(0))
    plus[:1] = minus[:1] = np.nan
    return plus, minus


def seeded_sum(x: Array, period: int, seed: int) -> Array:
    """Wilder's running total, with its beginning: the sum of the `period` - 1 + `seed` values after row 0."""
    out = blank(len(x))
    rows = period + seed
    if len(x) < max(rows, 2):
        return out
    s = exact(x[1:rows]).sum()
    if rows > 1:
        out[rows - 1] = s
    for i in range(rows, len(x)):
        out[i] = s = s - s / period + x[i]
    return out


def plus_dm(high: Array, low: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Wilder's total of the rises."""
    return (seeded_sum(movements(high, low)[0], period, seed),)


def minus_dm(high: Array, low: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Wilder's total of the falls."""
    return (seeded_sum(movements(high, low)[1], period, seed),)


def indicator(move: Array, high: Array, low: Array, close: Array, period: int, seed: int) -> Array:
    """Total of the moves in per cent of that of the true ranges; with a `period` of 1 as a part of it."""
    ranges = seeded_sum(true_range(high, low, close), period, seed)
    share = (1 if period == 1 else 100) * divide(seeded_sum(move, period, seed), ranges, ranges > 0, 0.0)
    share[:period] = np.nan
    return share


def plus_di(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Plus directional indicator."""
    return (indicator(movements(high, low)[0], high, low, close, period, seed),)


def minus_di(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Minus directional indicator."""
    return (indicator(movements(high, low)[1], high, low, close, period, seed),)


def dx(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Directional index; the row before where nothing moved, 0 when that is the first."""
    plus, minus = (di(high, low, close, period, seed)[0] for di in (plus_di, minus_di))
    out = 100 * divide(np.abs(plus - minus), plus + minus, plus + minus >= FLAT, 0.0)
    for i in range(period + 1, len(out)):
        if not plus[i] + minus[i] >= FLAT:
            out[i] = out[i - 1]
    return (out,)


def adxr(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Mean of ADX and the ADX `period` - 1 rows ago."""
    line = adx(high, low, close, period, seed)[0]
    return ((line + shifted(line, period - 1)) / 2,)


def extreme_place(x: Array, period: int, sign: int, ties: int) -> Array:
    """Place, from 0 for the oldest, of the newest or the oldest extremum among `period` + 1 values."""
    if ties:
        return rolling(lambda w: np.argmax(sign * w, axis=1), period + 1, x)
    return rolling(lambda w: period - np.argmax(sign * w[:, ::-1], axis=1), period + 1, x)


def aroon(high: Array, low: Array, period: int = 14, ties: int = 0) -> Outputs:
    """Aroon down and up."""
    return tuple(100 * extreme_place(x, period, sign, ties) / period for x, sign in ((low, -1), (high, 1)))


def aroonosc(high: Array, low: Array, period: int = 14, ties: int = 0) -> Outputs:
    """Aroon up less Aroon down."""
    down, up = aroon(high, low, period, ties)
    return (up - down,)


def vortex(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Sums of |high - low before| and |low - high before| in parts of the true ranges."""
    ranges = after_warmup(total, true_range(high, low, close), period)
    up, down = np.abs(exact(high) - shifted(low, 1)), np.abs(exact(low) - shifted(high, 1))
    plus, minus = (divide(after_warmup(total, x, period), ranges, ranges > 0, 0.0) for x in (up, down))
    return plus, minus


def path(close: Array, period: int) -> Array:
    """Sum of `period` absolute changes."""
    return after_warmup(total, np.abs(exact(close) - shifted(close, 1)), period)


def er(close: Array, period: int = 10) -> Outputs:
    """Kaufman's efficiency ratio; 1 where nothing moved."""
    move, way = np.abs(exact(close) - shifted(close, period)), path(close, period)
    return (divide(move, way, way > move, 1.0),)


def vhf(close: Array, period: int = 28) -> Outputs:
    """White's filter: range of `period` values in parts of the way of `period` changes; 0 where flat."""
    way = path(close, period)
    return (divide(highest(close, period) - lowest(close, period), way, way > 0, 0.0),)


def row(
    compute: object, inputs: str, outputs: tuple[str, ...], source: str, least: int, scale: object = None
) -> Reference:
    """A reference with one period, under its own name."""
    name = compute.__name__  # type: ignore[attr-defined]
    more = {} if scale is None else {"scale": scale}
    ranges = {"period": FROM_1 if least == 1 else FROM_2}
    talib = talib_function(name.upper(), **PERIOD)
    return Reference(compute, inputs, outputs or (name,), source, talib, ranges=ranges, **more)  # type: ignore[arg-type]


REFERENCES: dict[str, Reference] = {
    "ROCP": row(rocp, "c", (), "Murphy; TA-Lib ROCP", 1, unit_scale),
    "ROCR": row(rocr, "c", (), "Murphy; TA-Lib ROCR", 1, unit_scale),
    "ROCR100": row(rocr100, "c", (), "Murphy; TA-Lib ROCR100", 1, percent_scale),
    "PLUS_DM": row(plus_dm, "hl", (), WILDER, 1),
    "MINUS_DM": row(minus_dm, "hl", (), WILDER, 1),
    "PLUS_DI": row(plus_di, "hlc", (), WILDER, 1, percent_scale),
    "MINUS_DI": row(minus_di, "hlc", (), WILDER, 1, percent_scale),
    "DX": row(dx, "hlc", (), WILDER, 2, percent_scale),
    "ADXR": row(adxr, "hlc", (), WILDER, 2, percent_scale),
    "AROON": row(aroon, "hl", ("down", "up"), CHANDE, 2, percent_scale),
    "AROONOSC": row(aroonosc, "hl", (), CHANDE, 2, percent_scale),
    "VORTEX": row(
        vortex, "hlc", ("plus", "minus"), "Botes and Siepman, Stocks & Commodities 28:1 (2010)", 1, unit_scale
    ),
    "ER": row(er, "c", (), "Kaufman, Smarter Trading (1995)", 2, unit_scale),
    "VHF": row(vhf, "c", (), "White, Futures 20:10 (1991)", 2, unit_scale),
}
