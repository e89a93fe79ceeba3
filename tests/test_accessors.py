"""Indicators as methods of frames, columns and expressions: the values of the plain call."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import fastcore as fc
import fastcore.pandas
import fastcore.polars
import numpy as np
import pandas as pd
import polars as pl
import pytest
from samples import NAMES, ROWS, assert_same_bits, columns_of, function, rng_of, stacked

every_name = pytest.mark.parametrize("name", NAMES)


def named(name: str) -> dict[str, Any]:
    """Inputs of an indicator by name."""
    columns = columns_of(name, rng_of("accessors", name), 60)
    return dict(zip(ROWS[name]["inputs"], columns, strict=True))


def outputs(name: str) -> list[str]:
    return [output["name"] for output in ROWS[name]["outputs"]]


def bits(name: str, result: Any, inputs: dict[str, Any]) -> None:
    """The result's columns are those of the plain call."""
    expected = stacked(function(name)(*inputs.values()))
    several = len(outputs(name)) > 1
    parts = [result[output] for output in outputs(name)] if several else [result]
    for part, values in zip(parts, expected, strict=True):
        assert_same_bits(part.to_numpy(), values, name)


@every_name
def test_pandas_frames_and_columns(name: str) -> None:
    """Columns are found by the inputs' names, whatever their case; the index survives."""
    inputs = named(name)
    index = pd.date_range("2024-01-01", periods=60, freq="1min", name="when")
    frame = pd.DataFrame({column.title(): values for column, values in inputs.items()}, index=index)
    result = getattr(frame.fc, name.lower())()
    bits(name, result, inputs)
    assert result.index.equals(index)
    assert result.index.name == "when"
    if len(outputs(name)) == 1:
        assert result.name == name.lower()
    else:
        assert list(result.columns) == outputs(name)
    first, *others = [frame[column] for column in frame.columns]
    by_series = getattr(first.fc, name.lower())(*others)
    bits(name, by_series, inputs)
    assert by_series.index.equals(index)


@every_name
def test_polars_frames_columns_and_expressions(name: str) -> None:
    """Also lazily, and of a frame in several pieces."""
    inputs = named(name)
    frame = pl.DataFrame(inputs)
    bits(name, getattr(frame.fc, name.lower())(), inputs)
    first, *others = frame.columns
    bits(name, getattr(frame[first].fc, name.lower())(*[frame[one] for one in others]), inputs)
    pieces = pl.concat([frame[:20], frame[20:]], rechunk=False)
    expression = getattr(pl.col(first).fc, name.lower())(*others).alias("out")
    for result in (
        frame.select(expression),
        pieces.select(expression),
        frame.lazy().select(expression).collect(),
    ):
        bits(name, result["out"].struct.unnest() if len(outputs(name)) > 1 else result["out"], inputs)


def test_expressions_by_group() -> None:
    """Each group begins anew; rows stay where they are."""
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"symbol": rng.choice(["a", "b", "c"], 200), "close": rng.random(200)})
    result = frame.with_columns(pl.col("close").fc.ema(5).over("symbol").alias("ema"))
    for symbol in "abc":
        part = result.filter(symbol=symbol)
        assert_same_bits(part["ema"].to_numpy(), fc.ema(part["close"].to_numpy(), 5), symbol)


def test_inputs_may_be_expressions_and_named() -> None:
    """By position, by name, or computed."""
    frame = pl.DataFrame(named("ATR"))
    expected = fc.atr(*(frame[name].to_numpy() for name in ("high", "low", "close")), period=5)
    for expression in (
        pl.col("high").fc.atr("low", "close", 5),
        pl.col("high").fc.atr("low", close="close", period=5),
        (pl.col("high") * 1.0).fc.atr(low=pl.col("low"), close=pl.col("close") + 0.0, period=5),
    ):
        assert_same_bits(frame.select(expression).to_series().to_numpy(), expected, "atr")


def test_columns_can_be_named() -> None:
    """Where they are called otherwise; a price stands for a close."""
    frame = pd.DataFrame({"price": [1.0, 2.0, 4.0], "bid": [1.0, 1.0, 3.0]})
    assert frame.fc.sma(2).tolist()[1:] == [1.5, 3.0]
    assert frame.fc.sma(2, columns={"close": "bid"}).tolist()[1:] == [1.0, 2.0]
    assert pl.DataFrame(frame).fc.sma(2, columns={"close": "bid"}).to_list()[1:] == [1.0, 2.0]


def test_nulls_are_rows_without_a_number() -> None:
    """They give NaN, leave the state as it was, and the next row goes on from there."""
    values = [1.0, None, 2.0, 4.0]
    expected = [np.nan, np.nan, 1.5, 3.0]
    frame = pl.DataFrame({"close": values})
    assert np.array_equal(
        frame.select(pl.col("close").fc.sma(2)).to_series().to_numpy(), expected, equal_nan=True
    )
    assert np.array_equal(frame.fc.sma(2).to_numpy(), expected, equal_nan=True)
    assert np.array_equal(pd.DataFrame({"close": values}).fc.sma(2).to_numpy(), expected, equal_nan=True)


def address(column: Any) -> int:
    """Where a column's numbers lie."""
    bare = column if isinstance(column, np.ndarray) else column.to_numpy()
    place: int = bare.__array_interface__["data"][0]
    return place


def test_columns_are_read_and_made_without_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the native call reads is the column's own memory, and its result is the new column's."""
    seen: list[tuple[int, int]] = []

    class Spy(fc.Indicator):
        def _batch(self, *columns: Any) -> Any:
            results = super()._batch(*columns)
            seen.append((address(columns[0]), address(results[0])))
            return results

    monkeypatch.setattr(fastcore.pandas, "_core", SimpleNamespace(Indicator=Spy))
    monkeypatch.setattr(fastcore.polars, "_core", SimpleNamespace(Indicator=Spy))
    values = np.arange(100.0)
    table = pl.DataFrame({"close": values})
    frame = pd.DataFrame({"close": values, "open": values}, copy=False)
    cases: list[tuple[Any, Callable[[], Any]]] = [
        (frame, lambda: frame.fc.sma(2)),
        (frame, lambda: frame.fc.bop(columns={"high": "open", "low": "open"})),
        (table, lambda: table.select(pl.col("close").fc.sma(2))["close"]),
    ]
    for number, (whole, result) in enumerate(cases):
        made = result()
        assert len(seen) == number + 1, "not by the native call"
        name = "open" if number == 1 else "close"
        assert seen[-1] == (address(whole[name]), address(made)), number
    assert seen[0][0] == address(values)


def test_columns_by_pandas_own_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of another class, columns that are no arrays, two of one name, a pandas without arrays."""
    frame: Any = pd.DataFrame(named("ATR"), index=pd.RangeIndex(60, 0, -1))
    expected = frame.fc.atr(period=5)

    class Bars(pd.DataFrame):
        @property
        def _constructor(self) -> type:
            return Bars

    for one in (Bars(frame), frame.astype("Float64"), frame.astype({"low": "double[pyarrow]"})):
        pd.testing.assert_series_equal(one.fc.atr(period=5), expected, check_exact=True)
    with pytest.raises(TypeError, match=r"ATR\.batch: high must be an array of real numbers"):
        frame.astype(object).fc.atr(period=5)
    twice: Any = pd.DataFrame(np.ones((9, 2)), columns=["close", "close"])
    with pytest.raises(fc.InputError, match="no column of numbers"):
        twice.fc.sma(2)
    monkeypatch.setattr(fastcore.pandas, "_AS_THEY_LIE", False)
    pd.testing.assert_series_equal(frame.fc.atr(period=5), expected, check_exact=True)
    several = frame.fc.donchian(period=5)
    monkeypatch.undo()
    pd.testing.assert_frame_equal(frame.fc.donchian(period=5), several, check_exact=True)


def test_columns_are_found_anew_when_they_change() -> None:
    """Renamed, moved, added in place: places that were right are not kept for other columns."""
    frame: Any = pd.DataFrame({"close": [1.0, 2.0], "open": [5.0, 7.0]})
    assert frame.fc.sma(2).iloc[-1] == 1.5
    frame.columns = ["open", "close"]
    assert frame.fc.sma(2).iloc[-1] == 6.0
    frame.insert(0, "Close", [10.0, 20.0])
    assert frame.fc.sma(2).iloc[-1] == 15.0  # the first of them, whatever its case
    del frame["Close"]
    assert frame.fc.sma(2).iloc[-1] == 6.0
    frame.columns = frame.columns.str.replace("close", "last")
    with pytest.raises(fc.UnknownNameError, match="needs a column 'close'"):
        frame.fc.sma(2)


@every_name
def test_expressions_by_polars_own_constructor(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Polars without the short way from an array to a Series."""
    assert fastcore.polars._series is not pl.Series, "the short way is not there: say so in _constructor"
    frame = pl.DataFrame(named(name))
    first, *others = frame.columns
    expression = getattr(pl.col(first).fc, name.lower())(*others)
    short = frame.select(expression)
    monkeypatch.setattr(fastcore.polars, "_FLOATS", None)
    assert fastcore.polars._constructor() is pl.Series
    monkeypatch.setattr(fastcore.polars, "_series", pl.Series)
    assert frame.select(expression).equals(short)


def test_what_cannot_be_is_a_sentence() -> None:
    """A column that is not there, a parameter out of its range, an input too few: before any work."""
    frame = pd.DataFrame({"open": [1.0]})
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: frame.fc.rsi(), fc.UnknownNameError, "rsi needs a column 'close'; the frame has open"),
        (
            lambda: pl.DataFrame(frame).fc.rsi(columns={"close": "last"}),
            fc.UnknownNameError,
            "rsi needs a column 'last'",
        ),
        (lambda: pl.col("close").fc.rsi(0), fc.ParameterError, "RSI.period must be a whole number from 2"),
        (
            lambda: pl.col("high").fc.atr("low"),
            TypeError,
            "atr needs high, low, close, of which this is the first",
        ),
        (lambda: pl.col("close").fc.rsi(periods=3), TypeError, "RSI has no parameter 'periods'"),
    ]
    for make, kind, sentence in cases:
        with pytest.raises(kind) as caught:
            make()
        assert sentence in str(caught.value)


def test_methods_say_what_they_do() -> None:
    """The catalogue's line, the inputs, the parameters with their defaults."""
    for cls in (
        fastcore.pandas.FrameMethods,
        fastcore.pandas.SeriesMethods,
        fastcore.polars.ExprMethods,
        fastcore.polars.FrameMethods,
    ):
        doc = cls.stoch.__doc__  # type: ignore[attr-defined]
        assert doc.startswith(ROWS["STOCH"]["doc"])
        assert "high, low, close" in doc
        assert "fastk=5, slowk=3, slowd=3" in doc


def test_a_column_for_an_input_that_is_none_is_refused() -> None:
    """It would be left aside without a word."""
    frame = pd.DataFrame({"High": [2.0, 3.0], "Low": [1.0, 1.0], "Close": [1.5, 2.0]})
    with pytest.raises(fc.UnknownNameError, match="atr has no input 'foo' to name a column for"):
        frame.fc.atr(2, columns={"foo": "High"})
