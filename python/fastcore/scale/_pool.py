"""A sharded engine that follows the scaling signal: up when its shards are busy, down after a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from fastcore._checks import NUMBER, WHOLE, arguments, having
from fastcore.errors import ConfigError, InputError, ShardLostError
from fastcore.perf.scaling import ScalingSignal
from fastcore.perf.tuner import Knob
from fastcore.scale._sharded import ShardedEngine

__all__ = ["WorkerPool"]

#: Looks at the load after one that has found no room for another shard.
_PAUSE = 60

log = logging.getLogger("fastcore.scale")


class WorkerPool:
    """As many shards as the load wants, changed between two batches.

    Symbols whose shard is another one move there with their state, so no tick is lost and none is taken
    twice: the bits stay those of one engine.

    Parameters
    ----------
    engine : ShardedEngine
        Closed with the pool.
    signal : ScalingSignal
        Says how many are wanted; `Metrics.add(signal.samples)` shows it to others as well.
    every : float
        Seconds between two looks at the load, above 0.
    clock : callable
        Seconds that pass.

    Attributes
    ----------
    changes : list of (float, int, int)
        When the number of shards changed, from how many, to how many; the newest thousand.

    Raises
    ------
    ConfigError
        If `every` is not above 0.

    Examples
    --------
    >>> import fastcore as fc
    >>> engine = fc.ShardedEngine({"ema": fc.EMA(2)}, shards=1, on="here")
    >>> with WorkerPool(engine, ScalingSignal(most=2)) as pool:
    ...     pool.shards, pool.signal.wanted
    (1, 1)
    """

    @arguments(
        "WorkerPool", engine=having("a fastcore.scale.ShardedEngine", "shards", "resize"), every=NUMBER
    )
    def __init__(
        self,
        engine: ShardedEngine,
        signal: ScalingSignal | None = None,
        *,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not every > 0:
            raise ConfigError(f"WorkerPool: every must be above 0 s, not {every!r}")
        self.engine = engine
        self.signal = signal or ScalingSignal(engine.shards)
        self.signal.workers = engine.shards
        self.changes: list[tuple[float, int, int]] = []
        self.failures = 0
        self._every, self._clock = every, clock
        self._since, self._busy, self._lag = clock(), 0.0, 0.0
        self._not_before = self._since  # no more shards than there are

    def __repr__(self) -> str:
        return f"<WorkerPool of {self.engine!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()

    @property
    def shards(self) -> int:
        """How many there are."""
        return self.engine.shards

    @arguments("WorkerPool", lag=NUMBER)
    def on_ticks(
        self,
        ticks: Any,
        *,
        symbols: Sequence[str],
        rows: Literal["all"] | None = None,
        outcomes: bool = False,
        lag: float = 0.0,
    ) -> Any:
        """Take a batch, as `ShardedEngine.on_ticks`, and look after the number of shards.

        Parameters
        ----------
        lag : float
            Seconds that the batch's oldest tick has waited to be handed over.
        """
        began = self._clock()
        answer = self.engine.on_ticks(ticks, symbols=symbols, rows=rows, outcomes=outcomes)
        now = self._clock()
        # The shards work side by side: the time of a call is that of the busiest.
        self._busy += now - began
        self._lag = max(self._lag, lag + now - began)
        if now - self._since >= self._every:
            self._look(now)
        return answer

    @arguments("WorkerPool", shards=WHOLE)
    def resize(self, shards: int) -> None:
        """Have so many from now on, until the signal wants another number."""
        if not 1 <= shards <= self.signal.most:
            raise InputError(f"WorkerPool: shards must be 1 to {self.signal.most}, not {shards}")
        before = self.engine.shards
        if shards == before:
            return
        moved = self.engine.resize(shards)
        self.signal.workers = shards
        self.changes = [*self.changes[-999:], (self._clock(), before, shards)]
        log.info("%d shards in the place of %d, %d symbols moved", shards, before, len(moved))

    def knobs(self) -> list[Knob]:
        """The number of shards, for a tuner; the signal should not be followed meanwhile."""
        values = tuple(float(number) for number in range(1, self.signal.most + 1))
        return [
            Knob("workers", lambda: self.shards, lambda n: self.resize(int(n)), values, "processes, memory")
        ]

    def _look(self, now: float) -> None:
        load, lag = self._busy / (now - self._since), self._lag
        self._since, self._busy, self._lag = now, 0.0, 0.0
        wanted = self.signal.want(now, load, lag)
        before = self.shards
        if wanted == before or (wanted > before and now < self._not_before):
            return
        try:
            self.resize(wanted)
        except (OSError, ShardLostError) as error:
            if self.shards != before or wanted < before:
                raise  # symbols were on their way
            # No room for another place: it goes on with those there are. To find that out may take a cluster
            # a minute, in which ticks wait.
            self.failures += 1
            self._not_before = self._clock() + _PAUSE * self._every
            log.warning("there cannot be %d shards: %s", wanted, error)
