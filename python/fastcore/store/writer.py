"""Write-behind: rows are taken at once, written in batches, and acknowledged when they are committed.

Whoever writes waits only while too much is waiting already. A batch whose answer was lost is written
again; rows have keys, so it is there once. What was acknowledged survives a kill of this process and of
the server; what was not, the sender still has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import DATABASE, NUMBER, WHOLE, arguments
from fastcore.errors import ParameterError, StoreError
from fastcore.perf.tuner import Knob
from fastcore.store._columns import Batch
from fastcore.store.bulk import write
from fastcore.store.database import Database

__all__ = ["Writer"]

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0  # s, between attempts


class _Item(NamedTuple):
    batch: Batch
    done: asyncio.Future[int]


class Writer:
    """Writes rows of any table behind its callers.

    Parameters
    ----------
    database : Database
        Where to.
    rows : int
        Rows of a transaction, about; at least 1.
    delay : float
        Seconds that rows may wait for others to share a transaction, 0 to 60.
    capacity : int
        Rows that may wait; then `write` waits for room. At least `rows`.

    Raises
    ------
    ParameterError
        If a number is outside its range.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from fastcore.store import Database, Writer, schema
    >>> signal = {"key": "s1", "ts": [10**18], "symbol": "BTC", "name": "cross", "value": [1.0]}
    >>> async def main():
    ...     async with Database(f"sqlite:///{tempfile.mkdtemp()}/fastcore.db") as database:
    ...         await database.upgrade()
    ...         async with Writer(database) as writer:
    ...             acknowledged = await writer.write(schema.signals, signal)
    ...             return await acknowledged
    >>> asyncio.run(main())
    1
    """

    @arguments(
        "Writer",
        database=DATABASE,
        rows=WHOLE,
        delay=NUMBER,
        capacity=WHOLE,
    )
    def __init__(
        self, database: Database, *, rows: int = 20_000, delay: float = 0.02, capacity: int = 200_000
    ) -> None:
        if rows < 1 or not 0 <= delay <= 60 or capacity < rows:
            raise ParameterError(
                "Writer: rows must be 1 or more, delay 0 to 60, capacity rows or more, "
                f"not {rows}, {delay}, {capacity}"
            )
        self.database = database
        self._rows, self._delay, self._capacity = rows, delay, capacity
        self._waiting: deque[_Item] = deque()
        self._pending = self._high_water = 0  # rows
        self._written = self._transactions = self._retries = self._refused = 0
        self._come, self._room, self._hurry = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Writer to {self.database.shown}, {self._pending} rows wait>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def write(self, table: sa.Table, columns: dict[str, Any]) -> asyncio.Future[int]:
        """Take rows, as `upsert` does; waits for room.

        Returns
        -------
        Future of int
            Done when the rows are committed, with their number: to await it is to be sure of them.

        Raises
        ------
        InputError
            If the columns are not the table's.
        StoreError
            If the writer is closed.
        """
        batch = Batch.of(table, columns)
        while self._pending and self._pending + batch.rows > self._capacity and not self._closed:
            self._room.clear()
            self._hurry.set()
            await self._room.wait()
        if self._closed:
            raise StoreError(f"the writer to {self.database.shown} is closed")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_seen)
        if batch.rows == 0:
            done.set_result(0)
            return done
        self._waiting.append(_Item(batch, done))
        self._pending += batch.rows
        self._high_water = max(self._high_water, self._pending)
        self._idle.clear()
        self._come.set()
        if self._pending >= self._rows:
            self._hurry.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store writer")
        return done

    def knobs(self) -> list[Knob]:
        """Rows of a transaction, and how long they wait for others, for a tuner."""

        def put_rows(value: float) -> None:
            self._rows = min(int(value), self._capacity)

        def put_delay(value: float) -> None:
            self._delay = value

        rows = tuple(float(n) for n in (500, 2_000, 8_000, 20_000, 80_000) if n <= self._capacity)
        delays = (0.0, 0.005, 0.02, 0.08, 0.32)
        return [
            Knob("store rows", lambda: self._rows, put_rows, rows, "longer transactions"),
            Knob("store delay", lambda: self._delay, put_delay, delays, "later rows"),
        ][0 if len(rows) > 1 else 1 :]

    async def flush(self) -> None:
        """Wait until all that was taken is committed, or refused."""
        self._hurry.set()
        await self._idle.wait()

    async def close(self, timeout: float = 30.0) -> None:
        """Write what waits, and stop.

        Raises
        ------
        StoreError
            If that was not possible within `timeout` seconds; it says how many rows are not written.
        """
        self._closed = True
        self._room.set()
        try:
            await asyncio.wait_for(self.flush(), timeout)
        except TimeoutError as error:
            lost = self._pending
            failure = StoreError(
                f"{lost} rows could not be written to {self.database.shown} within {timeout:g} s: "
                f"{self.database.breaker.reason or 'it is too slow'}"
            )
            for item in self._waiting:
                if not item.done.done():
                    item.done.set_exception(failure)
            raise failure from error
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
                self._task = None

    def stats(self) -> dict[str, int]:
        """Rows that wait, were written or refused; transactions, and those that were tried again."""
        return {
            "pending": self._pending,
            "high_water": self._high_water,
            "written": self._written,
            "refused": self._refused,
            "transactions": self._transactions,
            "retries": self._retries,
        }

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._come.clear()
                await self._come.wait()
            if self._pending < self._rows:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), self._delay)
            self._hurry.clear()
            items: list[_Item] = []
            rows = 0
            for item in self._waiting:
                if items and rows + item.batch.rows > self._rows:
                    break
                items.append(item)
                rows += item.batch.rows
            await self._until_written(items)
            for _ in items:
                self._waiting.popleft()
            self._pending -= rows
            self._room.set()
            if not self._waiting:
                self._idle.set()
            elif self._idle_wanted():
                self._hurry.set()

    def _idle_wanted(self) -> bool:
        return self._closed or self._pending >= self._rows

    async def _until_written(self, items: list[_Item]) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._transaction(items)
                return
            except StoreError as error:
                self._retries += 1
                log.info("%d rows wait: %s", self._pending, error)
                await asyncio.sleep(pause)  # the database is away, and rows are waited for anyway
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                if len(items) > 1:  # one of them is at fault: the others are written
                    for item in items:
                        await self._until_written([item])
                    return
                self._refused += items[0].batch.rows
                log.error(
                    "%d rows of %s are refused: %s", items[0].batch.rows, items[0].batch.table.name, error
                )
                if not items[0].done.done():
                    items[0].done.set_exception(error)
                return

    async def _transaction(self, items: list[_Item]) -> None:
        async with self.database.begin() as connection:
            await _be_durable(connection)
            for batch in _joined(items):
                await write(connection, batch)
        self._transactions += 1
        for item in items:
            self._written += item.batch.rows
            if not item.done.done():
                item.done.set_result(item.batch.rows)


def _seen(done: asyncio.Future[int]) -> None:
    """A failure that nobody asks for is in the log and in the counts; asyncio need not tell it again."""
    if not done.cancelled():
        done.exception()


def _joined(items: list[_Item]) -> list[Batch]:
    """As few batches as can be, such that of equal keys the later counts."""
    runs: dict[str, list[list[Batch]]] = {}
    for batch, _ in items:
        mine = runs.setdefault(batch.table.name, [])
        if mine and list(mine[-1][0].columns) == list(batch.columns):
            mine[-1].append(batch)
        else:
            mine.append([batch])
    return [Batch.join(parts) for mine in runs.values() for parts in mine]


async def _be_durable(connection: AsyncConnection) -> None:
    """COMMIT's answer must mean that it is in the server's log, also where its default is not to wait."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_DURABLE)


_DURABLE = sa.text(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)
