"""Runs an engine with a journal again and again, while its process is killed and its disk refuses.

A program of its own because faults.c must be loaded before it: test_journal_faults.py runs it, and judges
what it prints. `python tests/faulty_journals.py FOLDER KILLS`.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from faults import Fault, Tell, arm, calls_of, disarm, in_child
from samples import T0, rng_of

PLAN = {"sma": fc.SMA(50), "rsi": fc.RSI(14).on("1s"), "dev": fc.STDDEV(20), "trend": fc.EMA(9).of("rsi")}
RULES = fc.Policy(order="buffer", lateness=50_000_000, duplicates="value")
NAMES = ("a", "b", "c")
ERRORS = (errno.ENOSPC, errno.EIO)
FSYNC = ("os", "interval", "always")
SOME = 700  # ticks of a run under one fault: more than a segment holds


def ticks_from(number: int, count: int) -> Any:
    """Ticks number, number + 1, ... of a stream without an end: in disorder, some twice, some impossible."""
    n = np.arange(number, number + count)
    ticks = np.zeros(count, fc.TICK)
    ticks["ts"] = T0 + (n - n % 7 // 5 * 4) * 10_000_000
    ticks["price"] = np.where(n % 41 == 40, -1.0, 100.0 + np.sin(n) + n % 13 / 8)
    ticks["size"] = n % 5
    ticks["symbol"] = n * n % 3
    return ticks


class Reference:
    """The engine without a journal, which goes along."""

    def __init__(self) -> None:
        self.engine = fc.Engine(PLAN, policy=RULES)

    def agrees(self, other: fc.Engine) -> bool:
        """Whether another engine is where this one comes to with as many ticks, to the bit."""
        here, there = self.engine.ledger["received"], other.ledger["received"]
        if there < here:
            self.__init__()  # type: ignore[misc]
            here = 0
        for name in other.symbols:
            self.engine.symbol(name)
        self.engine.on_ticks(ticks_from(here, there - here), symbols=NAMES)
        self.engine.sequence = other.sequence
        return self.engine.snapshot() == other.snapshot()


def opened(folder: Path, fsync: Any) -> fc.Engine:
    """The engine of the journal, or a new one where there is none yet."""
    journal = fc.Journal(
        folder,
        fsync=fsync,
        interval=1_000_000,
        segment_bytes=65536,
        keep_segments=2,
        checkpoint_records=170,
    )
    if any(folder.glob("snapshot-*.fcs")):
        return fc.Engine.recover(journal)
    return fc.Engine(PLAN, policy=RULES, journal=journal)


def work(engine: fc.Engine, tell: Tell, ticks: int, *, asked: bool = False) -> None:
    """Ticks one by one and in batches; tells how many have been acknowledged.

    Checkpoints come by themselves, and where they are asked for as well.
    """
    for name in NAMES:
        engine.symbol(name)
    number = engine.ledger["received"]
    end = number + ticks
    while number < end:
        if number % 100 < 60:
            ts, price, size, _, symbol, _ = ticks_from(number, 1)[0].item()
            engine.symbol(NAMES[symbol]).on_tick(ts, price, size)
            number += 1
        else:
            engine.on_ticks(ticks_from(number, 40), symbols=NAMES)
            number += 40
        tell(str(number))
        if asked and number % 300 == 0:
            engine.checkpoint(history=number % 600 == 0)


class Runs:
    """One journal, which is killed, refused and taken up again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.reference = folder, Reference()
        self.told = 0

    def seen(self, lines: list[str]) -> dict[str, Any]:
        """Whether what comes back is all that was acknowledged, and nothing else."""
        told = max([self.told, *(int(line) for line in lines if line.isdigit())])
        engine = opened(self.folder, "os")
        received, same = engine.ledger["received"], self.reference.agrees(engine)
        found = engine.recovery or {"notes": [], "snapshot": 0}
        engine.journal.close()
        self.told = received
        return {"told": told, "received": received, "same": same, **found}

    def killed(self, call: int, fsync: str) -> dict[str, Any]:
        """The process dies just before a call that it makes of the system."""

        def run(tell: Tell) -> None:
            arm(self.folder, call, Fault.KILL_TORN if call % 2 else Fault.KILL_BEFORE)
            engine = opened(self.folder, fsync)
            work(engine, tell, SOME)
            engine.journal.close()

        ended = in_child(run)
        return {"call": call, "fsync": fsync, "killed": ended.killed, **self.seen(ended.lines)}

    def shot(self, after: float, fsync: str) -> dict[str, Any]:
        """The process is killed from outside, at any instruction."""

        def run(tell: Tell) -> None:
            engine = opened(self.folder, fsync)
            victim = os.getpid()
            if os.fork() == 0:
                time.sleep(after)
                os.kill(victim, signal.SIGKILL)
                os._exit(0)
            work(engine, tell, 10**9)

        ended = in_child(run)
        return {"after": after, "fsync": fsync, "killed": ended.killed, **self.seen(ended.lines)}

    def refused(self, call: int, fault: Fault, error: int, fsync: str) -> dict[str, Any]:
        """A call fails or falls short: the engine says so, stays as it was, and goes on if it can."""

        def run(tell: Tell) -> None:
            arm(self.folder, call, fault, error)
            try:
                engine = opened(self.folder, fsync)
            except fc.JournalError as refusal:
                return tell(f"opening: {refusal}")
            last = [engine.ledger["received"]]

            def note(line: str) -> None:
                last[0] = int(line)
                tell(line)

            for _ in range(3):
                try:
                    work(engine, note, SOME // 3, asked=True)
                except fc.JournalError as refusal:
                    tell(f"working: {refusal}")
                    if engine.ledger["received"] != last[0]:
                        tell("wrong: the engine took what its journal did not")
            try:
                engine.journal.close()
            except fc.JournalError as refusal:
                tell(f"closing: {refusal}")

        ended = in_child(run)
        said = [line for line in ended.lines if not line.isdigit()]
        return {"call": call, "error": error, "fsync": fsync, "said": said, **self.seen(ended.lines)}


def main(folder: Path, kills: int) -> None:
    """One JSON object on standard output."""
    rng = rng_of("journal kills")
    calls = {}
    for fsync in FSYNC:
        counted = Runs(folder / f"counted {fsync}")

        def whole(runs: Runs = counted, fsync: str = fsync) -> None:
            engine = opened(runs.folder, fsync)
            work(engine, lambda _: None, SOME, asked=True)
            engine.journal.close()

        calls[fsync] = calls_of(counted.folder, whole)
    found: dict[str, Any] = {"steps": sorted(set().union(*calls.values()))}
    # Once before every call of the mode with the fewest, and before some of the others.
    few = [(call, "os") for call in range(1, len(calls["os"]) + 1)]
    more = [
        (int(rng.integers(1, len(calls[fsync]))), fsync) for fsync in FSYNC[1:] for _ in range(kills // 4)
    ]
    found["calls"] = len(few)
    runs = Runs(folder / "killed")
    found["killed"] = [runs.killed(call, fsync) for call, fsync in [*few, *more]]
    runs = Runs(folder / "shot")
    found["shot"] = [runs.shot(float(rng.uniform(0, 0.03)), FSYNC[i % 3]) for i in range(kills)]
    runs = Runs(folder / "refused")
    found["refused"] = [
        runs.refused(call, Fault.FAIL, error, FSYNC[call % 3]) for call, _ in few for error in ERRORS
    ]
    found["refused"] += [runs.refused(1, Fault.SHORT_ALWAYS, 0, fsync) for fsync in FSYNC]
    disarm()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
