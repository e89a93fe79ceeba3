"""How a number is taken, judged and written down: pairs, targets, rows, the results file.

Ours and theirs run in turns inside one process, so that whatever else the machine does falls on
both; a ratio belongs to one pair, and the median of the ratios is reported. A ratio is the peer's
time over ours: 8 means eight times faster than the peer, 0.5 means half as fast. Losses stay in.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import gc
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from fastcore._replacing import replace_file

from .machine import machine, refuse_private, versions

RESULTS = Path(__file__).parent / "results" / "latest.json"
T0 = 1_700_000_000_000_000_000  # ns UTC; where every benchmark's clock starts

Work = Callable[[], object]


def nanoseconds(work: Work, n: int) -> float:
    """Time of one run, per operation."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / n


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection inside a measurement."""
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def keep_memory() -> bool:
    """Let the C allocator keep what is freed, for this process and all libraries in it alike.

    Arrays of a million rows are otherwise returned to the system and faulted in again on each
    call, or not, depending on what ran before; on a virtual machine that costs more than the sums.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # no glibc: the numbers are noisier, not wrong
    trim_threshold, mmap_threshold = -1, -3
    return bool(mallopt(mmap_threshold, 32 << 20) and mallopt(trim_threshold, 1 << 30))


@dataclass(frozen=True)
class Pairs:
    """Medians of alternating runs; ns per operation."""

    ours: float
    theirs: float
    ratio: float  # median of theirs / ours, pair by pair
    low: float  # quartiles of the ratio
    high: float

    def spread(self) -> str:
        return f"ratio's quartiles {self.low:.2f} to {self.high:.2f}"


def pairs(ours: Work, theirs: Work, repeats: int = 9, n: int = 1, n_theirs: int | None = None) -> Pairs:
    """Run A B A B ...; `n` operations in ours, `n_theirs` (default: as many) in theirs."""
    m = n_theirs or n
    ours()
    theirs()
    with quiet():
        taken = np.array([(nanoseconds(ours, n), nanoseconds(theirs, m)) for _ in range(max(1, repeats))])
    ratios = taken[:, 1] / taken[:, 0]
    a, b = np.median(taken, axis=0)
    low, mid, high = np.percentile(ratios, (25, 50, 75))
    return Pairs(float(a), float(b), float(mid), float(low), float(high))


def median_ns(work: Work, n: int = 1, repeats: int = 9) -> float:
    """Median time per operation of one side alone."""
    work()
    with quiet():
        return float(np.median([nanoseconds(work, n) for _ in range(max(1, repeats))]))


@dataclass(frozen=True)
class Target:
    """A limit on a row's ratio or value, readable as text: "ratio >= 8"."""

    what: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.what} {self.sign} {self.limit:g}"

    def met(self, row: Row) -> bool:
        x = row.ratio if self.what == "ratio" else row.value
        if x is None or math.isnan(x):
            return False
        # Two decimals are what the table shows and more than the machine repeats.
        return round(x, 2) >= self.limit if self.sign == ">=" else x <= self.limit


def ratio_at_least(limit: float) -> Target:
    return Target("ratio", ">=", limit)


def value_at_most(limit: float) -> Target:
    return Target("value", "<=", limit)


@dataclass(frozen=True)
class Row:
    """One line of the table. None means not measured, and `note` says why."""

    id: str
    value: float | None = None
    unit: str = "ns"
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    requirements: tuple[str, ...] = field(default=())
    note: str = ""

    def judged(self, target: Target | None) -> Row:
        """This row with its target and whether it is met; no target, no verdict."""
        if target is None:
            return self
        return replace(self, target=str(target), met=None if self.value is None else target.met(self))

    def noted(self, *remarks: str) -> Row:
        return replace(self, note="; ".join(x for x in (self.note, *remarks) if x))


@dataclass(frozen=True)
class Settings:
    """How long to measure: `quick` is for trying things out, not for the published table."""

    quick: bool = False
    runs: int = 0  # pairs per row, when a module wants another number

    @property
    def repeats(self) -> int:
        return self.runs or (3 if self.quick else 9)

    def count(self, full: int) -> int:
        """`full` operations, or a fifth of them."""
        return full // 5 if self.quick else full


@dataclass(frozen=True)
class Job:
    """One step of the progress bar. Its rows; an error becomes a row of its own that says so."""

    name: str
    work: Callable[[], Iterable[Row]]

    def rows(self) -> list[Row]:
        try:
            return list(self.work())
        except Exception as e:  # one missing name or broken peer must not cost the other rows
            note = f"not measured: {type(e).__name__}: {str(e).splitlines()[0][:120] if str(e) else ''}"
            try:
                refuse_private(note)
            except ValueError:
                note = f"not measured: {type(e).__name__}"
            return [Row(self.name, unit="", note=note)]


def compare(
    id: str,
    ours: Work | None,
    theirs: Work | None,
    peer: str,
    target: Target | None = None,
    requirements: tuple[str, ...] = (),
    *,
    repeats: int = 9,
    n: int = 1,
    n_theirs: int | None = None,
    note: str = "",
) -> Row:
    """A row from two sides of which either may be missing; the note says which and why."""
    row = Row(id, peer=peer, requirements=requirements, note=note)
    if ours and theirs:
        got = pairs(ours, theirs, repeats, n, n_theirs)
        row = replace(row, value=got.ours, peer_value=got.theirs, ratio=got.ratio).noted(got.spread())
    elif ours:
        row = replace(row, value=median_ns(ours, n, repeats)).noted(
            f"{peer} is not installed" if peer else ""
        )
    elif theirs:
        row = replace(row, peer_value=median_ns(theirs, n_theirs or n, repeats)).noted(
            "fastcore: not measured"
        )
    if peer and not theirs and target and target.what == "ratio":
        return replace(row, target=str(target))  # nothing to compare with: no verdict
    return row.judged(target)


def _plain(x: Any) -> Any:
    """JSON has no NaN and no NumPy numbers; four digits are more than the machine repeats."""
    if isinstance(x, (float, np.floating)):
        return float(f"{x:.4g}") if math.isfinite(x) else None
    if isinstance(x, np.generic):
        return x.item()
    return list(x) if isinstance(x, tuple) else x


def document(rows: Iterable[Row], left: int = 0) -> dict[str, Any]:
    """What is written of a run; `left` measurements of it were not made."""
    return {
        "left": left,
        "machine": machine(),
        "versions": versions(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "rows": [{k: _plain(v) for k, v in asdict(r).items()} for r in rows],
    }


def write_results(path: Path, rows: Iterable[Row], left: int = 0) -> dict[str, Any]:
    """Write the results file in one step, so that a reader never sees half of it."""
    doc = document(rows, left)
    refuse_private(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(doc, indent=1, allow_nan=False) + "\n").encode())
    return doc
