"""All Python benchmarks: `python -m bench.python [--quick] [--only NAME] [--out FILE]`.

A full run writes bench/results/latest.json, after each measurement: one that is ended early leaves what it
has measured, and the table says how much is missing. A quick or partial one only prints, unless it is told
where to write: a published table must come from one run.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from . import (
    backfills,
    bar_ticks,
    batch,
    cache,
    cross_section,
    feeds,
    footprint,
    journal,
    loop,
    one_call,
    own,
    perf,
    processes,
    serve,
    state,
    store,
    tails,
)
from .harness import RESULTS, Job, Row, Settings, keep_memory, write_results

SECTIONS = {
    "one_call": one_call,
    "batch": batch,
    "tails": tails,
    "bars": bar_ticks,
    "on_bars": cross_section,
    "own": own,
    "footprint": footprint,
    "state": state,
    "journal": journal,
    "processes": processes,
    "backfill": backfills,
    "loop": loop,
    "feeds": feeds,
    "serve": serve,
    "store": store,
    "cache": cache,
    "perf": perf,
}


def collect(fc: ModuleType | None, settings: Settings, only: str) -> list[Job]:
    """The jobs whose name contains `only`, in the order of the table."""
    return [j for m in SECTIONS.values() for j in m.jobs(fc, settings) if only.lower() in j.name.lower()]


def ours(console: Console) -> ModuleType | None:
    """Our module; without it the peers are still measured."""
    try:
        fc = importlib.import_module("fastcore")
        fc.Engine  # noqa: B018  another project's distribution has the same import name
    except Exception as e:  # a half-built tree fails in many ways
        console.print(
            f"only the peers are measured, and nothing is written: {type(e).__name__}: {e}", markup=False
        )
        return None
    return fc


def run(jobs: list[Job], console: Console, out: Path | None) -> list[Row]:
    columns: tuple[ProgressColumn, ...] = (TextColumn("{task.description:34}"), BarColumn())
    columns += (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    rows: list[Row] = []
    # Redrawn by hand: the bar's own thread would be in the numbers.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("", total=len(jobs))
        for left, job in zip(range(len(jobs) - 1, -1, -1), jobs, strict=True):
            progress.update(task, description=job.name, refresh=True)
            rows += job.rows()
            if out is not None:
                write_results(out, rows, left)
            progress.update(task, advance=1, refresh=True)
    return rows


def number(x: float | None) -> str:
    """Three digits, or a dash."""
    if x is None:
        return "-"
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def verdict(row: Row) -> str:
    if row.met is None:
        return ""
    return "[green]met[/]" if row.met else "[red]missed[/]"


def table(rows: list[Row]) -> Table:
    made = Table(title="fastcore beside its peers; ratio = peer's time over ours, so above 1 we are faster")
    for name in ("row", "ours", "unit", "peer", "peer's", "ratio", "target", ""):
        made.add_column(
            name, justify="right" if name in ("ours", "peer's", "ratio") else "left", no_wrap=True
        )
    for r in rows:
        cells = (r.id, number(r.value), r.unit, r.peer, number(r.peer_value), number(r.ratio), r.target)
        made.add_row(*cells, verdict(r))
    return made


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m bench.python", description="fastcore beside its peers")
    p.add_argument("--quick", action="store_true", help="fewer repeats and rows; for trying things out")
    p.add_argument("--only", default="", metavar="NAME", help="only rows whose name contains this")
    p.add_argument("--out", type=Path, default=None, help="write the results here")
    p.add_argument("--notes", action="store_true", help="print each row's note below the table")
    a = p.parse_args(argv)
    settings = Settings(a.quick)
    console = Console() if sys.stdout.isatty() else Console(width=160)
    fc = ours(console)
    keep_memory()
    jobs = collect(fc, settings, a.only)
    if not jobs:
        console.print(f"no benchmark's name contains {a.only!r}; sections: {', '.join(SECTIONS)}")
        return 2
    out = a.out or (None if a.quick or a.only or fc is None else RESULTS)
    rows = run(jobs, console, out)
    console.print(table(rows))
    if a.notes:
        for r in rows:
            if r.note:
                console.print(f"{r.id}: {r.note}", highlight=False, markup=False)
    judged = [r for r in rows if r.met is not None]
    missed = [r for r in judged if not r.met]
    failed = [r for r in rows if r.note.startswith("not measured")]
    console.print(f"{len(judged) - len(missed)} of {len(judged)} targets met")
    for r in missed:
        console.print(
            f"  missed {r.id}: {number(r.value)} {r.unit}, {r.peer} {number(r.peer_value)}; {r.target}"
        )
    for r in failed:
        console.print(f"  {r.id}: {r.note}", markup=False)
    if out:
        console.print(f"written: {out.name}")
    return 0  # a missed target is a result, not an error


if __name__ == "__main__":
    raise SystemExit(main())
