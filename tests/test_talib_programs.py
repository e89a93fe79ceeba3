"""Programs as people write them for TA-Lib, run as they are and with their imports changed: equal results."""

from __future__ import annotations

import copy
import gc
import re
from typing import Any

import fastcore.talib as ours
import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib as theirs
from samples import rng_of, walk_bars
from test_talib import columns_of, outputs

PROGRAMS = {
    "crossings of averages, with a stop": """
import numpy as np
import talib
from talib import MA_Type

upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0, matype=MA_Type.T3)
macd, signal, hist = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
rsi, atr = talib.RSI(close), talib.ATR(high, low, close, timeperiod=14)
long = (talib.SMA(close, 10) > talib.EMA(close, 30)) & (rsi < 70) & (hist > 0)
cash, held, stop = 1_000.0, 0.0, np.nan
for row in np.flatnonzero(~np.isnan(middle + hist + atr)):
    if held and (close[row] < stop or not long[row]):
        cash, held = held * close[row], 0.0
    elif not held and long[row]:
        held, cash, stop = cash / close[row], 0.0, close[row] - 2 * atr[row]
result = [upper, middle, lower, rsi, atr, long, cash + held * close[-1]]
""",
    "a frame with columns of indicators": """
import pandas as pd
import talib

df = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close, "volume": volume.astype(int)})
df.index = pd.date_range("2024-01-01", periods=len(df), freq="h")
df["rsi"] = talib.RSI(df["close"], timeperiod=14)
df["slowk"], df["slowd"] = talib.STOCH(df.high, df.low, df.close, 5, 3, 0, 3, 0)
df["mfi"] = talib.MFI(df.high, df.low, df.close, df.volume)
df["obv"] = talib.OBV(df["close"], df["volume"])
df["returns"] = talib.ROCP(df.close, timeperiod=1)
df["vol"] = talib.STDDEV(df.returns, 20, nbdev=1) * 252**0.5
df["adx"] = df[["high", "low", "close"]].pipe(lambda x: talib.ADX(x.high, x.low, x.close))
result = df.dropna()
""",
    "all candlestick patterns, by their group": """
import talib

found = {}
for name in talib.get_function_groups()["Pattern Recognition"]:
    hits = getattr(talib, name)(open_, high, low, close)
    found[name] = (int((hits > 0).sum()), int((hits < 0).sum()), hits.dtype.name)
result = [found, sorted(found, key=lambda n: (-sum(found[n][:2]), n))[:10]]
""",
    "a strategy's frame, by the abstract interface": """
import pandas as pd
import talib.abstract as ta

dataframe = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close, "volume": volume})
dataframe["ema9"] = ta.EMA(dataframe, timeperiod=9)
dataframe["ema_of_open"] = ta.EMA(dataframe, timeperiod=9, price="open")
fast = ta.STOCHF(dataframe, fastk_period=5, fastd_period=3, fastd_matype=0)
dataframe["fastk"], dataframe["fastd"] = fast["fastk"], fast["fastd"]
bands = ta.BBANDS(dataframe, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
dataframe["width"] = (bands["upperband"] - bands["lowerband"]) / bands["middleband"]
dataframe["sar"], dataframe["tema"] = ta.SAR(dataframe), ta.TEMA(dataframe, timeperiod=9)
dataframe["buy"] = (dataframe["fastk"] > dataframe["fastd"]) & (dataframe["tema"] > dataframe["ema9"])
result = dataframe
""",
    "every function by what it says of itself": """
import talib
from talib import abstract

columns = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
columns["periods"] = volume * 0 + 9
result = {}
flags = dict(zip(abstract.TA_OUTPUT_FLAGS.values(), abstract.TA_OUTPUT_FLAGS.keys()))
for name in talib.get_functions():
    if name in ("ACOS", "ASIN", "EXP", "COSH", "SINH"):
        continue
    function = abstract.Function(name)
    function.set_input_arrays(columns)
    outputs = function.outputs if len(function.output_names) > 1 else [function.outputs]
    lines = [sum(flags[one] for one in drawn) for drawn in function.output_flags.values()]
    result[name] = [function.lookback, lines, dict(zip(function.output_names, outputs))]
""",
    "bars as they come": """
import numpy as np
import talib
from talib import stream

history, handles, result = [], {}, []
for row in range(120):
    history.append(close[row])
    for name, more in (("RSI", {}), ("BBANDS", {"timeperiod": 10}), ("TRIX", {"timeperiod": 5})):
        if name in handles:
            forming = handles[name].peek(high[row])
            result.append((forming, handles[name].update(close[row]), handles[name].value))
            continue
        try:
            handles[name] = getattr(stream, name)(np.array(history), **more)
        except talib.InsufficientHistory as error:
            result.append(str(error))
result += [tuple(handle.out_range) for handle in handles.values()]
""",
    "settings of the process": """
import talib

talib.set_compatibility(1)
talib.set_unstable_period("EMA", 20)
try:
    ema, macd = talib.EMA(close, 10), talib.MACD(close)
finally:
    talib.set_unstable_period("ALL", 0)
result = [ema, macd, talib.get_unstable_period("EMA"), talib.get_compatibility(), talib.MACD(close, 9, 9, 4)]
""",
    "polars": """
import polars as pl
import talib

frame = pl.DataFrame({"high": high, "low": low, "close": close})
result = frame.with_columns(
    rsi=talib.RSI(frame["close"]),
    atr=talib.ATR(frame["high"], frame["low"], frame["close"]),
    sma=pl.col("close").map_batches(lambda x: talib.SMA(x, 5), return_dtype=pl.Float64),
)
""",
    "names of older programs": """
import talib
from talib import func

names = [name for names in talib.__function_groups__.values() for name in names]
result = [func.SMA(close, 5), names, talib.__TA_FUNCTION_NAMES__, sorted(talib.__all__)[:20]]
""",
}


def run(program: str, drop_in: bool) -> Any:
    """What a program leaves as its result."""
    if drop_in:
        program = re.sub(r"^import talib$", "import fastcore.talib as talib", program, flags=re.MULTILINE)
        program = re.sub(r"^(from|import) talib", r"\1 fastcore.talib", program, flags=re.MULTILINE)
    gc.collect()  # no stream of TA-Lib's may be left where a program sets something
    names = ("open_", "high", "low", "close", "volume")
    space = dict(zip(names, walk_bars(rng_of("programs"), 400, 100.0), strict=True))
    exec(program, space)
    return space["result"]


def assert_alike(got: Any, wanted: Any, where: str) -> None:
    """Equal kinds, names and whole numbers; other numbers to rounding."""
    assert type(got) is type(wanted), where
    if isinstance(wanted, dict):
        assert list(got) == list(wanted), where
        for key in wanted:
            assert_alike(got[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, (list, tuple)):
        assert len(got) == len(wanted), where
        for i, (x, y) in enumerate(zip(got, wanted, strict=True)):
            assert_alike(x, y, f"{where}/{i}")
    elif isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(got, wanted, rtol=1e-8, atol=1e-7)
    elif isinstance(wanted, pl.DataFrame):
        assert got.schema == wanted.schema, where
        np.testing.assert_allclose(got.to_numpy(), wanted.to_numpy(), 1e-8, 1e-7, err_msg=where)
    elif isinstance(wanted, np.ndarray):
        assert got.dtype == wanted.dtype, where
        np.testing.assert_allclose(got, wanted, 1e-8, 1e-7, err_msg=where)
    elif isinstance(wanted, float):
        assert got == pytest.approx(wanted, rel=1e-8, abs=1e-7), where
    else:
        assert got == wanted, where


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_runs_with_its_imports_changed(what: str) -> None:
    """And finds what it found."""
    assert_alike(run(PROGRAMS[what], drop_in=True), run(PROGRAMS[what], drop_in=False), what)


def test_series_and_frames_that_are_derived_are_series_and_frames() -> None:
    """As TA-Lib asks whether a value is one, and not what its class is called."""

    class Prices(pd.Series):  # type: ignore[misc, unused-ignore]
        pass

    class Bars(pd.DataFrame):  # type: ignore[misc, unused-ignore]
        pass

    close = walk_bars(rng_of("derived"), 60, 100.0)[3]
    for module in (ours, theirs):
        average = module.SMA(Prices(close, index=np.arange(60) + 7), 5)
        assert type(average) is pd.Series
        assert average.index[0] == 7
    from fastcore.talib import abstract

    assert type(abstract.SMA(Bars({"close": close}), 5)) is pd.Series


def test_periods_of_macd_may_be_equal() -> None:
    """Then nothing is between its averages; other ranges stay as they are."""
    close = walk_bars(rng_of("equal"), 80, 100.0)[3]
    for periods in ((2, 2, 1), (9, 9, 4), (30, 30, 9), (100_000, 100_000, 100_000)):
        for x, y in zip(ours.MACD(close, *periods), theirs.MACD(close, *periods), strict=True):
            np.testing.assert_array_equal(x, y)
        assert ours.abstract.Function("MACD", *periods).lookback == periods[1] + periods[2] - 2
    for periods in ((1, 1, 3), (100_001, 100_001, 3), (9, 9, 0)):
        with pytest.raises(Exception, match="TA_MACD function failed with error code 2"):
            ours.MACD(close, *periods)
    handle = ours.stream.MACD(close, 9, 9, 4)
    assert handle.update(100.0) == theirs.stream.MACD(close, 9, 9, 4).update(100.0) == (0.0, 0.0, 0.0)


def test_modules_list_their_functions() -> None:
    """For those who look around in a console."""
    from fastcore.talib import abstract

    for module in (ours, ours.stream, abstract):
        assert {"SMA", "CDLDOJI", "HT_SINE"} <= set(dir(module))


@pytest.mark.parametrize("name", ours.get_functions())
def test_outputs_are_arrays_of_their_own(name: str) -> None:
    """To be written to, whatever was given, and with any unstable period."""
    columns = columns_of(name, 120)
    for period in (0, 3):
        ours.set_unstable_period("ALL", period)
        try:
            for params in ({}, {"timeperiod": 1}) if name == "MA" else ({},):  # which copies the input
                found = outputs(getattr(ours, name)(*columns, **params))
                for i, one in enumerate(found):
                    assert one.flags.writeable and one.flags.c_contiguous
                    assert not any(np.shares_memory(one, other) for other in (*columns, *found[i + 1 :]))
        finally:
            ours.set_unstable_period("ALL", 0)


def test_arguments_by_name_mean_what_they_mean_by_position() -> None:
    """Arrays by name, parameters by name behind others by position; twice is once too often."""
    high, low, close = walk_bars(rng_of("names"), 60, 100.0)[1:4]
    wanted = theirs.STOCH(high, low, close, 7, 4, 0, 5)
    for got in (
        ours.STOCH(high, low, close, 7, 4, slowd_period=5),
        ours.STOCH(high, low, close, slowd_period=5, slowk_period=4, fastk_period=7),
        ours.STOCH(high, close=close, low=low, fastk_period=7, slowk_period=4, slowd_period=5),
        ours.STOCH(close=close, high=high, low=low, fastk_period=7, slowk_period=4, slowd_period=5),
    ):
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_allclose(x, y, 1e-8, 1e-9)
    for module in (ours, theirs):
        with pytest.raises(TypeError):
            module.STOCH(high, low, close, 7, fastk_period=7)
        with pytest.raises(TypeError):
            module.STOCH(high, low, close, high=high)


@pytest.mark.parametrize("name", ["EMA", "STOCH", "CDLDOJI", "HT_TRENDMODE", "MAXINDEX", "ADD", "SUPERTREND"])
def test_a_bar_of_any_numbers_is_the_same_bar(name: str) -> None:
    """Floats, which go straight to the indicator, NumPy's, and whole numbers; copies go their own ways."""
    columns = [np.floor(x) for x in columns_of(name, 120)]
    handle = getattr(ours.stream, name)(*(x[:100] for x in columns))
    other = getattr(theirs.stream, name)(*(x[:100] for x in columns))
    twins = [handle.copy(), copy.copy(handle), copy.deepcopy(handle), copy.copy(handle)]
    for row in range(100, 120):
        bar = [float(x[row]) for x in columns]
        value, peeked = handle.peek(*bar), handle.update(*bar)
        assert value == peeked == handle.value == pytest.approx(other.update(*bar), rel=1e-8, abs=1e-7)
        for twin, kind in zip(twins, (int, np.float64, np.float32, float), strict=True):
            given = [kind(x) for x in bar]
            assert (twin.peek(*given), twin.update(*given), twin.value) == (value, value, value)
            assert type(twin.value) is type(value)
    for bad in (np.nan, np.float64(np.inf), -np.inf):
        with pytest.raises(Exception, match="TA_BAD_PARAM"):
            handle.update(*[bad] * len(columns))
    assert handle.value == value and handle.out_range == tuple(other.out_range)
