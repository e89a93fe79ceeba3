"""Runs, replays, backfills, and what two of them differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console

from fastcore._units import count, number, rate, share
from fastcore.console._base import columns_of, console, plain
from fastcore.differences import Difference
from fastcore.results import BUCKETS, LATENCY_HEAD, STAGES, RunResult, latency_cells
from fastcore.scale import Backfill

__all__ = ["show_backfill", "show_difference", "show_run"]

MOST_SYMBOLS = 20  # in the table of last rows


def show_difference(found: Difference | None) -> None:
    """One sentence, on standard output."""
    console().print("equal" if found is None else plain(str(found)), soft_wrap=True)


def show_run(run: RunResult) -> None:
    """The result of a run or a replay."""
    out = console()
    received = run.ledger["received"]
    out.print(f"[bold]{plain(run.source)}[/bold]", soft_wrap=True)
    out.print(
        f"{count(received)} ticks of {count(len(run.symbols))} symbols in {run.seconds:.2f} s: "
        f"{rate(run.ticks_per_second)} end to end, {rate(run.engine_ticks_per_second)} through the engine\n",
        soft_wrap=True,
    )
    _show_latency(out, run.latency_ns)
    _show_ledger(out, run.ledger)
    _show_rows(out, run)
    for sentence in run.notes:
        out.print(f"[yellow]{plain(sentence)}[/yellow]", soft_wrap=True)


def _show_latency(out: Console, latency: Mapping[str, Mapping[str, float]]) -> None:
    table = columns_of("Latency", "", "timed", *LATENCY_HEAD)
    for stage, label in STAGES.items():
        ns = latency.get(stage, {})
        if ns.get("count"):
            table.add_row(label, count(ns["count"]), *latency_cells(ns))
    if table.row_count:
        out.print(table, "")


def _show_ledger(out: Console, ledger: Mapping[str, int]) -> None:
    table = columns_of("Ledger", "", "ticks", "share", "")
    table.columns[3].justify = "left"
    table.columns[3].no_wrap = False
    for name, value in ledger.items():
        if name != "received":
            style = None if value else "dim"
            table.add_row(
                name, count(value), share(value, ledger["received"]), BUCKETS.get(name, ""), style=style
            )
    total = sum(value for name, value in ledger.items() if name != "received")
    verdict = (
        "all that were received"
        if total == ledger["received"]
        else f"of {count(ledger['received'])} received"
    )
    table.add_row("sum", count(total), "", verdict, style="bold")
    out.print(table, "")


def _show_rows(out: Console, run: RunResult) -> None:
    """The last row of each symbol, in as many tables side under side as the terminal's width asks."""
    busiest = sorted(run.symbols.items(), key=lambda item: -item[1].ledger["received"])
    shown = busiest[:MOST_SYMBOLS]
    if not shown:
        return
    cells = {column: [number(result.row[column]) for _, result in shown] for column in run.columns}
    first = max(len("symbol"), *(len(plain(name)) for name, _ in shown)) + 2
    for columns in _fitting(cells, out.width - first):
        table = columns_of("Last rows" if columns[0] == run.columns[0] else "", "symbol", *columns)
        for place, (name, _) in enumerate(shown):
            table.add_row(plain(name), *(cells[column][place] for column in columns))
        out.print(table, "")
    if len(busiest) > len(shown):
        out.print(f"[dim]and {count(len(busiest) - len(shown))} symbols more: --json shows all[/dim]")


def _fitting(cells: Mapping[str, Sequence[str]], width: int) -> Iterator[list[str]]:
    """Cut the columns into runs of which each fits into `width` characters."""
    fit: list[str] = []
    used = 0
    for column, values in cells.items():
        needs = max(len(column), *map(len, values)) + 2
        if fit and used + needs > width:
            yield fit
            fit, used = [], 0
        fit.append(column)
        used += needs
    if fit:
        yield fit


def show_backfill(done: Backfill) -> None:
    """What a backfill has done."""
    out = console()
    received = done.ledger["received"]
    before = f", {count(done.resumed)} steps of them before" if done.resumed else ""
    out.print(
        f"{count(received)} ticks of {count(done.files)} files in {count(done.partitions)} parts{before}, "
        f"in {done.seconds:.2f} s\n",
        soft_wrap=True,
    )
    _show_ledger(out, done.ledger)
    out.print(f"rows: {plain(str(done.folder))}", soft_wrap=True)
