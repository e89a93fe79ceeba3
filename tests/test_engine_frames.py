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


BIG = [2**60 + n for n in range(5)]
FEW = {"ts": [T0 + n for n in range(6)], "symbol": ["A"] * 6, "price": [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]}
WITH_NULLS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(FEW | {"id": pd.array([*BIG, None], dtype="Int64")}),
    "pandas on arrow": lambda: pd.DataFrame(FEW | {"id": pd.array([*BIG, None], dtype="int64[pyarrow]")}),
    "polars": lambda: pl.DataFrame(FEW | {"id": [*BIG, None]}),
    "polars, unsigned": lambda: pl.DataFrame(FEW | {"id": pl.Series([*BIG, None], dtype=pl.UInt64)}),
    "arrow": lambda: pa.table(FEW | {"id": [*BIG, None]}),
}


@pytest.mark.parametrize("kind", WITH_NULLS)
def test_ids_with_nulls_are_exact(kind: str) -> None:
    """As floats these five would be one: four ticks would be duplicates."""
    engine = fc.Engine(PLAN, policy=fc.Policy(duplicates="id"))
    engine.run(WITH_NULLS[kind]())
    assert engine.ledger["accepted"] == 6


WRONG: dict[str, tuple[Any, str]] = {
    "id beyond": (
        {"id": np.array([1, 2, 2**63, 4, 5, 6], np.uint64)},
        "'id' must hold whole .* row 2 has 92233",
    ),
    "id a float": (
        {"id": [1.0, 2.0, 3.0, 4.0, 2.0**60, 6.0]},
        "to 9007199254740992 as float64; row 4 has 1.15",
    ),
    "id infinite": ({"id": [1.0, np.inf, 3.0, 4.0, 5.0, 6.0]}, "row 1 has inf"),
    "side beyond": ({"side": [1, 255, 1, 1, 1, 1]}, "'side' must hold whole .* -128 to 127 .* row 1 has 255"),
    "side a fraction": ({"side": [1, 1, 0.9, 1, 1, 1]}, "'side' must hold whole .* row 2 has 0.9"),
    "ts beyond": ({"ts": np.array([*range(5), 2**63], np.uint64)}, "'ts' must hold whole .* row 5 has 92233"),
    "date beyond": ({"ts": np.array([10**11] * 6, "M8[s]")}, "'ts': row 0 has 5138-11-16.* beyond ns"),
    "two dimensions": (
        {"price": np.ones((6, 2))},
        r"'price' must have one dimension, not the shape \(6, 2\)",
    ),
    "no dimension": ({"price": np.float64(3)}, r"'price' must have one dimension, not the shape \(\)"),
    "no symbol": ({"symbol": ["A", None, "A", "A", "A", "A"]}, "'symbol' of symbols must have no nulls"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_by_column_row_and_value(case: str) -> None:
    """Nothing wraps or is rounded, and nothing was taken."""
    columns, sentence = WRONG[case]
    engine = fc.Engine(PLAN)
    with pytest.raises(fc.InputError, match=sentence):
        engine.run(FEW | columns)
    assert engine.ledger["received"] == 0


def test_frames_without_what_they_need_are_sentences() -> None:
    """Empty ones, two columns of one name, times that no ns can say, text in bars."""
    engine = fc.Engine(PLAN)
    for none in ({}, pd.DataFrame(), pl.DataFrame(), pa.table({})):
        with pytest.raises(fc.InputError, match="must have the columns ts and price, and this one has none"):
            engine.run(none)
    twice = pd.DataFrame(np.ones((2, 2)), columns=["price", "price"], index=pd.DatetimeIndex([T0, T0 + 1]))
    with pytest.raises(fc.InputError, match="has 2 columns 'price'"):
        engine.run(twice, symbol="A")
    late = pl.DataFrame(FEW).with_columns(pl.Series("ts", [10**17] * 6).cast(pl.Datetime("us")))
    with pytest.raises(fc.InputError, match="'ts' has a time beyond ns since 1970"):
        engine.run(late)
    bars = {name: [1.0, 2.0] for name in ("open", "high", "low", "close")} | {"ts": [T0, T0 + MINUTE]}
    for name in ("open", "volume"):
        with pytest.raises(fc.InputError, match=f"{name!r} must hold numbers, not <U1"):
            engine.run(bars | {name: ["a", "b"]}, bars="1m", symbol="A")
    assert engine.ledger["received"] == 0


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
@pytest.mark.parametrize("unit", ["ns", "us"])
def test_pandas_times_of_arrow(zone: str | None, unit: str) -> None:
    """As a column and as the index."""
    moments = pd.DatetimeIndex([T0 + n * 10**9 for n in range(6)], tz="UTC").tz_convert(zone)
    times = pd.array(moments, dtype=pd.ArrowDtype(pa.timestamp(unit, zone)))
    want = fc.Engine(PLAN).run(FEW | {"ts": np.arange(6) * 10**9 + T0})
    columns = {"symbol": FEW["symbol"], "price": FEW["price"]}
    for frame in (pd.DataFrame({"ts": times} | columns), pd.DataFrame(columns, index=pd.Index(times))):
        got = fc.Engine(PLAN).run(frame)
        for name in fc.Engine(PLAN).columns:
            assert same(got[name].to_numpy(), want[name])


@every_kind
def test_outputs_named_as_times_and_symbols_take_a_prefix(kind: str) -> None:
    """The frame's own columns stay."""
    make, _ = KINDS[kind]
    result = fc.Engine({"ts": fc.SMA(2), "symbol": fc.EMA(3), "price": fc.EMA(2)}).run(make(COLUMNS))
    names = list(
        result.column_names
        if isinstance(result, pa.Table)
        else result
        if kind == "mapping"
        else result.columns
    )
    assert names == ["ts", "symbol", "output.ts", "output.symbol", "price"]
    assert np.array_equal(values(result, "symbol"), COLUMNS["symbol"])
