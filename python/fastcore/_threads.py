"""What blocks, iterated in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

__all__ = ["iterated"]


async def iterated(source: Iterable[Any], name: str = "feed") -> AsyncGenerator[Any, None]:
    """The items of an iterable, each asked for in a thread of its own when it is wanted.

    The thread is a daemon: an iterable that is blocked when it is no longer wanted holds up neither the event
    loop's end nor the program's, as a thread of `asyncio.to_thread` would.

    Examples
    --------
    >>> async def main():
    ...     return [item async for item in iterated(range(3))]
    >>> asyncio.run(main())
    [0, 1, 2]
    """
    loop = asyncio.get_running_loop()
    wanted: SimpleQueue[asyncio.Future[tuple[Any, ...]] | None] = SimpleQueue()
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_serve, source, wanted, loop), name=f"fastcore {name}", daemon=True
    ).start()
    try:
        while True:
            future: asyncio.Future[tuple[Any, ...]] = loop.create_future()
            wanted.put(future)
            found = await future
            if not found:
                return
            yield found[0]
    finally:
        wanted.put(None)


def _serve(
    source: Iterable[Any],
    wanted: SimpleQueue[asyncio.Future[tuple[Any, ...]] | None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Answer each future with an item in a tuple, with an empty one at the end, or with what was raised."""
    items: Iterator[Any] | None = None
    found: tuple[Any, ...]
    error: BaseException | None
    while (future := wanted.get()) is not None:
        found, error = (), None
        try:
            items = iter(source) if items is None else items
            found = (next(items),)
        except StopIteration:
            pass
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody asks any more
            loop.call_soon_threadsafe(_answer, future, found, error)
        del future, found, error  # nothing is held while the next one is not wanted


def _answer(
    future: asyncio.Future[tuple[Any, ...]], found: tuple[Any, ...], error: BaseException | None
) -> None:
    if future.done():  # cancelled meanwhile
        return
    if error is None:
        future.set_result(found)
    else:
        future.set_exception(error)
