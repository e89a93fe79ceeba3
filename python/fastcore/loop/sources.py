"""What a loop is given as feeds: told apart by name, read one like the other, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastcore._threads import iterated
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.loop.failures import is_ending
from fastcore.loop.intake import Intake

__all__ = ["as_async", "ended", "feed_counts", "intakes", "read", "unique"]

log = logging.getLogger("fastcore.loop")

_TURN = 0.005  # s that a feed may have the event loop to itself


def intakes(feeds: Any) -> list[Intake]:
    several = feeds if isinstance(feeds, (list, tuple)) else [feeds]
    if any(isinstance(one, (TickBatch, BarBatch)) for one in several):
        several = [feeds]  # a list of batches is a feed
    if not several:
        raise ConfigError("TickLoop: there is no feed")
    return unique([one if isinstance(one, Intake) else Intake(one) for one in several])


def unique(named: list[Any]) -> list[Any]:
    """Give what has the same name a number, so that statistics can tell them apart."""
    seen = set[str]()
    for one in named:
        name, number = one.name, 1
        while one.name in seen:
            number += 1
            one.name = f"{name} {number}"
        seen.add(one.name)
    return named


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are: a client library may swallow the first time."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.1)


def feed_counts(feed: Any) -> dict[str, Any]:
    counts = getattr(feed, "counts", None)
    return dict(counts()) if callable(counts) else {}


async def read(intake: Intake) -> None:
    """Put all that a feed gives into its intake, until it ends; what it raises ends it, and is told."""
    error, turn = "", time.monotonic()
    try:
        async with contextlib.aclosing(as_async(intake.feed)) as batches:
            async for batch in batches:
                if not isinstance(batch, (TickBatch, BarBatch)):
                    raise TypeError(f"a feed gives TickBatch or BarBatch, not {type(batch).__name__}")
                await intake.put(batch)
                if time.monotonic() > turn + _TURN:  # one that never waits has everything else wait
                    await asyncio.sleep(0)
                    turn = time.monotonic()
    except (Exception, asyncio.CancelledError) as failure:
        if isinstance(failure, asyncio.CancelledError) and is_ending():
            error = "stopped"
            raise
        error = f"{type(failure).__name__}: {failure}"
        log.error("feed %s ended: %s", intake.name, error)
    finally:
        intake.end(error)


async def as_async(feed: Any) -> AsyncGenerator[Any, None]:
    """The batches of a feed; one that is not async is read in a thread of its own."""
    if hasattr(feed, "__aiter__"):
        source = aiter(feed)
        try:
            async for batch in source:
                yield batch
        finally:
            if hasattr(source, "aclose"):
                await source.aclose()
        return
    if isinstance(feed, (list, tuple)):
        for batch in feed:
            yield batch
        return
    async with contextlib.aclosing(iterated(feed)) as batches:
        async for batch in batches:
            yield batch
