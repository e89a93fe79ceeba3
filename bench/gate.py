"""The gate: `python -m bench.gate [--base REF]` holds the working tree to a base commit, in one run.

By instructions: each row runs in a process that valgrind counts, once with one work and once with three; the
difference is what two works take, to less than a thousandth on any machine and beside any load. By time: both
trees in turns, each turn in a process of its own, by processor time; a row fails there when it is slower for
certain, the lower quartile of its ratios being above the threshold. It ends with 1 and the names of the rows
that fail.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .gate_rows import ROWS

ROOT = Path(__file__).resolve().parents[1]
THRESHOLDS = {"instructions": 1.03, "time": 1.10}
NATIVE = ("cpp", "CMakeLists.txt", "CMakePresets.json")


# ---- what is measured, in a process of its own


def timed(rows: Sequence[str]) -> None:
    """Print each row's processor time: the least of seven runs."""
    import fastcore as fc

    gc.disable()
    for name in rows:
        work = ROWS[name](fc)
        work()
        taken = []
        for _ in range(7):
            began = time.process_time_ns()
            work()
            taken.append(time.process_time_ns() - began)
        print(name, min(taken))


def worked(row: str, works: int) -> None:
    """Do a row's work so many times, and nothing that differs from run to run."""
    import fastcore as fc

    gc.disable()
    work = ROWS[row](fc)
    for _ in range(works):
        work()


# ---- the comparison


@dataclass(frozen=True)
class Verdict:
    """A row: ours over the base's cost, pair by pair, and whether it is slower for certain."""

    name: str
    ratios: tuple[float, ...]
    threshold: float
    cost: str = "time"

    @property
    def ratio(self) -> float:
        return float(np.median(self.ratios))

    @property
    def slower(self) -> bool:
        return float(np.percentile(self.ratios, 25)) > self.threshold

    def __str__(self) -> str:
        low, high = np.percentile(self.ratios, (25, 75))
        spread = f" ({low:.3f} to {high:.3f})" if len(self.ratios) > 1 else ""
        word = "SLOWER" if self.slower else "ok"
        return f"{self.name:10} {self.ratio:6.3f} of the base's {self.cost}{spread}  {word}"


def ran(tree: str, child: Sequence[str], before: Sequence[str] = (), **environment: str) -> tuple[str, str]:
    """What a process printed that imports from `tree`, a folder or "" for what is installed."""
    paths = [tree, str(ROOT)] if tree else [str(ROOT)]
    variables = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)}
    command = [*before, sys.executable, "-m", "bench.gate", "--child", *child]
    done = subprocess.run(
        command, env=variables, cwd=ROOT / "bench", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the rows cannot be measured in {tree or 'the installed package'}:\n{done.stderr}")
    return done.stdout, done.stderr


def processor_time(tree: str, rows: Sequence[str]) -> dict[str, float]:
    """One turn of one tree, in ns."""
    out, _ = ran(tree, ["time", *rows])
    return {name: float(ns) for name, ns in (line.split() for line in out.splitlines())}


def instructions(tree: str, row: str) -> float:
    """What two works of a row take. Hashes, bytecode and threads of a process are the same in all."""
    counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    same = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    found = []
    for works in (1, 3):
        _, said = ran(tree, [str(works), row], counter, **same)
        counts = re.findall(r"I\s+refs:\s+([\d,]+)", said)
        if not counts:
            raise SystemExit(f"valgrind counted nothing:\n{said}")
        found.append(int(counts[-1].replace(",", "")))
    return float(found[1] - found[0])


def by_instructions(ours: str, base: str, rows: Sequence[str], threshold: float) -> list[Verdict]:
    """One count of each: there is nothing to take the median of."""
    asked = [(tree, row) for row in rows for tree in (ours, base)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(asked, pool.map(lambda one: instructions(*one), asked), strict=True))
    return [Verdict(row, (found[ours, row] / found[base, row],), threshold, "instructions") for row in rows]


def by_time(ours: str, base: str, rows: Sequence[str], threshold: float, pairs: int) -> list[Verdict]:
    """Both trees in turns: A B, B A, A B."""
    ratios: dict[str, list[float]] = {name: [] for name in rows}
    for pair in range(pairs):
        taken = {}
        for tree in (ours, base) if pair % 2 == 0 else (base, ours):
            taken[tree] = processor_time(tree, rows)
        for name in rows:
            ratios[name].append(taken[ours][name] / taken[base][name])
    return [Verdict(name, tuple(found), threshold) for name, found in ratios.items()]


def has_a_past() -> bool:
    """Whether git knows a commit before this one: a source archive or a shallow copy has none."""
    asked = ["git", "rev-parse", "--verify", "--quiet", "HEAD~1"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 0


def checked_out(reference: str) -> str:
    """A folder from which the base can be imported; its core is built where C++ has changed."""
    folder, site = ROOT / "build" / "gate" / "base", ROOT / "build" / "gate" / "site"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", reference], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(f"there is no commit {reference}: {archive.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    same = subprocess.run(["git", "diff", "--quiet", reference, "--", *NATIVE], cwd=ROOT, check=False)
    if same.returncode == 0:
        import fastcore

        for file in Path(fastcore.__path__[0]).glob("*.so"):
            shutil.copy(file, folder / "python" / "fastcore")
        return str(folder / "python")
    print("building the base's core", flush=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(site), str(folder)], check=True)
    return str(site)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gate", description="the working tree beside a base"
    )
    parser.add_argument("--base", help="the commit to hold it to; the last one, HEAD~1, where none is named")
    parser.add_argument(
        "--by", nargs="+", choices=list(THRESHOLDS), help="what to count; both where both can be"
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--pairs", type=int, default=5, help="turns of each tree, by time")
    parser.add_argument("--threshold", type=float, help="1.03 by instructions, 1.10 by time, unless told")
    parser.add_argument("--trees", nargs=2, metavar=("OURS", "BASE"), help="two folders to import from")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        what, *rows = options.child
        timed(rows) if what == "time" else worked(rows[0], int(what))
        return 0
    counted = shutil.which("valgrind") is not None
    if options.by == ["instructions"] and not counted:
        raise SystemExit("instructions are counted by valgrind, which is not on PATH: install it")
    if not options.trees and not options.base and not has_a_past():
        print("the gate: there is no commit before this one here, so there is nothing to compare with")
        return 0
    reference = options.base or "HEAD~1"
    ours, base = options.trees or ("", checked_out(reference))
    slower = []
    for what in options.by or ["instructions", "time"][not counted :]:
        threshold = options.threshold or THRESHOLDS[what]
        if what == "instructions":
            found = by_instructions(ours, base, options.rows, threshold)
        else:
            found = by_time(ours, base, options.rows, threshold, options.pairs)
        for one in found:
            print(one, flush=True)
        slower += [(one.name, threshold) for one in found if one.slower]
    for name, threshold in slower:
        print(f"slower than {options.base or base} by more than {threshold - 1:.0%}: {name}")
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
