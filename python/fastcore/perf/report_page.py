"""The report as a page: for someone who has read no documentation. No script, no font, no address."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fastcore._report_page import STYLE
from fastcore._units import count, duration, rate, size
from fastcore.perf.flame import flame_svg
from fastcore.perf.profiles import Frame, Profile

__all__ = ["differences", "page"]

_W, _H = 900, 150

#: Changes of a latency or a value that are not worth a row.
_LEAST = 0.05


def page(report: Mapping[str, Any], against: Mapping[str, Any] | None = None) -> str:
    """The report as HTML."""
    sections = [
        _differences(report, against) if against is not None else "",
        _findings(report),
        _objectives(report),
        _latency(report),
        _timelines(report),
        _profile(report, against),
        _capacity(report),
        _trials(report),
        _values(report),
        _own_cost(report),
    ]
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report["at"]))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report['title'])}: performance</title><style>{STYLE}</style></head><body><main>"
        f'<header><p class="over">fastcore performance report</p><h1>{escape(report["title"])}</h1>'
        f'<p class="lead">{_lead(report)}</p></header>'
        + "".join(sections)
        + f"<footer>{when}, of {duration(report['seconds'] * 1e9)}. This file is complete: it loads nothing."
        "</footer></main></body></html>"
    )


def _section(title: str, about: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{about}</p>{body}</section>" if body else ""


def _table(head: Iterable[str], rows: Sequence[Sequence[str]], kind: str = "numbers") -> str:
    if not rows:
        return ""
    top = "".join(f"<th scope=col>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _lead(report: Mapping[str, Any]) -> str:
    firing = [one for one in report["alerts"]["active"] if one["state"] == "firing"]
    missed = [one for one in report["objectives"] if one["met"] is False]
    found = report["findings"]
    if not firing and not missed and not found:
        return "All is well: no objective is missed, no alert fires, and nothing costs more than it should."
    parts = []
    if missed:
        parts.append(f"{_many(len(missed), 'objective')} missed: {_names(missed)}.")
    if firing:
        parts.append(f"{_many(len(firing), 'alert')} firing: {_names(firing)}.")
    if found:
        parts.append(f"What costs most: {escape(found[0]['sentence'])}.")
    return " ".join(parts)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{' is' if number == 1 else 's are'}"


def _names(rows: Iterable[Mapping[str, Any]]) -> str:
    return escape(", ".join(row["name"] for row in rows))


def _findings(report: Mapping[str, Any]) -> str:
    rows = [
        [f"<b>{escape(one['kind'])}</b>", escape(one["sentence"]), escape("; ".join(one["details"][:3]))]
        for one in report["findings"]
    ]
    about = "What was seen to cost more than it should, the costliest first, with what to try."
    return _section("Bottlenecks", about, _table(("what", "finding", "seen"), rows, "ledger"))


def _objectives(report: Mapping[str, Any]) -> str:
    rows = []
    for one in report["objectives"]:
        if one["met"] is None:
            continue
        rows.append(
            [
                escape(one["name"]),
                f"{one['percentile']:g} of 100 within {duration(one['threshold'] * 1e9)}",
                duration(one["seconds"] * 1e9),
                f"{one['slow']:.2%}",
                "yes" if one["met"] else "<b>no</b>",
                f"{one['budget_left']:.0%}",
            ]
        )
    about = "What is wanted of each operation, and what it was over its last window. The budget is what is "
    about += "left of the day's calls that may be slow."
    head = ("operation", "wanted", "it was", "slow calls", "met", "budget left")
    return _section("Objectives", about, _table(head, rows))


def _latency(report: Mapping[str, Any]) -> str:
    head = ("", "count", "mean", "p50", "p95", "p99", "p99.9", "max")
    rows = [
        [
            escape(name.removeprefix("fastcore_")),
            count(one["count"]),
            *(duration(one[part] * 1e9) for part in head[2:]),
        ]
        for name, one in report["latency"].items()
    ]
    about = (
        "How long things take, since the start. p99 is the time that 99 of 100 keep; response is what a tick "
    )
    about += "waits from when it came until everyone has been given what came of it."
    return _section("Latency", about, _table(head, rows))


def _timelines(report: Mapping[str, Any]) -> str:
    units = {
        "ticks per second": rate,
        "processor": lambda x: f"{x:.0%}",
        "memory": lambda x: size(int(x)),
        "response p95": lambda x: duration(x * 1e9),
    }
    drawn = "".join(
        f"<h3>{escape(name)}</h3>" + _line(points, units.get(name, str))
        for name, points in report["timeline"].items()
    )
    return _section("Over time", "Each moment is the largest of those it stands for.", drawn)


def _line(points: Sequence[Sequence[float]], text: Any) -> str:
    """One line over time, from zero up."""
    times = [point[0] for point in points]
    top = max(max(point[1] for point in points), 1e-300)
    span = max(times[-1] - times[0], 1e-9)
    places = " ".join(
        f"{(at - times[0]) / span * _W:.1f},{_H - max(value, 0.0) / top * (_H - 10):.1f}"
        for at, value in points
    )
    clock = [time.strftime("%H:%M:%S", time.gmtime(at)) for at in (times[0], times[-1])]
    return (
        f'<figure class="plot"><svg viewBox="0 0 {_W + 90} {_H + 22}" font-size="12">'
        f'<path d="M0 {_H}H{_W}" stroke="var(--rule)"/>'
        f'<polyline points="{places}" fill="none" stroke="var(--blue)" stroke-width="1.5"/>'
        f'<text x="{_W + 6}" y="14" fill="var(--ink)">{escape(text(top))}</text>'
        f'<text x="0" y="{_H + 16}" fill="var(--muted)">{clock[0]}</text>'
        f'<text x="{_W}" y="{_H + 16}" fill="var(--muted)" text-anchor="end">{clock[1]}</text></svg></figure>'
    )


def _profile(report: Mapping[str, Any], against: Mapping[str, Any] | None) -> str:
    if not report["profile"] or not report["profile"]["stacks"]:
        return ""
    before = None if against is None or not against["profile"] else _stacks(against["profile"])
    svg = flame_svg(_stacks(report["profile"]), before=before)
    rows = [[f"{own:.1%}", f"{total:.1%}", escape(line)] for line, own, total in report["profile"]["lines"]]
    about = "Where Python's time goes. A frame stands on the one that called it and is as wide as the time "
    about += "in it; hold the pointer over one to read it."
    about += "" if before is None else " Orange has grown, blue has shrunk."
    return _section(
        "Profile",
        about,
        f'<figure class="plot">{svg}</figure>' + _table(("itself", "with calls", "line"), rows),
    )


def _stacks(profile: Mapping[str, Any]) -> Profile:
    return Profile(
        {tuple(Frame(*frame) for frame in stack): (wall, cpu) for stack, wall, cpu in profile["stacks"]}
    )


def _capacity(report: Mapping[str, Any]) -> str:
    found = report["capacity"]
    if not found:
        return ""
    body = (
        f"<p>Now: {rate(found['ticks_per_second'])}, the loop busy {found['busy']:.1%} of the time, "
        f"the process {found['processor']:.1%} of one processor. At that price it could take about "
        f"<b>{rate(found['most'])}</b> before it is 80% busy.</p>"
    )
    return _section(
        "Capacity", "A straight line through the last minute: trust it for twice the load, not more.", body
    )


def _trials(report: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(one["knob"]),
            f"{one['before']:g}",
            f"{one['after']:g}",
            "" if math.isnan(one["ratio"]) else f"{one['ratio'] - 1:+.1%}",
            escape(one["verdict"]),
            escape(one["why"]),
        ]
        for one in report["trials"]
    ]
    head = ("knob", "was", "tried", "measured", "verdict", "why")
    return _section(
        "Tuning", "Every setting that was tried, and why it stayed or went.", _table(head, rows, "ledger")
    )


def _values(report: Mapping[str, Any]) -> str:
    rows = [
        [escape(name.removeprefix("fastcore_")), f"{value:,.6g}"] for name, value in report["values"].items()
    ]
    body = f"<details><summary>{len(rows)} values</summary>{_table(('metric', 'value'), rows)}</details>"
    return _section("Counts", "All that is counted: ticks, queues, sinks, cache, database, process.", body)


def _own_cost(report: Mapping[str, Any]) -> str:
    cost = report["cost"]
    body = (
        f"<p>Watching took {cost['monitor']:.2%} of one processor, profiling {cost['profiler']:.2%} at "
        f"{cost['samples_per_second']:g} samples a second.</p>"
    )
    return _section("What this costs", "The service measures itself, too.", body)


def differences(report: Mapping[str, Any], against: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Percentiles, rates and values that differ by more than 5 %: name, before, now; the largest first."""
    found: dict[str, tuple[float, float]] = {}
    for name, one in report["latency"].items():
        old = against["latency"].get(name)
        if old is not None:
            for part in ("p50", "p95", "p99"):
                found[f"{name} {part}"] = (old[part], one[part])
    for name in ("ticks_per_second", "busy", "processor", "most"):
        if name in report["capacity"] and name in against["capacity"]:
            found[f"capacity {name}"] = (against["capacity"][name], report["capacity"][name])
    name = "fastcore_resident_bytes"
    if name in report["values"] and name in against["values"]:
        found[name] = (against["values"][name], report["values"][name])
    changed = [
        (name, old, new) for name, (old, new) in found.items() if old > 0 and abs(new / old - 1) > _LEAST
    ]
    return sorted(changed, key=lambda row: -abs(math.log(max(row[2], 1e-300) / row[1])))


def _differences(report: Mapping[str, Any], against: Mapping[str, Any]) -> str:
    rows = [
        [escape(name.removeprefix("fastcore_")), f"{old:.4g}", f"{new:.4g}", f"{new / old - 1:+.0%}"]
        for name, old, new in differences(report, against)
    ]
    about = f"This report beside {escape(against['title'])}: what differs by more than 5%, the largest first."
    return _section("What differs", about, _table(("", "before", "now", ""), rows) or "<p>Nothing.</p>")
