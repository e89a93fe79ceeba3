"""The report of a run: one HTML file that needs nothing else, written for someone new to fastcore.

No script, no font, no address: it can be mailed, archived and printed. It follows the reader's
choice of light or dark.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from fastcore import _report_plots as plots
from fastcore._replacing import replace_file
from fastcore._report_page import PAGE, STYLE
from fastcore._units import MISSING, count, duration, number, rate, share, size
from fastcore.results import BUCKETS, LATENCY_HEAD, STAGES, RunResult, latency_cells

__all__ = ["write_report"]

MOST_SYMBOLS = 10  # in the table; the rest is counted


def write_report(path: str | os.PathLike[str], run: RunResult) -> Path:
    """Write the report of a run.

    Parameters
    ----------
    path : path
        Where; an older file of that name is replaced, in one step. A pipe or a device is written to.
    run : RunResult
        From `fastcore.jobs.run_demo` or `fastcore.jobs.replay`. Sections for which it holds nothing
        are left out.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OSError
        If the file cannot be written, or is a folder.
    """
    target = Path(path)
    replace_file(target, render(run).encode())
    return target


def render(run: RunResult) -> str:
    """The report as HTML text."""
    sections = [_latency(run), _throughput(run), _ledger(run), _close_up(run), _symbols(run), _machine(run)]
    return PAGE.format(
        style=STYLE,
        title=escape(f"fastcore: {run.source}"),
        source=escape(run.source),
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        lead=_lead(run),
        tiles=_tiles(run),
        sections="\n".join(section for section in sections if section),
    )


def _section(title: str, about: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{about}</p>{body}</section>"


def _figure(svg: str) -> str:
    return f'<figure class="plot">{svg}</figure>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str) -> str:
    top = "".join(f"<th scope=col>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _lead(run: RunResult) -> str:
    received, used = run.ledger["received"], run.ledger["accepted"] + run.ledger["late_accepted"]
    left = received - used
    text = (
        f"{count(received)} ticks went in. {count(used)} of them were good, and each brought all "
        f"{len(run.columns)} outputs of its symbol up to date at once. "
    )
    text += f"{count(left)} were not usable; they changed nothing and were counted. " if left else ""
    python = run.latency_ns.get("on_tick_from_python")
    if python:
        text += (
            f"Called from Python tick by tick, half of the calls were done within "
            f"{_tight(duration(python['p50']))}, and 999 of 1,000 within {_tight(duration(python['p99.9']))}."
        )
    return text


def _tiles(run: RunResult) -> str:
    tiles = [(rate(run.engine_ticks_per_second), "through the engine, in batches")]
    python = run.latency_ns.get("on_tick_from_python")
    if python:
        tiles.append((duration(python["p50"]), "for one call from Python, typically"))
    total = sum(value for name, value in run.ledger.items() if name != "received")
    whole = total == run.ledger["received"]
    tiles.append(
        (
            share(total, run.ledger["received"]),
            "of the ticks accounted for" + ("" if whole else ": some are missing"),
        )
    )
    tiles.append((size(run.memory_bytes), f"of engine state for {_many(len(run.symbols), 'symbol')}"))
    return "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in tiles)


def _tight(text: str) -> str:
    """A number that stays on one line with its unit."""
    return text.replace(" ", "&nbsp;")


def _many(n: int, thing: str) -> str:
    return f"{count(n)} {thing}{'' if n == 1 else 's'}"


def _latency(run: RunResult) -> str:
    shown = {stage: run.latency_ns[stage] for stage in STAGES if run.latency_ns.get(stage, {}).get("count")}
    if not shown:
        return ""
    head = ["", "ticks timed", *LATENCY_HEAD]
    rows = [[STAGES[stage], count(ns["count"]), *latency_cells(ns)] for stage, ns in shown.items()]
    drawn = {"on_ticks", "on_tick_from_python"} & shown.keys()
    about = (
        "How long one call takes, from the typical one on the left to the slowest on the right; each step "
        "to the right leaves out ten times fewer calls. p99.9 is the time that 999 of 1,000 calls keep. All "
        "include reading the clock, and what Python sees also the call itself; the worst are mostly the "
        "system giving the processor to someone else. The engine timed one tick in "
        f"{run.latency_sampling}, Python each one."
    )
    return _section(
        "Latency", about, (_figure(plots.latency(run)) if drawn else "") + _table(head, rows, "numbers")
    )


def _throughput(run: RunResult) -> str:
    if not run.pace:
        return ""
    about = (
        "Every dot is one batch. Most went to the engine in one call; every eighth was fed tick by tick, as "
        "a live trading loop would. A level line says that ticks cost the same however many came before. End "
        f"to end, with making the ticks and keeping what is shown here: {_tight(rate(run.ticks_per_second))}."
    )
    return _section("Throughput", about, _figure(plots.throughput(run)))


def _ledger(run: RunResult) -> str:
    received = run.ledger["received"]
    rows = []
    for name, value in run.ledger.items():
        if name != "received":
            width = 100 * value / received if received else 0
            bar = f'<i class="bar" style="width:{width:.3f}%"></i>' if value else ""
            meaning = escape(BUCKETS.get(name, ""))
            cells = [name.replace("_", " "), count(value), share(value, received), bar, meaning]
            rows.append(cells if value else [f"<span>{cell}</span>" for cell in cells])
    total = sum(value for name, value in run.ledger.items() if name != "received")
    verdict = "equal to" if total == received else "NOT equal to"
    rows.append(["<b>sum</b>", f"<b>{count(total)}</b>", "", "", f"{verdict} the {count(received)} received"])
    about = "Every tick ends in exactly one of these. None is dropped without being counted."
    return _section("Ledger", about, _table(["", "ticks", "share", "", "what it means"], rows, "ledger"))


def _close_up(run: RunResult) -> str:
    windows = [window for window in run.windows if len(window.price) > 1]
    if not windows:
        return ""
    about = (
        "The last ticks of the busiest symbols. Thin: the price of each tick. Blue: the mean of the last 20, "
        "in its band of two standard deviations. Below, RSI over 14 ticks, with its customary marks at 30 "
        "and 70."
    )
    return _section("Close-up", about, _figure(plots.close_up(windows)))


def _symbols(run: RunResult) -> str:
    """One column per symbol: ten of them fit a page, where ten rows of fourteen outputs do not."""
    busiest = sorted(run.symbols.items(), key=lambda item: -item[1].ledger["received"])
    shown = [result for _, result in busiest[:MOST_SYMBOLS]]
    if not shown:
        return ""
    rows = [["ticks", *(count(result.ledger["received"]) for result in shown)]]
    if any(result.path for result in shown):
        rows.append(["price over the run", *(plots.sparkline(result.path) for result in shown)])
        rows.append(
            ["last price", *(number(result.path[-1]) if result.path else MISSING for result in shown)]
        )
    rows += [[escape(name), *(number(result.row[name], 5) for result in shown)] for name in run.columns]
    head = ["", *(escape(name).replace(":", ":<wbr>") for name, _ in busiest[:MOST_SYMBOLS])]
    about = "What every indicator said after the last tick."
    if len(busiest) > MOST_SYMBOLS:
        about += f" These are the {MOST_SYMBOLS} busiest of {count(len(busiest))} symbols."
    return _section("Last rows", about, _table(head, rows, "numbers wide"))


def _machine(run: RunResult) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in run.machine.items())
    return _section("Measured on", "Times hold for this machine, while this was running.", f"<dl>{rows}</dl>")
