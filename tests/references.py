"""Independent references for every indicator: the oracle of the parity tests.

Each function is written from the formula of its cited source, in long double and with every window summed
anew, so it shares neither code nor rounding with the engine. Where a source leaves a choice open (seed, first
row, 0/0) the choice is TA-Lib's (C library 0.8.1, as in the PyPI package TA-Lib 0.8.2), and the NaN rows are
exactly TA-Lib's.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = np.ndarray
Outputs = tuple[Array, ...]

# TA-Lib calls a difference zero when it is this small against the two values it was taken from.
FLAT = 1e-14
# Elements per chunk of a windowed computation: keeps a long-double block near 16 MB.
CHUNK = 1 << 20


# ---------------------------------------------------------------------------------------------- helpers
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


def population_std(x: Array, period: int) -> Array:
    """Rolling population standard deviation."""
    return rolling(lambda w: np.sqrt((deviations(w) ** 2).mean(axis=1)), period, x)


def smooth(x: Array, period: int, factor: np.longdouble) -> Array:
    """Recurrence e += (x - e) * factor, seeded with the mean of the first `period` values after any NaN."""
    x = exact(x)
    out = blank(len(x))
    valid = np.flatnonzero(~np.isnan(x))
    if len(valid) < period:
        return out
    first = valid[0] + period - 1
    out[first] = e = x[valid[0] : first + 1].mean()
    for i in range(first + 1, len(x)):
        out[i] = e = e + (x[i] - e) * factor
    return out


def ema_seeded(x: Array, period: int) -> Array:
    """Exponential average with factor 2 / (period + 1)."""
    return smooth(x, period, np.longdouble(2) / (period + 1))


def wilder(x: Array, period: int) -> Array:
    """Wilder's average: factor 1 / period."""
    return smooth(x, period, np.longdouble(1) / period)


def wilder_sum(x: Array, period: int) -> Array:
    """Wilder's running total s += x - s / period; TA-Lib starts it with `period - 1` values, from row 1."""
    out = blank(len(x))
    if len(x) <= period:
        return out
    s = exact(x[1:period]).sum()
    for i in range(period, len(x)):
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


def has_range(high: Array, low: Array) -> Array:
    """Where high - low counts as non-zero for TA-Lib: above 1e-14 of |high| + |low|."""
    return np.abs(high - low) > FLAT * (np.abs(high) + np.abs(low))


# ------------------------------------------------------------------------------------ moving averages
def sma(close: Array, period: int = 30) -> Outputs:
    """Simple moving average."""
    return (mean(close, period),)


def ema(close: Array, period: int = 30) -> Outputs:
    """Exponential moving average."""
    return (ema_seeded(close, period),)


def weighted(close: Array, period: int) -> Array:
    """Average with weights 1 (oldest) to `period` (newest)."""
    weights = np.arange(1, period + 1, dtype=np.longdouble)
    # The product is taken around each window's first value: fewer digits to lose at a high offset.
    return rolling(lambda w: w[:, 0] + ((w - w[:, :1]) * weights).sum(axis=1) / weights.sum(), period, close)


def wma(close: Array, period: int = 30) -> Outputs:
    """Linearly weighted moving average."""
    return (weighted(close, period),)


def dema(close: Array, period: int = 30) -> Outputs:
    """Double EMA: 2 e1 - e2, where e2 averages e1 from e1's first value on."""
    e1 = ema_seeded(close, period)
    return (2 * e1 - ema_seeded(e1, period),)


def tema(close: Array, period: int = 30) -> Outputs:
    """Triple EMA: 3 e1 - 3 e2 + e3, each level fed from the first value of the one before."""
    e1 = ema_seeded(close, period)
    e2 = ema_seeded(e1, period)
    return (3 * (e1 - e2) + ema_seeded(e2, period),)


def hma(close: Array, period: int = 20) -> Outputs:
    """Hull average: WMA over floor(sqrt(n)) rows of 2 WMA(n // 2) - WMA(n)."""
    raw = 2 * weighted(close, period // 2) - weighted(close, period)
    out = blank(len(raw))
    out[period - 1 :] = weighted(raw[period - 1 :], math.isqrt(period))
    return (out,)


def kama(close: Array, period: int = 30, fast: int = 2, slow: int = 30) -> Outputs:
    """Kaufman's adaptive average, started at row `period` from the price of the row before."""
    close = exact(close)
    if period == 1:  # TA-Lib: a period of 1 copies the input, from row 0.
        return (close.copy(),)
    change = np.abs(close - shifted(close, period))
    path = after_warmup(total, np.abs(close - shifted(close, 1)), period)
    ratio = divide(change, path, path > change, 1.0)  # A window without any movement counts as efficient.
    top, bottom = np.longdouble(2) / (fast + 1), np.longdouble(2) / (slow + 1)
    factor = (ratio * (top - bottom) + bottom) ** 2
    out = blank(len(close))
    if len(close) > period:
        e = close[period - 1]
        for i in range(period, len(close)):
            out[i] = e = e + (close[i] - e) * factor[i]
    return (out,)


def rma(close: Array, period: int = 30) -> Outputs:
    """Wilder's moving average."""
    return (wilder(close, period),)


# ------------------------------------------------------------------------------------------- momentum
def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> Outputs:
    """Return MACD, its signal and their difference, all from the signal's first row on."""
    fast, slow = sorted((fast, slow))  # TA-Lib swaps the two when given the wrong way round.
    late = exact(close).copy()
    late[: slow - fast] = np.nan  # Both averages are seeded at row slow - 1: the fast one from its last rows.
    line = ema_seeded(late, fast) - ema_seeded(close, slow)
    average = ema_seeded(line, signal)
    line = np.where(np.isnan(average), average, line)
    return line, average, line - average


def rsi(close: Array, period: int = 14) -> Outputs:
    """Relative strength index: 100 gain / (gain + loss) of Wilder's averages, 0 when neither moved."""
    change = exact(close) - shifted(close, 1)
    gain, loss = wilder(np.maximum(change, 0), period), wilder(np.maximum(-change, 0), period)
    return (100 * divide(gain, gain + loss, gain + loss > 0, 0.0),)


def stoch(high: Array, low: Array, close: Array, fastk: int = 5, slowk: int = 3, slowd: int = 3) -> Outputs:
    """Slow stochastic %K and %D (simple averages) from %D's first row on; the raw %K is 0 without a range."""
    top, bottom = highest(high, fastk), lowest(low, fastk)
    raw = 100 * divide(exact(close) - bottom, top - bottom, has_range(top, bottom), 0.0)
    k = after_warmup(mean, raw, slowk)
    d = after_warmup(mean, k, slowd)
    return np.where(np.isnan(d), d, k), d


def willr(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Williams' %R, -100 to 0; 0 without a range."""
    top, bottom = highest(high, period), lowest(low, period)
    return (-100 * divide(top - exact(close), top - bottom, has_range(top, bottom), 0.0),)


def mean_absolute_deviation(x: Array, period: int) -> Array:
    """Rolling mean of the absolute deviations from the window's mean."""
    return rolling(lambda w: np.abs(deviations(w)).mean(axis=1), period, x)


def cci(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Lambert's channel index with the factor 0.015; 0 when the window is flat or the price at its mean."""
    price = typical(high, low, close)
    gap = rolling(lambda w: deviations(w)[:, -1], period, price)
    spread = mean_absolute_deviation(price, period)
    zero = FLAT * np.abs(mean(price, period))
    moving = (np.abs(gap) > zero) & (spread > zero)
    return (divide(gap, np.longdouble("0.015") * spread, moving, 0.0),)


def roc(close: Array, period: int = 10) -> Outputs:
    """Rate of change in per cent of the price `period` rows ago; 0 when that price is 0."""
    previous = shifted(close, period)
    return (100 * divide(exact(close) - previous, previous, previous != 0, 0.0),)


def mom(close: Array, period: int = 10) -> Outputs:
    """Momentum: the change over `period` rows."""
    return (exact(close) - shifted(close, period),)


# ----------------------------------------------------------------------------------------- volatility
def atr(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Wilder's average of the true range, first value at row `period`."""
    return (wilder(true_range(high, low, close), period),)


def trange(high: Array, low: Array, close: Array) -> Outputs:
    """True range, first value at row 1."""
    return (true_range(high, low, close),)


def bbands(close: Array, period: int = 20, up: float = 2.0, down: float = 2.0) -> Outputs:
    """Bollinger bands: simple average plus `up` and minus `down` population standard deviations."""
    middle, std = mean(close, period), population_std(close, period)
    return middle + up * std, middle, middle - down * std


def stddev(close: Array, period: int = 5, nbdev: float = 1.0) -> Outputs:
    """Population standard deviation times `nbdev`."""
    return (population_std(close, period) * nbdev,)


def donchian(high: Array, low: Array, period: int = 20) -> Outputs:
    """Donchian channel (current row included): highest high, their middle, lowest low."""
    top, bottom = highest(high, period), lowest(low, period)
    return top, (top + bottom) / 2, bottom


def adx(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Wilder's ADX (first row 2 period - 1), +DI and -DI (first row `period`)."""
    up, down = exact(high) - shifted(high, 1), shifted(low, 1) - exact(low)
    plus = wilder_sum(np.where((up > down) & (up > 0), up, np.longdouble(0)), period)
    minus = wilder_sum(np.where((down > up) & (down > 0), down, np.longdouble(0)), period)
    ranges = wilder_sum(true_range(high, low, close), period)
    plus_di, minus_di = (100 * divide(x, ranges, ranges > 0, 0.0) for x in (plus, minus))
    directed = plus_di + minus_di >= FLAT
    dx = 100 * divide(np.abs(plus_di - minus_di), plus_di + minus_di, directed, 0.0)
    out = blank(len(dx))
    if len(dx) >= 2 * period:
        out[2 * period - 1] = e = dx[period : 2 * period].mean()
        for i in range(2 * period, len(dx)):
            if directed[i]:  # TA-Lib holds the last ADX on a row without any direction.
                e = e + (dx[i] - e) / period
            out[i] = e
    return out, plus_di, minus_di


# --------------------------------------------------------------------------------------------- volume
def obv(close: Array, volume: Array) -> Outputs:
    """On-balance volume, started at the first row's volume."""
    signed = exact(volume) * np.sign(np.diff(exact(close), prepend=exact(close[:1])))
    signed[:1] = exact(volume)[:1]
    return (np.cumsum(signed),)


def vwap(high: Array, low: Array, close: Array, volume: Array, period: int = 14) -> Outputs:
    """Volume-weighted mean of the typical price over `period` rows; NaN when nothing was traded in them."""
    traded = total(volume, period)
    return (divide(total(typical(high, low, close) * exact(volume), period), traded, traded > 0, np.nan),)


def mfi(high: Array, low: Array, close: Array, volume: Array, period: int = 14) -> Outputs:
    """Money flow index: share of the flow of rising typical prices in per cent; 0 without any flow."""
    price = typical(high, low, close)
    previous = shifted(price, 1)
    change = price - previous
    # TA-Lib: a change of at most 1e-14 of the two prices' sum is no move at all and carries no flow.
    moved = np.abs(change) > FLAT * (np.abs(price) + np.abs(previous))
    flow = np.where(moved, price * exact(volume), np.longdouble(0))
    flow[:1] = np.nan
    rising = after_warmup(total, np.where(change < 0, np.longdouble(0), flow), period)
    both = after_warmup(total, flow, period)
    return (100 * divide(rising, both, both > 0, 0.0),)


# ----------------------------------------------------------------------------------------- statistics
def zscore(close: Array, period: int = 20) -> Outputs:
    """Deviation from the rolling mean in population standard deviations; 0 when there is no deviation."""
    std = population_std(close, period)
    return (divide(rolling(lambda w: deviations(w)[:, -1], period, close), std, std > 0, 0.0),)


def linearreg(close: Array, period: int = 14) -> Outputs:
    """End point of the least-squares line through the last `period` values."""
    x = np.arange(period, dtype=np.longdouble) - np.longdouble(period - 1) / 2
    # In centred coordinates the line ends at mean + slope * (period - 1) / 2.
    weights = x * x[-1] / (x**2).sum()
    return (mean(close, period) + rolling(lambda w: (deviations(w) * weights).sum(axis=1), period, close),)


# ------------------------------------------------------------------------------------------- registry
def price_scale(*inputs: Array, **params: float) -> float:
    """Largest input price: the scale of an output in price units."""
    del params
    return float(max(np.abs(x).max(initial=0.0) for x in inputs))


def volume_scale(close: Array, volume: Array) -> float:
    """Largest volume: the scale of an output in volume units."""
    del close
    return float(np.abs(volume).max(initial=0.0))


def percent_scale(*inputs: Array, **params: float) -> float:
    """100: the scale of an output in per cent that is built from exact differences of prices."""
    del inputs, params
    return 100.0


def vwap_scale(high: Array, low: Array, close: Array, volume: Array, period: int = 14) -> float:
    """Largest input price, volume left out."""
    del volume, period
    return price_scale(high, low, close)


def cci_scale(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Largest price in units of each row's CCI: the mean price itself is only known to its last digit."""
    spread = np.longdouble("0.015") * mean_absolute_deviation(typical(high, low, close), period)
    return divide(np.full(len(spread), price_scale(high, low, close)), spread, spread > 0, 0.0)


def zscore_scale(close: Array, period: int = 20) -> Array:
    """Largest price in units of each row's standard deviation."""
    std = population_std(close, period)
    return divide(np.full(len(std), price_scale(close)), std, std > 0, 0.0)


def talib_function(function: str, **names: str) -> Callable[..., Outputs]:
    """Return TA-Lib's `function` taking our parameters; `names` maps ours to TA-Lib's."""

    def call(*inputs: Array, **params: float) -> Outputs:
        import talib  # Imported on use: the references themselves do not need it.

        columns = (np.ascontiguousarray(x, dtype=np.float64) for x in inputs)
        out = getattr(talib, function)(*columns, **{names[key]: x for key, x in params.items()})
        return out if isinstance(out, tuple) else (out,)

    return call


def talib_adx(high: Array, low: Array, close: Array, period: int) -> Outputs:
    """TA-Lib's ADX, +DI and -DI, which are three functions there."""
    parts = (talib_function(name, period="timeperiod") for name in ("ADX", "PLUS_DI", "MINUS_DI"))
    return tuple(part(high, low, close, period=period)[0] for part in parts)


def talib_vwap(high: Array, low: Array, close: Array, volume: Array, period: int) -> Outputs:
    """TA-Lib's volume-weighted average of the typical price; its own VWAP is cumulative, not rolling."""
    price = talib_function("TYPPRICE")(high, low, close)[0]
    return talib_function("VWMA", period="timeperiod")(price, volume, period=period)


def always(**params: float) -> bool:
    """TA-Lib's function takes all parameters within `RANGES`."""
    del params
    return True


@dataclass(frozen=True)
class Reference:
    """One indicator's oracle: `compute(*inputs, **params)` returns one array per name in `outputs`."""

    compute: Callable[..., Outputs]
    inputs: str  # Columns in positional order: o, h, l, c, v.
    outputs: tuple[str, ...]
    source: str
    # Same signature as `compute`, but every parameter must be given: TA-Lib's defaults differ from ours.
    talib: Callable[..., Outputs] | None = None
    talib_valid: Callable[..., bool] = always
    # Largest |input| in the output's units, for `tolerance`; a number or one value per row.
    scale: Callable[..., float | Array] = price_scale

    @property
    def defaults(self) -> dict[str, float]:
        """Default parameters by name."""
        parameters = inspect.signature(self.compute).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


PERIOD = {"period": "timeperiod"}
WILDER = "J. Welles Wilder, New Concepts in Technical Trading Systems (1978)"

REFERENCES: dict[str, Reference] = {
    "SMA": Reference(
        sma,
        "c",
        ("sma",),
        "Murphy, Technical Analysis of the Financial Markets",
        talib_function("SMA", **PERIOD),
    ),
    "EMA": Reference(ema, "c", ("ema",), "Murphy; SMA seed as TA-Lib", talib_function("EMA", **PERIOD)),
    "WMA": Reference(wma, "c", ("wma",), "Murphy, linear weights 1..n", talib_function("WMA", **PERIOD)),
    "DEMA": Reference(
        dema, "c", ("dema",), "Mulloy, Stocks & Commodities 12:1 (1994)", talib_function("DEMA", **PERIOD)
    ),
    "TEMA": Reference(
        tema, "c", ("tema",), "Mulloy, Stocks & Commodities 12:2 (1994)", talib_function("TEMA", **PERIOD)
    ),
    "HMA": Reference(
        hma, "c", ("hma",), "Hull (2005), alanhull.com/hull-moving-average", talib_function("HMA", **PERIOD)
    ),
    "KAMA": Reference(
        kama,
        "c",
        ("kama",),
        "Kaufman, Smarter Trading (1995)",
        lambda c, period, fast, slow: talib_function("KAMA", **PERIOD)(c, period=period),
        talib_valid=lambda period, fast, slow: fast == 2 and slow == 30,  # Fixed in TA-Lib.
    ),
    "RMA": Reference(rma, "c", ("rma",), WILDER, talib_function("RMA", **PERIOD)),
    "MACD": Reference(
        macd,
        "c",
        ("macd", "signal", "hist"),
        "Appel, The Moving Average Convergence-Divergence Trading Method (1979); seeds as TA-Lib",
        talib_function("MACD", fast="fastperiod", slow="slowperiod", signal="signalperiod"),
    ),
    "RSI": Reference(rsi, "c", ("rsi",), WILDER, talib_function("RSI", **PERIOD), scale=percent_scale),
    "STOCH": Reference(
        stoch,
        "hlc",
        ("slowk", "slowd"),
        "Lane, Lane's Stochastics, Stocks & Commodities 2:3 (1984)",
        talib_function("STOCH", fastk="fastk_period", slowk="slowk_period", slowd="slowd_period"),
        scale=percent_scale,
    ),
    "WILLR": Reference(
        willr,
        "hlc",
        ("willr",),
        "Larry Williams, How I Made One Million Dollars (1973)",
        talib_function("WILLR", **PERIOD),
        scale=percent_scale,
    ),
    "CCI": Reference(
        cci,
        "hlc",
        ("cci",),
        "Lambert, Commodities 9:10 (1980)",
        talib_function("CCI", **PERIOD),
        scale=cci_scale,
    ),
    "ROC": Reference(
        roc, "c", ("roc",), "Murphy; TA-Lib ROC", talib_function("ROC", **PERIOD), scale=percent_scale
    ),
    "MOM": Reference(mom, "c", ("mom",), "Murphy; TA-Lib MOM", talib_function("MOM", **PERIOD)),
    "ATR": Reference(atr, "hlc", ("atr",), WILDER, talib_function("ATR", **PERIOD)),
    "TRANGE": Reference(trange, "hlc", ("trange",), WILDER, talib_function("TRANGE")),
    "BBANDS": Reference(
        bbands,
        "c",
        ("upper", "middle", "lower"),
        "Bollinger, Bollinger on Bollinger Bands (2001)",
        talib_function("BBANDS", period="timeperiod", up="nbdevup", down="nbdevdn"),
    ),
    "STDDEV": Reference(
        stddev,
        "c",
        ("stddev",),
        "Population standard deviation; TA-Lib STDDEV",
        talib_function("STDDEV", period="timeperiod", nbdev="nbdev"),
    ),
    "DONCHIAN": Reference(
        donchian,
        "hl",
        ("upper", "middle", "lower"),
        "Donchian, four-week rule (1960), current bar included as in TA-Lib",
        talib_function("DONCHIAN", **PERIOD),
    ),
    "ADX": Reference(adx, "hlc", ("adx", "plus_di", "minus_di"), WILDER, talib_adx, scale=percent_scale),
    "OBV": Reference(
        obv,
        "cv",
        ("obv",),
        "Granville, New Key to Stock Market Profits (1963)",
        talib_function("OBV"),
        scale=volume_scale,
    ),
    "VWAP": Reference(
        vwap,
        "hlcv",
        ("vwap",),
        "Berkowitz, Logue and Noser, Journal of Finance 43 (1988), over a rolling window",
        talib_vwap,
        scale=vwap_scale,
    ),
    "MFI": Reference(
        mfi,
        "hlcv",
        ("mfi",),
        "Quong and Soudack, Stocks & Commodities 7:3 (1989)",
        talib_function("MFI", **PERIOD),
        scale=percent_scale,
    ),
    "ZSCORE": Reference(zscore, "c", ("zscore",), "Standard score, population", scale=zscore_scale),
    "LINEARREG": Reference(
        linearreg,
        "c",
        ("linearreg",),
        "Least squares, end point; TA-Lib LINEARREG",
        talib_function("LINEARREG", **PERIOD),
    ),
}

MOST = 100_000
FROM_1, FROM_2, REAL = (1, MOST), (2, MOST), (-3e37, 3e37)

# Smallest and largest value TA-Lib accepts. HMA is ours: TA-Lib also takes 1 there and copies the input.
# RMA, VWAP (VWMA) and DONCHIAN follow TA-Lib's functions; KAMA's fast and slow and ZSCORE have none.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    **{name: {"period": FROM_1} for name in ("SMA", "EMA", "WMA", "DEMA", "TEMA", "RMA")},
    **{name: {"period": FROM_1} for name in ("ROC", "MOM", "ATR", "VWAP")},
    **{name: {"period": FROM_2} for name in ("HMA", "RSI", "WILLR", "CCI", "DONCHIAN")},
    **{name: {"period": FROM_2} for name in ("ADX", "MFI", "ZSCORE", "LINEARREG")},
    "KAMA": {"period": FROM_1, "fast": FROM_1, "slow": FROM_1},
    "MACD": {"fast": FROM_2, "slow": FROM_2, "signal": FROM_1},
    "STOCH": {"fastk": FROM_1, "slowk": FROM_1, "slowd": FROM_1},
    "BBANDS": {"period": FROM_2, "up": REAL, "down": REAL},
    "STDDEV": {"period": FROM_2, "nbdev": REAL},
    "TRANGE": {},
    "OBV": {},
}


# ------------------------------------------------------------------------------- inputs and tolerance
def bars(rng: np.random.Generator, n: int, level: float = 100.0, step: float = 1e-4) -> Outputs:
    """Return `n` random bars o, h, l, c, v near `level`; `step` is the size of a move relative to it."""
    close = level * np.exp(np.cumsum(step * rng.standard_normal(n)))
    open_ = np.concatenate([[level], close[:-1]]) * (1 + step / 4 * rng.standard_normal(n))
    high = np.maximum(open_, close) * (1 + step / 2 * rng.random(n))
    low = np.minimum(open_, close) * (1 - step / 2 * rng.random(n))
    return open_, high, low, close, rng.uniform(1.0, 1000.0, n)


def offset_walk(rng: np.random.Generator, n: int, offset: float = 1e8, step: float = 0.01) -> Array:
    """Return a random walk of absolute step size `step` far from 0, where careless sums lose all digits."""
    return offset + np.cumsum(step * rng.standard_normal(n))


def tolerance(reference: Array, inputs_max: float | Array) -> Array:
    """Allowed |error| per row: 1e-9 of the value (or of the median) plus 16 ulp of the largest input.

    `inputs_max` is the largest |input| in the units of the output, see `Reference.scale`.
    """
    size = np.abs(np.asarray(reference, dtype=np.float64))
    median = np.nanmedian(size) if not np.isnan(size).all() else 0.0
    rounding = 16 * np.finfo(np.float64).eps * np.asarray(inputs_max, dtype=np.float64)
    return 1e-9 * np.fmax(size, median) + rounding
