"""How alerts reach someone: a thread and a bounded queue for each receiver, and tries until it is there.

The loop never waits for any of it. What a receiver refuses is tried again after pauses that grow, then given
up and counted; what cannot be sent at all stays visible in `Delivery.stats`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.alerts import Notification
from fastcore.perf.receivers import Receiver

__all__ = ["Delivery"]

log = logging.getLogger("fastcore.perf")

_END = None


class Delivery:
    """Hands notifications to receivers, each in a thread of its own.

    Parameters
    ----------
    receivers : sequence of Receiver
    tries : int
        How often one is tried in all, at least 1.
    pause : float
        Seconds before the second try; each further one is twice as long, at most 60.
    capacity : int
        Notifications that may wait for one receiver; the oldest goes, and is counted, when more come.
    wait : callable, optional
        Waits so many seconds, or less; default until the pause is over or the delivery is closed.

    Examples
    --------
    >>> from fastcore.perf.receivers import LogReceiver
    >>> with Delivery([LogReceiver()]) as delivery:
    ...     delivery.send(Notification("memory", 0.0, ()))
    >>> delivery.stats()["log"]["sent"]
    1
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        tries: int = 5,
        pause: float = 0.5,
        capacity: int = 256,
        wait: Callable[[float], Any] | None = None,
    ) -> None:
        if tries < 1 or capacity < 1 or pause < 0:
            raise ConfigError(
                "Delivery: tries and capacity must be at least 1 and pause at least 0, "
                f"not {tries}, {capacity} and {pause}"
            )
        self._closing = threading.Event()
        self._tries, self._pause = tries, pause
        self._wait = wait or self._closing.wait
        self._lines = [_Line(receiver, self, capacity) for receiver in receivers]

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, notification: Notification) -> None:
        """Hand a notification to every receiver that wants it; returns at once."""
        for line in self._lines:
            if notification.severity in line.receiver.severities:
                line.put(notification)

    def close(self, seconds: float = 10.0) -> None:
        """Let out what waits, without further pauses; give up after so many seconds."""
        self._closing.set()
        until = time.monotonic() + seconds
        for line in self._lines:
            line.end()
        for line in self._lines:
            line.thread.join(max(0.0, until - time.monotonic()))

    def stats(self) -> dict[str, dict[str, Any]]:
        """By receiver: sent, failed, retried, dropped, waiting, and the last error."""
        return {line.receiver.name: line.counts() for line in self._lines}


class _Line:
    """One receiver, its queue and its thread."""

    def __init__(self, receiver: Receiver, delivery: Delivery, capacity: int) -> None:
        self.receiver, self._delivery = receiver, delivery
        self._waiting: queue.Queue[Notification | None] = queue.Queue(capacity + 1)
        self._capacity = capacity
        self.sent = self.failed = self.retried = self.dropped = 0
        self.error = ""
        self._quiet = Quiet(log)
        self.thread = threading.Thread(target=self._run, name=f"fastcore-alerts-{receiver.name}", daemon=True)
        self.thread.start()

    def put(self, notification: Notification) -> None:
        while self._waiting.qsize() >= self._capacity:
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                break
            self.dropped += 1
        self._waiting.put(notification)

    def end(self) -> None:
        self._waiting.put(_END)

    def counts(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "failed": self.failed,
            "retried": self.retried,
            "dropped": self.dropped,
            "waiting": self._waiting.qsize(),
            "error": self.error,
        }

    def _run(self) -> None:
        while (notification := self._waiting.get()) is not _END:
            self._deliver(notification)

    def _deliver(self, notification: Notification) -> None:
        pause = self._delivery._pause
        for attempt in range(self._delivery._tries):
            try:
                self.receiver.send(notification)
            except Exception as error:  # a receiver is another's code, and a network
                self.error = f"{type(error).__name__}: {error}"
                self._quiet.warn("alerts do not reach %s: %s", self.receiver.name, self.error)
            else:
                self.sent += 1
                self.error = ""
                return
            if attempt + 1 < self._delivery._tries:
                self.retried += 1
                self._delivery._wait(min(pause, 60.0))
                pause *= 2
        self.failed += 1
