"""Indicators as methods of frames, columns and expressions: the values of the plain call."""

from __future__ import annotations

from collections.abc import Callable
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


def test_columns_are_read_and_made_without_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the native call reads is the column's own memory, and its result is the new column's."""
    seen: list[tuple[int, int]] = []
    batch = fc.SMA.batch

    def spy(self: Any, column: Any) -> Any:
        result = batch(self, column)
        bare = column if isinstance(column, np.ndarray) else np.asarray(column)
        made = result if isinstance(result, np.ndarray) else result.to_numpy()
        seen.append((bare.__array_interface__["data"][0], made.__array_interface__["data"][0]))
        return result

    monkeypatch.setattr(fc.SMA, "batch", spy)
    values = np.arange(100.0)
    for frame in (pd.DataFrame({"close": values}, copy=False), pl.DataFrame({"close": values})):
        own = frame["close"].to_numpy().__array_interface__["data"][0]
        result = frame.fc.sma(2)  # type: ignore[union-attr]
        assert seen[-1] == (own, result.to_numpy().__array_interface__["data"][0])
    assert seen[0][0] == values.__array_interface__["data"][0]


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
