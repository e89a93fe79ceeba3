"""The two ends of a loop: what was opened is closed, whatever any of it raises."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastcore.loop.failures import awaited
from fastcore.loop.intake import Intake
from fastcore.loop.outlet import Outlet

__all__ = ["CLOSING", "Endings", "close_feeds", "open_sinks"]

log = logging.getLogger("fastcore.loop")

#: Seconds that a sink or feed may take to close at the end, so that one that hangs holds up nobody.
CLOSING = 5.0


class Endings:
    """Does one thing after the other, and keeps what they raise until all are done.

    Examples
    --------
    >>> async def main():
    ...     endings = Endings()
    ...     await endings.do("dividing", lambda: 1 / 0)
    ...     await endings.do("printing", lambda: print("done all the same"))
    ...     return endings.errors
    >>> asyncio.run(main())
    done all the same
    [ZeroDivisionError('division by zero')]
    """

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    async def do(self, what: str, step: Callable[[], Any], within: float | None = None) -> None:
        """Call, and await what can be awaited, for so long at most. A cancellation ends this step alone."""
        try:
            done = step()
            if inspect.isawaitable(done):
                await _within(done, within)
        except (Exception, asyncio.CancelledError) as error:
            log.error("at the end %s failed: %s: %s", what, type(error).__name__, error)
            self.errors.append(error)

    def tell(self) -> None:
        """Raise what was raised: one error as it is, several as a group, a cancellation before all."""
        for error in self.errors:
            if len(self.errors) == 1 or isinstance(error, asyncio.CancelledError):
                raise error
        if self.errors:
            raise BaseExceptionGroup("the loop has ended with errors", self.errors)


async def _within(step: Awaitable[Any], seconds: float | None) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await step
    except TimeoutError as error:
        raise (TimeoutError(f"it took more than {seconds} s") if limit.expired() else error) from None


async def open_sinks(outlets: Sequence[Outlet], columns: list[str], intakes: Sequence[Intake]) -> None:
    """Open all sinks, or none: what was opened before one that fails is closed again, and so are feeds."""
    opened: list[Outlet] = []
    try:
        for outlet in outlets:
            await awaited(outlet.sink.open(columns))
            opened.append(outlet)
    except BaseException:
        endings = Endings()
        for outlet in opened:
            await endings.do(f"closing the sink {outlet.name}", outlet.sink.close, within=CLOSING)
        await close_feeds(intakes, endings)
        raise


async def close_feeds(intakes: Sequence[Intake], endings: Endings) -> None:
    """Close those that can be closed."""
    for intake in intakes:
        if hasattr(intake.feed, "aclose"):
            await endings.do(f"closing the feed {intake.name}", intake.feed.aclose, within=CLOSING)
