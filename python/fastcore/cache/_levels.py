"""The two levels as one: reading through them, loading under a claim, forgetting in both.

What may be kept is decided here. A read or a load that an invalidation has overtaken gives its value to
those who wait and keeps it nowhere.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic, perf_counter_ns
from typing import Any, NamedTuple

from fastcore._extras import require
from fastcore.cache import _codec
from fastcore.cache._flight import Flight, Flights
from fastcore.cache._link import Link
from fastcore.cache._local import OVERHEAD, Entry, Key, LocalLevel
from fastcore.cache._remote import CLAIM_MS, RemoteLevel
from fastcore.cache._stats import KindStats
from fastcore.cache.kinds import Kind
from fastcore.errors import InputError

log = logging.getLogger("fastcore.cache")
Loader = Callable[[], Awaitable[Any] | Any]
MOST_OWED = 10_000  # invalidations kept for a server that is away; more, and all is cleared
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05  # s between two looks for what another process loads


class Loaded(NamedTuple):
    """What a loader gave: the value, its bytes unless it cannot be kept, and for how long, in s."""

    value: Any
    data: bytes | None
    fresh: float
    life: float


class Levels:
    """Level 1, level 2 where there is one, and the loads that run."""

    def __init__(self, kinds: dict[str, Kind], memory: int, remote: RemoteLevel | None) -> None:
        self.kinds = kinds
        self.local = LocalLevel(memory)
        self.stats = {name: KindStats() for name in kinds}
        self.flights = Flights()
        self.remote = remote
        self.link = Link(remote, self._hear, self._arrive) if remote else None
        self.owed: dict[tuple[str, ...], None] = {}
        self._me = secrets.token_hex(8)
        self._pack = require("msgspec.msgpack", "cache", "a cache")

    async def close(self) -> None:
        running = self.flights.tasks()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self.link is not None and self.remote is not None:
            await self.link.stop()
            await self.remote.close()

    def usable(self) -> RemoteLevel | None:
        """Level 2, while it answers."""
        return self.remote if self.link is not None and self.link.up else None

    def lose(self, error: BaseException) -> None:
        if self.link is not None:
            self.link.lose(error)

    # ---- reading ----

    async def read_remote(self, flight: Flight) -> Entry | None:
        """What level 2 has, now in level 1 too."""
        remote = self.usable()
        if remote is None:
            return None
        kind, stats = self.kinds[flight.key[0]], self.stats[flight.key[0]]
        began = perf_counter_ns()
        try:
            found = await remote.read(flight.key)
        except remote.failures as error:
            self.lose(error)
            return None
        stats.remote_ns.record(perf_counter_ns() - began)
        if found is None:
            return None
        data, left = found
        try:
            value, tags = _codec.decode(data, kind.schema, kind.largest, kind.type)
        except _codec.DecodeError as error:
            stats.undecodable += 1
            log.log(
                logging.WARNING if stats.undecodable == 1 else logging.DEBUG,
                "%s:%s is taken for a miss: %s",
                *flight.key,
                error,
            )
            return None
        stats.remote_hits += 1
        stale, life = (0.0, kind.negative) if value is None else (kind.stale, kind.ttl + kind.stale)
        left = min(left, life)  # a server whose clock went back would let it live on
        now = monotonic()
        entry = Entry(value, now + left - stale, now + left, tags, _codec.held(data) + OVERHEAD)
        if flight.may_keep(tags):
            self.local.put(flight.key, entry)
        return entry

    # ---- loading ----

    def start(
        self, place: Key, loader: Loader, tags: tuple[str, ...], *, behind: bool = False
    ) -> asyncio.Task[Any]:
        """Load in a task that later callers of the key join; `behind` a value that is still served."""
        flight = self.flights.begin(place, tags)
        flight.behind = behind
        self.flights.lead(flight)

        async def fly() -> Any:
            try:
                return await (self._refresh if behind else self._fill)(flight, loader)
            finally:
                self.flights.end(flight)

        flight.task = asyncio.create_task(fly(), name=f"fastcore cache {place[0]}:{place[1]}")
        flight.task.add_done_callback(_seen)
        return flight.task

    async def _fill(self, flight: Flight, loader: Loader) -> Any:
        """The value from level 2 or the loader."""
        entry = await self.read_remote(flight)
        if entry is None:
            self.stats[flight.key[0]].misses += 1
            return await self._load(flight, loader, wait=True)
        if monotonic() >= entry.fresh_until:
            self.start(flight.key, loader, flight.of_tags, behind=True)
        return entry.value

    async def _refresh(self, flight: Flight, loader: Loader) -> None:
        """Load anew behind a stale value, which a failure leaves for as long as it may be served."""
        try:
            await self._load(flight, loader, wait=False)
        except Exception as error:
            log.warning("refreshing %s:%s failed: %s", *flight.key, error)

    async def _load(self, flight: Flight, loader: Loader, *, wait: bool) -> Any:
        """Run the loader under a claim; or, where another process has it, wait for what that stores."""
        pause = FIRST_PAUSE
        while (remote := self.usable()) is not None:
            try:
                token = await remote.claim(flight.key, flight.of_tags, self.lives(flight.key, 0)[1])
            except remote.failures as error:
                self.lose(error)
                break
            if token is None:
                if not wait:
                    return None
                await asyncio.sleep(pause)  # another process loads; the server does not say when it has
                pause = min(2 * pause, LONGEST_PAUSE)
            # Once more with the claim in hand: another process may have stored since it was looked for.
            entry = await self.read_remote(flight) if wait else None
            if token is not None and entry is None:
                return await self._load_claimed(flight, loader, remote, token)
            if token is not None:
                await self._give_back(flight.key, remote, token)
            if entry is not None:
                return entry.value
        loaded = await self._call(flight, loader)
        self._keep(flight, loaded)
        return loaded.value

    async def _load_claimed(self, flight: Flight, loader: Loader, remote: RemoteLevel, token: str) -> Any:
        renewing = asyncio.create_task(self._renew(flight.key, remote, token))
        claimed = True
        try:
            loaded = await self._call(flight, loader)
            try:
                if loaded.data is not None and loaded.life > 0:
                    claimed = False
                    if not await remote.store(flight.key, token, loaded.data, flight.of_tags, loaded.life):
                        flight.spoiled = True  # an invalidation has taken the claim
            except remote.failures as error:
                self.lose(error)
            self._keep(flight, loaded)
            return loaded.value
        finally:
            renewing.cancel()
            if claimed:
                await self._give_back(flight.key, remote, token)

    async def _give_back(self, key: Key, remote: RemoteLevel, token: str) -> None:
        try:
            if self.usable() is not None:
                await remote.release(key, token)
        except remote.failures as error:
            self.lose(error)

    async def _renew(self, key: Key, remote: RemoteLevel, token: str) -> None:
        try:
            while True:
                await asyncio.sleep(CLAIM_MS / 3000)  # three times in a claim's life
                await remote.renew(key, token)
        except remote.failures as error:
            self.lose(error)

    async def _call(self, flight: Flight, loader: Loader) -> Loaded:
        kind, stats = self.kinds[flight.key[0]], self.stats[flight.key[0]]
        stats.loads += 1
        began = perf_counter_ns()
        try:
            value = loader()
            if inspect.isawaitable(value):
                value = await value
        except BaseException:
            stats.load_errors += 1
            raise
        stats.load_ns.record(perf_counter_ns() - began)
        value = _codec.shared(value)
        fresh, life = self.lives(flight.key, value)
        data: bytes | None = _codec.encode(value, flight.of_tags, kind.schema)
        if data is not None and _codec.held(data) > kind.largest:
            stats.oversize += 1
            data = None
        return Loaded(value, data, fresh, life)

    def _keep(self, flight: Flight, loaded: Loaded) -> None:
        if loaded.data is None or loaded.life <= 0:
            return
        if flight.may_keep(flight.of_tags):
            self.keep(flight.key, loaded, flight.of_tags)
        else:
            self.stats[flight.key[0]].overtaken += 1

    def keep(self, place: Key, loaded: Loaded, tags: tuple[str, ...]) -> None:
        """Put a value that can be kept into level 1."""
        assert loaded.data is not None
        now = monotonic()
        size = _codec.held(loaded.data) + OVERHEAD
        self.local.put(place, Entry(loaded.value, now + loaded.fresh, now + loaded.life, tags, size))

    def lives(self, place: Key, value: Any) -> tuple[float, float]:
        """For how many seconds a value is fresh, and for how many it is kept."""
        kind = self.kinds[place[0]]
        if value is None:
            return kind.negative, kind.negative
        fresh = kind.ttl * (1 - random.uniform(0, kind.jitter))
        return fresh, fresh + kind.stale

    # ---- writing and forgetting ----

    async def write(self, place: Key, value: Any, tags: tuple[str, ...]) -> None:
        kind = self.kinds[place[0]]
        data = _codec.encode(value, tags, kind.schema)
        size = _codec.held(data)
        if size > kind.largest:
            raise InputError(f"the value of {':'.join(place)} takes {size} bytes, the most is {kind.largest}")
        loaded = Loaded(_codec.shared(value), data, *self.lives(place, value))
        self.flights.spoil(place)
        message = self._message("key", *place)
        if loaded.life <= 0:
            await self.forget("key", *place)
            return
        self.keep(place, loaded, tags)
        await self._tell(
            lambda remote: remote.write(place, data, tags, loaded.life, message), ("key", *place)
        )

    async def forget(self, *what: str) -> None:
        """Forget ``"key", kind, key``, ``"tag", tag`` or ``"all"``: here, on the server, in all processes."""
        self._forget_here(*what)
        await self._tell(lambda remote: self._forget_there(remote, *what), what)

    def _forget_here(self, *what: str) -> None:
        match what:
            case ("key", kind, key):
                self.flights.spoil((kind, key))
                self.local.forget((kind, key))
            case ("tag", tag):
                self.flights.spoil_tag(tag)
                self.local.forget_tag(tag)
            case _:
                self.flights.spoil_all()
                self.local.forget_all()

    async def _forget_there(self, remote: RemoteLevel, *what: str) -> None:
        match what:
            case ("key", kind, key):
                await remote.delete([(kind, key)], self._message(*what))
            case ("tag", tag):
                await remote.delete(await remote.tagged(tag), self._message(*what))
            case _:
                await remote.clear(self._message("all"))

    async def _tell(self, act: Callable[[RemoteLevel], Awaitable[None]], what: tuple[str, ...]) -> None:
        """Do something on the server; while that is away, owe it an invalidation."""
        if self.remote is None:
            return
        remote = self.usable()
        if remote is not None:
            try:
                await act(remote)
                return
            except remote.failures as error:
                self.lose(error)
        if len(self.owed) >= MOST_OWED:
            self.owed = {("all",): None}
        self.owed[what] = None

    async def _arrive(self) -> None:
        """The server answers again: pay what is owed, and forget what others may have invalidated."""
        assert self.remote is not None
        while self.owed:
            what = next(iter(self.owed))
            await self._forget_there(self.remote, *what)
            del self.owed[what]
        self._forget_here("all")

    def _message(self, *what: str) -> bytes:
        return bytes(self._pack.encode((self._me, *what)))

    def _hear(self, message: bytes) -> None:
        try:
            sender, *what = self._pack.decode(message, type=list[str])
        except (ValueError, TypeError):
            log.warning("a message on the cache's channel cannot be read: everything is forgotten")
            sender, what = "", ["all"]
        if sender != self._me:
            self._forget_here(*what)


def _seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # every caller may have gone: then nobody else asks for it
