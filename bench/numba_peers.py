"""What a careful user would write with Numba: one pass, running state, one addition per chain.

Each function exists twice, with `fastmath` off and on. They keep running sums, so their values
drift and remember a bad tick, which ours do not; the comparison is about time alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .peers import Array

Series = Callable[[Array, int], Array]


def _sma(x: Array, p: int) -> Array:
    out = np.empty_like(x)
    out[: p - 1] = np.nan
    inverse = 1.0 / p
    total = 0.0
    for i in range(p):
        total += x[i]
    out[p - 1] = total * inverse
    for i in range(p, x.size):
        total += x[i] - x[i - p]  # the difference is off the chain: one addition of latency
        out[i] = total * inverse
    return out


def _ema(x: Array, p: int) -> Array:
    out = np.empty_like(x)
    out[: p - 1] = np.nan
    a = 2.0 / (p + 1)
    b = 1.0 - a
    e = 0.0
    for i in range(p):
        e += x[i]
    e /= p
    out[p - 1] = e
    for i in range(p, x.size):
        e = b * e + a * x[i]  # shorter chain than e + a (x - e)
        out[i] = e
    return out


def _rsi(x: Array, p: int) -> Array:
    out = np.empty_like(x)
    out[:p] = np.nan
    gain = loss = 0.0
    for i in range(1, p + 1):
        d = x[i] - x[i - 1]
        gain += max(d, 0.0)
        loss += max(-d, 0.0)
    gain /= p
    loss /= p
    a = 1.0 / p
    b = 1.0 - a
    total = gain + loss
    out[p] = 100.0 * gain / total if total > 0.0 else 0.0
    for i in range(p + 1, x.size):
        d = x[i] - x[i - 1]
        gain = b * gain + a * max(d, 0.0)
        loss = b * loss + a * max(-d, 0.0)
        total = gain + loss
        out[i] = 100.0 * gain / total if total > 0.0 else 0.0
    return out


def _stddev(x: Array, p: int) -> Array:
    out = np.empty_like(x)
    out[: p - 1] = np.nan
    shift = x[0]  # sums about a shift: without it a price of 60,000 loses every digit
    inverse = 1.0 / p
    s = q = 0.0
    for i in range(p):
        d = x[i] - shift
        s += d
        q += d * d
    for i in range(p - 1, x.size):
        if i >= p:
            new = x[i] - shift
            old = x[i - p] - shift
            s += new - old
            q += new * new - old * old
        mean = s * inverse
        out[i] = np.sqrt(max(q * inverse - mean * mean, 0.0))
    return out


def compiled(numba: Any, fastmath: bool) -> dict[str, tuple[Series, int]]:
    """Our name -> (function, period). Compiles on the first call, which is never timed."""
    plain = {"SMA": (_sma, 20), "EMA": (_ema, 20), "RSI": (_rsi, 14), "STDDEV": (_stddev, 20)}
    return {k: (numba.njit(f, fastmath=fastmath), p) for k, (f, p) in plain.items()}
