"""What was found to be wrong, as a sentence: what, since when, how much, which line, what to try."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from fastcore.perf.samples import Sample

__all__ = ["Finding", "Findings"]


@dataclass(slots=True)
class Finding:
    """One thing that costs more than it should.

    Attributes
    ----------
    kind : str
        ``"slow strategy"``, ``"blocking call"``, ``"Python leak"``, ...
    what : str
        Its name: a strategy, a sink, a pool.
    much : str
        How much, in words.
    line : str
        The line of code, where one is known.
    advice : str
        What to try.
    share : float
        Of the loop's or the processor's time, 0 to 1, where that can be said.
    since, seen : float
        When it began and when it was last seen, s since 1970 UTC.
    details : list of str
        What it was concluded from.

    Examples
    --------
    >>> print(Finding("slow strategy", "mine", "it takes 62% of the loop's time", "app.py:40", "do less"))
    slow strategy mine: it takes 62% of the loop's time, at app.py:40; try: do less
    """

    kind: str
    what: str
    much: str
    line: str = ""
    advice: str = ""
    share: float = 0.0
    since: float = 0.0
    seen: float = 0.0
    details: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f", at {self.line}" if self.line else ""
        since = time.strftime(", since %H:%M:%S UTC", time.gmtime(self.since)) if self.since else ""
        advice = f"; try: {self.advice}" if self.advice else ""
        return f"{self.kind} {self.what}: {self.much}{where}{since}{advice}"

    def to_json(self) -> dict[str, Any]:
        """All of it, with the sentence."""
        return {**asdict(self), "sentence": str(self)}


class Findings:
    """What is found now, each thing once, the costliest first; what is not seen again goes.

    Examples
    --------
    >>> findings = Findings(keep=60)
    >>> findings.add(100.0, [Finding("GC storm", "collector", "10%")])
    >>> findings.add(130.0, [Finding("GC storm", "collector", "20%")])
    >>> [(one.much, one.since) for one in findings.now(150.0)], findings.now(200.0)
    ([('20%', 100.0)], [])
    """

    def __init__(self, keep: float = 60.0) -> None:
        self._keep = keep
        self._found: dict[tuple[str, str], Finding] = {}
        self.total = 0

    def add(self, now: float, found: Iterable[Finding]) -> None:
        """What was seen at a moment; what was known keeps its beginning."""
        for one in found:
            known = self._found.get((one.kind, one.what))
            if known is None:
                self.total += 1
                one.since = one.since or now
            else:
                one.since = known.since
                one.line = one.line or known.line
            one.seen = now
            self._found[one.kind, one.what] = one

    def now(self, now: float) -> list[Finding]:
        """Those that were seen lately."""
        self._found = {key: one for key, one in self._found.items() if now - one.seen <= self._keep}
        return sorted(self._found.values(), key=lambda one: (-one.share, one.since))

    def samples(self) -> Iterator[Sample]:
        """A metric for each, for rules and dashboards."""
        for one in list(self._found.values()):
            labels = {"kind": one.kind, "what": one.what}
            yield Sample("fastcore_bottleneck", "gauge", "1 for what is found to be wrong.", 1.0, labels)
