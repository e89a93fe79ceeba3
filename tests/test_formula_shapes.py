"""Formulas of odd shapes: parts that many share, long texts, deep ones, and what is asked in vain."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import fastcore as fc
import numpy as np
import pytest

T0 = 1_700_000_000_000_000_000


def doubled(times: int, part: Any = None) -> Any:
    """A part added to itself, again and again: as a text twice as long each time."""
    formula = fc.EMA(3) if part is None else part
    for _ in range(times):
        formula = formula + formula
    return formula


def fed(engine: fc.Engine, rows: range) -> fc.Symbol:
    """The symbol after ticks."""
    symbol = engine.symbol("S")
    for i in rows:
        symbol.on_tick(T0 + i * 10**9, 100.0 + i * i % 7, 1.0)
    return symbol


def test_a_part_that_many_share_may_be_shared_again_and_again() -> None:
    """Sixty doublings are sixty nodes; their text would have 10^19 letters."""
    plan = {"x": doubled(60), "y": fc.EMA(3).of(doubled(40)), "one": fc.EMA(3)}
    symbol = fed(fc.Engine(plan), range(20))
    assert symbol["x"] == symbol["one"] * 2.0**60
    assert doubled(60).values([1.0, 2.0, 3.0])[2] == 2.0 * 2.0**60
    assert doubled(60).inputs == ("close",)
    for again in (pickle.loads(pickle.dumps(plan["x"])), copy.deepcopy(plan["x"])):
        assert fed(fc.Engine({"x": again}), range(20))["x"] == symbol["x"]
    assert len(repr(plan["x"])) < 40_000


def test_indicators_of_a_part_that_many_share() -> None:
    """Chains, functions and outputs of formulas, each of the same three times."""
    both = fc.function(lambda x, y: x - y, name="both_of_shape", inputs=["close", "close"])
    formula: Any = fc.EMA(2)
    for _ in range(25):
        formula = both.of(fc.ATR(2).of(formula, formula, formula), formula)
    assert len(fc.Engine({"x": formula}).columns) == 1
    assert len(repr(formula)) < 40_000


def test_long_formulas_go_on_after_a_snapshot() -> None:
    """Parts that a digest names are found again, those of another formula are not taken for them."""
    plan = {"x": fc.EMA(4).of(doubled(30)), "y": fc.EMA(4).of(doubled(30, fc.EMA(5)))}
    whole, half = fed(fc.Engine(plan), range(40)), fc.Engine(plan)
    fed(half, range(20))
    for restored in (
        fc.Engine.restore(half.snapshot()),
        fc.Engine.restore(half.snapshot(), plan=plan),
        fc.Engine.restore(half.snapshot(), plan={"y": plan["y"], "x": plan["x"]}),
    ):
        assert restored.cold == {}
        symbol = fed(restored, range(20, 40))
        assert (symbol["x"], symbol["y"]) == (whole["x"], whole["y"])
    assert whole["x"] != whole["y"]


def test_a_part_that_many_share_is_put_on_bars_once() -> None:
    """As in the formula on ticks."""
    placed = doubled(50).on("5s")
    assert fed(fc.Engine({"x": placed, "one": fc.EMA(3).on("5s")}), range(40)).values()[0] == (
        fed(fc.Engine({"one": fc.EMA(3).on("5s")}), range(40))["one"] * 2.0**50
    )
    assert repr((fc.EMA(2).on("1m") - fc.price("volume")).on("5s")) == (
        "EMA(period=2).on('1m') - price('volume').on('5s')"
    )


def test_a_formula_may_be_as_deep_as_it_is_long() -> None:
    """A sum of a thousand averages, one behind the other, from either side: in a plan, a text, a snapshot."""
    averages = [fc.SMA(1 + i % 5) for i in range(1_000)]
    total: Any = sum(averages)
    mirrored: Any = 0.0
    for average in averages:
        mirrored = average + mirrored
    engine = fc.Engine({"total": total, "mirrored": mirrored, "bars": (total / 1_000).on("5s")})
    symbol = fed(engine, range(40))
    assert symbol["total"] == pytest.approx(symbol["mirrored"])
    assert symbol["total"] > 1e5
    again = fc.Engine.restore(engine.snapshot(), plan={"total": sum(averages)})
    assert again.cold == {} and again.symbol("S")["total"] == symbol["total"]
    assert total.values([100.0] * 9)[-1] == 1e5
    for twin in (pickle.loads(pickle.dumps(total)), copy.deepcopy(total), copy.copy(total)):
        assert repr(twin) == repr(total)
    short: Any = sum(averages[:400])
    assert repr(short).count("SMA") == 400
    assert repr(short.on("1m")).count(".on('1m')") == 400


def test_a_formula_that_is_too_long_is_refused_with_a_sentence() -> None:
    """Wherever it is worked through."""
    endless: Any = fc.EMA(3)
    for _ in range(10_000):
        endless = endless + 1
    sentence = r"a formula has more than 10,000 parts.*fastcore\.column"
    for work in (repr, lambda x: x.on("1m"), lambda x: x.values([1.0])):
        with pytest.raises(fc.PlanError, match=sentence):
            work(endless)
    with pytest.raises(fc.PlanError, match=rf"'x': {sentence}"):
        fc.Engine({"x": endless})


@pytest.mark.parametrize("one", [fc.EMA(3), fc.MACD(), fc.EMA(3) + 1, fc.column("x")], ids=repr)
def test_formulas_and_indicators_are_no_sequences(one: Any) -> None:
    """Though an output is chosen in brackets."""
    with pytest.raises(TypeError, match="not iterable"):
        list(one)
    with pytest.raises(TypeError, match="not a container"):
        1 in one  # noqa: B015


def test_a_number_that_no_float_is_is_refused_with_a_sentence() -> None:
    """Numbers of Python have no end."""
    for make in (lambda: fc.EMA(3) * 10**400, lambda: fc.EMA(3) < -(10**400)):
        with pytest.raises(fc.InputError, match=r"a number in a formula must be at most 1\.8e308"):
            make()
    assert np.isfinite((fc.SMA(1) * 10**300).values([1.0])[0])


def test_a_formula_without_a_name_is_refused_as_an_indicator_is() -> None:
    """And not taken for a part of one."""
    for one in (fc.EMA(3), fc.EMA(3) + 1):
        with pytest.raises(fc.PlanError, match="indicator name '' must not be empty"):
            fc.Engine({"": one})


def test_machine_code_of_another_signature_is_refused() -> None:
    """It would read addresses as prices."""
    import numba

    def first(x: Any, state: Any) -> Any:
        return x[0]

    for wrong in ("float64(float64)", "int64(CPointer(float64), CPointer(float64))"):
        body = numba.cfunc(wrong)((lambda x: x) if "," not in wrong else (lambda x, state: 1))
        with pytest.raises(TypeError, match=r"function 'wrong_of_shape' must be compiled as float64\(CPoi"):
            fc.function(body, name="wrong_of_shape")
    compiled = numba.cfunc("float64(CPointer(float64), CPointer(float64))")(first)
    assert fc.function(compiled, name="first_of_shape").values([2.0]) == [2.0]


def test_a_function_without_a_name_is_asked_for_one() -> None:
    """As an object that can be called is."""

    class Twice:
        def __call__(self, x: float) -> float:
            return 2 * x

    with pytest.raises(TypeError, match=r"has no name of its own; give it one with name="):
        fc.function(Twice())
    assert fc.function(Twice(), name="twice_of_shape").values([2.0]) == [4.0]
