"""Indicators from functions: what a function says, row by row, wherever it runs."""

from __future__ import annotations

import copy
import ctypes
import pickle
import sys
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from samples import T0, assert_same_bits, rng_of, walk_bars

ROWS = 300


@fc.function(state=2, warmup=3)
def second_difference(x: float, state: Any) -> float:
    """x[t] - 2 x[t-1] + x[t-2]."""
    result = x - 2.0 * state[0] + state[1]
    state[1], state[0] = state[0], x
    return result


@fc.function(inputs=("high", "low", "volume"))
def effort(high: float, low: float, volume: float) -> float:
    """Range for each unit of volume."""
    return (high - low) / volume


Signature = ctypes.CFUNCTYPE(
    ctypes.c_double, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double)
)


@Signature
def _total(inputs: Any, state: Any) -> float:
    state[0] += inputs[0] * inputs[1]
    result: float = state[0]
    return result


class Compiled:
    """What numba.cfunc gives, as far as it is asked: an address of machine code."""

    __name__ = "turnover_total"
    address = ctypes.cast(_total, ctypes.c_void_p).value

    def __call__(self, *args: float) -> float:
        raise AssertionError("machine code is called by its address")


turnover_total = fc.function(Compiled(), inputs=("close", "volume"), state=1)


def prices() -> Any:
    """A walk near 100."""
    return walk_bars(rng_of("functions"), ROWS, 100.0)[3]


def wanted(values: Any) -> Any:
    """NumPy's second difference."""
    out = np.full(len(values), np.nan)
    out[2:] = values[2:] - 2.0 * values[1:-1] + values[:-2]
    return out


def ticked(symbol: Any, values: Any, first: int = 0) -> Any:
    """Rows after each tick."""
    return np.array([symbol.on_tick(T0 + first + i, float(x), 2.0).copy() for i, x in enumerate(values)])


def test_a_function_is_called_row_by_row_in_the_engines_call() -> None:
    """On ticks, in a formula, and of another column."""
    values = prices()
    plan = {
        "second": second_difference,
        "scaled": second_difference * 100.0 / fc.SMA(1),
        "of_mean": second_difference.of("mean"),
        "mean": fc.SMA(4),
        "of_formula": second_difference.of(fc.SMA(4) - 1.0),
    }
    rows = ticked(fc.Engine(plan).symbol("S"), values)
    mean = fc.sma(values, period=4)
    assert_same_bits(rows[:, 0], wanted(values), "second")
    assert_same_bits(rows[:, 1], wanted(values) * 100.0 / values, "scaled")
    assert_same_bits(rows[3:, 2], wanted(mean[3:]), "of a column, whose warm-up is left out")
    assert_same_bits(rows[3:, 4], wanted(mean[3:] - 1.0), "of a formula")
    assert np.isnan(rows[:3, 2:5:2]).all()
    assert_same_bits(second_difference.values(values), wanted(values), "over columns")


def test_a_batch_calls_it_without_the_gil_held_by_the_engine() -> None:
    """The same bits as tick by tick."""
    values = prices()
    ticks = np.zeros(ROWS, fc.TICK)
    ticks["ts"], ticks["price"], ticks["size"] = T0 + np.arange(ROWS), values, 2.0
    plan = {"second": second_difference, "total": turnover_total}
    rows = fc.Engine(plan).on_ticks(ticks, symbols=["S"], rows="all")
    assert_same_bits(rows[:, 0], wanted(values), "second")
    assert_same_bits(rows[:, 1], np.cumsum(values * 2.0), "total")


def test_it_runs_on_bars_with_the_inputs_that_it_names() -> None:
    """In the order of its inputs."""
    bars = walk_bars(rng_of("function bars"), 60, 100.0)
    symbol = fc.Engine({"effort": effort.on("1m")}).symbol("S")
    start = T0 - T0 % 60_000_000_000
    for i in range(60):
        row = symbol.on_bar("1m", start + i * 60_000_000_000, *(float(x[i]) for x in bars))
        assert row[0] == (bars[1][i] - bars[2][i]) / bars[4][i]
    assert effort.inputs == ("high", "low", "volume")
    assert_same_bits(effort.values(bars[1], bars[2], bars[4]), (bars[1] - bars[2]) / bars[4], "over columns")


@pytest.mark.parametrize("formula", [second_difference, turnover_total])
def test_peeks_leave_its_state_and_snapshots_hold_it(formula: Any) -> None:
    """The same bits after peeks, and from a snapshot."""
    values = prices()
    whole = ticked(fc.Engine({"x": formula}).symbol("S"), values)
    engine = fc.Engine({"x": formula})
    symbol = engine.symbol("S")
    for i, x in enumerate(values[:100]):
        symbol.peek(x + 5.0, 7.0)
        symbol.on_tick(T0 + i, x, 2.0)
    assert_same_bits(symbol.peek(values[100], 2.0), whole[100], "a peek")
    restored = fc.Engine.restore(engine.snapshot())
    assert restored.snapshot() == engine.snapshot()
    assert_same_bits(ticked(restored.symbol("S"), values[100:], 100), whole[100:], "restored")
    again = pickle.loads(pickle.dumps(formula))
    assert repr(again) == repr(formula) == repr(copy.deepcopy(formula))


def test_what_it_raises_is_reported_and_its_state_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is NaN, and the next one counts again; the tick is taken."""

    @fc.function(state=1)
    def fragile(x: float, state: Any) -> float:
        state[0] += 1.0
        if x == 101.0:
            raise ValueError("not this price")
        return float(state[0])

    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda said: reported.append(said.exc_value))
    symbol = fc.Engine({"x": fragile}).symbol("S")
    rows = ticked(symbol, [100.0, 101.0, 102.0])
    assert_same_bits(rows[:, 0], [1.0, np.nan, 2.0], "rows")
    assert [str(one) for one in reported] == ["not this price"]
    assert symbol.ledger["accepted"] == 3


def test_a_result_that_is_no_number_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    """An infinity, and text, which is reported."""
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda said: reported.append(said.exc_type))
    boundless = fc.function(lambda x: float("inf"), name="boundless")
    worded = fc.function(lambda x: "one", name="worded")
    longer = fc.function(lambda x, state: state.append(x) or x, name="longer", state=1)
    rows = ticked(fc.Engine({"a": boundless, "b": worded, "c": longer}).symbol("S"), [100.0])
    assert np.isnan(rows).all()
    assert reported == [TypeError, ValueError]


def test_a_name_stands_for_one_function_until_it_is_replaced() -> None:
    """Another body under a name is an error; `replace` lets engines that run go on with the new one."""
    engine = fc.Engine({"x": fc.function(lambda x: x + 1.0, name="again")})
    symbol = engine.symbol("S")
    assert symbol.on_tick(T0, 100.0, 1.0)[0] == 101.0
    with pytest.raises(fc.PlanError, match="'again' is defined already, and not as this one"):
        fc.function(lambda x: x + 2.0, name="again")
    assert symbol.on_tick(T0 + 1, 100.0, 1.0)[0] == 101.0
    fc.function(lambda x: x + 2.0, name="again", replace=True)
    assert symbol.on_tick(T0 + 2, 100.0, 1.0)[0] == 102.0
    with pytest.raises(fc.PlanError, match="'again' is defined with other inputs, state or warmup"):
        fc.function(lambda x, state: x, name="again", state=1)


def test_the_same_function_may_be_given_again() -> None:
    """As by a module that is loaded anew; but not what closes over something else."""

    def adding(amount: float) -> Any:
        return fc.function(lambda x: x + amount, name="adding")

    def fresh() -> Any:
        def twice(x: float) -> float:
            return max(2.0 * x, sum(0.0 for _ in range(3)))

        return fc.function(twice)

    one = 1.0
    assert repr(adding(one)) == repr(adding(one))
    with pytest.raises(fc.PlanError, match="'adding' is defined already"):
        adding(2.0)
    assert repr(fresh()) == repr(fresh())


def test_a_function_cannot_come_into_the_engine_that_calls_it() -> None:
    """BusyError within it, by every way in; the account adds up, and the engine is free again after."""
    met: list[type[BaseException] | None] = []
    calls: list[Any] = []

    def inside(x: float) -> float:
        for call in calls:
            try:
                call()
                met.append(None)
            except Exception as error:
                met.append(type(error))
        return x

    engine = fc.Engine({"x": fc.function(inside, name="inside")})
    symbol = engine.symbol("S")
    calls += [
        lambda: symbol.on_tick(T0 + 1, 100.0, 1.0),
        lambda: symbol.peek(100.0, 1.0),
        lambda: symbol.on_quote(T0 + 1, 99.0, 101.0),
        lambda: symbol.on_time(T0 + 1),
        lambda: symbol["x"],
        lambda: engine.drop("S"),
        lambda: engine.flush(),
        lambda: engine.symbol("T"),
        lambda: engine.snapshot(),
    ]
    feeds = [
        lambda: symbol.on_tick(T0, 100.0, 1.0),
        lambda: symbol.peek(100.0, 1.0),
        lambda: symbol.on_quote(T0 + 1, 99.0, 101.0),
    ]
    for feed in feeds:
        met.clear()
        feed()
        assert met == [fc.BusyError] * len(calls)
    calls.clear()
    assert symbol.on_tick(T0 + 2, 103.0, 1.0)[0] == 103.0
    assert engine.ledger["received"] == engine.ledger["accepted"] == 3
    assert engine.symbols == ["S"]


def test_endless_calls_of_a_function_by_itself_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the end of the process, whose stack they would fill: of the call that is one too deep."""
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda said: reported.append(said.exc_value))
    endless: list[Any] = []
    calls: list[float] = []

    def deeper(x: float, state: Any) -> float:
        calls.append(x)
        return float(endless[0].values([x])[0])

    endless.append(fc.function(deeper, name="deeper", state=1024))
    for _ in range(2):  # the count of levels is back where it was
        calls.clear()
        assert np.isnan(endless[0].values([1.0])).all()
        assert len(calls) == 16
        (error,) = {str(one): one for one in reported}.values()
        assert type(error) is RecursionError
        assert str(error) == "functions call one another through indicators more than 16 deep"


INTERRUPTED = """
import signal, sys, threading, time
import numpy as np
import fastcore as fc

signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it

def slow(x):
    if x == 100.0:
        signal.raise_signal(signal.SIGINT)
    return x

symbol = fc.Engine({"x": fc.function(slow)}).symbol("S")
try:
    symbol.on_tick(1_700_000_000_000_000_000, 100.0, 1.0)
    time.sleep(60)
except KeyboardInterrupt:
    print("a tick")
ticks = np.zeros(3_000_000, fc.TICK)
ticks["ts"] = 1_700_000_000_000_000_001 + np.arange(len(ticks))
ticks["price"], ticks["size"] = 101.0, 1.0
ticks["price"][10] = 100.0
engine = fc.Engine({"x": fc.function(slow)})
try:
    engine.on_ticks(ticks, symbols=["S"])
except KeyboardInterrupt:
    print("a batch", 10 < engine.ledger["accepted"] < len(ticks))
"""


def test_ctrl_c_in_a_function_is_for_the_program() -> None:
    """It is raised when the tick is taken, and ends a batch."""
    import subprocess

    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n") == ["a tick", "a batch True", ""], done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: fc.function(3), TypeError, "must be callable, not 3"),
        (
            lambda: fc.function(lambda: 0.0, name="none", inputs=()),
            fc.PlanError,
            "inputs must be from 1 to 8",
        ),
        (lambda: fc.function(lambda x: x, name="EMA"), fc.PlanError, "has the name of an indicator"),
        (lambda: fc.function(lambda x: x, name="a b"), fc.PlanError, "must not be empty or hold a blank"),
        (lambda: fc.function(lambda x: x), fc.PlanError, None),
        (
            lambda: fc.function(lambda x, s: x, name="big", state=1025),
            fc.PlanError,
            "state must be 0 to 1024, not 1025",
        ),
        (
            lambda: fc.function(lambda x: x, name="less", state=-1),
            fc.PlanError,
            "state must be 0 to 1024, not -1",
        ),
        (lambda: fc.function(lambda: 1.0, name="few"), TypeError, "'few' must take 1 arguments"),
        (
            lambda: fc.function(lambda x: x, name="late", warmup=0),
            fc.PlanError,
            "warmup must be 1 to .*, not 0",
        ),
        (lambda: fc.function(lambda x: x, name="odd", inputs=["bid"]), fc.PlanError, "price must be one of"),
        (lambda: second_difference.of("a", "b"), fc.PlanError, r"takes 1 inputs, but .of\(\) names 2"),
    ],
)
def test_what_is_no_function_is_refused_with_a_sentence(make: Any, kind: type[Exception], text: Any) -> None:
    """Names what is wrong with it."""
    if text is None:  # a lambda has no name of its own
        assert repr(make()).startswith("<lambda>")
        return
    with pytest.raises(kind, match=text):
        make()


def test_a_snapshot_of_a_function_that_is_not_defined_says_so() -> None:
    """In another process, which has not defined it."""
    import subprocess

    engine = fc.Engine({"x": second_difference})
    code = "import sys, fastcore as fc; fc.Engine.restore(sys.stdin.buffer.read())"
    ran = subprocess.run([sys.executable, "-c", code], input=engine.snapshot(), capture_output=True)
    assert ran.returncode == 1
    assert b"holds a second_difference, which this fastcore does not know" in ran.stderr
