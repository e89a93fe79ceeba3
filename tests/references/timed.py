"""Windows of time: each row's window cut out of the columns and summed anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from references.helpers import Array, Outputs, blank, deviations, exact
from references.registry import Range, Reference

SECONDS: Range = (1e-6, 1e7)
CAPACITY: Range = (1, 1_000_000)
RANGES = {"seconds": SECONDS, "capacity": CAPACITY}
SOURCE = "Babcock, Datar, Motwani, O'Callaghan (2003); windows as pandas' rolling('30s')"


def over_time(
    function: Callable[[Array], float], ts: Array, x: Array, seconds: float, capacity: int, counts: Array
) -> Array:
    """Apply `function` to what each row's window holds: rows that count, newer than `seconds` before it.

    A row older than one before it is as new as that one. Of more than `capacity` the newest count.
    """
    out = blank(len(ts))
    now = np.maximum.accumulate(ts) if len(ts) else ts
    kept = np.flatnonzero(counts)
    times, values = now[kept], x[kept]
    ends = np.searchsorted(kept, np.arange(len(ts)), side="right")
    starts = np.searchsorted(times, now - seconds * 1e9, side="right")
    for i, (start, end) in enumerate(zip(np.maximum(starts, ends - capacity), ends, strict=True)):
        out[i] = function(values[start:end])
    return out


def every(x: Array) -> Array:
    """All rows count."""
    return np.ones(len(x), dtype=bool)


def timesum(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Sum; zeros take no room."""
    return (over_time(np.sum, ts, exact(close), seconds, capacity, close != 0),)


def timemean(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Mean."""
    return (over_time(np.mean, ts, exact(close), seconds, capacity, every(close)),)


def timestd(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Population standard deviation."""

    def deviation(x: Array) -> float:
        return np.sqrt((deviations(x[None, :]) ** 2).mean())

    return (over_time(deviation, ts, exact(close), seconds, capacity, every(close)),)


def timemin(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Smallest."""
    return (over_time(np.min, ts, exact(close), seconds, capacity, every(close)),)


def timemax(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Largest."""
    return (over_time(np.max, ts, exact(close), seconds, capacity, every(close)),)


def timevwap(ts: Array, close: Array, volume: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Value by volume, of the rows that have some."""

    def vwap(x: Array) -> float:
        return (x[:, 0] * x[:, 1]).sum() / x[:, 1].sum() if len(x) else np.nan

    rows = np.stack([exact(close), exact(volume)], axis=1)
    return (over_time(vwap, ts, rows, seconds, capacity, volume != 0),)


def timecount(ts: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Rows."""
    return (over_time(len, ts, ts, seconds, capacity, every(ts)),)


def tradeintensity(ts: Array, volume: Array, seconds: float = 30.0, capacity: int = 4000) -> Outputs:
    """Rows with volume, for each second."""
    return (over_time(len, ts, ts, seconds, capacity, volume > 0) / exact(np.float64(seconds)),)


def ofi(
    ts: Array,
    bid: Array,
    ask: Array,
    bid_size: Array,
    ask_size: Array,
    seconds: float = 30.0,
    capacity: int = 4000,
) -> Outputs:
    """Cont, Kukanov, Stoikov's e_n, summed; events that change nothing take no room."""
    b, a, p, q = (exact(x) for x in (bid, ask, bid_size, ask_size))
    event = np.zeros(len(ts), dtype=np.longdouble)
    if len(ts):
        event[1:] = (
            np.where(b[1:] >= b[:-1], p[1:], 0)
            - np.where(b[1:] <= b[:-1], p[:-1], 0)
            - np.where(a[1:] <= a[:-1], q[1:], 0)
            + np.where(a[1:] >= a[:-1], q[:-1], 0)
        )
    return (over_time(np.sum, ts, event, seconds, capacity, event != 0),)


def sum_scale(ts: Array, close: Array, seconds: float = 30.0, capacity: int = 4000) -> float:
    """The largest sum there can be."""
    del ts, seconds
    return float(np.abs(close).max(initial=0.0)) * min(capacity, len(close))


def close_scale(ts: Array, close: Array, *rest: Array, **params: float) -> float:
    """Largest price."""
    del ts, rest, params
    return float(np.abs(close).max(initial=0.0))


def size_scale(ts: Array, bid: Array, ask: Array, bid_size: Array, ask_size: Array, **params: float) -> float:
    """Largest sum of sizes."""
    del bid, ask, params
    return 2.0 * len(ts) * float(max(bid_size.max(initial=0.0), ask_size.max(initial=0.0)))


def one(*inputs: Array, **params: float) -> float:
    """No unit."""
    del inputs, params
    return 1.0


REFERENCES: dict[str, Reference] = {
    "TIMESUM": Reference(timesum, "tc", ("timesum",), SOURCE, ranges=RANGES, scale=sum_scale),
    "TIMEMEAN": Reference(timemean, "tc", ("timemean",), SOURCE, ranges=RANGES, scale=close_scale),
    "TIMESTD": Reference(timestd, "tc", ("timestd",), SOURCE, ranges=RANGES, scale=close_scale),
    "TIMEMIN": Reference(timemin, "tc", ("timemin",), SOURCE, ranges=RANGES, scale=close_scale),
    "TIMEMAX": Reference(timemax, "tc", ("timemax",), SOURCE, ranges=RANGES, scale=close_scale),
    "TIMEVWAP": Reference(
        timevwap, "tcv", ("timevwap",), "Berkowitz, Logue, Noser (1988)", ranges=RANGES, scale=close_scale
    ),
    "TIMECOUNT": Reference(timecount, "t", ("timecount",), SOURCE, ranges=RANGES, scale=one),
    "TRADEINTENSITY": Reference(
        tradeintensity, "tv", ("tradeintensity",), "Engle, Russell (1998)", ranges=RANGES, scale=one
    ),
    "OFI": Reference(
        ofi, "tbaBA", ("ofi",), "Cont, Kukanov, Stoikov (2014)", ranges=RANGES, scale=size_scale
    ),
}
