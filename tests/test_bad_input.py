"""Bad input: an exception that names the thing and the value, or a counted bucket; the state unchanged."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from samples import (
    MINUTE,
    NAMES,
    ROWS,
    T0,
    assert_same_bits,
    columns_of,
    flat_bars,
    make,
    rng_of,
    row_of,
    scaled,
)
from tick_streams import adds_up, ticks_of, walk_ticks

PLAN = {"mean": fc.SMA(2), "atr": fc.ATR(2).on("1m"), "slow": fc.EMA(2).on("5m")}
NAN, INF = math.nan, math.inf


def used_engine(**options: Any) -> fc.Engine:
    """An engine with one symbol in the middle of its work."""
    engine = fc.Engine(PLAN, history=8, **options)
    for i, tick in enumerate(walk_ticks(rng_of("bad input"), 60)):
        engine.symbol("S").on_tick(T0 + i * MINUTE // 9, float(tick["price"]), 1.0)
    return engine


@contextmanager
def unchanged(engine: fc.Engine) -> Iterator[None]:
    """Nothing of the engine's state moves inside: not one byte of its snapshot, no symbol, no row."""
    before = engine.snapshot(), engine.symbols, engine.symbol("S").outcome
    yield
    assert (engine.snapshot(), engine.symbols, engine.symbol("S").outcome) == before


def refused(
    call: Callable[[], object], kind: type[Exception] | tuple[type[Exception], ...], *words: str
) -> None:
    """It raises that, with a sentence that holds those words."""
    with pytest.raises(kind) as error:
        call()
    text = str(error.value)
    assert len(text.split()) >= 3, f"not a sentence: {text!r}"
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} missing in: {text}"


# ------------------------------------------------------------------------------------------- indicators
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["update", "peek"])
def test_update_and_peek_refuse_what_is_no_row_of_numbers(name: str, method: str) -> None:
    """Too few, too many, text, None, lists: a TypeError with the input's name, and the next rows as ever."""
    inputs = ROWS[name]["inputs"]
    one, twin = make(name), make(name)
    columns = columns_of(name, rng_of("rows", name), 110)
    rows = list(zip(*(x.tolist() for x in columns), strict=True))
    for row in rows[:100]:
        one.update(*row)
        twin.update(*row)
    call = getattr(one, method)
    for k, column in enumerate(inputs):
        for wrong in ("7", None, [1.0], 1j, object(), {}, np.zeros(2), np.datetime64("2024-01-01")):
            values: list[Any] = list(rows[100])
            values[k] = wrong
            refused(lambda values=values: call(*values), TypeError, f"{name}.{method}", column, repr(wrong))
        values[k] = 10**400
        refused(
            lambda values=values: call(*values),
            (TypeError, ValueError),
            f"{name}.{method}",
            column,
            "1000000",
        )
    for wrong_count in ((), rows[100][:-1], (*rows[100], 1.0)):
        refused(lambda row=wrong_count: call(*row), TypeError, method)
    with pytest.raises(TypeError):
        call(**dict(zip(inputs, rows[100], strict=True)))
    for row in rows[100:]:
        assert_same_bits(row_of(one.update(*row)), row_of(twin.update(*row)), f"{name} after wrong rows")


@pytest.mark.parametrize("name", ["SMA", "MACD", "ATR", "MFI"])
def test_numbers_of_other_kinds_are_numbers(name: str) -> None:
    """NumPy's scalars, whole numbers, fractions: whatever has a float."""
    import decimal
    import fractions

    count = len(ROWS[name]["inputs"])
    kinds = (np.float32, np.float64, np.int64, np.uint8, int, fractions.Fraction, decimal.Decimal, np.asarray)
    for kind in kinds:
        one, twin = make(name), make(name)
        for value in (3, 5, 4):
            assert repr(one.update(*[kind(value)] * count)) == repr(twin.update(*[float(value)] * count)), (
                kind
            )


WRONG_COLUMNS: dict[str, tuple[Any, type[Exception] | tuple[type[Exception], ...], str]] = {
    "text": ("abc", TypeError, "close"),
    "texts": (["1", "2"], TypeError, "close"),
    "one number": (3.0, (TypeError, fc.InputError), "close"),
    "None": (None, TypeError, "close"),
    "None among numbers": ([1.0, None], TypeError, "close"),
    "two dimensions": (np.zeros((3, 2)), fc.InputError, "close must have one dimension, not 2"),
    "three dimensions": (np.zeros((3, 3, 3)), fc.InputError, "close must have one dimension, not 3"),
    "no dimension": (np.array(1.0), fc.InputError, "close must have one dimension, not 0"),
    "rows of different length": ([[1.0, 2.0], [3.0]], (TypeError, fc.InputError), "close"),
    "objects": (np.array([1.0, object()], object), TypeError, "close"),
    "complex": (np.zeros(3, complex), TypeError, "complex128"),
    "times": (np.zeros(3, "M8[ns]"), TypeError, "datetime64"),
    "durations": (np.zeros(3, "m8[s]"), TypeError, "timedelta64"),
    "bytes": (np.array([b"1"]), TypeError, "close"),
    "records": (np.zeros(3, fc.TICK), TypeError, "close"),
    "numbers beyond 64 bits": ([2**70, 1], TypeError, "close"),
    "dict": ({"close": [1.0]}, TypeError, "close"),
    "generator": ((x for x in [1.0]), TypeError, "close"),
    "set": ({1.0, 2.0}, TypeError, "close"),
    "pandas text": (pd.Series(["a", "b"]), TypeError, "close"),
    "pandas times": (pd.Series(pd.date_range("2024", periods=3)), TypeError, "close"),
    "pandas frame": (pd.DataFrame({"close": [1.0, 2.0]}), (TypeError, fc.InputError), "close"),
    "polars text": (pl.Series(["a"]), TypeError, "close"),
    "polars frame": (pl.DataFrame({"close": [1.0]}), (TypeError, fc.InputError), "close"),
    "arrow text": (pa.array(["a"]), TypeError, "close"),
    "arrow table": (pa.table({"close": [1.0]}), (TypeError, fc.InputError), "close"),
    "arrow times": (pa.array([1], pa.timestamp("ns")), TypeError, "close"),
}


@pytest.mark.parametrize("case", WRONG_COLUMNS)
def test_a_batch_refuses_what_is_no_column_of_numbers(case: str) -> None:
    """By function and by class, with the name of the indicator and of the input; the state stays."""
    column, kind, word = WRONG_COLUMNS[case]
    one, twin = fc.SMA(2), fc.SMA(2)
    for indicator in (one, twin):
        indicator.batch([1.0, 2.0])
    refused(lambda: one.batch(column), kind, "SMA", word)
    refused(lambda: fc.sma(column, period=2), kind, "SMA", word)
    assert one.value == twin.value
    assert one.update(7.0) == twin.update(7.0)


def test_columns_of_different_length_are_refused() -> None:
    """With both lengths; none of the rows is taken."""
    one = fc.ATR(2)
    refused(
        lambda: one.batch([1.0, 2.0], [1.0], [1.0, 2.0]),
        fc.InputError,
        "ATR.batch",
        "low has 1 rows",
        "high has 2",
    )
    refused(
        lambda: fc.obv(np.zeros(3), np.zeros(4)), fc.InputError, "OBV", "volume has 4 rows", "close has 3"
    )
    assert not one.ready
    assert one.batch([], [], []).shape == (0,) if isinstance(one.batch([], [], []), np.ndarray) else True


@pytest.mark.parametrize("name", NAMES)
def test_missing_and_extra_columns_are_refused(name: str) -> None:
    """By count and by name."""
    inputs = ROWS[name]["inputs"]
    column = np.ones(3)
    refused(lambda: make(name).batch(*[column] * (len(inputs) - 1)), TypeError, name, inputs[0])
    refused(lambda: make(name).batch(*[column] * (len(inputs) + 1)), TypeError, name, inputs[0])
    call = getattr(fc, name.lower())
    refused(lambda: call(*[column] * (len(inputs) - 1)), TypeError, name.lower(), f"{inputs[-1]} is missing")
    refused(lambda: call(*[column] * len(inputs), nonsense=1), TypeError, name, "'nonsense'")
    refused(lambda: call(*[column] * len(inputs), **{inputs[0]: column}), TypeError, name, inputs[0])


def test_unknown_indicators_are_refused_by_name() -> None:
    """With the nearest names."""
    refused(lambda: fc.make("SMAA"), fc.UnknownNameError, "'SMAA'", "SMA")
    refused(lambda: fc.describe("bband"), fc.UnknownNameError, "'bband'", "BBANDS")
    refused(lambda: fc.make("make"), fc.UnknownNameError, "'make'")
    refused(lambda: fc.make("_core"), fc.UnknownNameError, "'_core'")
    refused(lambda: fc.make(""), fc.UnknownNameError, "''")
    for wrong in (3, None, b"SMA"):
        refused(lambda wrong=wrong: fc.make(wrong), (TypeError, fc.UnknownNameError), repr(wrong))
        refused(lambda wrong=wrong: fc.describe(wrong), (TypeError, fc.UnknownNameError), repr(wrong))


# ------------------------------------------------------------------------------------------------ plans
WRONG_PLANS: dict[str, tuple[Callable[[], object], type[Exception], tuple[str, ...]]] = {
    "nothing": (lambda: fc.Engine({}), fc.PlanError, ("at least one",)),
    "a list": (lambda: fc.Engine([fc.SMA(2)]), TypeError, ("plan", "SMA(period=2)")),
    "a number as name": (lambda: fc.Engine({1: fc.SMA(2)}), TypeError, ("text", "1")),
    "a number as indicator": (lambda: fc.Engine({"a": 3}), TypeError, ("'a'", "3")),
    "a class": (lambda: fc.Engine({"a": fc.SMA}), TypeError, ("'a'", "SMA")),
    "a dot in a name": (lambda: fc.Engine({"a.b": fc.SMA(2)}), fc.PlanError, ("'a.b'", "dot")),
    "no name": (lambda: fc.Engine({"": fc.SMA(2)}), fc.PlanError, ("''",)),
    "itself": (lambda: fc.Engine({"a": fc.EMA(3).of("a")}), fc.PlanError, ("cycle", "a -> a")),
    "a cycle of three": (
        lambda: fc.Engine(
            {"a": fc.EMA(3).of("c"), "b": fc.EMA(3).of("a"), "c": fc.EMA(3).of("b"), "d": fc.SMA(2)}
        ),
        fc.PlanError,
        ("cycle", "a -> c -> b -> a"),
    ),
    "an unknown column": (lambda: fc.Engine({"a": fc.EMA(3).of("nope")}), fc.PlanError, ("'a'", "'nope'")),
    "one of several": (
        lambda: fc.Engine({"m": fc.MACD(), "a": fc.EMA(3).of("m")}),
        fc.PlanError,
        ("'a'", "'m'", "'m.signal'"),
    ),
    "an unknown output": (
        lambda: fc.Engine({"m": fc.MACD(), "a": fc.EMA(3).of("m.nope")}),
        fc.PlanError,
        ("'a'", "'m.nope'"),
    ),
    "too few parents": (
        lambda: fc.Engine({"m": fc.SMA(2), "a": fc.ATR(3).of("m")}),
        fc.PlanError,
        ("'a'", "ATR", "3 inputs", "1"),
    ),
    "two clocks": (
        lambda: fc.Engine({"x": fc.SMA(2).on("1m"), "y": fc.SMA(2), "a": fc.DONCHIAN(3).of("x", "y")}),
        fc.PlanError,
        ("'a'", "clocks", "x, y"),
    ),
    "both of and on": (
        lambda: fc.Engine({"x": fc.SMA(2), "a": fc.EMA(3).of("x").on("1m")}),
        fc.PlanError,
        ("'a'", "'x'", "1m"),
    ),
    "a span that is a number": (lambda: fc.EMA(3).on(60), TypeError, ("EMA.on", "60")),
    "a column that is a number": (lambda: fc.EMA(3).of(1), TypeError, ("EMA.of", "1")),
    "a list of columns": (lambda: fc.ATR(3).of(["a", "b", "c"]), TypeError, ("ATR.of", "['a', 'b', 'c']")),
    "negative history": (lambda: fc.Engine(PLAN, history=-1), fc.InputError, ("history", "-1")),
    "half a row": (lambda: fc.Engine(PLAN, history=1.5), TypeError, ("history", "1.5")),
    "history True": (lambda: fc.Engine(PLAN, history=True), TypeError, ("history", "True")),
    "history as text": (lambda: fc.Engine(PLAN, history="9"), TypeError, ("history", "'9'")),
    "endless history": (lambda: fc.Engine(PLAN, history=10**12), fc.InputError, ("history", str(10**12))),
    "history beyond 64 bits": (
        lambda: fc.Engine(PLAN, history=10**30),
        fc.InputError,
        ("history", str(10**30)),
    ),
    "no symbols": (lambda: fc.Engine(PLAN, max_symbols=0), fc.InputError, ("max_symbols", "0")),
    "symbols beyond 64 bits": (
        lambda: fc.Engine(PLAN, max_symbols=10**30),
        fc.InputError,
        ("max_symbols", str(10**30)),
    ),
    "rows": (lambda: fc.Engine(PLAN, rows="all"), fc.InputError, ("rows", "'all'")),
    "policy as text": (lambda: fc.Engine(PLAN, policy="drop"), TypeError, ("policy", "'drop'")),
    "order": (
        lambda: fc.Engine(PLAN, policy=fc.Policy(order="keep")),
        fc.InputError,
        ("order", "'keep'", "'drop'"),
    ),
    "invalid": (
        lambda: fc.Engine(PLAN, policy=fc.Policy(invalid="x")),
        fc.InputError,
        ("invalid", "'x'", "'raise'"),
    ),
    "order as number": (lambda: fc.Engine(PLAN, policy=fc.Policy(order=3)), TypeError, ("order", "3")),
    "unknown option": (lambda: fc.Engine(PLAN, hist=3), TypeError, ("hist",)),
}


@pytest.mark.parametrize("case", WRONG_PLANS)
def test_an_engine_that_cannot_be_is_refused(case: str) -> None:
    """With a sentence that names the indicator, the column or the option, and the value."""
    call, kind, words = WRONG_PLANS[case]
    refused(call, kind, *words)


@pytest.mark.parametrize(
    "span", ["1parsec", "m", "0m", "-1m", "+1m", "1.5m", "1M", " 1m", "1m ", "1 m", "1us", "1m1s"]
)
def test_a_bar_spec_that_is_none_is_refused(span: str) -> None:
    """In a plan, and where bars are asked for or given; with the text and what was expected."""
    refused(lambda: fc.Engine({"a": fc.EMA(3).on(span)}), fc.PlanError, repr(span), "'5m'")
    engine = used_engine()
    symbol = engine.symbol("S")
    one = flat_bars()
    with unchanged(engine):
        refused(lambda: symbol.bars(span), fc.PlanError, repr(span))
        refused(lambda: symbol.forming(span), fc.PlanError, repr(span))
        refused(lambda: symbol.on_bar(span, T0, 1.0, 1.0, 1.0, 1.0), fc.PlanError, repr(span))
        refused(lambda: engine.on_bars(span, T0, **one, symbols=["S"]), fc.PlanError, repr(span))


def test_a_span_too_long_for_the_clock_is_refused() -> None:
    """No overflow on the way."""
    for span in ("99999999999d", "9223372036854775807s", "9" * 40 + "m"):
        refused(lambda span=span: fc.Engine({"a": fc.EMA(3).on(span)}), fc.PlanError, repr(span))


def test_bars_that_no_indicator_runs_on_are_refused() -> None:
    """With those that the engine has."""
    symbol = used_engine().symbol("S")
    for call in (symbol.bars, symbol.forming, lambda span: symbol.on_bar(span, T0, 1.0, 1.0, 1.0, 1.0)):
        refused(lambda call=call: call("2m"), fc.PlanError, "'2m'", "1m, 5m")
    refused(lambda: fc.Engine({"a": fc.SMA(2)}).symbol("S").bars("1m"), fc.PlanError, "'1m'", "no bars")


# ------------------------------------------------------------------------------------------------ ticks
BAD_TICKS = [
    *((price, 1.0) for price in (NAN, INF, -INF, 0.0, -0.0, -1.0, -1e-300)),
    *((5.0, size) for size in (NAN, INF, -INF, -1.0, -1e-300)),
    (NAN, NAN),
]


@pytest.mark.parametrize(("price", "size"), BAD_TICKS)
def test_a_tick_that_cannot_be_is_counted_and_leaves_the_rest(price: float, size: float) -> None:
    """Row, bars, clock, history: only the ledger knows."""
    for rule in ("drop", "raise"):
        engine = used_engine(policy=fc.Policy(invalid=rule))
        symbol = engine.symbol("S")
        before = symbol.values(), symbol.forming("1m").item(), symbol.last_ts, symbol.generation("mean")
        later = symbol.last_ts + 100 * MINUTE
        if rule == "drop":
            assert symbol.on_tick(later, price, size) is symbol.row
        else:
            refused(
                lambda s=symbol, t=later: s.on_tick(t, price, size),
                fc.TickError,
                "S",
                repr(price),
                repr(size),
                str(later),
            )
        engine.on_ticks(ticks_of([(later, price, size, 0)]), symbols=["S"])
        assert repr(
            (symbol.values(), symbol.forming("1m").item(), symbol.last_ts, symbol.generation("mean"))
        ) == repr(before)
        assert (symbol.outcome, symbol.ledger["invalid"]) == ("invalid", 2)
        assert adds_up(symbol.ledger)


UNITS = {
    1_700_000_000_000_000: "microseconds: multiply by 1_000",
    1_700_000_000_000: "milliseconds: multiply by 1_000_000",
    1_700_000_000: "seconds: multiply by 1_000_000_000",
    -1: "before 1970",
    -(2**63): "before 1970",
}


@pytest.mark.parametrize("ts", UNITS)
def test_a_time_in_another_unit_is_refused_with_what_it_looks_like(ts: int) -> None:
    """Every way in; what it would have moved stays."""
    engine = used_engine()
    symbol = engine.symbol("S")
    before = repr((symbol.values(), symbol.forming("1m").item(), symbol.last_ts))
    refused(lambda: symbol.on_tick(ts, 1.0, 1.0), fc.InputError, f"ts={ts}", "nanoseconds", UNITS[ts])
    refused(lambda: symbol.on_quote(ts, 1.0, 1.0), fc.InputError, f"ts={ts}", "nanoseconds")
    refused(lambda: symbol.on_bar("1m", ts, 1.0, 1.0, 1.0, 1.0), fc.InputError, f"ts={ts}", "nanoseconds")
    one = flat_bars()
    ticks = ticks_of([(ts, 1.0, 1.0, 0), (ts + 1, 1.0, 1.0, 0)])
    ledger = engine.ledger
    refused(lambda: engine.on_bars("1m", ts, **one, symbols=["S"]), fc.InputError, f"ts={ts}", "nanoseconds")
    refused(
        lambda: engine.on_ticks(ticks, symbols=["S"]), fc.InputError, f"ts={ts}", "nanoseconds", UNITS[ts]
    )
    assert engine.ledger == ledger, "nothing of a batch was taken"
    assert repr((symbol.values(), symbol.forming("1m").item(), symbol.last_ts)) == before
    assert adds_up(engine.ledger)


def test_a_tick_in_another_unit_is_the_last_tick_too() -> None:
    """It is counted as rejected, and `outcome` is the bucket of the last tick, in whichever way it came."""
    engine = used_engine()
    symbol = engine.symbol("S")
    with pytest.raises(fc.InputError):
        symbol.on_tick(1_700_000_000_000, 1.0, 1.0)
    assert symbol.ledger["rejected"] == 1
    alone = symbol.outcome
    symbol.on_tick(symbol.last_ts, 5.0, 1.0)
    codes = engine.on_ticks(
        ticks_of([(symbol.last_ts, 5.0, 1.0, 0), (1_700_000_000_000, 1.0, 1.0, 0)]),
        symbols=["S"],
        outcomes=True,
    )
    assert [fc.OUTCOMES[code] for code in codes] == ["accepted", "rejected"]
    assert (alone, symbol.outcome) == ("rejected", "rejected")


WRONG_TICKS: list[tuple[tuple[Any, ...], type[Exception], tuple[str, ...]]] = [
    ((), TypeError, ("ts", "price")),
    ((T0,), TypeError, ("ts", "price")),
    (("now", 1.0, 1.0), TypeError, ("ts", "'now'")),
    ((float(T0), 1.0, 1.0), TypeError, ("ts", "1.7e+18")),
    ((None, 1.0, 1.0), TypeError, ("ts", "None")),
    ((True, 1.0, 1.0), TypeError, ("ts", "True")),
    ((np.datetime64(T0, "ns"), 1.0, 1.0), TypeError, ("ts", "datetime64")),
    ((T0, "1", 1.0), TypeError, ("price", "'1'")),
    ((T0, None, 1.0), TypeError, ("price", "None")),
    ((T0, 1j, 1.0), TypeError, ("price", "1j")),
    ((T0, 10**400, 1.0), fc.InputError, ("price", "10000", "float")),
    ((T0, 10**5000, 1.0), fc.InputError, ("price", "<int>", "float")),
    ((T0, 1.0, "1"), TypeError, ("size", "'1'")),
    ((T0, 1.0, [1.0]), TypeError, ("size", "[1.0]")),
    ((T0, 1.0, 1.0, "buy"), TypeError, ("side", "'buy'")),
    ((T0, 1.0, 1.0, 5), fc.InputError, ("side", "5", "-1", "0")),
    ((T0, 1.0, 1.0, -2, 7), fc.InputError, ("side", "-2")),
    ((T0, 1.0, 1.0, 1, 1.5), TypeError, ("id", "1.5")),
    ((T0, 1.0, 1.0, 1, 2**70), fc.InputError, ("id", str(2**70))),
    ((T0, 1.0, 1.0, 1, 2, 3), TypeError, ("6",)),
]


@pytest.mark.parametrize("case", range(len(WRONG_TICKS)))
def test_arguments_that_are_no_tick_are_refused(case: int) -> None:
    """By position and by keyword, with argument and value; such a call is no tick and is not counted."""
    arguments, kind, words = WRONG_TICKS[case]
    engine = used_engine()
    symbol = engine.symbol("S")
    with unchanged(engine):
        refused(lambda: symbol.on_tick(*arguments), kind, "on_tick", *words)
        if len(arguments) <= 5:
            named = dict(zip(("ts", "price", "size", "side", "id"), arguments, strict=False))
            refused(lambda: symbol.on_tick(**named), kind, "on_tick", *words)


@pytest.mark.parametrize("ts", [2**63, -(2**70), 10**300])
def test_a_time_beyond_64_bits_is_counted_as_one_in_another_unit(ts: int) -> None:
    """As -1 is: received, and rejected."""
    engine = used_engine()
    symbol = engine.symbol("S")
    before = symbol.ledger
    for call in (
        lambda: symbol.on_tick(ts, 1.0, 1.0),
        lambda: symbol.on_quote(ts, 1.0, 1.0),
        lambda: symbol.on_bar("1m", ts, 1.0, 1.0, 1.0, 1.0),
    ):
        refused(call, fc.InputError, f"ts={str(ts)[:20]}", "nanoseconds", "64 bits")
        assert symbol.outcome == "rejected"
    assert (
        symbol.ledger["rejected"] - before["rejected"] == symbol.ledger["received"] - before["received"] == 3
    )
    with unchanged(engine):
        refused(
            lambda: engine.on_bars("1m", ts, **flat_bars(), symbols=["S"]), fc.InputError, "ts=", "64 bits"
        )


def test_unknown_and_repeated_arguments_of_a_tick_are_refused() -> None:
    """With the name and what there is."""
    engine = used_engine()
    symbol = engine.symbol("S")
    with unchanged(engine):
        refused(
            lambda: symbol.on_tick(T0, 1.0, volume=2.0), TypeError, "'volume'", "ts, price, size, side, id"
        )
        refused(lambda: symbol.on_tick(T0, 1.0, 1.0, price=2.0), TypeError, "'price'", "twice")
        refused(lambda: symbol.on_tick(T0, size=2.0), TypeError, "ts and price")


def test_peek_refuses_a_price_that_cannot_be() -> None:
    """An error and no row, since there is no ledger for what did not happen."""
    engine = used_engine()
    symbol = engine.symbol("S")
    with unchanged(engine):
        for price, size in BAD_TICKS:
            refused(lambda p=price, s=size: symbol.peek(p, s), fc.InputError, "peek", "price", "size")
        for wrong in ("x", None, [1.0]):
            with pytest.raises(TypeError):
                symbol.peek(wrong)


# -------------------------------------------------------------------------------------- batches of ticks
def good_ticks() -> np.ndarray[Any, Any]:
    """Four ticks at the end of the used engine's time."""
    return ticks_of([(T0 + 10**15 + i, 5.0, 1.0, i % 2) for i in range(4)])


PACKED = np.dtype([(name, fc.TICK[name]) for name in fc.TICK.names or ()])
WRONG_BATCHES: dict[str, Callable[[], object]] = {
    "list": lambda: [1, 2, 3],
    "empty list": lambda: [],
    "None": lambda: None,
    "text": lambda: "ticks",
    "dict": lambda: {"ts": [T0]},
    "floats": lambda: np.zeros(4),
    "matrix of floats": lambda: np.zeros((4, 6)),
    "packed records": lambda: good_ticks().astype(PACKED),
    "records without a field": lambda: good_ticks()[["ts", "price", "size"]],
    "records in another byte order": lambda: good_ticks().astype(fc.TICK.newbyteorder()),
    "bars": lambda: np.zeros(4, fc.BAR),
    "objects": lambda: good_ticks().astype(object),
    "one row of two": lambda: good_ticks().reshape(1, 4),
    "two rows of two": lambda: good_ticks().reshape(2, 2),
    "one column": lambda: good_ticks().reshape(4, 1),
    "three dimensions": lambda: good_ticks().reshape(2, 2, 1),
    "no rows of four": lambda: good_ticks()[:0].reshape(0, 4),
    "one tick alone": lambda: np.array(good_ticks()[0]),
}


@pytest.mark.parametrize("case", WRONG_BATCHES)
def test_a_batch_that_is_none_is_refused(case: str) -> None:
    """An InputError that says what is wanted; nothing was taken, no symbol made."""
    engine = used_engine()
    with unchanged(engine):
        refused(
            lambda: engine.on_ticks(WRONG_BATCHES[case](), symbols=["S", "T"]),
            fc.InputError,
            "on_ticks",
            "fastcore.TICK",
        )


def test_options_of_a_batch_are_checked() -> None:
    """Rows that are not "all"."""
    engine = used_engine()
    with unchanged(engine):
        refused(
            lambda: engine.on_ticks(good_ticks(), symbols=["S", "T"], rows="live"),
            fc.InputError,
            "rows",
            "'live'",
        )
        with pytest.raises(TypeError):
            engine.on_ticks(good_ticks(), names=["S", "T"])


@pytest.mark.parametrize("names", ["ST", 5, [None, None], [b"S", b"T"], ["S", 3]])
def test_a_table_of_names_that_is_none_is_refused(names: Any) -> None:
    """A text is no list of letters, and what is no text is no name: no symbol 'None' is made on the quiet."""
    engine = used_engine()
    one = flat_bars(symbols=2)
    with unchanged(engine):
        refused(lambda: engine.on_ticks(good_ticks(), symbols=names), (TypeError, fc.InputError), "symbols")
        refused(
            lambda: engine.on_bars("1m", T0 + 10**15, **one, symbols=names),
            (TypeError, fc.InputError),
            "symbols",
        )


# ----------------------------------------------------------------------------------------- batches of bars
WRONG_BARS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "too many": ({"open": [1.0, 1.0]}, ("open has 2 values for 1 symbols",)),
    "too few": ({"close": []}, ("close has 0 values for 1 symbols",)),
    "volume too long": ({"volume": [1.0, 1.0]}, ("volume has 2 values for 1 symbols",)),
    "text": ({"high": ["x"]}, ("on_bars", "high")),
    "complex": ({"low": [1j]}, ("on_bars", "low")),
    "two dimensions": ({"open": [[1.0]]}, ("on_bars", "open")),
    "one number": ({"open": 1.0}, ("on_bars", "open")),
    "None": ({"close": None}, ("on_bars", "close")),
}


@pytest.mark.parametrize("case", WRONG_BARS)
def test_a_batch_of_bars_that_is_none_is_refused(case: str) -> None:
    """With the column; nothing was taken, no symbol made."""
    change, words = WRONG_BARS[case]
    engine = used_engine()
    columns: dict[str, Any] = flat_bars() | {"volume": [1.0]} | change
    with unchanged(engine):
        refused(
            lambda: engine.on_bars("1m", T0 + 10**15, **columns, symbols=["T"]),
            (TypeError, fc.InputError),
            *words,
        )


def test_the_time_of_a_bar_must_be_a_whole_number() -> None:
    """Text and fractions."""
    engine = used_engine()
    one = flat_bars()
    with unchanged(engine):
        for ts in ("now", 1.5, None, float(T0 + 10**15)):
            for call in (
                lambda ts=ts: engine.on_bars("1m", ts, **one, symbols=["S"]),
                lambda ts=ts: engine.symbol("S").on_bar("1m", ts, 1.0, 1.0, 1.0, 1.0),
                lambda ts=ts: engine.symbol("S").on_quote(ts, 1.0, 1.0),
            ):
                refused(call, TypeError, "ts must be an int", repr(ts))


# --------------------------------------------------------------------------------------- columns and names
@pytest.mark.parametrize(
    "column", ["nope", "", "MEAN", "mean ", "atr.atr", 3, -4, 10**30, -(10**30), None, 1.0, (), "mean\0"]
)
def test_an_unknown_column_is_refused(column: Any) -> None:
    """With the column and those that there are, in every way of reading."""
    symbol = used_engine().symbol("S")
    for read in (
        symbol.__class__.get,
        lambda s, c: s[c],
        symbol.__class__.history,
        symbol.__class__.generation,
    ):
        refused(lambda read=read: read(symbol, column), fc.UnknownNameError, repr(column), "'mean'", "'slow'")


def test_a_key_that_cannot_be_one_is_refused() -> None:
    """Lists and slices."""
    symbol = used_engine().symbol("S")
    for key in ([0], slice(0, 1), {}, np.zeros(2)):
        with pytest.raises((TypeError, fc.UnknownNameError)):
            symbol[key]


def test_history_that_is_not_kept_is_refused() -> None:
    """With how to keep it."""
    refused(lambda: fc.Engine(PLAN).symbol("S").history("mean"), fc.InputError, "history", "512")


@pytest.mark.parametrize("name", [3, None, 1.5, ["S"], b"S"])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    """With the name and what it is of, never with the native code's signatures."""
    engine = used_engine()
    symbol = engine.symbol("S")
    with unchanged(engine):
        refused(lambda: engine.symbol(name), TypeError, "engine.symbol", "must be text", repr(name))
        refused(lambda: engine.drop(name), TypeError, "engine.drop", "must be text", repr(name))
        for call in (symbol.bars, symbol.forming, lambda span: symbol.on_bar(span, T0, 1.0, 1.0, 1.0, 1.0)):
            refused(lambda call=call: call(name), TypeError, "span of bars", "must be text", repr(name))
        refused(lambda: engine.on_bars(name, T0, **flat_bars(), symbols=["S"]), TypeError, "span", repr(name))


def test_half_a_character_is_refused_in_a_sentence() -> None:
    """A lone surrogate, wherever text goes in."""
    engine, half = used_engine(), "S\ud800"
    ticks = ticks_of([(T0 + 10**16, 1.0, 1.0, 0)])
    with unchanged(engine):
        for call in (
            lambda: engine.symbol(half),
            lambda: engine.drop(half),
            lambda: engine.on_ticks(ticks, symbols=[half]),
            lambda: engine.on_bars("1m", T0 + 10**15, **flat_bars(), symbols=[half]),
            lambda: engine.symbol("S").bars(half),
            lambda: fc.Engine({half: fc.SMA(2)}),
            lambda: fc.SMA(2).on(half),
            lambda: fc.SMA(2).of(half),
        ):
            refused(call, fc.FastcoreError, repr(half), "surrogate")


def test_what_is_left_out_of_a_call_is_named() -> None:
    """And what is too much, in the words of the method."""
    engine = used_engine()
    symbol = engine.symbol("S")
    calls: list[tuple[Callable[[], object], tuple[str, ...]]] = [
        (lambda: symbol.on_quote(T0, 1.0), ("on_quote needs", "bid", "ask")),
        (lambda: symbol.on_quote(T0, "1", 2.0), ("on_quote", "bid", "'1'")),
        (lambda: symbol.on_bar("1m"), ("on_bar needs", "span", "close")),
        (lambda: symbol.on_bar("1m", T0, 1.0, 1.0, None, 1.0), ("on_bar", "low", "None")),
        (lambda: symbol.peek(), ("peek needs price",)),
        (lambda: symbol.peek("x"), ("peek", "price", "'x'")),
        (lambda: symbol.peek(1.0, 1.0, True), ("peek takes price, size", "3")),
        (lambda: symbol.peek(1.0, deep=True), ("peek", "'deep'", "forming")),
    ]
    with unchanged(engine):
        for call, words in calls:
            refused(call, TypeError, *words)


def test_a_long_value_is_cut_in_a_message() -> None:
    """A megabyte of text is told by its beginning and its length."""
    long = "x" * 10**6
    symbol = used_engine().symbol("S")
    for call in (
        lambda: fc.SMA(3).update(long),
        lambda: symbol.on_tick(T0, long),
        lambda: symbol.on_tick(long, 1.0),
        lambda: symbol.get(long),
        lambda: fc.Engine({"a": long}),
        lambda: fc.Engine({"a": fc.SMA(2)}, policy=fc.Policy(jumps=long)),
    ):
        with pytest.raises((TypeError, fc.FastcoreError)) as error:
            call()
        assert "xxx... (1000002 characters)" in str(error.value)
        assert len(str(error.value)) < 400


def test_numbers_of_numpy_are_places_too() -> None:
    """As Python's own."""
    symbol = used_engine().symbol("S")
    assert symbol.get(np.int64(0)) == symbol[0] == symbol[np.uint8(0)]
    assert symbol.get(np.int32(-2)) == symbol[-2] == symbol["atr"] > 0
    refused(lambda: symbol.get(np.int64(9)), fc.UnknownNameError, "9")


def test_nothing_is_no_place_in_a_plan() -> None:
    """An empty span and no column at all are errors, not the default."""
    refused(lambda: fc.SMA(2).on(""), fc.PlanError, "SMA.on", "''")
    refused(lambda: fc.SMA(2).of(), fc.PlanError, "SMA.of", "column")


def test_a_number_beyond_every_float_is_refused() -> None:
    """By an error of ours; what a value's own __float__ raises comes through."""

    class Broken:
        def __float__(self) -> float:
            raise ZeroDivisionError("of its own")

    one = fc.SMA(2)
    refused(lambda: one.update(10**400), fc.InputError, "SMA.update", "close", "float")
    with pytest.raises(ZeroDivisionError, match="of its own"):
        one.update(Broken())


def test_a_batch_whose_first_tick_has_no_symbol_is_refused() -> None:
    """With the number and how many names there are; nothing is taken."""
    engine = used_engine()
    ticks = ticks_of([(T0 + 10**16, 1.0, 1.0, 1), (T0 + 10**16, 1.0, 1.0, 0)])
    with unchanged(engine):
        refused(
            lambda: engine.on_ticks(ticks), fc.InputError, "symbol=1", "the engine has 1 symbol", "symbols="
        )
        refused(
            lambda: engine.on_ticks(ticks, symbols=["S"]), fc.InputError, "symbol=1", "symbols= has 1 symbol"
        )
    refused(lambda: fc.Engine(PLAN).on_ticks(ticks), fc.InputError, "symbol=1", "0 symbols")
    assert engine.on_ticks(ticks[::-1]) == 1, "a later one is counted"
    assert engine.ledger["rejected"] == 1


# -------------------------------------------------------------------------------------------- snapshots
def test_what_is_no_snapshot_is_refused() -> None:
    """Nothing, text, noise, something newer."""
    data = used_engine().snapshot()
    for wrong in (None, "text", 3, [1, 2]):
        refused(lambda wrong=wrong: fc.Engine.restore(wrong), TypeError, "snapshot")
    noise = rng_of("noise").bytes(5_000)
    for wrong in (b"", b"\0", b"FASTCORE", noise, b"FASTCORE" + noise, data[::-1]):
        refused(lambda wrong=wrong: fc.Engine.restore(wrong), fc.SnapshotError, "snapshot")
    newer = bytearray(data)
    newer[8] += 1
    refused(lambda: fc.Engine.restore(bytes(newer)), fc.SnapshotError, "newer")


# Damage that no checksum tells: bytes are changed and sealed again. In a process of its own with little
# memory, because what is looked for is a crash, a hang, or an engine of a terabyte.
RESEALED = """
import json, random, resource, struct, sys
import numpy as np
import fastcore as fc

table = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    table.append(crc)

def seal(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return bytes(data) + struct.pack("<I", crc ^ 0xFFFFFFFF)

T0 = 1_700_000_000_000_000_000
plan = {"mean": fc.SMA(5), "dev": fc.STDDEV(5), "kama": fc.KAMA(3), "macd": fc.MACD(2, 4, 2),
        "adx": fc.ADX(3), "stoch": fc.STOCH(3, 2, 2), "cci": fc.CCI(4), "mfi": fc.MFI(3),
        "bar": fc.SMA(2).on("1m"), "trend": fc.EMA(2).of("bar")}
rows, room = 37, 53  # numbers that occur nowhere else
plain = fc.Engine(plan, history=rows, max_symbols=room)
for i in range(200):
    plain.symbol("AB"[i % 2]).on_tick(T0 + i * 10**10, 100 + i % 7, 1.0)

# All rules at once: ticks that wait, a jump that waits for a second opinion, windows that are full.
guarded = fc.Engine({"mean": fc.SMA(5), "bar": fc.SMA(2).on("1m")}, history=rows, max_symbols=room)
fed = []
for name, rule in (("A", "id"), ("B", "value")):
    policy = fc.Policy(order="buffer", lateness="30s", buffer_size=8, invalid="clamp", duplicates=rule,
                       duplicate_window=8, jumps=5.0, jump_window=8)
    symbol = guarded.symbol(name, policy=policy)
    for i in range(40):
        tick = (T0 + i * 10**10, 900.5 if i == 36 else 100.25 + i % 7, 1.0, 1, 7_000_000 + i)
        symbol.on_tick(*tick)
        fed += [struct.pack("<q", tick[0]), struct.pack("<d", tick[1]), struct.pack("<q", tick[4])]
    assert symbol.ledger["held"] == 4, symbol.ledger

good = (plain if sys.argv[1] == "plain" else guarded).snapshot()
assert seal(good[:-4]) == good
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
extremes = [0, 1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1, 0x7FF << 52, 0x7FF8 << 48]
extremes += [2**58, 2**60, 2**62, 2**63 - 1, 2**63, 2**64 - 1]

def places():
    # What says how much is wanted, of rows and of symbols; and all times, prices and ids, where they stand.
    known = [struct.pack("<q", rows), struct.pack("<q", room), *sorted(set(fed))]
    found = [at for value in known for at in range(40, len(good) - 12) if good.startswith(value, at)]
    assert len(found) >= (60 if sys.argv[1] == "guarded" else 2)
    return found

def changes(count):
    if count == 0:
        for at in places():
            for value in extremes:
                data = bytearray(good[:-4])
                data[at:at + 8] = value.to_bytes(8, "little")
                yield at, data
    for _ in range(count):
        data = bytearray(good[:-4])
        for _ in range(rng.choice((1, 1, 1, 3))):
            at, size = rng.randrange(40, len(data) - 8), rng.choice((1, 4, 8))
            value = data[at] ^ 1 << rng.randrange(8) if size == 1 else rng.choice(extremes)
            data[at:at + size] = (value % 256**size).to_bytes(size, "little")
        yield at, data

rng = random.Random(sys.argv[2])
odd = {}
for at, data in changes(int(sys.argv[3])):
    print(at, bytes(data[at:at + 8]).hex(), file=sys.stderr, flush=True)
    try:
        twin = fc.Engine.restore(seal(data))
        for name in twin.symbols:
            symbol = twin.symbol(name)
            for i in range(24):
                symbol.on_tick(T0 + 10**16 + i * 10**10, 100.0 + i % 9, 1.0, id=i)
            symbol.peek(100.0, forming=True)
            symbol.history(0), symbol.bars("1m"), symbol.values()
        twin.snapshot(), twin.stats(), twin.flush()
    except fc.FastcoreError:
        pass
    except Exception as error:
        seen = odd.setdefault(f"{type(error).__name__}: {str(error)[:60]}", [])
        seen.append([at, bytes(data[at:at + 8]).hex()])
print(json.dumps(odd))
"""


@pytest.mark.parametrize("engine", ["plain", "guarded"])
@pytest.mark.parametrize("seed", ["places", "first", "second"])
def test_a_changed_snapshot_with_a_fitting_checksum_never_crashes(engine: str, seed: str) -> None:
    """It is refused by one of our errors, or it is an engine that works."""
    mode = [engine, seed, "0" if seed == "places" else str(scaled(400, 10_000))]
    done = subprocess.run(
        [sys.executable, "-c", RESEALED, *mode], capture_output=True, text=True, timeout=300
    )
    trail = done.stderr.strip().splitlines()
    assert done.returncode == 0, f"exit status {done.returncode} after {trail[-3:]}"
    odd = json.loads(done.stdout)
    assert not odd, f"other errors than ours, by [byte, bytes from there on]: {odd}"
