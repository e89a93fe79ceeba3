"""Totals and shares of volume by where bars close and how prices move."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, divide, ema_seeded, exact, mean, shifted, total, typical
from references.registry import FROM_1, FROM_2, PERIOD, Reference, price_scale, talib_function

ACHELIS = "Achelis, Technical Analysis from A to Z (2000)"
FOSBACK = "Fosback, Stock Market Logic (1976)"


def flow(high: Array, low: Array, close: Array, volume: Array) -> Array:
    """Volume with the sign and size of where the bar closed; 0 without a range."""
    high, low, close = exact(high), exact(low), exact(close)
    return divide((close - low) - (high - close), high - low, high > low, 0.0) * exact(volume)


def ad(high: Array, low: Array, close: Array, volume: Array) -> Outputs:
    """Accumulation/distribution line."""
    return (np.cumsum(flow(high, low, close, volume)),)


def adosc(
    high: Array, low: Array, close: Array, volume: Array, fast: int = 3, slow: int = 10, seed: int = 0
) -> Outputs:
    """Fast average of the line less a slow one, begun with its first value or each with a mean of its own."""
    (line,) = ad(high, low, close, volume)
    fast_line, slow_line = (ema_seeded(line, period, 0 if seed else 1) for period in (fast, slow))
    out = fast_line - slow_line
    out[: max(fast, slow) - 1] = np.nan
    return (out,)


def cmf(high: Array, low: Array, close: Array, volume: Array, period: int = 20) -> Outputs:
    """Chaikin money flow; 0 without volume."""
    traded = total(volume, period)
    return (divide(total(flow(high, low, close, volume), period), traded, traded > 0, 0.0),)


def wad(high: Array, low: Array, close: Array) -> Outputs:
    """Williams' line: closes measured from the true low or high."""
    price, before = exact(close), shifted(close, 1)
    before[:1] = price[:1]
    up, down = price - np.minimum(exact(low), before), price - np.maximum(exact(high), before)
    return (np.cumsum(np.where(price > before, up, np.where(price < before, down, 0))),)


def efi(close: Array, volume: Array, period: int = 13) -> Outputs:
    """Elder's force index."""
    return (ema_seeded((exact(close) - shifted(close, 1)) * exact(volume), period),)


def marketfi(high: Array, low: Array, volume: Array) -> Outputs:
    """Range for each unit of volume."""
    return (divide(exact(high) - exact(low), exact(volume), volume != 0, 0.0),)


def growth(close: Array, volume: Array, sign: int) -> Array:
    """1000, grown with the close on bars whose volume rose (`sign` 1) or fell."""
    before = shifted(close, 1)
    change = exact(volume) - shifted(volume, 1)
    change[:1] = 0
    factor = np.where(sign * change > 0, divide(exact(close), before, before != 0, 1.0), 1)
    return 1000 * np.cumprod(factor)


def nvi(close: Array, volume: Array) -> Outputs:
    """Negative volume index."""
    return (growth(close, volume, -1),)


def pvi(close: Array, volume: Array) -> Outputs:
    """Positive volume index."""
    return (growth(close, volume, 1),)


def pvt(close: Array, volume: Array) -> Outputs:
    """Price volume trend."""
    before = shifted(close, 1)
    part = divide(exact(close) - before, before, before != 0, 0.0) * exact(volume)
    part[:1] = 0
    return (np.cumsum(part),)


def rvol(volume: Array, period: int = 20) -> Outputs:
    """Volume in parts of the mean before."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (exact(volume) / shifted(mean(volume, period), 1),)


def avwap(high: Array, low: Array, close: Array, volume: Array) -> Outputs:
    """Volume-weighted mean of all typical prices so far."""
    traded = np.cumsum(exact(volume))
    value = np.cumsum(typical(high, low, close) * exact(volume))
    return (divide(value, traded, traded != 0, 0.0),)


def all_volume(*inputs: Array, **params: float) -> float:
    """Scale of a running total: all the volume there was."""
    del params
    return float(np.abs(inputs[-1]).sum())


def all_force(close: Array, volume: Array, **params: float) -> float:
    """Scale of changes of the price times volume."""
    del params
    return float(np.abs(volume).max(initial=0.0) * np.abs(np.diff(close)).max(initial=0.0))


def way(high: Array, low: Array, close: Array) -> float:
    """Scale of a running total of prices: the way they went."""
    return price_scale(high, low, close) + float(np.abs(np.diff(close)).sum() + np.abs(high - low).sum())


def indexed(close: Array, volume: Array) -> Array:
    """Scale of a product of changes: its own size, for as many changes as there were."""
    return len(close) * np.maximum(growth(close, volume, 1), growth(close, volume, -1))


def trend(close: Array, volume: Array) -> float:
    """Scale of a running total of changes times volume."""
    before = np.where(close[:-1] == 0, np.inf, np.abs(close[:-1]))
    return float((np.abs(np.diff(close)) / before * volume[1:]).sum())


def price_only(high: Array, low: Array, close: Array, volume: Array) -> float:
    """Largest price, for as many rows as are summed."""
    return price_scale(high, low, close) * len(volume)


def ratio(*inputs: Array, **params: float) -> float:
    """Scale of a ratio of sums."""
    del inputs, params
    return 16.0


REFERENCES: dict[str, Reference] = {
    "AD": Reference(ad, "hlcv", ("ad",), ACHELIS, talib_function("AD"), scale=all_volume),
    "ADOSC": Reference(
        adosc,
        "hlcv",
        ("adosc",),
        ACHELIS,
        talib_function("ADOSC", fast="fastperiod", slow="slowperiod"),
        ranges={"fast": FROM_2, "slow": FROM_2},
        scale=all_volume,
    ),
    "CMF": Reference(
        cmf,
        "hlcv",
        ("cmf",),
        ACHELIS,
        talib_function("CMF", **PERIOD),
        ranges={"period": FROM_2},
        scale=ratio,
        talib_slack=64.0,
    ),
    "WAD": Reference(wad, "hlc", ("wad",), ACHELIS, talib_function("WAD"), scale=way),
    "EFI": Reference(
        efi,
        "cv",
        ("efi",),
        "Elder, Trading for a Living (1993)",
        talib_function("EFI", **PERIOD),
        ranges={"period": FROM_1},
        scale=all_force,
    ),
    "MARKETFI": Reference(
        marketfi,
        "hlv",
        ("marketfi",),
        "Williams, Trading Chaos (1995)",
        talib_function("MARKETFI"),
        scale=lambda *_: 0.0,
    ),
    "NVI": Reference(nvi, "cv", ("nvi",), FOSBACK, talib_function("NVI"), scale=indexed),
    "PVI": Reference(pvi, "cv", ("pvi",), FOSBACK, talib_function("PVI"), scale=indexed),
    "PVT": Reference(pvt, "cv", ("pvt",), ACHELIS, talib_function("PVT"), scale=trend),
    "RVOL": Reference(
        rvol,
        "v",
        ("rvol",),
        "Bandy, Quantitative Trading Systems (2011)",
        talib_function("RVOL", **PERIOD),
        ranges={"period": FROM_1},
        scale=ratio,
        moving=True,
    ),
    "AVWAP": Reference(
        avwap,
        "hlcv",
        ("avwap",),
        "Berkowitz, Logue and Noser, Journal of Finance 43 (1988)",
        talib_function("VWAP"),
        scale=price_only,
    ),
}
