"""What watches over a service: all of `fastcore.perf` around its loop, and what the service itself counts."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcore.errors import ConfigError
from fastcore.perf.history import History
from fastcore.perf.knobs import collector_knobs, loop_knobs, profiler_knobs
from fastcore.perf.live import LiveTuner
from fastcore.perf.profiler import IDLE
from fastcore.perf.profiles import Change, Profile
from fastcore.perf.rules import load, presets
from fastcore.perf.samples import Sample
from fastcore.perf.watch import Watch

if TYPE_CHECKING:
    from fastcore.serve.service import Service

__all__ = ["Observer"]

RULES = "rules.toml"
TRIALS = "trials.jsonl"
_REPORTS = 16  # that are kept


class Observer:
    """Metrics, monitor, profiler, bottlenecks, memory, scaling, tuner and reports of a service.

    Parameters
    ----------
    service : Service
        In whose folder `rules.toml` has objectives, rules and receivers; without one the presets hold.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        data = service.settings.data
        rules = Path(data) / RULES if data is not None else None
        try:
            found = load(rules) if rules is not None and rules.exists() else presets()
        except OSError as error:
            raise ConfigError(f"{rules} cannot be read: {error}") from error
        self.watch = Watch(service.loop, rules=found, page=service.settings.page or None)
        self.metrics, self.monitor = self.watch.metrics, self.watch.monitor
        self.profiler = self.watch.profiler
        self.metrics.add(self._samples)
        self.api = self.metrics.operation("api")
        self.webhook = self.metrics.operation("webhook")
        self.monitor.watchers.append(self._told)
        self.tuner = LiveTuner(
            self.monitor.history,
            [*loop_knobs(service.loop), *collector_knobs(), *profiler_knobs(self.profiler)],
            objectives=lambda: {one["name"] for one in self.objectives() if one["met"] is False},
            file=None if data is None else Path(data) / TRIALS,
        )
        self.reports: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._numbers = itertools.count(1)
        self._here: asyncio.AbstractEventLoop | None = None
        self._shown: set[str] = set()

    def start(self) -> None:
        """Begin to watch; called within the event loop."""
        self._here = asyncio.get_running_loop()
        self.tuner.within(self._here)
        self.watch.start()

    def stop(self) -> None:
        """Watch no more. It may take a moment: what is still to be told is let out."""
        self.tuner.stop()
        self.watch.stop()

    # ---- what it knows ----

    def folded(self, seconds: float) -> tuple[int, dict[str, int]]:
        """Samples, and the milliseconds of each stack of the last seconds, without those that only wait."""
        profile = self._profile(time.time() - seconds)
        stacks = {
            ";".join(str(frame).replace(";", ":") for frame in stack): round(spent * 1e3)
            for stack, spent in profile.weights().items()
        }
        return self.profiler.samples, {stack: count for stack, count in stacks.items() if count}

    def changes(self, seconds: float) -> list[Change]:
        """What the last seconds have more or less of in the profile than what came before, most first."""
        now = time.time()
        return self._profile(now - seconds).changes(self._profile(0.0, now - seconds))

    def objectives(self) -> list[dict[str, Any]]:
        """Where the objectives stand."""
        return list(self.monitor.rules.status(self.monitor.history))

    def report(self) -> str:
        """Make a report of now, and keep it; its name."""
        self.monitor.step()
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{next(self._numbers)}"
        self.reports[name] = self.watch.report(f"fastcore at {self._service.url}", self.tuner.tuner)
        while len(self.reports) > _REPORTS:
            self.reports.popitem(last=False)
        return name

    def _profile(self, start: float = 0.0, end: float = float("inf")) -> Profile:
        return self.profiler.window(start, end).without(IDLE)

    # ---- for others ----

    def _told(self, history: History) -> None:
        """In the monitor's thread: what fires now goes to the board, which lives in the event loop."""
        active = {
            alert.rule.name + "".join(f" {value}" for value in alert.labels.values()): alert
            for alert in self.monitor.alerts.active
            if alert.state == "firing"
        }
        found = {name: (alert.summary, alert.rule.severity) for name, alert in active.items()}
        assert self._here is not None
        if not self._here.is_closed():
            self._here.call_soon_threadsafe(self._show, found)

    def _show(self, found: dict[str, tuple[str, str]]) -> None:
        board = self._service.board
        for name, (text, severity) in found.items():
            board.fire(name, text, severity)
        for name in self._shown - found.keys():
            board.resolve(name)
        self._shown = set(found)

    def _samples(self) -> Iterator[Sample]:
        """What the service itself counts; may be read from any thread."""
        service = self._service
        guard = service.guard
        if guard is not None:
            for (method, status), count in list(guard.requests.items()):
                labels = {"method": method, "status": str(status)}
                yield Sample("fastcore_http_requests_total", "counter", "Requests answered.", count, labels)
            yield Sample("fastcore_http_open", "gauge", "Requests and WebSockets under way.", guard.open)
        streams = service.streams.counts()
        yield Sample(
            "fastcore_stream_subscribers", "gauge", "Who follows the stream.", streams["subscribers"]
        )
        yield Sample("fastcore_stream_channels", "gauge", "What they share.", streams["channels"])
        waiting = service.ingest.waiting
        yield Sample("fastcore_ingest_waiting", "gauge", "Ticks that clients sent and wait.", waiting)
        yield Sample(
            "fastcore_queue_share",
            "gauge",
            "How full a queue is, 0 to 1.",
            waiting / service.settings.waiting,
            {"kind": "feed", "queue": "clients"},
        )
        reasons = service.reasons()
        yield Sample("fastcore_ready", "gauge", "1 where requests should come here.", 0 if reasons else 1)
        if service.hooks is not None:
            for state, count in service.hooks.counts().items():
                yield Sample("fastcore_webhooks", "gauge", "Webhooks by state.", count, {"state": state})
