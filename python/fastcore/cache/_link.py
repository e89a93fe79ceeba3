"""Whether level 2 is there: found out by its failures, brought back by one task that asks."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastcore.cache._remote import RemoteLevel

log = logging.getLogger("fastcore.cache")

FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0  # s between two attempts
QUIET = 0.5  # s without a message before the connection is asked whether it is alive


class Link:
    """The connection on which invalidations arrive; level 2 is used only while it stands.

    Without it a value could be read and kept that others have long invalidated.
    """

    def __init__(
        self, remote: RemoteLevel, hear: Callable[[bytes], None], arrive: Callable[[], Awaitable[None]]
    ) -> None:
        self.remote = remote
        self.up = False
        self.error = ""  # while it is up, or nothing was tried
        self.since = time.time()
        self.drops = 0
        self._hear = hear
        self._arrive = arrive
        self._lost = asyncio.Event()
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns when the first attempt has ended, well or not."""
        self._task = asyncio.create_task(self._run(), name="fastcore cache link")
        await self._first.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.up = False

    def lose(self, error: BaseException) -> None:
        """A call has failed: nothing more is asked of the server until it answers again."""
        first, self.error = not self.error, _sentence(error)
        if first:
            self.up = False
            self.drops += 1
            self.since = time.time()
            log.warning("level 2 of the cache at %s is away: %s", self.remote.url, self.error)
        self._lost.set()

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await self.remote.hang_up()
                subscription = await self.remote.listen()
                try:
                    await self.remote.ping()
                    await self._arrive()  # before anything is served that was kept while we were deaf
                    wait = FIRST_WAIT
                    self._rise()
                    await self._listen(subscription)
                finally:
                    await subscription.aclose()
            except self.remote.failures as error:
                self.lose(error)
            except Exception as error:  # the link must live: without it level 2 never comes back
                log.exception("the link to level 2 of the cache failed in a way that was not foreseen")
                self.lose(error)
            self._first.set()
            # The server is away; not all processes knock at one moment when it comes back.
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(2 * wait, LONGEST_WAIT)

    def _rise(self) -> None:
        if self.drops:
            log.warning("level 2 of the cache at %s is back", self.remote.url)
        self.up, self.error, self.since = True, "", time.time()
        self._lost.clear()
        self._first.set()

    async def _listen(self, subscription: Any) -> None:
        over = asyncio.Event()
        lost = asyncio.create_task(self._lost.wait())
        reading = asyncio.create_task(self._read(subscription, over))
        try:
            await asyncio.wait({lost, reading}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()  # raises: of itself it ends by an error alone
        finally:
            over.set()  # a read that is just timing out takes the cancellation for its timeout
            lost.cancel()
            reading.cancel()
            await asyncio.gather(lost, reading, return_exceptions=True)

    async def _read(self, subscription: Any, over: asyncio.Event) -> None:
        unanswered = 0
        while not over.is_set():
            message = await subscription.get_message(timeout=QUIET)
            if message is not None:
                unanswered = 0
                if message["type"] == "message":
                    self._hear(message["data"])
            elif unanswered == 2:
                raise TimeoutError("no answer to two pings")
            else:
                unanswered += 1
                await subscription.ping()


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
