"""The performance report: all that is known of a process as JSON, and as one HTML file that loads nothing.

`collect` gathers it, `write_report` writes it; beside the report of another time it says what differs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastcore._replacing import replace_file
from fastcore.errors import InputError
from fastcore.perf.bottlenecks import Bottlenecks
from fastcore.perf.history import History
from fastcore.perf.memory import MemoryWatch
from fastcore.perf.monitor import Monitor
from fastcore.perf.profiler import IDLE, Profiler
from fastcore.perf.samples import Distribution, key_text
from fastcore.perf.tuner import Tuner

__all__ = ["collect", "load_report", "write_report"]

VERSION = 1
PERCENTILES = (50, 90, 95, 99, 99.9)
_POINTS = 240  # of a timeline


def collect(
    monitor: Monitor,
    *,
    profiler: Profiler | None = None,
    bottlenecks: Bottlenecks | None = None,
    memory: MemoryWatch | None = None,
    tuner: Tuner | None = None,
    title: str = "fastcore",
    seconds: float = 3600.0,
) -> dict[str, Any]:
    """All that is known of a process, as JSON takes it.

    Parameters
    ----------
    monitor : Monitor
    profiler, bottlenecks, memory, tuner : optional
        What runs beside it.
    title : str
        Of what this is the report.
    seconds : float
        How far back timelines and the profile go.

    Examples
    --------
    >>> from fastcore.perf.metrics import Metrics
    >>> monitor = Monitor(Metrics())
    >>> monitor.step()
    >>> report = collect(monitor, title="example")
    >>> report["title"], report["objectives"][0]["name"]
    ('example', 'api')
    >>> monitor.stop()
    """
    history = monitor.history
    profile = None if profiler is None else profiler.window(history.now - seconds).without(IDLE)
    return {
        "version": VERSION,
        "title": title,
        "at": history.now,
        "seconds": history.now - history.began,
        "objectives": monitor.rules.status(history),
        "alerts": monitor.alerts.to_json(),
        "delivery": monitor.delivery.stats(),
        "latency": _latency(history),
        "values": _values(history),
        "timeline": _timeline(history, seconds),
        "findings": [
            one.to_json() for watch in (bottlenecks, memory) if watch is not None for one in watch.found
        ],
        "profile": None if profile is None else _profile(profile),
        "trials": [] if tuner is None else [_trial(trial) for trial in tuner.trials],
        "capacity": _capacity(history),
        "cost": {
            "monitor": monitor.cost,
            "profiler": 0.0 if profiler is None else profiler.cost,
            "samples_per_second": 0.0 if profiler is None else profiler.current_hz,
        },
    }


def _latency(history: History) -> dict[str, dict[str, float]]:
    """Percentiles in s of every histogram, since the start."""
    found = {}
    for key, last in history.last().items():
        if last.count:
            found[key_text(key)] = {
                "count": last.count,
                "mean": last.mean / 1e9,
                **{f"p{percent:g}": last.percentile(percent) / 1e9 for percent in PERCENTILES},
                "max": last.percentile(100) / 1e9,
            }
    return found


def _values(history: History) -> dict[str, float]:
    return {key_text(key): value for key, value in sorted(history.numbers().items())}


def _timeline(history: History, seconds: float) -> dict[str, Any]:
    """Ticks per second, the response's p95, memory and processor over time."""
    found: dict[str, Any] = {}
    for name, key in (
        ("ticks per second", ("fastcore_ticks_received_total", ())),
        ("processor", ("fastcore_cpu_seconds_total", ())),
    ):
        times, values = history.series(key, seconds)
        if len(times) > 1:
            rates = (values[1:] - values[:-1]) / (times[1:] - times[:-1])
            found[name] = _thinned(list(zip(times[1:].tolist(), rates.tolist(), strict=True)))
    times, values = history.series(("fastcore_resident_bytes", ()), seconds)
    found["memory"] = _thinned(list(zip(times.tolist(), values.tolist(), strict=True)))
    response = ("fastcore_stage_seconds", (("stage", "response"),))
    parts: list[tuple[float, Distribution]] = history.distributions(response, seconds)
    found["response p95"] = _thinned([(at, one.percentile(95) / 1e9) for at, one in parts if one.count])
    return {name: points for name, points in found.items() if len(points) > 1}


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most so many points; of those between, the largest."""
    step = max(1, -(-len(points) // _POINTS))
    return [max(points[i : i + step], key=lambda point: point[1]) for i in range(0, len(points), step)]


def _profile(profile: Any) -> dict[str, Any]:
    stacks = sorted(profile.stacks.items(), key=lambda item: -item[1][0])[:2000]
    return {
        "seconds": profile.seconds(),
        "stacks": [[[list(frame) for frame in stack], wall, cpu] for stack, (wall, cpu) in stacks],
        "lines": [[str(line.frame), line.own, line.total] for line in profile.lines()[:20]],
    }


def _trial(trial: Any) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in type(trial).__slots__}


def _capacity(history: History) -> dict[str, float]:
    """What the loop could take, if what it does goes on to cost what it costs: a straight line, no more."""
    window = min(60.0, history.now - history.began)
    if window <= 0:
        return {}
    ticks = history.rate(("fastcore_ticks_received_total", ()), window)
    busy = 0.0
    for key in history.keys("fastcore_stage_seconds"):
        stage = dict(key[1])["stage"]
        found = history.distribution(key, window)
        if found is not None and (stage == "engine" or stage.startswith("strategy ")):
            busy += found.total / 1e9 / window
    processor = history.rate(("fastcore_cpu_seconds_total", ()), window)
    limit = max(busy, min(1.0, processor))
    if not ticks > 0 or not limit > 0:
        return {}
    return {"ticks_per_second": ticks, "busy": busy, "processor": processor, "most": 0.8 * ticks / limit}


def load_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a report that was written as JSON.

    Raises
    ------
    InputError
        If the file holds none.
    """
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{os.fspath(path)} is no report: {error}") from error
    if not isinstance(report, dict) or report.get("version") != VERSION:
        raise InputError(f"{os.fspath(path)} is no report of version {VERSION}")
    return report


def write_report(
    path: str | os.PathLike[str], report: Mapping[str, Any], against: Mapping[str, Any] | None = None
) -> Path:
    """Write a report: ``.json`` as it is, anything else as HTML.

    Parameters
    ----------
    path : path
    report : mapping
        Of `collect`.
    against : mapping, optional
        An older one, or one of another setting: the page begins with what differs.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from fastcore.perf.report_page import page

    target = Path(path)
    if target.suffix == ".json":
        text = json.dumps({**report, "written": time.time()}, indent=1)
    else:
        text = page(report, against)
    replace_file(target, text.encode())
    return target
