"""The drop-in for TA-Lib beside TA-Lib: every function, with all that its Python package promises."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import fastcore.talib as ours
import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib as theirs
import talib.abstract
from fastcore.talib import abstract
from samples import grid_bars, rng_of, scaled, walk_bars

ROWS = 300
NAMES = ours.get_functions()
PATTERNS = [name for name in theirs.get_functions() if name.startswith("CDL")]
every_function = pytest.mark.parametrize("name", NAMES)

Columns = list[np.ndarray[Any, np.dtype[np.float64]]]
# Where prices stand still, TA-Lib's Hilbert transforms, KAMA and MAMA are its rounding.
UNSTEADY = {6, 7}


def columns_of(name: str, rows: int = ROWS, seed: str = "") -> Columns:
    """Inputs of a function: bars of a walk, periods, or small numbers for arithmetic."""
    rng = rng_of("talib", name, seed)
    open_, high, low, close, volume = walk_bars(rng, rows, 100.0)
    known = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    known["periods"] = rng.integers(-3, 40, rows).astype(np.float64)
    arrays = [known[column] for column in abstract.Function(name)._described.columns]
    maths = theirs.abstract.Function(name).info["group"] == "Math Transform"
    return [rng.uniform(0.01, 0.99, rows) for _ in arrays] if maths else arrays


def params_of(name: str, draws: int = 6) -> Iterator[dict[str, Any]]:
    """Nothing, that is defaults, and some draws that TA-Lib takes."""
    yield {}
    rng = rng_of("params", name)
    for _ in range(draws):
        params: dict[str, Any] = {}
        for key, default in theirs.abstract.Function(name).parameters.items():
            if "matype" in key:
                params[key] = int(rng.choice([kind for kind in range(14) if kind not in UNSTEADY]))
            elif isinstance(default, int):
                params[key] = int(rng.integers(2, 30))
            else:
                params[key] = float(rng.uniform(0.02, 0.9))
        if name == "MAVP":
            params["minperiod"], params["maxperiod"] = sorted((params["minperiod"], params["maxperiod"]))
        yield params


def outputs(result: Any) -> list[np.ndarray[Any, Any]]:
    """One array or several, as a list."""
    return list(result) if isinstance(result, tuple) else [result]


def assert_equal(name: str, got: Any, wanted: Any, what: object = "") -> None:
    """The same kinds, the same rows without a value, whole numbers equal, others to rounding."""
    ours_, theirs_ = outputs(got), outputs(wanted)
    assert len(ours_) == len(theirs_)
    assert isinstance(got, tuple) == isinstance(wanted, tuple)
    for x, y in zip(ours_, theirs_, strict=True):
        assert x.dtype == y.dtype, (name, what)
        if x.dtype == np.int32:
            np.testing.assert_array_equal(x, y, err_msg=f"{name} {what}")
            continue
        np.testing.assert_array_equal(
            np.isnan(x), np.isnan(y), err_msg=f"{name} {what}: rows without a value"
        )
        finite = y[np.isfinite(y)]
        size = np.abs(finite).max(initial=1.0)
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9 * size, err_msg=f"{name} {what}")


def failure(call: Callable[[], Any]) -> tuple[type, str]:
    """What a call raises."""
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


# ------------------------------------------------------------------------------------------- functions
def test_the_names_are_talibs() -> None:
    """All of them, group by group; candlesticks as far as the catalogue has them."""
    missing = [name for name in theirs.get_functions() if name not in NAMES]
    assert set(missing) <= set(PATTERNS)
    assert [name for name in theirs.get_functions() if name in NAMES] == NAMES
    groups = theirs.get_function_groups()
    for group, names in ours.get_function_groups().items():
        assert names == [name for name in groups[group] if name in NAMES]
    assert set(NAMES) <= set(ours.__all__)
    assert set(NAMES) <= set(dir(ours))
    with pytest.raises(AttributeError, match="no attribute 'NOTHING'"):
        ours.NOTHING  # noqa: B018


@every_function
def test_equals_talib_with_default_and_drawn_parameters(name: str) -> None:
    """To rounding, on the same rows, by position and by name."""
    columns = columns_of(name)
    for params in params_of(name, scaled(6, 30)):
        wanted = getattr(theirs, name)(*columns, **params)
        assert_equal(name, getattr(ours, name)(*columns, **params), wanted, params)
        assert_equal(name, getattr(ours, name)(*columns, *params.values()), wanted, params)


@every_function
def test_equals_talib_on_short_inputs_and_behind_leading_nan(name: str) -> None:
    """Down to nothing; leading NaN in any input is left out."""
    for rows in (0, 1, 2, 3, 10, 30, 60):
        columns = columns_of(name, rows)
        assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns), rows)
    for lead in (1, 7, 290, ROWS - 1):
        columns = columns_of(name)
        for place, column in enumerate(columns):
            column[: max(lead - place, 0)] = np.nan
        assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns), lead)


@every_function
def test_nothing_but_nan_gives_no_value(name: str) -> None:
    """Where TA-Lib starts a total anyway, with the last row, we do not."""
    columns = [np.full(40, np.nan) for _ in columns_of(name, 40)]
    wanted = outputs(getattr(theirs, name)(*columns))
    for got, other in zip(outputs(getattr(ours, name)(*columns)), wanted, strict=True):
        assert got.dtype == other.dtype
        np.testing.assert_array_equal(got[:-1], other[:-1])
        assert got[-1] == 0 if got.dtype == np.int32 else np.isnan(got[-1])


@every_function
def test_a_nan_in_the_middle_spoils_its_own_row_or_all_from_there(name: str) -> None:
    """Formulas of one row as in TA-Lib; what has a memory has no value after it."""
    columns = columns_of(name)
    clean = outputs(getattr(ours, name)(*columns))
    for column in columns:
        column[200] = np.nan
    for before, after in zip(clean, outputs(getattr(ours, name)(*columns)), strict=True):
        np.testing.assert_array_equal(after[:200], before[:200])
        spoiled = np.isnan(after[200:]) if after.dtype != np.int32 else after[200:] == 0
        assert spoiled[0]
        assert spoiled.all() or (not spoiled[1:].any())
    group = abstract.Function(name).info["group"]
    if group in ("Math Transform", "Price Transform") and name not in ("HA", "AVGDEV"):
        assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns))


@every_function
def test_errors_are_of_talibs_kinds(name: str) -> None:
    """Wrong types, lengths, dimensions and parameters: the same exceptions."""
    good = columns_of(name)
    mine, other = getattr(ours, name), getattr(theirs, name)
    bad: list[Columns | list[Any]] = [
        [good[0].astype(np.float32), *good[1:]],
        [good[0].astype(np.int64), *good[1:]],
        [np.zeros((3, 3)), *good[1:]],
        [good[0].tolist(), *good[1:]],
        [None, *good[1:]],
    ]
    if len(good) > 1:
        bad.append([good[0][:-1], *good[1:]])
    for columns in bad:
        assert failure(lambda c=columns: mine(*c)) == failure(lambda c=columns: other(*c))
    assert failure(lambda: mine(*good[1:]))[0] is failure(lambda: other(*good[1:]))[0] is TypeError
    mine_kind, other_kind = (failure(lambda f=f: f(*good, nothing=1))[0] for f in (mine, other))
    assert mine_kind is other_kind is TypeError
    for key, default in theirs.abstract.Function(name).parameters.items():
        wrong: list[Any] = [-7, 200_000] if isinstance(default, int) else [4e37]
        for value in wrong:
            params = {key: value}
            assert failure(lambda p=params: mine(*good, **p)) == failure(lambda p=params: other(*good, **p))
        kinds = (
            failure(lambda k=key: mine(*good, **{k: "a"})),
            failure(lambda k=key: other(*good, **{k: "a"})),
        )
        assert kinds[0][0] == kinds[1][0]


@every_function
def test_series_of_pandas_and_polars_come_back_as_they_went(name: str) -> None:
    """With pandas' index; never both at once."""
    columns = columns_of(name, 80)
    plain = outputs(getattr(ours, name)(*columns))
    index = pd.date_range("2024-01-01", periods=80)
    for series in outputs(getattr(ours, name)(*(pd.Series(x, index=index) for x in columns))):
        assert isinstance(series, pd.Series)
        assert series.index is index or series.index.equals(index)
    polar = outputs(getattr(ours, name)(*(pl.Series(x) for x in columns)))
    for series, wanted in zip(polar, plain, strict=True):
        assert isinstance(series, pl.Series)
        np.testing.assert_array_equal(series.to_numpy(), wanted)
    if len(columns) > 1:
        with pytest.raises(Exception, match="Cannot mix polars and pandas"):
            getattr(ours, name)(pl.Series(columns[0]), *(pd.Series(x) for x in columns[1:]))


def test_unstable_periods_hide_rows_of_the_function_they_name() -> None:
    """As in TA-Lib, for all functions that have one."""
    gc.collect()  # no stream of TA-Lib's may be left
    named = [name for name in NAMES if _has_unstable(name)]
    assert len(named) >= 20
    for name in named:
        columns = columns_of(name)
        for module in (ours, theirs):
            module.set_unstable_period(name, 17)
        try:
            assert ours.get_unstable_period(name) == theirs.get_unstable_period(name) == 17
            assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns))
        finally:
            for module in (ours, theirs):
                module.set_unstable_period(name, 0)
    ours.set_unstable_period("ALL", 3)
    assert ours.get_unstable_period("RSI") == 3
    ours.set_unstable_period("ALL", 0)
    with pytest.raises(KeyError):
        ours.set_unstable_period("SMA", 3)
    with pytest.warns(DeprecationWarning):
        ours.set_unstable_period("MFI", 3)


def _has_unstable(name: str) -> bool:
    try:
        return name not in ("ADXR", "MFI", "STOCHRSI") and theirs.get_unstable_period(name) == 0
    except KeyError:
        return False


def test_kinds_of_averages_have_talibs_numbers_and_names() -> None:
    """MA_Type by attribute and by number."""
    for number in range(14):
        assert ours.MA_Type[number] == theirs.MA_Type[number]
    for name in ("SMA", "EMA", "T3", "HMA", "DISABLED", "DEFAULT", "ZLEMA", "RMA"):
        assert getattr(ours.MA_Type, name) == getattr(theirs.MA_Type, name)
    for number in (-1, 14, "SMA"):
        with pytest.raises(KeyError):
            ours.MA_Type[number]


def test_it_imports_neither_talib_nor_frames() -> None:
    """A drop-in that needs what it stands for is none."""
    program = "import sys, fastcore.talib; print(sorted({'talib', 'pandas', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --------------------------------------------------------------------------------------------- streams
@every_function
def test_streams_go_on_as_talibs_do(name: str) -> None:
    """Opened on history, fed, peeked, copied and advanced: value and range after each."""
    columns = columns_of(name)
    for params in params_of(name, 2):
        mine = getattr(ours.stream, name)(*(x[:250] for x in columns), **params)
        other = getattr(theirs.stream, name)(*(x[:250] for x in columns), **params)
        assert mine.out_range == tuple(other.out_range)
        same_value(name, mine.value, other.value)
        for row in range(250, 255):
            bar = [float(x[row]) for x in columns]
            same_value(name, mine.peek(*bar), other.peek(*bar))
            fork = mine.copy()
            same_value(name, mine.update(*bar), other.update(*bar))
            assert fork.update(*bar) == mine.value
            assert mine.out_range == tuple(other.out_range)
        mine.advance()
        other.advance()
        assert mine.out_range == tuple(other.out_range)
        bar = [float(x[256]) for x in columns]
        same_value(name, mine.update(*bar), other.update(*bar))


def same_value(name: str, mine: Any, other: Any) -> None:
    """Equal to rounding, and of the same kind."""
    assert type(mine) is type(other), name
    pairs = zip(mine, other, strict=True) if isinstance(mine, tuple) else [(mine, other)]
    for x, y in pairs:
        assert type(x) is type(y), name
        assert x == pytest.approx(y, rel=1e-8, abs=1e-7, nan_ok=True), name


@every_function
def test_a_stream_is_the_function_bar_by_bar(name: str) -> None:
    """To the bit, from the first bar that it can be opened on."""
    columns = columns_of(name, 220)
    begin = abstract.Function(name).lookback + 1
    handle, filled = getattr(ours.stream, name).open_and_fill(*(x[:begin] for x in columns))
    whole = outputs(getattr(ours, name)(*columns))
    for part, all_ in zip(outputs(filled), whole, strict=True):
        np.testing.assert_array_equal(part, all_[:begin])
    for row in range(begin, 220):
        value = handle.update(*(float(x[row]) for x in columns))
        wanted = tuple(x[row].item() for x in whole)
        got = value if isinstance(value, tuple) else (value,)
        np.testing.assert_array_equal(got, wanted, err_msg=f"{name} row {row}")


@every_function
def test_a_stream_on_a_history_with_a_hole_is_the_function_on_it(name: str) -> None:
    """No value behind a NaN, where a function has a memory; the bar after it is a bar as any other."""
    columns = columns_of(name)
    for column in columns:
        column[200] = np.nan
    handle = getattr(ours.stream, name)(*(x[:250] for x in columns))
    whole = outputs(getattr(ours, name)(*columns))
    for row in range(250, 255):
        bar = [float(x[row]) for x in columns]
        for one in (handle.peek(*bar), handle.copy().update(*bar), handle.update(*bar)):
            np.testing.assert_array_equal(one, [x[row] for x in whole] if len(whole) > 1 else whole[0][row])


def test_streams_refuse_what_talibs_refuse() -> None:
    """Too little history, bars that are not finite, wrong arguments; a refused bar changes nothing."""
    history = np.arange(40.0)
    for module in (ours, theirs):
        with pytest.raises(module.InsufficientHistory, match="3 bars of history, at least 5 needed"):
            module.stream.SMA(history[:3], timeperiod=5)
        with pytest.raises(module.InsufficientHistory, match="the input array is empty"):
            module.stream.SMA(history[:0])
        handle = module.stream.SMA(history, timeperiod=5)
        for bad in (np.nan, np.inf):
            with pytest.raises(Exception, match=r"TA_SMA_Update .* \(TA_BAD_PARAM\)"):
                handle.update(bad)
        for wrong in (("1",), (None,), (1.0, 2.0)):
            with pytest.raises(TypeError):
                handle.update(*wrong)
        assert (handle.value, tuple(handle.out_range)) == (37.0, (4, 36))
        with pytest.raises(Exception, match=r"TA_SMA_Open .* \(TA_BAD_PARAM\)"):
            module.stream.SMA(history, timeperiod=0)
        with pytest.raises(TypeError, match="input must be a numpy array"):
            module.stream.SMA([1.0, 2.0])
        with pytest.raises(TypeError, match="cannot pickle"):
            handle.__reduce__()


# -------------------------------------------------------------------------------------------- abstract
@every_function
def test_abstract_functions_describe_themselves_as_talibs(name: str) -> None:
    """Info, flags, parameters, lookback."""
    mine, other = abstract.Function(name.lower()), theirs.abstract.Function(name)
    assert mine.info == {key: _plain(value) for key, value in other.info.items()}
    assert mine.lookback == other.lookback
    for params in params_of(name, 4):
        mine.parameters = params
        other.parameters = params
        assert mine.parameters == dict(other.parameters)
        assert mine.lookback == other.lookback
    assert getattr(abstract, name) is getattr(abstract, name)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


@every_function
def test_abstract_functions_take_frames_and_arrays(name: str) -> None:
    """Dicts, frames of pandas and Polars, arrays one by one."""
    rows = dict(
        zip(("open", "high", "low", "close", "volume"), walk_bars(rng_of(name), 120, 100.0), strict=True)
    )
    rows["periods"] = np.full(120, 7.0)
    wanted = theirs.abstract.Function(name)(rows)
    listed = wanted if isinstance(wanted, list) else [wanted]
    mine = abstract.Function(name)
    got = mine(rows)
    for x, y in zip(got if isinstance(got, list) else [got], listed, strict=True):
        assert_equal(name, x, y)
    frame = pd.DataFrame(rows)
    whole, other = mine(frame), theirs.abstract.Function(name)(frame)
    assert type(whole) is type(other)
    if isinstance(whole, pd.DataFrame):
        assert list(whole.columns) == list(other.columns)
    polar = mine(pl.DataFrame(rows))
    assert isinstance(polar, pl.Series if len(listed) == 1 else pl.DataFrame)
    arrays = [rows[column] for column in mine._described.columns]
    again = mine(*arrays)
    for x, y in zip(again if isinstance(again, list) else [again], listed, strict=True):
        assert_equal(name, x, y)


def test_abstract_functions_keep_what_they_are_given() -> None:
    """Columns, parameters and input names; a call keeps its columns only."""
    for module in (abstract, theirs.abstract):
        rows = {key: np.arange(40.0) + place for place, key in enumerate(("open", "high", "low", "close"))}
        sma = module.Function("SMA", rows, 5)
        assert sma.parameters["timeperiod"] == 5
        np.testing.assert_allclose(sma.outputs[4:], theirs.SMA(rows["close"], 5)[4:])
        sma.input_names = {"price": "open"}
        np.testing.assert_allclose(sma.run()[4:], theirs.SMA(rows["open"], 5)[4:])
        np.testing.assert_allclose(sma(timeperiod=7)[6:], theirs.SMA(rows["open"], 7)[6:])
        assert sma.parameters["timeperiod"] == 5
        sma.set_parameters(timeperiod=9)
        assert sma.lookback == 8
        with pytest.raises(
            TypeError, match=r"Invalid parameter value for timeperiod \(expected int, got float\)"
        ):
            sma.parameters = {"timeperiod": 2.5}
        with pytest.raises(Exception, match="missing required data key: high"):
            module.Function("ATR").set_input_arrays({"low": rows["low"], "close": rows["close"]})
        with pytest.raises(TypeError, match="Not enough price arguments: expected 3"):
            module.Function("ATR")(rows["high"])
        with pytest.raises(TypeError, match="Too many price arguments: expected 1"):
            module.Function("SMA")(rows["high"], rows["low"])
        with pytest.raises(Exception, match="NOTHING not supported by TA-LIB"):
            module.Function("nothing")
        assert "SMA(" in str(sma)
        assert "'Overlap Studies'" in repr(sma)


def test_a_market_that_stands_still_has_no_value_that_talib_has_not() -> None:
    """Bars on a grid, with stretches in which nothing moves."""
    open_, high, low, close, volume = grid_bars(rng_of("grid"), ROWS)
    for name, columns in {
        "RSI": (close,),
        "STOCH": (high, low, close),
        "WILLR": (high, low, close),
        "BOP": (open_, high, low, close),
        "MFI": (high, low, close, volume),
        "AROON": (high, low),
        "SAR": (high, low),
    }.items():
        assert_equal(name, getattr(ours, name)(*columns), getattr(theirs, name)(*columns))
