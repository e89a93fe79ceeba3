"""The end of a loop: all that was opened is closed, whatever any of it raises."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

__all__ = ["Endings"]

log = logging.getLogger("fastcore.loop")


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

    async def do(self, what: str, step: Callable[[], Any]) -> None:
        """Call, and await what can be awaited. A cancellation ends this step alone."""
        try:
            done = step()
            if inspect.isawaitable(done):
                await done
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
