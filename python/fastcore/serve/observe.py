"""What watches over a service: its metrics, the rules they are held to, the profiler that is always on."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcore.errors import ConfigError
from fastcore.perf.history import History
from fastcore.perf.metrics import Metrics
from fastcore.perf.monitor import Monitor
from fastcore.perf.profiler import IDLE, Profiler
from fastcore.perf.rules import load, presets
from fastcore.perf.samples import Sample

if TYPE_CHECKING:
    from fastcore.serve.service import Service

__all__ = ["Observer"]

RULES = "rules.toml"
_FULL = 0.7  # share of one processor at which a further replica is wanted


class Observer:
    """Metrics, monitor and profiler of a service.

    Parameters
    ----------
    service : Service
        In whose folder `rules.toml` has objectives, rules and receivers; without one the presets hold.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.metrics = Metrics()
        self.metrics.watch_loop(service.loop)
        self.metrics.add(self._samples)
        self.api = self.metrics.operation("api")
        self.webhook = self.metrics.operation("webhook")
        data = service.settings.data
        rules = Path(data) / RULES if data is not None else None
        try:
            found = load(rules) if rules is not None and rules.exists() else presets()
        except OSError as error:
            raise ConfigError(f"{rules} cannot be read: {error}") from error
        self.monitor = Monitor(self.metrics, found)
        self.monitor.watchers.append(self._told)
        self.profiler = Profiler()
        self._here: asyncio.AbstractEventLoop | None = None
        self._shown: set[str] = set()
        self._cpu = (0.0, 0.0)
        self.load = 0.0

    def start(self) -> None:
        """Begin to watch; called within the event loop."""
        self._here = asyncio.get_running_loop()
        self.monitor.start()
        self.profiler.start()

    def stop(self) -> None:
        """Watch no more. It may take a moment: what is still to be told is let out."""
        self.profiler.stop()
        self.monitor.stop()

    def folded(self) -> tuple[int, dict[str, int]]:
        """Samples, and the milliseconds of each stack of the last minutes, without those that only wait."""
        profile = self.profiler.window().without(IDLE)
        stacks = {
            ";".join(str(frame).replace(";", ":") for frame in stack): round(seconds * 1e3)
            for stack, seconds in profile.weights().items()
        }
        return self.profiler.samples, {stack: count for stack, count in stacks.items() if count}

    def objectives(self) -> list[dict[str, Any]]:
        """Where the objectives stand."""
        return list(self.monitor.rules.status(self.monitor.history))

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
        reasons = service.reasons()
        yield Sample("fastcore_ready", "gauge", "1 where requests should come here.", 0 if reasons else 1)
        yield from self._scale(waiting)
        if service.hooks is not None:
            for state, count in service.hooks.counts().items():
                yield Sample("fastcore_webhooks", "gauge", "Webhooks by state.", count, {"state": state})

    def _scale(self, waiting: int) -> Iterator[Sample]:
        """What a scaler needs: how busy this process is, and how many of it there should be."""
        times = os.times()
        used, then = times.user + times.system, times.elapsed
        before, since = self._cpu
        if then > since:
            if since:
                self.load = (used - before) / (then - since)
            self._cpu = used, then
        behind = waiting / self._service.settings.waiting
        wanted = max(1, math.ceil(max(self.load / _FULL, 2.0 * behind)))
        yield Sample("fastcore_scale_load", "gauge", "Processors that this process keeps busy.", self.load)
        yield Sample(
            "fastcore_scale_wanted_replicas", "gauge", "Replicas that would carry this load.", wanted
        )
