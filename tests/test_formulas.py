"""Formulas of indicators: the bits of NumPy's arithmetic over the parts, in the engine's one call."""

from __future__ import annotations

import copy
import cProfile
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore._formula_text import read
from fastcore.scale import Outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import T0, assert_same_bits, rng_of, walk_bars

SECOND = 1_000_000_000
ROWS = 400


def prices() -> np.ndarray[Any, np.dtype[np.float64]]:
    """A walk near 100."""
    return walk_bars(rng_of("formulas"), ROWS, 100.0)[3]


def ticked(plan: dict[str, Any], values: Any, **options: Any) -> Any:
    """Rows of an engine after each tick."""
    symbol = fc.Engine(plan, rows="copy", **options).symbol("S")
    return np.array([symbol.on_tick(T0 + i, float(x), 1.0) for i, x in enumerate(values)])


def clean(values: Any) -> Any:
    """NaN for what is no number, as formulas give it."""
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@pytest.mark.parametrize("sign", [*OPERATIONS, *COMPARISONS])
def test_an_operator_gives_numpys_bits(sign: str) -> None:
    """Between indicators, and with a number on either side."""
    operate = OPERATIONS.get(sign) or COMPARISONS[sign]
    values = prices()
    fast, slow = fc.ema(values, period=5), fc.sma(values, period=9)
    with np.errstate(all="ignore"):
        wanted = [operate(fast, slow), operate(fast, 100.25), operate(100.25, fast)]
    if sign in COMPARISONS:
        absent = [np.isnan(fast) | np.isnan(slow), np.isnan(fast), np.isnan(fast)]
        wanted = [np.where(none, np.nan, x) for none, x in zip(absent, wanted, strict=True)]
    given_ = (operate(fc.EMA(5), fc.SMA(9)), operate(fc.EMA(5), 100.25), operate(100.25, fc.EMA(5)))
    rows = ticked({f"f{i}": one for i, one in enumerate(given_)}, values)
    for i, one in enumerate(given_):
        assert_same_bits(rows[:, i], clean(wanted[i]), f"{one!r}")
        assert_same_bits(one.values(values), rows[:, i], f"values of {one!r}")


@pytest.mark.parametrize("name", ["negative", "absolute", "sqrt"])
def test_a_function_gives_numpys_bits(name: str) -> None:
    """Of a difference that has both signs; the root of what is below 0 is NaN."""
    values, function = prices(), getattr(np, name)
    with np.errstate(all="ignore"):
        wanted = clean(function(fc.ema(values, period=5) - fc.sma(values, period=9)))
    formula = function(fc.EMA(5) - fc.SMA(9))
    assert_same_bits(ticked({"x": formula}, values)[:, 0], wanted, name)
    if name != "sqrt":
        assert repr({"negative": -fc.EMA(5), "absolute": abs(fc.EMA(5))}[name]) == repr(function(fc.EMA(5)))


@pytest.mark.parametrize("name", ["log", "exp"])
def test_a_transcendental_function_is_right(name: str) -> None:
    """Within the last digits, which libraries differ in."""
    values, function = prices(), getattr(np, name)
    wanted = function(fc.sma(values, period=3) / 50.0)
    found = ticked({"x": function(fc.SMA(3) / 50.0)}, values)[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=4e-16)


def test_conditions_are_joined_by_and_or_and_not() -> None:
    """NumPy's logic of their columns, NaN while either is; written and read back as they stand."""
    values = prices()
    middle = float(np.median(values))
    fast, slow, last = fc.ema(values, period=5), fc.sma(values, period=9), values
    up, near, low = fc.EMA(5) > fc.SMA(9), abs(fc.SMA(1) - fc.EMA(5)) < 0.01, fc.SMA(1) <= middle
    columns = {"up": fast > slow, "near": np.abs(last - fast) < 0.01, "low": last <= middle}
    absent = {"up": np.isnan(fast) | np.isnan(slow), "near": np.isnan(fast), "low": np.isnan(last)}
    cases = {
        "and": (up & near, columns["up"] & columns["near"], ("up", "near")),
        "or": (up | low, columns["up"] | columns["low"], ("up", "low")),
        "not": (~near, ~columns["near"], ("near",)),
        "all": (
            ~(up & near) | low,
            ~(columns["up"] & columns["near"]) | columns["low"],
            ("up", "near", "low"),
        ),
        "columns": (fc.column("up") & ~fc.column("near"), columns["up"] & ~columns["near"], ("up", "near")),
        "product": (up * near & low, columns["up"] & columns["near"] & columns["low"], ("up", "near", "low")),
        "NumPy's": (
            np.logical_not(np.logical_or(up, low)),
            ~(columns["up"] | columns["low"]),
            ("up", "low"),
        ),
    }
    plan = {"up": up, "near": near, **{name: one for name, (one, _, _) in cases.items()}}
    rows = ticked(plan, values)
    for i, (name, (one, wanted, of)) in enumerate(cases.items()):
        assert {0.0, 1.0} <= set(wanted.astype(float)), f"{name} is of both kinds"
        none = np.logical_or.reduce([absent[part] for part in of])
        assert_same_bits(rows[:, 2 + i], np.where(none, np.nan, wanted), name)
        if name != "columns":
            assert_same_bits(one.values(values), rows[:, 2 + i], f"values of {name}")
        assert repr(read(repr(one))) == repr(one) == repr(pickle.loads(pickle.dumps(one)))
    assert repr(~up & near) == (
        "(~(EMA(period=5) > SMA(period=9))) & (abs((SMA(period=1) - EMA(period=5))) < 0.01)"
    )
    assert repr((~up).on("1m")) == "~(EMA(period=5).on('1m') > SMA(period=9).on('1m'))"


def test_a_division_by_nothing_is_no_number() -> None:
    """NaN, which an indicator of the formula leaves out."""
    plan = {"x": 1.0 / (fc.SMA(1) - 100.0), "mean": fc.SMA(2).of("x")}
    rows = ticked(plan, [101.0, 100.0, 102.0])
    assert_same_bits(rows, [[1.0, np.nan], [np.nan, np.nan], [0.5, 0.75]], "rows")


def test_the_formula_of_the_guide() -> None:
    """The distance of two averages in true ranges, on bars, in one row with other indicators."""
    bars = walk_bars(rng_of("bars"), 300, 100.0)
    high, low, close = bars[1:4]
    distance = (fc.EMA(12) - fc.EMA(26)) / fc.ATR(14)
    engine = fc.Engine({"x": distance.on("1m"), "rsi": fc.RSI(14).on("1m")}, rows="copy")
    symbol = engine.symbol("S")
    start = T0 - T0 % (60 * SECOND)
    rows = np.array(
        [symbol.on_bar("1m", start + i * 60 * SECOND, *(float(x[i]) for x in bars)) for i in range(300)]
    )
    wanted = (fc.ema(close, period=12) - fc.ema(close, period=26)) / fc.atr(high, low, close, period=14)
    assert engine.columns == ["x", "rsi"]
    assert_same_bits(rows[:, 0], wanted, "on bars")
    assert_same_bits(rows[:, 1], fc.rsi(close, period=14), "beside it")
    assert distance.inputs == ("high", "low", "close")
    assert_same_bits(distance.values(high, low, close), wanted, "over columns")


def test_outputs_columns_and_chains_are_operands() -> None:
    """One of several outputs, another column by name, and an indicator of a formula within a formula."""
    values = prices()
    plan = {
        "macd": fc.MACD(),
        "hist": fc.MACD()["hist"] * 2.0,
        "rest": 100.0 - fc.column("hist"),
        "smooth": fc.EMA(4).of(fc.SMA(3) - fc.SMA(5)),
        "only": fc.MACD()["signal"],
        "both": fc.CORREL(6).of("smooth", fc.SMA(3)),
        "same": fc.column("rest"),
    }
    rows = ticked(plan, values)
    engine = fc.Engine(plan)
    macd, signal, hist = fc.macd(values)
    at = {name: rows[:, i] for i, name in enumerate(engine.columns)}
    difference = fc.sma(values, period=3) - fc.sma(values, period=5)
    smooth = fc.EMA(4).batch(difference)
    wanted = {
        "macd.macd": macd,
        "hist": hist * 2.0,
        "rest": 100.0 - hist * 2.0,
        "smooth": smooth,
        "only": signal,
        "both": fc.CORREL(6).batch(smooth, fc.sma(values, period=3)),
        "same": 100.0 - hist * 2.0,
    }
    for name, column in wanted.items():
        assert_same_bits(at[name], column, name)


def test_equal_parts_are_computed_once() -> None:
    """Within a formula, between formulas, and with what the plan has under a name."""
    one = fc.Engine({"ema": fc.EMA(5), "x": fc.EMA(5) - fc.EMA(9)})
    two = fc.Engine({"ema": fc.EMA(5), "x": fc.EMA(5) - fc.EMA(9), "y": (fc.EMA(5) - fc.EMA(9)) * fc.EMA(5)})
    assert one.stats()["nodes"] == 3
    assert two.stats()["nodes"] == 4
    assert one.columns == ["ema", "x"]


def test_peek_snapshot_restore_and_replay_know_of_no_formula() -> None:
    """The same bits after a peek, from a snapshot, with a plan given anew, and in one batch."""
    values = prices()
    plan = {"x": (fc.EMA(5) - fc.EMA(9)) / fc.STDDEV(7), "sma": fc.SMA(7)}
    whole = ticked(plan, values)
    engine = fc.Engine(plan)
    symbol = engine.symbol("S")
    for i, price in enumerate(values[:200]):
        symbol.peek(price + 1.0)
        symbol.on_tick(T0 + i, price, 1.0)
    for restored in (
        fc.Engine.restore(engine.snapshot()),
        fc.Engine.restore(engine.snapshot(), plan=plan),
        fc.Engine.restore(engine.snapshot(), plan={"y": plan["x"], "sma": plan["sma"]}),
    ):
        assert restored.snapshot() == engine.snapshot() or restored.columns == ["y", "sma"]
        assert restored.cold == {}
        again = restored.symbol("S")
        rows = [again.on_tick(T0 + 200 + i, x, 1.0).copy() for i, x in enumerate(values[200:])]
        assert_same_bits(rows, whole[200:], "restored")
    ticks = np.zeros(ROWS, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = T0 + np.arange(ROWS), values, 1.0
    batch = fc.Engine(plan).on_ticks(ticks, symbols=["S"], rows="all")
    assert_same_bits(batch, whole, "in one batch")


def test_a_formula_can_be_copied_and_pickled() -> None:
    """It is a description: what comes back describes the same."""
    formula = np.maximum(fc.EMA(5).of(fc.MACD()["hist"] / fc.column("atr")), 0.0) > -fc.SMA(3)
    for again in (pickle.loads(pickle.dumps(formula)), copy.deepcopy(formula), copy.copy(formula)):
        assert repr(again) == repr(formula)
    assert repr(formula) == (
        "maximum(EMA(period=5).of(MACD(fast=12, slow=26, signal=9)['hist'] / column('atr')), 0.0) > "
        "(-SMA(period=3))"
    )


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: fc.EMA(5) + "x", TypeError, "of indicators, formulas and numbers, not 'x'"),
        (lambda: fc.EMA(5) + True, TypeError, "not True"),
        (lambda: fc.EMA(5) * float("nan"), fc.InputError, "must be finite, not nan"),
        (lambda: np.sin(fc.EMA(5)), TypeError, "sin"),
        (lambda: 30 < fc.RSI() < 70, TypeError, r"no truth value.*\(a > 30\) & \(a < 70\)"),
        (lambda: (fc.RSI() > 1) and fc.RSI(), TypeError, "no truth value"),
        (lambda: max(fc.EMA(5), fc.EMA(6)), TypeError, r"np\.maximum"),
        (lambda: not fc.column("y"), TypeError, "no truth value"),
        (lambda: fc.RSI() & (fc.RSI() > 3), TypeError, r"^& is of conditions.*not of RSI\(period=14\)$"),
        (lambda: fc.RSI() > 30 & fc.RSI(), TypeError, "in parentheses, and not of 30"),
        (lambda: (fc.RSI() > 3) | True, TypeError, r"^\| is of conditions.*not of True"),
        (lambda: ~(fc.RSI() - 3), TypeError, r"^~ is of conditions.*not of RSI\(period=14\) - 3.0"),
        (lambda: fc.EMA(5)["ema"], fc.PlanError, "has no output 'ema' to choose; it has one alone"),
        (lambda: fc.MACD()["x"], fc.PlanError, "it has 'macd', 'signal', 'hist'"),
        (lambda: fc.column(3), TypeError, "must be text, not 3"),
        (
            lambda: fc.Engine({"x": fc.column("y") + 1}),
            fc.PlanError,
            "'x' is of 'y', which is not in the plan; it has x",
        ),
        (lambda: fc.Engine({"x": fc.MACD() + 1}), fc.PlanError, "several outputs"),
        (lambda: fc.Engine({"x": fc.EMA(2).on("1m") + fc.EMA(2)}), fc.PlanError, "different clocks"),
        (lambda: fc.Engine({".x": fc.EMA(2)}), fc.PlanError, "must not begin with a dot"),
        (lambda: (fc.column("y") + 1).values(), fc.InputError, "reads columns or bars of an engine"),
        (lambda: (fc.EMA(2) + 1).values(), fc.InputError, r"takes 1 arrays \(close\), not 0"),
    ],
)
def test_what_is_no_formula_is_refused_with_a_sentence(make: Any, kind: type[Exception], text: str) -> None:
    """Names what is wrong with it."""
    with pytest.raises(kind, match=text):
        make()


def test_an_indicator_may_be_asked_whether_it_is_there() -> None:
    """It is an object as any other; comparisons of two of them are not."""
    assert fc.EMA(5) and bool(fc.MACD())


def test_a_part_that_many_share_is_built_once() -> None:
    """Twelve doublings have thirteen parts, not thousands."""
    formula: Any = fc.SMA(3)
    for _ in range(12):
        formula = formula + formula
    profile = cProfile.Profile()
    profile.enable()
    fc.Engine({"x": formula})
    assert formula.inputs == ("close",)
    profile.disable()
    assert sum(one.callcount for one in profile.getstats()) < 2_000


def test_functions_stay_in_their_process(tmp_path: Path) -> None:
    """Where others would compute, a sentence names the function; here they may."""
    twice = fc.function(lambda x: 2 * x, name="twice_here")
    plan = {"x": fc.EMA(2).of(twice + 1)}
    with pytest.raises(fc.PlanError, match=r"'x': 'twice_here' is a function of this process.*backfill"):
        fc.backfill([tmp_path / "a.csv"], plan, tmp_path / "out")
    with pytest.raises(fc.PlanError, match=r"'twice_here'.*ShardedEngine"):
        fc.ShardedEngine(plan)
    with pytest.raises(fc.PlanError, match=r"'x': 'twice_here' is a function of this process.*Outputs"):
        Outputs(plan)
    with fc.ShardedEngine(plan, shards=1, on="here") as sharded:
        assert sharded.columns == ["x"]


LEAVES = [fc.EMA(3), fc.SMA(4), fc.RSI(3), fc.MACD()["hist"], fc.STDDEV(5)]


def trees() -> Any:
    """Formulas of some depth."""
    leaves = st.sampled_from(LEAVES)
    numbers = st.floats(-4, 4)
    sign = st.sampled_from(list(OPERATIONS))

    def grown(inner: Any) -> Any:
        return st.one_of(
            st.builds(lambda s, a, b: OPERATIONS[s](a, b), sign, inner, inner),
            st.builds(lambda s, a, b: OPERATIONS[s](a, b), sign, inner, numbers),
            st.builds(lambda s, a, b: OPERATIONS[s](a, b), sign, numbers, inner),
            st.builds(lambda a: fc.EMA(2).of(a), inner),
        )

    return st.recursive(leaves, grown, max_leaves=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=3))
def test_any_formulas_give_the_bits_of_their_parts(formulas: list[Any]) -> None:
    """Several in one plan, which shares what is equal, against each over columns alone."""
    values = prices()[:120]
    rows = ticked({f"f{i}": one for i, one in enumerate(formulas)}, values)
    for i, one in enumerate(formulas):
        alone = one.values(values) if isinstance(one, fc.Formula) else one.copy().batch(values)
        assert_same_bits(rows[:, i], alone, repr(one))
