"""Parity: every indicator equals its independent reference at every row, and TA-Lib where it has it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import fastcore as fc
import numpy as np
import pytest
from references import REFERENCES, Reference, tolerance
from references.registry import CONVENTIONS, LETTERS
from samples import (
    MARKETS,
    NAMES,
    ROWS,
    Array,
    Columns,
    Params,
    batch,
    boundary_params,
    columns_of,
    default_params,
    function,
    make,
    pick,
    random_params,
    rng_of,
    scaled,
    smallest_params,
    stacked,
)

# Longer than two of the chunks in which a batch is worked off.
LENGTH = scaled(1_300, 6_000)
DRAWS = scaled(20, 100)


def reference_of(name: str) -> Reference:
    """The row's oracle; without one there is nothing to believe."""
    if name not in REFERENCES:
        pytest.fail(
            f"{name} is in the catalogue but has no reference: write one in tests/references, from its "
            f"source and not from its header, and add it to REFERENCES"
        )
    return REFERENCES[name]


def all_params(name: str, market: str) -> Iterator[Params]:
    """Defaults, boundaries and random draws."""
    yield default_params(name)
    yield from boundary_params(name, LENGTH)
    rng = rng_of("parameters", name, market)
    for _ in range(DRAWS if ROWS[name]["params"] else 0):
        yield random_params(name, rng)


def assert_close(ours: Array, theirs: Array, allowed: Array, what: str) -> None:
    """NaN on the same rows, and every other row within `allowed`."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=f"{what}: rows without a value")
    error = np.abs(ours - theirs)
    bad = np.flatnonzero(~np.isnan(ours) & ~(error <= allowed))
    assert not len(bad), (
        f"{what}: {len(bad)} rows differ, first {bad[0]}: {ours[bad[0]]!r} is not {float(theirs[bad[0]])!r}, "
        f"by {float(error[bad[0]]):.3g} where {float(allowed[bad[0]]):.3g} is allowed"
    )


Oracle = Callable[..., tuple[Array, ...]]


def compare(name: str, columns: Columns, params: Params, oracle: Oracle, slack: float = 1.0) -> None:
    """Every output of a batch against an oracle that takes the same inputs and parameters."""
    ours = batch(make(name, params), columns)
    theirs = oracle(*columns, **params)
    scale = reference_of(name).scale(*columns, **params)
    assert len(ours) == len(theirs)
    for output, a, b in zip(ROWS[name]["outputs"], ours, theirs, strict=True):
        assert_close(a, b, slack * tolerance(b, scale), f"{name}({params}).{output['name']}")


def compare_with_talib(name: str, columns: Columns, params: Params) -> None:
    """The same against TA-Lib, where it has the function with these parameters."""
    reference = reference_of(name)
    if any(params.get(one) for one in CONVENTIONS):
        return
    if reference.talib is not None and reference.talib_valid(**params):
        compare(name, columns, params, reference.talib, reference.talib_slack)


@pytest.mark.parametrize("name", NAMES)
def test_has_a_reference_of_its_own_shape(name: str) -> None:
    """Inputs, outputs and parameters of row and reference go by the same names, in the same order."""
    reference, row = reference_of(name), ROWS[name]
    letters = "".join(LETTERS[column] for column in row["inputs"])
    assert letters == reference.inputs
    assert tuple(output["name"] for output in row["outputs"]) == reference.outputs
    assert [p["name"] for p in row["params"]] == list(reference.defaults)


def test_every_reference_is_in_the_catalogue() -> None:
    """An indicator that was taken out of a family is missed."""
    assert set(REFERENCES) <= set(NAMES)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_a_reference_has_the_defaults_of_the_catalogue(name: str) -> None:
    """A default is written once, in the header; a reference that drifts from it tests another."""
    described = next(one for one in fc.indicators() if one["name"] == name)
    assert REFERENCES[name].defaults == {param["name"]: param["default"] for param in described["params"]}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", NAMES)
def test_equals_its_reference(name: str, market: str) -> None:
    """Default, boundary and random parameters at every price level."""
    columns = columns_of(name, rng_of("parity", name, market), LENGTH, market)
    for params in all_params(name, market):
        if reference_of(name).steady(**params):
            compare(name, columns, params, reference_of(name).compute)


WITH_TALIB = [name for name in NAMES if name in REFERENCES and REFERENCES[name].talib is not None]


@pytest.mark.parametrize("market", [market for market in MARKETS if market != "jumps"])
@pytest.mark.parametrize("name", WITH_TALIB)
def test_equals_talib(name: str, market: str) -> None:
    """The same against the library whose conventions are ours, where its running sums keep their digits.

    After a jump of the level they do not, for some indicators; at an offset of 1e8 not over long periods:
    there only the defaults are compared.
    """
    if reference_of(name).moving:
        market = {"grid": "100", "sideways": "60000", "1e8 by 0.01": "100"}.get(market, market)
    columns = columns_of(name, rng_of("talib", name, market), LENGTH, market)
    params = all_params(name, market) if market != "1e8 by 0.01" else [default_params(name)]
    for one in params:
        compare_with_talib(name, columns, one)


@pytest.mark.parametrize("name", NAMES)
def test_the_function_is_the_class_from_a_fresh_state(name: str) -> None:
    """fc.sma(close, period=5) equals its reference as fc.SMA(5).batch(close) does, by position and name."""
    rng = rng_of("function", name)
    params = random_params(name, rng)
    while not reference_of(name).steady(**params):
        params = random_params(name, rng)
    columns = columns_of(name, rng_of("function", name), 300)
    named = dict(zip(ROWS[name]["inputs"], columns, strict=True))
    theirs = reference_of(name).compute(*columns, **params)
    scale = reference_of(name).scale(*columns, **params)
    for result in (function(name)(*columns, **params), function(name)(**named, **params)):
        for a, b in zip(stacked(result), theirs, strict=True):
            assert_close(a, b, tolerance(b, scale), name)


def test_sixteen_short_inputs_equal_the_reference() -> None:
    """Rows around the end of the warm-up, down to none."""
    for name in NAMES:
        for rows in (0, 1, 2, 3, 14, 15, 16, 19, 20, 27, 28, 29, 30, 31, 33, 34):
            columns = columns_of(name, rng_of("short", name), max(rows, 1))
            compare(name, tuple(x[:rows] for x in columns), default_params(name), reference_of(name).compute)


@pytest.mark.parametrize("period", [2, 3, 5, 14, 20])
def test_rounding_is_no_move(period: int) -> None:
    """Prices that differ by their last digit are flat by TA-Lib's rule: exactly 0, where noise gives 66.

    The tolerance cannot tell this, since in units of such a deviation it is boundless.
    """
    reach = 0.1 * rng_of("noise").integers(1, 4, 120)
    close = np.full(120, 63.9)
    high, low = close + reach, close - reach
    assert len(set(((high + low + close) / 3).tolist())) > 1, "the typical prices differ by their rounding"
    for result in (fc.cci(high, low, close, period), fc.mfi(high, low, close, reach, period)):
        shown = result[~np.isnan(result)]
        assert len(shown) >= 100
        assert (shown == 0.0).all()
    third = np.full(120, 0.3)
    above = third.copy()
    above[::3] = 0.1 + 0.2
    assert (above > third).any()
    for result in (fc.willr(above, third, third, period), *fc.stoch(above, third, above, period, 2, 2)):
        assert (result[~np.isnan(result)] == 0.0).all()


# ------------------------------------------------------------------------------------------- real bars
def read_bars(path: Path) -> Columns:
    """Columns o, h, l, c, v of a CSV file with a header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        np.array([float(row[x]) for row in rows]) for x in ("open", "high", "low", "close", "volume")
    )


@pytest.mark.parametrize("file", ["bars/spy_1d_1999_2020.csv", "bars_skender/default.csv"])
@pytest.mark.parametrize("name", NAMES)
def test_equals_its_reference_on_real_bars(name: str, file: str, data_file: Callable[[str], Path]) -> None:
    """SPY by the day, 502 and 5,240 bars: gaps, splits of the scale, volumes of 1e8."""
    columns = pick(name, read_bars(data_file(file)))
    rng = rng_of("real", name)
    for params in (default_params(name), smallest_params(name), random_params(name, rng, 250)):
        if not reference_of(name).steady(**params):
            continue
        compare(name, columns, params, reference_of(name).compute)
        compare_with_talib(name, columns, params)
