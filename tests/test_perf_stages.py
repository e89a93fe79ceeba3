"""Stages: parts of a tick in C++, and the page on which another process reads them."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.cli import main
from fastcore.errors import ConfigError, FastcoreError
from fastcore.perf import Histogram
from fastcore.perf.bottlenecks import Bottlenecks
from fastcore.perf.history import History
from fastcore.perf.pages import FOLDER, StatsPage, StatsView, page_names
from fastcore.perf.profiler import PARTS, Profiler
from fastcore.perf.samples import Distribution
from fastcore.perf.watch import Watch
from loops import NAMES, PLAN, TickLoop, cut, stream
from servers import die_with_parent, wait_until

NAME = f"test-{os.getpid()}"


def test_an_engine_times_the_parts_of_a_tick() -> None:
    """Of every fourth sampled one; the parts are less than the calls that they are parts of."""
    engine = fc.Engine({"ema": fc.EMA(20), "rsi": fc.RSI(14).on("1m")})
    engine.on_ticks(stream(64 * 128, symbols=1), symbols=["A"])
    stages = engine.stages()
    assert list(stages) == ["on_tick", "on_ticks", *PARTS]
    assert stages["on_ticks"].count == 64
    assert {stages[part].count for part in PARTS} == {16}
    assert engine.stats()["latency_ns"]["indicators"]["count"] == 16
    assert 0 < sum(stages[part].sum for part in PARTS) <= stages["on_ticks"].sum


def test_stages_can_be_read_in_the_middle_of_a_batch() -> None:
    """The engine is busy, and its histograms tell how far it is."""
    engine = fc.Engine({f"ema{n}": fc.EMA(n) for n in range(2, 200)})
    ticks = stream(400_000, symbols=1)
    stages = engine.stages()
    for turn in range(1, 21):  # this thread may be given no processor while a batch runs
        seen = set()
        thread = threading.Thread(target=lambda: engine.on_ticks(ticks, symbols=["A"]))
        thread.start()
        while thread.is_alive():
            seen.add(engine.stages()["on_ticks"].count)
        thread.join()
        assert stages["on_ticks"].count == turn * (400_000 // 128)
        if len(seen) > 2:
            break
    assert len(seen) > 2


READER = """
import json, sys
from fastcore.perf.pages import StatsView
view = StatsView(sys.argv[1])
found = {name: [one.count, one.sum, one.max, one.buckets()] for name, one in view.read().items()}
print(json.dumps([view.pid, view.alive, found]))
"""


def read_elsewhere(name: str) -> Any:
    """What another process reads."""
    done = subprocess.run([sys.executable, "-c", READER, name], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_another_process_reads_them() -> None:
    """Records of before and after the move, to the bucket."""
    waits, engine = Histogram(), fc.Engine({"ema": fc.EMA(20)})
    waits.record_many([100, 200])
    with StatsPage(NAME) as page:
        page.take({"waits": waits, **engine.stages()})
        waits.record(5000)
        engine.on_ticks(stream(4096, symbols=1), symbols=["A"])
        pid, alive, found = read_elsewhere(NAME)
        assert (pid, alive) == (os.getpid(), True)
        assert found["waits"] == [3, 5300, 5000, [list(one) for one in waits.buckets()]]
        assert found["on_ticks"][0] == 32
        assert found["validate"][0] == 8
        assert NAME in page_names()
    assert NAME not in page_names()
    waits.record(1)  # it still has its place
    assert waits.count == 4


def test_a_loop_puts_all_its_stages_there() -> None:
    """Those of the loop, of its engine, of the strategy."""

    def mine(row: Any) -> None:
        pass

    loop = TickLoop(fc.Engine(PLAN), cut(stream(20_000), [500], NAMES), strategies=[mine])
    with Watch(loop, page=NAME):
        asyncio.run(loop.run())
        found = StatsView(NAME).read()
    assert found["tick on_ticks"].count == loop.engine.stages()["on_ticks"].count > 100
    for name in ("engine", "response", "strategy mine", "tick indicators", "loop lag", "gc pause"):
        assert name in found
    assert found["strategy mine"].count == loop.stages()["strategy mine"].count > 0


KILLED = """
import sys, time
import fastcore as fc
from fastcore.perf.pages import StatsPage
engine = fc.Engine({"ema": fc.EMA(20)})
page = StatsPage(sys.argv[1])
page.take(engine.stages())
symbol = engine.symbol("A")
for i in range(128 * 50):
    symbol.on_tick(1_700_000_000_000_000_000 + i, 100.0, 1.0)
print("there", flush=True)
time.sleep(600)
"""


def test_the_page_of_a_killed_process_says_where_its_time_went(capsys: Any) -> None:
    """And is replaced by the next one of that name; while the process lives, it is not."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, NAME], stdout=subprocess.PIPE, preexec_fn=die_with_parent
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    with pytest.raises(ConfigError, match="belongs to another process that runs"):
        StatsPage(NAME)
    assert StatsView(NAME).alive
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    view = StatsView(NAME)
    wait_until(lambda: not view.alive, "its end is not seen")
    assert view.read()["on_tick"].count == 50
    assert main(["stages", NAME, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["process"] == process.pid
    assert told["stages"]["on_tick"]["count"] == 50
    assert main(["stages", NAME]) == 0
    assert "which has ended" in capsys.readouterr().out
    with StatsPage(NAME):
        assert StatsView(NAME).read() == {}
    assert main(["stages"]) == 0


@pytest.mark.parametrize("name", ["", "a/b", "..//x", "x" * 65, "ü"])
def test_names_that_cannot_be(name: str) -> None:
    for make in (StatsPage, StatsView):
        with pytest.raises(ConfigError, match="a stats page's name is"):
            make(name)


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no stats page"):
        StatsView("absent")
    with pytest.raises(ConfigError, match="slots must be 1 to 1024"):
        StatsPage(NAME, slots=0)
    path = FOLDER / f"fastcore-stats.{NAME}"
    with StatsPage(NAME, slots=1) as page:
        page.take({"a": Histogram()})
        with pytest.raises(ConfigError, match="1 slots, which are not enough"):
            page.take({"b": Histogram()})
        whole = path.read_bytes()
    try:
        for data, reason in (
            (b"", "is no stats page"),
            (b"x" * 8192, "is no stats page"),
            (whole[: len(whole) // 2], "cut short"),
            (whole[:8] + b"\x63" + whole[9:], "of another version, 99"),
        ):
            path.write_bytes(data)
            with pytest.raises(ConfigError, match=reason):
                StatsView(NAME)
    finally:
        path.unlink()


def test_no_room_is_a_sentence() -> None:
    """Where files may be no larger than a megabyte; nothing is left of the page."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(FastcoreError, match=r"needs 15\.9 MB of .*, which has not so much room"):
            StatsPage(NAME, slots=1024)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(FOLDER.glob(f"*{NAME}*"))


def test_histograms_are_not_placed_beside_a_buffer() -> None:
    for size, offset in ((100, 0), (Histogram._bytes, 8), (2 * Histogram._bytes, 3)):
        with pytest.raises(fc.InputError, match="there is no room for one at offset"):
            Histogram()._move_to(bytearray(size), offset)
    with pytest.raises(BufferError):
        Histogram()._move_to(bytes(Histogram._bytes), 0)


def test_the_engines_time_is_parted_in_the_profile() -> None:
    """Samples in the middle of native calls, by what the engine's own sample says of its stages."""
    ticks, seen, led = stream(400_000, symbols=1), set[str](), Counter[str]()
    # This thread may be given no processor while a batch runs, and a sampled tick may be held up in any part.
    for _ in range(40):
        loop = TickLoop(
            fc.Engine({f"ema{n}": fc.EMA(n) for n in range(2, 60)}), cut(ticks, [200_000]), batch=400_000
        )
        profiler = Profiler()
        profiler.watch_stages(loop.engine.stages)
        thread = threading.Thread(target=asyncio.run, args=(loop.run(),), name="loop")
        thread.start()
        while thread.is_alive():
            profiler.sample()
        stacks = profiler.window().of_thread("loop").stacks
        calls = {stack: pair[0] for stack, pair in stacks.items() if "on_ticks" in stack[-2:][0].name}
        native = {stack[-1].name: seconds for stack, seconds in calls.items()}
        seen |= set(native)
        if len(native) > 1:
            led[max(native, key=lambda name: native[name])] += 1
        if 3 in led.values():
            break
    assert seen >= {"engine (C++): indicators", "engine (C++): validate"}
    assert led["engine (C++): indicators"] == 3


def test_a_busy_engine_is_told_with_its_part() -> None:
    history, spent = History(), np.array([100], np.uint64)
    parts = {part: (10 if part == "bars" else 1) for part in PARTS}
    for moment in range(12):
        share = Distribution(np.array([900_000_000], np.uint64), spent[:1] * 0 + moment, 900_000_000 * moment)
        history.add(
            1000.0 + moment,
            {("fastcore_stage_seconds", (("stage", "engine"),)): share}
            | {
                ("fastcore_engine_stage_seconds", (("stage", part),)): Distribution(
                    np.array([100 * much], np.uint64), spent[:1] * 0 + moment, 100 * much * moment
                )
                for part, much in parts.items()
            },
        )
    bottlenecks = Bottlenecks()
    bottlenecks(history)
    (found,) = [one for one in bottlenecks.found if one.kind == "busy engine"]
    assert found.much.endswith("83% of it in its bars")
