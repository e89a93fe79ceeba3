"""Inputs that are drawn, and how far a result may be from its reference."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs


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
