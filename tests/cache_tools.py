"""What tests of the cache share: coroutines as tests, a clock that is set, loaders that are counted."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastcore.cache import _levels, _local, facade


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a coroutine function as a test, in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        asyncio.run(main())

    return run


PATIENCE = 180.0  # s: a test that hangs fails, and shows where it waits


class Clock:
    """The cache's clock, which moves when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in (_levels, _local, facade):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Loader:
    """Gives a value, and counts how often it had to; waits at a gate where it has one."""

    def __init__(self, value: Any = "value", error: Exception | None = None) -> None:
        self.value = value
        self.error = error
        self.calls = 0
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()

    async def __call__(self) -> Any:
        self.calls += 1
        self.entered.set()
        value = self.value
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return value


async def until(ready: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Let the loop run until it is so."""
    end = time.monotonic() + patience
    while not ready():
        assert time.monotonic() < end, f"not within {patience:g} s: {what}"
        await asyncio.sleep(0.002)
