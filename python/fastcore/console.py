"""What the command line shows: tables on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

from rich import markup
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from fastcore._units import MISSING, count, duration, number, rate, share, size
from fastcore.differences import Difference
from fastcore.doctor import Finding
from fastcore.jobs import Progress as Report
from fastcore.journal_files import Inspection, Verdict
from fastcore.results import BUCKETS, LATENCY_HEAD, STAGES, RunResult, latency_cells
from fastcore.scale import Backfill

__all__ = [
    "error",
    "note",
    "progress",
    "show_backfill",
    "show_database",
    "show_difference",
    "show_doctor",
    "show_indicator",
    "show_indicators",
    "show_journal",
    "show_json",
    "show_plan",
    "show_records",
    "show_run",
    "show_segment",
    "show_segments",
    "show_slow",
    "show_verdict",
]

MOST_SYMBOLS = 20  # in the table of last rows


def _shown(text: str) -> str:
    """Text that is shown as it is: no markup of rich's, and nothing that a terminal would obey."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return markup.escape(plain)


def _out() -> Console:
    return Console(highlight=False)


def error(sentence: str) -> None:
    """One red sentence on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]{_shown(sentence)}[/red]")


def note(text: str) -> None:
    """A line on standard error: what was written where."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(_shown(text))


def show_json(value: Any) -> None:
    """JSON alone on standard output; a NaN in it would be a fault of the caller's."""
    text = json.dumps(value, allow_nan=False, indent=2, ensure_ascii=False)
    # JSON escapes only some of the characters that a terminal obeys, and no half ones.
    text = re.sub("[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    sys.stdout.write(text + "\n")


@contextmanager
def progress(label: str, unit: str) -> Iterator[Report]:
    """A bar on standard error, if that is a terminal; gives the function that moves it.

    Parameters
    ----------
    label : str
        What is going on.
    unit : str
        ``"ticks"`` or ``"bytes"``: what the function is called with, done and whole.
    """
    show = size if unit == "bytes" else count
    columns = (
        SpinnerColumn(),
        TextColumn(label),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None, text="")

        def move(done: int, whole: int) -> None:
            bar.update(
                task,
                completed=done,
                total=whole,
                text=f"{show(done)} of {show(whole)} {unit}".removesuffix(" bytes"),
            )

        yield move


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, column in enumerate(columns):
        table.add_column(
            column, justify="left" if place < left else "right", header_style="dim", no_wrap=True
        )
    return table


def show_difference(found: Difference | None) -> None:
    """One sentence, on standard output."""
    _out().print("equal" if found is None else _shown(str(found)), soft_wrap=True)


# ---- run and replay -------------------------------------------------------------------------------


def show_run(run: RunResult) -> None:
    """The result of a run or a replay."""
    out = _out()
    received = run.ledger["received"]
    out.print(f"[bold]{_shown(run.source)}[/bold]", soft_wrap=True)
    out.print(
        f"{count(received)} ticks of {count(len(run.symbols))} symbols in {run.seconds:.2f} s: "
        f"{rate(run.ticks_per_second)} end to end, {rate(run.engine_ticks_per_second)} through the engine\n",
        soft_wrap=True,
    )
    _show_latency(out, run.latency_ns)
    _show_ledger(out, run.ledger)
    _show_rows(out, run)
    for sentence in run.notes:
        out.print(f"[yellow]{_shown(sentence)}[/yellow]", soft_wrap=True)


def _show_latency(out: Console, latency: Mapping[str, Mapping[str, float]]) -> None:
    table = _table("Latency", "", "timed", *LATENCY_HEAD)
    for stage, label in STAGES.items():
        ns = latency.get(stage, {})
        if ns.get("count"):
            table.add_row(label, count(ns["count"]), *latency_cells(ns))
    if table.row_count:
        out.print(table, "")


def _show_ledger(out: Console, ledger: Mapping[str, int]) -> None:
    table = _table("Ledger", "", "ticks", "share", "")
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
    first = max(len("symbol"), *(len(_shown(name)) for name, _ in shown)) + 2
    for columns in _fitting(cells, out.width - first):
        table = _table("Last rows" if columns[0] == run.columns[0] else "", "symbol", *columns)
        for place, (name, _) in enumerate(shown):
            table.add_row(_shown(name), *(cells[column][place] for column in columns))
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


# ---- journals -------------------------------------------------------------------------------------


def show_journal(found: Inspection) -> None:
    """The files of a journal."""
    out = _out()
    out.print(f"[bold]{_shown(found.folder)}[/bold]", soft_wrap=True)
    table = _table("Segments", "file", "size", "first record", "synced to", "header")
    for one in found.segments:
        synced = count(one["synced_sequence"]) if one["synced_sequence"] else "?"
        table.add_row(one["file"], size(one["bytes"]), count(one["first"]), synced, one["header"])
    out.print(table, "")
    _show_snapshots(out, found.snapshots)


def _show_snapshots(out: Console, snapshots: Sequence[Mapping[str, Any]]) -> None:
    table = _table("Snapshots", "file", "size", "sequence", "")
    table.columns[3].justify, table.columns[3].no_wrap = "left", False
    for one in snapshots:
        table.add_row(
            one["file"], size(one["bytes"]), count(one["sequence"]), _shown(one["error"] or "sound")
        )
    out.print(table, "")


def show_verdict(verdict: Verdict) -> None:
    """What reading a whole journal has shown."""
    out = _out()
    kinds = ", ".join(f"{count(number)} {kind}" for kind, number in verdict.kinds.items()) or "none"
    out.print(f"[bold]{_shown(verdict.folder)}[/bold]", soft_wrap=True)
    out.print(f"{count(verdict.records)} records up to {count(verdict.last)}: {kinds}\n", soft_wrap=True)
    _show_snapshots(out, verdict.snapshots)
    for one in verdict.damage:
        out.print(f"[red]{_shown(one['text'])}[/red]", soft_wrap=True)
    if verdict.torn_bytes:
        out.print(
            f"the end is torn: {count(verdict.torn_bytes)} bytes that were never acknowledged as synced"
        )
    out.print("[green]sound[/green]" if verdict.sound else "[red]not sound[/red]")


def show_records(records: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Records as they come, each in a line: its sequence, its kind, and its fields."""
    for record in records:
        if as_json:
            sys.stdout.write(json.dumps(_finite(record), allow_nan=False, ensure_ascii=False) + "\n")
            continue
        fields = {name: value for name, value in record.items() if name not in ("sequence", "kind")}
        told = fields.pop("text", "") if record["kind"] in ("damage", "note") else ""
        line = [str(record.get("sequence", "-")), record["kind"]]
        if record["kind"] != "damage":
            line += [f"{name}={value}" for name, value in fields.items()]
        sys.stdout.write(" ".join([*line, *([told] if told else [])]) + "\n")


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity: they are told as text."""
    return {
        name: str(value) if isinstance(value, float) and not isfinite(value) else value
        for name, value in record.items()
    }


def show_backfill(done: Backfill) -> None:
    """What a backfill has done."""
    out = _out()
    received = done.ledger["received"]
    before = f", {count(done.resumed)} steps of them before" if done.resumed else ""
    out.print(
        f"{count(received)} ticks of {count(done.files)} files in {count(done.partitions)} parts{before}, "
        f"in {done.seconds:.2f} s\n",
        soft_wrap=True,
    )
    _show_ledger(out, done.ledger)
    out.print(f"rows: {_shown(str(done.folder))}", soft_wrap=True)


# ---- catalogue and doctor -------------------------------------------------------------------------


def show_indicators(rows: Sequence[Mapping[str, Any]]) -> None:
    """The catalogue as a table."""
    table = _table("", "name", "inputs", "parameters", "what it is", left=4)
    table.columns[2].no_wrap = table.columns[3].no_wrap = False
    for row in rows:
        parameters = ", ".join(f"{p['name']}={p['default']}" for p in row["params"])
        table.add_row(row["name"], ", ".join(row["inputs"]), parameters, _shown(str(row["doc"])))
    out = _out()
    out.print(table)
    out.print(f"\n[dim]{len(rows)} indicators; `fastcore indicators NAME` tells all about one[/dim]")


def show_indicator(row: Mapping[str, Any], example: str) -> None:
    """Everything about one indicator."""
    out = _out()
    out.print(f"[bold]{row['name']}[/bold]  {_shown(str(row['doc']))}\n")
    out.print(f"[dim]formula[/dim]  {_shown(str(row['formula']))}")
    out.print(f"[dim]source[/dim]   {_shown(str(row['source']))}")
    out.print(f"[dim]inputs[/dim]   {', '.join(row['inputs'])}")
    outputs = ", ".join(f"{output['name']} ({output['role']})" for output in row["outputs"])
    out.print(f"[dim]outputs[/dim]  {outputs}\n")
    if row["params"]:
        table = _table("Parameters", "name", "type", "default", "range", "meaning", left=2)
        table.columns[4].justify, table.columns[4].no_wrap = "left", False
        for p in row["params"]:
            table.add_row(
                p["name"],
                str(p["type"]),
                str(p["default"]),
                f"{p['min']:,} to {p['max']:,}",
                _shown(str(p["doc"])),
            )
        out.print(table, "")
    out.print("[bold]Example[/bold]")
    out.print(markup.escape(example))


def show_doctor(findings: Sequence[Finding]) -> None:
    """One line per finding, and the advice below those that need it."""
    out = _out()
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    wide = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = f"[{colours[finding.status]}]{finding.status:<4}[/]"
        out.print(f"{mark}  {finding.name:<{wide}}  {_shown(finding.detail)}", soft_wrap=True)
        if finding.advice:
            out.print(f"{'':6}{'':{wide}}  [dim]{_shown(finding.advice)}[/dim]", soft_wrap=True)


# ---- shared memory --------------------------------------------------------------------------------


def show_segments(found: Sequence[Mapping[str, Any]]) -> None:
    """One line for each segment: whether it has a writer, how far that is, and when it last wrote."""
    out = _out()
    if not found:
        out.print("there are no segments")
        return
    table = _table("", "name", "state", "writer", "messages", "slots", "rows", "size", "last sign", left=3)
    for one in found:
        if one["state"] == "unreadable":
            table.add_row(_shown(one["name"]), "[red]unreadable[/red]", "", "", "", "", "", "")
        else:
            table.add_row(_shown(one["name"]), one["state"], _writer(one), *_figures(one))
    out.print(table)
    for one in found:
        if "reason" in one:
            out.print(f"[red]{_shown(one['reason'])}[/red]", soft_wrap=True)


def _writer(one: Mapping[str, Any]) -> str:
    return f"{one['writer']}" if one["alive"] else f"[yellow]{one['writer']} is gone[/yellow]"


def _figures(one: Mapping[str, Any]) -> list[str]:
    ago = f"{duration(one['age'] * 1e9)} ago"
    return [*(count(one[key]) for key in ("sequence", "capacity", "rows")), size(one["bytes"]), ago]


def show_segment(one: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> None:
    """All about one segment, with its newest messages."""
    out = _out()
    show_segments([one])
    fields = ", ".join(f"{name} {kind}".strip() for name, kind in one["fields"].items())
    out.print(f"\n[dim]fields[/dim]   {_shown(fields)}", soft_wrap=True)
    out.print(f"[dim]message[/dim]  {count(one['message_bytes'])} bytes; the oldest: {count(one['oldest'])}")
    out.print(f"[dim]writers[/dim]  {one['epoch']} so far")
    if one["names"]:
        out.print(f"[dim]rows[/dim]     {_shown(', '.join(one['names']))}", soft_wrap=True)
    if messages:
        table = _table("Newest messages", *messages[0])
        for message in messages:
            table.add_row(*(_shown(MISSING if value is None else str(value)) for value in message.values()))
        out.print("", table)


# ---- the database ---------------------------------------------------------------------------------


def show_database(about: Mapping[str, Any]) -> None:
    """A database as a whole, its tables, and what should be done about them."""
    out = _out()
    revision = about["revision"] or "no tables"
    out.print(f"[bold]{_shown(about['url'])}[/bold]  {about['kind']} {about['version']}, revision {revision}")
    line = f"[dim]size[/dim] {size(about['bytes'])}"
    if "connections" in about:
        hits = MISSING if about["hit_ratio"] is None else f"{about['hit_ratio']:.1%}"
        line += f"  [dim]connections[/dim] {about['connections']} of {about['max_connections']}"
        line += f"  [dim]read from memory[/dim] {hits}"
    else:
        line += f"  [dim]free[/dim] {size(about['free_bytes'])}  [dim]journal[/dim] {about['journal_mode']}"
    out.print(line)
    sizes = {"bytes": "size", "index_bytes": "indexes"}
    keys = [key for key in about["tables"][0] if key != "name"] if about["tables"] else []
    table = _table("", "table", *(sizes.get(key, key.replace("_", " ")) for key in keys))
    for one in about["tables"]:
        figures = (size(one[key]) if key in sizes else count(one[key]) for key in keys)
        table.add_row(_shown(one["name"]), *figures)
    out.print(table)
    for sentence in about["pool"]["advice"]:
        out.print(f"[yellow]{_shown(sentence)}[/yellow]", soft_wrap=True)
    _show_advice(about["advice"])


def _show_advice(advice: Sequence[Mapping[str, Any]]) -> None:
    for one in advice:
        _out().print(f"[yellow]{_shown(one['sentence'])}[/yellow]", soft_wrap=True)
        _out().print(f"  {_shown(one['statement'])}", soft_wrap=True)


def show_plan(about: Mapping[str, Any]) -> None:
    """A plan, a line for each step, and advice."""
    for line in about["lines"]:
        _out().print(_shown(line), soft_wrap=True)
    _show_advice(about["advice"])


def show_slow(found: Sequence[Mapping[str, Any]]) -> None:
    """Statements, those that took most time first; what is known of where they come from below each."""
    out = _out()
    if not found:
        out.print("nothing was slow")
    for one in found:
        times = f"{count(one['calls'])} calls, {duration(one['total_ns'])} in all"
        times += f", {duration(one['mean_ns'])} each, {duration(one['max_ns'])} at most"
        out.print(f"[bold]{times}[/bold]")
        out.print(f"  {_shown(one['statement'])}", soft_wrap=True)
        if "site" in one:
            out.print(f"  [dim]{_shown(one['site'])}[/dim]", soft_wrap=True)
        for line in one.get("plan") or ():
            out.print(f"    [dim]{_shown(line)}[/dim]", soft_wrap=True)
