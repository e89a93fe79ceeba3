"""An engine has one owner at a time: entering it beside a batch is an error."""

from __future__ import annotations

import gc
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import fastcore as fc
import pytest
from samples import (
    T0,
    flat_bars,
    rng_of,
    walk_bars,
)
from tick_streams import (
    ticks_of,
    walk_ticks,
)


# ------------------------------------------------------------------------------------- one owner at a time
def in_thread(batch: Callable[[], object], poll: Callable[[], object]) -> list[type[BaseException] | None]:
    """What `poll` met, call by call, while `batch` ran in a thread."""
    met: list[type[BaseException] | None] = []
    thread = threading.Thread(target=batch)
    thread.start()
    while thread.is_alive():
        try:
            poll()
            met.append(None)
        except Exception as error:
            met.append(type(error))
        time.sleep(0)
    thread.join()
    return met


def engine_calls(engine: fc.Engine) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every call that enters an engine."""
    symbol = engine.symbol("S")
    one = ticks_of([(T0, 1.0, 1.0, 0)])
    bars = flat_bars()
    yield "on_tick", lambda: symbol.on_tick(T0, 1.0, 1.0)
    yield "on_quote", lambda: symbol.on_quote(T0, 1.0, 1.0)
    yield "on_bar", lambda: symbol.on_bar("1m", T0, 1.0, 1.0, 1.0, 1.0)
    yield "peek", lambda: symbol.peek(1.0)
    yield "on_ticks", lambda: engine.on_ticks(one)
    yield "on_bars", lambda: engine.on_bars("1m", T0, **bars)
    yield "snapshot", engine.snapshot
    yield "drop", lambda: engine.drop("S")
    yield "symbol", lambda: engine.symbol("new")
    yield "pickle", lambda: pickle.dumps(engine)
    yield "symbols", lambda: engine.symbols
    yield "ledger", lambda: engine.ledger
    yield "stats", engine.stats
    yield "flush", lambda: engine.flush()
    yield "history", lambda: symbol.history("slow")
    yield "bars", lambda: symbol.bars("1m")
    yield "generation", lambda: symbol.generation("slow")
    yield "forming", lambda: symbol.forming("1m")
    yield "ledger of a symbol", lambda: symbol.ledger
    yield "outcome", lambda: symbol.outcome
    yield "last_ts", lambda: symbol.last_ts
    yield "get", lambda: symbol.get("slow")
    yield "item", lambda: symbol["slow"]
    yield "values", lambda: symbol.values()


def test_entering_from_a_second_thread_during_a_batch_is_an_error() -> None:
    """BusyError from every call that enters; the batch is not disturbed, the engine free again after it."""
    ticks = walk_ticks(rng_of("busy"), 40_000)
    plan = {"slow": fc.CCI(4_000), "bar": fc.SMA(1).on("1m")}
    expected = fc.Engine(plan, history=2)
    expected.on_ticks(ticks, symbols=["S"])
    for name in [name for name, _ in engine_calls(fc.Engine(plan, history=2))]:
        for _ in range(50):
            engine = fc.Engine(plan, history=2)
            call = dict(engine_calls(engine))[name]
            came_late: list[object] = []

            # A call before the batch or behind it would change the state: it comes while the engine is busy.
            def poll(
                engine: fc.Engine = engine,
                call: Callable[[], object] = call,
                came_late: list[object] = came_late,
            ) -> None:
                try:
                    engine.ledger  # noqa: B018
                except fc.BusyError:
                    came_late.append(call())

            met = in_thread(lambda engine=engine: engine.on_ticks(ticks, symbols=["S"]), poll)
            if fc.BusyError in met and not came_late:
                break  # else the batch had ended when the call was made: another one
        others = {error for error in met if error not in (None, fc.BusyError)}
        assert fc.BusyError in met, f"{name} during a batch gave {set(met)}"
        assert not others, f"{name} during a batch gave {others}"
        assert not came_late, f"{name} was let in during a batch"
        assert engine.snapshot() == expected.snapshot(), f"{name} disturbed the batch"
        engine.symbol("S").on_tick(T0 + 10**15, 1.0, 1.0)


def test_an_engine_can_be_shown_during_a_batch() -> None:
    """A log line or a debugger may ask at any time: `repr` says so instead of raising."""
    ticks = walk_ticks(rng_of("shown"), 20_000)
    shown: set[str] = set()
    while not any("in a batch" in text for text in shown):
        engine = fc.Engine({"slow": fc.CCI(4_000)})

        def look(engine: fc.Engine = engine) -> None:
            shown.add(repr(engine))

        met = in_thread(lambda engine=engine: engine.on_ticks(ticks, symbols=["S"]), look)
        assert set(met) <= {None}
        assert repr(engine) == "<Engine of 1 columns, 1 symbols, 20000 ticks received>"


def test_an_indicator_has_one_owner_during_a_long_batch() -> None:
    """update, peek, reset, batch and copies from a second thread."""
    column = walk_bars(rng_of("busy"), 60_000, 100.0)[3]
    columns = (column + 1, column - 1, column)
    calls: dict[str, Callable[[fc.Indicator], object]] = {
        "update": lambda cci: cci.update(1.0, 1.0, 1.0),
        "peek": lambda cci: cci.peek(1.0, 1.0, 1.0),
        "batch": lambda cci: cci.batch([1.0], [1.0], [1.0]),
        "reset": lambda cci: cci.reset(),
        "copy": lambda cci: cci.copy(),
        "pickle": lambda cci: pickle.dumps(cci),
    }
    silent = []
    for name, call in calls.items():
        met: list[type[BaseException] | None] = []
        tries = 0
        while fc.BusyError not in met and tries < 50:
            cci = fc.CCI(4_000)

            def poll(cci: fc.CCI = cci, call: Callable[[fc.Indicator], object] = call) -> None:
                call(cci)

            met, tries = in_thread(lambda cci=cci: cci.batch(*columns), poll), tries + 1
        assert set(met) <= {None, fc.BusyError}
        if fc.BusyError not in met:
            silent.append(name)
    assert not silent, f"ran beside a batch of the same indicator: {silent}"


# ------------------------------------------------------------------------------- interrupts and interpreters
def test_a_long_batch_can_be_interrupted_between_two_ticks() -> None:
    """What was taken is counted, and is what a shorter batch would have left; the engine goes on."""
    plan = {f"cci{i}": fc.CCI(5_000 + i) for i in range(10)}
    ticks = walk_ticks(rng_of("interrupted"), 1_000_000)
    engine, twin = fc.Engine(plan), fc.Engine(plan)
    for one in (engine, twin):
        one.symbol("S")
    met: list[type[BaseException]] = []

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        try:
            engine.snapshot()
        except fc.BusyError as error:
            met.append(type(error))
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            engine.on_ticks(ticks)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert met == [fc.BusyError], "the batch still holds the engine while the handler runs"
    taken = engine.ledger["received"]
    assert 0 < taken < len(ticks)
    twin.on_ticks(ticks[:taken])
    assert twin.snapshot() == engine.snapshot()
    assert engine.on_ticks(ticks[taken : taken + 100]) == 100


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import sys
if sys.argv[1] == "before":
    import fastcore
inner = interpreters.create()
code = "try:\\n import fastcore\\nexcept ImportError as error: print(error, flush=True)"
interpreters.run_string(inner, code)
interpreters.destroy(inner)
import fastcore
print(fastcore.SMA(1).update(2.0))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_subinterpreter_is_refused(when: str) -> None:
    """It gets an ImportError, and the main interpreter works, whichever of them imports first."""
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER, when], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    refused, works = done.stdout.splitlines()
    assert "subinterpreter" in refused
    assert works == "2.0"


def test_a_tick_keeps_no_python_object() -> None:
    """Ten thousand ticks, one by one and refused ones among them, leave as many blocks as there were."""
    engine = fc.Engine({"mean": fc.SMA(20), "macd": fc.MACD(), "rsi": fc.RSI(3).on("1s")}, history=8)
    on_tick = engine.symbol("S").on_tick
    times = [T0 + i * 10**7 for i in range(10_000)]

    def feed() -> None:
        for ts in times:
            on_tick(ts, 100.5, 1.0, id=7)
            on_tick(ts, -1.0)

    feed()
    gc.collect()
    before = sys.getallocatedblocks()
    feed()
    gc.collect()
    assert abs(sys.getallocatedblocks() - before) < 50
