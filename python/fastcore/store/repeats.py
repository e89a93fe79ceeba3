"""One query in a loop, where one for all would do ("N+1"): found by request and place in the code.

with watch_queries() as watch:
    await handle(request)
watch.repeats    # [Repeat(statement="SELECT ... WHERE name = ?", site="app.py:40 in handle", calls=50)]
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, NamedTuple, TypeVar

from fastcore._checks import CALL, FLAG, WHOLE, arguments
from fastcore.errors import ParameterError, RepeatedQueryError
from fastcore.store.fingerprints import call_site

__all__ = ["BatchLoader", "Repeat", "Watch", "counted", "watch_queries"]

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")


class Repeat(NamedTuple):
    """A statement that was sent again and again from one line of the program."""

    statement: str
    site: str
    calls: int


class Watch:
    """What was asked within one request, by statement and place."""

    def __init__(self, limit: int, refuse: bool) -> None:
        self.calls = 0
        self._limit, self._refuse = limit, refuse
        self._counts: dict[tuple[str, str], int] = {}

    @property
    def repeats(self) -> list[Repeat]:
        """Those that came more often than the limit, the worst first."""
        found = [Repeat(*key, count) for key, count in self._counts.items() if count > self._limit]
        return sorted(found, key=lambda one: one.calls, reverse=True)

    def count(self, statement: str, site: str) -> None:
        self.calls += 1
        calls = self._counts[statement, site] = self._counts.get((statement, site), 0) + 1
        if calls == self._limit + 1:
            sentence = (
                f"{site} sends one query for each of many things, {calls} times so far: "
                f"ask for all at once, or through a BatchLoader: {statement}"
            )
            if self._refuse:
                raise RepeatedQueryError(sentence)
            log.warning("%s", sentence)


_watch: ContextVar[Watch | None] = ContextVar("fastcore_store_watch", default=None)


@arguments("watch_queries", limit=WHOLE, refuse=FLAG)
@contextmanager
def watch_queries(limit: int = 10, *, refuse: bool = False) -> Iterator[Watch]:
    """Watch what this task, and those it starts, ask of observed databases.

    Parameters
    ----------
    limit : int
        Calls of one statement from one line that are not yet a loop, at least 1.
    refuse : bool
        Raise `RepeatedQueryError` where it goes beyond, as tests may want it; else it is logged.

    Raises
    ------
    ParameterError
        If `limit` is below 1.
    """
    if limit < 1:
        raise ParameterError(f"watch_queries: limit must be 1 or more, not {limit}")
    watch = Watch(limit, refuse)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def counted(statement: str) -> None:
    """A statement was sent: count it where somebody watches."""
    watch = _watch.get()
    if watch is not None:
        watch.count(statement, call_site())


class BatchLoader(Generic[Key, Value]):
    """Gathers keys that are asked for one by one in the same turn of the event loop, and loads them at once.

    Parameters
    ----------
    load : async callable
        Of a list of different keys, gives a mapping; a key that is not in it has the value None.
    most : int
        Keys of one load.

    Examples
    --------
    >>> async def load(keys):
    ...     print("asked once for", keys)
    ...     return {key: key.lower() for key in keys}
    >>> async def main():
    ...     loader = BatchLoader(load)
    ...     return await asyncio.gather(loader("BTC"), loader("ETH"), loader("BTC"))
    >>> asyncio.run(main())
    asked once for ['BTC', 'ETH']
    ['btc', 'eth', 'btc']
    """

    @arguments("BatchLoader", load=CALL, most=WHOLE)
    def __init__(
        self, load: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], most: int = 1_000
    ) -> None:
        self._load, self._most = load, most
        self._wanted: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<BatchLoader by {self._load!r}, {self._most} at most>"

    async def __call__(self, key: Key) -> Value | None:
        loop = asyncio.get_running_loop()
        if not self._wanted:
            loop.call_soon(self._start)
        # One for each who asks, so that one who gives up takes it from nobody.
        mine: asyncio.Future[Value | None] = loop.create_future()
        self._wanted.setdefault(key, []).append(mine)
        return await mine

    def _start(self) -> None:
        wanted, self._wanted = list(self._wanted.items()), {}
        for first in range(0, len(wanted), self._most):
            task = asyncio.get_running_loop().create_task(self._run(wanted[first : first + self._most]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, wanted: list[tuple[Key, list[asyncio.Future[Value | None]]]]) -> None:
        try:
            found = await self._load([key for key, _ in wanted])
        except BaseException as error:
            for one in (one for _, waiting in wanted for one in waiting if not one.done()):
                one.set_exception(error)
                one.exception()  # whoever asked may have gone
            if not isinstance(error, Exception):
                raise
        else:
            for key, waiting in wanted:
                value = found.get(key)
                for one in waiting:
                    if not one.done():
                        one.set_result(value)
