"""`fastcore alerts`: rules checked, shown, written for Prometheus, tried out; `fastcore report`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fastcore import console
from fastcore.errors import FastcoreError

__all__ = ["alerts_app", "profile_command", "report_command", "stages_command"]

alerts_app = typer.Typer(
    name="alerts",
    help="Look after the rules of objectives and alerts.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Rules = Annotated[Path | None, typer.Argument(help="The rules file, TOML; by default the presets.")]


@alerts_app.command("presets")
def presets_command() -> None:
    """Print the rules that hold by default: a file to begin with."""
    from fastcore.perf.presets import PRESETS

    typer.echo(PRESETS, nl=False)


@alerts_app.command("check")
def check_command(file: Rules = None, as_json: Json = False) -> None:
    """Check a rules file, and list what it says."""
    from fastcore.perf.receivers import receiver_of
    from fastcore.perf.rules import load, presets

    rules = presets() if file is None else load(file)
    receivers = [receiver_of(table) for table in rules.receivers]
    rows = [
        {
            "name": rule.name,
            "severity": rule.severity,
            "when": f"{'above' if rule.above else 'below'} {rule.limit:g}",
            "for": rule.hold,
            "query": rule.expression.promql(),
        }
        for rule in rules.all_rules()
    ]
    if as_json:
        console.show_json({"rules": rows, "receivers": [receiver.name for receiver in receivers]})
        return
    for row in rows:
        typer.echo(f"{row['severity']:8} {row['name']}: {row['query']} {row['when']} for {row['for']:g} s")
    typer.echo(f"{len(rows)} rules, {len(receivers)} receivers")


@alerts_app.command("prometheus")
def prometheus_command(file: Rules = None) -> None:
    """Print the same rules for Prometheus."""
    from fastcore.perf.prometheus_rules import prometheus_rules
    from fastcore.perf.rules import load, presets

    typer.echo(prometheus_rules(presets() if file is None else load(file)), nl=False)


@alerts_app.command("test")
def test_command(file: Rules = None) -> None:
    """Send one alert to each receiver of a rules file, and say what became of it."""
    from fastcore.perf.alerts import Notification
    from fastcore.perf.receivers import receiver_of
    from fastcore.perf.rules import load, presets

    rules = presets() if file is None else load(file)
    now = time.time()
    alert = {
        "id": "00000000",
        "name": "Test",
        "state": "firing",
        "severity": "info",
        "labels": {},
        "value": 0.0,
        "summary": "this is a test: nothing is wrong",
        "since": now,
        "fired": now,
        "ended": 0.0,
    }
    wrong = 0
    for table in rules.receivers:
        receiver = receiver_of(table)
        try:
            receiver.send(Notification("test", now, (alert,)))
        except Exception as error:  # each is tried
            wrong += 1
            typer.echo(f"{receiver.name}: {type(error).__name__}: {error}")
        else:
            typer.echo(f"{receiver.name}: it has it")
    if wrong:
        raise FastcoreError(f"{wrong} of {len(rules.receivers)} receivers did not take the test alert")


def report_command(
    file: Annotated[
        Path | None, typer.Argument(help="A report as JSON; without one, a watched demo market is run.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another report as JSON, to say what differs from it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where it goes: .html or .json.")] = Path("fastcore-perf.html"),
    ticks: Annotated[int, typer.Option(min=1, help="Length of the demo market.")] = 1_000_000,
    title: Annotated[str, typer.Option(help="Of the report.")] = "",
    as_json: Json = False,
) -> None:
    """Write a performance report: objectives, latencies, profile, bottlenecks, memory, capacity."""
    from fastcore.perf.reports import load_report, write_report

    other = None if against is None else load_report(against)
    report = load_report(file) if file is not None else _demo_report(ticks, title or f"{ticks:,} demo ticks")
    written = write_report(out, report, other)
    if as_json:
        console.show_json({"report": str(written), "findings": report["findings"]})
        return
    for finding in report["findings"]:
        typer.echo(finding["sentence"])
    console.note(f"report: {written}")


def _demo_report(ticks: int, title: str) -> dict[str, Any]:
    """A demo market through the default indicators, watched."""
    import asyncio

    import fastcore
    from fastcore.config import default_plan
    from fastcore.feeds.demo import demo_market
    from fastcore.perf.watch import Watch

    loop = fastcore.TickLoop(fastcore.Engine(default_plan()), demo_market(ticks=ticks))
    with Watch(loop) as watch:
        asyncio.run(loop.run())
    return watch.report(title)


def profile_command(
    pid: Annotated[int, typer.Argument(help="The process.")],
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="For how long.")] = 10.0,
    out: Annotated[
        Path, typer.Option(help="Where it goes: .html, .svg, .json for speedscope, else collapsed.")
    ] = Path("fastcore-profile.html"),
    native: Annotated[bool, typer.Option(help="With frames of C and C++.")] = False,
    as_json: Json = False,
) -> None:
    """Look into a running Python process: where its time goes, as a flame graph."""
    from fastcore.perf.spy import spy

    profile = spy(pid, seconds, native=native)
    profile.save(out)
    lines = profile.lines()[:10]
    if as_json:
        console.show_json({"profile": str(out), "lines": [[str(one.frame), one.own] for one in lines]})
        return
    for one in lines:
        typer.echo(str(one))
    console.note(f"profile: {out}")


def stages_command(
    name: Annotated[str | None, typer.Argument(help="Of the page; without one, they are listed.")] = None,
    as_json: Json = False,
) -> None:
    """Read the stages of a running process from its stats page, or of one that was killed."""
    from fastcore.perf.pages import StatsView, page_names

    if name is None:
        names = page_names()
        console.show_json(names) if as_json else typer.echo("\n".join(names) or "no process has a stats page")
        return
    view = StatsView(name)
    found = {
        stage: {"count": one.count, "mean": one.mean, "max": one.max}
        | {f"p{percent:g}": one.percentile(percent) for percent in (50, 95, 99, 99.9)}
        for stage, one in view.read().items()
    }
    if as_json:
        console.show_json({"process": view.pid, "alive": view.alive, "stages": found})
        return
    typer.echo(f"process {view.pid}, which {'runs' if view.alive else 'has ended'}; ns")
    for stage, numbers in found.items():
        typer.echo(f"{stage:28} " + "  ".join(f"{key} {value:,.0f}" for key, value in numbers.items()))
