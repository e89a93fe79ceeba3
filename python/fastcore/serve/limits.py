"""How often one client may ask: a bucket of tokens for each, which fills at its rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]

_MOST = 10_000  # clients that are remembered; the longest silent goes, whose bucket is full again


class Buckets:
    """Token buckets, one for each client.

    Parameters
    ----------
    burst : float
        Seconds' worth of requests that may come at once.
    clock : callable
        Seconds, never backwards.

    Examples
    --------
    >>> now = 0.0
    >>> buckets = Buckets(burst=2.0, clock=lambda: now)
    >>> [buckets.take("me", rate=1.0) for _ in range(3)]
    [0.0, 0.0, 1.0]
    """

    def __init__(self, burst: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._clock = burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, rate: float) -> float:
        """Take a token: 0.0, or how many seconds to wait for one. A rate of 0 is no limit."""
        if rate <= 0:
            return 0.0
        now, most = self._clock(), max(1.0, rate * self._burst)
        left, then = self._left.pop(client, (most, now))
        left = min(most, left + (now - then) * rate)
        wait = 0.0 if left >= 1.0 else (1.0 - left) / rate
        self._left[client] = (left - 1.0 if wait == 0.0 else left, now)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return wait
