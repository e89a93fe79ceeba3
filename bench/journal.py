"""What a journal costs and gives: a tick with and without one, ticks sustained, recovery, a long replay."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .footprint import PRELUDE, child
from .harness import T0, Job, Row, Settings, Target, median_ns, pairs, value_at_most

REPLAY = """
import fastcore as fc
from fastcore.replay import Replay
replay = Replay({folder!r}, fc.Engine({{"ema": fc.EMA(20)}}))
replay.step(100_000)
before, exact = rss(), reset()
begun = time.perf_counter()
ticks = replay.run(speed=None)
took = time.perf_counter() - begun
print(json.dumps({{"mb": peak() - before, "ticks": ticks, "seconds": took, "size": replay.size}}))
"""


def _ticks(fc: ModuleType, rows: int) -> Any:
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = T0 + np.arange(rows) * 1000
    ticks["price"] = 100.0 + np.arange(rows) % 97 / 8
    ticks["size"] = 1.0
    return ticks


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    name = tempfile.mkdtemp(prefix="fastcore-bench-")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name)


def _plan(fc: ModuleType) -> dict[str, Any]:
    return {"ema": fc.EMA(20)}


def _on_tick(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    """The same loop over two engines, in turns; what is left is the journal."""
    n = settings.count(100_000)
    with _folder() as folder:
        for fsync in ("os", "interval"):
            journal = fc.Journal(folder / fsync, fsync=fsync)
            logged = fc.Engine(_plan(fc), journal=journal).symbol("A")
            plain = fc.Engine(_plan(fc)).symbol("A")

            def run(tick: Any) -> None:
                for ts in range(T0, T0 + n):
                    tick(ts, 100.0, 1.0)

            got = pairs(partial(run, logged.on_tick), partial(run, plain.on_tick), settings.repeats, n)
            added = got.ours - got.theirs
            row = Row(f"journal.on_tick.{fsync}", added, "ns", requirements=("N6",))
            note = f"added to a tick: {got.ours:.0f} ns with the journal, {got.theirs:.0f} without, in a loop"
            yield row.noted(note).judged(value_at_most(100))
            journal.close()


def _sustained(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    """Batches through an engine with a journal that syncs every 50 ms, over ten segments."""
    ticks = _ticks(fc, 1 << 16)
    rounds = settings.count(180)
    with _folder() as folder:
        journal = fc.Journal(folder / "j", keep_segments=4)
        engine = fc.Engine(_plan(fc), journal=journal)
        engine.on_ticks(ticks, symbols=["A"])
        begun = time.perf_counter()
        for _ in range(rounds):
            engine.on_ticks(ticks, symbols=["A"])
        journal.sync()
        took = time.perf_counter() - begun
        journal.close()
    rate = rounds * len(ticks) / took / 1e6
    row = Row("journal.sustained", rate, "M/s", requirements=("N6",))
    yield row.noted(f"{rounds * len(ticks):,} ticks, fsync='interval', on the disk at the end").judged(
        Target("value", ">=", 2.0)
    )


def _recover(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    ticks = _ticks(fc, settings.count(2_000_000))
    with _folder() as folder:
        engine = fc.Engine(_plan(fc), journal=folder / "j")
        engine.on_ticks(ticks, symbols=["A"])
        engine.journal.close()

        def work() -> None:
            fc.Engine.recover(folder / "j").journal.close()

        ns = median_ns(work, len(ticks), min(3, settings.repeats))
    row = Row("journal.recover", 1e3 / ns, "M/s", requirements=("N6",))
    yield row.noted(f"{len(ticks):,} ticks behind the snapshot").judged(Target("value", ">=", 5.0))


def _replay(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    """A process of its own, so that its memory is that of the replay."""
    ticks = _ticks(fc, 1 << 16)
    with _folder() as folder:
        engine = fc.Engine(_plan(fc), journal=folder / "j")
        for _ in range(settings.count(150)):
            engine.on_ticks(ticks, symbols=["A"])
        engine.journal.close()
        got = child(PRELUDE + REPLAY.format(folder=str(folder / "j")))
    if got is None:
        return
    rate = got["ticks"] / got["seconds"] / 1e6
    note = f"{got['ticks']:,} ticks from {got['size'] / 1e6:.0f} MB at {rate:.1f} M/s"
    row = Row("journal.replay.memory", got["mb"], "MB", requirements=("N8",))
    yield row.noted(note, "peak over before").judged(value_at_most(20))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    """One for each figure; there is no peer with a journal to put beside it."""
    if fc is None:
        return []
    steps = {"on_tick": _on_tick, "sustained": _sustained, "recover": _recover, "replay": _replay}
    return [Job(f"journal.{k}", partial(f, fc, settings)) for k, f in steps.items()]
