"""What columns hold: decimals, nulls of every kind, names that are bytes, bars that cannot be taken."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import fastcore as fc
import fastcore.pandas
import fastcore.polars
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fastcore._arrow_numbers import floats
from hypothesis import given
from hypothesis import strategies as st
from samples import MINUTE, T0

TS = T0 + np.arange(3) * 10**9
TICKS: dict[str, Any] = {"ts": TS, "symbol": ["A", "B", "A"], "price": [1.0, 2.0, 3.0]}
BARS: dict[str, Any] = {
    "ts": T0 // MINUTE * MINUTE + np.arange(3) * MINUTE,
    "symbol": ["A", "B", "A"],
    **{field: [1.0, 2.0, 3.0] for field in ("open", "high", "low", "close")},
}
DECIMALS = [decimal.Decimal(text) for text in ("3.00000", "0.10000", "61837.63000", "123456789012.34567")]


@given(st.lists(st.none() | st.integers(-(10**37), 10**37), max_size=20), st.integers(-3, 30))
def test_decimals_become_the_nearest_floats(whole: list[int | None], scale: int) -> None:
    """Of any size and scale, in slices and chunks; Arrow's own cast makes 3.0000000000000004 of 3.00000."""
    exact = [None if one is None else decimal.Decimal(one).scaleb(-scale) for one in whole]
    with decimal.localcontext(prec=60):
        expected = [np.nan if one is None else float(one) for one in exact]
        array = pa.array(exact, pa.decimal128(38, scale))
        longer = pa.concat_arrays([pa.nulls(2, array.type), array])
    for column in (array, longer[2:], pa.chunked_array([array[:1], array[1:]], array.type)):
        assert np.array_equal(floats(pa, column), expected, equal_nan=True)


DECIMAL_COLUMNS: dict[str, Callable[[], Any]] = {
    "arrow": lambda: pa.array(DECIMALS, pa.decimal128(20, 5)),
    "arrow chunked": lambda: pa.chunked_array([DECIMALS[:1], DECIMALS[1:]], pa.decimal128(20, 5)),
    "arrow wide": lambda: pa.array(DECIMALS, pa.decimal256(60, 5)),
    "polars": lambda: pl.Series(DECIMALS, dtype=pl.Decimal(20, 5)),
    "pandas on arrow": lambda: pd.Series(DECIMALS, dtype=pd.ArrowDtype(pa.decimal128(20, 5))),
}


@pytest.mark.parametrize("kind", DECIMAL_COLUMNS)
def test_functions_take_decimals(kind: str) -> None:
    """They were objects, and refused as such."""
    result = fc.sma(DECIMAL_COLUMNS[kind](), period=1)
    assert np.asarray(result.to_numpy(), np.float64).tolist() == [float(one) for one in DECIMALS]


def test_expressions_take_decimals_and_truth_with_nulls() -> None:
    """As the functions do."""
    frame = pl.DataFrame(
        {"price": pl.Series(DECIMALS, dtype=pl.Decimal(20, 5)), "up": [True, None, False, True]}
    )
    assert frame.select(pl.col("price").fc.sma(1))["price"].to_list() == [float(one) for one in DECIMALS]
    up = frame.select(pl.col("up").fc.sma(1))["up"].to_numpy()
    assert np.array_equal(up, [1.0, np.nan, 0.0, 1.0], equal_nan=True)
    assert np.array_equal(fc.sma(frame["up"], period=1).to_numpy(), up, equal_nan=True)
    assert np.array_equal(fc.sma(frame["up"].to_arrow(), period=1).to_numpy(), up, equal_nan=True)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_prices_may_be_decimals(make: Any) -> None:
    """In the engine, too."""
    prices = pa.array(DECIMALS[:3], pa.decimal128(20, 5))
    result = fc.Engine({"last": fc.SMA(1)}).run(make(TICKS | {"symbol": ["A"] * 3, "price": prices}))
    assert result["last"].to_numpy().tolist() == [3.0, 0.1, 61837.63]


@pytest.mark.parametrize("null", [None, pd.NA, float("nan")])
def test_nulls_between_objects_that_are_numbers(null: Any) -> None:
    """They are rows without a number, as in all other columns; text is refused as ever."""
    some = [1, null, 2.5, decimal.Decimal("0.1")]
    series = pd.Series(some, dtype=object)
    result = fc.sma(series, period=1)
    assert np.array_equal(result.to_numpy(), [1.0, np.nan, 2.5, 0.1], equal_nan=True)
    assert isinstance(result, pd.Series)
    frame = {"ts": T0 + np.arange(4), "price": some}
    for made in (frame, pd.DataFrame(frame | {"price": series})):
        engine = fc.Engine({"last": fc.SMA(1)})
        engine.run(made, symbol="A")
        assert (engine.ledger["accepted"], engine.ledger["invalid"]) == (3, 1)
    for wrong in (["1", null], [True, "x"], [10**400, null], [[1.0], null]):
        with pytest.raises(TypeError, match="close must be an array of real numbers"):
            fc.sma(pd.Series(wrong, dtype=object), period=1)
        with pytest.raises(fc.InputError, match="'price' must hold numbers, not object"):
            fc.Engine({"last": fc.SMA(1)}).run(pd.DataFrame({"ts": TS[:2], "price": wrong}), symbol="A")


def test_masked_arrays_of_a_mapping_have_nulls() -> None:
    """What lies under a mask was taken for a price."""
    mask = [False, True, False]
    engine = fc.Engine({"last": fc.SMA(1)})
    prices = np.ma.MaskedArray([1.0, 2.0, 3.0], mask)
    ids = np.ma.MaskedArray([2**60, 5, 2**60 + 1], mask)
    result = engine.run({"ts": TS, "price": prices, "id": ids}, symbol="A")
    assert result["last"].tolist() == [1.0, 1.0, 3.0]
    assert engine.ledger["invalid"] == 1
    for name in ("ts", "symbol"):
        with pytest.raises(fc.InputError, match=f"'{name}' of .* must have no nulls"):
            engine.run(TICKS | {name: np.ma.MaskedArray(TICKS[name], mask)})
    assert engine.ledger["received"] == 3


TIMES_WITH_NULLS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(TICKS | {"ts": pd.Series(pd.to_datetime(TS)).where([True, False, True])}),
    "pandas index": lambda: pd.DataFrame(
        {name: TICKS[name] for name in ("symbol", "price")}, index=pd.DatetimeIndex([TS[0], pd.NaT, TS[2]])
    ),
    "mapping": lambda: TICKS | {"ts": np.array([TS[0], "NaT", TS[2]], "M8[ns]")},
    "polars": lambda: pl.DataFrame(TICKS | {"ts": [TS[0], None, TS[2]]}),
    "arrow": lambda: pa.table(TICKS | {"ts": pa.array([TS[0], None, TS[2]])}),
}


@pytest.mark.parametrize("kind", TIMES_WITH_NULLS)
def test_times_without_a_time_are_refused(kind: str) -> None:
    """By every library alike; NaT was taken for a time before 1970."""
    engine = fc.Engine({"last": fc.SMA(1)})
    with pytest.raises(fc.InputError, match=r"'(ts|index)' of times must have no nulls"):
        engine.run(TIMES_WITH_NULLS[kind]())
    assert engine.ledger["received"] == 0


NAMES_OF_BYTES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(TICKS | {"symbol": [b"A", "Ä".encode(), b"A"]}),
    "polars": lambda: pl.DataFrame(TICKS | {"symbol": [b"A", "Ä".encode(), b"A"]}),
    "arrow": lambda: pa.table(TICKS | {"symbol": pa.array([b"A", "Ä".encode(), b"A"])}),
    "mapping": lambda: TICKS | {"symbol": np.array([b"A", "Ä".encode(), b"A"])},
    "objects": lambda: TICKS | {"symbol": np.array([b"A", "Ä".encode(), b"A"], object)},
    "runs": lambda: pa.table(TICKS | {"symbol": pa.RunEndEncodedArray.from_arrays([2, 3], ["A", "Ä"])}),
}


@pytest.mark.parametrize("kind", NAMES_OF_BYTES)
def test_names_may_be_bytes_and_runs(kind: str) -> None:
    """They were called "b'A'", and runs were an error of Arrow's."""
    engine = fc.Engine({"last": fc.SMA(1)})
    engine.run(NAMES_OF_BYTES[kind]())
    assert engine.symbols == ["A", "Ä"]
    with pytest.raises(fc.InputError, match="'symbol' of symbols has bytes that are no UTF-8"):
        engine.run(TICKS | {"symbol": np.array([b"\xff"] * 3)})


def test_a_null_in_a_dictionary_is_a_null() -> None:
    """It became the symbol "None"; one that no row has is none."""
    engine = fc.Engine({"last": fc.SMA(1)})
    words = pa.array([None, "A", "B"])
    for codes, refused in (([0, 1, 2], True), ([1, 2, 1], False)):
        frame = pa.table(TICKS | {"symbol": pa.DictionaryArray.from_arrays(pa.array(codes), words)})
        if refused:
            with pytest.raises(fc.InputError, match="'symbol' of symbols must have no nulls"):
                engine.run(frame)
        else:
            engine.run(frame)
    assert engine.symbols == ["A", "B"]


def test_a_truth_is_no_side() -> None:
    """False was taken for a side that is not known."""
    with pytest.raises(fc.InputError, match="'side' must hold the sides 1, -1 and 0, not bool"):
        fc.Engine({"last": fc.SMA(1)}).run(TICKS | {"side": [True, False, True]})


@pytest.mark.parametrize(
    ("change", "span", "error", "sentence"),
    [
        ({"ts": [BARS["ts"][0], BARS["ts"][1], 5]}, "1m", fc.InputError, "row 2 .* ts=5 must be nanoseconds"),
        ({}, "7m", fc.PlanError, "no indicator runs on bars of '7m'"),
        ({"ts": np.array([T0, T0, "NaT"], "M8[ns]")}, "1m", fc.InputError, "no nulls; row 2 has NaT"),
    ],
)
def test_bars_are_taken_all_or_none(change: Any, span: str, error: Any, sentence: str) -> None:
    """Those before a bad time had been taken; symbols of a span that is not there had been made."""
    engine = fc.Engine({"last": fc.SMA(1).on("1m")})
    with pytest.raises(error, match=sentence):
        engine.run(BARS | change, bars=span)
    assert engine.symbols == []


def test_bars_make_no_symbols_that_no_row_has() -> None:
    """A category that is left over is none."""
    symbols = pl.Series(["A", "B", "A"], dtype=pl.Enum(["Z", "A", "B"]))
    engine = fc.Engine({"last": fc.SMA(1).on("1m")})
    assert engine.run(pl.DataFrame(BARS | {"symbol": symbols}), bars="1m")["last"].to_list() == [
        1.0,
        2.0,
        3.0,
    ]
    assert sorted(engine.symbols) == ["A", "B"]


def test_empty_lists_are_a_frame_without_rows() -> None:
    """NumPy takes them for floats."""
    result = fc.Engine({"last": fc.SMA(1)}).run({"ts": [], "symbol": [], "price": []})
    assert [len(column) for column in result.values()] == [0, 0, 0]
