"""What came and what is to be sent, in SQLite: a webhook is acknowledged when it is on the disk.

One thread writes. What has arrived while it wrote is written next, together, so that many messages share one
fsync. What nobody waits for, such as that a message was acted upon, rides along with the next that someone
waits for.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fastcore.errors import StoreError

__all__ = ["Letter", "Mailroom"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
  source TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, at REAL NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (source, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, body BLOB NOT NULL, at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
  error TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, target, due);
CREATE INDEX IF NOT EXISTS outbox_at ON outbox (state, at);
CREATE INDEX IF NOT EXISTS inbox_at ON inbox (done, at);
CREATE TABLE IF NOT EXISTS counts (state TEXT PRIMARY KEY, many INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS inbox_in AFTER INSERT ON inbox BEGIN
  UPDATE counts SET many = many + 1 WHERE state = 'received'; END;
CREATE TRIGGER IF NOT EXISTS inbox_out AFTER DELETE ON inbox BEGIN
  UPDATE counts SET many = many - 1 WHERE state = 'received'; END;
CREATE TRIGGER IF NOT EXISTS outbox_in AFTER INSERT ON outbox BEGIN
  UPDATE counts SET many = many + 1 WHERE state = NEW.state; END;
CREATE TRIGGER IF NOT EXISTS outbox_out AFTER DELETE ON outbox BEGIN
  UPDATE counts SET many = many - 1 WHERE state = OLD.state; END;
CREATE TRIGGER IF NOT EXISTS outbox_moved AFTER UPDATE OF state ON outbox WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET many = many - 1 WHERE state = OLD.state;
  UPDATE counts SET many = many + 1 WHERE state = NEW.state; END;
"""
#: What is there already, once: counting a week's messages takes seconds, and the triggers go on from it.
_COUNTED = """
INSERT INTO counts SELECT * FROM (VALUES
  ('received', (SELECT count(*) FROM inbox)),
  ('waiting', (SELECT count(*) FROM outbox WHERE state = 'waiting')),
  ('sent', (SELECT count(*) FROM outbox WHERE state = 'sent')),
  ('dead', (SELECT count(*) FROM outbox WHERE state = 'dead')))
WHERE NOT EXISTS (SELECT 1 FROM counts);
"""
_KEPT = 7 * 86_400.0  # s that what is done is remembered, so that it is known when it comes again
_FORGOTTEN = 5_000  # messages that are forgotten at once: no one waits long for their place
_MANY = 500  # writes that share one commit
_LATER = 0.25  # s that a write waits for company which nobody waits for


class Job(NamedTuple):
    """A write or a question, who is told of the result, and whether it may wait for company."""

    call: Callable[[sqlite3.Connection], Any]
    told: Callable[[Any, BaseException | None], None]
    later: bool = False


class Letter(NamedTuple):
    """A message that is to be sent."""

    id: str
    target: str
    body: bytes
    tries: int


class Mailroom:
    """The database of webhooks.

    Parameters
    ----------
    path : path
        Of the file; made where there is none.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5.0)
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {_COUNTED} COMMIT;")
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be opened for webhooks: {error}") from error
        self._thread = threading.Thread(target=self._run, name="fastcore-mailroom", daemon=True)
        self._thread.start()

    async def do(self, job: Callable[[sqlite3.Connection], Any]) -> Any:
        """Have something done; returns when it is committed, and on the disk.

        Raises
        ------
        StoreError
            If it is not.
        """
        here = asyncio.get_running_loop()
        done: asyncio.Future[Any] = here.create_future()

        def told(result: Any, error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(StoreError(f"the webhooks' database refuses: {error}"))

        def tell(result: Any, error: BaseException | None) -> None:
            here.call_soon_threadsafe(told, result, error)

        self._jobs.put(Job(job, tell))
        return await done

    def do_later(
        self, job: Callable[[sqlite3.Connection], Any], failed: Callable[[BaseException], None]
    ) -> None:
        """Have something done within a quarter of a second, for which nobody waits; a fault is told."""

        def tell(_: Any, error: BaseException | None) -> None:
            if error is not None:
                failed(StoreError(f"the webhooks' database refuses: {error}"))

        self._jobs.put(Job(job, tell, later=True))

    def close(self) -> None:
        """Write what waits, and close."""
        self._jobs.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while (jobs := self._gathered()) is not None:
            self._write(jobs)

    def _gathered(self) -> list[Job] | None:
        """What is to be written next, together; None at the end."""
        jobs: list[Job] = []
        end = 0.0
        while len(jobs) < _MANY:
            waits = not jobs or (all(job.later for job in jobs) and time.monotonic() < end)
            try:
                job = self._jobs.get(waits, max(0.0, end - time.monotonic()) if jobs else None)
            except queue.Empty:
                break
            if job is None:
                if not jobs:
                    return None
                self._jobs.put(None)
                break
            jobs.append(job)
            end = end or time.monotonic() + _LATER
        return jobs

    def _write(self, jobs: list[Job]) -> None:
        results: list[Any] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = [job.call(self._db) for job in jobs]
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            for job in jobs:
                job.told(None, error)
            return
        for job, result in zip(jobs, results, strict=True):
            job.told(result, None)

    # ---- in ----

    async def receive(self, source: str, number: str, body: bytes) -> bool:
        """Keep what came; False if it had come before."""

        def job(db: sqlite3.Connection) -> bool:
            made = db.execute(
                "INSERT OR IGNORE INTO inbox (source, id, body, at) VALUES (?, ?, ?, ?)",
                (source, number, body, time.time()),
            )
            return made.rowcount > 0

        return bool(await self.do(job))

    def settle(self, source: str, number: str, failed: Callable[[BaseException], None]) -> None:
        """What came has been acted upon. A kill within the next quarter of a second has it done again."""
        self.do_later(
            lambda db: db.execute("UPDATE inbox SET done = 1 WHERE source = ? AND id = ?", (source, number)),
            failed,
        )

    async def unsettled(self) -> list[tuple[str, str, bytes]]:
        """What came and was not acted upon: the process ended between."""
        found = await self.do(
            lambda db: db.execute("SELECT source, id, body FROM inbox WHERE done = 0 ORDER BY at").fetchall()
        )
        return list(found)

    # ---- out ----

    async def post(self, letters: list[Letter]) -> None:
        """Keep what is to be sent."""
        now = time.time()
        rows = [(one.id, one.target, one.body, now, now) for one in letters]
        await self.do(
            lambda db: db.executemany(
                "INSERT OR IGNORE INTO outbox (id, target, body, at, due) VALUES (?, ?, ?, ?, ?)", rows
            )
        )

    async def due(self, target: str, most: int) -> list[Letter]:
        """What is to be sent to a target now, what has been due longest first."""
        found = await self.do(
            lambda db: db.execute(
                "SELECT id, target, body, tries FROM outbox "
                "WHERE state = 'waiting' AND target = ? AND due <= ? ORDER BY due LIMIT ?",
                (target, time.time(), most),
            ).fetchall()
        )
        return [Letter(*row) for row in found]

    async def sent(self, number: str) -> None:
        """It was delivered."""
        await self.do(
            lambda db: db.execute("UPDATE outbox SET state = 'sent', error = '' WHERE id = ?", (number,))
        )

    async def failed(self, number: str, error: str, wait: float | None) -> None:
        """It was not: try again after so many seconds, or with None no more."""
        state = "dead" if wait is None else "waiting"
        due = time.time() + (wait or 0.0)
        await self.do(
            lambda db: db.execute(
                "UPDATE outbox SET tries = tries + 1, state = ?, due = ?, error = ? WHERE id = ?",
                (state, due, error[:500], number),
            )
        )

    async def replay(self, number: str) -> bool:
        """Send a dead letter again; False if it is none."""

        def job(db: sqlite3.Connection) -> bool:
            made = db.execute(
                "UPDATE outbox SET state = 'waiting', tries = 0, due = 0 WHERE id = ? AND state = 'dead'",
                (number,),
            )
            return made.rowcount > 0

        return bool(await self.do(job))

    async def dead(self, most: int) -> list[dict[str, Any]]:
        """The newest dead letters."""
        found = await self.do(
            lambda db: db.execute(
                "SELECT id, target, at, tries, error FROM outbox WHERE state = 'dead' "
                "ORDER BY at DESC LIMIT ?",
                (most,),
            ).fetchall()
        )
        return [dict(zip(("id", "target", "at", "tries", "error"), row, strict=True)) for row in found]

    async def counts(self) -> dict[str, int]:
        """How many wait, are sent, dead, received; and forget what is long done."""

        def job(db: sqlite3.Connection) -> dict[str, int]:
            old = time.time() - _KEPT
            db.execute(
                "DELETE FROM inbox WHERE (source, id) IN "
                "(SELECT source, id FROM inbox WHERE done = 1 AND at < ? LIMIT ?)",
                (old, _FORGOTTEN),
            )
            db.execute(
                "DELETE FROM outbox WHERE id IN "
                "(SELECT id FROM outbox WHERE state = 'sent' AND at < ? LIMIT ?)",
                (old, _FORGOTTEN),
            )
            return dict(db.execute("SELECT state, many FROM counts").fetchall())

        return dict(await self.do(job))
