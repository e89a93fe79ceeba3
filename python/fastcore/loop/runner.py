"""An event loop to run in: uvloop's where it is installed, asyncio's own otherwise."""

from __future__ import annotations

import asyncio
import importlib
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["loop_factory", "run", "run_until_signal"]

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes event loops: uvloop's function, or None for asyncio's usual ones."""
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        return None
    return factory


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does, on uvloop where that is installed.

    Examples
    --------
    >>> async def answer():
    ...     return 42
    >>> run(answer())
    42
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def run_until_signal(main: Callable[[], Coroutine[Any, Any, None]], stop: Callable[[], None]) -> None:
    """Run to the end; Ctrl-C and SIGTERM call `stop`, and once more they cancel.

    In another thread than the main one no signals come.
    """

    async def whole() -> None:
        here, task = asyncio.get_running_loop(), asyncio.current_task()
        asked = False

        def end() -> None:
            nonlocal asked
            if asked and task is not None:
                task.cancel()
            asked = True
            stop()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                here.add_signal_handler(number, end)
        await main()

    run(whole())
