"""What the references are built of: windows summed anew and plain recurrences, in long double."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray
Outputs = tuple[Array, ...]

# TA-Lib calls a difference zero when it is this small against the two values it was taken from.
FLAT = 1e-14
# Elements per chunk of a windowed computation: keeps a long-double block near 16 MB.
CHUNK = 1 << 20


def exact(x: Array) -> Array:
    """Return `x` as long double."""
    return np.asarray(x, dtype=np.longdouble)


def blank(n: int) -> Array:
    """Return `n` NaN values in long double."""
    return np.full(n, np.nan, dtype=np.longdouble)


def rolling(function: Callable[[Array], Array], period: int, x: Array) -> Array:
    """Apply `function` to blocks of full windows (one window per row); NaN before the first full window."""
    out = blank(len(x))
    if period > len(x):
        return out
    windows = sliding_window_view(exact(x), period)
    step = max(1, CHUNK // period)
    for start in range(0, len(windows), step):
        block = function(windows[start : start + step])
        out[period - 1 + start :][: len(block)] = block
    return out


def mean(x: Array, period: int) -> Array:
    """Rolling mean."""
    return rolling(lambda w: w.mean(axis=1), period, x)


def total(x: Array, period: int) -> Array:
    """Rolling sum."""
    return rolling(lambda w: w.sum(axis=1), period, x)


def after_warmup(function: Callable[[Array, int], Array], x: Array, period: int) -> Array:
    """Apply a rolling `function` to the rows of `x` after its leading NaN rows."""
    start = int(np.isnan(x).sum())
    return np.concatenate([x[:start], function(x[start:], period)])


def highest(x: Array, period: int) -> Array:
    """Rolling maximum."""
    return rolling(lambda w: w.max(axis=1), period, x)


def lowest(x: Array, period: int) -> Array:
    """Rolling minimum."""
    return rolling(lambda w: w.min(axis=1), period, x)


def deviations(w: Array) -> Array:
    """Deviations of each window from its mean, exactly 0 for a window of equal values."""
    from_first = w - w[:, :1]
    return from_first - from_first.mean(axis=1, keepdims=True)


def variance(x: Array, period: int, ddof: int = 0) -> Array:
    """Rolling mean of the squared deviations, divided by `period` - `ddof`."""
    return rolling(lambda w: (deviations(w) ** 2).sum(axis=1) / (period - ddof), period, x)


def population_std(x: Array, period: int, ddof: int = 0) -> Array:
    """Rolling standard deviation, of the population unless `ddof` is 1."""
    return np.sqrt(variance(x, period, ddof))


def smooth(x: Array, period: int, factor: np.longdouble, seed: int = 0) -> Array:
    """Recurrence e += (x - e) * factor over the values after any NaN.

    The seed 0 is the mean of the first `period` of them, 1 the first alone; 2 is the weighted mean of all
    values so far, whose weights fall by 1 - factor a row.
    """
    x = exact(x)
    out = blank(len(x))
    valid = np.flatnonzero(~np.isnan(x))
    if len(valid) < (period if seed == 0 else 1):
        return out
    first = valid[0] + (period - 1 if seed == 0 else 0)
    out[first] = e = x[valid[0] : first + 1].mean()
    weights = np.longdouble(1)
    for i in range(first + 1, len(x)):
        if seed == 2:
            e = (x[i] + (1 - factor) * weights * e) / (1 + (1 - factor) * weights)
            weights = 1 + (1 - factor) * weights
        else:
            e = e + (x[i] - e) * factor
        out[i] = e
    return out


def ema_seeded(x: Array, period: int, seed: int = 0) -> Array:
    """Exponential average with factor 2 / (period + 1)."""
    return smooth(x, period, np.longdouble(2) / (period + 1), seed)


def wilder(x: Array, period: int, seed: int = 0) -> Array:
    """Wilder's average: factor 1 / period."""
    return smooth(x, period, np.longdouble(1) / period, seed)


def wilder_sum(x: Array, period: int, seed: int = 0) -> Array:
    """Wilder's running total s += x - s / period, from row 1.

    TA-Lib starts it with `period - 1` values, which it does not show; the seed 1 is the sum of `period`.
    """
    out = blank(len(x))
    if len(x) <= period:
        return out
    s = exact(x[1 : period + seed]).sum()
    if seed == 1:
        out[period] = s
    for i in range(period + seed, len(x)):
        out[i] = s = s - s / period + x[i]
    return out


def shifted(x: Array, rows: int) -> Array:
    """Values `rows` rows earlier, NaN where there is none."""
    out = blank(len(x))
    out[rows:] = exact(x)[: max(len(x) - rows, 0)]
    return out


def divide(a: Array, b: Array, nonzero: Array, otherwise: float) -> Array:
    """Quotient a / b where `nonzero`, else `otherwise`; NaN wherever an operand is NaN."""
    out = np.where(nonzero, exact(a) / np.where(nonzero, b, np.longdouble(1)), np.longdouble(otherwise))
    return np.where(np.isnan(a) | np.isnan(b), np.longdouble(np.nan), out)


def typical(high: Array, low: Array, close: Array) -> Array:
    """Typical price (high + low + close) / 3."""
    return (exact(high) + exact(low) + exact(close)) / 3


def true_range(high: Array, low: Array, close: Array) -> Array:
    """Wilder's true range; no value on the first row, which has no previous close."""
    high, low, previous = exact(high), exact(low), shifted(close, 1)
    return np.maximum(high - low, np.maximum(np.abs(high - previous), np.abs(low - previous)))


def wilder_ranges(high: Array, low: Array, close: Array, period: int, seed: int) -> Array:
    """Wilder's average of the true range: seeds as `wilder`'s, but all except 0 count the first bar.

    Its range is high - low; the seed 3 is the mean of the first `period` bars.
    """
    ranges = true_range(high, low, close)
    if seed != 0:
        ranges[:1] = exact(high)[:1] - exact(low)[:1]
    return wilder(ranges, period, seed % 3)


def has_range(high: Array, low: Array) -> Array:
    """Where high - low counts as non-zero for TA-Lib: above 1e-14 of |high| + |low|."""
    return np.abs(high - low) > FLAT * (np.abs(high) + np.abs(low))


def weighted(close: Array, period: int) -> Array:
    """Average with weights 1 (oldest) to `period` (newest)."""
    weights = np.arange(1, period + 1, dtype=np.longdouble)
    # The product is taken around each window's first value: fewer digits to lose at a high offset.
    return rolling(lambda w: w[:, 0] + ((w - w[:, :1]) * weights).sum(axis=1) / weights.sum(), period, close)


def mean_absolute_deviation(x: Array, period: int) -> Array:
    """Rolling mean of the absolute deviations from the window's mean."""
    return rolling(lambda w: np.abs(deviations(w)).mean(axis=1), period, x)
