"""The gate: `python -m bench.gate [--base REF]` holds the working tree to a base commit, in one run.

Both are measured in turns, each turn in a process of its own, by processor time: what else the machine does
falls on both, and mostly on neither. A row fails when it is slower beyond the threshold for certain: the
lower quartile of its ratios is above it. It ends with 1 and the names of the rows that fail.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
THRESHOLD = 1.10
NATIVE = ("cpp", "CMakeLists.txt", "CMakePresets.json")


# ---- what is measured, in a process of its own


def _ticks(fc: Any, rows: int) -> Any:
    rng = np.random.default_rng(1)
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = 1_700_000_000_000_000_000 + np.arange(rows) * 1_000_000
    ticks["price"] = 100 + np.cumsum(rng.integers(-3, 4, rows)) / 64
    ticks["size"] = 1.0
    ticks["symbol"] = rng.integers(0, 4, rows)
    return ticks


def _engine(fc: Any) -> Any:
    plan = {f"ema{n}": fc.EMA(n) for n in (5, 12, 26)} | {f"sma{n}": fc.SMA(n) for n in (10, 20, 50)}
    return fc.Engine(plan | {"rsi": fc.RSI(14), "macd": fc.MACD(), "bands": fc.BBANDS(20), "roc": fc.ROC(10)})


def on_tick(fc: Any) -> Callable[[], object]:
    symbol = _engine(fc).symbol("A")
    prices = (100 + np.cumsum(np.random.default_rng(1).integers(-3, 4, 50_000)) / 64).tolist()
    clock = [1_700_000_000_000_000_000]

    def run() -> None:
        call, ts = symbol.on_tick, clock[0]
        for price in prices:
            ts += 1_000_000
            call(ts, price, 1.0)
        clock[0] = ts

    return run


def on_ticks(fc: Any) -> Callable[[], object]:
    ticks, names = _ticks(fc, 200_000), list("ABCD")
    return lambda: _engine(fc).on_ticks(ticks, symbols=names)


def batch(fc: Any) -> Callable[[], object]:
    close = 100 + np.cumsum(np.random.default_rng(1).normal(size=200_000)) * 0.01
    return lambda: (fc.ema(close, period=20), fc.sma(close, period=20), fc.rsi(close, period=14))


def loop(fc: Any) -> Callable[[], object]:
    from fastcore.feeds import TickBatch
    from fastcore.loop import run as run_loop

    batches = [TickBatch(part, list("ABCD")) for part in np.split(_ticks(fc, 100_000), 100)]

    class Strategy:
        def on_rows(self, rows: Any) -> None:
            rows.rows[:, 0].max()

    return lambda: run_loop(fc.TickLoop(_engine(fc), batches, strategies=[Strategy()], batch=1000).run())


def snapshot(fc: Any) -> Callable[[], object]:
    engine = _engine(fc)
    engine.on_ticks(_ticks(fc, 10_000), symbols=list("ABCD"))
    return lambda: [fc.Engine.restore(engine.snapshot()) for _ in range(20)]


ROWS: dict[str, Callable[[Any], Callable[[], object]]] = {
    "on_tick": on_tick,
    "on_ticks": on_ticks,
    "batch": batch,
    "loop": loop,
    "snapshot": snapshot,
}


def child(rows: Sequence[str]) -> None:
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


# ---- the comparison


@dataclass(frozen=True)
class Verdict:
    """A row: ours over the base's time, pair by pair, and whether it is slower for certain."""

    name: str
    ratios: tuple[float, ...]
    threshold: float

    @property
    def ratio(self) -> float:
        return float(np.median(self.ratios))

    @property
    def slower(self) -> bool:
        return float(np.percentile(self.ratios, 25)) > self.threshold

    def __str__(self) -> str:
        low, high = np.percentile(self.ratios, (25, 75))
        word = "SLOWER" if self.slower else "ok"
        return f"{self.name:10} {self.ratio:6.3f} of the base's time ({low:.3f} to {high:.3f})  {word}"


def measure(tree: str, rows: Sequence[str]) -> dict[str, float]:
    """One turn of one tree; `tree` is a folder to import from, or "" for what is installed."""
    environment = {**os.environ, "PYTHONPATH": tree} if tree else {**os.environ}
    command = [sys.executable, __file__, "--child", *rows]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the rows cannot be measured in {tree or 'the installed package'}:\n{done.stderr}")
    return {name: float(ns) for name, ns in (line.split() for line in done.stdout.splitlines())}


def compare(
    ours: str, base: str, rows: Sequence[str], pairs: int = 5, threshold: float = THRESHOLD
) -> list[Verdict]:
    """Both trees in turns: A B, B A, A B."""
    ratios: dict[str, list[float]] = {name: [] for name in rows}
    for pair in range(pairs):
        taken = {}
        for tree in (ours, base) if pair % 2 == 0 else (base, ours):
            taken[tree] = measure(tree, rows)
        for name in rows:
            ratios[name].append(taken[ours][name] / taken[base][name])
    return [Verdict(name, tuple(found), threshold) for name, found in ratios.items()]


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
    parser.add_argument("--base", default="HEAD~1", help="the commit to hold it to")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--trees", nargs=2, metavar=("OURS", "BASE"), help="two folders to import from")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        child(options.child)
        return 0
    ours, base = options.trees or ("", checked_out(options.base))
    found = compare(ours, base, options.rows, options.pairs, options.threshold)
    for one in found:
        print(one)
    slower = [one.name for one in found if one.slower]
    if slower:
        print(f"slower than {options.base} by more than {options.threshold - 1:.0%}: {', '.join(slower)}")
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
