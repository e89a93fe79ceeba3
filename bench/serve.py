"""The service: requests beside the bare framework's, a thousand connections, streams, ticks in, webhooks.

The server is a process of its own; wrk and the Python clients share the processors with it.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from .harness import Job, Row, Settings, Target, ratio_at_least, value_at_most
from .load.__main__ import resident, service, wrk

SECRET = "a secret for benchmarks"

#: The same server and framework, and nothing of ours.
BARE = """
import asyncio, sys, uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar, get
@get("/{path:path}")
async def hello(path: str) -> dict[str, str]:
    return {"hello": "world"}
app = Litestar([hello], openapi_config=None, logging_config=None)
server = Server(app, port=int(sys.argv[1]), interface=Interfaces.ASGINL, http=HTTPModes.http1,
                log_enabled=False, backlog=4096, backpressure=65536)
async def main():
    import signal
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()
uvloop.run(main())
"""


def at_least(limit: float) -> Target:
    return Target("value", ">=", limit)


def reads(fc: Any, settings: Settings) -> Iterator[Row]:
    """Latest rows, beside the bare framework in turns; then over a thousand connections."""
    seconds = 1.0 if settings.quick else 3.0
    turns = 2 if settings.quick else 5
    with service("--demo", "10") as (url, process), service(program=BARE) as (bare, _):
        taken = np.array(
            [(wrk(url, 64, seconds)["rate"], wrk(bare, 64, seconds)["rate"]) for _ in range(turns)]
        )
        ours, theirs = np.median(taken, axis=0)
        ratio = float(np.median(taken[:, 0] / taken[:, 1]))
        yield Row(
            "serve.latest", ours, "requests/s", "litestar hello", theirs, ratio, requirements=("A1",)
        ).judged(ratio_at_least(0.8))
        many = wrk(url, 1_000, seconds)
        note = f"{many['errors']:.0f} errors, {many['timeouts']:.0f} timeouts"
        yield Row(
            "serve.1000_connections", many["rate"], "requests/s", requirements=("A1",), note=note
        ).judged(at_least(1_000))
        yield Row("serve.1000_connections.p95", many["p95"], "ms", requirements=("A1",)).judged(
            value_at_most(200)
        )
        yield Row("serve.rss", resident(process.pid), "MiB", requirements=("A1",)).judged(value_at_most(512))


def ingest(fc: Any, settings: Settings) -> Iterator[Row]:
    """Ticks by WebSocket: in batches of a thousand, and one by one, each acknowledged."""
    from fastcore.feeds import TickBatch
    from fastcore.feeds.wire import encode
    from websockets.sync.client import connect

    with service() as (url, _), connect(url.replace("http", "ws") + "/v1/stream", proxy=None) as connection:
        batches, size = settings.count(500), 1_000
        ticks = np.zeros(size, fc.TICK)
        ticks["price"] = 100 + np.arange(size) % 17
        now = time.time_ns()
        messages = []
        for i in range(batches):
            ticks["ts"] = now + np.arange(size) + i * size
            messages.append(encode(TickBatch(ticks, ["BTCUSDT"])))
        began = time.perf_counter()
        sender = threading.Thread(target=lambda: [connection.send(message) for message in messages])
        sender.start()
        for _ in range(batches):
            answer = json.loads(connection.recv())
            assert answer["received"] == size, answer
        rate = batches * size / (time.perf_counter() - began)
        sender.join()
        yield Row("serve.ticks_batched", rate, "ticks/s", requirements=("A3",)).judged(at_least(100_000))
        single = settings.count(3_000)
        now = time.time_ns() + 10**9
        one = [
            json.dumps({"op": "ticks", "id": i, "ticks": [{"symbol": "B", "ts": now + i, "price": 1.0}]})
            for i in range(single)
        ]
        began = time.perf_counter()
        sender = threading.Thread(target=lambda: [connection.send(message) for message in one])
        sender.start()
        for _ in range(single):
            assert json.loads(connection.recv())["received"] == 1
        rate = single / (time.perf_counter() - began)
        sender.join()
        yield Row("serve.ticks_single", rate, "messages/s", requirements=("A3",)).judged(at_least(500))


def webhooks(fc: Any, settings: Settings) -> Iterator[Row]:
    """Signed messages at 200 a second over ten connections: the time until each is acknowledged."""
    from fastcore.serve.hooks import signature

    with tempfile.TemporaryDirectory() as folder:
        hooks = Path(folder) / "hooks.toml"
        hooks.write_text(f'[in.desk]\nsecret = "{SECRET}"\n')
        hooks.chmod(0o600)
        with service("--data", folder) as (url, _):
            host, many, times = url.removeprefix("http://"), settings.count(1_500), []

            def run(place: int) -> None:
                connection = http.client.HTTPConnection(host)
                begin = time.perf_counter() + 0.005 * place
                for i in range(many // 10):
                    time.sleep(max(0.0, begin + i * 0.05 - time.perf_counter()))
                    body = json.dumps({"symbol": "A", "n": i}).encode()
                    number, moment = f"msg_{place}_{i}", int(time.time())
                    headers = {"content-type": "application/json", "webhook-id": number}
                    headers |= {
                        "webhook-timestamp": str(moment),
                        "webhook-signature": signature(SECRET, number, moment, body),
                    }
                    began = time.perf_counter()
                    connection.request("POST", "/hooks/desk", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                    times.append(time.perf_counter() - began)
                    assert answer.status == 202

            threads = [threading.Thread(target=run, args=(place,)) for place in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            p95 = float(np.percentile(times, 95)) * 1e3
            yield Row("serve.webhook.p95", p95, "ms", requirements=("A2",)).judged(value_at_most(20))


@lru_cache(maxsize=64)
def told_in(message: bytes) -> tuple[str, tuple[int, float] | None]:
    """The type of a frame, and the time and price of A in it; read once for all that were sent the same."""
    told = json.loads(message)
    row = told.get("rows", {}).get("A")
    return told["type"], row and (row[0], row[1])


class Follower(asyncio.Protocol):
    """A client of the stream that costs little: a thousand of them must not be what is measured."""

    def __init__(self, ready: asyncio.Semaphore, seen: list[float], last: float) -> None:
        self._ready, self._seen, self._last = ready, seen, last
        self._data, self._open = b"", False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            b"GET /v1/stream HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            + f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._open:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, head
            self._open, self._data = True, rest
            asked = b'{"op": "subscribe", "symbols": ["A"], "interval_ms": 10}'
            self._transport.write(bytes((0x81, 0x80 | len(asked), 0, 0, 0, 0)) + asked)  # masked with zeroes
        while (message := self._message()) is not None:
            self._hear(message)

    def _message(self) -> bytes | None:
        """The next text of the server, which does not mask and sends each in one frame."""
        if len(self._data) < 4:
            return None
        size, at = self._data[1], 2
        if size == 126:
            size, at = int.from_bytes(self._data[2:4], "big"), 4
        if len(self._data) < at + size:
            return None
        found, self._data = self._data[at : at + size], self._data[at + size :]
        return found

    def _hear(self, message: bytes) -> None:
        now = time.time_ns()
        kind, row = told_in(message)
        if kind == "snapshot":
            self._ready.release()
        if row:
            self._seen.append((now - row[0]) / 1e6)
            if row[1] == self._last:
                self._transport.close()
                self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the service closed the stream"))


def stream(fc: Any, settings: Settings) -> Iterator[Row]:
    """A thousand WebSockets, ten updates a second: from sending a tick to each client's having its row."""
    clients, updates = (200 if settings.quick else 1_000), (30 if settings.quick else 100)

    async def main(url: str) -> list[float]:
        here, port = asyncio.get_running_loop(), int(url.rpartition(":")[2])
        ready, seen = asyncio.Semaphore(0), list[float]()
        followers = []
        for _ in range(clients):
            make = partial(Follower, ready, seen, float(updates))
            followers.append((await here.create_connection(make, "127.0.0.1", port))[1])
            await ready.acquire()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(1, updates + 1):
            body = json.dumps({"symbol": "A", "ts": time.time_ns(), "price": float(i)}).encode()
            head = b"POST /v1/ticks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            writer.write(head + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            await asyncio.sleep(0.1)
        await asyncio.wait_for(asyncio.gather(*(one.done for one in followers)), 60)
        writer.close()
        del reader
        return seen

    with service() as (url, process):
        seen = uvloop.run(main(url))
        got = len(seen) / (clients * updates)
        note = f"{clients} clients, {updates} updates, {got:.0%} seen; {resident(process.pid):.0f} MiB"
        yield Row(
            "serve.stream.p99", float(np.percentile(seen, 99)), "ms", requirements=("A1", "A3"), note=note
        ).judged(value_at_most(250))


def dashboard(fc: Any, settings: Settings) -> Iterator[Row]:
    """The page in Chromium: its first paint, and the share of its main thread that a hundred symbols take."""
    import shutil

    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "there is no chromium"
    with service("--demo", "100", "--demo-speed", "50") as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        page.locator("#list li").nth(99).wait_for(state="attached")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        client = page.context.new_cdp_session(page)
        client.send("Performance.enable")

        def spent() -> dict[str, float]:
            return {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}

        before, frames = spent(), page.evaluate("fastcore.chart.frames")
        time.sleep(2 if settings.quick else 8)
        after, drawn = spent(), page.evaluate("fastcore.chart.frames") - frames
        span = after["Timestamp"] - before["Timestamp"]
        busy = 100 * (after["TaskDuration"] - before["TaskDuration"]) / span
        browser.close()
        yield Row("serve.dashboard.paint", paint, "ms", requirements=("A1",)).judged(value_at_most(1_000))
        yield Row(
            "serve.dashboard.busy",
            busy,
            "%",
            requirements=("A1",),
            note=f"{drawn / span:.0f} charts drawn a second",
        ).judged(value_at_most(50))


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    sections = (
        ("serve.reads", reads),
        ("serve.ingest", ingest),
        ("serve.webhooks", webhooks),
        ("serve.stream", stream),
        ("serve.dashboard", dashboard),
    )
    return [Job(name, lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
