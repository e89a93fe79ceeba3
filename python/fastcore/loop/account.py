"""What a loop has counted, and where its time went: gathered when someone asks, from those who count."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from fastcore.errors import BusyError
from fastcore.loop.delivery import Delivery
from fastcore.loop.garbage import Garbage
from fastcore.loop.intake import Intake
from fastcore.loop.passage import Passage
from fastcore.loop.sources import feed_counts
from fastcore.loop.stalls import StallWatch
from fastcore.perf import Histogram

__all__ = ["Account", "Answers"]


class Account:
    """Asks the parts of a loop; what is counted of whole batches is counted here.

    An engine cannot be asked in the middle of a batch: then the loop answers for it between two.
    """

    def __init__(
        self, intakes: Sequence[Intake], delivery: Delivery, passage: Passage, stalls: StallWatch, gc: Garbage
    ) -> None:
        self.batches = self.save_failures = 0
        self._response_times = Histogram()
        self._intakes, self._delivery, self._passage = intakes, delivery, passage
        self._stalls, self._garbage = stalls, gc
        self._asked, self._told = False, threading.Event()
        self._engine_stats: dict[str, Any] = passage.engine.stats()

    def batch_is_through(self, intake: Intake) -> None:
        """Count a batch, and answer who has asked meanwhile."""
        self.batches += 1
        self._response_times.record(time.perf_counter_ns() - intake.since)
        if self._asked:
            self._engine_stats, self._asked = self._passage.engine.stats(), False
            self._told.set()

    def stats(self) -> dict[str, Any]:
        """As `TickLoop.stats`."""
        passage, delivery = self._passage, self._delivery
        return {
            "feeds": {
                intake.name: intake.counts() | {"lag": intake.lag} | feed_counts(intake.feed)
                for intake in self._intakes
            },
            "engine": self._ledger(),
            "loop": {
                "refused": passage.refused,
                "under_way": passage.under_way,
                "batches": self.batches,
                "save_failures": self.save_failures,
                "bars_lost": passage.closed.lost,
                "signals": delivery.signals,
                "signals_refused": delivery.signals_refused,
            },
            "strategies": {strategy.name: strategy.counts() for strategy in delivery.strategies},
            "sinks": {outlet.name: outlet.counts() for outlet in delivery.outlets},
            "timers": {"fired": passage.timers.fired, "failures": passage.timer_failures},
            "stalls": self._stalls.counts(),
            "gc": self._garbage.counts(),
        }

    def _ledger(self) -> dict[str, int]:
        try:
            return dict(self._passage.engine.ledger)
        except BusyError:  # another thread asks, in the middle of a batch
            return dict(self.engine_stats()["ledger"])

    def engine_stats(self) -> dict[str, Any]:
        """As `TickLoop.engine_stats`."""
        try:
            return dict(self._passage.engine.stats())
        except BusyError:
            self._told.clear()
            self._asked = True
            self._told.wait(0.1)
            return self._engine_stats

    def stages(self) -> dict[str, Histogram]:
        """As `TickLoop.stages`."""
        return {
            **{f"wait {intake.name}": intake.waits for intake in self._intakes},
            "engine": self._passage.times,
            **{f"strategy {strategy.name}": strategy.times for strategy in self._delivery.strategies},
            **{f"sink {outlet.name}": outlet.times for outlet in self._delivery.outlets},
            "response": self._response_times,
        }


class Answers:
    """What a loop answers of itself."""

    _account: Account

    def stats(self) -> dict[str, Any]:
        """All counts, for any thread: feeds, the engine's ledger, strategies, sinks, timers, stalls, garbage.

        What all feeds received is what the engine received, what was dropped, conflated or refused, what
        waits (``pending``), and of the batch that is being taken what is to come (``under_way``).
        """
        return self._account.stats()

    def engine_stats(self) -> dict[str, Any]:
        """`Engine.stats`, for any thread: in the middle of a batch, those after it."""
        return self._account.engine_stats()

    def stages(self) -> dict[str, Histogram]:
        """Where a batch spends its time, in ns by stage; each grows while the loop runs.

        ``"wait FEED"`` is from when its oldest tick came until the engine takes it, ``"engine"`` the
        native call, ``"strategy NAME"`` and ``"sink NAME"`` what those take; ``"response"`` is from when
        the oldest tick came until strategies have seen all, and sinks have it in their queues.
        """
        return self._account.stages()
