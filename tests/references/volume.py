"""Prices together with volumes."""

from __future__ import annotations

import numpy as np

from references.helpers import (
    FLAT,
    Array,
    Outputs,
    after_warmup,
    divide,
    exact,
    shifted,
    total,
    typical,
)
from references.registry import (
    FROM_1,
    FROM_2,
    PERIOD,
    Reference,
    percent_scale,
    price_scale,
    talib_function,
    volume_scale,
)


def obv(close: Array, volume: Array, seed: int = 0) -> Outputs:
    """On-balance volume, started at the first row's volume, or with the seed 1 at 0."""
    signed = exact(volume) * np.sign(np.diff(exact(close), prepend=exact(close[:1])))
    signed[:1] = exact(volume)[:1] if seed == 0 else 0
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


def vwap_scale(high: Array, low: Array, close: Array, volume: Array, period: int = 14) -> float:
    """Largest input price, volume left out."""
    del volume, period
    return price_scale(high, low, close)


def talib_vwap(high: Array, low: Array, close: Array, volume: Array, period: int) -> Outputs:
    """TA-Lib's volume-weighted average of the typical price; its own VWAP is cumulative, not rolling."""
    price = talib_function("TYPPRICE")(high, low, close)[0]
    return talib_function("VWMA", period="timeperiod")(price, volume, period=period)


REFERENCES: dict[str, Reference] = {
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
        ranges={"period": FROM_1},
    ),
    "MFI": Reference(
        mfi,
        "hlcv",
        ("mfi",),
        "Quong and Soudack, Stocks & Commodities 7:3 (1989)",
        talib_function("MFI", **PERIOD),
        scale=percent_scale,
        ranges={"period": FROM_2},
    ),
}
