"""Ticks from NATS JetStream, as a durable consumer.

feed = NatsFeed("nats://localhost:4222", "TICKS", "ticks.>", durable="engine-1")
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastcore._checks import TEXT, TEXTS, WHOLE, check
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError, InputError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds._deliveries import Deliveries
from fastcore.feeds.wire import decode

__all__ = ["NatsFeed", "connected"]

log = logging.getLogger("fastcore.feeds")


async def connected(servers: str | Sequence[str]) -> Any:
    """A client that connects again for ever when the connection is lost."""
    quiet = Quiet(log)

    async def tell(error: Exception) -> None:
        quiet.warn("NATS: %s: %s", type(error).__name__, error)

    nats = require("nats", "brokers", "NATS")
    return await nats.connect(
        servers if isinstance(servers, str) else list(servers),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
        error_cb=tell,
    )


class NatsFeed:
    """Messages of `fastcore.feeds.wire` from one stream of JetStream.

    Parameters
    ----------
    servers : str or sequence of str
        Such as ``nats://localhost:4222``.
    stream : str
        One that is there.
    subject : str
        Which of its messages, such as ``"ticks.>"``.
    durable : str
        The consumer's name: the server keeps what it has acknowledged, and several processes of one name
        share its messages.
    count : int
        Messages that are asked for at once.

    Raises
    ------
    ConfigError
        If an option is impossible.
    MissingExtraError
        If nats-py is not installed.

    Notes
    -----
    Delivery is at least once: what was given to the loop and was not yet safe when a process ended comes
    again, after the consumer's ack wait. The policy ``duplicates="id"`` leaves it out.
    """

    def __init__(
        self,
        servers: str | Sequence[str],
        stream: str,
        subject: str,
        *,
        durable: str = "fastcore",
        count: int = 100,
    ) -> None:
        check("NatsFeed", "servers", servers, TEXT if isinstance(servers, str) else TEXTS)
        for name, text in (("stream", stream), ("subject", subject), ("durable", durable)):
            check("NatsFeed", name, text, TEXT)
        check("NatsFeed", "count", count, WHOLE)
        if not (stream and subject and durable) or count < 1:
            raise ConfigError(
                "NatsFeed: stream, subject and durable must not be empty, and count at least 1, "
                f"not {stream!r}, {subject!r}, {durable!r}, {count!r}"
            )
        require("nats", "brokers", "NatsFeed")
        self._servers, self._stream, self._subject = servers, stream, subject
        self._durable, self._count = durable, count
        self._deliveries = Deliveries()
        self._safe: list[str] = []  # where to send that a message is safe
        self._client: Any = None
        #: The number in the stream of the last message that was handed on.
        self.position = 0
        self._counts = dict.fromkeys(("messages", "malformed", "acknowledged", "lost_connections"), 0)
        self._quiet = Quiet(log)

    def counts(self) -> dict[str, int]:
        """Messages read, those that were none of ours, acknowledged; connections that were lost."""
        return dict(self._counts)

    def commit(self, rows: int) -> None:
        """So many rows, of all that were ever given, are safe; their messages are acknowledged in time."""
        self._safe += self._deliveries.done(rows)

    async def aclose(self) -> None:
        """Acknowledge what is safe, and close the connection."""
        if self._client is not None:
            with contextlib.suppress(Exception):  # it will come again
                await self._acknowledge()
                await self._client.flush(timeout=2)
            await self._client.close()
            self._client = None

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        """The messages' batches; it never ends by itself.

        A consumer that is deleted meanwhile is made again, and goes on where this feed was.
        """
        errors = require("nats.errors", "brokers", "NatsFeed")
        refusals = require("nats.js.errors", "brokers", "NatsFeed").APIError
        self._client = await connected(self._servers)
        pull, is_there = await self._subscribed(), True
        while True:
            messages: list[Any] = []
            try:
                await self._acknowledge()
                if not is_there:
                    with contextlib.suppress(errors.Error):
                        await pull.unsubscribe()
                    pull, is_there = await self._subscribed(), True
                messages = await pull.fetch(self._count, timeout=_WAIT)
            except (errors.TimeoutError, TimeoutError):
                pass  # nothing came; what is safe is acknowledged, and it is asked again
            except (errors.Error, OSError) as error:
                is_there = is_there and not isinstance(error, refusals)
                self._counts["lost_connections"] += 1
                self._quiet.warn("NATS stream %s: %s: %s", self._stream, type(error).__name__, error)
                await asyncio.sleep(_WAIT)  # the client connects again by itself, and says nothing of it
            for message in messages:
                batch = self._batch(message)
                if batch is not None:
                    yield batch

    async def _subscribed(self) -> Any:
        """A subscription to the consumer, which is made if it is not there: on from what was handed on."""
        stream, config = self._client.jetstream(), None
        if self.position:
            api = require("nats.js.api", "brokers", "NatsFeed")
            last = (await stream.stream_info(self._stream)).state.last_seq
            if last >= self.position:  # else the stream has been made anew
                config = api.ConsumerConfig(
                    deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.position + 1
                )
        return await stream.pull_subscribe(
            self._subject, durable=self._durable, stream=self._stream, config=config
        )

    async def _acknowledge(self) -> None:
        while self._safe:
            await self._client.publish(self._safe[0], b"+ACK")
            del self._safe[0]
            self._counts["acknowledged"] += 1

    def _batch(self, message: Any) -> TickBatch | BarBatch | None:
        self._counts["messages"] += 1
        self.position = max(self.position, message.metadata.sequence.stream)
        try:
            batch = decode(message.data)
        except InputError as error:
            self._counts["malformed"] += 1
            self._quiet.warn("NATS stream %s: %s", self._stream, error)
            self._safe.append(message.reply)  # it would come again for ever
            return None
        self._deliveries.add(message.reply, len(batch))
        return batch


_WAIT = 0.1  # s that the server waits for a message
