"""A websocket that stays: it connects again, after growing, random delays, and renews itself in time.

What is sent and how messages are read is a `Venue`'s business; this keeps connections and counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from fastcore._checks import FLAG, NUMBER, WHOLE, check
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds._buffer import EventBuffer

__all__ = ["Venue", "WebSocketFeed", "WebSocketOptions"]

log = logging.getLogger("fastcore.feeds")

_LOOK = 64  # messages between two looks at how much waits
_SPAN = 300.0  # s in which venues count connections
_CLOSING = 1.0  # s that a peer may take to close after what ended the connection


class Venue(Protocol):
    """How to speak to one kind of server."""

    #: What has been parsed and not been taken yet.
    buffer: EventBuffer

    def requests(self, streams: Sequence[str]) -> list[str]:
        """The messages that subscribe; each is sent when the one before was answered."""

    def parse(self, message: bytes) -> bool:
        """Read one message into the buffer; True if it answers a request. It never raises."""

    def counts(self) -> dict[str, int]:
        """What became of the messages."""

    def names(self, streams: Sequence[str]) -> list[str]:
        """The symbols that streams are of, as in the buffer."""


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """How a connection behaves. All times in seconds.

    Attributes
    ----------
    open_timeout : float
        For connecting, and for the answer to each request.
    ping : float
        Between pings; a peer that neither answers one nor sends anything for as long is gone, unless it is
        held back here. 0 for none.
    silence : float
        Without any message for so long, the connection is taken for dead. 0 for never.
    backoff, longest_backoff : float
        The first delay before connecting again is random up to `backoff`, and its bound doubles up to
        `longest_backoff` with each failure, and with each connection that did not last for as long as that.
    rotate : float
        A connection is replaced after so long, the new one first: venues end them after 24 hours.
        0 for never.
    pending : int
        Ticks that may wait to be taken before reading stops, and the venue is held back by TCP.
    most_bytes : int
        A longer message ends the connection.
    compression : bool
        Offer permessage-deflate; it saves bytes and costs time.
    """

    open_timeout: float = 10.0
    ping: float = 20.0
    silence: float = 60.0
    backoff: float = 0.5
    longest_backoff: float = 30.0
    rotate: float = 23.5 * 3600
    pending: int = 65_536
    most_bytes: int = 2**20
    compression: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            fit = {"float": NUMBER, "int": WHOLE, "bool": FLAG}[str(field.type)]
            check("WebSocketOptions", field.name, getattr(self, field.name), fit)
        for name in ("open_timeout", "backoff", "longest_backoff", "pending", "most_bytes"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"WebSocketOptions: {name} must be above 0, not {getattr(self, name)!r}")
        for name in ("ping", "silence", "rotate"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"WebSocketOptions: {name} must be 0 or more, not {getattr(self, name)!r}")


class WebSocketFeed:
    """Ticks and bars from websocket connections to one venue.

    Parameters
    ----------
    url : str
        Beginning with ``ws://`` or ``wss://``.
    venue : Venue
    streams : sequence of str
        What to subscribe to.
    per_connection : int
        Streams on one connection; more open another.
    most_opened : int
        Connections that are opened within five minutes; Binance refuses who opens more than 300.
    options : WebSocketOptions, optional

    Raises
    ------
    ConfigError
        If the URL is none, or there are no streams. Nothing was opened.
    MissingExtraError
        If websockets is not installed.
    """

    def __init__(
        self,
        url: str,
        venue: Venue,
        streams: Sequence[str],
        *,
        per_connection: int = 200,
        most_opened: int = 300,
        options: WebSocketOptions | None = None,
    ) -> None:
        if not isinstance(url, str) or not url.startswith(("ws://", "wss://")):
            raise ConfigError(f"{type(self).__name__}: url must begin with ws:// or wss://, not be {url!r}")
        for what, value in (("per_connection", per_connection), ("most_opened", most_opened)):
            check(type(self).__name__, what, value, WHOLE)
            if value < 1:
                raise ConfigError(f"{type(self).__name__}: {what} must be at least 1, not {value!r}")
        if options is not None and not isinstance(options, WebSocketOptions):
            raise TypeError(
                f"{type(self).__name__}: options must be WebSocketOptions or None, not {options!r}"
            )
        if isinstance(streams, str) or not streams:
            raise ConfigError(f"{type(self).__name__}: streams must be a sequence of names, not {streams!r}")
        self.url, self.venue = url, venue
        self.options = options or WebSocketOptions()
        self._client = require("websockets.asyncio.client", "feeds", type(self).__name__)
        self._open_state = require("websockets.protocol", "feeds", type(self).__name__).State.OPEN
        self._gone = (require("websockets", "feeds", type(self).__name__).WebSocketException, OSError)
        names = list(dict.fromkeys(streams))
        self._shards = [names[at : at + per_connection] for at in range(0, len(names), per_connection)]
        self._opened: deque[float] = deque(maxlen=most_opened)  # when the last were
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._counts = {
            "connections": 0,
            "failures": 0,
            "lost_connections": 0,
            "rotations": 0,
            "bytes": 0,
            "messages": 0,
        }
        self._quiet = Quiet(log)
        self._random = random.Random()

    def counts(self) -> dict[str, int]:
        """Connections opened, lost, replaced; failures to open one; bytes, messages; the venue's counts."""
        return self._counts | self.venue.counts()

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        """All that has come since the last batch, as soon as there is something; it never ends by itself.

        Where a connection was lost, an `Outage` of its symbols stands between what came before and after.
        """
        keepers = [
            asyncio.create_task(self._keep(streams), name=f"websocket {self.url} {number}")
            for number, streams in enumerate(self._shards)
        ]
        try:
            while True:
                await self._come.wait()
                self._come.clear()
                for keeper in keepers:
                    if keeper.done():
                        keeper.result()  # raises: a keeper ends by an error of ours alone
                batches = self.venue.buffer.take()
                self._room.set()
                for batch in batches:
                    yield batch
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    # ---- one connection after the other ----

    async def _keep(self, streams: list[str]) -> None:
        """Hold a connection for these streams, always."""
        options, attempt = self.options, 0
        current: _Connection | None = None
        try:
            while True:
                current = await self._open(streams)
                began = time.monotonic()
                while current is not None and not await current.ended(options.rotate):
                    current = await self._renewed(current, streams)
                if current is not None and current.messages:
                    self.venue.buffer.outage(self.venue.names(streams))
                    self._come.set()
                # A server that answers and hangs up is no better than one that does not answer.
                lasted = current is not None and time.monotonic() - began >= options.longest_backoff
                attempt = 1 if lasted else attempt + 1
                current = None
                bound = min(options.longest_backoff, options.backoff * 2.0 ** min(attempt - 1, 30))
                # A venue that has just come back is not met by all its clients at one moment.
                await asyncio.sleep(self._random.uniform(0.0, bound))
        finally:
            if current is not None:
                await current.close()
            self._come.set()

    async def _open(self, streams: list[str]) -> _Connection | None:
        """Connect, and begin to read; None if that failed."""
        options, opened = self.options, self._opened
        while len(opened) == opened.maxlen and (wait := opened[0] + _SPAN - time.monotonic()) > 0:
            await asyncio.sleep(wait)  # until the venue allows another
        opened.append(time.monotonic())
        try:
            socket = await self._client.connect(
                self.url,
                open_timeout=options.open_timeout,
                close_timeout=1.0,
                ping_interval=None,  # an answer lies behind what is held back here: see `_ping`
                max_size=options.most_bytes,
                compression="deflate" if options.compression else None,
            )
        except (*self._gone, TimeoutError) as error:
            self._counts["failures"] += 1
            self._quiet.warn("%s: cannot connect: %s: %s", self.url, type(error).__name__, error)
            return None
        self._counts["connections"] += 1
        return _Connection(self, socket, streams)

    async def _renewed(self, old: _Connection, streams: list[str]) -> _Connection:
        """A new connection in place of the old one, which goes when the new one has had its answers."""
        new = await self._open(streams)
        if new is None:
            return old
        try:
            await new.heard(self.options.open_timeout)
        except BaseException:
            await new.close()
            raise
        if not new.messages:
            await new.close()
            return old
        self._counts["rotations"] += 1
        await old.close()
        return new


class _Connection:
    """One open socket, and the task that reads it."""

    def __init__(self, feed: WebSocketFeed, socket: Any, streams: list[str]) -> None:
        self.messages = 0
        self._feed, self._socket = feed, socket
        self._requests = deque(feed.venue.requests(streams))
        self._first = asyncio.Event()
        self._asked = self._held = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0  # when something last came, as far as the watch has seen
        self._seen = 0  # messages by then
        self._task = asyncio.create_task(self._run(), name=f"websocket {feed.url} reading")

    async def ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds, 0 for ever; an error that is ours is raised."""
        done, _ = await asyncio.wait((self._task,), timeout=seconds or None)
        for task in done:
            task.result()
        return bool(done)

    async def heard(self, seconds: float) -> None:
        """Wait for the first message, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._first.wait()

    async def close(self) -> None:
        """Close the socket, and wait until it is."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        feed, pings = self._feed, None
        try:
            async with self._socket:
                self._heard_at = self._loop.time()
                await self._ask()
                self._watch(self._heard_at)
                if feed.options.ping:
                    pings = asyncio.create_task(self._ping(), name=f"websocket {feed.url} pings")
                await self._read()
        except feed._gone as error:
            feed._counts["lost_connections"] += 1
            feed._quiet.warn("%s: the connection is lost: %s", feed.url, error)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if pings is not None:
                pings.cancel()
                await asyncio.gather(pings, return_exceptions=True)

    async def _ping(self) -> None:
        """Give up a connection whose peer neither answers nor sends; what waits here is a sign of life."""
        feed, patience = self._feed, self._feed.options.ping
        while True:
            await asyncio.sleep(patience)
            answer = await self._socket.ping()
            while not answer.done():
                seen = self.messages
                await asyncio.wait((answer,), timeout=patience)
                if not answer.done() and not self._held and self.messages == seen:
                    feed._quiet.warn("%s: a ping was not answered for %g s", feed.url, patience)
                    self._socket.transport.abort()
                    return

    async def _read(self) -> None:
        feed, recv = self._feed, self._socket.recv
        parse, buffer, counts, come = feed.venue.parse, feed.venue.buffer, feed._counts, feed._come
        while True:
            message = await recv(decode=False)
            self.messages += 1
            counts["messages"] += 1
            counts["bytes"] += len(message)
            if parse(message):
                await self._ask()
            if not come.is_set():
                come.set()
            if self.messages % _LOOK == 1:
                self._first.set()
                while len(buffer) >= feed.options.pending:
                    feed._room.clear()
                    self._held = True
                    await feed._room.wait()
                self._held = False

    async def _ask(self) -> None:
        """Send the next request, if there is one."""
        self._asked = bool(self._requests)
        if self._requests:
            self._heard_at = self._loop.time()
            await self._socket.send(self._requests.popleft())

    def _watch(self, now: float) -> None:
        """Give up a connection that has been silent, has not answered, or has been closing for too long."""
        options = self._feed.options
        if self._held or (self.messages > self._seen and not self._asked):
            self._heard_at = now
        self._seen = self.messages
        closing = self._socket.state is not self._feed._open_state
        patience = options.open_timeout if self._asked else _CLOSING if closing else options.silence
        if patience and now - self._heard_at >= patience:
            self._feed._quiet.warn("%s: nothing came for %g s", self._feed.url, patience)
            self._socket.transport.abort()
            return
        step = min(1.0, patience / 2) if patience else 1.0
        self._timer = self._loop.call_later(step, lambda: self._watch(self._loop.time()))
