"""Latencies in buckets: against NumPy over the values themselves."""

from __future__ import annotations

import math

import fastcore as fc
import numpy as np
import pytest
from fastcore.perf import Histogram
from hypothesis import given
from hypothesis import strategies as st

WIDTH = 1 / 32  # of a value, its bucket's
values = st.lists(st.integers(0, 2**62), min_size=1, max_size=200)


def filled(ns: list[int]) -> Histogram:
    histogram = Histogram()
    for one in ns:
        histogram.record(one)
    return histogram


@given(values, st.floats(0, 100))
def test_a_percentile_is_near_the_value_of_that_rank(ns: list[int], percent: float) -> None:
    """From above, and within the width of a bucket."""
    exact = sorted(ns)[max(0, math.ceil(percent / 100 * len(ns)) - 1)]
    found = filled(ns).percentile(percent)
    # Doubles hold a recorded value to 53 bits, a rank to about as much.
    assert exact * (1 - 1e-9) - 1 <= found <= max(exact * (1 + WIDTH) + 1, sorted(ns)[0])


@given(values, values)
def test_merged_is_as_recorded_into_one(first: list[int], second: list[int]) -> None:
    merged = filled(first)
    merged.merge(filled(second))
    one = filled(first + second)
    assert merged.buckets() == one.buckets()
    assert (merged.count, merged.sum, merged.max) == (one.count, one.sum, one.max)


@given(values)
def test_buckets_hold_every_record_once(ns: list[int]) -> None:
    histogram = filled(ns)
    tops = np.array([top for top, _ in histogram.buckets()], dtype=object)
    assert sum(count for _, count in histogram.buckets()) == histogram.count == len(ns)
    assert all(tops[1:] > tops[:-1])
    assert histogram.max == int(float(max(ns)))


@given(values, st.lists(st.integers(0, 2**62), min_size=1, max_size=5))
def test_at_most_never_counts_a_record_above_its_bound(ns: list[int], bounds: list[int]) -> None:
    for bound, count in zip(bounds, filled(ns).at_most(bounds), strict=True):
        assert sum(one <= bound / (1 + WIDTH) - 1 for one in ns) <= count
        assert count <= sum(float(one) <= bound for one in ns)


def test_an_array_is_counted_whole_or_not_at_all() -> None:
    histogram = Histogram()
    histogram.record_many(np.arange(1000))
    assert (histogram.count, histogram.sum, histogram.max, histogram.mean) == (1000, 499_500, 999, 499.5)
    with pytest.raises(fc.InputError, match=r"ns must be 0 to 9.2e18, not -1\.0"):
        histogram.record_many([1.0, -1.0])
    assert histogram.count == 1000


def test_a_copy_is_independent_and_reset_forgets() -> None:
    histogram = filled([5, 6])
    copy = histogram.copy()
    histogram.reset()
    assert (histogram.count, histogram.max, histogram.mean, histogram.percentile(99)) == (0, 0, 0.0, 0)
    assert copy.count == 2


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, 1e19])
def test_a_time_that_is_none_is_refused(value: float) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match=r"Histogram\.record: ns must be 0 to 9.2e18, not"):
        histogram.record(value)
    assert histogram.count == 0


def test_other_bad_input() -> None:
    histogram = Histogram()
    with pytest.raises(TypeError, match=r"Histogram\.record: ns must be a number, not 'x'"):
        histogram.record("x")  # type: ignore[arg-type]
    with pytest.raises(fc.InputError, match=r"percent must be 0 to 100, not 101\.0"):
        histogram.percentile(101)
    with pytest.raises(TypeError, match="must be an array of real numbers"):
        histogram.record_many(["x"])
