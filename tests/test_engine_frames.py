"""Frames of ticks and bars through the engine: the rows of the plain call, in a frame of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from loops import NAMES, PLAN, same, stream, whole
from samples import MINUTE, T0

TICKS = stream(500)
TICKS["price"][7] = np.nan
COLUMNS = {
    "ts": TICKS["ts"],
    "symbol": np.array(NAMES)[TICKS["symbol"]],
    "price": TICKS["price"],
    "size": TICKS["size"],
}


class Capsule:
    """A table of a library that nobody knows, which speaks Arrow."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._table = pa.table(columns)
        self.schema = self._table.schema

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


KINDS: dict[str, tuple[Callable[[dict[str, Any]], Any], type]] = {
    "pandas": (pd.DataFrame, pd.DataFrame),
    "pandas on arrow": (lambda c: pd.DataFrame(c).convert_dtypes(dtype_backend="pyarrow"), pd.DataFrame),
    "polars": (pl.DataFrame, pl.DataFrame),
    "arrow": (pa.table, pa.Table),
    "capsule": (Capsule, pa.Table),
    "mapping": (dict, dict),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def values(frame: Any, name: str) -> Any:
    column = frame[name]
    return column if isinstance(column, np.ndarray) else column.to_numpy()


@every_kind
def test_a_frame_of_ticks_gives_a_frame_of_rows(kind: str) -> None:
    """Many symbols, one call; times and symbols stay, and the bits are those of the batch."""
    make, out = KINDS[kind]
    engine = fc.Engine(PLAN)
    result = engine.run(make(COLUMNS))
    rows, _ = whole(TICKS)
    assert type(result) is out
    names = (
        list(result)
        if isinstance(result, dict)
        else list(getattr(result, "column_names", None) or result.columns)
    )
    assert names == ["ts", "symbol", *engine.columns]
    assert values(result, "symbol").tolist() == COLUMNS["symbol"].tolist()
    assert values(result, "ts").tolist() == TICKS["ts"].tolist()
    for place, name in enumerate(engine.columns):
        assert same(np.asarray(values(result, name), np.float64), np.ascontiguousarray(rows[:, place])), name
    assert engine.ledger["invalid"] == 1


@every_kind
def test_on_ticks_takes_frames(kind: str) -> None:
    """As it takes arrays."""
    engine, other = fc.Engine(PLAN), fc.Engine(PLAN)
    assert engine.on_ticks(KINDS[kind][0](COLUMNS)) == other.on_ticks(TICKS, symbols=NAMES) == 499
    for name in NAMES:
        assert same(engine.symbol(name).row, other.symbol(name).row)


def test_times_of_all_kinds() -> None:
    """With a zone or without, in any unit, as an index, as dates: the same ns."""
    utc = pd.date_range("2024-03-01", periods=4, freq="1D", tz="UTC")
    price = [1.0, 2.0, 3.0, 4.0]
    expected = utc.as_unit("ns").asi8.tolist()
    frames: list[Any] = [
        pd.DataFrame({"ts": utc, "price": price}),
        pd.DataFrame({"ts": utc.tz_convert("Asia/Tokyo"), "price": price}),
        pd.DataFrame({"ts": utc.tz_localize(None).as_unit("s"), "price": price}),
        pd.DataFrame({"price": price}, index=utc.as_unit("ms")),
        pd.DataFrame({"ts": expected, "price": price}),
        pl.DataFrame({"ts": pl.Series(expected).cast(pl.Datetime("ns", "UTC")), "price": price}),
        pl.DataFrame({"ts": utc.tz_localize(None).date.tolist(), "price": price}),
        pa.table(
            {
                "ts": pa.array(expected).cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ms", "UTC")),
                "price": price,
            }
        ),
        {"ts": utc.tz_localize(None).to_numpy(), "price": price},
    ]
    for frame in frames:
        engine = fc.Engine({"last": fc.SMA(1)}, history=4)
        result = engine.run(frame, symbol="X")
        assert values(result, "last").tolist() == price
        assert engine.symbol("X").last_ts == expected[-1]


def test_the_index_survives() -> None:
    """Of whatever kind it is, with its name; so do columns' names."""
    index = pd.MultiIndex.from_arrays([list("ab"), [1, 2]], names=["one", "two"])
    frame = pd.DataFrame({"Time": [T0, T0 + 1], "px": [1.0, 2.0]}, index=index)
    result = fc.Engine({"last": fc.SMA(1)}).run(frame, columns={"ts": "Time", "price": "px"}, symbol="X")
    assert result.index.equals(index)
    assert list(result.columns) == ["Time", "last"]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_bars_of_many_symbols(make: Any) -> None:
    """Closed bars give the rows that `on_bar` gives."""
    rng = np.random.default_rng(5)
    low = rng.random(90) + 1
    columns = {
        "ts": np.repeat(T0 // MINUTE * MINUTE + np.arange(45) * MINUTE, 2),
        "symbol": ["a", "b"] * 45,
        "open": low + 0.1,
        "high": low + 1,
        "low": low,
        "close": low + 0.5,
        "volume": rng.random(90),
    }
    plan = {"atr": fc.ATR(5).on("1m"), "vwap": fc.VWAP(3).on("1m")}
    result = fc.Engine(plan).run(make(columns), bars="1m")
    other = fc.Engine(plan)
    for place, bar in enumerate(zip(*columns.values(), strict=True)):
        ts, name, *rest = bar
        row = other.symbol(name).on_bar("1m", int(ts), *map(float, rest))
        got = np.array([result["atr"][place], result["vwap"][place]])
        assert same(got, np.array(row))


def test_sides_and_ids_are_taken() -> None:
    """Where the frame has them; the policy sees them."""
    frame = pl.DataFrame(
        {"ts": [T0, T0 + 1, T0 + 2], "price": [1.0, 2.0, 3.0], "id": [1, 1, 2], "side": [1, -1, None]}
    )
    engine = fc.Engine({"last": fc.SMA(1)}, policy=fc.Policy(duplicates="id"))
    engine.run(frame, symbol="X")
    assert engine.ledger["duplicate"] == 1
    assert engine.ledger["accepted"] == 2


def test_what_is_no_frame_of_ticks_is_a_sentence() -> None:
    """The column, what it is, and how to say which it should be; the engine has taken nothing."""
    engine = fc.Engine(PLAN)
    good = {"ts": [T0], "symbol": ["X"], "price": [1.0]}
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (
            {"ts": [T0], "px": [1.0]},
            {},
            "no column 'price'; it has ts, px: name it, as in columns={'price': 'px'}",
        ),
        ({"price": [1.0]}, {"symbol": "X"}, "no column 'ts' and no index of times; it has price"),
        ({"ts": [T0], "price": [1.0]}, {}, "no column 'symbol': say which it is, as in symbol='BTCUSDT'"),
        (
            good,
            {"columns": {"prize": "price"}},
            "'prize' is not a field of the frame; the fields are ts, symbol, price",
        ),
        (good, {"columns": {"price": "px"}}, "the frame has no column 'px'; it has ts, symbol, price"),
        (good | {"price": ["high"]}, {}, "the column 'price' must hold numbers, not"),
        (
            good | {"ts": [1.5]},
            {},
            "the column 'ts' must hold times, or whole nanoseconds since 1970 UTC, not float64",
        ),
        (good | {"ts": [1_700_000_000]}, {}, "must be nanoseconds since 1970 UTC; it looks like seconds"),
        (good, {"bars": "1m"}, "the frame has no column 'open'"),
    ]
    for make in (pd.DataFrame, pl.DataFrame, dict):
        for columns, options, sentence in cases:
            with pytest.raises(fc.InputError) as caught:
                engine.run(make(columns), **options)
            assert sentence in str(caught.value)
    for frame in (pd.DataFrame(good | {"symbol": [None]}), pl.DataFrame(good | {"symbol": [None]})):
        with pytest.raises(fc.InputError, match="the column 'symbol' of symbols must have no nulls"):
            engine.run(frame)
    with pytest.raises(fc.InputError, match="not of one length: ts: 1, price: 2"):
        engine.run({"ts": [T0], "price": [1.0, 2.0]}, symbol="X")
    assert engine.ledger["received"] == 0


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (None, "not a NoneType"),
        ([1.0, 2.0], "not a list"),
        (np.ones(3), "not a ndarray"),
        (pl.LazyFrame({"price": [1.0]}), r"not a LazyFrame: collect\(\) it first"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_sentence(frame: Any, text: str) -> None:
    """In words of its own, not of the library that would have read it."""
    with pytest.raises(TypeError, match=text):
        fc.Engine(PLAN).run(frame)
