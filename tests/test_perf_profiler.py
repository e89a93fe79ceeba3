"""The profiler: stacks of threads that stand at known lines, windows, forms in which a profile leaves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from fastcore.cli import main
from fastcore.errors import ConfigError, FastcoreError, InputError
from fastcore.loop import Row
from fastcore.perf.allocations import allocations
from fastcore.perf.flame import flame_page, flame_svg
from fastcore.perf.profiler import IDLE, Profiler
from fastcore.perf.profiles import Frame, Profile
from fastcore.perf.spy import spy
from hypothesis import given
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, cut, stream
from servers import die_with_parent, wait_until

SVG = "{http://www.w3.org/2000/svg}"

frames = st.builds(Frame, st.sampled_from("abcd"), st.just("x.py"), st.integers(1, 3))
profiles = st.dictionaries(
    st.lists(frames, min_size=1, max_size=6).map(tuple),
    st.tuples(st.floats(0.01, 100), st.floats(0, 100)),
    min_size=1,
    max_size=12,
).map(Profile)


class Clock:
    """Time that a test moves."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def planted_line(gate: threading.Lock, there: threading.Event) -> None:
    there.set()
    gate.acquire()  # PLANTED


PLANTED = next(i for i, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "# PLANTED" in line)


@contextmanager
def standing(name: str = "planted") -> Iterator[None]:
    """A thread that stands still in `planted_line`."""
    gate, there = threading.Lock(), threading.Event()
    gate.acquire()
    thread = threading.Thread(target=planted_line, args=(gate, there), name=name)
    thread.start()
    there.wait()
    wait_until(lambda: line_of(thread) == PLANTED, "the thread is not at its line")
    try:
        yield
    finally:
        gate.release()
        thread.join()


def line_of(thread: threading.Thread) -> int:
    assert thread.ident is not None
    return sys._current_frames()[thread.ident].f_lineno


def seen(profile: Profile, thread: str = "planted") -> dict[tuple[str, int], float]:
    """Seconds by function and line in a thread, with what it calls."""
    whole = profile.of_thread(thread)
    return {
        (line.frame.name, line.frame.line): round(line.total * whole.seconds(), 6) for line in whole.lines()
    }


# ---- sampling


def test_a_line_is_named_with_its_seconds() -> None:
    clock = Clock()
    profiler = Profiler(clock=clock)
    with standing():
        for _ in range(5):
            clock.now += 0.5
            profiler.sample()
    found = seen(profiler.window())
    assert found["planted_line", PLANTED] == pytest.approx(2.0 + 1 / 19)  # the first has no sample before it
    assert profiler.samples == 5


def test_processor_time_is_that_of_the_thread() -> None:
    """A thread that computes has it, one that waits has none."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            sum(range(10_000))

    profiler = Profiler()
    thread = threading.Thread(target=busy, name="busy")
    thread.start()
    with standing():
        profiler.sample()
        used = 0.0
        until = time.monotonic() + 60
        while used < 0.05 and time.monotonic() < until:
            time.sleep(0.02)
            profiler.sample()
            used = profiler.window().of_thread("busy").seconds("cpu")
    stop.set()
    thread.join()
    assert used >= 0.05
    assert profiler.window().of_thread("planted").seconds("cpu") < 0.01
    assert profiler.window().of_thread("planted").seconds("wall") > 0


def test_minutes_are_kept_and_go() -> None:
    clock = Clock()
    profiler = Profiler(minutes=3, clock=clock)
    start = clock.now
    with standing():
        for _ in range(10):
            profiler.sample()
            clock.now += 30
    assert profiler.stats()["minutes"] == 3
    assert profiler.window(end=start + 110).stacks == {}
    last = profiler.window(start=start + 235)
    assert seen(last)["planted_line", PLANTED] == pytest.approx(60)
    assert seen(profiler.window())["planted_line", PLANTED] == pytest.approx(180)


def test_two_windows_differ_by_what_was_planted() -> None:
    clock = Clock()
    profiler = Profiler(clock=clock)
    start = clock.now
    with calm():
        for _ in range(4):
            profiler.sample()
            clock.now += 10
        clock.now = start + 60
        with standing():
            for _ in range(4):
                profiler.sample()
                clock.now += 10
    before, after = profiler.window(end=start + 59), profiler.window(start=start + 60)
    (change,) = [one for one in after.changes(before) if one.frame.line == PLANTED]
    assert change.before == 0
    assert 0.1 < change.after < 0.6
    assert str(change).startswith(f"planted_line (test_perf_profiler.py:{PLANTED}): 0% before, ")


@contextmanager
def calm() -> Iterator[None]:
    """A thread that waits all the time."""
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    yield
    event.set()
    thread.join()


def test_the_engine_is_the_innermost_frame_of_its_batches() -> None:
    """Samples in the middle of native calls show the C++ core, standing on its call."""
    ticks = stream(3_000_000, symbols=1)
    native: list[Any] = []
    for _ in range(20):  # this thread may be given no processor while the batch runs
        loop = TickLoop(fc.Engine({"ema": fc.EMA(20)}), cut(ticks, [1_500_000]), batch=3_000_000)
        thread = threading.Thread(target=asyncio.run, args=(loop.run(),), name="loop")
        profiler = Profiler()
        thread.start()
        while thread.is_alive():
            profiler.sample()
        stacks = profiler.window().of_thread("loop").stacks
        native = [stack for stack in stacks if stack[-1].name == "engine (C++): on_ticks"]
        if native:
            break
    assert native
    assert native[0][-2].name == "Engine.on_ticks"


def test_it_runs_beside_a_loop_and_names_its_slow_strategy() -> None:
    def slow(row: Row) -> None:
        sum(range(2_000))  # what costs

    loop = TickLoop(fc.Engine(PLAN), cut(stream(20_000), [500], NAMES), strategies=[slow])
    with Profiler(hz=200, budget=1) as profiler:
        thread = threading.Thread(target=asyncio.run, args=(loop.run(),), name="loop")
        thread.start()
        thread.join()
    line = profiler.window().of_thread("loop").without(IDLE).lines()[0]
    assert (line.frame.name.rpartition(".")[2], line.frame.file) == ("slow", Path(__file__).name)
    assert line.own > 0.5
    assert profiler.stats()["stacks"] > 0


# ---- its own cost and its troubles


def test_it_takes_fewer_samples_when_it_costs_too_much() -> None:
    profiler = Profiler(hz=20, budget=0.01)
    profiler.adjust(0.04)
    assert profiler.current_hz == pytest.approx(5)
    assert profiler.stats()["cost"] == 0.04
    for _ in range(10):
        profiler.adjust(0.001)
    assert profiler.current_hz == 20


def test_a_full_disk_is_shown_and_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    clock = Clock()
    profiler = Profiler(folder=folder, clock=clock)
    with standing():
        profiler.sample()
        clock.now += 61
        profiler.sample()
        (written,) = folder.iterdir()
        assert f"planted_line (test_perf_profiler.py:{PLANTED}) 53" in written.read_text()
        folder.rename(tmp_path / "gone")
        clock.now += 61
        profiler.sample()
    assert profiler.trouble.startswith(f"profiles cannot be written to {folder}: No such file")
    assert profiler.samples == 3


def test_stacks_are_bounded() -> None:
    """What no minute has any more is dropped, and the rest keeps its seconds."""
    clock = Clock()
    profiler = Profiler(minutes=1, clock=clock)
    profiler._stacks = [((compile(f"x{i}", f"{i}.py", "exec"), 1), "t") for i in range(15_000)]
    profiler._numbers = {stack: i for i, stack in enumerate(profiler._stacks)}
    with standing():
        profiler.sample()
        clock.now += 5
        profiler.sample()
    assert profiler.stats()["stacks"] < 100
    assert seen(profiler.window())["planted_line", PLANTED] == pytest.approx(5 + 1 / 19)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hz": 0}, "Profiler: hz must be 0.1 to 1000, not 0"),
        ({"minutes": 0}, "Profiler: minutes must be 1 to 1440, not 0"),
        ({"budget": 2}, "Profiler: budget must be 1e-06 to 1, not 2"),
        ({"folder": "/nowhere/at/all"}, "Profiler: there is no folder '/nowhere/at/all'"),
    ],
)
def test_impossible_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Profiler(**options)  # type: ignore[arg-type]


# ---- forms


@given(profiles)
def test_shares_add_up(profile: Profile) -> None:
    lines = profile.lines()
    assert sum(line.own for line in lines) == pytest.approx(1)
    assert all(line.own <= line.total + 1e-9 <= 1 + 2e-9 for line in lines)


@given(profiles)
def test_collapsed_lines_hold_all_seconds(profile: Profile) -> None:
    total = 0
    for line in profile.collapsed().splitlines():
        names, _, ms = line.rpartition(" ")
        assert names.count(";") <= 5
        total += int(ms)
    assert total == pytest.approx(profile.seconds() * 1e3, abs=len(profile.stacks))


@given(profiles)
def test_speedscope_holds_all_seconds(profile: Profile) -> None:
    made = json.loads(json.dumps(profile.speedscope()))
    (one,) = made["profiles"]
    assert sum(one["weights"]) == pytest.approx(one["endValue"]) == pytest.approx(profile.seconds())
    assert len(one["samples"]) == len(one["weights"])
    names = made["shared"]["frames"]
    assert {tuple((names[i]["name"], names[i]["line"]) for i in sample) for sample in one["samples"]} == {
        tuple((frame.name, frame.line) for frame in stack) for stack in profile.stacks
    }


@given(profiles, st.none() | profiles)
def test_a_flame_graph_is_sound(profile: Profile, before: Profile | None) -> None:
    """XML; frames of one level do not overlap, and none is wider than the drawing."""
    root = ET.fromstring(flame_svg(profile, before=before))
    levels: dict[str, list[tuple[float, float]]] = {}
    for rect in root.iter(f"{SVG}rect"):
        levels.setdefault(rect.attrib["y"], []).append((float(rect.attrib["x"]), float(rect.attrib["width"])))
    assert levels
    for boxes in levels.values():
        boxes.sort()
        assert all(x + width <= following + 0.02 for (x, width), (following, _) in pairwise(boxes))
        assert sum(width for _, width in boxes) <= 1200
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert any(title.startswith("all: ") for title in titles)


def test_the_page_loads_nothing_and_escapes(tmp_path: Path) -> None:
    profile = Profile({(Frame("main"), Frame("<lambda>", "a&b.py", 1)): (1.0, 0.5)})
    text = flame_page(profile)
    assert "<lambda>" not in text
    assert "&lt;lambda&gt; (a&amp;b.py:1)" in text
    assert not [word for word in ("<script", "<link", "src=", "href=", "url(") if word in text]
    for name in ("p.html", "p.svg", "p.json", "p.folded"):
        profile.save(tmp_path / name)
    assert json.loads((tmp_path / "p.json").read_text())["exporter"] == "fastcore"
    assert (tmp_path / "p.folded").read_text() == "main;<lambda> (a&b.py:1) 1000\n"
    assert flame_svg(Profile({})).startswith("<svg")
    with pytest.raises(InputError, match="a profile is weighed by 'wall' or 'cpu', not 'both'"):
        profile.weights("both")  # type: ignore[arg-type]


# ---- from outside

PROGRAM = """
def hot():
    while True:
        sum(range(1000))
print("hot", flush=True)
hot()
"""


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that computes in `hot`."""
    (tmp_path / "busy.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "busy.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"hot\n"
        yield process
    process.kill()
    process.wait()


def test_a_process_is_looked_into(busy: subprocess.Popen[bytes], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "busy.html"
    assert main(["profile", str(busy.pid), "--seconds", "1", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert any(line.startswith("hot (busy.py:4)") for line, _ in said["lines"]), said
    assert "hot (busy.py:4)" in out.read_text()


def test_what_cannot_be_looked_into_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="spy: there is no process 999999999"):
        spy(999_999_999)
    with pytest.raises(ConfigError, match="seconds must be 1 to 3600"):
        spy(1, 0)
    forbidding = tmp_path / "py-spy"
    forbidding.write_text(
        "#!/bin/sh\necho 'Error: Permission Denied: Try running again with elevated' >&2; exit 1\n"
    )
    forbidding.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(
        fc.FastcoreError, match=r"may not be looked into: run as its user with ptrace allowed"
    ):
        spy(os.getpid(), 1)


# ---- allocations, on demand


def test_what_takes_memory_is_named() -> None:
    """By the line that took it, with C's memory too; what was given back meanwhile is not told."""
    kept: list[Any] = []

    def leak(_: float) -> None:
        for _ in range(50):
            kept.append(bytearray(200_000))  # TAKES
            bytearray(5_000_000)
        kept.append(fc.Engine({"sma": fc.SMA(100_000)}).symbol("A"))

    first, *others = allocations(0.1, wait=leak)
    line = next(i for i, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "# TAKES" in text)
    assert (first.stack[-1].file, first.stack[-1].line) == (Path(__file__).name, line)
    assert first.size >= 50 * 200_000 > sum(one.size for one in others)
    assert str(first).endswith("pieces")
    assert any(one.size >= 800_000 for one in others)  # the engine's window, which Python does not count


def test_allocations_that_cannot_be_watched_are_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"seconds must be 0\.1 to 3600, not 0"):
        allocations(0)
    with pytest.raises(FastcoreError, match="allocations are watched already"):
        allocations(0.1, wait=lambda _: allocations(0.1))
