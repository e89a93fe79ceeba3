"""Rows, bars and signals to streams of Valkey or Redis, and of NATS JetStream."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fastcore._extras import require
from fastcore.errors import ConfigError
from fastcore.feeds.nats import connected
from fastcore.feeds.valkey import FIELD
from fastcore.sinks.wire import encode

__all__ = ["NatsSink", "ValkeySink"]


class ValkeySink:
    """Adds each event to a stream of Valkey or Redis.

    Parameters
    ----------
    url : str
        Such as ``redis://localhost:6379/0``.
    stream : str
    longest : int
        Entries that the stream keeps, about; the oldest go. 0 keeps all.
    wants : collection of {"rows", "bars", "signals"}
    retries : int
        How often a write that fails is tried again before the loop is told.

    Raises
    ------
    ConfigError
        If an option is impossible.
    MissingExtraError
        If redis is not installed.
    """

    def __init__(
        self,
        url: str,
        stream: str,
        *,
        longest: int = 100_000,
        wants: Collection[str] = ("rows",),
        retries: int = 5,
    ) -> None:
        if not stream or longest < 0 or retries < 0:
            raise ConfigError(
                "ValkeySink: stream must not be empty, longest and retries 0 or more, "
                f"not {stream!r}, {longest!r}, {retries!r}"
            )
        redis = require("redis.asyncio", "brokers", "ValkeySink")
        errors = require("redis.exceptions", "brokers", "ValkeySink")
        backoff = require("redis.backoff", "brokers", "ValkeySink").FullJitterBackoff(cap=2.0, base=0.02)
        retry = require("redis.asyncio.retry", "brokers", "ValkeySink").Retry(backoff, retries)
        again = [errors.ConnectionError, errors.TimeoutError]
        try:
            self._client = redis.Redis.from_url(url, retry=retry, retry_on_error=again)
        except ValueError as error:
            raise ConfigError(f"ValkeySink: url {url!r} cannot be read: {error}") from error
        self.wants = frozenset(wants)
        self._stream, self._longest = stream, longest or None

    async def open(self, columns: Sequence[str]) -> None:
        """See that the server is there."""
        await self._client.ping()

    async def write(self, event: Any, /) -> None:
        """Add one entry."""
        await self._client.xadd(self._stream, {FIELD: encode(event)}, maxlen=self._longest)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


class NatsSink:
    """Publishes each event on a subject of a JetStream stream, and waits until the server has it.

    Parameters
    ----------
    servers : str or sequence of str
        Such as ``nats://localhost:4222``.
    subject : str
        Of a stream that is there.
    wants : collection of {"rows", "bars", "signals"}
    """

    def __init__(
        self, servers: str | Sequence[str], subject: str, *, wants: Collection[str] = ("rows",)
    ) -> None:
        if not subject:
            raise ConfigError("NatsSink: subject must not be empty")
        require("nats", "brokers", "NatsSink")
        self.wants = frozenset(wants)
        self._servers, self._subject = servers, subject
        self._client: Any = None

    async def open(self, columns: Sequence[str]) -> None:
        """Connect."""
        self._client = await connected(self._servers)
        self._stream = self._client.jetstream()

    async def write(self, event: Any, /) -> None:
        """Publish one message."""
        await self._stream.publish(self._subject, encode(event))

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
