"""Medians, quantiles and ranks of windows that are kept as a tree: as short ones, by every path."""

from __future__ import annotations

import pickle

import fastcore as fc
import numpy as np
import pytest
from samples import Array, assert_same_bits, rng_of

# The shortest window that is a tree, the longest that is not, and one that no power of two divides.
PERIODS = (2047, 2048, 3001)
ROWS = 7_000


def prices(kind: str) -> Array:
    """Of a walk, of noise on a grid with many ties and both zeros, and rising all the time."""
    rng = rng_of("long orders", kind)
    if kind == "walk":
        return 100.0 + np.cumsum(rng.normal(0.0, 0.1, ROWS))
    if kind == "ties":
        return np.where(rng.random(ROWS) < 0.1, -0.0, rng.integers(-3, 4, ROWS).astype(float))
    return np.arange(ROWS, dtype=float)


MADE = {
    "MEDIAN": (lambda n: fc.MEDIAN(n), lambda w: np.median(w)),
    "QUANTILE": (lambda n: fc.QUANTILE(n, 0.9), lambda w: np.quantile(w, 0.9)),
    "PERCENTILE": (
        lambda n: fc.PERCENTILE(n, 30.0),
        lambda w: np.sort(w)[int(np.ceil(30.0 * len(w) / 100.0)) - 1],
    ),
}


@pytest.mark.parametrize("kind", ["walk", "ties", "rising"])
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("name", MADE)
def test_equals_numpy(name: str, period: int, kind: str) -> None:
    """At rows all over the input, of which the first is that where the window is full."""
    make, of_window = MADE[name]
    x = prices(kind)
    ours = make(period).batch(x)
    assert np.isnan(ours[: period - 1]).all()
    for row in [*range(period - 1, period + 40), *range(period + 40, ROWS, 97)]:
        assert ours[row] == pytest.approx(of_window(x[row - period + 1 : row + 1]), abs=1e-9), row


@pytest.mark.parametrize("kind", ["walk", "ties", "rising"])
@pytest.mark.parametrize("period", [500, 513, *PERIODS])
def test_ranks_are_counts(period: int, kind: str) -> None:
    """PERCENTRANK by rows and in batches, which count where that is faster, one after the other."""
    x = prices(kind)
    one, other = fc.PERCENTRANK(period), fc.PERCENTRANK(period)
    whole = one.batch(x)
    parts = [other.batch(x[:3100]), [other.update(v) for v in x[3100:3900].tolist()], other.batch(x[3900:])]
    assert_same_bits(np.concatenate(parts), whole, f"PERCENTRANK({period}) in parts")
    for row in range(period, ROWS, 61):
        assert whole[row] == pytest.approx(100.0 * (x[row - period : row] < x[row]).mean(), abs=1e-9), row


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("name", [*MADE, "PERCENTRANK"])
def test_every_path_gives_the_same_bits(name: str, period: int) -> None:
    """Ticks with peeks between them, batches, pickles; and a peek leaves the bytes as they were."""
    make = MADE[name][0] if name in MADE else fc.PERCENTRANK
    x = prices("ties")
    expected = make(period).batch(x)
    one = make(period)
    rows = []
    for i, value in enumerate(x.tolist()):
        if i % 5 == 0:
            assert_same_bits(one.peek(value), one.copy().update(value), "peek") if i % 500 == 0 else one.peek(
                9.0
            )
            one.peek(-9.0)
        if i % 1500 == 700:
            before = pickle.dumps(one)
            one.peek(1e17)
            assert pickle.dumps(one) == before
            one = pickle.loads(before)
        rows.append(one.update(value))
    assert_same_bits(np.array(rows), expected, f"{name}({period})")
