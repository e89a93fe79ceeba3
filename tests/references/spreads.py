"""Volatilities of bars, ratios of returns and risk, shapes of distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from references.helpers import Array, Outputs, blank, deviations, exact, mean, rolling, shifted, total
from references.registry import FROM_1, FROM_2, Range, Reference, price_scale
from references.ticks import log_returns, nothing

ANNUAL: Range = (1e-3, 1e9)


def sample_variance(x: Array, period: int) -> Array:
    """Rolling variance of a sample."""
    return rolling(lambda w: (deviations(w) ** 2).sum(axis=1) / (period - 1), period, x)


# ------------------------------------------------------------------------------------------ volatilities
def histvol(close: Array, period: int = 20, annual: float = 252.0) -> Outputs:
    """Sample deviation of log returns."""
    out = blank(len(close))
    out[1:] = np.sqrt(annual * sample_variance(log_returns(close)[1:], period))
    return (out,)


def parkinson(high: Array, low: Array, period: int = 20, annual: float = 252.0) -> Outputs:
    """Squares of ln(high / low)."""
    return (np.sqrt(annual * mean(log_of(high, low) ** 2, period) / (4 * np.log(exact(2.0)))),)


def garmanklass(
    open: Array, high: Array, low: Array, close: Array, period: int = 20, annual: float = 252.0
) -> Outputs:
    """Ranges less bodies."""
    term = log_of(high, low) ** 2 / 2 - (2 * np.log(exact(2.0)) - 1) * log_of(close, open) ** 2
    return (np.sqrt(annual * np.maximum(mean(term, period), 0)),)


def log_of(a: Array, b: Array) -> Array:
    """ln(a / b), with all digits also where they are close."""
    return np.log1p((exact(a) - exact(b)) / exact(b))


def satchell(open: Array, high: Array, low: Array, close: Array) -> Array:
    """Rogers and Satchell's term of each bar."""
    return log_of(high, close) * log_of(high, open) + log_of(low, close) * log_of(low, open)


def rogerssatchell(
    open: Array, high: Array, low: Array, close: Array, period: int = 20, annual: float = 252.0
) -> Outputs:
    """Mean of the terms."""
    return (np.sqrt(annual * np.maximum(mean(satchell(open, high, low, close), period), 0)),)


def yangzhang(
    open: Array, high: Array, low: Array, close: Array, period: int = 20, annual: float = 252.0
) -> Outputs:
    """Gaps, bodies and the terms of Rogers and Satchell."""
    out = blank(len(close))
    if len(close) > 1:
        gaps = log_of(open[1:], close[:-1])
        bodies = log_of(close, open)[1:]
        k = exact(0.34) / (exact(1.34) + exact(period + 1) / (period - 1))
        terms = mean(satchell(open, high, low, close)[1:], period)
        both = sample_variance(gaps, period) + k * sample_variance(bodies, period)
        out[1:] = np.sqrt(annual * (both + (1 - k) * terms))
    return (out,)


# ------------------------------------------------------------------------------------------------ ratios
def returns_of(close: Array) -> Array:
    """Simple returns; NaN in the first row."""
    before = shifted(close, 1)
    return (exact(close) - before) / before


def sharpe(close: Array, period: int = 100, annual: float = 252.0, rate: float = 0.0) -> Outputs:
    """Mean by deviation."""
    out = blank(len(close))
    r = returns_of(close)[1:]
    deviation = np.sqrt(sample_variance(r, period))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sqrt(exact(annual)) * (mean(r, period) - exact(rate) / annual) / deviation
    out[1:] = np.where(deviation == 0, 0, ratio)
    return (out,)


def sortino(close: Array, period: int = 100, annual: float = 252.0, rate: float = 0.0) -> Outputs:
    """Mean by the losses' root mean square."""
    out = blank(len(close))
    r = returns_of(close)[1:] - exact(rate) / annual
    losses = np.sqrt(mean(np.minimum(r, 0) ** 2, period))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sqrt(exact(annual)) * mean(r, period) / losses
    out[1:] = np.where(losses == 0, 0, ratio)
    return (out,)


def maxdrawdown(close: Array, period: int = 100) -> Outputs:
    """The highest price so far in the window, and what is left of it."""

    def worst(windows: Array) -> Array:
        peak = np.maximum.accumulate(windows, axis=1)
        return ((peak - windows) / peak).max(axis=1)

    return (rolling(worst, period, close),)


# ------------------------------------------------------------------------------------------------ shapes
def standard_moment(windows: Array, power: int) -> Array:
    """Mean power of the deviations in units of the population's deviation; 0 for equal values."""
    d = deviations(windows)
    variance = (d**2).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance == 0, 0, (d**power).mean(axis=1) / variance ** (exact(power) / 2))


def skew(close: Array, period: int = 30) -> Outputs:
    """G1."""
    n = exact(period)
    return (rolling(lambda w: np.sqrt(n * (n - 1)) / (n - 2) * standard_moment(w, 3), period, close),)


def kurtosis(close: Array, period: int = 30) -> Outputs:
    """G2; 0 for equal values."""
    n = exact(period)

    def excess(windows: Array) -> Array:
        ratio = standard_moment(windows, 4)
        value = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * ratio - 3 * (n - 1))
        return np.where(ratio == 0, 0, value)

    return (rolling(excess, period, close),)


def entropy(close: Array, period: int = 10) -> Outputs:
    """Shares of the rolling sums, and their entropies' rolling sum."""
    share = exact(close) / total(close, period)
    out = blank(len(close))
    out[period - 1 :] = total((-share * np.log2(share))[period - 1 :], period)
    return (out,)


def hurst(close: Array, period: int = 100) -> Outputs:
    """A line through the logarithms of the deviations."""
    lags = np.array([1, 2, 4, 8, 16])
    logs = blank(len(close) * len(lags)).reshape(len(lags), len(close))
    still = np.zeros(len(close), dtype=bool)
    for log, lag in zip(logs, lags.tolist(), strict=True):
        if len(close) > lag:
            moves = (exact(close) - shifted(close, lag))[lag:]
            deviation = rolling(lambda w: np.sqrt((deviations(w) ** 2).mean(axis=1)), period, moves)
            still[lag:] |= deviation == 0
            with np.errstate(divide="ignore"):
                log[lag:] = np.log(deviation)
    x = np.log(lags.astype(np.longdouble))
    x = x - x.mean()
    with np.errstate(invalid="ignore"):
        slope = (x[:, None] * logs).sum(axis=0) / (x * x).sum()
    slope = np.where(still, 0.5, slope)
    slope[: period + 15] = np.nan
    return (slope,)


def lsmabands(close: Array, period: int = 20, width: float = 2.0) -> Outputs:
    """Each window's line, and the rests from it."""
    i = np.arange(period, dtype=np.longdouble)
    i = i - i.mean()

    def line(windows: Array) -> Array:
        return (windows - windows[:, :1]) @ i / (i @ i)

    def end(windows: Array) -> Array:
        d = windows - windows[:, :1]
        return windows[:, 0] + d.mean(axis=1) + line(windows) * i[-1]

    def error(windows: Array) -> Array:
        rests = deviations(windows) - line(windows)[:, None] * i
        return np.sqrt((rests**2).sum(axis=1) / (period - 2))

    middle, reach = rolling(end, period, close), width * rolling(error, period, close)
    return middle + reach, middle, middle - reach


# ------------------------------------------------------------------------------------------------- order
def quantile(close: Array, period: int = 20, quantile: float = 0.5) -> Outputs:
    """pandas' rolling quantile."""
    return (pd.Series(close, dtype=np.float64).rolling(period).quantile(quantile).to_numpy(),)


def level(*inputs: Array, **params: float) -> float:
    """Largest price times the period: what the roots of rests of rounding come to."""
    return price_scale(*inputs) * float(params.get("period", 1))


def ratio_scale(close: Array, period: int = 100, annual: float = 252.0, rate: float = 0.0) -> Array:
    """One rounding of the rate in units of the smallest risk."""
    (found,) = sharpe(close, period, annual, rate)
    return np.nan_to_num(np.abs(found.astype(np.float64))) + np.sqrt(annual)


VOLATILITY = {"period": FROM_2, "annual": ANNUAL}
VOLATILITY_1 = {"period": FROM_1, "annual": ANNUAL}
RATIO = {"period": FROM_2, "annual": ANNUAL, "rate": (-10.0, 10.0)}
TALIB_PERIOD = {"period": "timeperiod"}
REFERENCES: dict[str, Reference] = {
    "HISTVOL": Reference(histvol, "c", ("histvol",), "Hull (2018)", ranges=VOLATILITY, scale=nothing),
    "PARKINSON": Reference(
        parkinson, "hl", ("parkinson",), "Parkinson (1980)", ranges=VOLATILITY_1, scale=nothing
    ),
    "GARMANKLASS": Reference(
        garmanklass, "ohlc", ("garmanklass",), "Garman, Klass (1980)", ranges=VOLATILITY_1, scale=nothing
    ),
    "ROGERSSATCHELL": Reference(
        rogerssatchell,
        "ohlc",
        ("rogerssatchell",),
        "Rogers, Satchell (1991)",
        ranges=VOLATILITY_1,
        scale=nothing,
    ),
    "YANGZHANG": Reference(
        yangzhang, "ohlc", ("yangzhang",), "Yang, Zhang (2000)", ranges=VOLATILITY, scale=nothing
    ),
    "SHARPE": Reference(sharpe, "c", ("sharpe",), "Sharpe (1994)", ranges=RATIO, scale=ratio_scale),
    "SORTINO": Reference(
        sortino, "c", ("sortino",), "Sortino, Price (1994)", ranges=RATIO, scale=ratio_scale
    ),
    "MAXDRAWDOWN": Reference(
        maxdrawdown,
        "c",
        ("maxdrawdown",),
        "Magdon-Ismail, Atiya (2004)",
        ranges={"period": FROM_2},
        scale=nothing,
    ),
    "SKEW": Reference(skew, "c", ("skew",), "Joanes, Gill (1998)", ranges={"period": (3, 100_000)}),
    "KURTOSIS": Reference(
        kurtosis, "c", ("kurtosis",), "Joanes, Gill (1998)", ranges={"period": (4, 100_000)}
    ),
    "ENTROPY": Reference(entropy, "c", ("entropy",), "Shannon (1948)", ranges={"period": FROM_2}),
    "HURST": Reference(hurst, "c", ("hurst",), "Mandelbrot, Van Ness (1968)", ranges={"period": FROM_2}),
    "LSMABANDS": Reference(
        lsmabands,
        "c",
        ("upper", "middle", "lower"),
        "Draper, Smith (1998)",
        ranges={"period": (3, 100_000), "width": (0.0, 1e6)},
        scale=level,
    ),
    "QUANTILE": Reference(
        quantile, "c", ("quantile",), "Hyndman, Fan (1996)", ranges={"period": FROM_1, "quantile": (0.0, 1.0)}
    ),
}
