"""Which shard a symbol belongs to: always the same one, and mostly the same after a change of size."""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b

from fastcore.errors import ParameterError

__all__ = ["HashRing"]

#: Places of each shard on the ring: with 128, the largest of 8 shards has about a fifth more than its share.
_PLACES = 128
_MOST = 4096


def _point(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class HashRing:
    """Consistent hashing: each shard has places on a ring, and a symbol goes to the next place after its own.

    A ring of one shard more takes symbols from all the others and moves none between them.

    Parameters
    ----------
    shards : int
        How many, 1 to 4096.

    Examples
    --------
    >>> ring = HashRing(4)
    >>> [ring.owner(name) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
    [0, 2, 2]
    """

    def __init__(self, shards: int) -> None:
        if isinstance(shards, bool) or not isinstance(shards, int):
            raise TypeError(f"the number of shards must be a whole number, not {shards!r}")
        if not 1 <= shards <= _MOST:
            raise ParameterError(f"the number of shards must be from 1 to {_MOST}, not {shards}")
        self.shards = shards
        ring = sorted(
            (_point(f"{shard}/{place}"), shard) for shard in range(shards) for place in range(_PLACES)
        )
        self._points = [point for point, _ in ring]
        self._owners = [owner for _, owner in ring]

    def __repr__(self) -> str:
        return f"HashRing({self.shards})"

    def owner(self, symbol: str) -> int:
        """Number of the shard that has a symbol, from 0 on."""
        return self._owners[bisect_right(self._points, _point(symbol)) % len(self._owners)]
