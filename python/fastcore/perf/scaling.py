"""How many workers the load needs, as a number that an autoscaler can follow."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fastcore.errors import ConfigError
from fastcore.perf.history import History
from fastcore.perf.samples import Sample

__all__ = ["ScalingSignal"]


class ScalingSignal:
    """Load, lag, and the workers that they want; hang it on a `fastcore.perf.monitor.Monitor`.

    Up at once, down only when fewer would have done for `cool` seconds: a wave must not make it swing.

    Parameters
    ----------
    workers : int
        Workers now; keep `workers` up to date where it changes.
    target : float
        Share of its time that a worker is to be busy, 0.05 to 0.95.
    lag : float
        Seconds that a tick may wait; beyond that one more worker is wanted than the load says.
    least, most : int
        Bounds of what is wanted.
    window, cool : float
        Seconds that are looked at, and before fewer are wanted.

    Raises
    ------
    ConfigError
        If a number is outside its range.

    Examples
    --------
    >>> signal = ScalingSignal(workers=2, target=0.6)
    >>> signal.want(0.0, load=0.9, lag=0.001), signal.want(1.0, load=0.2, lag=0.001)
    (3, 3)
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        target: float = 0.6,
        lag: float = 0.1,
        least: int = 1,
        most: int = 64,
        window: float = 30.0,
        cool: float = 300.0,
    ) -> None:
        if not 0.05 <= target <= 0.95:
            raise ConfigError(f"ScalingSignal: target must be 0.05 to 0.95, not {target!r}")
        if not 1 <= least <= most or workers < 1 or lag <= 0:
            raise ConfigError(
                "ScalingSignal: workers and lag must be above 0 and least 1 to most, "
                f"not {workers}, {lag}, {least} and {most}"
            )
        self.workers, self.wanted = workers, max(least, min(most, workers))
        self.load = self.lag = 0.0
        self.least, self.most = least, most
        self._target, self._lag = target, lag
        self._window, self._cool = window, cool
        self._low: tuple[float, int] | None = None

    def __call__(self, history: History) -> None:
        """Look at the process and the loop's stages: how busy they are, and what a tick waits.

        The load is the larger of the processor time and the loop's time: an event loop that is held up is
        busy, and so is a process whose other threads work. A queue of a feed that is half full counts as lag.
        """
        busy, lag = 0.0, 0.0
        passed = min(self._window, history.now - history.began)
        if passed <= 0:
            return
        for key in history.keys("fastcore_stage_seconds"):
            stage = dict(key[1])["stage"]
            found = history.distribution(key, self._window)
            if found is None or not found.count:
                continue
            if stage == "response":
                lag = found.percentile(95) / 1e9
            elif stage == "engine" or stage.startswith("strategy "):
                busy += found.total / 1e9 / passed
        used = history.rate(("fastcore_cpu_seconds_total", ()), self._window)
        if used > busy:  # nan is not
            busy = used
        shares = [history.value(key) for key in history.keys("fastcore_queue_share", {"kind": "feed"})]
        if max(shares, default=0.0) > 0.5:
            lag = max(lag, 2 * self._lag)
        self.want(history.now, busy, lag)

    def want(self, now: float, load: float, lag: float) -> int:
        """Workers wanted for a load (share of a worker's time, of each) and a lag in s."""
        self.load, self.lag = load, lag
        needed = math.ceil(self.workers * load / self._target - 1e-9)
        if lag > self._lag:
            needed = max(needed, self.workers + 1)
        needed = max(self.least, min(self.most, needed))
        if needed >= self.wanted:
            self.wanted, self._low = needed, None
        elif self._low is None:
            self._low = (now, needed)
        else:
            since, most = self._low
            self._low = (since, max(most, needed))
            if now - since >= self._cool:
                self.wanted, self._low = self._low[1], None
        return self.wanted

    def samples(self) -> Iterator[Sample]:
        """The signal as metrics."""
        yield Sample("fastcore_load", "gauge", "Share of its time that a worker is busy.", self.load)
        yield Sample("fastcore_lag_seconds", "gauge", "What 95 of 100 batches wait at most.", self.lag)
        yield Sample("fastcore_workers", "gauge", "Workers there are.", self.workers)
        yield Sample("fastcore_workers_wanted", "gauge", "Workers that the load needs.", self.wanted)

    def to_json(self) -> dict[str, float]:
        """The signal for an endpoint."""
        return {"load": self.load, "lag": self.lag, "workers": self.workers, "wanted": self.wanted}
