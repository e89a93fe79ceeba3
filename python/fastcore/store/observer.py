"""What is asked of a database: how often, how long it takes, by which plan; the slow ones are kept.

Texts are kept without their parameters: what a query was asked with is the user's, not the log's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import NUMBER, PATH, WHOLE, arguments, optional
from fastcore.errors import FastcoreError, ParameterError
from fastcore.perf import Histogram
from fastcore.store._errors import driver, is_gone
from fastcore.store.fingerprints import call_site, fingerprint
from fastcore.store.plans import EXPLAINED, Plan, explain
from fastcore.store.repeats import counted

if TYPE_CHECKING:
    from fastcore.store.database import Database

__all__ = ["Observer", "Slow", "SlowFile", "Statement", "measured"]

log = logging.getLogger(__name__)

PERCENTILES = (50, 95, 99)
_OBSERVERS: WeakKeyDictionary[sa.Engine, Observer] = WeakKeyDictionary()


@dataclass(slots=True)
class Statement:
    """All calls of one fingerprint."""

    text: str
    calls: int = 0
    errors: int = 0
    total_ns: int = 0
    times: Histogram = field(default_factory=Histogram)
    plan: Plan | None = None
    plan_changes: int = 0
    explained_at: float = float("-inf")

    def summary(self) -> dict[str, Any]:
        times = {f"p{percent}_ns": self.times.percentile(percent) for percent in PERCENTILES}
        plan = None if self.plan is None else {"shape": self.plan.shape, "lines": self.plan.lines}
        return {
            "statement": self.text,
            "calls": self.calls,
            "errors": self.errors,
            "total_ns": self.total_ns,
            **times,
            "max_ns": self.times.max,
            "plan": plan,
            "plan_changes": self.plan_changes,
        }


@dataclass(frozen=True, slots=True)
class Slow:
    """One slow call: when in s since 1970, how long in ns, from where, and by which plan, if asked for."""

    when: float
    statement: str
    ns: int
    site: str
    plan: list[str]
    plan_changed: bool


class Observer:
    """Counts and times of a database's queries by fingerprint.

    Parameters
    ----------
    slow : float
        Seconds from which a call is slow, 0 to 3600.
    explain_every : float
        Seconds between two plans that are asked for of one fingerprint, 0 to 86,400.
    statements : int
        Fingerprints that are kept, 1 to 100,000; the one that was used longest ago goes.
    kept : int
        Slow calls that are kept in memory, 1 to 100,000.
    file : path, optional
        Where slow calls are written too, a line of JSON each; begun anew at 16 MB, the last one is kept.

    Attributes
    ----------
    times : Histogram
        Of all calls, in ns.
    errors, slow_calls : int
    statements : dict of str to Statement
        By fingerprint.
    slow : deque of Slow
    on_slow : list of callable
        Called with each slow call.

    Raises
    ------
    ParameterError
        If a number is outside its range.
    """

    @arguments(
        "Observer", slow=NUMBER, explain_every=NUMBER, statements=WHOLE, kept=WHOLE, file=optional(PATH)
    )
    def __init__(
        self,
        *,
        slow: float = 0.1,
        explain_every: float = 60.0,
        statements: int = 1_000,
        kept: int = 200,
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        for name, value, least, most in (
            ("slow", slow, 0, 3600),
            ("explain_every", explain_every, 0, 86_400),
            ("statements", statements, 1, 100_000),
            ("kept", kept, 1, 100_000),
        ):
            if not least <= value <= most:
                raise ParameterError(f"Observer: {name} must be {least} to {most}, not {value}")
        self.slow_ns = int(slow * 1e9)
        self.times = Histogram()
        self.errors = self.slow_calls = 0
        self.slow: deque[Slow] = deque(maxlen=kept)
        self.statements: OrderedDict[str, Statement] = OrderedDict()
        self.on_slow: list[Callable[[Slow], object]] = []
        self._explain_every, self._most = explain_every, statements
        self._file = None if file is None else SlowFile(file)
        self._tasks: set[asyncio.Task[None]] = set()
        self._database: Database | None = None

    def __repr__(self) -> str:
        return f"<Observer of {len(self.statements)} statements>"

    def attach(self, database: Database) -> None:
        """Listen to a database's statements."""
        self._database = database
        engine = database.engine.sync_engine
        _OBSERVERS[engine] = self
        event.listen(engine, "before_cursor_execute", _began)
        event.listen(engine, "after_cursor_execute", self._ended)
        event.listen(engine, "handle_error", self._failed)

    def top(self, count: int = 20) -> list[dict[str, Any]]:
        """The fingerprints that took most time, the worst first."""
        found = sorted(self.statements.values(), key=lambda one: one.total_ns, reverse=True)
        return [one.summary() for one in found[:count]]

    def record(
        self, statement: str, ns: int, *, failed: bool = False, bulk: bool = False, parameters: Any = None
    ) -> None:
        """Count one call; a slow one is kept, unless it is bulk, and its plan asked for where that is due."""
        if statement.startswith("EXPLAIN"):
            return
        text = fingerprint(statement)
        known = self.statements.get(text)
        if known is None:
            known = self.statements[text] = Statement(text)
            if len(self.statements) > self._most:
                self.statements.popitem(last=False)
        else:
            self.statements.move_to_end(text)
        known.calls += 1
        known.errors += failed
        known.total_ns += ns
        known.times.record(ns)
        self.times.record(ns)
        self.errors += failed
        counted(text)
        if ns >= self.slow_ns and not bulk and statement.startswith(EXPLAINED):
            self._slow(known, statement, ns, parameters)

    async def settled(self) -> None:
        """Wait until the plans that were asked for are there."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _slow(self, known: Statement, statement: str, ns: int, parameters: Any) -> None:
        self.slow_calls += 1
        site, now = call_site(), time.monotonic()
        due = now - known.explained_at >= self._explain_every
        if due and parameters is not None and self._database is not None:
            known.explained_at = now
            task = asyncio.get_running_loop().create_task(
                self._explained(known, statement, ns, parameters, site)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._keep(Slow(time.time(), known.text, ns, site, [], False))

    async def _explained(self, known: Statement, statement: str, ns: int, parameters: Any, site: str) -> None:
        lines, changed = list[str](), False
        assert self._database is not None
        try:
            plan = await explain(self._database, statement, parameters)
            lines = plan.lines
            changed = known.plan is not None and known.plan.shape != plan.shape
            known.plan_changes += changed
            known.plan = plan
        except Exception as error:  # that a plan is missing must not trouble who asked a question
            log.info("no plan of %s: %s", known.text, type(error).__name__)
        self._keep(Slow(time.time(), known.text, ns, site, lines, changed))

    def _keep(self, slow: Slow) -> None:
        self.slow.append(slow)
        log.warning("%.3g s: %s (%s)", slow.ns / 1e9, slow.statement, slow.site)
        if slow.plan_changed:
            log.warning("the plan has changed: %s", slow.statement)
        if self._file is not None:
            self._file.write(slow)
        for call in self.on_slow:
            call(slow)

    # ---- SQLAlchemy's events ----

    def _ended(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        ns = time.perf_counter_ns() - getattr(context, "_fastcore_began", time.perf_counter_ns())
        self.record(statement, ns, parameters=None if many else parameters)

    def _failed(self, failure: Any) -> None:
        began = getattr(failure.execution_context, "_fastcore_began", None)
        if isinstance(failure.original_exception, FastcoreError):
            return  # of a watch that refuses: the call was counted
        if failure.statement is not None and began is not None:
            self.record(failure.statement, time.perf_counter_ns() - began, failed=True)


def _began(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if context is not None:
        context._fastcore_began = time.perf_counter_ns()


@asynccontextmanager
async def measured(connection: AsyncConnection, statement: str) -> AsyncIterator[Any]:
    """The driver's own connection for one bulk call that goes around SQLAlchemy, counted all the same."""
    observer = _OBSERVERS.get(connection.sync_engine)
    began, failed = time.perf_counter_ns(), True
    try:
        async with driver(connection) as raw:
            yield raw
        failed = False
    finally:
        if observer is not None:
            observer.record(statement, time.perf_counter_ns() - began, failed=failed, bulk=True)


async def asked(
    connection: AsyncConnection, raw: Any, statement: str, given: tuple[Any, ...]
) -> Sequence[Any]:
    """The rows of one question that goes to the driver's own connection, counted all the same."""
    observer = _OBSERVERS.get(connection.sync_engine)
    began = time.perf_counter_ns()
    try:
        rows: Sequence[Any] = await raw.fetch(statement, *given)
    except BaseException as error:
        if observer is not None:
            observer.record(statement, time.perf_counter_ns() - began, failed=True)
        if is_gone(error):
            await connection.invalidate()
        raise
    if observer is not None:
        observer.record(statement, time.perf_counter_ns() - began, parameters=given)
    return rows


class SlowFile:
    """A file of slow calls, a line each; whoever reads it sees whole lines."""

    LONGEST = 16_000_000  # bytes

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def write(self, slow: Slow) -> None:
        """Append one; a file that cannot be written is told in the log."""
        try:
            if self.path.exists() and self.path.stat().st_size > self.LONGEST:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(slow)) + "\n")
        except OSError as error:
            log.error("slow calls cannot be written to %s: %s", self.path, error.strerror)

    def read(self) -> list[Slow]:
        """All that can be read, the oldest first; a torn last line is left out."""
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(Slow(**json.loads(line)))
            except (ValueError, TypeError):
                log.info("a line of %s cannot be read", self.path)
        return found
