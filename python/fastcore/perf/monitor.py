"""The watch: a thread that reads the metrics twice a second and holds everything to them.

It is no task of the event loop, so that it sees, and tells, also while the loop stands still.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.alerts import Alerts
from fastcore.perf.delivery import Delivery
from fastcore.perf.history import History
from fastcore.perf.metrics import Metrics
from fastcore.perf.receivers import LogReceiver, Receiver, receiver_of
from fastcore.perf.rules import RuleSet, presets

__all__ = ["Monitor"]

log = logging.getLogger("fastcore.perf")


class Monitor:
    """Reads metrics, keeps their history, evaluates rules, has alerts delivered.

    Parameters
    ----------
    metrics : Metrics
    rules : RuleSet, optional
        Default the presets.
    receivers : sequence of Receiver, optional
        Default those of the rules; without any, the log.
    every : float
        Seconds between two looks, 0.05 to 60.
    clock : callable
        Seconds since 1970 UTC.

    Examples
    --------
    >>> with Monitor(Metrics()) as monitor:
    ...     pass
    >>> monitor.alerts.active
    []
    """

    def __init__(
        self,
        metrics: Metrics,
        rules: RuleSet | None = None,
        receivers: Sequence[Receiver] | None = None,
        *,
        every: float = 0.5,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not 0.05 <= every <= 60:
            raise ConfigError(f"Monitor: every must be 0.05 to 60 s, not {every!r}")
        self.metrics = metrics
        self.rules = presets() if rules is None else rules
        self.history = History()
        self.alerts = Alerts(self.rules)
        if receivers is None:
            receivers = [receiver_of(table) for table in self.rules.receivers] or [LogReceiver()]
        self.delivery = Delivery(receivers)
        self.every = every
        self.failures = 0
        self.cost = 0.0
        self.watchers: list[Callable[[History], None]] = []
        metrics.bounds = tuple(sorted({*metrics.bounds, *self.rules.bounds()}))
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._quiet = Quiet(log)
        self._looking = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start watching, in a thread."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="fastcore-monitor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching, and let out what is still to be told."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.delivery.close()

    def step(self) -> None:
        """One look, now; any thread may want one."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        self.history.add(self._clock(), self.metrics.values())
        for notification in self.alerts.evaluate(self.history):
            self.delivery.send(notification)
        for watcher in self.watchers:
            try:
                watcher(self.history)
            except Exception as error:
                self.failures += 1
                self._quiet.warn("a watcher failed: %s: %s", type(error).__name__, error)

    def _run(self) -> None:
        began, spent = time.monotonic(), time.thread_time()
        while not self._stop.wait(self.every):
            try:
                self.step()
            except Exception as error:  # the watch goes on
                self.failures += 1
                self._quiet.warn("the watch stumbled: %s: %s", type(error).__name__, error)
            if (elapsed := time.monotonic() - began) > 5:
                self.cost = (time.thread_time() - spent) / elapsed
                began, spent = time.monotonic(), time.thread_time()

    def stats(self) -> dict[str, Any]:
        """Active alerts, where objectives stand, what was delivered, and what the watch costs."""
        return {
            **self.alerts.to_json(),
            "objectives": self.rules.status(self.history),
            "delivery": self.delivery.stats(),
            "cost": self.cost,
            "failures": self.failures + self.alerts.failures,
        }
