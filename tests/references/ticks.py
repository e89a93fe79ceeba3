"""Quotes and trades: what is said of each tick, and of the last so many trades."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, exact, mean, shifted, total
from references.registry import FROM_1, FROM_2, Range, Reference, price_scale
from references.timed import CAPACITY, SECONDS, one

VOLUME: Range = (1e-6, 1e15)


# ------------------------------------------------------------------------------------------------ quotes
def mid(bid: Array, ask: Array) -> Outputs:
    """Middle."""
    return ((exact(bid) + exact(ask)) / 2,)


def microprice(bid: Array, ask: Array, bid_size: Array, ask_size: Array) -> Outputs:
    """Each price with the weight of the other side's size."""
    b, a, p, q = (exact(x) for x in (bid, ask, bid_size, ask_size))
    with np.errstate(invalid="ignore"):
        return (np.where(p + q > 0, (b * q + a * p) / (p + q), (b + a) / 2),)


def quotedspread(bid: Array, ask: Array) -> Outputs:
    """Spread, and as a share of the middle."""
    spread = exact(ask) - exact(bid)
    return spread, 10_000 * spread / mid(bid, ask)[0]


def queueimbalance(bid_size: Array, ask_size: Array) -> Outputs:
    """Sizes' difference by their sum."""
    p, q = exact(bid_size), exact(ask_size)
    with np.errstate(invalid="ignore"):
        return (np.where(p + q > 0, (p - q) / (p + q), 0),)


# ------------------------------------------------------------------------------------------------- sides
def carried(x: Array) -> Array:
    """Each NaN becomes the last number before it, 0 where there is none."""
    at = np.maximum.accumulate(np.where(np.isnan(x), -1, np.arange(len(x)))) if len(x) else np.zeros(0, int)
    return np.where(at < 0, 0.0, x[at])


def tick_sides(close: Array, volume: Array) -> Array:
    """Signs of the moves from trade to trade, of the last where there is none; NaN without a trade."""
    out = np.full(len(close), np.nan)
    trades = np.flatnonzero(volume > 0)
    moves = np.sign(np.diff(close[trades], prepend=close[trades][:1]))
    out[trades] = carried(np.where(moves == 0, np.nan, moves))
    return out


def tickrule(close: Array, volume: Array) -> Outputs:
    """Side and signed volume."""
    side = carried(tick_sides(close, volume))
    return side, side * volume


def ready_sides(close: Array, volume: Array, bid: Array, ask: Array) -> Array:
    """Above or below the middle, and in it by the ticks."""
    beyond = np.sign(close - 0.5 * (bid + ask))
    return np.where(beyond != 0, np.where(volume > 0, beyond, np.nan), tick_sides(close, volume))


def leeready(close: Array, volume: Array, bid: Array, ask: Array) -> Outputs:
    """Side and signed volume."""
    side = carried(ready_sides(close, volume, bid, ask))
    return side, side * volume


# ----------------------------------------------------------------------------------------------- spreads
def effectivespread(close: Array, volume: Array, bid: Array, ask: Array) -> Outputs:
    """Of the last trade."""
    middle = mid(bid, ask)[0]
    spread = 2 * np.abs(exact(close) - middle)
    traded = np.maximum.accumulate(np.where(volume > 0, np.arange(len(close)), -1)) if len(close) else []
    at = np.asarray(traded, dtype=int)
    return np.where(at < 0, np.nan, spread[at]), np.where(at < 0, np.nan, (10_000 * spread / middle)[at])


def realisedspread(
    ts: Array,
    close: Array,
    volume: Array,
    bid: Array,
    ask: Array,
    seconds: float = 5.0,
    period: int = 100,
    capacity: int = 1000,
) -> Outputs:
    """Each trade by the quote `seconds` later; one that `capacity` others followed is lost."""
    now = np.maximum.accumulate(ts) if len(ts) else ts
    middle = mid(bid, ask)[0]
    side = ready_sides(close, volume, bid, ask)
    trades = np.flatnonzero(volume > 0)
    due = now[trades] + seconds * 1e9
    known = np.searchsorted(now, due)  # the first row at which it is late enough
    waiting = np.searchsorted(trades, known) - np.arange(len(trades))  # trades then, with itself
    fit = (known < len(ts)) & (waiting <= capacity)
    trades, due, known = trades[fit], due[fit], known[fit]
    # The quote of that row when it is just then, else the one before.
    quote = np.where(now[known] == due, known, known - 1)
    spreads = 2 * side[trades] * (exact(close[trades]) - middle[quote])
    out = np.zeros(len(ts), dtype=np.longdouble)
    for i, judged in enumerate(np.searchsorted(known, np.arange(len(ts)), side="right")):
        if judged:
            out[i] = spreads[max(0, judged - period) : judged].mean()
    return (out,)


# ------------------------------------------------------------------------------------------------ impact
def kylelambda(close: Array, volume: Array, side: Array, period: int = 100) -> Outputs:
    """Least squares through 0 of moves by signed volumes."""
    trades = np.flatnonzero(volume > 0)
    ruled = tick_sides(close, volume)[trades]
    flow = exact(np.where(side[trades] != 0, side[trades], ruled) * volume[trades])[1:]
    moves = np.diff(exact(close[trades]))
    out = np.zeros(len(close), dtype=np.longdouble)
    for i in range(len(close)):
        seen = int(np.searchsorted(trades, i, side="right")) - 1
        q, move = flow[max(0, seen - period) : max(0, seen)], moves[max(0, seen - period) : max(0, seen)]
        square = (q * q).sum()
        out[i] = (q * move).sum() / square if square > 0 else 0
    out[:1] = np.nan
    return (out,)


def amihud(close: Array, volume: Array, period: int = 20) -> Outputs:
    """Mean of |return| by value."""
    rows = np.flatnonzero(volume > 0)
    price = exact(close[rows])
    ratios = np.abs(np.diff(price) / price[:-1]) / (price[1:] * exact(volume[rows][1:]))
    out = np.zeros(len(close), dtype=np.longdouble)
    for i in range(len(close)):
        seen = int(np.searchsorted(rows, i, side="right")) - 1
        if seen > 0:
            out[i] = ratios[max(0, seen - period) : seen].mean()
    out[:1] = np.nan
    return (out,)


def vpin(close: Array, volume: Array, side: Array, bucket: float = 1000.0, buckets: int = 50) -> Outputs:
    """Signed volume as a function of volume, cut at each multiple of the bucket."""
    ruled = np.nan_to_num(tick_sides(close, volume))
    sign = np.where(side != 0, side, ruled)
    volumes = np.concatenate([[0.0], np.cumsum(exact(volume))])
    flows = np.concatenate([[0.0], np.cumsum(exact(sign * volume))])
    out = np.zeros(len(close), dtype=np.longdouble)
    for i in range(len(close)):
        end = volumes[i + 1]
        full = int(end / bucket)
        if full == 0:
            out[i] = abs(flows[i + 1]) / end if end > 0 else 0
            continue
        cuts = np.arange(max(0, full - buckets), full + 1) * exact(np.float64(bucket))
        at = np.clip(np.searchsorted(volumes, cuts, side="right") - 1, 0, len(close) - 1)
        level = flows[at] + sign[at] * (cuts - volumes[at])
        out[i] = (np.abs(np.diff(level)) / bucket).mean()
    return (out,)


# ----------------------------------------------------------------------------------------------- returns
def log_returns(close: Array) -> Array:
    """NaN in the first row."""
    before = shifted(close, 1)
    with np.errstate(invalid="ignore"):
        return np.log1p((exact(close) - before) / before)


def realisedvar(close: Array, period: int = 100) -> Outputs:
    """Sum of squares."""
    return (total(log_returns(close) ** 2, period),)


def bipower(close: Array, period: int = 100) -> Outputs:
    """Sum of products of neighbours."""
    size = np.abs(log_returns(close))
    return (np.pi * mean(size * shifted(size, 1), period - 1) * (period - 1) / 2,)


def signed_scale(close: Array, volume: Array, *rest: Array, **params: float) -> float:
    """Largest volume."""
    del close, rest, params
    return max(1.0, float(volume.max(initial=0.0)))


def bps_scale(*inputs: Array, **params: float) -> float:
    """Basis points of a difference of prices."""
    return max(1e4, price_scale(*inputs, **params))


def ratio_scale(close: Array, volume: Array, *rest: Array, **params: float) -> float:
    """The largest move by the smallest volume."""
    del rest, params
    return float(np.ptp(close)) / float(volume[volume > 0].min(initial=1e300)) if len(close) else 0.0


def bucket_scale(
    close: Array, volume: Array, side: Array, bucket: float = 1000.0, buckets: int = 50
) -> float:
    """All volume, in buckets."""
    del close, side, buckets
    return max(1.0, float(volume.sum()) / bucket)


def nothing(*inputs: Array, **params: float) -> float:
    """Made of exact differences: right in all digits."""
    del inputs, params
    return 0.0


def spread_scale(ts: Array, close: Array, *rest: Array, **params: float) -> float:
    """Largest price."""
    del ts, rest, params
    return float(np.abs(close).max(initial=0.0))


PERIOD = {"period": FROM_1}
LEE = "Lee, Ready (1991)"
REFERENCES: dict[str, Reference] = {
    "MID": Reference(mid, "ba", ("mid",), "Hasbrouck (2007)"),
    "MICROPRICE": Reference(microprice, "baBA", ("microprice",), "Stoikov (2018)"),
    "QUOTEDSPREAD": Reference(quotedspread, "ba", ("spread", "bps"), "Hasbrouck (2007)", scale=bps_scale),
    "QUEUEIMBALANCE": Reference(queueimbalance, "BA", ("queueimbalance",), "Gould, Bonart (2016)", scale=one),
    "TICKRULE": Reference(tickrule, "cv", ("side", "signed"), LEE, scale=signed_scale),
    "LEEREADY": Reference(leeready, "cvba", ("side", "signed"), LEE, scale=signed_scale),
    "EFFECTIVESPREAD": Reference(
        effectivespread, "cvba", ("spread", "bps"), "Huang, Stoll (1996)", scale=bps_scale
    ),
    "REALISEDSPREAD": Reference(
        realisedspread,
        "tcvba",
        ("realisedspread",),
        "Huang, Stoll (1996)",
        ranges={"seconds": SECONDS, "period": FROM_1, "capacity": CAPACITY},
        scale=spread_scale,
    ),
    "KYLELAMBDA": Reference(
        kylelambda, "cvs", ("kylelambda",), "Kyle (1985)", ranges=PERIOD, scale=ratio_scale
    ),
    "AMIHUD": Reference(amihud, "cv", ("amihud",), "Amihud (2002)", ranges=PERIOD, scale=nothing),
    "VPIN": Reference(
        vpin,
        "cvs",
        ("vpin",),
        "Easley, Lopez de Prado, O'Hara (2012)",
        ranges={"bucket": VOLUME, "buckets": FROM_1},
        scale=bucket_scale,
    ),
    "REALISEDVAR": Reference(
        realisedvar, "c", ("realisedvar",), "Andersen et al. (2003)", ranges=PERIOD, scale=nothing
    ),
    "BIPOWER": Reference(
        bipower,
        "c",
        ("bipower",),
        "Barndorff-Nielsen, Shephard (2004)",
        ranges={"period": FROM_2},
        scale=nothing,
    ),
}
