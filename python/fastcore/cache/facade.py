"""The two-level cache: in this process, then on a server that processes share, then the loader."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self

from fastcore._checks import MAPPING, NUMBER, TEXT, WHOLE, arguments, optional
from fastcore.cache._levels import Levels, Loader
from fastcore.cache._local import Key
from fastcore.cache._remote import RemoteLevel
from fastcore.cache.kinds import Kind, checked
from fastcore.errors import InputError, ParameterError, UnknownNameError
from fastcore.perf import Histogram
from fastcore.perf.tuner import Knob

__all__ = ["Cache"]

log = logging.getLogger("fastcore.cache")
LONGEST_KEY = 512  # characters


class Cache:
    """Values by kind and key: level 1 in process, level 2 on Valkey or Redis, then the caller's loader.

    One loader runs per key, also across processes. Without `url` there is level 1 alone. When the
    server goes away the cache serves from level 1 and the loaders, and comes back by itself.

    Parameters
    ----------
    kinds : dict of str to Kind or float
        What is cached, by name; a number is a `Kind` with that ttl in seconds.
    url : str, optional
        ``redis://HOST:PORT/DB``, ``rediss://`` or ``unix://PATH``.
    memory : int
        Bytes that level 1 may hold.
    prefix : str
        Before every key on the server; caches of one prefix share their values.
    timeout : float
        Seconds that a call to the server may take.
    connections : int
        Most connections to the server.
    cluster : bool
        Whether `url` is a node of a cluster.

    Raises
    ------
    ParameterError
        If a parameter is outside its range.
    MissingExtraError
        If the extra ``cache`` is not installed.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with Cache({"bars": Kind(ttl=60)}) as cache:
    ...         first = await cache.get_or_load("bars", "BTCUSDT", lambda: [1, 2])
    ...         second = await cache.get_or_load("bars", "BTCUSDT", lambda: [3, 4])
    ...         return first, second, cache.stats()["kinds"]["bars"]["hit_ratio"]
    >>> asyncio.run(main())
    ([1, 2], [1, 2], 0.5)
    """

    @arguments(
        "Cache",
        kinds=MAPPING,
        url=optional(TEXT),
        memory=WHOLE,
        prefix=TEXT,
        timeout=NUMBER,
        connections=WHOLE,
    )
    def __init__(
        self,
        kinds: dict[str, Kind | float],
        *,
        url: str | None = None,
        memory: int = 64 << 20,
        prefix: str = "fastcore",
        timeout: float = 0.25,
        connections: int = 16,
        cluster: bool = False,
    ) -> None:
        if memory < 1 << 16:
            raise ParameterError(f"Cache: memory must be 65536 bytes or more, not {memory}")
        if not 0 < timeout <= 60:
            raise ParameterError(f"Cache: timeout must be above 0 and at most 60 s, not {timeout}")
        if not 2 <= connections <= 10_000:
            raise ParameterError(f"Cache: connections must be 2 to 10000, not {connections}")
        if not prefix or any(mark in prefix for mark in "{}") or len(prefix) > 64:
            raise ParameterError(f"Cache: prefix must be 1 to 64 characters without braces, not {prefix!r}")
        self.kinds = checked(kinds)
        remote = RemoteLevel(url, prefix, timeout, connections, cluster) if url else None
        self._levels = Levels(self.kinds, memory, remote)
        # What `local` touches, within reach.
        self._find = self._levels.local.entries.get
        self._stats = self._levels.stats
        self._opened = False

    # ---- life ----

    def __repr__(self) -> str:
        return f"<Cache of {', '.join(self.kinds)}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect to level 2; a server that is not there is no error: see `stats`."""
        if not self._opened and self._levels.link is not None:
            await self._levels.link.start()
        self._opened = True

    async def close(self) -> None:
        """End what runs behind, and the connections. Values in level 1 stay readable."""
        await self._levels.close()
        self._opened = False

    # ---- reading ----

    def local(self, kind: str, key: str, default: Any = None) -> Any:
        """What level 1 has and is fresh, without a coroutine: under half a microsecond."""
        entry = self._find((kind, key))
        if entry is not None and monotonic() < entry.fresh_until:
            self._stats[kind].local_hits += 1
            return entry.value
        return default

    async def get(self, kind: str, key: str, default: Any = None) -> Any:
        """What either level has, fresh or stale; `default` where neither does. Loads nothing."""
        place = self._place(kind, key)
        entry = self._levels.local.find(place)
        if entry is not None:
            self._stats[kind].local_hits += 1
            return entry.value
        flight = self._levels.flights.begin(place)
        try:
            entry = await self._levels.read_remote(flight)
        finally:
            self._levels.flights.end(flight)
        if entry is None:
            self._stats[kind].misses += 1
            return default
        return entry.value

    async def get_or_load(self, kind: str, key: str, loader: Loader, *, tags: Iterable[str] = ()) -> Any:
        """The value, from the nearest level that has it, else from `loader`.

        Parameters
        ----------
        kind, key : str
            What is asked for; a key has at most 512 characters.
        loader : callable
            Takes nothing and gives the value, or an awaitable of it; None for "there is none".
        tags : iterable of str
            Names under which the value can be invalidated together with others.

        Returns
        -------
        value
            Shared by all callers: arrays are read-only, other values must not be changed.

        Raises
        ------
        Exception
            What `loader` raises, for every caller that waits for it; nothing is stored then.
        UnknownNameError
            If there is no such kind.
        """
        place, tags = self._place(kind, key), tuple(tags)
        levels, stats = self._levels, self._stats[kind]
        while True:
            entry = levels.local.find(place)
            flight = levels.flights.load_of(place)
            if entry is not None and monotonic() < entry.fresh_until:
                stats.local_hits += 1
                return entry.value
            if entry is not None:
                stats.stale_hits += 1
                if flight is None:
                    levels.start(place, loader, tags, behind=True)
                return entry.value
            if flight is None or flight.task is None:
                task = levels.start(place, loader, tags)
            elif flight.behind:
                await asyncio.wait({flight.task})  # and look again: it may have failed
                continue
            else:
                task = flight.task
            # A caller that gives up leaves the load to the others that wait for it.
            return await asyncio.shield(task)

    # ---- writing and forgetting ----

    async def set(self, kind: str, key: str, value: Any, *, tags: Iterable[str] = ()) -> None:
        """Store a value in both levels; other processes forget theirs.

        Raises
        ------
        InputError
            If the value cannot be encoded, or is larger than its kind allows.
        """
        await self._levels.write(self._place(kind, key), value, tuple(tags))

    async def delete(self, kind: str, key: str) -> None:
        """Forget one value, here and in all processes, also one that is being loaded."""
        await self._levels.forget("key", *self._place(kind, key))

    async def invalidate(self, tag: str) -> None:
        """Forget all values under a tag, here and in all processes, also those being loaded."""
        await self._levels.forget("tag", tag)

    async def clear(self) -> None:
        """Forget everything under this cache's prefix, here and in all processes."""
        await self._levels.forget("all")

    # ---- warming ----

    def recent(self, count: int) -> list[Key]:
        """The (kind, key) pairs used last, the newest first: what to `warm` at the next start."""
        return self._levels.local.recent(count)

    async def warm(
        self, wanted: Iterable[Key], loader: Callable[[str, str], Awaitable[Any] | Any], *, at_once: int = 8
    ) -> int:
        """Load a list of (kind, key) pairs, `at_once` together; returns how many are there now.

        A loader that raises is logged and its key left out.
        """
        gate = asyncio.Semaphore(at_once)

        async def one(kind: str, key: str) -> bool:
            async with gate:
                try:
                    await self.get_or_load(kind, key, lambda: loader(kind, key))
                except Exception as error:
                    log.warning("warming %s:%s failed: %s", kind, key, error)
                    return False
                return True

        return sum(await asyncio.gather(*(one(kind, key) for kind, key in wanted)))

    # ---- what can be turned ----

    def resize(self, memory: int) -> None:
        """Let level 1 take so many bytes from now on; what was used last stays.

        Raises
        ------
        ParameterError
            If that is less than one byte.
        """
        if memory < 1:
            raise ParameterError(f"Cache: memory must be 1 byte or more, not {memory}")
        self._levels.local.resize(memory)

    def set_ttl(self, kind: str, ttl: float) -> None:
        """Keep values of a kind that are stored from now on for so many seconds.

        Raises
        ------
        UnknownNameError
            If there is no such kind.
        ParameterError
            If the number is none that `Kind` takes.
        """
        if kind not in self.kinds:
            raise UnknownNameError(f"the cache has no kind {kind!r}: it has {', '.join(sorted(self.kinds))}")
        self.kinds[kind] = dataclasses.replace(self.kinds[kind], ttl=ttl)

    def knobs(self) -> list[Knob]:
        """Its memory, and how long values of each kind are kept, for a tuner."""
        memory = self._levels.local.memory
        sizes = tuple(float(memory * 4**power) for power in range(-2, 3))
        found = [
            Knob(
                "cache memory",
                lambda: self._levels.local.memory,
                lambda n: self.resize(int(n)),
                sizes,
                "memory",
            )
        ]
        for name, kind in self.kinds.items():
            ttls = tuple(kind.ttl * 4.0**power for power in range(-2, 2))
            get, put = partial(self._ttl, name), partial(self.set_ttl, name)
            found.append(Knob(f"cache ttl of {name}", get, put, ttls, "older values"))
        return found

    def _ttl(self, kind: str) -> float:
        return self.kinds[kind].ttl

    # ---- what it knows of itself ----

    def stats(self) -> dict[str, Any]:
        """Counts and latencies by kind, the use of level 1, the state of level 2."""
        local, link = self._levels.local, self._levels.link
        found: dict[str, Any] = {
            "kinds": {name: stats.summary() for name, stats in self._stats.items()},
            "local": {
                "entries": len(local.entries),
                "bytes": local.bytes_used(),
                "memory": local.memory,
                "evictions": local.evictions,
            },
            "remote": None,
        }
        if link is not None:
            found["remote"] = {
                "url": link.remote.url,
                "state": "up" if link.up else "down",
                "since": link.since,
                "error": link.error,
                "drops": link.drops,
                "owed": len(self._levels.owed),
            }
        return found

    def load_times(self) -> dict[str, Histogram]:
        """What loads take, in ns, by kind of data."""
        return {name: stats.load_ns for name, stats in self._stats.items()}

    @property
    def degraded(self) -> bool:
        """Whether there should be a level 2 and it is away."""
        link = self._levels.link
        return link is not None and not link.up

    def _place(self, kind: str, key: str) -> Key:
        if kind not in self.kinds:
            raise UnknownNameError(f"the cache has no kind {kind!r}: it has {', '.join(sorted(self.kinds))}")
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
            raise InputError(f"a cache key is text of 1 to {LONGEST_KEY} characters, not {key!r:.60}")
        return kind, key
