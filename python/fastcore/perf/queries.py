"""Slow queries, and queries in a loop where one for all would do: what a database's observer counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastcore.perf.findings import Finding

__all__ = ["QueryWatch"]

#: Calls of one statement for each call of an operation, from which on it is a loop.
REPEATS = 10
#: Statements of which the place in the program is looked up when a loop is suspected.
_SITES = 200


class QueryWatch:
    """Watches one `fastcore.store.Database`."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._slow_seen = 0.0
        self._counts: list[tuple[float, dict[str, int]]] = []
        self._sites: dict[str, Counter[str]] = {}
        self._left = 0

    def look(self, now: float, calls: float, window: float) -> Iterator[Finding]:
        """What is wrong now; `calls` of operations came within the window."""
        yield from self._slow()
        yield from self._repeated(now, calls, window)

    def _slow(self) -> Iterator[Finding]:
        new = [one for one in list(self._database.observer.slow) if one.when > self._slow_seen]
        for one in new:
            self._slow_seen = max(self._slow_seen, one.when)
        for one in {one.statement: one for one in sorted(new, key=lambda one: one.ns)}.values():
            yield Finding(
                "slow query",
                one.statement[:200],
                f"it took {one.ns / 1e6:.0f} ms",
                one.site,
                "an index for its conditions, fewer rows, or the cache",
                min(1.0, one.ns / 1e9),
                details=list(one.plan),
            )

    def _repeated(self, now: float, calls: float, window: float) -> Iterator[Finding]:
        statements = list(self._database.observer.statements.items())
        counts = {text: statement.calls for text, statement in statements}
        self._counts = [(at, old) for at, old in self._counts if at >= now - window] + [(now, counts)]
        first = self._counts[0][1]
        for text, count in counts.items():
            grown = count - first.get(text, 0)
            if not text.startswith("SELECT") or grown < 3 * REPEATS or grown < REPEATS * max(calls, 1):
                continue
            if text not in self._sites:
                self._look_closer(text)
                continue  # its place is known at the next look
            sites = self._sites[text].most_common(1)
            if not sites:
                continue
            each = f"{grown / calls:.0f} times for each call" if calls else f"{grown} times"
            yield Finding(
                "N+1",
                text[:200],
                f"it is sent {each}, from one line",
                sites[0][0],
                "ask for all at once (WHERE ... IN), or through fastcore.store.BatchLoader",
                min(1.0, grown / window / 1000),
            )

    def _look_closer(self, text: str) -> None:
        """Note from where the next statements are sent: too dear to do always."""
        from sqlalchemy import event

        from fastcore.store.fingerprints import call_site, fingerprint

        self._sites.setdefault(text, Counter())
        if self._left:
            return
        self._left = _SITES
        engine = self._database.engine.sync_engine

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            counter = self._sites.get(fingerprint(statement))
            if counter is not None:
                counter[call_site()] += 1
            self._left -= 1
            if self._left <= 0:
                event.remove(engine, "after_cursor_execute", note)

        event.listen(engine, "after_cursor_execute", note)
