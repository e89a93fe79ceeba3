"""Ticks from a stream of Valkey or Redis, alone or as one of a group of consumers.

feed = ValkeyFeed("redis://localhost", "ticks", group="engines", consumer="engine-1")
await fc.TickLoop(engine, feed, save="engine.snapshot", save_every=1.0).run()
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator
from typing import Any

from fastcore._checks import NUMBER, TEXT, WHOLE, check
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError, InputError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds._deliveries import Deliveries
from fastcore.feeds.wire import decode

__all__ = ["FIELD", "ValkeyFeed"]

log = logging.getLogger("fastcore.feeds")

#: The field of an entry that holds its message.
FIELD = b"fc"


class ValkeyFeed:
    """Messages of `fastcore.feeds.wire` from one stream.

    Parameters
    ----------
    url : str
        Such as ``redis://localhost:6379/0``.
    stream : str
    group : str, optional
        Read as one of a group: each entry goes to one consumer, and is held for it until the loop says
        that it is safe. It is made if it is not there.
    consumer : str
        The name within the group. One that comes back by its name is given first what it had not finished.
    start : str
        Where to begin: ``"0"`` at the first entry, ``"$"`` at the next one that comes after the feed has
        begun, or an id. For a group, where it begins when it is made.
    count : int
        Entries that are asked for at once.
    claim_seconds : float
        Entries that another consumer of the group has held for so long without finishing are taken over;
        0 for never.
    longest_backoff : float
        Seconds; the bound of the random delay before connecting again.

    Raises
    ------
    ConfigError
        If an option is impossible; with the first batch, if the server refuses what no waiting changes: the
        password, the database, a key that is no stream. A loop ends such a feed and logs the sentence.
    MissingExtraError
        If redis is not installed.

    Notes
    -----
    Delivery is at least once: what was given to the loop and was not yet safe when a process ended comes
    again. The policy ``duplicates="id"`` leaves it out.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        *,
        group: str = "",
        consumer: str = "fastcore",
        start: str = "0",
        count: int = 100,
        claim_seconds: float = 60.0,
        longest_backoff: float = 5.0,
    ) -> None:
        for name, text in (("url", url), ("stream", stream), ("group", group), ("consumer", consumer)):
            check("ValkeyFeed", name, text, TEXT)
        check("ValkeyFeed", "count", count, WHOLE)
        for name, seconds in (("claim_seconds", claim_seconds), ("longest_backoff", longest_backoff)):
            check("ValkeyFeed", name, seconds, NUMBER)
        if not stream or not consumer:
            raise ConfigError("ValkeyFeed: stream and consumer must not be empty")
        if count < 1 or claim_seconds < 0 or longest_backoff <= 0:
            raise ConfigError(
                "ValkeyFeed: count must be at least 1, claim_seconds 0 or more, longest_backoff above 0, "
                f"not {count!r}, {claim_seconds!r}, {longest_backoff!r}"
            )
        if not isinstance(start, str) or not _PLACE.fullmatch(start):
            raise ConfigError(
                f"ValkeyFeed: start must be '$' or an entry's id such as '0' or '1700000000-0', not {start!r}"
            )
        redis = require("redis.asyncio", "brokers", "ValkeyFeed")
        self._gone = (require("redis.exceptions", "brokers", "ValkeyFeed").RedisError, OSError)
        try:
            self._client = redis.Redis.from_url(url, health_check_interval=0)
        except ValueError as error:
            raise ConfigError(f"ValkeyFeed: url {url!r} cannot be read: {error}") from error
        self.stream, self.group, self.consumer = stream, group, consumer
        #: The id of the last entry that was handed on.
        self.position = start
        self._count, self._claim = count, claim_seconds
        self._backoff = longest_backoff
        self._deliveries = Deliveries()
        self._safe: list[bytes] = []
        self._given: bytes | str = "0"  # the last entry that the server gave to this consumer
        self._cursor: bytes | str = "0-0"  # how far those were looked at that others hold
        self._counts = dict.fromkeys(
            ("entries", "malformed", "claimed", "acknowledged", "lost_connections"), 0
        )
        self._quiet = Quiet(log)

    def counts(self) -> dict[str, int]:
        """Entries read, those that were no messages, taken over, acknowledged; connections that were lost."""
        return dict(self._counts)

    def commit(self, rows: int) -> None:
        """So many rows, of all that were ever given, are safe; their entries are acknowledged in time."""
        self._safe += self._deliveries.done(rows)

    async def aclose(self) -> None:
        """Acknowledge what is safe, and close the connection."""
        try:
            await self._acknowledge()
        except self._gone as error:
            log.warning(
                "stream %s: %d entries could not be acknowledged: %s", self.stream, len(self._safe), error
            )
        await self._client.aclose()

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        """The entries' batches; it never ends by itself."""
        attempt, answered = 0, False
        own = bool(self.group)  # what this consumer was given and never got, or never finished
        next_claim = 0.0
        while True:
            try:
                if own:
                    await self._make_group()
                elif self.position == "$" and not self.group:
                    await self._find_end()
                await self._acknowledge()
                now = asyncio.get_running_loop().time()
                # Not before its own are read: what is claimed becomes one of them, and would come twice.
                if self.group and self._claim and not own and now >= next_claim:
                    entries = await self._claimed()
                    next_claim = now + self._claim / 2
                else:
                    entries = []
                entries += await self._read(own)
            except self._gone as error:
                if not answered and _refused(error):
                    raise ConfigError(
                        f"ValkeyFeed: stream {self.stream!r} cannot be read: {error}"
                    ) from error
                self._counts["lost_connections"] += 1
                self._quiet.warn("stream %s: %s: %s", self.stream, type(error).__name__, error)
                attempt, own = attempt + 1, bool(self.group)
                # The server is away: each time longer, and not all readers at one moment.
                await asyncio.sleep(random.uniform(0, min(self._backoff, 0.05 * 2.0 ** min(attempt, 20))))
                continue
            attempt, answered = 0, True
            for number, fields in entries:
                batch = self._batch(number, fields)
                if batch is not None:
                    yield batch
            own = own and bool(entries)

    async def _read(self, own: bool) -> list[tuple[bytes, Any]]:
        if not self.group:
            found = await self._client.xread({self.stream: self.position}, count=self._count, block=_BLOCK)
        else:
            place = self._given if own else ">"
            found = await self._client.xreadgroup(
                self.group,
                self.consumer,
                {self.stream: place},
                count=self._count,
                block=None if own else _BLOCK,
            )
        entries: list[tuple[bytes, Any]] = _entries(found)
        if entries:
            self._given = entries[-1][0]
        return entries

    async def _claimed(self) -> list[tuple[bytes, Any]]:
        """Entries that others hold for too long."""
        reply = await self._client.xautoclaim(
            *(self.stream, self.group, self.consumer, int(self._claim * 1000)),
            start_id=self._cursor,
            count=self._count,
        )
        self._cursor = reply[0]  # on from there: those in front may be this consumer's own, for long
        own = (*self._safe, *self._deliveries)
        entries = [entry for entry in reply[1] if entry[0] not in own]
        self._counts["claimed"] += len(entries)
        return entries

    async def _find_end(self) -> None:
        """The last entry of now: the server takes ``$`` at each question for what comes after it."""
        last = await self._client.xrevrange(self.stream, count=1)
        self.position = last[0][0].decode() if last else "0"

    async def _make_group(self) -> None:
        try:
            await self._client.xgroup_create(self.stream, self.group, id=self.position, mkstream=True)
        except require("redis.exceptions", "brokers", "ValkeyFeed").ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _acknowledge(self) -> None:
        if self._safe and self.group:
            safe = tuple(self._safe)  # more may come while this waits
            await self._client.xack(self.stream, self.group, *safe)
            self._counts["acknowledged"] += len(safe)
            del self._safe[: len(safe)]

    def _batch(self, number: bytes, fields: Any) -> TickBatch | BarBatch | None:
        self._counts["entries"] += 1
        self.position = number.decode()
        try:
            batch = decode((fields or {}).get(FIELD, b""))
        except InputError as error:
            self._counts["malformed"] += 1
            self._quiet.warn("stream %s, entry %s: %s", self.stream, self.position, error)
            self._safe.append(number)  # it would come again for ever
            return None
        self._deliveries.add(number, len(batch))
        return batch


_PLACE = re.compile(r"\$|[0-9]+(-[0-9]+)?")
_BLOCK = 100  # ms that the server waits for an entry; what is safe is acknowledged between two reads


def _refused(error: Exception) -> bool:
    """Whether a server has said what it will say again; later on it may be one that is being changed."""
    known = require("redis.exceptions", "brokers", "ValkeyFeed")
    kinds = (known.AuthenticationError, known.AuthorizationError, known.NoPermissionError)
    return isinstance(error, kinds) or str(error).startswith(("WRONGTYPE", "NOAUTH", "WRONGPASS", "DB index"))


def _entries(found: Any) -> list[tuple[bytes, Any]]:
    """The entries of the one stream that was asked for, in either form of the protocol."""
    if not found:
        return []
    streams = found.values() if isinstance(found, dict) else [entries for _, entries in found]
    (entries,) = streams
    return list(entries[0]) if entries and isinstance(entries[0], list) else list(entries)
