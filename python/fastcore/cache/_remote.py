"""Level 2: Valkey or Redis, shared by processes; what it loses, a loader finds again.

A value that is being loaded has a claim, a key of its own beside the value's. Who holds it may store;
whoever invalidates deletes the claim with the value, so that a load which began before can no longer
store what it read. A claim lives for seconds and is renewed while its loader runs: a killed process
leaves nothing behind that others wait for.

A tag is a sorted set of the keys under it, each with the time until which it can matter.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Any

from fastcore._extras import require
from fastcore.cache._local import Key
from fastcore.errors import ParameterError

CLAIM_MS = 2_000

# KEYS value, claim; ARGV token, bytes, life in ms: stores while the claim is the caller's.
_STORE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
"""
# KEYS claim; ARGV token, life in ms or 0 to give it up.
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# KEYS tag; ARGV member, life in ms: on the server's clock, one for all processes.
_TAG = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], 'GT', now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""


def shown(url: str) -> str:
    """The URL without its user and password."""
    return re.sub(r"//[^/@]*@", "//***@", url.partition("?")[0])


class RemoteLevel:
    """Bytes by kind and key on a server or a cluster. Every method raises what the client raises."""

    def __init__(self, url: str, prefix: str, timeout: float, connections: int, cluster: bool) -> None:
        self.url = shown(url)
        self.prefix = prefix
        self.channel = f"{prefix}:invalidate"
        redis: Any = require("redis.asyncio", "cache", "level 2 of a cache")
        base: Any = require("redis", "cache", "level 2 of a cache")
        retry = require("redis.asyncio.retry", "cache", "level 2 of a cache").Retry
        backoff = require("redis.backoff", "cache", "level 2 of a cache").NoBackoff
        #: What says that the server cannot be used now; anything else is a fault of ours.
        self.failures: tuple[type[Exception], ...] = (base.RedisError, OSError, TimeoutError)
        # One try each: whether the server is there is for the cache to say, not for a client to wait out.
        options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry(backoff(), 0)}
        try:
            if cluster:
                self.client = redis.RedisCluster.from_url(url, max_connections=connections, **options)
            else:
                pool = redis.BlockingConnectionPool.from_url(
                    url, max_connections=connections, timeout=timeout, **options
                )
                self.client = redis.Redis.from_pool(pool)
        except ValueError as error:
            raise ParameterError(
                f"the cache's url must be redis://HOST:PORT/DB, rediss:// or unix://PATH, not {self.url!r}"
            ) from error
        self.cluster = cluster
        self._redis = redis
        self._options = options

    async def _script(self, text: str, keys: list[str], *arguments: Any) -> Any:
        return await self.client.eval(text, len(keys), *keys, *arguments)

    def _name(self, key: Key) -> str:
        # Braces: value and claim are on one node of a cluster.
        return f"{self.prefix}:{{{key[0]}:{key[1]}}}"

    async def ping(self) -> None:
        await self.client.ping()

    async def read(self, key: Key) -> tuple[bytes, float] | None:
        """A value's bytes and the seconds that it has to live."""
        name = self._name(key)
        async with self.client.pipeline(transaction=False) as pipe:
            found, left = await pipe.get(f"{name}:v").pttl(f"{name}:v").execute()
        return None if found is None or left <= 0 else (found, left / 1000)

    async def claim(self, key: Key, tags: Iterable[str], life: float) -> str | None:
        """A token when this caller is to load; None when another does."""
        await self._tag(key, tags, life)  # first: an invalidation from now on finds the claim
        token = secrets.token_hex(8)
        taken = await self.client.set(f"{self._name(key)}:c", token, nx=True, px=CLAIM_MS)
        return token if taken else None

    async def renew(self, key: Key, token: str) -> bool:
        return bool(await self._script(_RENEW, [f"{self._name(key)}:c"], token, CLAIM_MS))

    async def release(self, key: Key, token: str) -> None:
        await self._script(_RENEW, [f"{self._name(key)}:c"], token, 0)

    async def store(self, key: Key, token: str, entry: bytes, tags: Iterable[str], life: float) -> bool:
        """Store what was loaded, unless the claim is gone: it was invalidated meanwhile."""
        await self._tag(key, tags, life)
        name = self._name(key)
        milliseconds = max(1, round(life * 1000))
        return bool(await self._script(_STORE, [f"{name}:v", f"{name}:c"], token, entry, milliseconds))

    async def write(self, key: Key, entry: bytes, tags: Iterable[str], life: float, message: bytes) -> None:
        """Store whatever was there, end loads that run, and tell the other processes."""
        await self._tag(key, tags, life)
        name = self._name(key)
        async with self.client.pipeline(transaction=False) as pipe:
            pipe.set(f"{name}:v", entry, px=max(1, round(life * 1000)))
            await pipe.delete(f"{name}:c").execute()
        await self.client.publish(self.channel, message)

    async def delete(self, keys: Iterable[Key], message: bytes) -> None:
        async with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.delete(f"{self._name(key)}:c")  # first, or a load could store between the two
                pipe.delete(f"{self._name(key)}:v")
            await pipe.execute()
        await self.client.publish(self.channel, message)

    async def tagged(self, tag: str) -> list[Key]:
        members = await self.client.zrange(self._tag_name(tag), 0, -1)
        found = []
        for member in members:
            kind, _, key = member.decode().partition(":")
            found.append((kind, key))
        return found

    async def clear(self, message: bytes) -> None:
        """Delete everything under the prefix."""
        names = [name async for name in self.client.scan_iter(match=f"{_literal(self.prefix)}:*", count=1000)]
        async with self.client.pipeline(transaction=False) as pipe:
            for name in sorted(names):  # claims before values
                pipe.delete(name)
            await pipe.execute()
        await self.client.publish(self.channel, message)

    async def listen(self) -> Any:
        """A subscription to the other processes' invalidations, on a connection of its own."""
        client = self.client
        if self.cluster:
            # A cluster carries each message to all its nodes: any of them will do.
            await client.initialize()
            node = client.get_random_node()
            client = self._redis.Redis(host=node.host, port=node.port, **self._options)
        subscription = client.pubsub(ignore_subscribe_messages=True)
        await subscription.subscribe(self.channel)
        return subscription

    async def hang_up(self) -> None:
        """Close what an outage has left behind: idle connections that would fail one by one, old masters."""
        if self.cluster:
            await self.client.aclose()
            await self.client.initialize()  # from the nodes it knows, not from the first alone
        else:
            await self.client.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        await self.client.aclose()

    def _tag_name(self, tag: str) -> str:
        return f"{self.prefix}:t:{tag}"

    async def _tag(self, key: Key, tags: Iterable[str], life: float) -> None:
        # Twice a claim's life beyond the value's: a load that is just ending is still found.
        milliseconds = round(life * 1000) + 2 * CLAIM_MS
        for tag in tags:
            await self._script(_TAG, [self._tag_name(tag)], f"{key[0]}:{key[1]}", milliseconds)


def _literal(text: str) -> str:
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)
