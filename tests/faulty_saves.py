"""Saves an engine again and again while its calls of the system fail, fall short, or are its last.

A program of its own because faults.c must be loaded before it: test_save_faults.py runs it, and judges what
it prints. `python tests/faulty_saves.py FOLDER KILLS`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import resource
import sys
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
from faults import Fault, Tell, arm, calls_of, disarm, in_child
from samples import T0, rng_of

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
SAVES = 6


class States:
    """An engine's states by number; it has taken so many ticks, and says so in its sequence."""

    def __init__(self) -> None:
        self.engine = fc.Engine({"sma": fc.SMA(50), "rsi": fc.RSI(14).on("1s"), "dev": fc.STDDEV(20)})
        self.bytes = [self.engine.snapshot()]

    def advance(self) -> int:
        """One tick of two symbols further."""
        number = self.engine.sequence + 1
        for symbol in ("a", "b"):
            self.engine.symbol(symbol).on_tick(T0 + number * 10**8, 100.0 + np.sin(number), 1.0)
        self.engine.sequence = number
        return number

    def __getitem__(self, number: int) -> bytes:
        while len(self.bytes) <= number:
            self.advance()
            self.bytes.append(self.engine.snapshot())
        return self.bytes[number]

    def at(self, number: int) -> fc.Engine:
        return fc.Engine.restore(self[number])


def content(path: Path, states: States, known: range) -> int | str:
    """Which of the states a file holds, whole; what is wrong with it otherwise."""
    if not path.exists():
        return "no file"
    data = path.read_bytes()
    for number in known:
        if data == states[number]:
            return number
    return f"{len(data)} bytes of something else"


def beside(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if one != path)


class Saves:
    """State 1 lies there, state 2 is being saved, under one fault after the other."""

    def __init__(self, path: Path) -> None:
        self.path, self.states = path, States()
        self.new = self.states.at(2)
        path.write_bytes(self.states[1])
        self.steps = calls_of(path.parent, lambda: self.new.save(path))

    def seen(self) -> dict[str, Any]:
        """What lies there, and what the next save makes of it."""
        found = {"content": content(self.path, self.states, range(1, 3)), "beside": beside(self.path)}
        self.states.at(3).save(self.path)
        after = [content(self.path, self.states, range(1, 4)), beside(self.path)]
        self.path.write_bytes(self.states[1])
        return {**found, "after": after}

    def killed(self, call: int, fault: Fault) -> dict[str, Any]:
        self.path.write_bytes(self.states[1])

        def work(_: Tell) -> None:
            arm(self.path.parent, call, fault)
            self.new.save(self.path)

        ended = in_child(work)
        return {"call": call, "torn": fault == Fault.KILL_TORN, "killed": ended.killed, **self.seen()}

    def refused(self, call: int, error: int) -> dict[str, Any]:
        self.path.write_bytes(self.states[1])
        before = self.new.snapshot()
        arm(self.path.parent, call, Fault.FAIL, error)
        why, number = "", 0
        try:
            self.new.save(self.path)
        except OSError as caught:
            why, number = str(caught), caught.errno or 0
        disarm()
        unchanged = self.new.snapshot() == before
        return {"call": call, "error": error, "errno": number, "why": why, "same": unchanged, **self.seen()}

    def short(self, fault: Fault, call: int) -> dict[str, Any]:
        arm(self.path.parent, call, fault)
        self.new.save(self.path)
        disarm()
        return {"fault": fault.name, **self.seen()}

    def limited(self, size: int) -> dict[str, Any]:
        """The system itself refuses what is beyond a size, in the middle of a write."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        why = ""
        try:
            self.new.save(self.path)
        except OSError as caught:
            why = str(caught)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        return {"size": size, "whole": len(self.states[2]), "why": why, **self.seen()}


def random_kills(path: Path, kills: int, steps: int) -> list[dict[str, Any]]:
    """A process saves state after state and tells of each; it is killed on the way, and begun anew."""
    rng, states, rounds = rng_of("kills"), States(), []
    path.unlink(missing_ok=True)
    number = 0
    while len(rounds) < kills:
        call, torn = int(rng.integers(1, SAVES * steps)), bool(rng.integers(2))

        def work(tell: Tell, start: int = number, call: int = call, torn: bool = torn) -> None:
            running = States()
            with contextlib.suppress(FileNotFoundError):
                running.engine = fc.Engine.load(path)
            assert running.engine.sequence == start
            arm(path.parent, call, Fault.KILL_TORN if torn else Fault.KILL_BEFORE)
            for _ in range(SAVES):
                saved = running.advance()
                running.engine.save(path)
                tell(str(saved))

        ended = in_child(work)
        told = int(ended.lines[-1]) if ended.lines else number
        found = content(path, states, range(number, number + SAVES + 2))
        if found == "no file" and told == 0:
            found = 0
        rounds.append({"killed": ended.killed, "told": told, "found": found, "beside": beside(path)})
        if not isinstance(found, int):
            break
        number = found
    return rounds


def main(folder: Path, kills: int) -> None:
    """One JSON object on standard output."""
    saves = Saves(folder / "engine.snapshot")
    calls = range(1, len(saves.steps) + 1)
    writes = [call for call in calls if saves.steps[call - 1] == "write"]
    found: dict[str, Any] = {"steps": saves.steps}
    found["killed"] = [saves.killed(call, Fault.KILL_BEFORE) for call in calls]
    found["killed"] += [saves.killed(call, Fault.KILL_TORN) for call in writes]
    found["refused"] = [saves.refused(call, error) for call in calls for error in ERRORS]
    found["short"] = [saves.short(fault, writes[0]) for fault in (Fault.SHORT_ONCE, Fault.SHORT_ALWAYS)]
    whole = len(saves.states[2])
    found["limited"] = [saves.limited(size) for size in (0, 1, 20, whole // 2, whole - 1, whole)]
    found["random"] = random_kills(folder / "other.snapshot", kills, len(saves.steps))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
