"""Reads from copies of a PostgreSQL database: from those that keep up, never older than its own writes.

cluster = Replicated(Database(primary), [Database(replica)])
async with cluster.begin() as connection: ...    # the primary
async with cluster.read() as connection: ...     # a replica that has what this task wrote, or the primary
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import DATABASE, MANY, NUMBER, arguments, check
from fastcore.errors import ParameterError, StoreError
from fastcore.store.database import Database

__all__ = ["Replicated"]

# Positions in the log are bytes since the cluster was made. What was just committed lies before the place of
# insertion, though it may not be written out yet.
_INSERTED = sa.text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
_WRITTEN = sa.text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
_REPLAYED = sa.text("SELECT coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)::bigint")
_STATE = sa.text(
    """
    SELECT pg_is_in_recovery() AS follows,
           coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)::bigint AS replayed,
           coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0'), 0)::bigint AS received,
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS age
    """
)
POLL = 0.002  # s, between two looks at how far a replica is

_own_writes: ContextVar[int] = ContextVar("fastcore_store_own_writes", default=0)


class _Replica:
    """One copy, and what was last seen of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.replayed = 0
        self.lag = float("inf")
        self.reason = "not seen yet"
        self.seen = float("-inf")
        self.level = float("-inf")  # when it last had all that the primary had
        self.reads = 0
        self.looking = asyncio.Lock()


class Replicated:
    """A primary and its replicas.

    Parameters
    ----------
    primary : Database
        Where to write.
    replicas : sequence of Database
        Streaming replicas of it.
    max_lag : float
        Seconds that a replica may be behind, 0 to 3600; one that is further behind is not read.
    wait : float
        Seconds that a read waits for a replica to have what its task wrote, 0 to 10, before it goes to the
        primary.
    look_every : float
        Seconds for which what is known of a replica's lag is good, 0 to 60.

    Raises
    ------
    ParameterError
        If a number is outside its range, or a database is SQLite.

    Notes
    -----
    What a task wrote is known in it and in the tasks that it starts; `written` is that position in the log,
    to be handed to others as ``read(after=...)``, as in a cookie. While the primary is away, a replica
    counts as up to date when it has replayed all that it received.
    """

    @arguments(
        "Replicated",
        primary=DATABASE,
        replicas=MANY,
        max_lag=NUMBER,
        wait=NUMBER,
        look_every=NUMBER,
    )
    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Database],
        *,
        max_lag: float = 1.0,
        wait: float = 0.05,
        look_every: float = 0.5,
    ) -> None:
        for name, value, most in (
            ("max_lag", max_lag, 3600),
            ("wait", wait, 10),
            ("look_every", look_every, 60),
        ):
            if not 0 <= value <= most:
                raise ParameterError(f"Replicated: {name} must be 0 to {most}, not {value}")
        for one in replicas:
            check("Replicated", "each of replicas", one, DATABASE)
        if any(one.is_sqlite for one in (primary, *replicas)):
            raise ParameterError("Replicated: replicas are PostgreSQL's; a SQLite file has none")
        self.primary = primary
        self._replicas = [_Replica(one) for one in replicas]
        self._max_lag, self._wait, self._look_every = max_lag, wait, look_every
        self._turn = 0
        self._fallbacks: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Replicated {self.primary.shown}, {len(self._replicas)} replicas>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        for database in (self.primary, *(one.database for one in self._replicas)):
            await database.close()

    @property
    def written(self) -> int:
        """How far the log was after this task's last write, in bytes; 0 if it has not written."""
        return _own_writes.get()

    def stats(self) -> dict[str, Any]:
        """Each replica's lag in s and reads, why one is not read, and the primary's reads in its place."""
        return {
            "replicas": [
                {"url": one.database.shown, "lag": one.lag, "reads": one.reads, "away": one.reason}
                for one in self._replicas
            ],
            "fallbacks": dict(self._fallbacks),
        }

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on the primary; reads of this task see it from then on."""
        async with self.primary.connect() as connection:
            async with connection.begin():
                yield connection
            async with connection.begin():
                _own_writes.set(await connection.scalar(_INSERTED) or 0)

    @asynccontextmanager
    async def read(self, *, after: int = 0) -> AsyncIterator[AsyncConnection]:
        """A connection for reading: to a replica that is not too far behind, or to the primary.

        Parameters
        ----------
        after : int
            Of `written`: what must be visible, beside what this task wrote itself.

        Raises
        ------
        StoreError
            If none can be reached.
        """
        async with AsyncExitStack() as stack:
            yield await self._any(stack, max(after, self.written))

    async def _any(self, stack: AsyncExitStack, needed: int) -> AsyncConnection:
        self._turn += 1
        reason = "there are no replicas"
        for place in range(len(self._replicas)):
            replica = self._replicas[(self._turn + place) % len(self._replicas)]
            try:
                await self._look(replica)
                if replica.reason:
                    reason = replica.reason
                    continue
                connection = await stack.enter_async_context(replica.database.connect())
                if replica.replayed < needed and not await self._caught_up(replica, connection, needed):
                    reason = "it has not replayed what was written"
                    await stack.aclose()
                    continue
            except StoreError:
                replica.reason = reason = "it cannot be reached"
                continue
            replica.reads += 1
            return connection
        self._fallbacks[reason] = self._fallbacks.get(reason, 0) + 1
        return await stack.enter_async_context(self.primary.connect())

    async def _caught_up(self, replica: _Replica, connection: AsyncConnection, needed: int) -> bool:
        end = time.monotonic() + self._wait
        while True:
            replica.replayed = max(replica.replayed, await connection.scalar(_REPLAYED) or 0)
            await connection.rollback()  # no snapshot of before is to be kept
            if replica.replayed >= needed:
                return True
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL)  # PostgreSQL tells nobody how far a replica is: it has to be asked

    async def _look(self, replica: _Replica) -> None:
        """See how far a replica is, where that is not known lately."""
        async with replica.looking:
            if time.monotonic() - replica.seen < self._look_every:
                return
            replica.seen = time.monotonic()
            written = await self._position()  # first: what is written meanwhile is no lag
            async with replica.database.connect() as connection:
                state = (await connection.execute(_STATE)).one()
            replica.replayed = state.replayed
            behind = state.replayed < (state.received if written is None else written)
            if not behind:
                replica.level = replica.seen
            # The age of the last transaction grows while nobody writes: who was level since then is younger.
            age = float("inf") if state.age is None else state.age
            replica.lag = min(age, time.monotonic() - replica.level) if behind else 0.0
            replica.reason = ""
            if not state.follows:
                replica.reason = "it follows no primary any more"
            elif replica.lag > self._max_lag:
                replica.reason = "it is too far behind"

    async def _position(self) -> int | None:
        """How far the primary is; None while it is away."""
        try:
            async with self.primary.connect() as connection:
                return int(await connection.scalar(_WRITTEN) or 0)
        except StoreError:
            return None
