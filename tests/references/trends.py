"""The price against its smoothed or foreseen self; bodies, swings, ranges and their changes."""

from __future__ import annotations

import numpy as np

from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    blank,
    divide,
    ema_seeded,
    exact,
    highest,
    mean,
    population_std,
    shifted,
    total,
    weighted,
    wilder,
    wilder_ranges,
)
from references.momentum import roc
from references.registry import (
    FROM_1,
    FROM_2,
    PERIOD,
    Range,
    Reference,
    percent_scale,
    talib_function,
)
from references.windows import tsf

ACHELIS = "Achelis, Technical Analysis from A to Z (2000)"
CHANDE = "Chande and Kroll, The New Technical Trader (1994)"
ELDER = "Elder, Trading for a Living (1993)"


def change(x: Array, rows: int) -> Array:
    """Change over some rows in per cent of the earlier value; 0 when that is 0."""
    before = shifted(x, rows)
    return 100 * divide(x - before, before, before != 0, 0.0)


def trix(close: Array, period: int = 30, seed: int = 0) -> Outputs:
    """Change of an EMA taken three times."""
    for _ in range(3):
        close = ema_seeded(close, period, seed)
    return (change(close, 1),)


def coppock(close: Array, period: int = 10, first: int = 11, second: int = 14) -> Outputs:
    """Weighted average of two rates of change."""
    return (after_warmup(weighted, roc(close, first)[0] + roc(close, second)[0], period),)


def dpo(close: Array, period: int = 20) -> Outputs:
    """Price half a period ago less the mean."""
    return (shifted(close, period // 2 + 1) - mean(close, period),)


def eri(high: Array, low: Array, close: Array, period: int = 13) -> Outputs:
    """High and low less an average of the close."""
    average = ema_seeded(close, period)
    return exact(high) - average, exact(low) - average


def fosc(close: Array, period: int = 5) -> Outputs:
    """Distance from the forecast of the row before, in per cent."""
    price = exact(close)
    return (100 * divide(price - shifted(tsf(close, period)[0], 1), price, price != 0, 0.0),)


def imi(open: Array, close: Array, period: int = 14) -> Outputs:
    """Rising bodies' share of all; 50 without any."""
    body = exact(close) - exact(open)
    rising, all_ = total(np.maximum(body, 0), period), total(np.abs(body), period)
    return (100 * divide(rising, all_, all_ > 0, 0.5),)


def qstick(open: Array, close: Array, period: int = 10) -> Outputs:
    """Mean body."""
    return (mean(exact(close) - exact(open), period),)


def fractal(high: Array, low: Array, left: int = 2, right: int = 2) -> Outputs:
    """100 where the bar `right` rows ago stands out of those around it."""

    def stands_out(x: Array) -> Array:
        before, after = shifted(highest(x, left), right + 1), highest(x, right)
        flags = np.where(shifted(x, right) > np.maximum(before, after), 100.0, 0.0)
        return np.where(np.isnan(before), np.nan, flags).astype(np.longdouble)

    return stands_out(exact(high)), stands_out(-exact(low))


def talib_fractal(high: Array, low: Array, left: int, right: int) -> Outputs:
    """TA-Lib's, which is int32 with 0 where there is nothing yet."""
    call = talib_function("FRACTAL", left="leftbars", right="rightbars")
    flags = tuple(x.astype(np.float64) for x in call(high, low, left=left, right=right))
    for x in flags:
        x[: left + right] = np.nan
    return flags


def adr(high: Array, low: Array, period: int = 14) -> Outputs:
    """Mean height of the bars."""
    return (mean(exact(high) - exact(low), period),)


def cvi(high: Array, low: Array, period: int = 10, roc: int = 10) -> Outputs:
    """Change of their average height."""
    return (change(ema_seeded(exact(high) - exact(low), period), roc),)


def massi(high: Array, low: Array, fast: int = 9, slow: int = 25) -> Outputs:
    """Sum of the average height in parts of its own average; 1 where it is flat."""
    once = ema_seeded(exact(high) - exact(low), fast)
    again = ema_seeded(once, fast)
    return (after_warmup(total, divide(once, again, again > 0, 1.0), slow),)


def natr(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Average true range in per cent of the close."""
    price = exact(close)
    return (100 * divide(wilder_ranges(high, low, close, period, seed), price, price != 0, 0.0),)


def rvi(close: Array, period: int = 14, deviation: int = 10) -> Outputs:
    """Share of the deviation on rising rows; 50 where there is none."""
    spread = population_std(close, deviation)
    move = exact(close) - shifted(close, 1)
    move[:1] = 0
    up, down = (
        wilder(np.where(np.isnan(spread), spread, np.where(side, spread, 0)), period)
        for side in (move > 0, move < 0)
    )
    return (100 * divide(up, up + down, up + down > 0, 0.5),)


def percentile(close: Array, period: int = 30, percentile: float = 50.0) -> Outputs:
    """The value at a rank, without interpolation."""
    rank = max(int(np.ceil(percentile * period / 100.0)), 1) - 1
    out = blank(len(close))
    if len(close) >= period:
        out[period - 1 :] = np.sort(np.lib.stride_tricks.sliding_window_view(close, period), axis=1)[:, rank]
    return (out,)


def median(close: Array, period: int = 30) -> Outputs:
    """The middle value, or the mean of the middle two."""
    out = blank(len(close))
    if len(close) >= period:
        windows = np.lib.stride_tricks.sliding_window_view(exact(close), period)
        out[period - 1 :] = np.median(windows, axis=1)
    return (out,)


def percentrank(close: Array, period: int = 100) -> Outputs:
    """Share of the values before that are smaller."""
    out = blank(len(close))
    if len(close) > period:
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(close), period + 1)
        out[period:] = (
            100 * np.count_nonzero(windows[:, :-1] < windows[:, -1:], axis=1) / np.longdouble(period)
        )
    return (out,)


def small_ranges(high: Array, low: Array, **params: float) -> float:
    """Scale of a ratio of averaged heights: exact differences of prices."""
    del high, low, params
    return 1e4


def period_row(
    compute: object, inputs: str, source: str, least: int = 1, outputs: tuple[str, ...] = (), **more: object
) -> Reference:
    """A reference with one period, under its own name."""
    name = compute.__name__  # type: ignore[attr-defined]
    given = {"talib": talib_function(name.upper(), **PERIOD)} | more
    ranges: dict[str, Range] = {"period": FROM_1 if least == 1 else FROM_2}
    return Reference(compute, inputs, outputs or (name,), source, ranges=ranges, **given)  # type: ignore[arg-type]


REFERENCES: dict[str, Reference] = {
    "TRIX": period_row(trix, "c", "Hutson, Stocks & Commodities 1:5 (1983)", scale=percent_scale),
    "COPPOCK": Reference(
        coppock,
        "c",
        ("coppock",),
        "Coppock, Barron's (15 October 1962)",
        talib_function("COPPOCK", period="wmaperiod", first="roc1period", second="roc2period"),
        ranges={"period": FROM_1, "first": FROM_1, "second": FROM_1},
        scale=percent_scale,
        talib_slack=64.0,
    ),
    "DPO": period_row(dpo, "c", ACHELIS, 2, talib_slack=8.0),
    "ERI": period_row(eri, "hlc", ELDER, outputs=("bull", "bear")),
    "FOSC": period_row(fosc, "c", CHANDE, 2, scale=percent_scale, talib_slack=4096.0),
    "IMI": period_row(imi, "oc", CHANDE, 2, scale=percent_scale, talib_slack=64.0),
    "QSTICK": period_row(qstick, "oc", CHANDE, talib_slack=8.0),
    "FRACTAL": Reference(
        fractal,
        "hl",
        ("swing_high", "swing_low"),
        "Williams, Trading Chaos (1995)",
        talib_fractal,
        ranges={"left": FROM_1, "right": FROM_1},
        scale=lambda *_, **__: 0.0,
    ),
    "ADR": period_row(adr, "hl", "Schwager, Technical Analysis (1996)", talib_slack=8.0),
    "CVI": Reference(
        cvi,
        "hl",
        ("cvi",),
        ACHELIS,
        talib_function("CVI", period="timeperiod", roc="rocperiod"),
        ranges={"period": FROM_2, "roc": FROM_1},
        scale=small_ranges,
    ),
    "MASSI": Reference(
        massi,
        "hl",
        ("massi",),
        "Dorsey, Stocks & Commodities 10:6 (1992)",
        talib_function("MASSI", fast="fastperiod", slow="slowperiod"),
        ranges={"fast": FROM_2, "slow": FROM_2},
        scale=small_ranges,
    ),
    "NATR": period_row(
        natr,
        "hlc",
        "Forman, Stocks & Commodities 24:5 (2006)",
        scale=percent_scale,
        talib_valid=lambda period, seed=0: period > 1,  # With 1 TA-Lib gives the true range itself.
    ),
    "RVI": Reference(
        rvi,
        "c",
        ("rvi",),
        "Dorsey, Stocks & Commodities 11:6 (1993)",
        talib_function("RVI", period="timeperiod", deviation="stddevperiod"),
        ranges={"period": FROM_1, "deviation": FROM_2},
        scale=lambda *_, **__: 1e4,
        talib_slack=64.0,
    ),
    "PERCENTILE": Reference(
        percentile,
        "c",
        ("percentile",),
        "Hyndman and Fan, The American Statistician 50:4 (1996), definition 1",
        talib_function("PERCENTILE", period="timeperiod", percentile="percentile"),
        ranges={"period": FROM_2, "percentile": (0.0, 100.0)},
    ),
    "MEDIAN": period_row(median, "c", "numpy.median", talib=None),
    "PERCENTRANK": period_row(percentrank, "c", "TA-Lib PERCENTRANK", 2, scale=percent_scale),
}
