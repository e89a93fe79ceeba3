"""Webhooks on their way: what came is acted upon, what happened is told to those who want to know.

At least once: a message is repeated until it is answered with 2xx, with growing waits, and is a dead letter
after that, which can be sent again. Its id tells a receiver what it has seen.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import random
import secrets
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import msgspec

from fastcore._quiet import Quiet
from fastcore.errors import StoreError
from fastcore.loop import Signal
from fastcore.serve.hooks import Hooks, Source, Target, signature, verified
from fastcore.serve.hub import News
from fastcore.serve.mailroom import Letter, Mailroom
from fastcore.serve.problems import Problem

if TYPE_CHECKING:
    from fastcore.serve.service import Service

__all__ = ["Post"]

log = logging.getLogger("fastcore.serve")

_TRIES = 10
_LONGEST = 300.0  # s between two tries
_PATIENCE = 10.0  # s for an answer
_AT_ONCE = 8  # letters to one target under way
_PENDING = 10_000  # news that wait to be written


class Post:
    """The webhooks of a service.

    Parameters
    ----------
    service : Service
    hooks : Hooks
    mailroom : Mailroom
    """

    def __init__(self, service: Service, hooks: Hooks, mailroom: Mailroom) -> None:
        self._service, self._hooks, self.mailroom = service, hooks, mailroom
        self._news: asyncio.Queue[News] = asyncio.Queue(_PENDING)
        self._bells = {name: asyncio.Event() for name in hooks.targets}
        self._tasks: list[asyncio.Task[None]] = []
        self._acting: set[asyncio.Task[None]] = set()
        self._counts: dict[str, int] = {}
        self._quiet = Quiet(log)
        self.lost = 0

    def counts(self) -> dict[str, int]:
        """By state: waiting, sent, dead, received; and lost, where nobody could write it down."""
        return {**self._counts, "lost": self.lost}

    async def start(self) -> None:
        """Act upon what was left, and begin to send."""
        for source, number, body in await self.mailroom.unsettled():
            if source in self._hooks.sources:
                await self._act(source, number, msgspec.json.decode(body))
        if self._hooks.targets:
            self._service.hub.listeners.append(self._hear)
        work = [self._write(), self._count(), *(self._send_all(one) for one in self._hooks.targets.values())]
        self._tasks = [asyncio.create_task(part, name="fastcore webhooks") for part in work]

    async def stop(self) -> None:
        """Write down what is still to be sent: it goes out after the next start."""
        while self._acting or not self._news.empty():
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.mailroom.close)

    # ---- in ----

    def source(self, name: str) -> Source:
        """Who may send under this name.

        Raises
        ------
        Problem
            404, if no one.
        """
        if name not in self._hooks.sources:
            raise Problem(404, f"no webhook is named {name[:70]!r}", field="name")
        return self._hooks.sources[name]

    async def receive(self, source: Source, headers: Any, body: bytes) -> tuple[str, bool]:
        """Take a message: its id, and whether it is new. When this returns, it is on the disk.

        Raises
        ------
        Problem
            If it is not what it says, or cannot be kept (503).
        """
        number, content = verified(source, headers, body, time.time())
        try:
            fresh = await self.mailroom.receive(source.name, number, msgspec.json.encode(content))
        except StoreError as error:
            raise Problem(503, str(error), headers={"retry-after": "5"}) from None
        if fresh:
            # The answer does not wait for this: the message is on the disk, and a restart would see to it.
            task = asyncio.create_task(self._act(source.name, number, content), name="fastcore webhook")
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)
        return number, fresh

    async def _act(self, source: str, number: str, content: dict[str, Any]) -> None:
        symbol = content.get("symbol", content.get("ticker", ""))
        signal = Signal(str(symbol)[:64], time.time_ns(), content, f"webhook {source}")
        await self._service.loop.say([signal])
        self.mailroom.settle(source, number, lambda error: self._quiet.warn("%s", error))

    # ---- out ----

    def _hear(self, news: News) -> None:
        try:
            self._news.put_nowait(news)
        except asyncio.QueueFull:
            self.lost += 1
            self._quiet.warn("%d webhooks were lost: they come faster than they can be written", self.lost)

    async def _write(self) -> None:
        while True:
            batch = [await self._news.get()]
            while not self._news.empty() and len(batch) < 500:
                batch.append(self._news.get_nowait())
            letters = [letter for news in batch for letter in self._letters(news)]
            try:
                if letters:
                    await self.mailroom.post(letters)
            except StoreError as error:
                self.lost += len(letters)
                self._quiet.warn("webhooks were lost: %s", error)
            for name in {letter.target for letter in letters}:
                self._bells[name].set()

    def _letters(self, news: News) -> list[Letter]:
        found = []
        for target in self._hooks.targets.values():
            if news.kind not in target.kinds or (
                target.symbols is not None and news.symbol not in target.symbols
            ):
                continue
            number = f"msg_{secrets.token_hex(12)}"
            body = {"id": number, "type": news.kind.removesuffix("s"), "at": time.time(), "data": news.body}
            found.append(Letter(number, target.name, msgspec.json.encode(body), 0))
        return found

    async def _send_all(self, target: Target) -> None:
        bell = self._bells[target.name]
        while True:
            bell.clear()
            try:
                letters = await self.mailroom.due(target.name, _AT_ONCE)
                await asyncio.gather(*(self._send(target, letter) for letter in letters))
            except StoreError as error:
                self._quiet.warn("webhooks wait: %s", error)
                letters = []
            if not letters:
                try:
                    async with asyncio.timeout(0.5):
                        await bell.wait()
                except TimeoutError:
                    continue

    async def _send(self, target: Target, letter: Letter) -> None:
        moment = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": "fastcore",
            "webhook-id": letter.id,
            "webhook-timestamp": str(moment),
            "webhook-signature": signature(target.secret, letter.id, moment, letter.body),
        }
        began = time.perf_counter_ns()
        try:
            status = await asyncio.to_thread(_posted, target.url, letter.body, headers)
            error = "" if 200 <= status < 300 else f"answered with {status}"
        except (OSError, http.client.HTTPException, ValueError) as fault:
            status, error = 0, f"{type(fault).__name__}: {fault}"
        self._service.observer.webhook.record(time.perf_counter_ns() - began, ok=not error)
        if not error:
            await self.mailroom.sent(letter.id)
            return
        final = status == 410 or letter.tries + 1 >= _TRIES
        wait = min(_LONGEST, 0.5 * 2**letter.tries) * random.uniform(0.8, 1.2)
        await self.mailroom.failed(letter.id, error, None if final else wait)

    async def _count(self) -> None:
        while True:
            try:
                self._counts = await self.mailroom.counts()
            except StoreError as error:
                self._quiet.warn("%s", error)
            await asyncio.sleep(1.0)


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post a body; redirects are not followed: a secret's holder does not move."""
    parts = urllib.parse.urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.netloc, timeout=_PATIENCE)
    try:
        path = parts.path or "/"
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
