"""One database: its connections, what waiting for them costs, its revisions, and whether it is well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from fastcore._checks import arguments, having, optional
from fastcore.errors import FastcoreError, StoreError
from fastcore.perf import Histogram
from fastcore.perf.tuner import Knob
from fastcore.store._errors import DRIVER_ERRORS, is_gone, reason, refusal
from fastcore.store.breaker import Breaker
from fastcore.store.observer import Observer
from fastcore.store.settings import Pool, database_url, shown_url

__all__ = ["Database"]

MIGRATIONS = Path(__file__).parent / "migrations"
UNREACHABLE = (OSError, InterfaceError, OperationalError)
IDLE, PATIENCE = 1.0, 5.0  # s after which a connection is asked whether it lives, and for its answer


class Database:
    """A database by URL, SQLite or PostgreSQL, with a pool whose waits are measured.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST:PORT/NAME``.
    pool : Pool, optional
        Its connections.
    observer : Observer, optional
        Counts and times its queries, and keeps the slow ones; by default those over 0.1 s.

    Raises
    ------
    ParameterError
        If the URL or a number of the pool is none that can be used.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from fastcore.store import Database
    >>> async def main():
    ...     async with Database(f"sqlite:///{tempfile.mkdtemp()}/fastcore.db") as database:
    ...         await database.upgrade()
    ...         return await database.revision(), database.stats()["pool"]["in_use"]
    >>> asyncio.run(main())
    ('0004', 0)
    """

    @arguments(
        "Database",
        pool=optional(having("a fastcore.store.Pool", "size", "overflow")),
        observer=optional(having("a fastcore.store.Observer", "attach")),
    )
    def __init__(self, url: str, *, pool: Pool | None = None, observer: Observer | None = None) -> None:
        self.url = database_url(url)
        self.shown = shown_url(url)
        self.pool = pool or Pool()
        self.waits = Histogram()
        self.held = Histogram()
        self.timeouts = 0
        self.breaker = Breaker(self.shown)
        self.engine = self._make_engine()
        self.observer = observer or Observer()
        self.observer.attach(self)
        self._since = time.monotonic()

    def __repr__(self) -> str:
        return f"<Database {self.shown}>"

    def _make_engine(self) -> AsyncEngine:
        pool = self.pool
        engine = create_async_engine(
            self.url,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=pool.size,
            max_overflow=pool.overflow,
            pool_timeout=pool.timeout,
            pool_recycle=pool.recycle,
            connect_args={} if self.is_sqlite else _arguments(self.url),
        )
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        elif pool.pre_ping:
            event.listen(engine.sync_engine, "checkin", _seen)
            event.listen(engine.sync_engine, "checkout", _see)
        return engine

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, when the plans that were asked for are there."""
        await self.observer.settled()
        await self.engine.dispose()

    def knobs(self) -> list[Knob]:
        """Connections that may be opened beyond those that are kept, for a tuner."""

        def put(value: float) -> None:
            self.pool = replace(self.pool, overflow=int(value))
            self.engine.pool._max_overflow = int(value)  # type: ignore[attr-defined]

        values = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0)
        return [Knob("pool overflow", lambda: self.pool.overflow, put, values, "connections of the server")]

    # ---- connections ----

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end, rolled back at an error."""
        async with self.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool; the wait for it is measured.

        Raises
        ------
        StoreError
            If none is free within the pool's timeout, or the database cannot be reached; without
            trying while it was just seen to be away.
        """
        connection = await self._check_out()
        began = time.perf_counter_ns()
        try:
            yield connection
        except FastcoreError:
            raise
        except Exception as error:
            # Of a caller's own I/O nothing is known here; of the driver's, the connection is of no more use.
            if isinstance(error, OSError) and not connection.invalidated:
                raise
            refused = refusal(error, self.shown)
            if refused is None:
                raise
            if is_gone(error):
                self.breaker.fail(error)
                await connection.invalidate()
            raise refused from error
        finally:
            await self._give_back(connection)
            self.held.record(time.perf_counter_ns() - began)

    async def _give_back(self, connection: AsyncConnection) -> None:
        try:
            await asyncio.shield(connection.close())
        except DBAPIError as error:
            # It was cut after the last statement: what was asked was answered, and the pool drops it.
            if not is_gone(error):
                raise

    async def _check_out(self) -> AsyncConnection:
        self.breaker.check()
        if self.is_sqlite:
            self._check_folder()
        began = time.perf_counter_ns()
        try:
            connection = await self.engine.connect()
        except PoolTimeout as error:
            self.timeouts += 1
            raise StoreError(
                f"no connection to {self.shown} was free within {self.pool.timeout:g} s: "
                f"all {self.pool.size + self.pool.overflow} are in use"
            ) from error
        except UNREACHABLE as error:
            self.breaker.fail(error)
            raise StoreError(f"the database {self.shown} cannot be reached: {reason(error)}") from error
        except DBAPIError as error:
            if is_gone(error):
                self.breaker.fail(error)
            raise StoreError(f"the database {self.shown} refuses: {reason(error)}") from error
        finally:
            self.waits.record(time.perf_counter_ns() - began)
        self.breaker.succeed()
        return connection

    def _check_folder(self) -> None:
        file = self.engine.url.database
        if file and file != ":memory:" and not Path(file).parent.is_dir():
            raise StoreError(
                f"the database {self.shown} cannot be made: there is no folder {Path(file).parent}"
            )

    async def check(self) -> float:
        """Ask the database for its one; returns how long that took, in s."""
        began = time.perf_counter()
        async with self.connect() as connection:
            await connection.execute(sa.select(sa.literal(1)))
        return time.perf_counter() - began

    # ---- revisions ----

    async def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to a revision, the newest by default.

        Raises
        ------
        StoreError
            If the database is of a revision that this version does not know.
        """
        await self._migrate("upgrade", revision)

    async def downgrade(self, revision: str) -> None:
        """Take the tables back to a revision; ``"base"`` drops all of them, with what they hold."""
        await self._migrate("downgrade", revision)

    async def revision(self) -> str | None:
        """The revision of the tables; None for a database without any."""
        from alembic.migration import MigrationContext

        def ask(connection: sa.Connection) -> str | None:
            return MigrationContext.configure(connection).get_current_revision()

        async with self.connect() as connection:
            return await connection.run_sync(ask)

    async def _migrate(self, action: str, revision: str) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))

        def run(connection: sa.Connection) -> None:
            config.attributes["connection"] = connection
            getattr(command, action)(config, revision)

        try:
            async with self.connect() as connection:
                await connection.run_sync(run)
                await connection.commit()
        except CommandError as error:
            raise StoreError(
                f"the database {self.shown} cannot be brought to revision {revision}: {error}"
            ) from error

    # ---- what it knows of itself ----

    def stats(self) -> dict[str, Any]:
        """The pool's use and waits in ns, and whether the database is away."""
        pool = self.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        waits = {f"p{percent}": self.waits.percentile(percent) for percent in (50, 95, 99)}
        return {
            "url": self.shown,
            "pool": {
                "size": self.pool.size,
                "open": pool.checkedin() + pool.checkedout(),
                "in_use": pool.checkedout(),
                "idle": pool.checkedin(),
                "overflow": max(0, pool.overflow()),  # negative until the pool was full once
                "checkouts": self.waits.count,
                "timeouts": self.timeouts,
                "wait_ns": {**waits, "max": self.waits.max},
            },
            "breaker": self.breaker.state(),
        }

    def load(self) -> dict[str, Any]:
        """Calls a second since it was opened, and how long in ns they held a connection."""
        held, seconds = self.held, time.monotonic() - self._since
        mean = held.sum / held.count if held.count else 0.0
        return {
            "rate": held.count / max(seconds, 1e-9),
            "held_ns": {"mean": mean, **{f"p{percent}": held.percentile(percent) for percent in (50, 99)}},
        }


def _arguments(url: str) -> dict[str, Any]:
    """What asyncpg is told beside the URL."""
    # These queries take milliseconds, and compiling one takes longer than running it.
    told: dict[str, Any] = {"server_settings": {"jit": "off", "application_name": "fastcore"}}
    kept = sa.make_url(url).query.get("prepared_statement_cache_size")
    if isinstance(kept, str) and kept.isdigit():
        told["statement_cache_size"] = int(kept)  # SQLAlchemy's and the driver's own alike
    return told


def _seen(_: Any, record: Any) -> None:
    """A connection comes back to the pool, and has just answered."""
    record.info["seen"] = time.monotonic()


def _see(connection: Any, record: Any, _: Any) -> None:
    """Look whether a connection lives before it is handed out.

    One whose server has closed it knows, once the event loop has turned; only one that was idle is asked,
    in one round trip where SQLAlchemy's own look takes three.
    """
    if connection.driver_connection.is_closed():
        raise sa.exc.InvalidatePoolError
    if time.monotonic() - record.info.get("seen", float("inf")) < IDLE:
        return
    try:
        connection.run_async(_answer)
    except DRIVER_ERRORS as error:
        raise sa.exc.InvalidatePoolError from error


async def _answer(connection: Any) -> None:
    await connection.execute("SELECT 1", timeout=PATIENCE)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",  # a killed process loses nothing; a power cut may lose the last commits
        "cache_size = -16000",  # kB: rows of many symbols enter the index at many places; 260 to 425 k rows/s
        "busy_timeout = 5000",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
