"""The references are right: they equal TA-Lib at every row, and published values of other sources."""

from __future__ import annotations

import csv
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from references import MOST, REFERENCES, Array, Outputs, Reference, bars, offset_walk, tolerance
from references.registry import CONVENTIONS

DATA = Path(os.environ.get("FASTCORE_DATA", Path(__file__).resolve().parents[1] / ".." / "shared" / "data"))
LEVELS = (1e-4, 100.0, 60000.0)
WITH_TALIB = [name for name, reference in REFERENCES.items() if reference.talib is not None]
# Where prices stand still or their digits are lost, the others' values are TA-Lib's rounding.
STEADY = [name for name in WITH_TALIB if not REFERENCES[name].moving]
ROWS = 400

Params = dict[str, float]


def columns(reference: Reference, ohlcv: Outputs) -> Outputs:
    """Pick the indicator's input columns."""
    return tuple(ohlcv["ohlcv".index(letter)] for letter in reference.inputs)


def complete(name: str, **params: float) -> Params:
    """Add our defaults to the given parameters."""
    return REFERENCES[name].defaults | params


def boundary_params(name: str) -> Iterator[Params]:
    """Smallest values, and a period whose only value is in (or just beyond) the last rows."""
    smallest = {key: low for key, (low, high) in REFERENCES[name].ranges.items() if high == MOST}
    yield complete(name, **smallest)
    for key in smallest:
        for period in (ROWS // 2, ROWS - 1, ROWS, ROWS + 1):
            yield complete(name, **{key: period})
    if name == "MACD":
        yield complete(name, fast=26, slow=12)
        yield complete(name, fast=12, slow=12)
    if name == "BBANDS":
        yield complete(name, up=0.0, down=-1.5)


def random_params(name: str, rng: np.random.Generator) -> Params:
    """Draw integers from the accepted range up to 80 and multipliers from 0.5 to 4."""
    drawn: Params = {}
    for key, (low, high) in REFERENCES[name].ranges.items():
        if isinstance(REFERENCES[name].defaults[key], int):
            drawn[key] = int(rng.integers(low, min(high, 80) + 1))
        else:
            drawn[key] = float(np.clip(rng.uniform(0.5, 4.0), low, high))
    return drawn


def talib_params(name: str, rng: np.random.Generator) -> Iterator[Params]:
    """Defaults, boundaries and ten random draws, where TA-Lib has them."""
    yield complete(name)
    yield from boundary_params(name)
    for _ in range(10):
        params = random_params(name, rng)
        yield params | {"fast": 2, "slow": 30} if name == "KAMA" else params


def assert_equal(ours: Array, theirs: Array, allowed: Array | float, what: str) -> None:
    """Equal NaN rows, and every other row within `allowed`."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=f"{what}: rows without a value")
    error = np.where(np.isnan(ours), 0.0, np.abs(ours - theirs))
    bad = np.flatnonzero(error > allowed)
    assert not len(bad), (
        f"{what}: {len(bad)} rows differ, first {bad[0]}: {ours[bad[0]]} is not {theirs[bad[0]]}"
    )


def compare_with_talib(name: str, ohlcv: Outputs, params: Params) -> None:
    """Every output of `name` equals TA-Lib's at every row.

    No looser bound is needed for STDDEV and BBANDS: since 0.8.1 TA-Lib takes the variance around a shift.
    Where its running sums lose digits, the reference says how many.
    """
    reference = REFERENCES[name]
    if not reference.talib_valid(**params):
        return
    inputs = columns(reference, ohlcv)
    ours, theirs = reference.compute(*inputs, **params), reference.talib(*inputs, **params)
    assert len(ours) == len(theirs) == len(reference.outputs)
    scale = reference.scale(*inputs, **params)
    for output, a, b in zip(reference.outputs, ours, theirs, strict=True):
        assert_equal(a, b, reference.talib_slack * tolerance(a, scale), f"{name}({params}).{output}")


def tick_bars(rng: np.random.Generator, n: int, level: float, tick: float) -> Outputs:
    """Bars on a tick grid: many ties, flat stretches of 50 rows with no range, rows without volume."""
    flat = (np.arange(n) // 50) % 3 == 2
    close = level + tick * np.cumsum(np.where(flat, 0, rng.integers(-1, 2, n)))
    open_ = np.concatenate([[level], close[:-1]])
    high = np.maximum(open_, close) + np.where(flat, 0.0, tick * rng.integers(0, 2, n))
    low = np.minimum(open_, close) - np.where(flat, 0.0, tick * rng.integers(0, 2, n))
    return open_, high, low, close, rng.integers(0, 3, n).astype(float)


def test_registry_is_complete() -> None:
    """Every reference has its ranges, and they hold its defaults."""
    for reference in REFERENCES.values():
        assert set(reference.ranges) <= set(reference.defaults)
        assert set(reference.defaults) - set(reference.ranges) <= set(CONVENTIONS)
        for key, (low, high) in reference.ranges.items():
            assert low <= reference.defaults[key] <= high


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", WITH_TALIB)
def test_equals_talib(name: str, level: float) -> None:
    """Defaults, boundaries and random parameters at three price levels."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {level}".encode()))
    for params in talib_params(name, rng):
        compare_with_talib(name, bars(rng, ROWS, level), params)


@pytest.mark.parametrize(("level", "tick"), [(100.0, 0.25), (60000.1, 0.01), (1e-4, 1e-8), (1e-12, 1e-13)])
@pytest.mark.parametrize("name", STEADY)
def test_equals_talib_on_ties_and_flat_stretches(name: str, level: float, tick: float) -> None:
    """Zero ranges, zero deviations, zero flows and equal highs follow TA-Lib's rules."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {tick}".encode()))
    ohlcv = tick_bars(rng, 900, level, tick)
    if name == "VWAP":  # TA-Lib divides rounding residue by zero in a window without volume; ours is NaN.
        ohlcv = (*ohlcv[:4], ohlcv[4] + 1)
    for params in (complete(name), next(boundary_params(name))):
        compare_with_talib(name, ohlcv, params)


@pytest.mark.parametrize("name", STEADY)
def test_equals_talib_far_from_zero(name: str) -> None:
    """An offset of 1e8 against steps of 0.01 costs no more than the tolerance."""
    rng = np.random.default_rng(7)
    close = offset_walk(rng, 1000)
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) + 0.01, np.minimum(open_, close) - 0.01
    compare_with_talib(name, (open_, high, low, close, rng.uniform(1.0, 1e6, 1000)), complete(name))


@pytest.mark.parametrize("name", WITH_TALIB)
def test_equals_talib_on_short_input(name: str) -> None:
    """Inputs around the end of the warm-up, down to a single row."""
    rng = np.random.default_rng(11)
    for rows in (1, 2, 3, 14, 15, 16, 27, 28, 29, 30, 31, 34):
        compare_with_talib(name, bars(rng, rows), complete(name))


@pytest.mark.parametrize("name", REFERENCES)
def test_empty_input(name: str) -> None:
    """No rows in, no rows out."""
    reference = REFERENCES[name]
    outputs = reference.compute(*(np.zeros(0) for _ in reference.inputs))
    assert [len(x) for x in outputs] == [0] * len(reference.outputs)


@pytest.mark.parametrize("name", WITH_TALIB)
def test_ranges_are_those_of_talib(name: str) -> None:
    """TA-Lib takes both ends of each range and nothing outside."""
    reference = REFERENCES[name]
    inputs = columns(reference, bars(np.random.default_rng(0), 10))
    for key, (low, high) in REFERENCES[name].ranges.items():
        if name == "KAMA" and key != "period":
            continue  # Fixed in TA-Lib.
        step = 1 if isinstance(reference.defaults[key], int) else 1e36
        for value in (low, high):
            reference.talib(*inputs, **complete(name, **{key: value}))
        for value in (low - step, high + step):
            if name == "HMA" and value == 1:
                continue  # TA-Lib copies the input; ours starts at 2, where n // 2 is a period.
            with pytest.raises(Exception, match="Bad Parameter"):
                reference.talib(*inputs, **complete(name, **{key: value}))


def test_zscore_by_hand() -> None:
    """1, 2, 3, 4: mean 2.5, variance 1.25; equal values have none."""
    (z,) = REFERENCES["ZSCORE"].compute(np.array([1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]), period=4)
    assert np.isnan(z[:3]).all()
    assert z[3] == pytest.approx(1.5 / 1.25**0.5, rel=1e-15)
    assert z[6] == 0.0


def test_vwap_without_volume() -> None:
    """A window in which nothing was traded has no price."""
    price = np.array([10.0, 20.0, 30.0, 40.0])
    (vwap,) = REFERENCES["VWAP"].compute(price, price, price, np.array([1.0, 3.0, 0.0, 0.0]), period=2)
    np.testing.assert_array_equal(vwap, [np.nan, 17.5, 20.0, np.nan])


def test_kama_with_other_constants() -> None:
    """With fast = slow the efficiency is without effect: a plain recurrence with (2 / (n + 1)) squared."""
    x = offset_walk(np.random.default_rng(5), 50, 100.0, 1.0)
    (kama,) = REFERENCES["KAMA"].compute(x, period=10, fast=9, slow=9)
    e = x[9]
    for row in range(10, 50):
        e += (x[row] - e) * 0.2**2
        assert kama[row] == pytest.approx(e, rel=1e-14)


def test_tolerance() -> None:
    """1e-9 of the value or the median, plus 16 ulp of the input; rows without a value do not count."""
    allowed = tolerance(np.array([np.nan, 1.0, -2.0, 300.0]), 1e8)
    np.testing.assert_allclose(allowed[1:], np.array([2e-9, 2e-9, 3e-7]) + 16 * 2.0**-52 * 1e8, rtol=1e-12)


# --------------------------------------------------------------------------- values of other sources
def data(*parts: str) -> Path:
    """Path of a shared data file; skips without the folder, but fails on CI."""
    path = DATA.joinpath(*parts)
    if not path.is_file():
        message = f"{'/'.join(parts)} is not in the data folder: set FASTCORE_DATA to it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def read_bars(*parts: str) -> Outputs:
    """Columns o, h, l, c, v of a CSV file."""
    with data(*parts).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        np.array([float(row[x]) for row in rows]) for x in ("open", "high", "low", "close", "volume")
    )


def skender(file: str, key: str) -> Array:
    """One column of Skender's frozen results, NaN where it has no value."""
    rows = json.loads(data("ref_skender_json", f"{file}.standard.json").read_text(encoding="utf-8"))
    return np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)


SKENDER = [
    ("sma", "sma", "SMA", "sma", {"period": 20}),
    ("ema", "ema", "EMA", "ema", {"period": 20}),
    ("wma", "wma", "WMA", "wma", {"period": 14}),
    ("smma", "smma", "RMA", "rma", {"period": 20}),
    ("rsi", "rsi", "RSI", "rsi", {"period": 14}),
    ("atr", "atr", "ATR", "atr", {"period": 14}),
    ("tr", "tr", "TRANGE", "trange", {}),
    ("bb", "upperBand", "BBANDS", "upper", {"period": 20}),
    ("bb", "sma", "BBANDS", "middle", {"period": 20}),
    ("bb", "lowerBand", "BBANDS", "lower", {"period": 20}),
    ("bb", "zScore", "ZSCORE", "zscore", {"period": 20}),
    ("stdev", "stdDev", "STDDEV", "stddev", {"period": 14}),
    ("stdev", "zScore", "ZSCORE", "zscore", {"period": 14}),
    ("willr", "williamsR", "WILLR", "willr", {"period": 14}),
    ("roc", "roc", "ROC", "roc", {"period": 14}),
    ("roc", "momentum", "MOM", "mom", {"period": 14}),
    ("stoch", "oscillator", "STOCH", "slowk", {"fastk": 14}),
    ("stoch", "signal", "STOCH", "slowd", {"fastk": 14}),
    ("epma", "epma", "LINEARREG", "linearreg", {"period": 10}),
    ("alligator", "jaw", "ALLIGATOR", "jaw", {}),
    ("alligator", "teeth", "ALLIGATOR", "teeth", {}),
    ("alligator", "lips", "ALLIGATOR", "lips", {}),
    ("cmo", "cmo", "CMOU", "cmou", {"period": 14}),
    ("vwap", "vwap", "AVWAP", "avwap", {}),
]
# Same recurrence from another seed: equal once the seed has decayed below 1e-10, see the data's README.
SKENDER_TAIL = [
    ("macd", "macd", "MACD", "macd"),
    ("macd", "signal", "MACD", "signal"),
    ("macd", "histogram", "MACD", "hist"),
    ("adx", "adx", "ADX", "adx"),
    ("adx", "pdi", "ADX", "plus_di"),
    ("adx", "mdi", "ADX", "minus_di"),
]


def skender_output(name: str, output: str, params: Params) -> Array:
    """Our output on the bars of Skender's results."""
    reference = REFERENCES[name]
    inputs = columns(reference, read_bars("bars_skender", "default.csv"))
    return reference.compute(*inputs, **complete(name, **params))[reference.outputs.index(output)]


@pytest.mark.parametrize(("file", "key", "name", "output", "params"), SKENDER)
def test_equals_skender(file: str, key: str, name: str, output: str, params: Params) -> None:
    """Skender's results for 502 daily bars, where its conventions are ours."""
    theirs = skender(file, key)
    if output == "slowk":
        theirs[:17] = np.nan  # It gives %K before the first %D; TA-Lib starts both together.
    assert_equal(skender_output(name, output, params), theirs, 1e-11, f"{name}.{output}")


@pytest.mark.parametrize(("file", "key", "name", "output"), SKENDER_TAIL)
def test_converges_to_skender(file: str, key: str, name: str, output: str) -> None:
    """The last rows of averages that Skender seeds differently."""
    assert_equal(skender_output(name, output, {})[450:], skender(file, key)[450:], 1e-10, f"{name}.{output}")


@pytest.mark.parametrize(
    ("key", "output"), [("upperBand", "upper"), ("centerline", "middle"), ("lowerBand", "lower")]
)
def test_equals_skender_donchian(key: str, output: str) -> None:
    """Skender leaves the current bar out of the channel: its row is our row before."""
    ours = skender_output("DONCHIAN", output, {"period": 20})
    assert_equal(ours[:-1], skender("donchian", key)[1:], 1e-11, f"DONCHIAN.{output}")


def test_equals_skender_obv() -> None:
    """Skender starts at 0, TA-Lib at the first volume."""
    ours = skender_output("OBV", "obv", {})
    assert_equal(ours - ours[0], skender("obv", "obv"), 0.0, "OBV")


def regression_rows(
    file: str, key: str, function: str, **where: str
) -> Iterator[tuple[int, int, int, float]]:
    """Period, first row, row and value of each full-range expectation in TA-Lib's regression tables."""

    def integer(text: str) -> int:
        first, _, second = text.partition("-")  # Written as 252-11, for example.
        return int(first) - int(second or 0)

    with data("ref_talib_regtest", file).open(newline="") as lines:
        for row in csv.DictReader(lines):
            wanted = row[key] == function and all(row[k] == v for k, v in where.items())
            if not wanted or row["expectedRetCode"] != "TA_SUCCESS" or row["startIdx"] != "0":
                continue
            if row["endIdx"] != "251" or row.get("unstablePeriod", "0") != "0":
                continue
            period = row.get("optInTimePeriod1") or row["optInTimePeriod"]
            numbers = {column.rstrip("0123456789"): text for column, text in row.items()}
            index, value = numbers["oneOfTheExpectedOutRealIndex"], numbers["oneOfTheExpectedOutReal"]
            if len(value.partition(".")[2]) < 2:
                continue  # The ADX table repeats its values rounded to integers, as Wilder did by hand.
            first = integer(row["expectedBegIdx"])
            yield int(period), first, first + integer(index), float(value)


AVERAGES = {"id": "TA_ANY_MA_TEST", "compatibility": "TA_COMPATIBILITY_DEFAULT"}
REGRESSION = [
    *(
        (name, "test_ma.csv", "optInMAType_1", f"TA_MAType_{name}", AVERAGES)
        for name in ("SMA", "EMA", "WMA", "KAMA")  # DEMA and TEMA are there with MetaStock's seed only.
    ),
    ("CCI", "test_per_hlc.csv", "theFunction", "TA_CCI_TEST", {}),
    ("WILLR", "test_per_hlc.csv", "theFunction", "TA_WILLR_TEST", {}),
    ("MFI", "test_per_hlcv.csv", "theFunction", "TA_MFI_TEST", {}),
    ("MOM", "test_mom.csv", "theFunction", "TA_MOM_TEST", {}),
    ("ROC", "test_mom.csv", "theFunction", "TA_ROC_TEST", {}),
    ("RSI", "test_rsi.csv", "theFunction", "TA_RSI_TEST", {"compatibility": "TA_COMPATIBILITY_DEFAULT"}),
    ("ADX", "test_adx.csv", "id", "TST_ADX", {}),
]


@pytest.mark.parametrize(("name", "file", "key", "function", "where"), REGRESSION)
def test_equals_regression_tables(
    name: str, file: str, key: str, function: str, where: dict[str, str]
) -> None:
    """Values TA-Lib's suite took from MetaStock and Excel, printed to two digits or more."""
    reference = REFERENCES[name]
    inputs = columns(reference, read_bars("ref_talib_regtest", "ohlcv_252.csv"))
    seen = 0
    for period, first, row, value in regression_rows(file, key, function, **where):
        (x, *_) = reference.compute(*inputs, **complete(name, period=period))
        assert np.flatnonzero(~np.isnan(x))[0] == first, (period, first)
        assert float(x[row]) == pytest.approx(value, abs=0.01), (period, row)
        seen += 1
    assert seen
