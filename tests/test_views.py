"""Views of live memory: read-only, alive as long as anybody looks; subclasses; objects without a state."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import fastcore as fc
import numpy as np
import psutil
import pytest
from samples import MINUTE, T0, assert_same_bits, bits, rng_of, scaled, walk_bars
from tick_streams import walk_ticks

PLAN = {"mean": fc.SMA(3), "bands": fc.BBANDS(4), "close": fc.SMA(1).on("1m"), "atr": fc.ATR(2).on("1m")}
View = np.ndarray[Any, Any]
VIEWS: dict[str, Callable[[fc.Symbol], View]] = {
    "row": lambda symbol: symbol.row,
    "returned row": lambda symbol: symbol.on_tick(symbol.last_ts, 50.0, 1.0),
    "history": lambda symbol: symbol.history("bands.upper"),
    "history on bars": lambda symbol: symbol.history("atr"),
    "bars": lambda symbol: symbol.bars("1m"),
    "field of bars": lambda symbol: symbol.bars("1m")["close"],
    "slice": lambda symbol: symbol.row[1:],
    "view of a view": lambda symbol: symbol.history("mean").view()[::2],
}
every_view = pytest.mark.parametrize("kind", VIEWS)


def used_symbol(engine: fc.Engine | None = None, ticks: int = 400, name: str = "S") -> fc.Symbol:
    """A symbol with a full history and closed bars."""
    symbol = (engine or fc.Engine(PLAN, history=16)).symbol(name)
    for i, tick in enumerate(walk_ticks(rng_of(name), ticks)):
        symbol.on_tick(T0 + i * MINUTE // 7, float(tick["price"]), 1.0)
    return symbol


def writes(view: View) -> dict[str, Callable[[], object]]:
    """Every way in which NumPy and Python write into an array."""
    plain = view.dtype.names is None
    value: Any = 1.0 if plain else view[0].copy()
    ways: dict[str, Callable[[], object]] = {
        "setflags": lambda: view.setflags(write=True),
        "flags": lambda: setattr(view.flags, "writeable", True),
        "item": lambda: view.__setitem__(0, value),
        "slice": lambda: view.__setitem__(slice(None), value),
        "ellipsis": lambda: view.__setitem__(..., value),
        "fill": lambda: view.fill(value),
        "put": lambda: view.put([0], [value]),
        "copyto": lambda: np.copyto(view, value),
        "place": lambda: np.place(view, np.ones(view.shape, bool), [value]),
        "flat": lambda: view.flat.__setitem__(0, value),
        "sort": lambda: view.sort(),
        "byteswap": lambda: view.byteswap(inplace=True),
        "resize": lambda: view.resize(3, refcheck=False),
        "memoryview": lambda: memoryview(view).__setitem__(0, value),
        "buffer": lambda: np.frombuffer(memoryview(view), view.dtype).__setitem__(0, value),
        "view": lambda: view.view().setflags(write=True),
        "asarray": lambda: np.asarray(view).setflags(write=True),
        "reshape": lambda: view.reshape(-1, 1)[:].setflags(write=True),
        "strided": lambda: np.lib.stride_tricks.as_strided(view, writeable=True).__setitem__(0, value),
        "constructor": lambda: np.ndarray(view.shape, view.dtype, view).__setitem__(0, value),
        "base": lambda: memoryview(view.base).cast("B").__setitem__(0, 1),
    }
    if plain:
        ways["in place"] = lambda: view.__iadd__(1.0)
        ways["out"] = lambda: np.add(1.0, 1.0, out=view)
        ways["partition"] = lambda: view.partition(0)
        ways["bytes"] = lambda: view.view(np.uint8).__setitem__(0, 1)
    return ways


# ------------------------------------------------------------------------------------------- read-only
@every_view
def test_a_view_cannot_be_written(kind: str) -> None:
    """No way of writing works, none makes it writable, and the memory is as it was."""
    symbol = used_symbol()
    view = VIEWS[kind](symbol)
    before = view.tobytes()
    assert not view.flags.writeable
    assert not view.flags.owndata
    for name, write in writes(view).items():
        with pytest.raises((ValueError, TypeError, BufferError, AttributeError, NotImplementedError)):
            write()
            pytest.fail(f"{kind} was written by {name}")
    assert not view.flags.writeable
    assert view.tobytes() == before


@every_view
def test_a_view_stands_on_a_capsule(kind: str) -> None:
    """At the bottom is nothing with a buffer, which could be asked for a writable one."""
    base: object = VIEWS[kind](used_symbol())
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base).__name__ == "PyCapsule"
    with pytest.raises(TypeError):
        memoryview(base)


def test_peek_and_forming_are_copies() -> None:
    """What nobody else looks at may be written, and changes nothing."""
    symbol = used_symbol()
    before = symbol.row.copy(), symbol.forming("1m").item(), symbol.values()
    for made in (symbol.peek(50.0), symbol.peek(50.0, forming=True)):
        made[:] = -1.0
    forming = symbol.forming("1m")
    forming["close"] = -1.0
    assert_same_bits(symbol.row, before[0], "row")
    assert (symbol.forming("1m").item(), symbol.values()) == before[1:]


@every_view
def test_copies_and_pickles_of_views_are_arrays_of_their_own(kind: str) -> None:
    """Equal, writable, and not touched by later ticks."""
    symbol = used_symbol()
    view = VIEWS[kind](symbol)
    copies = [view.copy(), np.array(view), copy.deepcopy(view), pickle.loads(pickle.dumps(view))]
    before = view.tobytes()
    for i in range(40):
        symbol.on_tick(symbol.last_ts + MINUTE, 77.0 + i, 1.0)
    assert view.tobytes() != before
    for one in copies:
        assert one.tobytes() == before
        assert one.flags.writeable
        one[0] = one[-1]


# ----------------------------------------------------------------------------------------------- alive
@every_view
def test_a_view_outlives_symbol_and_engine(kind: str) -> None:
    """Everything it came from is gone and its memory would be used again: the values stand."""
    for round_ in range(scaled(12, 150)):
        engine = fc.Engine(PLAN, history=16)
        symbol = used_symbol(engine, 120, f"S{round_}")
        size = engine.stats()["memory_bytes"]
        view = VIEWS[kind](symbol)
        before = view.tobytes()
        engine.drop(symbol.name)
        del symbol, engine
        gc.collect()
        # Blocks of the sizes that were just given back, filled with something else.
        junk = [
            np.full(n, 7.7)
            for n in (size // 8, size // 16, 64, 128, 4 * 16 * 8, 2 * 16 * 7)
            for _ in range(4)
        ]
        assert view.tobytes() == before
        del junk


def test_a_symbol_keeps_its_engine() -> None:
    """Ticks and peeks go on after the last name of the engine is gone."""
    symbol = used_symbol()
    gc.collect()
    assert symbol.on_tick(symbol.last_ts, 42.0, 1.0) is symbol.row
    assert symbol.peek(42.0).shape == symbol.row.shape
    assert symbol.ledger["received"] == 401


@pytest.mark.parametrize("kind", ["row", "history", "bars", "history on bars"])
def test_later_ticks_show_in_an_old_view(kind: str) -> None:
    """It is the engine's memory, no picture of it; of a dropped symbol it stays as it was."""
    engine = fc.Engine(PLAN, history=16)
    symbol = used_symbol(engine)
    view = VIEWS[kind](symbol)
    before = view.tobytes()
    for i in range(4):
        symbol.on_tick(symbol.last_ts + MINUTE, 200.0 + i, 1.0)
    assert view.tobytes() != before
    same = VIEWS[kind](symbol)
    assert len(same) == len(view)
    if kind == "row":
        assert_same_bits(view, same, "row")
    else:
        assert same.tobytes()[-64:] != before[-64:]
    before = view.tobytes()
    engine.drop(symbol.name)
    gc.collect()
    used_symbol(engine)
    assert view.tobytes() == before
    assert VIEWS[kind](symbol).tobytes() == same.tobytes()


def test_the_row_and_its_view_are_the_same_memory() -> None:
    """One array for `row` and all results; history has a place of its own."""
    symbol = used_symbol()
    assert symbol.row is symbol.row
    assert np.shares_memory(symbol.row, symbol.on_tick(symbol.last_ts, 5.0, 1.0))
    assert np.shares_memory(symbol.history("mean"), symbol.history("bands.middle")) is False
    assert np.may_share_memory(symbol.history("mean"), symbol.history("mean"))
    assert not np.may_share_memory(symbol.row, symbol.history("mean"))
    symbols = [used_symbol(symbol_engine, name=name) for symbol_engine in [fc.Engine(PLAN)] for name in "ab"]
    assert not np.shares_memory(symbols[0].row, symbols[1].row)


def test_views_are_aligned_float64_in_native_order() -> None:
    """Fit for any library without a copy."""
    symbol = used_symbol()
    for view in (symbol.row, symbol.history("mean"), symbol.history("atr")):
        assert view.dtype == np.float64
        assert view.dtype.isnative
        assert view.flags.aligned
        assert view.ndim == 1
    assert symbol.bars("1m").dtype == fc.BAR
    assert symbol.bars("1m").flags.c_contiguous
    assert symbol.row.flags.c_contiguous


# --------------------------------------------------------------------------------------------- no leaks
def grown_by(work: Callable[[], object], times: int) -> float:
    """Growth of the resident memory in MB by doing it so often, after a first round."""
    process = psutil.Process()
    for _ in range(times // 4):
        work()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(times):
        work()
    gc.collect()
    return (process.memory_info().rss - before) / 1e6


def test_views_symbols_engines_and_errors_leak_nothing() -> None:
    """Each would grow by far more than the bound if it kept what it made: a history has 50 kB, a view 0.2."""
    engine = fc.Engine(PLAN, history=500)
    symbol = used_symbol(engine)
    state = pickle.dumps(fc.STOCH(50, 50, 50))
    snapshot = fc.Engine({"mean": fc.SMA(3_000)}).snapshot()

    def views() -> None:
        for _ in range(20):
            symbol.history("mean"), symbol.bars("1m"), symbol.peek(1.0), symbol.forming("1m"), symbol.values()

    def symbols() -> None:
        engine.symbol("short-lived").on_tick(T0, 1.0, 1.0)
        engine.drop("short-lived")

    def errors() -> None:
        for call in (lambda: symbol["nope"], lambda: symbol.on_tick(1, 1.0, 1.0), lambda: fc.SMA(0)):
            with pytest.raises(fc.FastcoreError):
                call()

    works: dict[str, tuple[Callable[[], object], int]] = {
        "views": (views, 5_000),
        "symbols": (symbols, 1_500),
        "engines": (lambda: fc.Engine.restore(snapshot).symbol("S"), 1_500),
        "pickles": (lambda: pickle.loads(state), 5_000),
        "errors": (errors, 5_000),
    }
    grown = {name: grown_by(work, times) for name, (work, times) in works.items()}
    assert max(grown.values()) < 10, f"MB by which each has grown: {grown}"


# In a process of its own: here, blocks that other tests gave back would be used again.
MEASURE = """
import fastcore as fc, psutil
engine = fc.Engine({"mean": fc.SMA(3), "bands": fc.BBANDS(4), "atr": fc.ATR(2).on("1m")}, history=60_000)
process = psutil.Process()
engine.symbol("first")
told, resident = engine.stats()["memory_bytes"], process.memory_info().rss
for i in range(4):
    engine.symbol(f"S{i}")
print(engine.stats()["memory_bytes"] - told, process.memory_info().rss - resident)
"""


def test_the_memory_that_stats_tell_is_what_the_process_takes() -> None:
    """Resident memory grows by about as much when symbols with a long history are made."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, timeout=60, check=True
    )
    told, resident = map(int, done.stdout.split())
    assert told > 40e6
    assert 0.9 * told < resident < 1.1 * told + 4e6


# ------------------------------------------------------------------------------------------- subclassing
class LoudMean(fc.SMA):
    """A user's own class: counts its updates."""

    calls = 0

    def update(self, close: float) -> float:
        """Count, and do what the base does."""
        type(self).calls += 1
        return super().update(close)


class NamedEngine(fc.Engine):
    """A user's own engine: with an attribute, and a check before each batch."""

    def __init__(self, plan: dict[str, fc.Indicator], label: str) -> None:
        super().__init__(plan, history=4)
        self.label = label

    def on_ticks(self, ticks: Any, **options: Any) -> Any:
        """Refuse batches without a name table."""
        assert "symbols" in options, self.label
        return super().on_ticks(ticks, **options)


def test_an_indicator_can_be_subclassed() -> None:
    """Overrides are called, copies and pickles keep the class, an engine takes it."""
    mean = LoudMean(period=2)
    assert [mean.update(x) for x in (1.0, 3.0)][1] == 2.0
    assert LoudMean.calls == 2
    for twin in (mean.copy(), copy.deepcopy(mean), pickle.loads(pickle.dumps(mean))):
        assert type(twin) is LoudMean
        assert twin.update(5.0) == 4.0
    assert type(LoudMean(2).on("1m")) is LoudMean
    assert fc.Engine({"mean": LoudMean(2)}).symbol("S").on_tick(T0, 1.0, 1.0).shape == (1,)
    assert isinstance(mean, fc.Indicator)
    mean.note = "mine"
    assert mean.note == "mine"


def test_an_engine_can_be_subclassed() -> None:
    """Own constructor, own methods, own attributes."""
    engine = NamedEngine({"mean": fc.SMA(2)}, "mine")
    ticks = walk_ticks(rng_of("subclass"), 20)
    assert engine.on_ticks(ticks, symbols=["S"]) == 20
    with pytest.raises(AssertionError, match="mine"):
        engine.on_ticks(ticks)
    restored = NamedEngine.restore(engine.snapshot())
    assert type(restored) is NamedEngine
    assert_same_bits(restored.symbol("S").row, engine.symbol("S").row, "restored")
    assert type(pickle.loads(pickle.dumps(engine))) is NamedEngine


def test_a_constructor_that_forgets_its_base_is_an_error() -> None:
    """Python says which one was not called."""

    class Forgetful(fc.SMA):
        def __init__(self) -> None:
            pass

    class ForgetfulEngine(fc.Engine):
        def __init__(self) -> None:
            pass

    for cls in (Forgetful, ForgetfulEngine):
        with pytest.raises(TypeError, match="__init__"):
            cls()


def test_a_second_init_changes_nothing() -> None:
    """The state of an object is that of its first construction."""
    mean = fc.SMA(3)
    mean.batch([1.0, 2.0, 3.0])
    mean.__init__(9)
    assert (mean.period, mean.value) == (3, 2.0)
    engine = fc.Engine({"mean": fc.SMA(3)})
    row = engine.symbol("S").row
    engine.__init__({"other": fc.EMA(2), "more": fc.EMA(3)})
    assert engine.columns == ["mean"]
    assert engine.symbol("S").row is row


# Runs each expression in a child of its own, so that one crash is one answer and not the end of the test.
TRY_EACH = """
import json, os, sys
import fastcore as fc, numpy as np

def outcome(cls, expression):
    child = os.fork()
    if child == 0:
        try:
            x = cls.__new__(cls)
            eval(expression, {"x": x, "np": np, "fc": fc})
        except TypeError:
            os._exit(0)
        except BaseException as error:
            os._exit(2)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "TypeError", 1: "no error", 2: "another error"}.get(code, f"killed by signal {-code}")

cases = json.loads(sys.argv[1])
print(json.dumps({f"{c}: {e}": outcome(getattr(fc, c), e) for c, all in cases.items() for e in all}))
"""
INDICATOR_USES = [
    *(
        "x.update(1)",
        "x.peek(1)",
        "x.batch([1.0])",
        "x.value",
        "x.ready",
        "x.warmup",
        "x.reset()",
        "x.copy()",
    ),
    *("x.clock", "x.parents", "x.period", "x.on('1m')", "x.of('a')", "x.__reduce__()", "repr(x)"),
    "fc.Engine({'x': x})",
]
MACD_USES = [use.replace("x.period", "x.fast") for use in INDICATOR_USES]
ENGINE_USES = [
    *(
        "x.symbol('S')",
        "x.drop('S')",
        "x.symbols",
        "x.columns",
        "x.ledger",
        "x.stats()",
        "x.snapshot()",
        "repr(x)",
    ),
    *("x.on_ticks(np.zeros(0, fc.TICK))", "x.__reduce__()", "x.save('/nowhere/x')"),
    "x.on_bars('1m', 10**18, open=[], high=[], low=[], close=[])",
]
SYMBOL_USES = [
    *(
        "x.on_tick(10**18, 1.0, 1.0)",
        "x.on_quote(10**18, 1.0, 1.0)",
        "x.on_bar('1m', 10**18, 1.0, 1.0, 1.0, 1.0)",
    ),
    *("x.row", "x.values()", "x.get('a')", "x['a']", "x[0]", "x.outcome", "x.ledger", "x.last_ts", "x.name"),
    *("x.history('a')", "x.generation('a')", "x.bars('1m')", "x.forming('1m')", "x.peek(1.0)"),
]


def test_objects_that_were_never_initialised_raise_a_type_error() -> None:
    """`SMA.__new__(SMA)` is an object without a state: every use of it is a TypeError, none a crash."""
    cases = {"SMA": INDICATOR_USES, "MACD": MACD_USES, "Engine": ENGINE_USES, "Symbol": SYMBOL_USES}
    done = subprocess.run(
        [sys.executable, "-c", TRY_EACH, json.dumps(cases)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = {use: outcome for use, outcome in json.loads(done.stdout).items() if outcome != "TypeError"}
    assert not wrong, wrong


def test_update_on_an_uninitialised_object_raises_here_too() -> None:
    """The fast calls check `self`: of no state, and of another class."""
    with pytest.raises(TypeError, match="__init__"):
        fc.SMA.__new__(fc.SMA).update(1)
    with pytest.raises(TypeError, match="SMA"):
        fc.SMA.update(fc.EMA(2), 1.0)
    with pytest.raises(TypeError):
        fc.SMA.update(object(), 1.0)
    with pytest.raises(TypeError):
        fc.Symbol.on_tick(fc.SMA(2), T0, 1.0, 1.0)


def test_batches_give_arrays_of_their_own() -> None:
    """Results share nothing with the indicator, its inputs or each other."""
    column = walk_bars(rng_of("own"), 50, 100.0)[3]
    before = column.copy()
    for one in (fc.SMA(1), fc.MOM(1), fc.BBANDS(2)):
        first = np.stack([np.atleast_1d(x) for x in np.atleast_2d(one.batch(column))])
        results = [*np.atleast_2d(one.batch(column))]
        for k, result in enumerate(results):
            assert result.flags.writeable
            assert not np.shares_memory(result, column)
            result[:] = -1.0
            assert all((other != -1.0).any() for other in results[k + 1 :])
        assert first.shape == (len(results), 50)
    assert bits(column).tolist() == bits(before).tolist()
